/*
 * Writes (14) and relay orders (1C), and what guards them.
 *
 * Without a chip everything goes with the password.  With one, a parameter's class decides:
 * 99 (plain and MAC), 98 (sealed and MAC), password for the rest; a relay order must be sealed
 * (dlt645.md 3.2, 4.3).
 */
#include "sim/vmeter_inside.h"

#include "codec/dlt645_items.h"

#include <stddef.h>

#define BIT_OTHER    0x01u
#define BIT_NO_DATA  0x02u
#define BIT_PASSWORD 0x04u

#define OF_TARIFF SIZE_MAX

#define HEAD 12 /* DI, password, operator */

bool
vmeter_password(struct vmeter *v, const uint8_t *level_and_password)
{
	if (v->at_us < v->locked_until_us)
		return false;
	if ((level_and_password[0] == 0x02 || level_and_password[0] == 0x04) &&
	    memcmp(level_and_password + 1, v->password, sizeof v->password) == 0) {
		v->wrong_passwords = 0;
		return true;
	}
	if (++v->wrong_passwords >= PASSWORD_TRIES) {
		v->wrong_passwords = 0;
		v->locked_until_us = v->at_us + LOCK_US;
	}
	return false;
}

static const struct writable {
	uint32_t di;
	enum vmeter_class class;
	uint8_t bytes;
	size_t offset; /* an int64_t of struct vmeter; 0: apply_special(), or OF_TARIFF */
	int64_t scale;
} writables[] = {
#define AT(field) offsetof(struct vmeter, field)
    {0x04000101, CLASS_PASSWORD, 4,  0,                   0},
        {0x04000102, CLASS_PASSWORD, 3,  0,                   0},
    {0x0400010c, CLASS_PASSWORD, 7,  0,                   0},
        {0x0400040e, CLASS_99,       6,  0,                   0},
    {0x04000e01, CLASS_PASSWORD, 3,  AT(limit_dw),        1},
    {0x04001001, CLASS_99,       4,  AT(warn_minor[0]),   1},
    {0x04001002, CLASS_99,       4,  AT(warn_minor[1]),   1},
    {0x04001003, CLASS_98,       4,  AT(overdraft_minor), 1},
    {0x04001004, CLASS_98,       4,  AT(hoarding_minor),  1},
    {0x04001005, CLASS_98,       4,  AT(reclose_minor),   1},
    {0x04001401, CLASS_98,       2,  AT(trip_delay_min),  1},
    {0x04001503, CLASS_PASSWORD, 12, 0,                   0}, /* what is in it is reset */
#undef AT
};

static bool
writable_find(uint32_t di, struct writable *w)
{
	size_t bytes;

	for (size_t i = 0; i < sizeof writables / sizeof *writables; i++)
		if (writables[i].di == di) {
			*w = writables[i];
			return true;
		}
	*w = (struct writable){.di = di, .offset = OF_TARIFF};
	if (!vmeter_tariff_item(di, &w->class, &bytes))
		return false;
	w->bytes = (uint8_t)bytes;
	return true;
}

/* Date and time are written apart or together; each keeps what the other says. */
static bool
apply_clock(struct vmeter *v, uint32_t di, const uint8_t *data)
{
	struct civil now = calendar_civil(v->world->zone, vmeter_clock(v, v->at_us));
	uint8_t six[6];
	int64_t clock;

	bcd_put(six + 0, 1, now.second);
	bcd_put(six + 1, 1, now.minute);
	bcd_put(six + 2, 1, now.hour);
	bcd_put(six + 3, 1, now.day);
	bcd_put(six + 4, 1, now.month);
	bcd_put(six + 5, 1, now.year % 100);
	if (di != 0x04000101)
		memcpy(six, data, 3);
	if (di != 0x04000102)
		memcpy(six + 3, data + (di == 0x0400010c ? 4 : 1), 3);
	if (vmeter_time_get(v, six, &clock) < 0)
		return false;
	vmeter_clock_set(v, clock);
	return true;
}

static bool
apply_special(struct vmeter *v, uint32_t di, const uint8_t *data)
{
	int64_t digits;

	if (di == 0x04001503) {
		for (size_t i = 0; i < REPORT_BYTES; i++)
			v->report[i] &= (uint8_t)~data[i];
		return true;
	}
	if (di != 0x0400040e)
		return apply_clock(v, di, data);
	if (bcd_get(span_of(data, 6), &digits) < 0)
		return false;
	customer_text(data, v->customer);
	return true;
}

/* The bits of a refusal, 0 for none. */
static unsigned
apply(struct vmeter *v, const struct writable *w, const uint8_t *data, uint32_t operator_code)
{
	char hex[2 * 64 + 1];
	unsigned bits;
	int64_t n;

	if (w->offset == OF_TARIFF) {
		bits = vmeter_tariff_write(v, w->di, data);
		if (bits != 0)
			return bits;
	} else if (w->offset == 0) {
		if (!apply_special(v, w->di, data))
			return BIT_OTHER;
	} else {
		if (bcd_get(span_of(data, w->bytes), &n) < 0)
			return BIT_OTHER;
		n *= w->scale;
		memcpy((char *)v + w->offset, &n, sizeof n);
	}
	hex_out(hex, span_of(data, w->bytes));
	vmeter_tell(v, v->at_us, "parameter", "\"di\":\"%08x\",\"data\":\"%s\"", w->di, hex);
	LAST_PUSH(
	    v->programmings, (struct programming){vmeter_clock(v, v->at_us), operator_code, w->di});
	vmeter_judge(v);
	return 0;
}

