/*
 * Meters for landlords, whose makers have words of their own (dlt645.md 4.4).
 *
 *	wallet-plain   03 070102FF: amount, order number, meter; nothing signed
 *	               028011FF what it shows, 070104FF what it is set to
 *	east           14 000A0100: an amount, and nothing to know it by again
 *
 * A plain wallet refuses the order number it took last with an error of one byte; one that
 * `doubles` takes it again, one that `forgets` has lost it with its supply.
 */
#include "sim/vmeter_inside.h"

#include "codec/dlt645_items.h"
#include "model/meter.h"

#define DI_RECHARGE   0x070102ffu
#define ORDER_DATA    34 /* DI, operator, amount 4, order 8, MAC 4, meter 6, MAC 4 */
#define EAST_DATA     16 /* DI, password, operator, amount 4 */
#define MOST_IN_WORDS 99999999

#define BIT_OTHER    0x01u
#define BIT_NO_DATA  0x02u
#define BIT_PASSWORD 0x04u

static unsigned
order_refused(const struct vmeter *v, int64_t order, int64_t amount)
{
	if (order == v->last_order && order != 0 && !v->doubles)
		return BIT_OTHER;
	if (amount == 0 || amount > MOST_IN_WORDS)
		return BIT_OTHER;
	if (v->hoarding_minor > 0 && v->credit_minor + amount > v->hoarding_minor)
		return BIT_OTHER;
	return 0;
}

bool
vmeter_order_credit(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	const uint8_t *p = ask->data + 8;
	int64_t order, amount;
	char meter[13];
	unsigned bits;

	if (ask->len < 8 || dlt645_di(span_of(ask->data, ask->len)) != DI_RECHARGE)
		return vmeter_refuse(v, ask, reply, BIT_NO_DATA);
	if (ask->len != ORDER_DATA || bcd_get(span_of(p + 4, 8), &order) < 0)
		return vmeter_refuse(v, ask, reply, BIT_OTHER);
	customer_text(p + 16, meter);
	if (strcmp(meter, v->address) != 0)
		return vmeter_refuse(v, ask, reply, BIT_OTHER);
	amount = le32_get(p);
	bits = order_refused(v, order, amount);
	if (bits != 0)
		return vmeter_refuse(v, ask, reply, bits);
	v->last_order = order;
	vmeter_tell(v, v->at_us, "order", "\"order\":\"%016lld\",\"amount_minor\":%lld",
	    (long long)order, (long long)amount);
	vmeter_credit(v, amount, v->purchases + 1);
	reply->control = DLT645_SECURITY | DLT645_REPLY;
	dlt645_put_di(reply, DI_RECHARGE);
	return true;
}

bool
vmeter_east_credit(struct vmeter *v, const struct dlt645 *ask, struct dlt645 *reply)
{
	int64_t amount;

	if (ask->len != EAST_DATA || bcd_get(span_of(ask->data + 12, 4), &amount) < 0)
		return vmeter_refuse(v, ask, reply, BIT_OTHER);
	if (!vmeter_password(v, ask->data + 4))
		return vmeter_refuse(v, ask, reply, BIT_PASSWORD);
	vmeter_credit(v, amount, v->purchases + 1);
	reply->control = DLT645_WRITE | DLT645_REPLY;
	return true;
}

/* --- what it shows ------------------------------------------------------------------------ */

static void
put_bcd(struct buf *out, size_t bytes, int64_t value)
{
	uint8_t digits[8];

	bcd_put(digits, bytes, value > 0 ? value : 0);
	buf_put(out, digits, bytes);
}

static void
put_zeros(struct buf *out, size_t bytes)
{
	while (bytes-- > 0)
		buf_put_u8(out, 0);
}

/* 65 bytes; its status word has bits of its own: 8 is the relay. */
static bool
read_snapshot(const struct vmeter *v, struct buf *out)
{
	int64_t load = v->open || v->off ? 0 : v->watts;

	put_bcd(out, 4, v->credit_minor);
	put_bcd(out, 4, -v->credit_minor);
	put_bcd(out, 2, 2200);
	put_zeros(out, 4);
	put_bcd(out, 3, load * 1000 / 220 % 1000000);
	put_zeros(out, 6);
	put_bcd(out, 3, load * 10 % 1000000);
	put_bcd(out, 3, load * 10 % 1000000);
	put_zeros(out, 6);
	put_bcd(out, 2, 1000);
	put_bcd(out, 2, 1000);
	put_zeros(out, 4);
	for (int i = 0; i < REGISTERS; i++)
		put_bcd(out, 4, vmeter_reg(v, i));
	put_zeros(out, 1);
	buf_put_u8(out, v->open ? 0x01 : 0x00);
	return true;
}

/* 143 bytes; what this meter has no setting for is nought. */
static bool
read_block(struct vmeter *v, struct buf *out)
{
	const struct tariff_set *set = vmeter_set_of(v, SET_PRICES);

	put_zeros(out, 25);
	put_bcd(out, 3, 1);
	put_bcd(out, 3, 1);
	put_bcd(out, 4, v->warn_minor[0]);
	put_bcd(out, 4, v->warn_minor[1]);
	put_bcd(out, 4, v->overdraft_minor);
	put_bcd(out, 4, v->hoarding_minor);
	put_bcd(out, 4, v->reclose_minor);
	put_bcd(out, 3, v->limit_dw);
	put_bcd(out, 1, v->overload_delay_s % 100);
	for (int i = 0; i < BANDS; i++)
		put_bcd(out, 4, set->price_micro[i] / 100);
	put_zeros(out, 4 * 4 + 56);
	return true;
}

bool
vmeter_landlord_read(struct vmeter *v, uint32_t di, struct buf *out)
{
	if (di == 0x00900100) {
		put_bcd(out, 4, v->credit_minor);
		return v->profile == VMETER_EAST;
	}
	if (v->profile != VMETER_WALLET_PLAIN)
		return false;
	return di == 0x028011ff ? read_snapshot(v, out) : read_block(v, out);
}

void
vmeter_snapshot(struct vmeter *v, struct buf *out)
{
	struct dlt645 f = {.control = DLT645_REPLY | DLT645_READ};
	struct buf data = {0};

	memcpy(f.address, v->address, sizeof f.address);
	dlt645_put_di(&f, 0x028011ff);
	read_snapshot(v, &data);
	memcpy(f.data + f.len, data.bytes, data.len);
	f.len += data.len;
	buf_clear(&data);
	dlt645_build(out, &f);
	v->frames_out++;
}
