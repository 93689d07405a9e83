/* What each answer means, and which step it leads to. */
#include "codec/dlt645_talk.h"

#include "codec/dlt645_items.h"
#include "codec/dlt645_profile.h"
#include "model/calendar.h"

#include <string.h>

#define MOST_PARTS 16
#define AUTH_US    INT64_C(240000000) /* the chip allows five minutes */

static uint32_t
get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void
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

/* A meter that has restarted has forgotten who we are, and says so with the password's bit: it
 * is told once more.  Then it is the signature that it does not like. */
static enum talk_next
write_refused(struct talk *t, int64_t now_us)
{
	if (ask_level(t) != 0 && t->answer.refusal == REFUSAL_PASSWORD) {
		t->meter->auth_until_us = 0;
		if (t->polls++ == 0)
			return talk_go(t, STEP_AUTH, now_us);
		t->answer.refusal = REFUSAL_MAC;
	}
	if (t->task->parameters[t->index].blind)
		return talk_done(t, ERR_REFUSED, refusal_name(t->answer.refusal));
	return talk_go(t, STEP_PARAMETER_AFTER, now_us); /* it may be written all the same */
}

/* Whether an order to the relay, or to its power-keep, is being answered. */
static bool
is_order(const struct talk *t)
{
	return t->task->kind == TASK_RELAY && (t->step == STEP_ACT || t->step == STEP_KEEP_END);
}

/* A meter that does not have all of it in one has its parts. */
static enum talk_next
clock_refused(struct talk *t, int64_t now_us)
{
	if (t->step == STEP_CLOCK_WRITE && t->answer.refusal == REFUSAL_NO_DATA) {
		t->answer.said = SAID_NOTHING;
		t->answer.refusal = REFUSAL_NONE;
		return talk_go(t, STEP_DATE_WRITE, now_us);
	}
	return talk_go(t, STEP_CLOCK, now_us); /* it may be written all the same */
}

static enum talk_next
heard_refusal(struct talk *t, const struct dlt645 *f, int64_t now_us)
{
	enum refusal refused_before = t->answer.refusal;
	enum said said_before = t->answer.said;
	struct dlt645_error x;
	char words[100];

	if (dlt645_error_get(&x, f, &t->err) < 0)
		x = (struct dlt645_error){.bits = 1};
	dlt645_error_text(&x, words, sizeof words);
	t->answer.said = x.security && (x.bits & 2u) != 0 ? SAID_REPEAT : SAID_NO;
	t->answer.refusal = refusal_of(&x);
	if (t->answer.refusal == REFUSAL_AUTH)
		t->meter->auth_until_us = 0;
	if (is_order(t))
		t->meter->skew_known = false; /* its clock may have been set meanwhile */
	if (t->step == STEP_CLOCK && t->answer.refusal == REFUSAL_NO_DATA) {
		t->answer.said = said_before; /* what was said to the write counts */
		t->answer.refusal = refused_before;
		return talk_go(t, STEP_DATE, now_us);
	}
	if (t->step == STEP_RECORD && t->answer.refusal == REFUSAL_NO_DATA)
		return wallet_read(t, now_us); /* no such record: found stays false */
	if (t->step == STEP_CLOCK_WRITE || t->step == STEP_DATE_WRITE || t->step == STEP_TIME_WRITE)
		return clock_refused(t, now_us);
	if (t->step == STEP_PARAMETER_WRITE)
		return write_refused(t, now_us);
	if (is_order(t)) /* it may have obeyed all the same */
		return talk_go(t, t->step == STEP_ACT ? STEP_STATUS_AFTER : STEP_KEEP_LOOK, now_us);
	return talk_done(t, ERR_REFUSED, words);
}

/* Proved, and nothing has moved: what follows begins as if it were the first. */
static enum talk_next
keep_ended(struct talk *t, int64_t now_us)
{
	t->acted = false;
	t->polls = 0;
	t->answer.said = SAID_NOTHING;
	t->answer.refusal = REFUSAL_NONE;
	return talk_go(t, STEP_ACT, now_us);
}

