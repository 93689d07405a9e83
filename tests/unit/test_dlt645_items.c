/* dlt645_items: formats, blocks and records.  All hex here is written by hand from the layouts
 * of dlt645.md, never taken from the encoder; the section stands beside it. */
#include "base/err.h"
#include "codec/dlt645_items.h"
#include "codec/dlt645_profile.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dlt645_value got[DLT645_VALUES];
static struct err why;

static int
values(uint32_t di, const char *hex)
{
	const struct dlt645_item *i = dlt645_item(di);
	struct buf bytes = {0};
	struct err e;
	int n;

	ck_assert_msg(i != NULL, "%08x is not in the table", (unsigned)di);
	ck_assert_int_eq(hex_in(&bytes, hex, &e), 0);
	n = dlt645_values(i, buf_span(&bytes), got, DLT645_VALUES, &why);
	buf_clear(&bytes);
	return n;
}

/* All values in one line: "1.00 kWh; -; 2.00 kWh", absent ones as (reason). */
static const char *
text(uint32_t di, const char *hex)
{
	static char out[8192];
	int n = values(di, hex);
	size_t at = 0;

	if (n < 0)
		return "wrong length";
	out[0] = '\0';
	for (int k = 0; k < n; k++) {
		const struct dlt645_value *v = &got[k];
		const char *unit = v->absent ? "" : v->field->unit;

		at += (size_t)snprintf(out + at, sizeof out - at, "%s%s%s%s%s%s", k > 0 ? "; " : "",
		    v->absent ? "(" : "", v->absent ? v->why : v->text, v->absent ? ")" : "",
		    *unit != '\0' ? " " : "", unit);
	}
	return out;
}

static const char *
name(uint32_t di, int k)
{
	static char out[128];

	dlt645_value_name(dlt645_item(di), di, &got[k], out, sizeof out);
	return out;
}

/* --- formats: dlt645.md 2.1 -------------------------------------------------------------- */

START_TEST(digits_come_lowest_pair_first)
{
	ck_assert_str_eq(text(0x00010000, "56341200"), "1234.56 kWh");
	ck_assert_str_eq(text(0x02010100, "3922"), "223.9 V");
	ck_assert_str_eq(text(0x02800002, "9949"), "49.99 Hz");
	ck_assert_str_eq(text(0x0280000b, "50000000"), "0.0050 money/kWh");
	ck_assert_str_eq(text(0x00900200, "50880000"), "88.50 money");
	ck_assert_str_eq(text(0x1d000001, "120000"), "12");
}
END_TEST

START_TEST(the_top_bit_is_a_sign_only_where_one_can_be)
{
	ck_assert_str_eq(text(0x02030000, "452381"), "-1.2345 kW");
	ck_assert_str_eq(text(0x02020100, "020900"), "0.902 A");
	ck_assert_str_eq(text(0x00000000, "00010080"), "-1.00 kWh");
	ck_assert_str_eq(text(0x00010000, "00010080"), "800001.00 kWh");
	ck_assert_str_eq(text(0x02060000, "0080"), "0.000");
}
END_TEST

/* Quirk 8, and vector 54. */
START_TEST(what_is_not_a_number_is_absent_and_says_why)
{
	ck_assert_str_eq(text(0x00010000, "00000E00"), "(not BCD)");
	ck_assert_str_eq(text(0x00010000, "FFFFFFFF"), "(filler)");
	ck_assert_str_eq(text(0x02010200, "EEEE"), "(filler)");
	ck_assert(!got[0].is_number);
	ck_assert_str_eq(text(0x04000401, "A10000000000"), "(not BCD)");
}
END_TEST

