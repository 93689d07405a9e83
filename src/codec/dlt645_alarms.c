#include "codec/dlt645_alarms.h"

#include "codec/dlt645_items.h"
#include "model/calendar.h"

#include <string.h>

#define WORDS        7
#define REPORT_BYTES 12

/* --- status words (2.6) ------------------------------------------------------------------- */

static const struct status_bit {
	uint8_t first, last; /* words, from 1 */
	uint16_t bits;
	enum alarm alarm;
} status_bits[] = {
    {1, 1, 0x000c, ALARM_BATTERY_LOW   },
    {1, 1, 0x0010, ALARM_REVERSE_ENERGY},
    {2, 2, 0x0007, ALARM_REVERSE_ENERGY},
    {4, 6, 0x0081, ALARM_VOLTAGE_LOSS  }, /* lost, or the phase is broken */
    {4, 6, 0x0108, ALARM_CURRENT_LOSS  },
    {4, 6, 0x0010, ALARM_OVER_CURRENT  },
    {4, 6, 0x0020, ALARM_OVERLOAD      },
    {4, 6, 0x0040, ALARM_REVERSE_ENERGY},
    {7, 7, 0x0003, ALARM_PHASE_ORDER   }, /* of voltage, of current */
};

static void
look_at_word(unsigned word, unsigned value, struct alarm_view *v)
{
	for (size_t i = 0; i < sizeof status_bits / sizeof *status_bits; i++) {
		const struct status_bit *b = &status_bits[i];

		if (word < b->first || word > b->last)
			continue;
		v->known |= ALARM_BIT(b->alarm);
		if ((value & b->bits) != 0)
			v->shown |= ALARM_BIT(b->alarm);
	}
}

static unsigned
word_at(const struct parameter *p, size_t i)
{
	return p->seen[2 * i] | (unsigned)p->seen[2 * i + 1] << 8;
}

int
dlt645_status_alarms(const struct parameter *seen, struct alarm_view *v)
{
	if (seen->id == DLT645_STATUS_ALL) {
		if (seen->seen_len != 2 * WORDS)
			return -1;
		for (unsigned i = 0; i < WORDS; i++)
			look_at_word(i + 1, word_at(seen, i), v);
		return 0;
	}
	if (seen->seen_len != 2 || (seen->id & 0xffffff00) != DLT645_STATUS(0))
		return -1;
	look_at_word(seen->id & 0xff, word_at(seen, 0), v);
	return 0;
}

int64_t
dlt645_relay_word(const struct parameter *seen)
{
	if (seen->id != DLT645_STATUS_ALL || seen->seen_len != 2 * WORDS)
		return -1;
	return word_at(seen, 2);
}

/* --- the active report (2.7) -------------------------------------------------------------- */

/* That a trip or a close was done is no alarm: the relay is read anyway. */
static const struct {
	uint8_t bit;
	enum alarm alarm;
} report_bits[] = {
    {0,  ALARM_RELAY_MOVED   },
    {1,  ALARM_METER_FAULT   }, /* its security chip */
    {3,  ALARM_BATTERY_LOW   },
    {5,  ALARM_METER_FAULT   }, /* its memory */
    {7,  ALARM_METER_FAULT   }, /* its clock */
    {8,  ALARM_BATTERY_LOW   },
    {10, ALARM_COVER_OPEN    },
    {11, ALARM_TERMINAL_OPEN },
    {12, ALARM_MAGNETIC_FIELD},
};

int
dlt645_report_alarms(const struct parameter *seen, uint32_t *happened, struct parameter *mask)
{
	unsigned any = 0;

	if (seen->seen_len < REPORT_BYTES) /* a count for each bit follows */
		return -1;
	*happened = 0;
	*mask = (struct parameter){.id = DLT645_REPORT_RESET, .blind = true};
	for (size_t i = 0; i < sizeof report_bits / sizeof *report_bits; i++)
		if ((seen->seen[report_bits[i].bit / 8] >> report_bits[i].bit % 8 & 1) != 0)
			*happened |= ALARM_BIT(report_bits[i].alarm);
	for (size_t i = 0; i < REPORT_BYTES; i++)
		any |= seen->seen[i];
	if (any == 0)
		return 0;
	memcpy(mask->data, seen->seen, REPORT_BYTES);
	mask->len = REPORT_BYTES;
	return 0;
}

/* --- counters and records (2.9) ----------------------------------------------------------- */