static enum talk_next
heard_status(struct talk *t, struct span data, int64_t now_us)
{
	static const int64_t pauses[] = {300000, 700000, 1000000, 2000000};
	bool kept, good;

	if (data.len != 2)
		return talk_done(
		    t, t->acted ? ERR_UNCERTAIN : ERR_RETRY, "status word of a strange length");
	t->answer.status = (uint32_t)data.bytes[0] | (uint32_t)data.bytes[1] << 8;
	t->answer.has_status = true;
	keep(t, REG_STATUS, t->answer.status, now_us);
	if (t->task->kind != TASK_RELAY)
		return talk_done(t, ERR_NONE, NULL);
	good = task_relay_done(t->task, t->answer.status);
	if (good)
		return talk_done(t, ERR_NONE, NULL);
	kept = t->task->ends_keep && (t->answer.status & STATUS_POWER_KEEP) != 0;
	if (t->step == STEP_STATUS_BEFORE)
		return talk_go(t, kept ? STEP_KEEP_END : STEP_ACT, now_us);
	if (t->step == STEP_KEEP_LOOK && !kept)
		return keep_ended(t, now_us);
	if (t->answer.said == SAID_NO)
		return talk_done(t, ERR_REFUSED, refusal_name(t->answer.refusal));
	if (t->polls < (int)(sizeof pauses / sizeof *pauses)) {
		t->pause_us = pauses[t->polls++];
		return TALK_PAUSE;
	}
	return talk_done(t, ERR_UNCERTAIN,
	    t->step == STEP_KEEP_LOOK || t->task->keep != KEEP_AS_IT_IS
		? "accepted, and the power-keep has not changed yet"
		: "accepted, and the relay has not moved yet");
}

/* Read back, it is what was written or it is not: whoever asked compares. */
static enum talk_next
clock_read(struct talk *t, int64_t now_us)
{
	int64_t off_us = t->answer.clock_us - now_us;

	if (t->task->kind == TASK_CLOCK)
		return talk_done(t, ERR_NONE, NULL);
	if (t->task->kind != TASK_CLOCK_SET)
		return talk_begin_secured(t, now_us);
	if (t->acted && t->answer.said == SAID_NO)
		return talk_done(t, ERR_REFUSED, refusal_name(t->answer.refusal));
	if (t->acted)
		return talk_done(t, ERR_NONE, NULL);
	t->answer.was_off_us = off_us;
	return talk_go(t, t->task->by_write ? STEP_CLOCK_WRITE : STEP_CLOCK_CAST, now_us);
}

static enum talk_next
heard_clock(struct talk *t, struct span data, int64_t now_us)
{
	struct civil c = {0};
	int64_t v[7] = {0};
	size_t n = data.len;

	if ((t->step == STEP_CLOCK && n != 7) || (t->step == STEP_DATE && n != 4) ||
	    (t->step == STEP_TIME && n != 3))
		return talk_done(t, ERR_RETRY, "clock of a strange length");
	for (size_t i = 0; i < n; i++)
		if (bcd_get(span_of(data.bytes + i, 1), &v[i]) < 0)
			return talk_done(t, ERR_RETRY, "clock is not BCD");
	if (t->step == STEP_DATE) { /* WW DD MM YY, kept until the time is there */
		t->index = (int)((v[3] * 100 + v[2]) * 100 + v[1]);
		return talk_go(t, STEP_TIME, now_us);
	}
	c.second = (int)v[0];
	c.minute = (int)v[1];
	c.hour = (int)v[2];
	c.day = (int)(n == 7 ? v[4] : t->index % 100);
	c.month = (int)(n == 7 ? v[5] : t->index / 100 % 100);
	c.year = 2000 + (int)(n == 7 ? v[6] : t->index / 10000);
	t->index = 0;
	if (!calendar_valid(&c))
		return talk_done(t, ERR_RETRY, "clock shows no valid time");
	t->answer.clock_us = calendar_instant(t->meter->zone, &c);
	t->meter->clock_skew_us = t->answer.clock_us - now_us;
	t->meter->skew_known = true;
	return clock_read(t, now_us);
}

/* The wallet and its records are read; adopting a meter needs its status word too. */
enum talk_next
wallet_read(struct talk *t, int64_t now_us)
{
	if (t->task->with_status)
		return talk_go(t, STEP_STATUS_AFTER, now_us);
	return talk_done(t, ERR_NONE, NULL);
}