/* Quirk 6: 02010100 answered with three bytes. */
START_TEST(a_value_of_another_length_is_refused)
{
	ck_assert_int_eq(values(0x02010100, "392200"), -1);
	ck_assert_str_eq(why.text, "3 bytes, expected 2");
	ck_assert_int_eq(values(0x02010100, "39"), -1);
	ck_assert_int_eq(values(0x02010100, ""), -1);
	ck_assert_int_eq(values(0x0001ff00, "0000000000"), -1);
	ck_assert_int_eq(values(0x80808080, ""), 0);
	ck_assert_int_eq(values(0x80808080, "00"), -1);
}
END_TEST

/* 2.4: wire order WW DD MM YY, ss mm hh; 0 is Sunday.  2026-11-20 is a Friday. */
START_TEST(dates_and_times_are_checked_against_the_calendar)
{
	ck_assert_str_eq(text(0x04000101, "05201126"), "2026-11-20 Fri");
	ck_assert_str_eq(text(0x04000102, "453010"), "10:30:45");
	ck_assert_str_eq(text(0x0400010c, "45301005201126"), "2026-11-20 Fri 10:30:45");
	ck_assert_str_eq(text(0x04000106, "0000010127"), "2027-01-01 00:00");
	ck_assert_str_eq(text(0x04000106, "0000290227"), "(not a date)");
	ck_assert_str_eq(text(0x04000106, "0000290228"), "2028-02-29 00:00");
	ck_assert_str_eq(text(0x04000106, "0024010127"), "(not a date)");
	ck_assert_str_eq(text(0x04000102, "603010"), "(not a time)");
	ck_assert_str_eq(text(0x04000106, "0000000000"), "(empty)");
	ck_assert_str_eq(text(0x04001203, "3000"), "00:30");
}
END_TEST

START_TEST(texts_and_long_numbers_keep_what_was_in_them)
{
	ck_assert_str_eq(text(0x04000402, "020000000000"), "000000000002");
	ck_assert_str_eq(text(0x0400040e, "129078563412"), "123456789012");
	ck_assert_str_eq(text(0x04000404, "563032320000"), "220V");
	ck_assert_str_eq(text(0x04000404, "000000000000"), "(empty)");
	ck_assert_str_eq(text(0x04000404, "010203040506"), "(not text)");
}
END_TEST

/* 2.6, and the captures 0050h (open, commanded) and 0000h (closed). */
START_TEST(status_word_three_tells_the_relay)
{
	char meaning[256];

	ck_assert_str_eq(text(0x04000503, "5000"), "0050h");
	ck_assert_int_eq(got[0].number, 0x0050);
	dlt645_value_meaning(&got[0], meaning, sizeof meaning);
	ck_assert_str_eq(meaning, "relay open, relay commanded open");
	ck_assert_str_eq(text(0x04000503, "0000"), "0000h");
	ck_assert_str_eq(text(0x040005ff, "01000000 5000 0000 0000 0000 2000"),
	    "0001h; 0000h; 0050h; 0000h; 0000h; 0000h; 0020h");
}
END_TEST

/* --- blocks ------------------------------------------------------------------------------ */

/* 2.2: N is not fixed, it follows from the length.  The energies are those of 2.8's example. */
START_TEST(a_tariff_block_is_as_long_as_it_is)
{
	ck_assert_str_eq(text(0x0001ff00, "56341200 00010000 00050000 00040000 56020000"),
	    "1234.56 kWh; 1.00 kWh; 5.00 kWh; 4.00 kWh; 2.56 kWh");
	ck_assert_str_eq(name(0x0001ff00, 0), "forward active energy, total");
	ck_assert_str_eq(name(0x0001ff00, 4), "forward active energy, tariff 4");
	ck_assert_int_eq(values(0x0001ff00, "56341200"), 1);
	ck_assert_int_eq(values(0x0001ff00, "00000000 00000000 00000000 00000000 00000000"
					    "00000000 00000000 00000000 00000000"),
	    9);
	ck_assert_int_eq(values(0x0001ff03, "56341200"), 1);
	ck_assert_str_eq(name(0x0001ff03, 0), "forward active energy, settlement 3, total");
}
END_TEST

