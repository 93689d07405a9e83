/*
 * A task is a row of steps; each step is one exchange, and knows what comes next.
 *
 *	READ         item, item, ...
 *	RELAY        [clock] [auth] status -> 1C -> status, and again after a pause
 *	RELAY_LOOK   status
 *	CREDIT_LOOK  [auth] wallet -> record, record, ... [-> status]
 *	CREDIT_SEND  [auth] -> 03
 *	FREEZE       time -> energies
 *	CLOCK        clock
 *
 * Nothing is asked twice here: whoever owns the task decides whether silence is worth another
 * try, and never before reading back what acted.  Refusals carry no identifier, so at most one
 * request is out at a time, and an answer must be of the same meter, function and identifier.
 */
#include "codec/dlt645.h"
#include "codec/dlt645_items.h"
#include "codec/dlt645_profile.h"
#include "codec/meter_protocol.h"
#include "model/calendar.h"

#include <stdlib.h>
#include <string.h>

#define DI_CLOCK    0x0400010cu
#define DI_DATE     0x04000101u
#define DI_TIME     0x04000102u
#define DI_STATUS   0x04000503u
#define DI_TOU      0x0001ff00u
#define DI_CREDIT   0x00900200u
#define DI_OWED     0x00900201u
#define DI_AUTH     0x070000ffu
#define DI_OPEN     0x070101ffu
#define DI_RECHARGE 0x070102ffu
#define DI_WALLET   0x078102ffu
#define DI_RECORD   0x0333ff00u
#define DI_FREEZE   0x05060000u

#define MOST_PARTS 16
#define RECORDS    10
#define AUTH_US    INT64_C(240000000) /* the chip allows five minutes */

enum step {
	STEP_CLOCK,
	STEP_DATE, /* meters without the combined clock item */
	STEP_TIME,
	STEP_AUTH,
	STEP_ITEMS,
	STEP_OWED,
	STEP_STATUS_BEFORE,
	STEP_ACT,
	STEP_STATUS_AFTER,
	STEP_WALLET,
	STEP_RECORD,
	STEP_CREDIT,
	STEP_FREEZE_TIME,
	STEP_FREEZE_WH,
};

static enum talk_next go(struct talk *t, enum step step, int64_t now_us);
static enum talk_next wallet_read(struct talk *t, int64_t now_us);

static const struct dlt645_profile *
profile_of(const struct talk *t)
{
	return dlt645_profile(t->meter->profile);
}

static enum talk_next
done(struct talk *t, enum err_class class, const char *why)
{
	t->err.class = class;
	if (class != ERR_NONE)
		err_set(&t->err, class, "%s", why);
	return TALK_DONE;
}

/* --- asking ------------------------------------------------------------------------------- */

static enum talk_next
send(struct talk *t, struct dlt645 *f, bool security)
{
	const struct dlt645_profile *p = profile_of(t);
	struct dlt645_policy policy = {.most = p->most_data};

	memcpy(f->address, t->meter->address, sizeof f->address);
	t->out.len = 0;
	for (int i = 0; i < p->preamble; i++)
		buf_put_u8(&t->out, 0xfe);
	if (dlt645_encode(&t->out, f, &policy, &t->err) < 0)
		return TALK_DONE;
	t->expect = f->control;
	t->patience_us = t->reply_us > 0 ? t->reply_us : p->reply_us;
	if (security && t->patience_us < p->security_reply_us)
		t->patience_us = p->security_reply_us;
	return TALK_SEND;
}

static enum talk_next
read_item(struct talk *t, uint32_t di)
{
	struct dlt645 f = {.control = DLT645_READ};

	t->di = di;
	t->seq = 0;
	t->more.len = 0;
	dlt645_put_di(&f, di);
	return send(t, &f, false);
}

static enum talk_next
read_part(struct talk *t)
{
	struct dlt645 f = {.control = DLT645_READ_MORE};

	dlt645_put_di(&f, t->di);
	f.data[f.len++] = (uint8_t)t->seq;
	return send(t, &f, false);
}

