/*
 * A task is a row of steps; each step is one exchange, and knows what comes next.
 *
 *	READ         item, item, ...
 *	RELAY        [clock] [auth] status [-> 1C 3B -> status] -> 1C -> status, and again after
 *	             a pause
 *	RELAY_LOOK   status
 *	CREDIT_LOOK  [clock] [auth] wallet -> record, record, ... [-> status]
 *	CREDIT_SEND  [auth] -> 03
 *	FREEZE       time -> energies
 *	HOUR         time and energy in one
 *	CLOCK        clock
 *	CLOCK_SET    clock -> 08 to all, or 14 -> clock
 *	LOOK         parameter, parameter, ...
 *	WRITE        parameter [-> [auth] 14 -> the same], parameter, ...
 *
 * Nothing is asked twice here: whoever owns the task decides whether silence is worth another
 * try, and never before reading back what acted.  Refusals carry no identifier, so at most one
 * request is out at a time, and an answer must be of the same meter, function and identifier.
 */
#include "codec/dlt645_alarms.h"
#include "codec/dlt645_items.h"
#include "codec/dlt645_profile.h"
#include "codec/dlt645_talk.h"

#include <string.h>

enum talk_next
talk_done(struct talk *t, enum err_class class, const char *why)
{
	t->err.class = class;
	if (class != ERR_NONE)
		err_set(&t->err, class, "%s", why);
	return TALK_DONE;
}

static bool
needs_auth(const struct talk *t, int64_t now_us)
{
	return talk_profile(t)->auth == AUTH_ESAM && t->meter->auth_until_us <= now_us;
}

enum talk_next
talk_go(struct talk *t, enum step step, int64_t now_us)
{
	t->step = step;
	return ask_step(t, step, now_us);
}

/* The first step behind authentication and clock. */
enum talk_next
talk_begin_proper(struct talk *t, int64_t now_us)
{
	switch (t->task->kind) {
	case TASK_READ:
		return talk_go(t, STEP_ITEMS, now_us);
	case TASK_RELAY:
		return talk_go(t, STEP_STATUS_BEFORE, now_us);
	case TASK_RELAY_LOOK:
		return talk_go(t, STEP_STATUS_AFTER, now_us);
	case TASK_CREDIT_LOOK:
		return talk_go(t, STEP_WALLET, now_us);
	case TASK_CREDIT_SEND:
		return talk_go(t, STEP_ACT, now_us);
	case TASK_FREEZE:
		return talk_go(t, STEP_FREEZE_TIME, now_us);
	case TASK_HOUR:
		return talk_go(t, STEP_HOUR, now_us);
	case TASK_CLOCK:
	case TASK_CLOCK_SET:
		return talk_go(t, STEP_CLOCK, now_us);
	case TASK_LOOK:
	case TASK_WRITE:
		return talk_go(
		    t, t->step == STEP_AUTH ? STEP_PARAMETER_WRITE : STEP_PARAMETER_BEFORE, now_us);
	}
	return talk_done(t, ERR_BUG, "no such task");
}

enum talk_next
talk_begin_secured(struct talk *t, int64_t now_us)
{
	bool secured = t->task->kind == TASK_RELAY || t->task->kind == TASK_CREDIT_LOOK ||
		       t->task->kind == TASK_CREDIT_SEND;

	if (secured && needs_auth(t, now_us))
		return talk_go(t, STEP_AUTH, now_us);
	return talk_begin_proper(t, now_us);
}

/* Authentication waits until there is something to write: mostly there is not. */
enum talk_next
talk_write(struct talk *t, int64_t now_us)
{
	bool secured = ask_level(t) != 0 && needs_auth(t, now_us);

	return talk_go(t, secured ? STEP_AUTH : STEP_PARAMETER_WRITE, now_us);
}

