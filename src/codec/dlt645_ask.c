/* What each step sends. */
#include "codec/dlt645_talk.h"

#include "codec/dlt645_items.h"
#include "codec/dlt645_parameters.h"
#include "codec/dlt645_profile.h"
#include "model/calendar.h"

#include <stdlib.h>
#include <string.h>

#define DI_CLOCK    0x0400010cu
#define DI_DATE     0x04000101u
#define DI_TIME     0x04000102u
#define DI_STATUS   0x04000503u
#define DI_OWED     0x00900201u
#define DI_AUTH     0x070000ffu
#define DI_OPEN     0x070101ffu
#define DI_RECHARGE 0x070102ffu
#define DI_WALLET   0x078102ffu
#define DI_RECORD   0x0333ff00u
#define DI_FREEZE   0x05060000u
#define DI_EAST     0x000a0100u
#define DI_HOUR     0x0504ff00u

#define CAST_US INT64_C(1500000) /* no answer says that a broadcast has arrived */

const struct dlt645_profile *
talk_profile(const struct talk *t)
{
	return dlt645_profile(t->meter->profile);
}

static enum talk_next
send(struct talk *t, struct dlt645 *f, bool security)
{
	const struct dlt645_profile *p = talk_profile(t);
	struct dlt645_policy policy = {.most = p->most_data, .short_control = p->short_control};

	memcpy(f->address, t->meter->address, sizeof f->address);
	t->out.len = 0;
	for (int i = 0; i < p->preamble; i++)
		buf_put_u8(&t->out, 0xfe);
	if (dlt645_encode(&t->out, f, &policy, &t->err) < 0)
		return TALK_DONE;
	t->expect = f->control;
	t->patience_us = t->reply_us > 0 ? t->reply_us : p->reply_us;
	if (security && t->reply_us == 0) /* a setting counts for all */
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

enum talk_next
ask_part(struct talk *t)
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
	memcpy(f.data + f.len, talk_profile(t)->operator_code, 4); /* zero: nobody at the keys */
	f.len += 4;
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
	if (t->step == STEP_KEEP_END || t->task->keep == KEEP_NO_MORE)
		return 0x3b;
	if (t->task->keep == KEEP_POWER)
		return 0x3a;
	if (t->task->relay == RELAY_OPEN)
		return 0x1a;
	return t->task->relay == RELAY_PERMITTED ? 0x1b : talk_profile(t)->close_code;
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

	f.data[f.len++] = t->meter->key.level != 0 ? t->meter->key.level : talk_profile(t)->level;
	put(&f, t->meter->key.password, 3);
	if (talk_profile(t)->short_control) {
		put(&f, talk_profile(t)->operator_code, 4);
		f.data[f.len++] = relay_code(t);
	} else {
		put_le32(&f, t->task->operator_code);
		f.data[f.len++] = relay_code(t);
		f.data[f.len++] = 0;
		deadline(t, now_us, until);
		put(&f, until, sizeof until);
	}
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

/* Amount, order number, meter; what would be MACs is nought (dlt645.md 4.4, the short layout). */
static enum talk_next
act_credit_order(struct talk *t)
{
	static const uint8_t mac[4];
	struct dlt645 f = security_frame(t, DI_RECHARGE);
	uint8_t order[8], meter[6];

	put_le32(&f, (uint32_t)t->task->amount_minor);
	bcd_put(order, sizeof order, t->task->order_no);
	put(&f, order, sizeof order);
	put(&f, mac, sizeof mac);
	bcd_put(meter, sizeof meter, strtoll(t->meter->address, NULL, 10));
	put(&f, meter, sizeof meter);
	put(&f, mac, sizeof mac);
	t->acted = true;
	return send(t, &f, true);
}

static enum talk_next
act_credit_east(struct talk *t)
{
	struct dlt645 f = {.control = DLT645_WRITE};
	uint8_t amount[4];

	dlt645_put_di(&f, DI_EAST);
	f.data[f.len++] = t->meter->key.level != 0 ? t->meter->key.level : talk_profile(t)->level;
	put(&f, t->meter->key.password, 3);
	put(&f, talk_profile(t)->operator_code, 4);
	bcd_put(amount, sizeof amount, t->task->amount_minor);
	put(&f, amount, sizeof amount);
	t->di = 0;
	t->acted = true;
	return send(t, &f, false);
}

static enum talk_next
act_credit_plain(struct talk *t)
{
	return talk_profile(t)->recharge == RECHARGE_EAST ? act_credit_east(t)
							  : act_credit_order(t);
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

static enum talk_next
act(struct talk *t, int64_t now_us)
{
	if (t->task->kind == TASK_CREDIT_SEND && talk_profile(t)->recharge != RECHARGE_ESAM)
		return act_credit_plain(t);
	if (t->task->kind == TASK_CREDIT_SEND)
		return sign(t, t->task->open_account ? SIGN_OPEN : SIGN_RECHARGE, now_us);
	if (talk_profile(t)->auth == AUTH_ESAM)
		return sign(t, SIGN_CONTROL, now_us);
	return act_relay_plain(t, now_us);
}

/* --- parameters -------------------------------------------------------------------------- */

uint8_t
ask_level(const struct talk *t)
{
	if (talk_profile(t)->auth != AUTH_ESAM)
		return 0;
	return dlt645_write_level(t->task->parameters[t->index].id);
}

static enum talk_next
act_write(struct talk *t, const struct sign_reply *r)
{
	const struct parameter *p = &t->task->parameters[t->index];
	uint8_t sealed[4] = {ask_level(t), 0, 0, 0};
	struct dlt645 f = {.control = DLT645_WRITE};

	dlt645_put_di(&f, p->id);
	if (r != NULL) {
		put(&f, sealed, sizeof sealed);
	} else {
		f.data[f.len++] =
		    t->meter->key.level != 0 ? t->meter->key.level : talk_profile(t)->level;
		put(&f, t->meter->key.password, 3);
	}
	put_le32(&f, t->task->operator_code);
	if (r != NULL && sealed[0] == 0x98)
		put(&f, r->cipher, r->cipher_len);
	else
		put(&f, p->data, p->len);
	if (r != NULL)
		put(&f, r->mac1, 4);
	t->di = 0;
	t->acted = true;
	return send(t, &f, r != NULL);
}

static enum talk_next
write_parameter(struct talk *t, int64_t now_us)
{
	const struct parameter *p = &t->task->parameters[t->index];
	uint8_t level = ask_level(t);

	if (level == 0)
		return act_write(t, NULL);
	sign(t, level == 0x98 ? SIGN_WRITE_98 : SIGN_WRITE_99, now_us);
	t->sign.di = p->id;
	t->sign.data_len = p->len;
	memcpy(t->sign.data, p->data, p->len);
	return TALK_SIGN;
}

static enum talk_next
read_parameter(struct talk *t, int64_t now_us)
{
	const struct task *k = t->task;

	if (t->index < k->nparameters && k->kind == TASK_WRITE && k->parameters[t->index].blind)
		return talk_write(t, now_us);
	if (t->index < k->nparameters)
		return read_item(t, t->task->parameters[t->index].id);
	return talk_done(t, ERR_NONE, NULL);
}

/* --- the clock --------------------------------------------------------------------------- */

/* ss mm hh WW DD MM YY, to the nearest second. */
static void
clock_now(const struct talk *t, int64_t now_us, uint8_t out[7])
{
	struct civil c = calendar_civil(t->meter->zone, now_us + 500000);
	int parts[7] = {c.second, c.minute, c.hour, c.weekday, c.day, c.month, c.year % 100};

	for (int i = 0; i < 7; i++)
		bcd_put(out + i, 1, parts[i]);
}

/* To all on the line: some meters do not take it in their own name (dlt645.md 1.2). */
static enum talk_next
cast_clock(struct talk *t, int64_t now_us)
{
	struct dlt645 f = {.control = DLT645_TIME, .address = "999999999999"};
	struct dlt645_policy policy = {.most = talk_profile(t)->most_data};
	uint8_t clock[7];

	clock_now(t, now_us, clock);
	put(&f, clock, 3);
	put(&f, clock + 4, 3);
	t->out.len = 0;
	for (int i = 0; i < talk_profile(t)->preamble; i++)
		buf_put_u8(&t->out, 0xfe);
	if (dlt645_encode(&t->out, &f, &policy, &t->err) < 0)
		return TALK_DONE;
	t->acted = true;
	t->pause_us = CAST_US;
	return TALK_CAST;
}

/* All of it, or the date and the time each by itself. */
static enum talk_next
write_clock(struct talk *t, int64_t now_us)
{
	static const struct {
		uint32_t di;
		size_t from, len;
	} parts[] = {
	    [STEP_CLOCK_WRITE] = {DI_CLOCK, 0, 7},
	    [STEP_DATE_WRITE] = {DI_DATE,  3, 4},
	    [STEP_TIME_WRITE] = {DI_TIME,  0, 3}
        };
	struct dlt645 f = {.control = DLT645_WRITE};
	uint8_t clock[7];

	clock_now(t, now_us, clock);
	dlt645_put_di(&f, parts[t->step].di);
	f.data[f.len++] = t->meter->key.level != 0 ? t->meter->key.level : talk_profile(t)->level;
	put(&f, t->meter->key.password, 3);
	put_le32(&f, t->task->operator_code);
	put(&f, clock + parts[t->step].from, parts[t->step].len);
	t->di = 0;
	t->acted = true;
	return send(t, &f, false);
}

/* --- steps ------------------------------------------------------------------------------- */

static uint32_t
next_item(struct talk *t)
{
	const struct task *k = t->task;

	/* All tariffs come in one block with the total. */
	if (t->index < k->nregs && k->regs[t->index] == REG_TOTAL_WH && k->nregs > t->index + 1 &&
	    k->regs[t->index + 1] == REG_T1_WH)
		return DI_TOU;
	if (t->index < k->nregs && k->regs[t->index] == REG_CREDIT &&
	    talk_profile(t)->balance_di != 0)
		return talk_profile(t)->balance_di;
	return t->index < k->nregs ? dlt645_di_of(k->regs[t->index]) : 0;
}

enum talk_next
ask_step(struct talk *t, enum step step, int64_t now_us)
{
	uint32_t di;

	switch (step) {
	case STEP_CLOCK:
		return read_item(t, DI_CLOCK);
	case STEP_DATE:
		return read_item(t, DI_DATE);
	case STEP_TIME:
		return read_item(t, DI_TIME);
	case STEP_CLOCK_CAST:
		return cast_clock(t, now_us);
	case STEP_CLOCK_WRITE:
	case STEP_DATE_WRITE:
	case STEP_TIME_WRITE:
		return write_clock(t, now_us);
	case STEP_AUTH:
		return sign(t, SIGN_AUTH, now_us);
	case STEP_ITEMS:
		di = next_item(t);
		return di != 0 ? read_item(t, di) : talk_done(t, ERR_NONE, NULL);
	case STEP_OWED:
		return read_item(t, DI_OWED);
	case STEP_STATUS_BEFORE:
	case STEP_KEEP_LOOK:
	case STEP_STATUS_AFTER:
		return read_item(t, DI_STATUS);
	case STEP_KEEP_END:
	case STEP_ACT:
		return act(t, now_us);
	case STEP_WALLET: {
		struct dlt645 f = security_frame(t, DI_WALLET);

		if (talk_profile(t)->balance_di != 0)
			return read_item(t, talk_profile(t)->balance_di);
		return send(t, &f, true);
	}
	case STEP_RECORD:
		return read_item(t, DI_RECORD | (uint32_t)t->index);
	case STEP_FREEZE_TIME:
	case STEP_FREEZE_WH:
		return read_item(t,
		    DI_FREEZE | (step == STEP_FREEZE_WH ? 0x100u : 0) | (uint32_t)t->task->record);
	case STEP_HOUR:
		return read_item(t, DI_HOUR | (uint32_t)t->task->record);
	case STEP_PARAMETER_BEFORE:
	case STEP_PARAMETER_AFTER:
		return read_parameter(t, now_us);
	case STEP_PARAMETER_WRITE:
		return write_parameter(t, now_us);
	}
	return talk_done(t, ERR_BUG, "no such step");
}

enum talk_next
ask_signed(struct talk *t, const struct sign_reply *r)
{
	if (t->step == STEP_AUTH)
		return authenticate(t, r);
	if (t->step == STEP_PARAMETER_WRITE)
		return act_write(t, r);
	return t->task->kind == TASK_RELAY ? act_relay_esam(t, r) : act_credit(t, r);
}