/* 078102FF: balance 4 + MAC 4, count 4 + MAC 4, customer 6, key information 4. */
static enum talk_next
heard_wallet(struct talk *t, struct span data, int64_t now_us)
{
	struct answer *a = &t->answer;

	if (talk_profile(t)->balance_di != 0)
		return heard_balance(t, data, now_us);
	if (data.len < 16)
		return talk_done(t, ERR_RETRY, "wallet of a strange length");
	a->credit_minor = get_le32(data.bytes);
	a->count = get_le32(data.bytes + 8);
	a->has_count = true;
	keep(t, REG_PURCHASES, a->count, now_us);
	if (a->count == 0 || (t->task->purchase != 0 && a->count < t->task->purchase))
		return wallet_read(t, now_us);
	t->index = t->task->purchase == 0 ? 1 : (int)(a->count - t->task->purchase) + 1;
	if (t->index > RECORDS)
		return wallet_read(t, now_us); /* older than the meter remembers */
	return talk_go(t, STEP_RECORD, now_us);
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

	if (!t->answer.has_count && wallet_empty(data))
		return heard_count(t, 0, now_us);

	for (int i = 0; i < 5; i++)
		bad |= bcd_get(rd_take(&rd, 1), &v[i]) < 0;
	bad |= bcd_get(rd_take(&rd, 2), &count) < 0;
	for (int i = 0; i < 4; i++)
		bad |= bcd_get(rd_take(&rd, 4), &money[i]) < 0;
	if (bad || rd.failed)
		return talk_done(t, ERR_RETRY, "purchase record cannot be read");
	if (!t->answer.has_count) {
		enum talk_next next = heard_count(t, (uint32_t)count, now_us);

		if (next != TALK_UNRELATED)
			return next;
	}
	c = (struct civil){2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
	if (t->task->purchase != 0 && count != t->task->purchase % 10000) {
		/* not in its place: search the ten the meter keeps */
		t->seq = 0;
		t->index = t->polls == 0 ? 1 : t->index + 1;
		t->polls++;
		return t->index <= RECORDS ? talk_go(t, STEP_RECORD, now_us)
					   : wallet_read(t, now_us);
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
		return talk_go(t, STEP_ITEMS, now_us);
	}
	t->index++;
	if (reg == REG_CREDIT && t->di == talk_profile(t)->balance_di) {
		if (wallet_balance(t->di, data, &value))
			keep(t, reg, value, now_us);
		return talk_go(t, STEP_ITEMS, now_us);
	}
	if (dlt645_reg_value(reg, data, &value, &t->err) == 0)
		keep(t, reg, value, now_us);
	if (reg == REG_STATUS && data.len == 2) {
		t->answer.status = (uint32_t)value;
		t->answer.has_status = true;
	}
	/* A meter in debt shows no credit: then its debt is the balance. */
	if (reg == REG_CREDIT && t->answer.n > 0 && value == 0)
		return talk_go(t, STEP_OWED, now_us);
	return talk_go(t, STEP_ITEMS, now_us);
}

static enum talk_next
heard_owed(struct talk *t, struct span data, int64_t now_us)
{
	int64_t owed;

	if (dlt645_reg_value(REG_CREDIT, data, &owed, &t->err) == 0)
		t->answer.readings[t->answer.n - 1].value = -owed;
	return talk_go(t, STEP_ITEMS, now_us);
}

static enum talk_next
heard_freeze(struct talk *t, struct span data, int64_t now_us)
{
	int64_t v[5];

	if (t->step == STEP_FREEZE_TIME) {
		struct civil c;

		if (data.len != 5)
			return talk_done(t, ERR_RETRY, "freeze time of a strange length");
		for (size_t i = 0; i < 5; i++)
			if (bcd_get(span_of(data.bytes + i, 1), &v[i]) < 0) {
				t->answer.refusal = REFUSAL_NO_DATA; /* filler: nothing recorded */
				return talk_done(t, ERR_REFUSED, "no such record");
			}
		c = (struct civil){
		    2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
		if (!calendar_valid(&c)) {
			t->answer.refusal = REFUSAL_NO_DATA;
			return talk_done(t, ERR_REFUSED, "no such record");
		}
		t->answer.frozen_us = calendar_instant(t->meter->zone, &c);
		return talk_go(t, STEP_FREEZE_WH, now_us);
	}
	for (int i = 0; i < 5; i++) {
		t->answer.frozen_wh[i] = -1;
		if (data.len / 4 > (size_t)i)
			dlt645_reg_value(REG_TOTAL_WH, span_of(data.bytes + 4 * i, 4),
			    &t->answer.frozen_wh[i], &t->err);
	}
	return talk_done(
	    t, t->answer.frozen_wh[0] < 0 ? ERR_RETRY : ERR_NONE, "frozen energy cannot be read");
}

/* mm hh DD MM YY, forward and reverse energy; some meters put AA between them (dlt645.md 2.8). */
static enum talk_next
heard_hour(struct talk *t, struct span data)
{
	size_t at = data.len == 15 && data.bytes[5] == 0xaa ? 6 : 5;
	struct civil c;
	int64_t v[5];

	if (data.len != 13 && data.len != 15)
		return talk_done(t, ERR_RETRY, "hourly record of a strange length");
	for (size_t i = 0; i < 5; i++)
		if (bcd_get(span_of(data.bytes + i, 1), &v[i]) < 0)
			v[i] = 99; /* filler: nothing recorded */
	c = (struct civil){2000 + (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0, 0};
	if (!calendar_valid(&c)) {
		t->answer.refusal = REFUSAL_NO_DATA;
		return talk_done(t, ERR_REFUSED, "no such record");
	}
	t->answer.frozen_us = calendar_instant(t->meter->zone, &c);
	if (dlt645_reg_value(
		REG_TOTAL_WH, span_of(data.bytes + at, 4), &t->answer.frozen_wh[0], &t->err) < 0)
		return talk_done(t, ERR_RETRY, "hourly energy cannot be read");
	return talk_done(t, ERR_NONE, NULL);
}

static enum talk_next
next_parameter(struct talk *t, int64_t now_us)
{
	t->acted = false; /* what was written is proved */
	t->answer.said = SAID_NOTHING;
	t->answer.refusal = REFUSAL_NONE;
	t->index++;
	t->polls = 0;
	return talk_go(t, STEP_PARAMETER_BEFORE, now_us);
}

static enum talk_next
heard_parameter(struct talk *t, struct span data, int64_t now_us)
{
	struct parameter *p = &t->task->parameters[t->index];

	p->seen_len = (uint8_t)(data.len < sizeof p->seen ? data.len : sizeof p->seen);
	memcpy(p->seen, data.bytes, p->seen_len);
	p->same = data.len == p->len && memcmp(p->data, data.bytes, p->len) == 0;
	if (t->task->kind == TASK_WRITE && !p->same) {
		if (t->step == STEP_PARAMETER_BEFORE)
			return talk_write(t, now_us);
		if (t->answer.said == SAID_NO)
			return talk_done(t, ERR_REFUSED, refusal_name(t->answer.refusal));
		t->answer.refusal = REFUSAL_OTHER;
		return talk_done(t, ERR_REFUSED, "it says yes, and reads back as it was");
	}
	return next_parameter(t, now_us);
}

static enum talk_next
heard_auth(struct talk *t, struct span data, int64_t now_us)
{
	if (data.len < 12)
		return talk_done(t, ERR_RETRY, "authentication answer of a strange length");
	memcpy(t->meter->rand2, data.bytes, 4);
	memcpy(t->meter->serial, data.bytes + 4, 8);
	t->meter->auth_until_us = now_us + AUTH_US;
	return talk_begin_proper(t, now_us);
}

static enum talk_next
heard_whole(struct talk *t, struct span data, int64_t now_us)
{
	switch ((enum step)t->step) {
	case STEP_CLOCK:
	case STEP_DATE:
	case STEP_TIME:
		return heard_clock(t, data, now_us);
	case STEP_CLOCK_CAST:
		break; /* nobody answers it */
	case STEP_DATE_WRITE:
		return talk_go(t, STEP_TIME_WRITE, now_us);
	case STEP_CLOCK_WRITE:
	case STEP_TIME_WRITE:
		t->answer.said = SAID_YES;
		return talk_go(t, STEP_CLOCK, now_us);
	case STEP_AUTH:
		return heard_auth(t, data, now_us);
	case STEP_ITEMS:
		return heard_items(t, data, now_us);
	case STEP_OWED:
		return heard_owed(t, data, now_us);
	case STEP_STATUS_BEFORE:
	case STEP_KEEP_LOOK:
	case STEP_STATUS_AFTER:
		return heard_status(t, data, now_us);
	case STEP_KEEP_END:
		t->answer.said = SAID_YES;
		return talk_go(t, STEP_KEEP_LOOK, now_us);
	case STEP_ACT:
		t->answer.said = SAID_YES;
		if (t->task->kind == TASK_RELAY)
			return talk_go(t, STEP_STATUS_AFTER, now_us);
		return talk_done(t, ERR_NONE, NULL);
	case STEP_WALLET:
		return heard_wallet(t, data, now_us);
	case STEP_RECORD:
		return heard_record(t, data, now_us);
	case STEP_FREEZE_TIME:
	case STEP_FREEZE_WH:
		return heard_freeze(t, data, now_us);
	case STEP_HOUR:
		return heard_hour(t, data);
	case STEP_PARAMETER_BEFORE:
	case STEP_PARAMETER_AFTER:
		return heard_parameter(t, data, now_us);
	case STEP_PARAMETER_WRITE:
		if (t->task->parameters[t->index].blind)
			return next_parameter(t, now_us);
		t->answer.said = SAID_YES;
		return talk_go(t, STEP_PARAMETER_AFTER, now_us);
	}
	return talk_done(t, ERR_BUG, "no such step");
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
		return talk_done(t, ERR_RETRY, "an answer without end");
	return ask_part(t);
}

enum talk_next
hear(struct talk *t, struct span frame, int64_t now_us)
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
		return talk_done(t, ERR_REFUSED, "an answer without data");
	}
	if (f.len < 4 || dlt645_di(span_of(f.data, f.len)) != t->di)
		return TALK_UNRELATED;
	if (t->expect == DLT645_SECURITY)
		return heard_whole(t, span_of(f.data + 4, f.len - 4), now_us);
	return heard_part(t, &f, now_us);
}
