/*
 * The tariff of a meter: which hours are which tariff, what they cost, and the switch from the
 * set in force to the spare one, by its own clock.
 *
 * Everything is kept twice and may be written whichever set it is in; a switch time in the past
 * switches nothing.  Entries are kept as they came, so that what is read back is what was
 * written (dlt645.md 2.5).
 */
#include "sim/vmeter_inside.h"

#include "codec/dlt645_items.h"

#define BIT_OTHER   0x01u
#define BIT_ZONES   0x10u
#define BIT_SLOTS   0x20u
#define BIT_TARIFFS 0x40u

#define NEVER INT64_MAX

static const char *const kind_names[SET_KINDS] = {"zones", "tables", "steps", "prices"};

void
vmeter_tariff_init(struct vmeter *v)
{
	static const uint8_t day[][3] = {
	    {4, 0, 0x00},
            {3, 0, 0x07},
            {2, 0, 0x10},
            {3, 0, 0x15},
            {1, 0, 0x18},
            {3, 0, 0x21},
	    {4, 0, 0x23}
        };
	const size_t n = sizeof day / sizeof *day;

	for (int s = 0; s < 2; s++) {
		struct tariff_set *set = &v->sets[s];

		for (int i = 0; i < ZONES; i++)
			memcpy(set->zones[i], (uint8_t[]){1, 1, 1}, 3);
		for (int t = 0; t < TABLES; t++)
			for (size_t i = 0; i < SLOTS; i++)
				memcpy(set->tables[t][i], day[i < n ? i : n - 1], 3);
		for (int i = 0; i < BANDS; i++)
			set->price_micro[i] = 600000;
	}
	v->workdays = 0x7f;
	v->weekend_table = 1;
	v->settle_day = 1;
}

struct tariff_set *
vmeter_set_of(struct vmeter *v, enum set_kind kind)
{
	return &v->sets[v->switches[kind].now];
}

static int
bcd(uint8_t b)
{
	return (b >> 4) > 9 || (b & 15) > 9 ? -1 : (b >> 4) * 10 + (b & 15);
}

/* --- which tariff ------------------------------------------------------------------------- */

static const uint8_t *
holiday_of(const struct vmeter *v, const struct civil *c)
{
	for (int64_t i = 0; i < v->nholidays; i++)
		if (bcd(v->holidays[i][1]) == c->day && bcd(v->holidays[i][2]) == c->month &&
		    bcd(v->holidays[i][3]) == c->year % 100)
			return v->holidays[i];
	return NULL;
}

static int
table_of(struct vmeter *v, const struct civil *c)
{
	const struct tariff_set *set = vmeter_set_of(v, SET_ZONES);
	const uint8_t *holiday = holiday_of(v, c);
	int i = ZONES - 1;

	if (holiday != NULL)
		return bcd(holiday[0]);
	if ((v->workdays & 1u << c->weekday) == 0)
		return bcd(v->weekend_table);
	while (
	    i > 0 && bcd(set->zones[i][2]) * 100 + bcd(set->zones[i][1]) > c->month * 100 + c->day)
		i--;
	if (bcd(set->zones[i][2]) * 100 + bcd(set->zones[i][1]) > c->month * 100 + c->day)
		i = ZONES - 1; /* it began last year */
	return bcd(set->zones[i][0]);
}

static int
minute_of(const uint8_t slot[3])
{
	return bcd(slot[2]) * 60 + bcd(slot[1]);
}

void
vmeter_find_band(struct vmeter *v)
{
	const struct calendar *zone = v->world->zone;
	int64_t clock = vmeter_clock(v, v->at_us);
	struct civil c = calendar_civil(zone, clock);
	const uint8_t(*slots)[3] = vmeter_set_of(v, SET_TABLES)->tables[table_of(v, &c) - 1];
	int minute = c.hour * 60 + c.minute, i = SLOTS - 1, next = 0;

	while (i > 0 && minute_of(slots[i]) > minute)
		i--;
	v->band = bcd(slots[minute_of(slots[i]) > minute ? SLOTS - 1 : i][0]);
	v->band_until_us = v->midnight_us;
	while (next < SLOTS && minute_of(slots[next]) <= minute)
		next++;
	if (next == SLOTS)
		return;
	c.hour = minute_of(slots[next]) / 60;
	c.minute = minute_of(slots[next]) % 60;
	c.second = 0;
	clock = calendar_instant(zone, &c);
	if (clock > vmeter_clock(v, v->at_us))
		v->band_until_us = vmeter_clock_reaches(v, clock);
}