/* The record's own time stands first; a register of it may stand behind. */
static const struct counter {
	uint32_t di, records[ALARM_RECORDS];
	enum alarm alarm;
	uint8_t wh_at;  /* 0: no register in it */
	bool operators; /* four bytes behind the time: whose order it was */
} counters[ALARM_COUNTERS] = {
#define ALONE(di_, alarm_, wh_at_)                      \
	{                                               \
		di_, {(di_) + 1}, alarm_, wh_at_, false \
	}
#define PHASES(di_, group_, alarm_)                                                           \
	{                                                                                     \
		di_, {(group_) + 0x10101, (group_) + 0x20101, (group_) + 0x30101}, alarm_, 0, \
		    false                                                                     \
	}
#define RELAY(group_)                                                          \
	{                                                                      \
		(group_) + 1, {(group_) + 0xff01}, ALARM_RELAY_MOVED, 10, true \
	}
    [COUNTER_COVERS] = ALONE(0x03300d00, ALARM_COVER_OPEN, 12),
    [COUNTER_TERMINALS] = ALONE(0x03300e00, ALARM_TERMINAL_OPEN, 12),
    [COUNTER_MAGNETIC] = ALONE(0x03350000, ALARM_MAGNETIC_FIELD, 0),
    [COUNTER_VOLTAGE_LOSS] = PHASES(0x03010000, 0x10000000, ALARM_VOLTAGE_LOSS),
    [COUNTER_CURRENT_LOSS] = PHASES(0x030b0000, 0x18000000, ALARM_CURRENT_LOSS),
    [COUNTER_OVER_CURRENT] = PHASES(0x030c0000, 0x19000000, ALARM_OVER_CURRENT),
    [COUNTER_REVERSAL] = PHASES(0x030e0000, 0x1b000000, ALARM_REVERSE_ENERGY),
    [COUNTER_TRIPS] = RELAY(0x1d000000),
    [COUNTER_CLOSES] = RELAY(0x1e000000),
#undef ALONE
#undef PHASES
#undef RELAY
};

enum alarm
dlt645_counter_alarm(enum alarm_counter c)
{
	return counters[c].alarm;
}

uint32_t
dlt645_counter_di(enum alarm_counter c)
{
	return counters[c].di;
}

uint32_t
dlt645_record_di(enum alarm_counter c, int n)
{
	return n < ALARM_RECORDS ? counters[c].records[n] : 0;
}

uint32_t
dlt645_record_wh_di(enum alarm_counter c, int n)
{
	uint32_t di = dlt645_record_di(c, n);

	return di != 0 && counters[c].records[1] != 0 ? di + 0x100 : 0;
}

int64_t
dlt645_record_wh(const struct parameter *seen)
{
	int64_t n;

	return seen->seen_len == 4 && bcd_get(span_of(seen->seen, 4), &n) == 0 ? n * 10 : -1;
}

int64_t
dlt645_counter_get(enum alarm_counter c, const struct parameter *seen)
{
	bool phases = counters[c].records[1] != 0;
	size_t step = phases ? 6 : 3; /* count, minutes */
	int64_t sum = 0, n;

	if (seen->seen_len < step || seen->seen_len % step != 0 || seen->seen_len > 3 * step ||
	    (!phases && seen->seen_len != 3))
		return -1;
	for (size_t at = 0; at < seen->seen_len; at += step) {
		if (bcd_get(span_of(seen->seen + at, 3), &n) < 0)
			return -1;
		sum += n;
	}
	return sum;
}

static bool
moment(const uint8_t *six, const struct calendar *zone, int64_t *at_us)
{
	struct civil c = {0};
	int64_t v[6];

	for (size_t i = 0; i < 6; i++)
		if (bcd_get(span_of(six + i, 1), &v[i]) < 0)
			return false;
	c = (struct civil){
	    2000 + (int)v[5], (int)v[4], (int)v[3], (int)v[2], (int)v[1], (int)v[0], 0};
	if (!calendar_valid(&c))
		return false;
	*at_us = calendar_instant(zone, &c);
	return true;
}

bool
dlt645_record_get(enum alarm_counter c, struct alarm_record *r, const struct parameter *seen,
    const struct calendar *zone)
{
	const struct counter *k = &counters[c];
	const uint8_t *p = seen->seen + 6;
	int64_t n;

	*r = (struct alarm_record){.wh = -1};
	if (seen->seen_len < 6 || !moment(seen->seen, zone, &r->at_us))
		return false;
	if (k->operators && seen->seen_len >= 10)
		r->operator_code = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				   (uint32_t)p[3] << 24;
	if (k->wh_at != 0 && seen->seen_len >= k->wh_at + 4 &&
	    bcd_get(span_of(seen->seen + k->wh_at, 4), &n) == 0)
		r->wh = n * 10;
	return true;
}

int64_t
dlt645_current_get(const struct parameter *seen)
{
	uint8_t magnitude[3];
	int64_t n;

	if (seen->seen_len != sizeof magnitude)
		return -1;
	memcpy(magnitude, seen->seen, sizeof magnitude);
	magnitude[2] &= 0x7f; /* its sign */
	return bcd_get(span_of(magnitude, sizeof magnitude), &n) == 0 ? n : -1;
}
