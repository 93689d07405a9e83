/*
 * What can be read: one table, the first entry that fits answers.
 *
 * The bytes are made here and not by the codec's item table, so that the daemon's reading of
 * an item and the meter's writing of it are two opinions (dlt645.md section 2).
 * A record that is not there is filled with FF; an identifier that is not there is refused.
 */
#include "sim/vmeter_inside.h"

#include "codec/dlt645_items.h"

void
vmeter_put_bcd(struct buf *out, size_t bytes, int64_t value)
{
	uint8_t digits[8];
	int64_t wrap = 1;

	for (size_t i = 0; i < bytes; i++)
		wrap *= 100;
	bcd_put(digits, bytes, value > 0 ? value % wrap : 0);
	buf_put(out, digits, bytes);
}

static void
put_fill(struct buf *out, size_t bytes, uint8_t with)
{
	for (size_t i = 0; i < bytes; i++)
		buf_put_u8(out, with);
}

static void
put_le32(struct buf *out, uint32_t n)
{
	for (int i = 0; i < 4; i++, n >>= 8)
		buf_put_u8(out, (uint8_t)n);
}

/* mm hh DD MM YY, or ss before them; FF when it never was. */
void
vmeter_put_time(const struct vmeter *v, struct buf *out, int64_t clock_us, bool seconds)
{
	struct civil c = calendar_civil(v->world->zone, clock_us);

	if (clock_us == 0) {
		put_fill(out, seconds ? 6 : 5, 0xff);
		return;
	}
	if (seconds)
		vmeter_put_bcd(out, 1, c.second);
	vmeter_put_bcd(out, 1, c.minute);
	vmeter_put_bcd(out, 1, c.hour);
	vmeter_put_bcd(out, 1, c.day);
	vmeter_put_bcd(out, 1, c.month);
	vmeter_put_bcd(out, 1, c.year % 100);
}

/* The item-th (from 1) of a record's items, or all of them for FF. */
static bool
put_item(struct buf *out, struct buf *record, const uint8_t *lens, unsigned nlens, unsigned item)
{
	size_t from = 0;
	bool found = item >= 1 && item <= nlens;

	if (item == 0xff) {
		buf_put(out, record->bytes, record->len);
		found = true;
	} else if (found) {
		for (unsigned i = 1; i < item; i++)
			from += lens[i - 1];
		buf_put(out, record->bytes + from, lens[item - 1]);
	}
	buf_clear(record);
	return found;
}

static bool
read_energy(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned quantity = di >> 16 & 0xff, tariff = di >> 8 & 0xff, month = di & 0xff;

	if (quantity > 2 || (tariff > BANDS && tariff != 0xff) || month > MONTHS)
		return false;
	for (unsigned i = 0; i < REGISTERS; i++) {
		uint32_t n = month == 0 ? vmeter_reg(v, (int)i) : v->settled[month - 1].regs[i];

		if (i == tariff || tariff == 0xff)
			vmeter_put_bcd(out, 4, quantity == 2 ? 0 : n); /* nothing flows back */
	}
	return true;
}

static bool
read_money(struct vmeter *v, uint32_t di, struct buf *out)
{
	if (!vmeter_local(v))
		return false;
	vmeter_put_bcd(out, 4, (di & 1) == 0 ? v->credit_minor : -v->credit_minor);
	return true;
}

static bool
read_month_use(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned month = di & 0xff;

	if (month > MONTHS)
		return false;
	vmeter_put_bcd(out, 4, month == 0 ? vmeter_month_use(v) : v->month_use[month - 1]);
	return true;
}

