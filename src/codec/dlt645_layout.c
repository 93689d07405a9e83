/*
 * What the functions carry besides identifiers (dlt645.md 1.3, 3 and 4.2): level, password,
 * operator, deadline, purse.  Rows are tried from the top and the first whose control byte,
 * identifier and length fit is taken, so the open row of a function stands behind its exact
 * ones.  Replies that only carry an item are not here.
 */
#include "codec/dlt645.h"
#include "codec/dlt645_fields.h"

#include <stddef.h>

static const struct dlt645_code n1_codes[] = {
    {0x1a, "trip"		      },
    {0x1b, "permit close"              },
    {0x1c, "close"		     },
    {0x1d, "trip, then close"          },
    {0x1e, "trip, then permit close"   },
    {0x2a, "alarm on"                  },
    {0x2b, "alarm off"                 },
    {0x3a, "keep power on"             },
    {0x3b, "keep power off"            },
    {0x4a, "reset communication module"},
    {0,    NULL			},
};
static const struct dlt645_code baud_codes[] = {
    {0x02, "600"  },
    {0x04, "1200" },
    {0x08, "2400" },
    {0x10, "4800" },
    {0x20, "9600" },
    {0x40, "19200"},
    {0x80, "38400"},
    {0,    NULL   },
};
static const struct dlt645_code output_codes[] = {
    {0x00, "second pulse" },
    {0x01, "demand period"},
    {0x02, "zone switch"  },
    {0,    NULL           },
};
/* One vendor's 9C (dlt645.md 3.3). */
static const char *const word_executed[16] = {"closed", "close permitted", "tripped", "delayed",
    "auto-restore", "over-current delay", [8] = "power kept", [9] = "power keep off",
    [10] = "alarm", [11] = "alarm off"};

#define LEVEL          TEXT("level", FMT_HEX, 1)
#define PASSWORD       TEXT("password", FMT_SECRET, 3)
#define OPERATOR       TEXT("operator", FMT_DI, 4)
#define MAC            TEXT("MAC", FMT_SECRET, 4)
#define ADDRESS(name_) TEXT(name_, FMT_DIGITS, 6)
#define AMOUNT         NUMBER("amount", FMT_BINARY, 4, 2, "money")
#define PURCHASES      NUMBER("purchase count", FMT_BINARY, 4, 0, "")
#define ORDER          TEXT("order number", FMT_DIGITS, 8)
#define CUSTOMER       TEXT("customer number", FMT_DIGITS, 6)

FIELDS(time_set, TEXT("time", FMT_DATE_TIME, 6));
FIELDS(read_count, NUMBER("blocks", FMT_BINARY, 1, 0, ""));
FIELDS(read_since, NUMBER("blocks", FMT_BINARY, 1, 0, ""), TEXT("since", FMT_MINUTE, 5));
FIELDS(read_more, NUMBER("sequence", FMT_BINARY, 1, 0, ""));
FIELDS(address, ADDRESS("address"));
FIELDS(write, LEVEL, PASSWORD, OPERATOR);
FIELDS(freeze, TEXT("freeze", FMT_FREEZE_AT, 4));
FIELDS(baud, CODE("speed", baud_codes));
FIELDS(password_change, LEVEL, PASSWORD, TEXT("new level", FMT_HEX, 1),
    TEXT("new password", FMT_SECRET, 3));
FIELDS(password_changed, LEVEL, PASSWORD);
FIELDS(clear_events, LEVEL, PASSWORD, OPERATOR, TEXT("events", FMT_DI, 4));
FIELDS(control_plain, LEVEL, PASSWORD, OPERATOR, CODE("N1", n1_codes), TEXT("N2", FMT_HEX, 1),
    TEXT("deadline", FMT_DATE_TIME, 6));
FIELDS(control_sealed, LEVEL, PASSWORD, OPERATOR, TEXT("cipher", FMT_HEX, 16), MAC);
FIELDS(control_short, LEVEL, PASSWORD, OPERATOR, CODE("N1", n1_codes));
FIELDS(control_word, BITS("executed", 2, word_executed));
FIELDS(control_status, CODE("N1", n1_codes), TEXT("reserved", FMT_HEX, 3),
    BITS("status word 3", 2, dlt645_status_3));
FIELDS(output, CODE("output", output_codes));

FIELDS(operator_only, OPERATOR);
FIELDS(auth, OPERATOR, TEXT("cipher", FMT_SECRET, 8), TEXT("random 1", FMT_HEX, 8),
    TEXT("diversity", FMT_HEX, 8));