START_TEST(any_tariff_and_settlement_day_has_its_name)
{
	values(0x00020c01, "00000000");
	ck_assert_str_eq(name(0x00020c01, 0), "reverse active energy, tariff 12, settlement 1");
	values(0x00150000, "00000000");
	ck_assert_str_eq(name(0x00150000, 0), "phase A forward active energy, total");
	values(0x02030100, "000000");
	ck_assert_str_eq(name(0x02030100, 0), "active power, phase A");
	values(0x000b0002, "00000000");
	ck_assert_str_eq(name(0x000b0002, 0), "energy of the month, settlement 2");
	ck_assert_ptr_null(dlt645_item(0x00014000));
	ck_assert_ptr_null(dlt645_item(0x050b0001 | 0x00f00000));
	ck_assert_ptr_null(dlt645_item(0x04a20200));
}
END_TEST

/* 2.5: wire NN DD MM and NN mm hh. */
START_TEST(zones_periods_and_holidays_name_their_table)
{
	ck_assert_str_eq(text(0x04010000, "010101 020107"), "01-01 table 1; 07-01 table 2");
	ck_assert_str_eq(text(0x04010001, "030000 023008"), "00:00 tariff 3; 08:30 tariff 2");
	ck_assert_str_eq(text(0x04030001, "02011026"), "2026-10-01 table 2");
}
END_TEST

/* 2.5: 6 limits, 7 prices, 4 yearly settlement dates. */
START_TEST(the_step_block_has_limits_prices_and_dates)
{
	ck_assert_int_eq(
	    values(0x040604ff, "00002400 00004000 00000000 00000000 00000000 00000000"
			       "83480000 83530000 83780000 00000000 00000000 00000000 00000000"
			       "000101 999999 999999 999999"),
	    17);
	ck_assert_str_eq(got[0].text, "2400.00");
	ck_assert_str_eq(got[6].text, "0.4883");
	ck_assert_str_eq(name(0x040604ff, 12), "price of step 7");
	ck_assert_str_eq(got[13].text, "010100");
}
END_TEST

/* --- records ----------------------------------------------------------------------------- */

/* 2.9: time 5, count 2, amount 4, before 4, after 4, bought 4: 100.00 as the seventh purchase,
 * 2026-11-20 08:15, 12.34 before, 112.34 after, 700.00 in all. */
START_TEST(a_recharge_record_is_the_evidence_of_one_purchase)
{
	ck_assert_str_eq(text(0x0333ff01, "1508201126 0700 00000100 34120000 34120100 00000700"),
	    "2026-11-20 08:15; 7; 100.00 money; 12.34 money; 112.34 money; 700.00 money");
	ck_assert_str_eq(name(0x0333ff01, 1), "purchase count");
	ck_assert_str_eq(text(0x03330201, "0700"), "7");
	ck_assert_str_eq(text(0x03330301, "00000100"), "100.00 money");
	ck_assert_str_eq(text(0x0332ff01, "1508201126 0700 00000100 34120000 34120100 00000700"),
	    "2026-11-20 08:15; 7; 100.00 kWh; 12.34 kWh; 112.34 kWh; 700.00 kWh");
	ck_assert_int_eq(
	    values(0x0333ff01, "1508201126 0700 00000100 34120000 34120100 000007"), -1);
}
END_TEST

/* 2.9: an empty place in the ring of records. */
START_TEST(a_recharge_record_that_is_not_there_has_no_values)
{
	ck_assert_str_eq(text(0x0333ff02, "FFFFFFFFFF FFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF"),
	    "(filler); (filler); (filler); (filler); (filler); (filler)");
}
END_TEST

