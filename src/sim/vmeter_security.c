/*
 * Function 03 of a meter with a security chip: authentication, account, credit, status
 * (dlt645.md 4.2).  A meter without one answers "no such data" in one byte.
 */
#include "sim/vmeter_inside.h"

#include "codec/dlt645_items.h"

#include <stdio.h>

#define DI_AUTH   0x070000ffu
#define DI_LEAVE  0x070002ffu
#define DI_STATUS 0x078102ffu

enum serr {
	SERR_OTHER = 0x01,
	SERR_REPEAT = 0x02,
	SERR_MAC = 0x04,
	SERR_AUTH = 0x08,
	SERR_CUSTOMER = 0x10,
	SERR_COUNT = 0x20,
	SERR_HOARDING = 0x40,
};

void
customer_text(const uint8_t six[6], char out[13])
{
	for (int i = 0; i < 6; i++)
		snprintf(out + 2 * i, 3, "%02X", six[5 - i]);
}

void
customer_bytes(const char *digits, uint8_t six[6])
{
	for (int i = 0; i < 6; i++)
		six[5 - i] = (uint8_t)((digits[2 * i] - '0') << 4 | (digits[2 * i + 1] - '0'));
}

static void
put(struct dlt645 *reply, const void *bytes, size_t len)
{
	memcpy(reply->data + reply->len, bytes, len);
	reply->len += len;
}

static void
put_le32(struct dlt645 *reply, uint32_t n)
{
	for (int i = 0; i < 4; i++, n >>= 8)
		reply->data[reply->len++] = (uint8_t)n;
}

static bool
say_yes(const struct dlt645 *ask, struct dlt645 *reply)
{
	reply->control = DLT645_SECURITY | DLT645_REPLY;
	put(reply, ask->data, 4);
	return true;
}

static bool
authenticate(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	const uint8_t *p = ask->data + 8;

	if (ask->len != 32)
		return vmeter_refuse(v, ask, reply, SERR_OTHER);
	if (!esam_authenticate(
		&v->chip, v->address, p, p + 8, p + 16, dice_roll(&v->dice), v->at_us))
		return vmeter_refuse(v, ask, reply, SERR_AUTH);
	say_yes(ask, reply);
	put(reply, v->chip.rand2, sizeof v->chip.rand2);
	put(reply, v->chip.serial, sizeof v->chip.serial);
	return true;
}

/* The wallet in the chip knows no debt. */
static uint32_t
wallet(const struct vmeter *v)
{
	return v->credit_minor > 0 ? (uint32_t)v->credit_minor : 0;
}

static bool
leave(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint8_t six[6];

	esam_leave(&v->chip);
	say_yes(ask, reply);
	customer_bytes(v->customer, six);
	put(reply, six, sizeof six);
	put_le32(reply, wallet(v));
	put_le32(reply, v->purchases);
	put_le32(reply, 0);
	return true;
}

static void
put_signed(const struct vmeter *v, struct dlt645 *reply, uint32_t n)
{
	uint8_t mac[4];

	put_le32(reply, n);
	esam_mac(v->chip.key, v->chip.rand2, span_of(reply->data + reply->len - 4, 4), mac);
	put(reply, mac, sizeof mac);
}

static bool
status(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint8_t six[6];

	say_yes(ask, reply);
	put_signed(v, reply, wallet(v));
	put_signed(v, reply, v->purchases);
	customer_bytes(v->customer, six);
	put(reply, six, sizeof six);
	put_le32(reply, 0);
	return true;
}

/* The 22 bytes behind the operator code of 070101FF and 070102FF. */
struct money {
	uint32_t di, amount, count;
	const uint8_t *mac1, *customer, *mac2;
	char digits[13];
};

static struct money
money_get(const struct dlt645 *ask)
{
	const uint8_t *p = ask->data + 8;
	struct money m = {
	    .di = dlt645_di(span_of(ask->data, ask->len)) | 0xff,
	    .amount = le32_get(p),
	    .count = le32_get(p + 4),
	    .mac1 = p + 8,
	    .customer = p + 12,
	    .mac2 = p + 18,
	};

	customer_text(m.customer, m.digits);
	return m;
}

static bool
customer_signed(struct vmeter *v, const struct money *m)
{
	uint8_t right[4];

	esam_mac_customer(v->chip.key, v->chip.rand2, m->di, m->count, m->customer, right);
	return esam_compare(&v->chip, right, m->mac2);
}

static bool
amount_signed(struct vmeter *v, const struct money *m)
{
	uint8_t right[4];

	esam_mac_amount(v->chip.key, v->chip.rand2, m->di, m->amount, m->count, right);
	return esam_compare(&v->chip, right, m->mac1);
}

/* In the order of the firmware the sheet describes (4.2); 0 when the money may go in. */
static unsigned
money_refused(struct vmeter *v, const struct money *m)
{
	bool opening = m->di == ESAM_DI_OPEN;

	if (!esam_authenticated(&v->chip, v->at_us))
		return SERR_AUTH;
	if (!v->opened && !opening)
		return SERR_OTHER;
	if (v->opened && strcmp(m->digits, v->customer) != 0)
		return SERR_CUSTOMER;
	if (strspn(m->digits, "0123456789") != 12)
		return SERR_CUSTOMER;
	if (!customer_signed(v, m))
		return SERR_MAC;
	if (v->purchases > 0 && m->count == v->purchases)
		return SERR_REPEAT;
	if (m->count != v->purchases + 1)
		return SERR_COUNT;
	if (v->opened && opening)
		return SERR_OTHER;
	if (v->hoarding_minor > 0 && v->credit_minor + m->amount > v->hoarding_minor)
		return SERR_HOARDING;
	if (!amount_signed(v, m))
		return SERR_MAC;
	return 0;
}

static bool
take_money(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	struct money m;
	unsigned bits;

	if (ask->len != 30)
		return vmeter_refuse(v, ask, reply, SERR_OTHER);
	m = money_get(ask);
	bits = money_refused(v, &m);
	if (bits != 0)
		return vmeter_refuse(v, ask, reply, bits);
	if (m.di == ESAM_DI_OPEN) {
		v->opened = true;
		memcpy(v->customer, m.digits, sizeof v->customer);
		vmeter_tell(
		    v, v->at_us, "open", "\"customer\":\"%s\",\"count\":%u", v->customer, m.count);
	}
	vmeter_credit(v, m.amount, m.count);
	return say_yes(ask, reply);
}

bool
vmeter_security(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	uint32_t di = dlt645_di(span_of(ask->data, ask->len));

	if (v->profile == VMETER_WALLET_PLAIN)
		return vmeter_order_credit(v, ask, reply);
	if (!vmeter_chip(v))
		return vmeter_refuse(v, ask, reply, 0x02);
	if (ask->len < 8)
		return vmeter_refuse(v, ask, reply, SERR_OTHER);
	switch (di | ((di & 0xff) == 0x01 ? 0xff : 0)) { /* ..01 is heard like ..FF */
	case DI_AUTH:
		return authenticate(v, ask, reply);
	case DI_LEAVE:
		return leave(v, ask, reply);
	case DI_STATUS:
		return status(v, ask, reply);
	case ESAM_DI_OPEN:
	case ESAM_DI_CREDIT:
		return take_money(v, ask, reply);
	default:
		return vmeter_refuse(v, ask, reply, SERR_OTHER);
	}
}