static struct dlt645
security_frame(struct talk *t, uint32_t di)
{
	struct dlt645 f = {.control = DLT645_SECURITY};

	t->di = di;
	dlt645_put_di(&f, di);
	f.len += 4; /* operator code: zero, nobody at the keys */
	return f;
}

static void
put(struct dlt645 *f, const void *bytes, size_t len)
{
	memcpy(f->data + f->len, bytes, len);
	f->len += len;
}

static void
put_le32(struct dlt645 *f, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		f->data[f->len++] = (uint8_t)(v >> (8 * i));
}

static uint32_t
get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The deadline of a relay order runs on the meter's clock. */
static void
deadline(const struct talk *t, int64_t now_us, uint8_t out[6])
{
	int64_t at = now_us + t->meter->clock_skew_us + t->task->valid_us;
	struct civil c = calendar_civil(t->meter->zone, at);
	int parts[6] = {c.second, c.minute, c.hour, c.day, c.month, c.year % 100};

	for (int i = 0; i < 6; i++)
		bcd_put(out + i, 1, parts[i]);
}

static uint8_t
relay_code(const struct talk *t)
{
	if (t->task->relay == RELAY_OPEN)
		return 0x1a;
	return t->task->relay == RELAY_PERMITTED ? 0x1b : profile_of(t)->close_code;
}

static enum talk_next
sign(struct talk *t, enum sign_op op, int64_t now_us)
{
	struct sign_ask *s = &t->sign;

	*s = (struct sign_ask){.op = op};
	memcpy(s->meter, t->meter->address, sizeof s->meter);
	memcpy(s->rand2, t->meter->rand2, sizeof s->rand2);
	memcpy(s->serial, t->meter->serial, sizeof s->serial);
	memcpy(s->customer, t->meter->customer, sizeof s->customer);
	s->amount = (uint32_t)t->task->amount_minor;
	s->count = t->task->purchase;
	if (op == SIGN_CONTROL) {
		s->n1 = relay_code(t);
		deadline(t, now_us, s->until);
	}
	return TALK_SIGN;
}

static enum talk_next
act_relay_plain(struct talk *t, int64_t now_us)
{
	struct dlt645 f = {.control = DLT645_CONTROL};
	uint8_t until[6];

	f.data[f.len++] = t->meter->key.level != 0 ? t->meter->key.level : profile_of(t)->level;
	put(&f, t->meter->key.password, 3);
	put_le32(&f, t->task->operator_code);
	f.data[f.len++] = relay_code(t);
	f.data[f.len++] = 0;
	deadline(t, now_us, until);
	put(&f, until, sizeof until);
	t->di = 0;
	t->acted = true;
	return send(t, &f, false);
}

static enum talk_next
act_relay_esam(struct talk *t, const struct sign_reply *r)
{
	struct dlt645 f = {.control = DLT645_CONTROL};
	static const uint8_t level[4] = {0x98, 0, 0, 0};

	put(&f, level, sizeof level);
	put_le32(&f, t->task->operator_code);
	put(&f, r->cipher, 16);
	put(&f, r->mac1, 4);
	t->di = 0;
	t->acted = true;
	return send(t, &f, true);
}

static enum talk_next
act_credit(struct talk *t, const struct sign_reply *r)
{
	struct dlt645 f = security_frame(t, t->task->open_account ? DI_OPEN : DI_RECHARGE);
	uint8_t customer[6];
	int64_t number = strtoll(t->meter->customer, NULL, 10);

	put_le32(&f, (uint32_t)t->task->amount_minor);
	put_le32(&f, t->task->purchase);
	put(&f, r->mac1, 4);
	bcd_put(customer, sizeof customer, number);
	put(&f, customer, sizeof customer);
	put(&f, r->mac2, 4);
	t->acted = true;
	return send(t, &f, true);
}

static enum talk_next
authenticate(struct talk *t, const struct sign_reply *r)
{
	struct dlt645 f = security_frame(t, DI_AUTH);

	put(&f, r->cipher, 8);
	put(&f, r->rand1, 8);
	put(&f, r->diversity, 8);
	return send(t, &f, true);
}

/* --- where a task begins, and what follows a step ---------------------------------------- */

static bool
needs_auth(const struct talk *t, int64_t now_us)
{
	return profile_of(t)->auth == AUTH_ESAM && t->meter->auth_until_us <= now_us;
}