/* 2.8: time and energies of the newest daily record, item by item. */
START_TEST(a_freeze_record_is_read_item_by_item)
{
	ck_assert_str_eq(text(0x05060001, "0000201126"), "2026-11-20 00:00");
	ck_assert_str_eq(name(0x05060001, 0), "daily freeze 1, time");
	ck_assert_str_eq(text(0x05060101, "56341200 00000100 00000500 00000400 56340200"),
	    "1234.56 kWh; 100.00 kWh; 500.00 kWh; 400.00 kWh; 234.56 kWh");
	ck_assert_str_eq(name(0x05060101, 2), "daily freeze 1, forward active energy, tariff 2");
	ck_assert_int_eq(
	    values(0x05061001, "000000 000000 000000 000000 000000 000000 000000 000000"), 8);
	ck_assert_str_eq(text(0x05060901, "452301 3014201126"), "1.2345 kW; 2026-11-20 14:30");
}
END_TEST

/* 2.8: the hourly whole record is 13 bytes: time, forward, reverse. */
START_TEST(a_whole_freeze_record_is_told_by_its_length)
{
	ck_assert_str_eq(text(0x0504ff01, "0008201126 56341200 78000000"),
	    "2026-11-20 08:00; 1234.56 kWh; 0.78 kWh");
	ck_assert_str_eq(name(0x0504ff01, 2), "reverse active energy, total");
	ck_assert_int_eq(values(0x0506ff01, "0000201126"
					    "56341200 00010000 00050000 00040000 56020000"
					    "78000000 78000000 00000000 00000000 00000000"),
	    11);
	ck_assert_str_eq(name(0x0506ff01, 10), "reverse active energy, tariff 4");
	ck_assert_int_eq(values(0x0506ff01, "0000201126 00000000 00000000 000000"), -1);
	ck_assert_str_eq(why.text, "16 bytes do not tell what the freeze record holds");
}
END_TEST

/* 2.8: the same with AA between the parts, and the variables (8 x 3) behind. */
START_TEST(a_whole_freeze_record_with_separators_is_told_by_them)
{
	ck_assert_str_eq(text(0x0504ff01, "0008201126 AA 56341200 AA 78000000 AA"),
	    "2026-11-20 08:00; 1234.56 kWh; 0.78 kWh");
	ck_assert_int_eq(
	    values(0x0506ff01, "0000201126 AA"
			       "56341200 00010000 00050000 00040000 56020000 AA"
			       "78000000 78000000 00000000 00000000 00000000 AA"
			       "452381 000000 000000 000000 000000 000000 000000 000000"),
	    19);
	ck_assert_str_eq(got[11].text, "-1.2345");
	ck_assert_str_eq(name(0x0506ff01, 11), "active power, total");
	ck_assert_str_eq(name(0x0506ff01, 18), "reactive power, phase C");
	ck_assert_int_eq(values(0x0506ff01, "0000201126 AA 563412 AA"), -1);
}
END_TEST

/* 2.9: time 6, operator 4, forward 4, reverse 4, Q1 to Q4. */
START_TEST(a_trip_record_carries_the_operator_who_ordered_it)
{
	ck_assert_str_eq(text(0x1d00ff01, "451508201126 78563412 56341200 00000000"
					  "01000000 02000000 03000000 04000000"),
	    "2026-11-20 08:15:45; 12345678; 1234.56 kWh; 0.00 kWh; 0.01 kvarh; 0.02 kvarh;"
	    " 0.03 kvarh; 0.04 kvarh");
	ck_assert_int_eq(got[1].number, 0x12345678);
	ck_assert_str_eq(text(0x1e000101, "451508201126"), "2026-11-20 08:15:45");
	ck_assert_str_eq(text(0x1e000201, "78563412"), "12345678");
}
END_TEST