int
vmeter_step(const struct vmeter *v)
{
	const struct tariff_set *set = &v->sets[v->switches[SET_STEPS].now];
	int64_t used = v->wus[0] - v->month_start_wus;
	int step = 0;

	while (step < STEPS && set->step_wh[step] > 0 && used >= set->step_wh[step] * WUS_PER_WH)
		step++;
	return step;
}

/* --- the switch --------------------------------------------------------------------------- */

void
vmeter_find_switches(struct vmeter *v)
{
	int64_t clock = vmeter_clock(v, v->at_us);

	v->switch_at_us = NEVER;
	for (int k = 0; k < SET_KINDS; k++) {
		struct set_switch *s = &v->switches[k];
		int64_t at;

		if (s->armed && clock >= s->clock_us) {
			s->armed = false;
			s->now = 1 - s->now;
			vmeter_tell(v, v->at_us, "switch",
			    "\"what\":\"%s\",\"set\":%d,\"energy_wus\":%lld,\"credit_minor\":%lld,"
			    "\"grains\":%lld",
			    kind_names[k], s->now + 1, (long long)v->wus[0],
			    (long long)v->credit_minor, (long long)v->grains);
		}
		if (!s->armed)
			continue;
		at = vmeter_clock_reaches(v, s->clock_us);
		if (at < v->switch_at_us)
			v->switch_at_us = at;
	}
}

static unsigned
write_switch(struct vmeter *v, enum set_kind kind, const uint8_t *data)
{
	struct set_switch *s = &v->switches[kind];
	uint8_t six[6] = {0};
	int64_t clock;

	memcpy(six + 1, data, 5);
	if (vmeter_time_get(v, six, &clock) < 0)
		return BIT_OTHER;
	memcpy(s->asked, data, 5);
	s->clock_us = clock;
	s->armed = clock > vmeter_clock(v, v->at_us);
	return 0;
}

/* --- tables ------------------------------------------------------------------------------- */

static unsigned
write_zones(struct tariff_set *set, const uint8_t *data)
{
	int before = 0;

	for (int i = 0; i < ZONES; i++) {
		const uint8_t *e = data + 3 * (size_t)i;
		uint8_t date[3] = {e[1], e[2], 0}; /* 2000 had a 29 February */
		int at = bcd(e[2]) * 100 + bcd(e[1]);

		if (!bcd_is_date(date) || bcd(e[0]) < 1 || bcd(e[0]) > TABLES || at < before)
			return BIT_ZONES;
		before = at;
	}
	memcpy(set->zones, data, sizeof set->zones);
	return 0;
}

static unsigned
write_table(struct tariff_set *set, unsigned n, const uint8_t *data)
{
	int before = 0;

	for (int i = 0; i < SLOTS; i++) {
		const uint8_t *e = data + 3 * (size_t)i;

		if (bcd(e[0]) < 1 || bcd(e[0]) > BANDS)
			return BIT_TARIFFS;
		if (!bcd_is_time(e + 1, 2) || minute_of(e) < before)
			return BIT_SLOTS;
		before = minute_of(e);
	}
	memcpy(set->tables[n - 1], data, sizeof set->tables[0]);
	return 0;
}

static unsigned
write_number(int64_t *to, const uint8_t *data, int64_t scale)
{
	int64_t n;

	if (bcd_get(span_of(data, 4), &n) < 0)
		return BIT_OTHER;
	*to = n * scale;
	return 0;
}

static unsigned
write_holiday(struct vmeter *v, unsigned n, const uint8_t *data)
{
	if (!bcd_is_date(data + 1) || bcd(data[0]) < 1 || bcd(data[0]) > TABLES)
		return BIT_OTHER;
	memcpy(v->holidays[n - 1], data, 4);
	return 0;
}