static enum talk_next
act(struct talk *t, int64_t now_us)
{
	t->step = STEP_ACT;
	if (t->task->kind == TASK_CREDIT_SEND)
		return sign(t, t->task->open_account ? SIGN_OPEN : SIGN_RECHARGE, now_us);
	if (profile_of(t)->auth == AUTH_ESAM)
		return sign(t, SIGN_CONTROL, now_us);
	return act_relay_plain(t, now_us);
}

static uint32_t
next_item(struct talk *t)
{
	const struct task *k = t->task;

	/* All tariffs come in one block with the total. */
	if (t->index < k->nregs && k->regs[t->index] == REG_TOTAL_WH && k->nregs > t->index + 1 &&
	    k->regs[t->index + 1] == REG_T1_WH)
		return DI_TOU;
	return t->index < k->nregs ? dlt645_di_of(k->regs[t->index]) : 0;
}

static enum talk_next
go(struct talk *t, enum step step, int64_t now_us)
{
	uint32_t di;

	t->step = step;
	switch (step) {
	case STEP_CLOCK:
		return read_item(t, DI_CLOCK);
	case STEP_DATE:
		return read_item(t, DI_DATE);
	case STEP_TIME:
		return read_item(t, DI_TIME);
	case STEP_AUTH:
		return sign(t, SIGN_AUTH, now_us);
	case STEP_ITEMS:
		di = next_item(t);
		return di != 0 ? read_item(t, di) : done(t, ERR_NONE, NULL);
	case STEP_OWED:
	case STEP_CREDIT:
		return read_item(t, step == STEP_OWED ? DI_OWED : DI_CREDIT);
	case STEP_STATUS_BEFORE:
	case STEP_STATUS_AFTER:
		return read_item(t, DI_STATUS);
	case STEP_ACT:
		return act(t, now_us);
	case STEP_WALLET: {
		struct dlt645 f = security_frame(t, DI_WALLET);

		return send(t, &f, true);
	}
	case STEP_RECORD:
		return read_item(t, DI_RECORD | (uint32_t)t->index);
	case STEP_FREEZE_TIME:
	case STEP_FREEZE_WH:
		return read_item(t,
		    DI_FREEZE | (step == STEP_FREEZE_WH ? 0x100u : 0) | (uint32_t)t->task->record);
	}
	return done(t, ERR_BUG, "no such step");
}

/* The first step behind authentication and clock. */
static enum talk_next
begin_proper(struct talk *t, int64_t now_us)
{
	switch (t->task->kind) {
	case TASK_READ:
		return go(t, STEP_ITEMS, now_us);
	case TASK_RELAY:
		return go(t, STEP_STATUS_BEFORE, now_us);
	case TASK_RELAY_LOOK:
		return go(t, STEP_STATUS_AFTER, now_us);
	case TASK_CREDIT_LOOK:
		return go(t, STEP_WALLET, now_us);
	case TASK_CREDIT_SEND:
		return go(t, STEP_ACT, now_us);
	case TASK_FREEZE:
		return go(t, STEP_FREEZE_TIME, now_us);
	case TASK_CLOCK:
		return go(t, STEP_CLOCK, now_us);
	}
	return done(t, ERR_BUG, "no such task");
}

static enum talk_next
begin_secured(struct talk *t, int64_t now_us)
{
	bool secured = t->task->kind == TASK_RELAY || t->task->kind == TASK_CREDIT_LOOK ||
		       t->task->kind == TASK_CREDIT_SEND;

	if (secured && needs_auth(t, now_us))
		return go(t, STEP_AUTH, now_us);
	return begin_proper(t, now_us);
}