/* 2.9: start 6, end 6, 12 energies; a cover still open has no end. */
START_TEST(an_open_cover_has_no_end)
{
	ck_assert_int_eq(
	    values(0x03300d01, "451508201126 000000000000"
			       "56341200 00000000 00000000 00000000 00000000 00000000"
			       "00000000 00000000 00000000 00000000 00000000 00000000"),
	    14);
	ck_assert_str_eq(got[0].text, "2026-11-20 08:15:45");
	ck_assert(got[1].absent);
	ck_assert_str_eq(got[1].why, "empty");
	ck_assert_str_eq(text(0x03300d00, "030000"), "3");
	ck_assert_str_eq(text(0x03300e00, "000000"), "0");
}
END_TEST

/* 2.9: for A, B, C the count and the minutes, three bytes each. */
START_TEST(a_voltage_event_counts_for_each_phase)
{
	ck_assert_str_eq(text(0x03010000, "010000 150000 000000 000000 020000 300000"),
	    "1; 15 min; 0; 0 min; 2; 30 min");
	ck_assert_str_eq(name(0x03010000, 5), "time, phase C");
	values(0x10020001, "010000");
	ck_assert_str_eq(name(0x10020001, 0), "loss of voltage, phase B, count");
	ck_assert_str_eq(text(0x10022501, "451508201126"), "2026-11-20 08:15:45");
}
END_TEST

START_TEST(a_programming_record_lists_ten_identifiers)
{
	ck_assert_int_eq(values(0x03300001, "451508201126 01000000 02010004"
					    "FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF "
					    "FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF"),
	    12);
	ck_assert_str_eq(got[2].text, "04000102");
	ck_assert_str_eq(name(0x03300001, 11), "identifier 10");
}
END_TEST

/* 4.2: amounts and counts of the purse are binary, low byte first; 10000 cents are 2710h. */
START_TEST(the_purse_is_binary_and_its_macs_are_hidden)
{
	ck_assert_str_eq(
	    text(0x078102ff, "10270000 11223344 07000000 55667788 129078563412 00000001"),
	    "100.00 money; **; 7; **; 123456789012; 00000001");
	ck_assert_int_eq(got[0].number, 10000);
	ck_assert_int_eq(got[2].number, 7);
	ck_assert_str_eq(
	    text(0x070000ff, "11223344 0102030405060708"), "11223344; 0102030405060708");
	ck_assert_str_eq(text(0x070002ff, "129078563412 10270000 07000000 00000001"),
	    "123456789012; 100.00 money; 7; 00000001");
}
END_TEST

/* 2.4: 12 bytes and a count byte for each bit set. */
START_TEST(an_active_report_may_carry_counts)
{
	ck_assert_str_eq(text(0x04001501, "004000000000000000000000"), "000000000000000000004000h");
	ck_assert_int_eq(values(0x04001501, "004000000000000000000000 01"), 2);
	ck_assert_str_eq(text(0x04001104, "010000000000"), "000000000001h");
	ck_assert_str_eq(text(0x04001104, "0100000000000000"), "0000000000000001h");
}
END_TEST

/* 4.4: one maker's snapshot, 65 bytes, "longer variants append"; vector 2's values are held by
 * test_dlt645_vectors.c. */
START_TEST(a_longer_snapshot_keeps_its_known_part)
{
	char hex[400] = "";

	for (int i = 0; i < 65; i++)
		strcat(hex, "00");
	ck_assert_int_eq(values(0x028011ff, hex), 22);
	strcat(hex, "0102030405");
	ck_assert_int_eq(values(0x028011ff, hex), 22);
	hex[128] = '\0';
	ck_assert_int_eq(values(0x028011ff, hex), -1);
}
END_TEST

START_TEST(more_values_than_there_is_room_for_is_an_error)
{
	static const uint8_t zeros[20];
	struct dlt645_value two[2];
	struct err e;

	ck_assert_int_eq(
	    dlt645_values(dlt645_item(0x0001ff00), span_of(zeros, 20), two, 2, &e), -1);
	ck_assert_str_eq(e.text, "more than 2 values");
}
END_TEST

/* --- numbers into bytes, registers, profiles ---------------------------------------------- */