/* Takes the MAC off a 99 write and the seal off a 98 one; `data` is then what is to be
 * written.  Returns the bits of a refusal, 0 for none. */
static unsigned
unwrap(struct vmeter *v, const struct dlt645 *ask, uint8_t *data, size_t *len)
{
	uint8_t level = ask->data[4], covered[DLT645_MAX_DATA];
	size_t n = ask->len - HEAD - 4;
	const uint8_t *body = ask->data + HEAD;

	if (ask->len < HEAD + 4)
		return BIT_OTHER;
	if (!esam_authenticated(&v->chip, v->at_us))
		return BIT_PASSWORD;
	if (level == 0x98) {
		uint8_t clear[ESAM_SEALED];

		if (!esam_check(&v->chip, span_of(body, n), body + n))
			return BIT_PASSWORD;
		if (esam_unseal(v->chip.key, span_of(body, n), clear, len) < 0 || *len < 4 ||
		    memcmp(clear, ask->data, 4) != 0)
			return BIT_OTHER;
		*len -= 4;
		memcpy(data, clear + 4, *len);
		return 0;
	}
	memcpy(covered, ask->data, 4);
	memcpy(covered + 4, body, n);
	if (!esam_check(&v->chip, span_of(covered, 4 + n), body + n))
		return BIT_PASSWORD;
	memcpy(data, body, n);
	*len = n;
	return 0;
}

static bool
may_write(const struct vmeter *v, const struct writable *w, uint8_t level)
{
	static const uint8_t levels[] = {[CLASS_98] = 0x98, [CLASS_99] = 0x99};

	if (!vmeter_chip(v) || w->class == CLASS_PASSWORD)
		return level != 0x98 && level != 0x99;
	return level == levels[w->class];
}

bool
vmeter_write(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint32_t di = dlt645_di(span_of(ask->data, ask->len));
	struct writable w;
	uint8_t data[ESAM_SEALED];
	size_t len = ask->len - HEAD;
	unsigned bits = 0;

	if (ask->len < HEAD)
		return vmeter_refuse(v, ask, reply, BIT_OTHER);
	if (v->profile == VMETER_EAST && di >> 8 == 0x000a01)
		return vmeter_east_credit(v, ask, reply);
	if (di >> 24 != 0x04)
		return vmeter_refuse(v, ask, reply, BIT_PASSWORD);
	if (vmeter_lacks(v, di) || !writable_find(di, &w))
		return vmeter_refuse(v, ask, reply, BIT_NO_DATA);
	if (!may_write(v, &w, ask->data[4]))
		return vmeter_refuse(v, ask, reply, BIT_PASSWORD);
	if (ask->data[4] == 0x98 || ask->data[4] == 0x99)
		bits = unwrap(v, ask, data, &len);
	else if (vmeter_password(v, ask->data + 4))
		memcpy(data, ask->data + HEAD, len);
	else
		bits = BIT_PASSWORD;
	if (bits == 0)
		bits = len != w.bytes ? BIT_OTHER : apply(v, &w, data, le32_get(ask->data + 8));
	if (bits != 0)
		return vmeter_refuse(v, ask, reply, bits);
	reply->control = DLT645_WRITE | DLT645_REPLY;
	return true;
}

struct order {
	uint8_t n1, n2;
	const uint8_t *until;
};

static unsigned
order_sealed(struct vmeter *v, const struct dlt645 *ask, uint8_t *clear, struct order *o)
{
	const uint8_t *sealed = ask->data + 8;
	size_t len;

	if (!vmeter_chip(v) || !esam_authenticated(&v->chip, v->at_us) ||
	    !esam_check(&v->chip, span_of(sealed, 16), sealed + 16))
		return BIT_PASSWORD;
	if (esam_unseal(v->chip.key, span_of(sealed, 16), clear, &len) < 0 || len != 8)
		return BIT_OTHER;
	*o = (struct order){clear[0], clear[1], clear + 2};
	return 0;
}

/* An order is good until its deadline on the meter's own clock (dlt645.md 3.1). */
static unsigned
order_late(const struct vmeter *v, const struct order *o)
{
	int64_t deadline;

	if (vmeter_time_get(v, o->until, &deadline) < 0 ||
	    deadline < vmeter_clock(v, v->at_us) / SECOND_US * SECOND_US)
		return BIT_OTHER;
	return 0;
}

bool
vmeter_control(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint8_t clear[ESAM_SEALED];
	struct order o = {0};
	unsigned bits = BIT_OTHER;

	if (ask->len == 9 && v->profile == VMETER_EAST) {
		o = (struct order){.n1 = ask->data[8]};
		bits = vmeter_password(v, ask->data) ? 0 : BIT_PASSWORD;
	} else if (ask->len == 16 && !vmeter_chip(v)) {
		o = (struct order){ask->data[8], ask->data[9], ask->data + 10};
		bits = order_late(v, &o);
		if (bits == 0 && !vmeter_password(v, ask->data))
			bits = BIT_PASSWORD;
	} else if (ask->len == 16) {
		bits = BIT_PASSWORD; /* a meter with a chip takes no plain orders */
	} else if (ask->len == 28 && ask->data[0] == 0x98) {
		bits = order_sealed(v, ask, clear, &o);
		if (bits == 0)
			bits = order_late(v, &o);
	}
	if (bits == 0 && !vmeter_order(v, o.n1, le32_get(ask->data + 4)))
		bits = BIT_OTHER;
	if (bits != 0)
		return vmeter_refuse(v, ask, reply, bits);
	reply->control = DLT645_CONTROL | DLT645_REPLY;
	return true;
}