static unsigned
write_single(struct vmeter *v, uint32_t di, const uint8_t *data)
{
	int64_t n;

	if (di == 0x04000801) {
		v->workdays = data[0] & 0x7f;
		return 0;
	}
	if (bcd_get(span_of(data, di == 0x04000802 ? 1 : 2), &n) < 0)
		return BIT_OTHER;
	if (di == 0x04000802 && (n < 1 || n > TABLES))
		return BIT_OTHER;
	if (di == 0x04000205 && n > HOLIDAYS)
		return BIT_OTHER;
	if (di == 0x04000b01 && (n / 100 < 1 || n / 100 > 28 || n % 100 > 23))
		return BIT_OTHER;
	if (di == 0x04000802) {
		v->weekend_table = data[0];
	} else if (di == 0x04000205) {
		v->nholidays = n;
	} else {
		v->settle_day = (int)(n / 100);
		v->settle_hour = (int)(n % 100);
	}
	return 0;
}

/* --- identifiers -------------------------------------------------------------------------- */

enum what {
	WHAT_SWITCH,
	WHAT_COUNT, /* of what there is room for: read only */
	WHAT_SINGLE,
	WHAT_ZONES,
	WHAT_TABLE,
	WHAT_HOLIDAY,
	WHAT_PRICE,
	WHAT_LIMIT,
	WHAT_STEP_PRICE,
};

/* DI0 counts from `first` to `last`; `set` is which of the two. */
static const struct item {
	uint32_t di;
	uint8_t first, last;
	enum what what;
	int set;
	enum vmeter_class class;
	uint8_t bytes;
} items[] = {
    {0x04000100, 0x06, 0x07,      WHAT_SWITCH,     0, CLASS_98, 5        },
    {0x04000100, 0x08, 0x08,      WHAT_SWITCH,     0, CLASS_99, 5        },
    {0x04000100, 0x09, 0x09,      WHAT_SWITCH,     0, CLASS_98, 5        },
    {0x04000200, 0x01, 0x04,      WHAT_COUNT,      0, CLASS_98, 1        },
    {0x04000200, 0x05, 0x05,      WHAT_SINGLE,     0, CLASS_98, 2        },
    {0x04000200, 0x07, 0x07,      WHAT_COUNT,      0, CLASS_98, 1        },
    {0x04000800, 0x01, 0x02,      WHAT_SINGLE,     0, CLASS_98, 1        },
    {0x04000b00, 0x01, 0x01,      WHAT_SINGLE,     0, CLASS_98, 2        },
    {0x04010000, 0,    0,         WHAT_ZONES,      0, CLASS_98, 3 * ZONES},
    {0x04020000, 0,    0,         WHAT_ZONES,      1, CLASS_98, 3 * ZONES},
    {0x04010000, 1,    TABLES,    WHAT_TABLE,      0, CLASS_98, 3 * SLOTS},
    {0x04020000, 1,    TABLES,    WHAT_TABLE,      1, CLASS_98, 3 * SLOTS},
    {0x04030000, 1,    HOLIDAYS,  WHAT_HOLIDAY,    0, CLASS_98, 4        },
    {0x04050100, 1,    BANDS,     WHAT_PRICE,      0, CLASS_99, 4        },
    {0x04050200, 1,    BANDS,     WHAT_PRICE,      1, CLASS_99, 4        },
    {0x04060000, 1,    STEPS,     WHAT_LIMIT,      0, CLASS_98, 4        },
    {0x04060100, 1,    STEPS + 1, WHAT_STEP_PRICE, 0, CLASS_98, 4        },
    {0x04060200, 1,    STEPS,     WHAT_LIMIT,      1, CLASS_98, 4        },
    {0x04060300, 1,    STEPS + 1, WHAT_STEP_PRICE, 1, CLASS_98, 4        },
};

static const struct item *
item_find(uint32_t di)
{
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		if ((di & 0xffffff00u) == items[i].di && (di & 0xff) >= items[i].first &&
		    (di & 0xff) <= items[i].last)
			return &items[i];
	return NULL;
}

