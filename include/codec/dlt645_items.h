/*
 * dlt645_items -- one table of data identifiers: what they hold, how long, in which unit.
 *
 * An item is a list of fields, so blocks (energy of all tariffs, a purchase record, a freeze
 * record) are entries like any other; a block that repeats fields up to the end of the data
 * (tariffs: 4 x (1 + N)) says so.  Values are exact decimals: an int64 and a scale.
 * A nibble above 9, or FF filler, is not a number: the value is absent, with a reason.
 *
 * What a function carries besides identifiers (level, password, deadline) is laid out with the
 * same fields, so that both are decoded, and passwords and MACs blotted out, by one piece of
 * code.  Money is in whole units with two decimals, unit "money"; a price is "money/kWh".
 */
#ifndef CODEC_DLT645_ITEMS_H
#define CODEC_DLT645_ITEMS_H

#include "base/buf.h"
#include "model/meter.h"

struct err;

enum dlt645_format {
	FMT_BCD,            /* digits, lowest pair first; scale decimals behind the point */
	FMT_BCD_SIGNED,     /* the same, top bit of the last byte is the sign */
	FMT_BINARY,         /* unsigned, lowest byte first */
	FMT_BITS,           /* lowest byte first, printed as hex with an h: "0050h" */
	FMT_ASCII,          /* last letter first, as every item */
	FMT_DATE_TIME,      /* ss mm hh DD MM YY -> "2026-11-20 08:00:00" */
	FMT_MINUTE,         /* mm hh DD MM YY */
	FMT_DATE_WEEK,      /* WW DD MM YY -> "2026-11-20 Fri" */
	FMT_DATE_WEEK_TIME, /* ss mm hh WW DD MM YY, 0400010C */
	FMT_CLOCK,          /* ss mm hh, or mm hh in two bytes */
	FMT_HEX,            /* opaque, printed as hex in the order of the wire */
	FMT_DIGITS,         /* BCD that counts nothing: all digits kept, "000000000002" */
	FMT_DI,             /* an identifier or operator, highest byte first: "04000503" */
	FMT_ZONE,           /* NN DD MM -> "04-01 table 1" */
	FMT_PERIOD,         /* NN mm hh -> "08:30 tariff 2" */
	FMT_HOLIDAY,        /* NN DD MM YY -> "2026-10-01 table 2" */
	FMT_FREEZE_AT,      /* mm hh DD MM with 99 for any -> "every day 00:00" */
	FMT_SECRET,         /* password, MAC or key: "**" */
};

struct dlt645_code {
	uint8_t code;
	const char *word; /* NULL ends the list */
};

struct dlt645_field {
	const char *name; /* "operator"; "" is the item's own, ", ..." continues it; see below */
	enum dlt645_format format;
	uint8_t bytes;                   /* 0: all that is left, at least one */
	uint8_t scale;                   /* digits behind the point */
	const char *unit;                /* "kWh", "" */
	const char *const *bits;         /* FMT_BITS: 16 words for set bits, or NULL */
	const struct dlt645_code *codes; /* FMT_HEX of one byte: its words, or NULL */
	uint8_t times;                   /* so often in a row; 0 is once */
};

enum dlt645_shape {
	SHAPE_EXACT,  /* the fields and nothing else */
	SHAPE_OPEN,   /* newer meters append: the known fields, then anything */
	SHAPE_FREEZE, /* whole freeze record, with or without AA between its parts */
};

struct dlt645_item {
	uint32_t di, mask; /* matches when (asked & mask) == di */
	const char *name;  /* see dlt645_item_name() */
	const struct dlt645_field *fields;
	uint8_t nfields;
	uint8_t repeats; /* so many last fields, as a group, repeat to the end of the data */
	enum dlt645_shape shape;
};

/* NULL when the table does not know it; exact entries win over masked ones. */
const struct dlt645_item *dlt645_item(uint32_t di);

/* What DATA of `len` bytes holds under a control byte, behind its identifier if it has one:
 * requests, and the replies that are not described by an item.  NULL when it is not known.
 * dlt645_has_di(): whether DATA begins with an identifier. */
const struct dlt645_item *dlt645_layout(uint8_t control, uint32_t di, size_t len);
bool dlt645_has_di(uint8_t control, size_t len);

#define DLT645_VALUES 256 /* as many as one frame can hold */

struct dlt645_value {
	const struct dlt645_field *field;
	int index;       /* of a repeated field, from 0 */
	bool absent;     /* no value there */
	const char *why; /* absent: "not BCD", "filler", "empty", "not a date", "not text" */
	bool is_number;
	int64_t number; /* value * 10^scale */
	char text[72];  /* "1234.56", "-0.5000", "0050h", "2026-11-20 08:00:00" */
};

/* Decodes data (behind the DI) by the item.  Returns how many values were written, or -1 when
 * the length does not fit the item (never reads past data) or there are more than `room`. */
int dlt645_values(const struct dlt645_item *i, struct span data, struct dlt645_value *out, int room,
    struct err *e);

/* "forward active energy, tariff 2", "daily freeze 1": a name in the table has marks that the
 * identifier or the place of a repeated field fills in. */
void dlt645_item_name(const struct dlt645_item *i, uint32_t di, char *out, size_t room);
void dlt645_value_name(
    const struct dlt645_item *i, uint32_t di, const struct dlt645_value *v, char *out, size_t room);
/* What bits or a code mean, in words ("relay open, relay commanded open"); "" when nothing. */
void dlt645_value_meaning(const struct dlt645_value *v, char *out, size_t room);

/* One number into bytes, exactly reversing FMT_BCD, FMT_BCD_SIGNED, FMT_BINARY and FMT_BITS.
 * ERR_INPUT when it does not fit. */
int dlt645_put_number(struct buf *out, const struct dlt645_field *f, int64_t number, struct err *e);

/* Which identifier to read for a register of ours, and back.  0 when the protocol has none.
 * dlt645_reg_value() converts to our unit (0.01 kWh -> 10 Wh, 0.01 money -> minor units).
 * Credit is two items: it takes 00900200 alone, or with the overdraft 00900201 behind it.
 * Purchases, and what was bought, are in the newest recharge record; its count is modulo
 * 10 000. */
uint32_t dlt645_di_of(enum reg r);
int dlt645_reg_value(enum reg r, struct span data, int64_t *value, struct err *e);

/* Plain BCD, lowest pair first; -1 on a nibble above 9 or more than nine bytes. */
int bcd_get(struct span s, int64_t *value);
void bcd_put(uint8_t *out, size_t bytes, int64_t value);
/* DD MM YY of this century, and hh, mm hh or ss mm hh, exist. */
bool bcd_is_date(const uint8_t *date);
bool bcd_is_time(const uint8_t *time, size_t bytes);

#endif
