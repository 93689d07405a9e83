/*
 * What the data identifiers hold (dlt645.md section 2 and 4).  To add one: a row, in the order
 * of the sheet, and a list of fields if none here serves.  dlt645_fields.h has the notation.
 */
#include "codec/dlt645_fields.h"

#include <stddef.h>

/* --- words ------------------------------------------------------------------------------- */

static const char *const word_1[16] = {"external relay", "block demand", "clock battery low",
    "reading battery low", "active power reverse",
    "reactive power reverse", [14] = "overdraft", [15] = "clock fault"};
static const char *const word_2[16] = {"active reverse A", "active reverse B", "active reverse C",
    NULL, "reactive reverse A", "reactive reverse B", "reactive reverse C"};
const char *const dlt645_status_3[16] = {"second day tables", "auxiliary supply", "battery supply",
    "programming allowed", "relay open", "second year zones", "relay commanded open",
    "pre-trip alarm", "prepaid in energy", "prepaid in money", "second prices", "second steps",
    "power kept", "identity authenticated", "local account not opened",
    "remote account not opened"};
static const char *const word_phase[16] = {"loss of voltage", "under-voltage", "over-voltage",
    "loss of current", "over-current", "overload", "power reversal", "phase break",
    "current break"};
static const char *const word_7[16] = {"voltage sequence", "current sequence", "voltage imbalance",
    "current imbalance", "auxiliary supply lost", "power down", "demand exceeded",
    "power factor low", "severe current imbalance"};
static const char *const word_snapshot[16] = {[8] = "relay open", [15] = "power limit"};
static const char *const word_weekend[16] = {
    "Sun works", "Mon works", "Tue works", "Wed works", "Thu works", "Fri works", "Sat works"};
static const char *const word_freeze[16] = {"forward", "reverse", "combined reactive 1",
    "combined reactive 2", "quadrants", "forward demand", "reverse demand", "variables"};

/* --- fields ------------------------------------------------------------------------------ */

