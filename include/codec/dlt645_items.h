/*
 * dlt645_items -- one table of data identifiers: what they hold, how long, in which unit.
 *
 * An item is a list of fields, so blocks (energy of all tariffs, a purchase record, a freeze
 * record) are entries like any other; a block that repeats a field up to the end of the data
 * (tariffs: 4 x (1 + N)) says so.  Values are exact decimals: an int64 and a scale.
 * A nibble above 9, or FF filler, is not a number: the value is absent, with a reason.
 */
#ifndef CODEC_DLT645_ITEMS_H
#define CODEC_DLT645_ITEMS_H

#include "base/buf.h"
#include "model/meter.h"

struct err;

enum dlt645_format {
	FMT_BCD,        /* digits, lowest pair first; scale decimals behind the point */
	FMT_BCD_SIGNED, /* the same, top bit of the last byte is the sign */
	FMT_BINARY,     /* unsigned, lowest byte first */
	FMT_BITS,       /* printed as hex with an h: "0050h" */
	FMT_ASCII,
	FMT_DATE_TIME,  /* ss mm hh DD MM YY -> "2026-11-20 08:00:00" */
	FMT_MINUTE,     /* mm hh DD MM YY */
	FMT_DATE_WEEK,  /* WW DD MM YY */
	FMT_DATE_WEEK_TIME, /* ss mm hh WW DD MM YY, 0400010C */
	FMT_CLOCK,      /* ss mm hh */
	FMT_HEX,        /* opaque, printed as hex */
};

struct dlt645_field {
	const char *name; /* "forward active energy, total" */
	enum dlt645_format format;
	uint8_t bytes;
	uint8_t scale; /* digits behind the point */
	const char *unit; /* "kWh", "" */
};

struct dlt645_item {
	uint32_t di, mask; /* matches when (asked & mask) == di */
	const char *name;
	const struct dlt645_field *fields;
	uint8_t nfields;
	bool repeats; /* the last field repeats to the end of the data */
};

/* NULL when the table does not know it; exact entries win over masked ones. */
const struct dlt645_item *dlt645_item(uint32_t di);

struct dlt645_value {
	const struct dlt645_field *field;
	int index;           /* of a repeated field, from 0 */
	bool absent;         /* no number there */
	const char *why;     /* absent: "not BCD", "filler" */
	bool is_number;
	int64_t number;      /* value * 10^scale */
	char text[72];       /* "1234.56", "-0.5000", "0050h", "2026-11-20 08:00:00" */
};

/* Decodes data (behind the DI) by the item.  Returns how many values were written, or -1 when
 * the length does not fit the item (never reads past data). */
int dlt645_values(const struct dlt645_item *i, struct span data, struct dlt645_value *out, int room,
    struct err *e);

/* One number into bytes, exactly reversing FMT_BCD, FMT_BCD_SIGNED and FMT_BINARY.
 * ERR_INPUT when it does not fit. */
int dlt645_put_number(
    struct buf *out, const struct dlt645_field *f, int64_t number, struct err *e);

/* Which identifier to read for a register of ours, and back.  0 when the protocol has none.
 * dlt645_reg_value() converts to our unit (0.01 kWh -> 10 Wh, 0.01 money -> minor units). */
uint32_t dlt645_di_of(enum reg r);
int dlt645_reg_value(enum reg r, struct span data, int64_t *value, struct err *e);

/* Plain BCD, lowest pair first; -1 on a nibble above 9. */
int bcd_get(struct span s, int64_t *value);
void bcd_put(uint8_t *out, size_t bytes, int64_t value);

#endif
