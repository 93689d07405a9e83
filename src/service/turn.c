#include "service/turn.h"

#include "base/loop.h"
#include "codec/dlt645_profile.h"
#include "service/intake.h"

#include <string.h>

void
turn_frame(char dir, struct span frame, int64_t at_us, void *arg)
{
	struct turn *t = arg;
	uint8_t copy[512];
	struct span shown = {copy, frame.len < sizeof copy ? frame.len : sizeof copy};

	memcpy(copy, frame.bytes, shown.len);
	if (dir == '>')
		meter_protocol_find(t->meter->protocol)->mask(copy, shown.len);
	else
		db_column_bytes(&t->frames, frame);
	steps_add(&t->steps, at_us, dir == '>' ? "sent" : "heard", "", shown);
}

int64_t
turn_backoff_us(struct turn *t)
{
	uint8_t chance;

	loop_random(t->loop, &chance, sizeof chance);
	return command_backoff_us(t->c.attempts, chance);
}

/* Passwords lock a meter for a day; a wrong customer or MAC does not mend itself. */
bool
refusal_forbids_repeat(enum refusal r)
{
	return r != REFUSAL_NONE && r != REFUSAL_AUTH && r != REFUSAL_OTHER;
}

static void
on_read(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;

	(void)s;
	t->seen = *a;
	intake_readings(t->intake, a->readings, a->n);
	if (e->class == ERR_NONE)
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, NULL);
	else if (e->class == ERR_REFUSED)
		turn_move(t, COMMAND_DENIED, a->refusal, e->text);
	else
		turn_move(t, t->c.was == COMMAND_UNSURE ? COMMAND_DISPROVED : COMMAND_UNSENT,
		    REFUSAL_NONE, e->text);
}

/* The relay was asked and read back; or, when unsure, only read back. */
static void
on_relay(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	bool looked = t->c.was == COMMAND_UNSURE;

	(void)s;
	t->seen = *a;
	if (e->class == ERR_NONE && (!looked || task_relay_done(&t->c.task, a->status)))
		turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, NULL);
	else if (looked && e->class == ERR_NONE)
		turn_move(t,
		    refusal_forbids_repeat(t->c.refusal) ? COMMAND_DENIED : COMMAND_DISPROVED,
		    REFUSAL_NONE, refusal_name(t->c.refusal));
	else if (looked)
		turn_move(
		    t, COMMAND_UNANSWERED, REFUSAL_NONE, e->text); /* no arrow: stays unsure */
	else if (e->class == ERR_REFUSED)
		turn_move(t, COMMAND_DENIED, a->refusal, e->text);
	else
		turn_move(t, e->class == ERR_UNCERTAIN ? COMMAND_UNANSWERED : COMMAND_UNSENT,
		    REFUSAL_NONE, e->text);
}

static void
on_commissioned(bool adopted, const struct err *e, void *arg)
{
	struct turn *t = arg;

	t->waits_for_db = false;
	turn_move(t, COMMAND_CONFIRMED, REFUSAL_NONE, adopted ? NULL : e->text);
}

static void
on_commission_look(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct turn *t = arg;
	const struct dlt645_profile *profile = dlt645_profile(t->meter->profile);

	(void)s;
	t->seen = *a;
	if (e->class == ERR_REFUSED) { /* twice, and it is refused for good */
		turn_move(t, COMMAND_DENIED, a->refusal, e->text);
		return;
	}
	if (e->class != ERR_NONE || !a->has_count) {
		turn_move(t, t->c.was == COMMAND_UNSURE ? COMMAND_DISPROVED : COMMAND_UNSENT,
		    a->refusal, e->class != ERR_NONE ? e->text : "it keeps no record of purchases");
		return;
	}
	if (profile != NULL && profile->recharge != RECHARGE_ESAM) /* there is nothing to open */
		t->seen.status &= ~STATUS_LOCAL_CLOSED;
	t->waits_for_db = true;
	store_commissioned(t->db, &t->c, &t->seen, loop_now_us(t->loop), on_commissioned, t);
}

/* Where closing is only ever permitted, that is all there is to wait for. */
static void
settle_for_permit(struct turn *t)
{
	const struct dlt645_profile *p = dlt645_profile(t->meter->profile);

	if (t->c.task.relay == RELAY_CLOSED && p != NULL && p->close_code == 0x1b)
		t->c.task.relay = RELAY_PERMITTED;
}

void
turn_begin(struct turn *t)
{
	switch (t->c.kind) {
	case COMMAND_READ:
		session_ask(t->session, t->meter, &t->c.task, turn_frame, on_read, t);
		return;
	case COMMAND_RELAY:
		settle_for_permit(t);
		session_ask(t->session, t->meter, &t->c.task, turn_frame, on_relay, t);
		return;
	case COMMAND_COMMISSION:
		t->c.task = (struct task){.kind = TASK_CREDIT_LOOK, .with_status = true};
		session_ask(t->session, t->meter, &t->c.task, turn_frame, on_commission_look, t);
		return;
	case COMMAND_CREDIT:
		credit_begin(t);
		return;
	case COMMAND_PUSH:
		push_begin(t);
		return;
	case COMMAND_QUALIFY:
		qualify_begin(t);
		return;
	}
}