static enum talk_next
dlt645_begin(struct talk *t, int64_t now_us)
{
	const struct dlt645_profile *p = profile_of(t);
	enum task_kind k = t->task->kind;

	t->answer = (struct answer){0};
	t->err = (struct err){0};
	t->acted = false;
	t->index = t->polls = 0;
	if (p == NULL)
		return done(t, ERR_BUG, "unknown profile");
	if ((k == TASK_CREDIT_LOOK || k == TASK_CREDIT_SEND) && p->recharge == RECHARGE_NONE)
		return done(t, ERR_REFUSED, "this profile takes no credit");
	if (k == TASK_CREDIT_SEND &&
	    (t->task->amount_minor < 0 || t->task->amount_minor > UINT32_MAX))
		return done(t, ERR_REFUSED, "the meter holds no such amount");
	if (k == TASK_RELAY && !t->meter->skew_known)
		return go(t, p->combined_clock ? STEP_CLOCK : STEP_DATE, now_us);
	return begin_secured(t, now_us);
}

/* --- what was heard ----------------------------------------------------------------------- */

static void
keep(struct talk *t, enum reg reg, int64_t value, int64_t now_us)
{
	if (t->answer.n < TASK_REGS)
		t->answer.readings[t->answer.n++] =
		    (struct reading){t->meter->id, now_us, reg, value};
}

static enum refusal
refusal_of(const struct dlt645_error *x)
{
	static const enum refusal security[] = {REFUSAL_OTHER, REFUSAL_OTHER, REFUSAL_MAC,
	    REFUSAL_AUTH, REFUSAL_CUSTOMER, REFUSAL_COUNT, REFUSAL_LIMIT};

	if (x->security) {
		for (unsigned i = 1; i < sizeof security / sizeof *security; i++)
			if (i != 1 && (x->bits & 1u << i) != 0)
				return security[i];
		return REFUSAL_OTHER;
	}
	if ((x->bits & 0x04) != 0)
		return REFUSAL_PASSWORD;
	return (x->bits & 0x02) != 0 ? REFUSAL_NO_DATA : REFUSAL_OTHER;
}

static enum talk_next
heard_refusal(struct talk *t, const struct dlt645 *f, int64_t now_us)
{
	struct dlt645_error x;
	char words[100];

	if (dlt645_error_get(&x, f, &t->err) < 0)
		x = (struct dlt645_error){.bits = 1};
	dlt645_error_text(&x, words, sizeof words);
	t->answer.said = x.security && (x.bits & 2u) != 0 ? SAID_REPEAT : SAID_NO;
	t->answer.refusal = refusal_of(&x);
	if (t->answer.refusal == REFUSAL_AUTH)
		t->meter->auth_until_us = 0;
	if (t->step == STEP_CLOCK && t->answer.refusal == REFUSAL_NO_DATA)
		return go(t, STEP_DATE, now_us);
	if (t->step == STEP_RECORD && t->answer.refusal == REFUSAL_NO_DATA)
		return wallet_read(t, now_us); /* no such record: found stays false */
	if (t->step == STEP_ACT && t->task->kind == TASK_RELAY)
		return go(t, STEP_STATUS_AFTER, now_us); /* it may have obeyed all the same */
	return done(t, ERR_REFUSED, words);
}

static enum talk_next
heard_status(struct talk *t, struct span data, int64_t now_us)
{
	static const int64_t pauses[] = {300000, 700000, 1000000, 2000000};
	bool good;

	if (data.len != 2)
		return done(
		    t, t->acted ? ERR_UNCERTAIN : ERR_RETRY, "status word of a strange length");
	t->answer.status = (uint32_t)data.bytes[0] | (uint32_t)data.bytes[1] << 8;
	t->answer.has_status = true;
	keep(t, REG_STATUS, t->answer.status, now_us);
	if (t->task->kind != TASK_RELAY)
		return done(t, ERR_NONE, NULL);
	good = task_relay_done(t->task, t->answer.status);
	if (good)
		return done(t, ERR_NONE, NULL);
	if (t->step == STEP_STATUS_BEFORE)
		return go(t, STEP_ACT, now_us);
	if (t->answer.said == SAID_NO)
		return done(t, ERR_REFUSED, refusal_name(t->answer.refusal));
	if (t->polls < (int)(sizeof pauses / sizeof *pauses)) {
		t->pause_us = pauses[t->polls++];
		return TALK_PAUSE;
	}
	return done(t, ERR_UNCERTAIN, "accepted, and the relay has not moved yet");
}