FIELDS(auth_validity, OPERATOR, NUMBER("validity", FMT_BCD, 2, 0, "min"), MAC);
FIELDS(recharge, OPERATOR, AMOUNT, PURCHASES, MAC, CUSTOMER, MAC);
FIELDS(recharge_short, OPERATOR, AMOUNT, ORDER, MAC, ADDRESS("meter"), MAC);
FIELDS(recharge_long, OPERATOR, AMOUNT, ORDER, MAC, CUSTOMER, ADDRESS("meter"), MAC);
FIELDS(wallet_preset, OPERATOR, AMOUNT, MAC, PURCHASES, MAC);
FIELDS(keys, OPERATOR, TEXT("keys", FMT_SECRET, 40));
FIELDS(data_ask, OPERATOR, TEXT("asked", FMT_HEX, 8));
FIELDS(wallet_state, NUMBER("balance", FMT_BINARY, 4, 2, "money"), PURCHASES, CUSTOMER);

#define LAYOUT(control_, di_, mask_, name_, fields_, shape_)                            \
	{                                                                               \
		(control_),                                                             \
		{                                                                       \
			(di_), (mask_), (name_), (fields_), COUNT(fields_), 0, (shape_) \
		}                                                                       \
	}
#define ROW(control_, name_, fields_)  LAYOUT(control_, 0, 0, name_, fields_, SHAPE_EXACT)
#define OPEN(control_, name_, fields_) LAYOUT(control_, 0, 0, name_, fields_, SHAPE_OPEN)
#define SECURE(control_, di_, name_, fields_) \
	LAYOUT(control_, di_, 0xffffffffu, name_, fields_, SHAPE_EXACT)

static const struct layout {
	uint8_t control;
	struct dlt645_item item;
} layouts[] = {
    ROW(0x08, "time", time_set),
    ROW(0x11, "read", read_count),
    ROW(0x11, "read", read_since),
    ROW(0x12, "read on", read_more),
    ROW(0x93, "address", address),
    OPEN(0x14, "write", write),
    ROW(0x15, "address", address),
    ROW(0x16, "freeze", freeze),
    ROW(0x17, "speed", baud),
    ROW(0x97, "speed", baud),
    ROW(0x18, "password", password_change),
    ROW(0x98, "password", password_changed),
    ROW(0x19, "clear demand", write),
    ROW(0x1a, "clear meter", write),
    ROW(0x1b, "clear events", clear_events),
    ROW(0x1c, "control", control_plain),
    ROW(0x1c, "control", control_sealed),
    ROW(0x1c, "control", control_short),
    OPEN(0x1c, "control", write),
    ROW(0x9c, "control", control_word),
    ROW(0x9c, "control", control_status),
    ROW(0x1d, "output", output),
    ROW(0x9d, "output", output),
    SECURE(0x03, 0x070000ff, "identity authentication", auth),
    SECURE(0x03, 0x070001ff, "authentication validity", auth_validity),
    SECURE(0x03, 0x070002ff, "end of authentication", operator_only),
    SECURE(0x03, 0x070101ff, "open account", recharge),
    SECURE(0x03, 0x070102ff, "recharge", recharge),
    SECURE(0x03, 0x070102ff, "recharge", recharge_short),
    SECURE(0x03, 0x070102ff, "recharge", recharge_long),
    SECURE(0x03, 0x070103ff, "wallet preset", wallet_preset),
    SECURE(0x03, 0x070108ff, "refund", recharge_long),
    SECURE(0x03, 0x070201ff, "key update", keys),
    SECURE(0x03, 0x070202ff, "key update", keys),
    SECURE(0x03, 0x070203ff, "key update", keys),
    SECURE(0x03, 0x070204ff, "key update", keys),
    SECURE(0x03, 0x070301ff, "key update", keys),
    SECURE(0x03, 0x078001ff, "read security data", data_ask),
    SECURE(0x03, 0x078102ff, "wallet", operator_only),
    OPEN(0x03, "security", operator_only),
    SECURE(0x83, 0x070102ff, "recharge", wallet_state),
};

static bool
fits(const struct layout *l, uint8_t control, uint32_t di, size_t len)
{
	size_t sum = 0;

	if (l->control != control || (di & l->item.mask) != l->item.di)
		return false;
	for (size_t i = 0; i < l->item.nfields; i++)
		sum += l->item.fields[i].bytes;
	return l->item.shape == SHAPE_OPEN ? len >= sum : len == sum;
}

const struct dlt645_item *
dlt645_layout(uint8_t control, uint32_t di, size_t len)
{
	for (size_t i = 0; i < COUNT(layouts); i++)
		if (fits(&layouts[i], control, di, len))
			return &layouts[i].item;
	return NULL;
}

bool
dlt645_has_di(uint8_t control, size_t len)
{
	uint8_t fn = control & 0x1f;

	if (len < 4 || (control & DLT645_ABNORMAL) != 0)
		return false;
	if ((control & DLT645_REPLY) == 0)
		return fn == control &&
		       (fn == DLT645_SECURITY || fn == DLT645_READ || fn == DLT645_READ_MORE ||
			   fn == DLT645_WRITE || fn == DLT645_PASSWORD);
	return fn == DLT645_SECURITY || fn == DLT645_READ || fn == DLT645_READ_MORE;
}