#define ENERGY_FIELDS(name_, format_, unit_)                           \
	FIELDS(name_##_one, NUMBER("", format_, 4, 2, unit_));         \
	FIELDS(name_##_tariffs, NUMBER(", $T", format_, 4, 2, unit_)); \
	FIELDS(name_##_settlements, NUMBER(", $S", format_, 4, 2, unit_))
ENERGY_FIELDS(kwh, FMT_BCD, "kWh");
ENERGY_FIELDS(kwh_signed, FMT_BCD_SIGNED, "kWh");
ENERGY_FIELDS(kvarh, FMT_BCD, "kvarh");
ENERGY_FIELDS(kvarh_signed, FMT_BCD_SIGNED, "kvarh");
ENERGY_FIELDS(kvah, FMT_BCD, "kVAh");

#define PHASE_FIELDS(name_, place_, format_, bytes_, scale_, unit_) \
	FIELDS(name_, NUMBER("", format_, bytes_, scale_, unit_));  \
	FIELDS(name_##_phases, NUMBER(place_, format_, bytes_, scale_, unit_))
PHASE_FIELDS(volt, ", $A", FMT_BCD, 2, 1, "V");
PHASE_FIELDS(ampere, ", $A", FMT_BCD_SIGNED, 3, 3, "A");
PHASE_FIELDS(kw, ", $Q", FMT_BCD_SIGNED, 3, 4, "kW");
PHASE_FIELDS(kvar, ", $Q", FMT_BCD_SIGNED, 3, 4, "kvar");
PHASE_FIELDS(kva, ", $Q", FMT_BCD_SIGNED, 3, 4, "kVA");
PHASE_FIELDS(factor, ", $Q", FMT_BCD_SIGNED, 2, 3, "");
PHASE_FIELDS(degree, ", $A", FMT_BCD, 2, 1, "deg");

FIELDS(money, NUMBER("", FMT_BCD, 4, 2, "money"));
FIELDS(price, NUMBER("", FMT_BCD, 4, 4, "money/kWh"));
FIELDS(prices, NUMBER("price, tariff $i", FMT_BCD, 4, 4, "money/kWh"));
FIELDS(amp_plain, NUMBER("", FMT_BCD, 3, 3, "A"));
FIELDS(hertz, NUMBER("", FMT_BCD, 2, 2, "Hz"));
FIELDS(celsius, NUMBER("", FMT_BCD_SIGNED, 2, 1, "C"));
FIELDS(battery, NUMBER("", FMT_BCD, 2, 2, "V"));
FIELDS(limit_kw, NUMBER("", FMT_BCD, 3, 4, "kW"));
FIELDS(count_1, NUMBER("", FMT_BCD, 1, 0, ""));
FIELDS(count_2, NUMBER("", FMT_BCD, 2, 0, ""));
FIELDS(count_3, NUMBER("", FMT_BCD, 3, 0, ""));
FIELDS(minutes_1, NUMBER("", FMT_BCD, 1, 0, "min"));
FIELDS(minutes_2, NUMBER("", FMT_BCD, 2, 0, "min"));
FIELDS(minutes_3, NUMBER("", FMT_BCD, 3, 0, "min"));
FIELDS(minutes_4, NUMBER("", FMT_BCD, 4, 0, "min"));
FIELDS(milliseconds, NUMBER("", FMT_BCD, 2, 0, "ms"));
FIELDS(per_kwh, NUMBER("", FMT_BCD, 3, 0, "imp/kWh"));
FIELDS(per_kvarh, NUMBER("", FMT_BCD, 3, 0, "imp/kvarh"));
FIELDS(seconds_binary, NUMBER("", FMT_BINARY, 2, 0, "s"));
FIELDS(date_week, TEXT("", FMT_DATE_WEEK, 4));
FIELDS(clock, TEXT("", FMT_CLOCK, 3));
FIELDS(clock_short, TEXT("", FMT_CLOCK, 2));
FIELDS(date_week_time, TEXT("", FMT_DATE_WEEK_TIME, 7));
FIELDS(minute, TEXT("", FMT_MINUTE, 5));
FIELDS(moment, TEXT("", FMT_DATE_TIME, 6));
FIELDS(digits_2, TEXT("", FMT_DIGITS, 2));
FIELDS(digits_4, TEXT("", FMT_DIGITS, 4));
FIELDS(digits_6, TEXT("", FMT_DIGITS, 6));
FIELDS(ascii_6, TEXT("", FMT_ASCII, 6));
FIELDS(ascii_10, TEXT("", FMT_ASCII, 10));
FIELDS(ascii_16, TEXT("", FMT_ASCII, 16));
FIELDS(ascii_32, TEXT("", FMT_ASCII, 32));
FIELDS(operator_code, TEXT("", FMT_DI, 4));
FIELDS(secret_4, TEXT("", FMT_SECRET, 4));
FIELDS(hex_11, TEXT("", FMT_HEX, 11));
FIELDS(hex_rest, TEXT("", FMT_HEX, 0));
FIELDS(bits_1, BITS("", 1, NULL));
FIELDS(bits_12, BITS("", 12, NULL));
FIELDS(bits_rest, BITS("", 0, NULL));
FIELDS(bits_weekend, BITS("", 1, word_weekend));
FIELDS(bits_freeze, BITS("", 1, word_freeze));
FIELDS(zones, TEXT("zone $i", FMT_ZONE, 3));
FIELDS(periods, TEXT("period $i", FMT_PERIOD, 3));
FIELDS(holiday, TEXT("", FMT_HOLIDAY, 4));
FIELDS(status_1, BITS("", 2, word_1));
FIELDS(status_2, BITS("", 2, word_2));
FIELDS(status_3, BITS("", 2, dlt645_status_3));
FIELDS(status_phase, BITS("", 2, word_phase));
FIELDS(status_7, BITS("", 2, word_7));
FIELDS(status_all, BITS("word 1", 2, word_1), BITS("word 2", 2, word_2),
    BITS("word 3", 2, dlt645_status_3), BITS("word 4", 2, word_phase),
    BITS("word 5", 2, word_phase), BITS("word 6", 2, word_phase), BITS("word 7", 2, word_7));
FIELDS(report, BITS("status", 12, NULL), TEXT("count $i", FMT_HEX, 1));
FIELDS(step_block, NUMBERS("limit of step $i", FMT_BCD, 4, 2, "kWh", 6),
    NUMBERS("price of step $i", FMT_BCD, 4, 4, "money/kWh", 7),
    TEXTS("yearly settlement $i, MMDDhh", FMT_DIGITS, 3, 4));

/* In this order freeze_values() of dlt645_items.c knows them. */
FIELDS(freeze_all, TEXT("time", FMT_MINUTE, 5),
    NUMBER("forward active energy, $T", FMT_BCD, 4, 2, "kWh"),
    NUMBER("reverse active energy, $T", FMT_BCD, 4, 2, "kWh"),
    NUMBER("combined reactive energy 1, $T", FMT_BCD_SIGNED, 4, 2, "kvarh"),
    NUMBER("combined reactive energy 2, $T", FMT_BCD_SIGNED, 4, 2, "kvarh"),
    NUMBER("quadrant 1 reactive energy, $T", FMT_BCD, 4, 2, "kvarh"),
    NUMBER("quadrant 2 reactive energy, $T", FMT_BCD, 4, 2, "kvarh"),
    NUMBER("quadrant 3 reactive energy, $T", FMT_BCD, 4, 2, "kvarh"),
    NUMBER("quadrant 4 reactive energy, $T", FMT_BCD, 4, 2, "kvarh"),
    NUMBER("forward demand, $T", FMT_BCD, 3, 4, "kW"),
    TEXT("forward demand, $T, time", FMT_MINUTE, 5),
    NUMBER("reverse demand, $T", FMT_BCD, 3, 4, "kW"),
    TEXT("reverse demand, $T, time", FMT_MINUTE, 5),
    NUMBERS("active power, $Q", FMT_BCD_SIGNED, 3, 4, "kW", 4),
    NUMBERS("reactive power, $Q", FMT_BCD_SIGNED, 3, 4, "kvar", 4));
FIELDS(freeze_demand, NUMBER(", $T", FMT_BCD, 3, 4, "kW"), TEXT(", $T, time", FMT_MINUTE, 5));
FIELDS(freeze_variables, NUMBERS("active power, $Q", FMT_BCD_SIGNED, 3, 4, "kW", 4),
    NUMBERS("reactive power, $Q", FMT_BCD_SIGNED, 3, 4, "kvar", 4));

FIELDS(
    event_phases, NUMBER("count, $A", FMT_BCD, 3, 0, ""), NUMBER("time, $A", FMT_BCD, 3, 0, "min"));
FIELDS(start_end, TEXT("start", FMT_DATE_TIME, 6), TEXT("end", FMT_DATE_TIME, 6));
FIELDS(relay_record, TEXT("time", FMT_DATE_TIME, 6), TEXT("operator", FMT_DI, 4),
    NUMBER("forward active energy", FMT_BCD, 4, 2, "kWh"),
    NUMBER("reverse active energy", FMT_BCD, 4, 2, "kWh"),
    NUMBERS("quadrant $i reactive energy", FMT_BCD, 4, 2, "kvarh", 4));
FIELDS(program_record, TEXT("time", FMT_DATE_TIME, 6), TEXT("operator", FMT_DI, 4),
    TEXTS("identifier $i", FMT_DI, 4, 10));
FIELDS(clear_record, TEXT("time", FMT_DATE_TIME, 6), TEXT("operator", FMT_DI, 4),
    NUMBER("energy $i", FMT_BCD, 4, 2, ""));
FIELDS(event_clear_record, TEXT("time", FMT_DATE_TIME, 6), TEXT("operator", FMT_DI, 4),
    TEXT("identifier", FMT_DI, 4));
FIELDS(time_set_record, TEXT("operator", FMT_DI, 4), TEXT("before", FMT_DATE_TIME, 6),
    TEXT("after", FMT_DATE_TIME, 6));
FIELDS(cover_record, TEXT("start", FMT_DATE_TIME, 6), TEXT("end", FMT_DATE_TIME, 6),
    NUMBER("forward active energy before", FMT_BCD, 4, 2, "kWh"),
    NUMBER("reverse active energy before", FMT_BCD, 4, 2, "kWh"),
    NUMBERS("quadrant $i reactive energy before", FMT_BCD, 4, 2, "kvarh", 4),
    NUMBER("forward active energy after", FMT_BCD, 4, 2, "kWh"),
    NUMBER("reverse active energy after", FMT_BCD, 4, 2, "kWh"),
    NUMBERS("quadrant $i reactive energy after", FMT_BCD, 4, 2, "kvarh", 4));
#define RECHARGE_FIELDS(unit_)                                                    \
	TEXT("time", FMT_MINUTE, 5), NUMBER("purchase count", FMT_BCD, 2, 0, ""), \
	    NUMBER("amount", FMT_BCD, 4, 2, unit_),                               \
	    NUMBER("balance before", FMT_BCD, 4, 2, unit_),                       \
	    NUMBER("balance after", FMT_BCD, 4, 2, unit_),                        \
	    NUMBER("bought in all", FMT_BCD, 4, 2, unit_)
FIELDS(recharge_money, RECHARGE_FIELDS("money"));
FIELDS(recharge_energy, RECHARGE_FIELDS("kWh"));

/* One maker's landlord meters (dlt645.md 4.4). */
FIELDS(snapshot, NUMBER("remaining money", FMT_BCD, 4, 2, "money"),
    NUMBER("overdraft money", FMT_BCD, 4, 2, "money"),
    NUMBERS("voltage, $A", FMT_BCD, 2, 1, "V", 3),
    NUMBERS("current, $A", FMT_BCD_SIGNED, 3, 3, "A", 3),
    NUMBERS("active power, $Q", FMT_BCD_SIGNED, 3, 4, "kW", 4),
    NUMBERS("power factor, $Q", FMT_BCD_SIGNED, 2, 3, "", 4),
    NUMBERS("energy counter $i", FMT_BCD, 4, 2, "kWh", 5), BITS("status", 2, word_snapshot));
FIELDS(landlord_block, TEXTS("switch date $i", FMT_HEX, 5, 4), TEXT("counts", FMT_HEX, 5),
    NUMBER("PT ratio", FMT_BCD, 3, 0, ""), NUMBER("CT ratio", FMT_BCD, 3, 0, ""),
    NUMBERS("alarm money $i", FMT_BCD, 4, 2, "money", 2), NUMBER("credit", FMT_BCD, 4, 2, "money"),
    NUMBER("most money", FMT_BCD, 4, 2, "money"),
    NUMBER("least money to reconnect", FMT_BCD, 4, 2, "money"),
    NUMBER("power limit", FMT_BCD, 3, 4, "kW"), TEXT("delay", FMT_HEX, 1),
    NUMBERS("set 1, price $i", FMT_BCD, 4, 4, "money/kWh", 4),
    NUMBERS("set 2, price $i", FMT_BCD, 4, 4, "money/kWh", 4),
    NUMBERS("set 1, limit of step $i", FMT_BCD, 4, 2, "kWh", 3),
    NUMBERS("set 1, price of step $i", FMT_BCD, 4, 4, "money/kWh", 4),
    NUMBERS("set 2, limit of step $i", FMT_BCD, 4, 2, "kWh", 3),
    NUMBERS("set 2, price of step $i", FMT_BCD, 4, 4, "money/kWh", 4));

/* What the security function answers (dlt645.md 4.2); amounts and counts are binary. */
#define WALLET_MONEY(name_) NUMBER(name_, FMT_BINARY, 4, 2, "money")
#define WALLET_COUNT        NUMBER("purchase count", FMT_BINARY, 4, 0, "")
#define MAC                 TEXT("MAC", FMT_SECRET, 4)
#define CUSTOMER            TEXT("customer number", FMT_DIGITS, 6)
FIELDS(auth_reply, TEXT("random 2", FMT_HEX, 4), TEXT("ESAM serial", FMT_HEX, 8));
FIELDS(
    auth_end_reply, CUSTOMER, WALLET_MONEY("balance"), WALLET_COUNT, TEXT("key info", FMT_HEX, 4));
FIELDS(wallet_reply, WALLET_MONEY("balance"), MAC, WALLET_COUNT, MAC, CUSTOMER,
    TEXT("key info", FMT_HEX, 4));

/* --- items ------------------------------------------------------------------------------- */

#define ONE(di_, mask_, name_, fields_)                                            \
	{                                                                          \
		(di_), (mask_), (name_), (fields_), COUNT(fields_), 0, SHAPE_EXACT \
	}
#define MANY(di_, mask_, name_, fields_, n_)                                          \
	{                                                                             \
		(di_), (mask_), (name_), (fields_), COUNT(fields_), (n_), SHAPE_EXACT \
	}
#define SHAPED(di_, mask_, name_, fields_, shape_)                              \
	{                                                                       \
		(di_), (mask_), (name_), (fields_), COUNT(fields_), 0, (shape_) \
	}
#define NOTHING(di_, name_)                                  \
	{                                                    \
		(di_), ALL, (name_), NULL, 0, 0, SHAPE_EXACT \
	}
#define ALL    0xffffffffu
#define RECORD 0xfffffff0u /* DI0 counts back */
#define ENERGY(group_, name_, fields_)                                         \
	ONE(group_, 0xffffc0f0u, name_ ", $t$s", fields_##_one),               \
	    MANY((group_) | 0xff00, RECORD, name_ "$s", fields_##_tariffs, 1), \
	    MANY((group_) | 0xff, 0xffffc0ffu, name_ ", $t", fields_##_settlements, 1)
#define PHASES(group_, name_, fields_)                   \
	ONE(group_, 0xfffffcffu, name_ ", $a", fields_), \
	    MANY((group_) | 0xff00, ALL, name_, fields_##_phases, 1)
#define EVENT(group_, name_, end_)                                                   \
	ONE((group_) | 0x0001, 0xfff0ffffu, name_ "$p, count", count_3),             \
	    ONE((group_) | 0x0002, 0xfff0ffffu, name_ "$p, time", minutes_3),        \
	    ONE((group_) | 0x0100, 0xfff0fff0u, name_ "$p, start, $n last", moment), \
	    ONE((group_) | (end_) << 8, 0xfff0fff0u, name_ "$p, end, $n last", moment)
#define FREEZE(dd_, name_, fields_, n_) \
	MANY(0x05000000 | (dd_) << 8, 0xfff0ff00u, "$f $n, " name_, fields_, n_)
#define RELAY(group_, name_)                                                                    \
	ONE((group_) | 0x0001, ALL, name_ " count", count_3),                                   \
	    ONE((group_) | 0xff00, RECORD, name_ " record $n", relay_record),                   \
	    ONE((group_) | 0x0100, RECORD, name_ " record $n, time", moment),                   \
	    ONE((group_) | 0x0200, RECORD, name_ " record $n, operator", operator_code),        \
	    ONE((group_) | 0x0300, RECORD, name_ " record $n, forward active energy", kwh_one), \
	    ONE((group_) | 0x0400, RECORD, name_ " record $n, reverse active energy", kwh_one), \
	    ONE((group_) | 0x0500, RECORD, name_ " record $n, quadrant 1 reactive energy",      \
		kvarh_one),                                                                     \
	    ONE((group_) | 0x0600, RECORD, name_ " record $n, quadrant 2 reactive energy",      \
		kvarh_one),                                                                     \
	    ONE((group_) | 0x0700, RECORD, name_ " record $n, quadrant 3 reactive energy",      \
		kvarh_one),                                                                     \
	    ONE((group_) | 0x0800, RECORD, name_ " record $n, quadrant 4 reactive energy",      \
		kvarh_one)
#define RECHARGE(group_, one_, all_)                                                       \
	ONE((group_) | 0x0100, RECORD, "recharge record $n, time", minute),                \
	    ONE((group_) | 0x0200, RECORD, "recharge record $n, purchase count", count_2), \
	    ONE((group_) | 0x0300, RECORD, "recharge record $n, amount", one_),            \
	    ONE((group_) | 0x0400, RECORD, "recharge record $n, balance before", one_),    \
	    ONE((group_) | 0x0500, RECORD, "recharge record $n, balance after", one_),     \
	    ONE((group_) | 0x0600, RECORD, "recharge record $n, bought in all", one_),     \
	    ONE((group_) | 0xff00, RECORD, "recharge record $n", all_)

static const struct dlt645_item items[] = {
    /* 2.2 energy and prepaid account */
    ENERGY(0x00000000, "combined active energy", kwh_signed),
    ENERGY(0x00010000, "forward active energy", kwh),
    ENERGY(0x00020000, "reverse active energy", kwh),
    ENERGY(0x00030000, "combined reactive energy 1", kvarh_signed),
    ENERGY(0x00040000, "combined reactive energy 2", kvarh_signed),
    ENERGY(0x00050000, "quadrant 1 reactive energy", kvarh),
    ENERGY(0x00060000, "quadrant 2 reactive energy", kvarh),
    ENERGY(0x00070000, "quadrant 3 reactive energy", kvarh),
    ENERGY(0x00080000, "quadrant 4 reactive energy", kvarh),
    ENERGY(0x00090000, "forward apparent energy", kvah),
    ENERGY(0x000a0000, "reverse apparent energy", kvah),
    ENERGY(0x00150000, "phase A forward active energy", kwh),
    ENERGY(0x00160000, "phase A reverse active energy", kwh),
    ENERGY(0x00290000, "phase B forward active energy", kwh),
    ENERGY(0x002a0000, "phase B reverse active energy", kwh),
    ENERGY(0x003d0000, "phase C forward active energy", kwh),
    ENERGY(0x003e0000, "phase C reverse active energy", kwh),
    ONE(0x000b0000, RECORD, "energy of the month$s", kwh_one),
    ONE(0x000c0000, RECORD, "energy of the year$s", kwh_one),
    ONE(0x00900100, ALL, "remaining energy", kwh_one),
    ONE(0x00900101, ALL, "overdraft energy", kwh_one),
    ONE(0x00900200, ALL, "remaining money", money),
    ONE(0x00900201, ALL, "overdraft money", money),
    /* 2.3 instantaneous */
    PHASES(0x02010000, "voltage", volt),
    PHASES(0x02020000, "current", ampere),
    PHASES(0x02030000, "active power", kw),
    PHASES(0x02040000, "reactive power", kvar),
    PHASES(0x02050000, "apparent power", kva),
    PHASES(0x02060000, "power factor", factor),
    PHASES(0x02070000, "phase angle", degree),
    ONE(0x02800001, ALL, "neutral current", amp_plain),
    ONE(0x02800002, ALL, "frequency", hertz),
    ONE(0x02800003, ALL, "active power, one minute's mean", kw),
    ONE(0x02800004, ALL, "demand now", kw),
    ONE(0x02800007, ALL, "temperature", celsius),
    ONE(0x02800008, ALL, "clock battery", battery),
    ONE(0x02800009, ALL, "reading battery", battery),
    ONE(0x0280000a, ALL, "battery work time", minutes_4),
    ONE(0x0280000b, ALL, "current step price", price),
    ONE(0x02800020, ALL, "current price", price),
    ONE(0x02800021, ALL, "current tariff price", price),
    ONE(0x02800022, ALL, "identity authentication, time left", minutes_2),
    ONE(0x02800023, ALL, "infrared authentication, time left", minutes_1),
    SHAPED(0x028011ff, ALL, "snapshot", snapshot, SHAPE_OPEN),
    NOTHING(0x80808080, "heartbeat"),
    /* 2.9 events and counters */
    MANY(0x03010000, ALL, "loss of voltage", event_phases, 2),
    MANY(0x03020000, ALL, "under-voltage", event_phases, 2),
    MANY(0x03030000, ALL, "over-voltage", event_phases, 2),
    MANY(0x03040000, ALL, "phase break", event_phases, 2),
    MANY(0x030b0000, ALL, "loss of current", event_phases, 2),
    MANY(0x030c0000, ALL, "over-current", event_phases, 2),
    MANY(0x030d0000, ALL, "break of current", event_phases, 2),
    MANY(0x030e0000, ALL, "power reversal", event_phases, 2),
    MANY(0x030f0000, ALL, "overload", event_phases, 2),
    ONE(0x03110000, ALL, "power-down count", count_3),
    ONE(0x03110000, RECORD, "power-down record $n", start_end),
    ONE(0x03300000, ALL, "programming count", count_3),
    ONE(0x03300000, RECORD, "programming record $n", program_record),
    ONE(0x03300100, ALL, "meter clear count", count_3),
    MANY(0x03300100, RECORD, "meter clear record $n", clear_record, 1),
    ONE(0x03300200, ALL, "demand clear count", count_3),
    ONE(0x03300300, ALL, "event clear count", count_3),
    ONE(0x03300300, RECORD, "event clear record $n", event_clear_record),
    ONE(0x03300400, ALL, "time set count", count_3),
    ONE(0x03300400, RECORD, "time set record $n", time_set_record),
    ONE(0x03300d00, ALL, "meter cover open count", count_3),
    ONE(0x03300d00, RECORD, "meter cover record $n", cover_record),
    ONE(0x03300e00, ALL, "terminal cover open count", count_3),
    ONE(0x03300e00, RECORD, "terminal cover record $n", cover_record),
    RECHARGE(0x03320000, kwh_one, recharge_energy),
    RECHARGE(0x03330000, money, recharge_money),
    /* 2.4 clock, identity, configuration */
    ONE(0x04000101, ALL, "date and week day", date_week),
    ONE(0x04000102, ALL, "time", clock),
    ONE(0x0400010c, ALL, "date, week day and time", date_week_time),
    ONE(0x04000103, ALL, "demand period", minutes_1),
    ONE(0x04000104, ALL, "demand slip", minutes_1),
    ONE(0x04000105, ALL, "calibration pulse width", milliseconds),
    ONE(0x04000106, ALL, "switch time of year zones", minute),
    ONE(0x04000107, ALL, "switch time of day tables", minute),
    ONE(0x04000108, ALL, "switch time of prices", minute),
    ONE(0x04000109, ALL, "switch time of steps", minute),
    ONE(0x0400010a, ALL, "switch time of step periods", minute),
    ONE(0x04000201, ALL, "number of year zones", count_1),
    ONE(0x04000202, ALL, "number of day tables", count_1),
    ONE(0x04000203, ALL, "number of periods in a day", count_1),
    ONE(0x04000204, ALL, "number of tariffs", count_1),
    ONE(0x04000205, ALL, "number of public holidays", count_2),
    ONE(0x04000207, ALL, "number of steps", count_1),
    ONE(0x04000300, 0xfffffff8u, "display setting $n", count_1),
    ONE(0x04000306, ALL, "CT ratio", count_3),
    ONE(0x04000307, ALL, "PT ratio", count_3),
    ONE(0x04000401, ALL, "communication address", digits_6),
    ONE(0x04000402, ALL, "meter number", digits_6),
    ONE(0x04000403, ALL, "asset code", ascii_32),
    ONE(0x04000404, ALL, "rated voltage", ascii_6),
    ONE(0x04000405, ALL, "rated current", ascii_6),
    ONE(0x04000406, ALL, "maximum current", ascii_6),
    ONE(0x04000409, ALL, "active constant", per_kwh),
    ONE(0x0400040a, ALL, "reactive constant", per_kvarh),
    ONE(0x0400040b, ALL, "model", ascii_10),
    ONE(0x0400040c, ALL, "production date", ascii_10),
    ONE(0x0400040d, ALL, "protocol version", ascii_16),
    ONE(0x0400040e, ALL, "customer number", digits_6),
    ONE(0x0400040f, ALL, "location", hex_11),
    ONE(0x04000501, ALL, "status word 1", status_1),
    ONE(0x04000502, ALL, "status word 2", status_2),
    ONE(0x04000503, ALL, "status word 3", status_3),
    ONE(0x04000504, ALL, "status word 4", status_phase),
    ONE(0x04000505, ALL, "status word 5", status_phase),
    ONE(0x04000506, ALL, "status word 6", status_phase),
    ONE(0x04000507, ALL, "status word 7", status_7),
    ONE(0x040005ff, ALL, "status words", status_all),
    ONE(0x04000601, ALL, "active combination word", bits_1),
    ONE(0x04000602, ALL, "reactive 1 combination word", bits_1),
    ONE(0x04000603, ALL, "reactive 2 combination word", bits_1),
    ONE(0x04000700, 0xfffffff8u, "speed word of port $n", bits_1),
    ONE(0x04000801, ALL, "weekend word", bits_weekend),
    ONE(0x04000802, ALL, "day table of the weekend", count_1),
    ONE(0x04000901, ALL, "load profile mode word", bits_1),
    ONE(0x04000902, ALL, "timed freeze mode word", bits_freeze),
    ONE(0x04000903, ALL, "instant freeze mode word", bits_freeze),
    ONE(0x04000904, ALL, "agreed freeze mode word", bits_freeze),
    ONE(0x04000905, ALL, "hourly freeze mode word", bits_freeze),
    ONE(0x04000906, ALL, "daily freeze mode word", bits_freeze),
    ONE(0x04000a01, ALL, "load profile start, MMDDhhmm", digits_4),
    ONE(0x04000a00, 0xfffffff8u, "load profile interval $n", minutes_2),
    ONE(0x04000b00, 0xfffffffcu, "settlement day $n, DDhh", digits_2),
    ONE(0x04000c00, RECORD, "password, level and digits", secret_4),
    ONE(0x04000e01, ALL, "forward power limit", limit_kw),
    ONE(0x04000e02, ALL, "reverse power limit", limit_kw),
    ONE(0x04000e03, ALL, "voltage limit, high", volt),
    ONE(0x04000e04, ALL, "voltage limit, low", volt),
    ONE(0x04000f01, ALL, "alarm energy 1", kwh_one),
    ONE(0x04000f02, ALL, "alarm energy 2", kwh_one),
    ONE(0x04000f03, ALL, "hoarding limit, energy", kwh_one),
    ONE(0x04000f04, ALL, "overdraft limit, energy", kwh_one),
    ONE(0x04001001, ALL, "alarm money 1", money),
    ONE(0x04001002, ALL, "alarm money 2", money),
    ONE(0x04001003, ALL, "overdraft limit, money", money),
    ONE(0x04001004, ALL, "hoarding limit, money", money),
    ONE(0x04001005, ALL, "least money to permit closing", money),
    ONE(0x04001101, ALL, "run characteristic word", bits_1),
    ONE(0x04001104, ALL, "active report mode word", bits_rest), /* 6 or 8 bytes */
    ONE(0x04001201, ALL, "hourly freeze start", minute),
    ONE(0x04001202, ALL, "hourly freeze interval", minutes_1),
    ONE(0x04001203, ALL, "daily freeze time", clock_short),
    ONE(0x04001301, ALL, "wireless module", bits_1),
    ONE(0x04001401, ALL, "trip delay", minutes_2),
    ONE(0x04001402, ALL, "relay opening current threshold", hex_rest),
    ONE(0x04001403, ALL, "relay opening threshold delay", hex_rest),
    ONE(0x04001404, ALL, "infrared authentication time", minutes_1),
    MANY(0x04001501, ALL, "active report", report, 1),
    ONE(0x04001503, ALL, "active report reset", bits_12),
    ONE(0x04600101, ALL, "report interval", seconds_binary),
    ONE(0x04800001, ALL, "software version", ascii_32),
    ONE(0x04800002, ALL, "hardware version", ascii_32),
    ONE(0x04800003, ALL, "factory code", ascii_32),
    /* 2.5 tariffs, steps, zones, holidays */
    MANY(0x04010000, ALL, "year zones, set 1", zones, 1),
    MANY(0x04010000, RECORD, "day table $n, set 1", periods, 1),
    MANY(0x04020000, ALL, "year zones, set 2", zones, 1),
    MANY(0x04020000, RECORD, "day table $n, set 2", periods, 1),
    ONE(0x04030000, 0xffffff00u, "public holiday $n", holiday),
    ONE(0x04050100, 0xffffffc0u, "price of tariff $n, set 1", price),
    ONE(0x04050200, 0xffffffc0u, "price of tariff $n, set 2", price),
    MANY(0x040501ff, ALL, "prices, set 1", prices, 1),
    MANY(0x040502ff, ALL, "prices, set 2", prices, 1),
    ONE(0x04060000, 0xffffffc0u, "limit of step $n, set 1", kwh_one),
    ONE(0x04060100, 0xffffffc0u, "price of step $n, set 1", price),
    ONE(0x04060200, 0xffffffc0u, "limit of step $n, set 2", kwh_one),
    ONE(0x04060300, 0xffffffc0u, "price of step $n, set 2", price),
    ONE(0x040604ff, ALL, "steps in force", step_block),
    ONE(0x040605ff, ALL, "steps in reserve", step_block),
    /* 2.8 freeze records */
    FREEZE(0x00, "time", minute, 0),
    FREEZE(0x01, "forward active energy", kwh_tariffs, 1),
    FREEZE(0x02, "reverse active energy", kwh_tariffs, 1),
    FREEZE(0x03, "combined reactive energy 1", kvarh_signed_tariffs, 1),
    FREEZE(0x04, "combined reactive energy 2", kvarh_signed_tariffs, 1),
    FREEZE(0x05, "quadrant 1 reactive energy", kvarh_tariffs, 1),
    FREEZE(0x06, "quadrant 2 reactive energy", kvarh_tariffs, 1),
    FREEZE(0x07, "quadrant 3 reactive energy", kvarh_tariffs, 1),
    FREEZE(0x08, "quadrant 4 reactive energy", kvarh_tariffs, 1),
    FREEZE(0x09, "forward demand", freeze_demand, 2),
    FREEZE(0x0a, "reverse demand", freeze_demand, 2),
    FREEZE(0x10, "variables", freeze_variables, 0),
    SHAPED(0x0500ff00, 0xfff0ff00u, "$f $n", freeze_all, SHAPE_FREEZE),
    /* 4.2 and 4.4: what the security function answers */
    ONE(0x070000ff, ALL, "identity authentication", auth_reply),
    ONE(0x070002ff, ALL, "end of authentication", auth_end_reply),
    ONE(0x07000201, ALL, "end of authentication", auth_end_reply),
    ONE(0x078102ff, ALL, "wallet", wallet_reply),
    ONE(0x07810201, ALL, "wallet", wallet_reply),
    ONE(0x070104ff, ALL, "prepaid parameters", landlord_block),
    /* 2.9 again: events item by item */
    EVENT(0x10000000, "loss of voltage", 0x25),
    EVENT(0x11000000, "under-voltage", 0x25),
    EVENT(0x12000000, "over-voltage", 0x25),
    EVENT(0x13000000, "phase break", 0x25),
    EVENT(0x14000000, "voltage sequence", 0x12),
    EVENT(0x15000000, "current sequence", 0x12),
    EVENT(0x16000000, "voltage imbalance", 0x13),
    EVENT(0x17000000, "current imbalance", 0x13),
    EVENT(0x18000000, "loss of current", 0x21),
    EVENT(0x19000000, "over-current", 0x21),
    EVENT(0x1a000000, "break of current", 0x21),
    EVENT(0x1b000000, "power reversal", 0x12),
    EVENT(0x1c000000, "overload", 0x12),
    EVENT(0x1f000000, "power factor low", 0x06),
    RELAY(0x1d000000, "trip"),
    RELAY(0x1e000000, "close"),
};

/* The most particular row wins: the one whose mask leaves least open. */
const struct dlt645_item *
dlt645_item(uint32_t di)
{
	const struct dlt645_item *best = NULL;

	for (size_t i = 0; i < COUNT(items); i++)
		if ((di & items[i].mask) == items[i].di &&
		    (best == NULL || items[i].mask > best->mask))
			best = &items[i];
	return best;
}