static const char *
put(enum dlt645_format format, uint8_t bytes, int64_t number)
{
	struct dlt645_field f = {.name = "n", .format = format, .bytes = bytes, .unit = ""};
	static char hex[40];
	struct buf out = {0};
	struct err e;

	if (dlt645_put_number(&out, &f, number, &e) < 0)
		return "refused";
	hex_out(hex, buf_span(&out));
	buf_clear(&out);
	return hex;
}

START_TEST(a_number_goes_into_its_bytes_or_not_at_all)
{
	ck_assert_str_eq(put(FMT_BCD, 4, 123456), "56341200");
	ck_assert_str_eq(put(FMT_BCD, 4, 99999999), "99999999");
	ck_assert_str_eq(put(FMT_BCD, 4, 100000000), "refused");
	ck_assert_str_eq(put(FMT_BCD, 4, -1), "refused");
	ck_assert_str_eq(put(FMT_BCD_SIGNED, 3, -12345), "452381");
	ck_assert_str_eq(put(FMT_BCD_SIGNED, 3, 799999), "999979");
	ck_assert_str_eq(put(FMT_BCD_SIGNED, 3, 800000), "refused");
	ck_assert_str_eq(put(FMT_BCD_SIGNED, 3, -800000), "refused");
	ck_assert_str_eq(put(FMT_BINARY, 4, 10000), "10270000");
	ck_assert_str_eq(put(FMT_BINARY, 1, 256), "refused");
	ck_assert_str_eq(put(FMT_BITS, 2, 0x50), "5000");
	ck_assert_str_eq(put(FMT_ASCII, 2, 1), "refused");
}
END_TEST

static int64_t
reg(enum reg r, const char *hex)
{
	struct buf bytes = {0};
	int64_t value = INT64_MIN;
	struct err e;

	ck_assert_int_eq(hex_in(&bytes, hex, &e), 0);
	if (dlt645_reg_value(r, buf_span(&bytes), &value, &e) < 0)
		value = INT64_MIN;
	buf_clear(&bytes);
	return value;
}

START_TEST(a_register_without_data_has_no_value)
{
	struct err e = {0};

	for (int r = 0; r < REG_COUNT; r++) {
		int64_t value = 1;

		if (dlt645_di_of((enum reg)r) == 0)
			continue;
		ck_assert_msg(dlt645_reg_value((enum reg)r, span_of("", 0), &value, &e) < 0,
		    "register %d", r);
		ck_assert_int_eq(e.class, ERR_INPUT);
		ck_assert_int_eq(value, 1);
	}
}
END_TEST

START_TEST(registers_arrive_in_our_units)
{
	ck_assert_int_eq(reg(REG_TOTAL_WH, "56341200"), 1234560);
	ck_assert_int_eq(reg(REG_CREDIT, "50880000"), 8850);
	ck_assert_int_eq(reg(REG_CREDIT, "00000000 50120000"), -1250);
	ck_assert_int_eq(reg(REG_STATUS, "5000"), 0x50);
	ck_assert_int_eq(reg(REG_PURCHASES, "0700"), 7);
	ck_assert_int_eq(reg(REG_PRICE, "83480000"), 488300);
	ck_assert_int_eq(reg(REG_TRIPS, "120000"), 12);
	ck_assert_int_eq(reg(REG_OVERLOADS, "020000070000 110000300000 000000000000"), 13);
	ck_assert_int_eq(reg(REG_OVERLOADS, "020000070000 FFFFFFFFFFFF FFFFFFFFFFFF"), 2);
	ck_assert_int_eq(reg(REG_OVERLOADS, "FFFFFFFFFFFF FFFFFFFFFFFF FFFFFFFFFFFF"), INT64_MIN);
	ck_assert_int_eq(reg(REG_TOTAL_WH, "00000E00"), INT64_MIN);
	ck_assert_int_eq(reg(REG_TOTAL_WH, "000000"), INT64_MIN);
	ck_assert_int_eq(reg(REG_COUNT, "000000"), INT64_MIN);
	for (int r = 0; r < REG_COUNT; r++)
		ck_assert_ptr_nonnull(dlt645_item(dlt645_di_of((enum reg)r)));
}
END_TEST