static bool
read_line(struct vmeter *v, uint32_t di, struct buf *out)
{
	int64_t watts = vmeter_flow(v);

	switch (di) {
	case 0x02010100: /* 220.0 V */
		vmeter_put_bcd(out, 2, 2200);
		return true;
	case 0x02020100: /* 0.001 A */
		vmeter_put_bcd(out, 3, watts * 1000 / 220);
		return true;
	case 0x02800001: /* of the neutral, 0.001 A */
		vmeter_put_bcd(out, 3, watts * 1000 / 220 / (v->tampered[TAMPER_NEUTRAL] ? 2 : 1));
		return true;
	case 0x02030000: /* 0.0001 kW */
	case 0x02030100:
	case 0x02800003:
		vmeter_put_bcd(out, 3, watts * 10);
		return true;
	case 0x02060000:
	case 0x02060100:
		vmeter_put_bcd(out, 2, 1000);
		return true;
	case 0x02800002:
		vmeter_put_bcd(out, 2, 5000);
		return true;
	case 0x02800020: /* 0.0001 per kWh */
		vmeter_put_bcd(out, 4, vmeter_price(v) / 100);
		return vmeter_local(v);
	case 0x02800021:
		vmeter_put_bcd(
		    out, 4, vmeter_set_of(v, SET_PRICES)->price_micro[v->band - 1] / 100);
		return vmeter_local(v);
	case 0x0280000b:
		vmeter_put_bcd(
		    out, 4, vmeter_set_of(v, SET_STEPS)->step_micro[vmeter_step(v)] / 100);
		return vmeter_local(v);
	case 0x02800022: /* minutes, begun ones count */
		vmeter_put_bcd(out, 2,
		    esam_authenticated(&v->chip, v->at_us)
			? (v->chip.auth_until_us - v->at_us + MINUTE_US - 1) / MINUTE_US
			: 0);
		return vmeter_local(v);
	default:
		return false;
	}
}

static bool
read_clock(struct vmeter *v, uint32_t di, struct buf *out)
{
	struct civil c = calendar_civil(v->world->zone, vmeter_clock(v, v->at_us));

	if (di != 0x04000101) {
		vmeter_put_bcd(out, 1, c.second);
		vmeter_put_bcd(out, 1, c.minute);
		vmeter_put_bcd(out, 1, c.hour);
	}
	if (di != 0x04000102) {
		vmeter_put_bcd(out, 1, c.weekday);
		vmeter_put_bcd(out, 1, c.day);
		vmeter_put_bcd(out, 1, c.month);
		vmeter_put_bcd(out, 1, c.year % 100);
	}
	return true;
}

static bool
read_status(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned word = di & 0xff;

	if (word == 0 || (word > 7 && word != 0xff))
		return false;
	for (unsigned i = 1; i <= 7; i++) {
		uint32_t bits = i == 3 ? vmeter_status(v) : vmeter_tamper_status(v, i);

		if (i == 4 && vmeter_overloaded(v)) /* phase A */
			bits |= 0x0020;
		if (i != word && word != 0xff)
			continue;
		buf_put_u8(out, (uint8_t)bits);
		buf_put_u8(out, (uint8_t)(bits >> 8));
	}
	return true;
}

static bool
read_settings(struct vmeter *v, uint32_t di, struct buf *out)
{
	uint8_t six[6];

	switch (di) {
	case 0x04000401:
	case 0x04000402:
	case 0x0400040e:
		customer_bytes(di == 0x0400040e ? v->customer : v->address, six);
		buf_put(out, six, sizeof six);
		return true;
	case 0x04001001:
	case 0x04001002:
		vmeter_put_bcd(out, 4, v->warn_minor[(di & 0xff) - 1]);
		return true;
	case 0x04001003:
		vmeter_put_bcd(out, 4, v->overdraft_minor);
		return vmeter_local(v);
	case 0x04001004:
		vmeter_put_bcd(out, 4, v->hoarding_minor);
		return vmeter_local(v);
	case 0x04001005:
		vmeter_put_bcd(out, 4, v->reclose_minor);
		return vmeter_local(v);
	case 0x04000e01:
		vmeter_put_bcd(out, 3, v->limit_dw);
		return true;
	case 0x04001401:
		vmeter_put_bcd(out, 2, v->trip_delay_min);
		return true;
	default:
		return vmeter_tariff_read(v, di, out);
	}
}

/* A frozen record with all the standard's items: 269 bytes, so FF needs a 12. */
static bool
read_freeze(struct vmeter *v, uint32_t di, struct buf *out)
{
	static const uint8_t lens[] = {5, 20, 20, 20, 20, 20, 20, 20, 20, 40, 40, 24};
	unsigned item = di >> 8 & 0xff, n = di & 0xff, daily = (di >> 16 & 0xff) == 6;
	struct freeze none = {0}, *f = &none;
	struct buf record = {0};

	if (n == 0 || n > (daily ? FREEZES : 3u))
		return false;
	if (item == 0x10)
		item = 0x0b;
	else if (item == 0x0b)
		return false;
	if (daily && (int)n <= v->nfreezes)
		f = &v->freezes[n - 1];
	else if (!daily)
		f = &v->instant[n - 1];
	vmeter_put_time(v, &record, f->clock_us, false);
	for (int i = 0; i < REGISTERS; i++)
		vmeter_put_bcd(&record, 4, f->regs[i]);
	put_fill(&record, 7 * 20 + 2 * 40 + 24, 0);
	if (f->clock_us == 0)
		memset(record.bytes, 0xff, record.len);
	return put_item(out, &record, lens, sizeof lens, item == 0xff ? item : item + 1);
}