static enum talk_next
heard_clock(struct talk *t, struct span data, int64_t now_us)
{
	struct civil c = {0};
	int64_t v[7] = {0};
	size_t n = data.len;

	if ((t->step == STEP_CLOCK && n != 7) || (t->step == STEP_DATE && n != 4) ||
	    (t->step == STEP_TIME && n != 3))
		return done(t, ERR_RETRY, "clock of a strange length");
	for (size_t i = 0; i < n; i++)
		if (bcd_get(span_of(data.bytes + i, 1), &v[i]) < 0)
			return done(t, ERR_RETRY, "clock is not BCD");
	if (t->step == STEP_DATE) { /* WW DD MM YY, kept until the time is there */
		t->index = (int)((v[3] * 100 + v[2]) * 100 + v[1]);
		return go(t, STEP_TIME, now_us);
	}
	c.second = (int)v[0];
	c.minute = (int)v[1];
	c.hour = (int)v[2];
	c.day = (int)(n == 7 ? v[4] : t->index % 100);
	c.month = (int)(n == 7 ? v[5] : t->index / 100 % 100);
	c.year = 2000 + (int)(n == 7 ? v[6] : t->index / 10000);
	t->index = 0;
	if (!calendar_valid(&c))
		return done(t, ERR_RETRY, "clock shows no valid time");
	t->answer.clock_us = calendar_instant(t->meter->zone, &c);
	t->meter->clock_skew_us = t->answer.clock_us - now_us;
	t->meter->skew_known = true;
	return t->task->kind == TASK_CLOCK ? done(t, ERR_NONE, NULL) : begin_secured(t, now_us);
}

/* The wallet and its records are read; adopting a meter needs its status word too. */
static enum talk_next
wallet_read(struct talk *t, int64_t now_us)
{
	if (t->task->with_status)
		return go(t, STEP_STATUS_AFTER, now_us);
	return done(t, ERR_NONE, NULL);
}

/* 078102FF: balance 4 + MAC 4, count 4 + MAC 4, customer 6, key information 4. */
static enum talk_next
heard_wallet(struct talk *t, struct span data, int64_t now_us)
{
	struct answer *a = &t->answer;

	if (data.len < 16)
		return done(t, ERR_RETRY, "wallet of a strange length");
	a->credit_minor = get_le32(data.bytes);
	a->count = get_le32(data.bytes + 8);
	a->has_count = true;
	keep(t, REG_PURCHASES, a->count, now_us);
	if (a->count == 0 || (t->task->purchase != 0 && a->count < t->task->purchase))
		return wallet_read(t, now_us);
	t->index = t->task->purchase == 0 ? 1 : (int)(a->count - t->task->purchase) + 1;
	if (t->index > RECORDS)
		return wallet_read(t, now_us); /* older than the meter remembers */
	return go(t, STEP_RECORD, now_us);
}