START_TEST(there_are_four_families_of_meters)
{
	const struct dlt645_profile *p = dlt645_profile("remote");

	ck_assert(!p->local && p->auth == AUTH_PASSWORD && p->close_code == 0x1c);
	ck_assert_str_eq(capability_name(p->capability), "none");
	p = dlt645_profile("wallet-esam");
	ck_assert(p->local && p->recharge == RECHARGE_ESAM && p->auth == AUTH_ESAM);
	ck_assert_str_eq(capability_name(p->capability), "counted");
	ck_assert_ptr_null(dlt645_profile("none such"));
	p = dlt645_profile("wallet-plain");
	ck_assert(p->local && p->recharge == RECHARGE_ORDER && p->auth == AUTH_PASSWORD);
	ck_assert_str_eq(capability_name(p->capability), "none");
	p = dlt645_profile_next(p);
	ck_assert(p->local && p->recharge == RECHARGE_EAST && p->short_control);
	ck_assert_str_eq(capability_name(p->capability), "none");
	ck_assert_ptr_null(dlt645_profile_next(p));
}
END_TEST

int
main(void)
{
	TCase *formats = tcase_create("formats"), *records = tcase_create("records");
	Suite *s = suite_create("dlt645_items");
	SRunner *r;
	int failed;

	tcase_add_test(formats, digits_come_lowest_pair_first);
	tcase_add_test(formats, the_top_bit_is_a_sign_only_where_one_can_be);
	tcase_add_test(formats, what_is_not_a_number_is_absent_and_says_why);
	tcase_add_test(formats, a_value_of_another_length_is_refused);
	tcase_add_test(formats, dates_and_times_are_checked_against_the_calendar);
	tcase_add_test(formats, texts_and_long_numbers_keep_what_was_in_them);
	tcase_add_test(formats, status_word_three_tells_the_relay);
	tcase_add_test(formats, a_number_goes_into_its_bytes_or_not_at_all);
	tcase_add_test(formats, registers_arrive_in_our_units);
	tcase_add_test(formats, a_register_without_data_has_no_value);
	tcase_add_test(formats, there_are_four_families_of_meters);
	tcase_add_test(records, a_tariff_block_is_as_long_as_it_is);
	tcase_add_test(records, any_tariff_and_settlement_day_has_its_name);
	tcase_add_test(records, zones_periods_and_holidays_name_their_table);
	tcase_add_test(records, the_step_block_has_limits_prices_and_dates);
	tcase_add_test(records, a_recharge_record_is_the_evidence_of_one_purchase);
	tcase_add_test(records, a_recharge_record_that_is_not_there_has_no_values);
	tcase_add_test(records, a_freeze_record_is_read_item_by_item);
	tcase_add_test(records, a_whole_freeze_record_is_told_by_its_length);
	tcase_add_test(records, a_whole_freeze_record_with_separators_is_told_by_them);
	tcase_add_test(records, a_trip_record_carries_the_operator_who_ordered_it);
	tcase_add_test(records, an_open_cover_has_no_end);
	tcase_add_test(records, a_voltage_event_counts_for_each_phase);
	tcase_add_test(records, a_programming_record_lists_ten_identifiers);
	tcase_add_test(records, the_purse_is_binary_and_its_macs_are_hidden);
	tcase_add_test(records, an_active_report_may_carry_counts);
	tcase_add_test(records, a_longer_snapshot_keeps_its_known_part);
	tcase_add_test(records, more_values_than_there_is_room_for_is_an_error);
	suite_add_tcase(s, formats);
	suite_add_tcase(s, records);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