/* One register of each direction: 13 bytes in all (dlt645.md 2.8). */
static bool
read_hour(struct vmeter *v, uint32_t di, struct buf *out)
{
	static const uint8_t lens[] = {5, 4, 4};
	unsigned item = di >> 8 & 0xff, n = di & 0xff;
	struct buf record = {0};

	if (!v->hourly || n == 0 || n > HOURS)
		return false;
	if ((int)n <= v->nhours) {
		vmeter_put_time(v, &record, v->hours[n - 1].clock_us, false);
		vmeter_put_bcd(&record, 4, v->hours[n - 1].reg);
		vmeter_put_bcd(&record, 4, 0);
	} else {
		put_fill(&record, 13, 0xff);
	}
	return put_item(out, &record, lens, sizeof lens, item == 0xff ? item : item + 1);
}

static bool
read_recharge(struct vmeter *v, uint32_t di, struct buf *out)
{
	static const uint8_t lens[] = {5, 2, 4, 4, 4, 4};
	unsigned n = di & 0xff;
	struct buf record = {0};
	struct purchase *p;

	if (!vmeter_local(v) || v->no_records || n == 0 || n > RECORDS)
		return false;
	p = &v->recharges.at[n - 1];
	if (p->clock_us != 0)
		vmeter_put_time(v, &record, p->clock_us, false);
	else
		put_fill(&record, 5, 0);
	vmeter_put_bcd(&record, 2, p->count);
	vmeter_put_bcd(&record, 4, p->amount_minor);
	vmeter_put_bcd(&record, 4, p->before_minor); /* an overdraft is shown as nothing */
	vmeter_put_bcd(&record, 4, p->after_minor);
	vmeter_put_bcd(&record, 4, p->bought_minor);
	return put_item(out, &record, lens, sizeof lens, di >> 8 & 0xff);
}

static bool
read_relay_record(struct vmeter *v, uint32_t di, struct buf *out)
{
	static const uint8_t lens[] = {6, 4, 4, 4, 4, 4, 4, 4};
	bool trip = di >> 24 == 0x1d;
	unsigned n = di & 0xff;
	struct relay_record *r;
	struct buf record = {0};

	if (di == (trip ? 0x1d000001 : 0x1e000001)) {
		vmeter_put_bcd(out, 3, trip ? v->trips.total : v->closes.total);
		return true;
	}
	if ((di >> 16 & 0xff) != 0 || n == 0 || n > RECORDS)
		return false;
	r = trip ? &v->trips.at[n - 1] : &v->closes.at[n - 1];
	vmeter_put_time(v, &record, r->clock_us, true);
	put_le32(&record, r->operator_code);
	vmeter_put_bcd(&record, 4, r->reg);
	put_fill(&record, 20, 0);
	if (r->clock_us == 0)
		memset(record.bytes, 0xff, record.len);
	return put_item(out, &record, lens, sizeof lens, di >> 8 & 0xff);
}

static bool
read_span_record(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned n = di & 0xff;
	bool covers = (di & 0xffffff00) == 0x03300d00, outage = di >> 16 == 0x0311;
	uint32_t total = outage ? v->outages.total : covers ? v->covers.total : v->terminals.total;
	struct span_record *at = outage ? v->outages.at : covers ? v->covers.at : v->terminals.at;

	if (n == 0)
		vmeter_put_bcd(out, 3, total);
	if (n == 0 || n > RECORDS)
		return n == 0;
	vmeter_put_time(v, out, at[n - 1].from_us, true);
	vmeter_put_time(v, out, at[n - 1].to_us, true);
	if (outage)
		return true;
	if (at[n - 1].from_us == 0) {
		put_fill(out, 48, 0xff);
		return true;
	}
	vmeter_put_bcd(out, 4, at[n - 1].reg);
	put_fill(out, 44, 0);
	return true;
}

/* Times and minutes of three phases; ours is on A. */
static bool
read_overloads(struct vmeter *v, uint32_t di, struct buf *out)
{
	(void)di;
	vmeter_put_bcd(out, 3, v->overloads.total);
	vmeter_put_bcd(out, 3, v->overload_us / MINUTE_US);
	put_fill(out, 12, 0);
	return true;
}