/* 0333FF0n: time 5, count 2, amount 4, before 4, after 4, cumulative 4. */
static enum talk_next
heard_record(struct talk *t, struct span data, int64_t now_us)
{
	struct purchase_record *r = &t->answer.record;
	struct rd rd = {.left = data};
	struct civil c = {0};
	int64_t v[5], count, money[4];
	bool bad = data.len != 23;

	for (int i = 0; i < 5; i++)
		bad |= bcd_get(rd_take(&rd, 1), &v[i]) < 0;
	bad |= bcd_get(rd_take(&rd, 2), &count) < 0;
	for (int i = 0; i < 4; i++)
		bad |= bcd_get(rd_take(&rd, 4), &money[i]) < 0;
	if (bad || rd.failed)
		return done(t, ERR_RETRY, "purchase record cannot be read");
	c = (struct civil){2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
	if (t->task->purchase != 0 && count != t->task->purchase % 10000) {
		/* not in its place: search the ten the meter keeps */
		t->seq = 0;
		t->index = t->polls == 0 ? 1 : t->index + 1;
		t->polls++;
		return t->index <= RECORDS ? go(t, STEP_RECORD, now_us) : wallet_read(t, now_us);
	}
	*r = (struct purchase_record){true,
	    calendar_valid(&c) ? calendar_instant(t->meter->zone, &c) : 0, (uint32_t)count,
	    money[0], money[1], money[2], money[3]};
	if (t->index == 1 || t->task->purchase == 0)
		keep(t, REG_BOUGHT, r->bought_minor, now_us);
	return wallet_read(t, now_us);
}

static enum talk_next
heard_items(struct talk *t, struct span data, int64_t now_us)
{
	enum reg reg = t->task->regs[t->index];
	int64_t value;

	if (t->di == DI_TOU) {
		for (size_t i = 0; i < data.len / 4 && i < 5; i++)
			if (dlt645_reg_value(
				REG_TOTAL_WH, span_of(data.bytes + 4 * i, 4), &value, &t->err) == 0)
				keep(t, (enum reg)(REG_TOTAL_WH + i), value, now_us);
		while (t->index < t->task->nregs && t->task->regs[t->index] <= REG_T4_WH)
			t->index++;
		return go(t, STEP_ITEMS, now_us);
	}
	t->index++;
	if (dlt645_reg_value(reg, data, &value, &t->err) == 0)
		keep(t, reg, value, now_us);
	if (reg == REG_STATUS && data.len == 2) {
		t->answer.status = (uint32_t)value;
		t->answer.has_status = true;
	}
	/* A meter in debt shows no credit: then its debt is the balance. */
	if (reg == REG_CREDIT && t->answer.n > 0 && value == 0)
		return go(t, STEP_OWED, now_us);
	return go(t, STEP_ITEMS, now_us);
}

static enum talk_next
heard_owed(struct talk *t, struct span data, int64_t now_us)
{
	int64_t owed;

	if (dlt645_reg_value(REG_CREDIT, data, &owed, &t->err) == 0)
		t->answer.readings[t->answer.n - 1].value = -owed;
	return go(t, STEP_ITEMS, now_us);
}

static enum talk_next
heard_freeze(struct talk *t, struct span data, int64_t now_us)
{
	int64_t v[5];

	if (t->step == STEP_FREEZE_TIME) {
		struct civil c;

		if (data.len != 5)
			return done(t, ERR_RETRY, "freeze time of a strange length");
		for (size_t i = 0; i < 5; i++)
			if (bcd_get(span_of(data.bytes + i, 1), &v[i]) < 0) {
				t->answer.refusal = REFUSAL_NO_DATA; /* filler: nothing recorded */
				return done(t, ERR_REFUSED, "no such record");
			}
		c = (struct civil){
		    2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
		if (!calendar_valid(&c)) {
			t->answer.refusal = REFUSAL_NO_DATA;
			return done(t, ERR_REFUSED, "no such record");
		}
		t->answer.frozen_us = calendar_instant(t->meter->zone, &c);
		return go(t, STEP_FREEZE_WH, now_us);
	}
	for (int i = 0; i < 5; i++) {
		t->answer.frozen_wh[i] = -1;
		if ((size_t)(4 * i + 4) <= data.len)
			dlt645_reg_value(REG_TOTAL_WH, span_of(data.bytes + 4 * i, 4),
			    &t->answer.frozen_wh[i], &t->err);
	}
	return done(
	    t, t->answer.frozen_wh[0] < 0 ? ERR_RETRY : ERR_NONE, "frozen energy cannot be read");
}

static enum talk_next
heard_auth(struct talk *t, struct span data, int64_t now_us)
{
	if (data.len < 12)
		return done(t, ERR_RETRY, "authentication answer of a strange length");
	memcpy(t->meter->rand2, data.bytes, 4);
	memcpy(t->meter->serial, data.bytes + 4, 8);
	t->meter->auth_until_us = now_us + AUTH_US;
	return begin_proper(t, now_us);
}

static enum talk_next
heard_whole(struct talk *t, struct span data, int64_t now_us)
{
	switch ((enum step)t->step) {
	case STEP_CLOCK:
	case STEP_DATE:
	case STEP_TIME:
		return heard_clock(t, data, now_us);
	case STEP_AUTH:
		return heard_auth(t, data, now_us);
	case STEP_ITEMS:
		return heard_items(t, data, now_us);
	case STEP_OWED:
	case STEP_CREDIT:
		return heard_owed(t, data, now_us);
	case STEP_STATUS_BEFORE:
	case STEP_STATUS_AFTER:
		return heard_status(t, data, now_us);
	case STEP_ACT:
		t->answer.said = SAID_YES;
		if (t->task->kind == TASK_RELAY)
			return go(t, STEP_STATUS_AFTER, now_us);
		return done(t, ERR_NONE, NULL);
	case STEP_WALLET:
		return heard_wallet(t, data, now_us);
	case STEP_RECORD:
		return heard_record(t, data, now_us);
	case STEP_FREEZE_TIME:
	case STEP_FREEZE_WH:
		return heard_freeze(t, data, now_us);
	}
	return done(t, ERR_BUG, "no such step");
}

/* A long answer comes in parts; a part that does not continue ours is nobody's. */
static enum talk_next
heard_part(struct talk *t, const struct dlt645 *f, int64_t now_us)
{
	struct span data = {f->data + 4, f->len - 4};

	if (t->seq > 0) {
		if (data.len < 1 || data.bytes[data.len - 1] != t->seq)
			return TALK_UNRELATED;
		data.len--;
	}
	buf_put(&t->more, data.bytes, data.len);
	if ((f->control & DLT645_MORE) == 0)
		return heard_whole(t, buf_span(&t->more), now_us);
	if (++t->seq > MOST_PARTS)
		return done(t, ERR_RETRY, "an answer without end");
	return read_part(t);
}

static enum talk_next
dlt645_heard(struct talk *t, struct span frame, int64_t now_us)
{
	struct dlt645 f;
	struct err e;

	if (dlt645_parse(&f, frame, &e) < 0 || strcmp(f.address, t->meter->address) != 0)
		return TALK_UNRELATED;
	if ((f.control & DLT645_REPLY) == 0 || (f.control & 0x1fu) != t->expect)
		return TALK_UNRELATED;
	if ((f.control & DLT645_ABNORMAL) != 0)
		return heard_refusal(t, &f, now_us);
	if (t->di == 0)
		return heard_whole(t, span_of(f.data, f.len), now_us);
	if (f.len == 0 && t->expect == DLT645_READ) {
		t->answer.refusal = REFUSAL_NO_DATA; /* an empty answer: dlt645.md 6 no. 7 */
		return done(t, ERR_REFUSED, "an answer without data");
	}
	if (f.len < 4 || dlt645_di(span_of(f.data, f.len)) != t->di)
		return TALK_UNRELATED;
	if (t->expect == DLT645_SECURITY)
		return heard_whole(t, span_of(f.data + 4, f.len - 4), now_us);
	return heard_part(t, &f, now_us);
}

static enum talk_next
dlt645_silent(struct talk *t, int64_t now_us)
{
	(void)now_us;
	return done(t, t->acted ? ERR_UNCERTAIN : ERR_RETRY, "no answer");
}

static enum talk_next
dlt645_signed(struct talk *t, const struct sign_reply *r, int64_t now_us)
{
	(void)now_us;
	if (r == NULL)
		return done(t, ERR_RETRY, "the encryption machine does not answer");
	if (t->step == STEP_AUTH)
		return authenticate(t, r);
	return t->task->kind == TASK_RELAY ? act_relay_esam(t, r) : act_credit(t, r);
}

static enum talk_next
dlt645_paused(struct talk *t, int64_t now_us)
{
	return go(t, STEP_STATUS_AFTER, now_us);
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
	for (int r = 0; r < REG_COUNT && n < room; r++) {
		int64_t value;

		if (f.len > 4 && dlt645_di_of((enum reg)r) == dlt645_di(span_of(f.data, f.len)) &&
		    dlt645_reg_value((enum reg)r, span_of(f.data + 4, f.len - 4), &value, &e) == 0)
			ev[n++] = (struct meter_event){
			    EVENT_READING, {0, now_us, (enum reg)r, value}
                        };
	}
	if (n == 0)
		ev[n++] = (struct meter_event){.kind = EVENT_ALIVE};
	return n;
}

const struct meter_protocol protocol_dlt645 = {"dlt645", dlt645_who, dlt645_begin, dlt645_heard,
    dlt645_silent, dlt645_signed, dlt645_paused, dlt645_overheard};

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