static enum talk_next
dlt645_begin(struct talk *t, int64_t now_us)
{
	const struct dlt645_profile *p = talk_profile(t);
	enum task_kind k = t->task->kind;

	t->answer = (struct answer){0};
	t->err = (struct err){0};
	t->acted = false;
	t->step = t->index = t->polls = 0;
	if (p == NULL)
		return talk_done(t, ERR_BUG, "unknown profile");
	if ((k == TASK_CREDIT_LOOK || k == TASK_CREDIT_SEND) && p->recharge == RECHARGE_NONE)
		return talk_done(t, ERR_REFUSED, "this profile takes no credit");
	if (k == TASK_CREDIT_SEND && t->task->open_account && p->recharge != RECHARGE_ESAM)
		return talk_done(t, ERR_REFUSED, "this profile knows no opening of an account");
	if (k == TASK_CREDIT_SEND &&
	    (t->task->amount_minor < 0 || t->task->amount_minor > UINT32_MAX))
		return talk_done(t, ERR_REFUSED, "the meter holds no such amount");
	if ((k == TASK_RELAY || k == TASK_CREDIT_LOOK) && !t->meter->skew_known)
		return talk_go(t, p->combined_clock ? STEP_CLOCK : STEP_DATE, now_us);
	return talk_begin_secured(t, now_us);
}

static enum talk_next
dlt645_silent(struct talk *t, int64_t now_us)
{
	(void)now_us;
	return talk_done(t, t->acted ? ERR_UNCERTAIN : ERR_RETRY, "no answer");
}

static enum talk_next
dlt645_signed(struct talk *t, const struct sign_reply *r, int64_t now_us)
{
	(void)now_us;
	if (r == NULL)
		return talk_done(t, ERR_RETRY, "the encryption machine does not answer");
	return ask_signed(t, r);
}

static enum talk_next
dlt645_paused(struct talk *t, int64_t now_us)
{
	if (t->step == STEP_CLOCK_CAST)
		return talk_go(t, STEP_CLOCK, now_us);
	return talk_go(t, t->step == STEP_KEEP_LOOK ? STEP_KEEP_LOOK : STEP_STATUS_AFTER, now_us);
}

static int
dlt645_who(struct span frame, char address[13], struct err *e)
{
	struct dlt645 f;

	if (dlt645_parse(&f, frame, e) < 0)
		return -1;
	if ((f.control & DLT645_REPLY) == 0)
		return err_set(e, ERR_INPUT, "an echo of our own request");
	memcpy(address, f.address, sizeof f.address);
	return 0;
}

static int
dlt645_overheard(struct span frame, int64_t now_us, struct meter_event *ev, int room)
{
	struct dlt645 f;
	struct err e;
	int n = 0;

	if (room < 1 || dlt645_parse(&f, frame, &e) < 0 ||
	    f.control != (DLT645_REPLY | DLT645_READ))
		return 0;
	if (f.len > 4 && dlt645_di(span_of(f.data, f.len)) == DI_SNAPSHOT)
		return wallet_snapshot(span_of(f.data + 4, f.len - 4), now_us, ev, room);
	for (int r = 0; r < REG_COUNT && n < room; r++) {
		int64_t value;

		if (f.len > 4 && dlt645_di_of((enum reg)r) == dlt645_di(span_of(f.data, f.len)) &&
		    dlt645_reg_value((enum reg)r, span_of(f.data + 4, f.len - 4), &value, &e) == 0)
			ev[n++] = (struct meter_event){
			    EVENT_READING, {0, now_us, (enum reg)r, value}
                        };
	}
	if (n == 0)
		ev[n++] = (struct meter_event){
		    .kind = f.len >= 4 && dlt645_di(span_of(f.data, f.len)) == DLT645_REPORT
				? EVENT_REPORT
				: EVENT_ALIVE};
	return n;
}

const struct meter_protocol protocol_dlt645 = {"dlt645", dlt645_who, dlt645_begin, hear,
    dlt645_silent, dlt645_signed, dlt645_paused, dlt645_overheard, dlt645_mask};

const struct meter_protocol *
meter_protocol_find(const char *name)
{
	return strcmp(name, protocol_dlt645.name) == 0 ? &protocol_dlt645 : NULL;
}

void
talk_clear(struct talk *t)
{
	buf_clear(&t->out);
	buf_clear(&t->more);
}