static bool
read_one_overload(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned item = di >> 8 & 0xff, n = di & 0xff;

	if (item == 0 && (n == 1 || n == 2)) {
		vmeter_put_bcd(out, 3, n == 1 ? v->overloads.total : v->overload_us / MINUTE_US);
		return true;
	}
	if ((item != 0x01 && item != 0x12) || n == 0 || n > RECORDS)
		return false;
	vmeter_put_time(v, out,
	    item == 1 ? v->overloads.at[n - 1].from_us : v->overloads.at[n - 1].to_us, true);
	return true;
}

static bool
read_programming(struct vmeter *v, uint32_t di, struct buf *out)
{
	unsigned n = di & 0xff;
	struct programming *p;

	if (n == 0)
		vmeter_put_bcd(out, 3, v->programmings.total);
	if (n == 0 || n > RECORDS)
		return n == 0;
	p = &v->programmings.at[n - 1];
	vmeter_put_time(v, out, p->clock_us, true);
	if (p->clock_us == 0) {
		put_fill(out, 44, 0xff);
		return true;
	}
	put_le32(out, p->operator_code);
	put_le32(out, p->di);
	put_fill(out, 36, 0xff);
	return true;
}

static const struct readable {
	uint32_t di, mask;
	bool (*read)(struct vmeter *v, uint32_t di, struct buf *out);
} readables[] = {
    {0x00900100, 0xffffffff, vmeter_landlord_read},
    {0x028011ff, 0xffffffff, vmeter_landlord_read},
    {0x070104ff, 0xffffffff, vmeter_landlord_read},
    {0x00900200, 0xfffffffe, read_money          },
    {0x000b0000, 0xffffff00, read_month_use      },
    {0x00000000, 0xff000000, read_energy         },
    {0x02000000, 0xff000000, read_line           },
    {0x04000101, 0xffffffff, read_clock          },
    {0x04000102, 0xffffffff, read_clock          },
    {0x0400010c, 0xffffffff, read_clock          },
    {0x04000500, 0xffffff00, read_status         },
    {0x04001501, 0xffffffff, vmeter_tamper_read  },
    {0x03010000, 0xffffffff, vmeter_tamper_read  },
    {0x030b0000, 0xffffffff, vmeter_tamper_read  },
    {0x030c0000, 0xffffffff, vmeter_tamper_read  },
    {0x030e0000, 0xffffffff, vmeter_tamper_read  },
    {0x03350000, 0xfffffffe, vmeter_tamper_read  },
    {0x10010000, 0xffff0000, vmeter_tamper_read  },
    {0x18010000, 0xffff0000, vmeter_tamper_read  },
    {0x19010000, 0xffff0000, vmeter_tamper_read  },
    {0x1b010000, 0xffff0000, vmeter_tamper_read  },
    {0x04010000, 0xffff0000, vmeter_tariff_read  },
    {0x04020000, 0xfffe0000, vmeter_tariff_read  },
    {0x04050000, 0xffff0000, vmeter_tariff_read  },
    {0x04060000, 0xffff0000, vmeter_tariff_read  },
    {0x04000000, 0xffff0000, read_settings       },
    {0x05040000, 0xffff0000, read_hour           },
    {0x05060000, 0xffff0000, read_freeze         },
    {0x05010000, 0xffff0000, read_freeze         },
    {0x03330000, 0xffff0000, read_recharge       },
    {0x03300d00, 0xffffff00, read_span_record    },
    {0x03300e00, 0xffffff00, read_span_record    },
    {0x03110000, 0xffffff00, read_span_record    },
    {0x03300000, 0xffffff00, read_programming    },
    {0x030f0000, 0xffffffff, read_overloads      },
    {0x1c010000, 0xffff0000, read_one_overload   },
    {0x1d000000, 0xff000000, read_relay_record   },
    {0x1e000000, 0xff000000, read_relay_record   },
};

bool
vmeter_lacks(const struct vmeter *v, uint32_t di)
{
	for (int i = 0; i < LACKS; i++)
		if (v->lacks[i] == di && di != 0)
			return true;
	return false;
}

bool
vmeter_read(struct vmeter *v, uint32_t di, struct buf *out)
{
	if (vmeter_lacks(v, di))
		return false;
	for (size_t i = 0; i < sizeof readables / sizeof *readables; i++)
		if ((di & readables[i].mask) == readables[i].di)
			return readables[i].read(v, di, out);
	return false;
}