bool
vmeter_tariff_item(uint32_t di, enum vmeter_class *class, size_t *bytes)
{
	const struct item *i = item_find(di);

	if (i == NULL || i->what == WHAT_COUNT)
		return false;
	*class = i->class;
	*bytes = i->bytes;
	return true;
}

/* 0106 zones, 0107 tables, 0108 prices, 0109 steps. */
static enum set_kind
kind_of(uint32_t di)
{
	static const enum set_kind kinds[] = {SET_ZONES, SET_TABLES, SET_PRICES, SET_STEPS};

	return kinds[(di - 6) & 3];
}

unsigned
vmeter_tariff_write(struct vmeter *v, uint32_t di, const uint8_t *data)
{
	const struct item *i = item_find(di);
	struct tariff_set *set = &v->sets[i->set];
	unsigned n = di & 0xff, bits = BIT_OTHER;

	switch (i->what) {
	case WHAT_SWITCH:
		bits = write_switch(v, kind_of(di), data);
		break;
	case WHAT_COUNT:
		break;
	case WHAT_SINGLE:
		bits = write_single(v, di, data);
		break;
	case WHAT_ZONES:
		bits = write_zones(set, data);
		break;
	case WHAT_TABLE:
		bits = write_table(set, n, data);
		break;
	case WHAT_HOLIDAY:
		bits = write_holiday(v, n, data);
		break;
	case WHAT_PRICE:
		bits = write_number(&set->price_micro[n - 1], data, 100);
		break;
	case WHAT_LIMIT:
		bits = write_number(&set->step_wh[n - 1], data, 10);
		break;
	case WHAT_STEP_PRICE:
		bits = write_number(&set->step_micro[n - 1], data, 100);
		break;
	}
	if (bits == 0)
		vmeter_look_at_clock(v);
	return bits;
}

static void
put_number(struct buf *out, size_t bytes, int64_t n)
{
	uint8_t digits[8];

	bcd_put(digits, bytes, n);
	buf_put(out, digits, bytes);
}

static void
read_single(const struct vmeter *v, uint32_t di, struct buf *out)
{
	if (di == 0x04000205)
		put_number(out, 2, v->nholidays);
	else if (di == 0x04000801)
		buf_put_u8(out, v->workdays);
	else if (di == 0x04000802)
		buf_put_u8(out, v->weekend_table);
	else
		put_number(out, 2, v->settle_day * 100 + v->settle_hour);
}

bool
vmeter_tariff_read(struct vmeter *v, uint32_t di, struct buf *out)
{
	static const uint8_t counts[] = {
	    [1] = ZONES, [2] = TABLES, [3] = SLOTS, [4] = BANDS, [7] = STEPS};
	const struct item *i = item_find(di);
	const struct tariff_set *set;
	unsigned n = di & 0xff;

	if (n == 0xff && (di == 0x040501ff || di == 0x040502ff) && vmeter_local(v)) {
		for (int k = 0; k < BANDS; k++)
			put_number(out, 4, v->sets[di == 0x040502ff].price_micro[k] / 100);
		return true;
	}
	if (i == NULL || (i->what >= WHAT_PRICE && !vmeter_local(v)))
		return false;
	set = &v->sets[i->set];
	switch (i->what) {
	case WHAT_SWITCH:
		buf_put(out, v->switches[kind_of(di)].asked, 5);
		break;
	case WHAT_COUNT:
		put_number(out, 1, n < sizeof counts ? counts[n] : 0);
		break;
	case WHAT_SINGLE:
		read_single(v, di, out);
		break;
	case WHAT_ZONES:
		buf_put(out, set->zones, sizeof set->zones);
		break;
	case WHAT_TABLE:
		buf_put(out, set->tables[n - 1], sizeof set->tables[0]);
		break;
	case WHAT_HOLIDAY:
		buf_put(out, v->holidays[n - 1], 4);
		break;
	case WHAT_PRICE:
		put_number(out, 4, set->price_micro[n - 1] / 100);
		break;
	case WHAT_LIMIT:
		put_number(out, 4, set->step_wh[n - 1] / 10);
		break;
	case WHAT_STEP_PRICE:
		put_number(out, 4, set->step_micro[n - 1] / 100);
		break;
	}
	return true;
}
