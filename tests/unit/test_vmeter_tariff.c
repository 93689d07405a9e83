/* vmeter: two sets of hours and prices, and the switch between them (dlt645.md 2.4 to 2.6, 4.3). */
#include "vmeter_talk.h"

#include "sim/esam.h"

#define WALLET   "profile=wallet-esam customer=123456789012 opened=yes credit_minor=100000 "
#define MINOR    INT64_C(36000000000000000) /* grains */
#define MONTH_US (31 * DAY_US)

/* A write as the meter of this profile wants it: "0106 0004" low byte first, plain data. */
static const char *
write_plain(struct talk *t, const char *di, const char *data)
{
	char all[400];

	snprintf(all, sizeof all, "%s 02000000 01000000 %s", di, data);
	return talk_plain(t, 0x14, all);
}

struct chip {
	uint8_t key[ESAM_KEY], rand2[4];
};

static struct chip
authenticate(struct talk *t)
{
	const uint8_t rand1[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct buf heard = {0};
	struct chip c;
	uint8_t cipher[8];
	char hex[64], data[256];
	struct err e;

	esam_meter_key(t->world.master, ADDRESS, c.key);
	esam_auth_cipher(c.key, rand1, cipher);
	hex_out(hex, span_of(cipher, 8));
	snprintf(data, sizeof data, "FF000007 00000000 %s 0102030405060708 0000123456789012", hex);
	talk_plain(t, 0x03, data);
	ck_assert_int_eq(hex_in(&heard, t->said + 10, &e), 0);
	memcpy(c.rand2, heard.bytes, 4);
	buf_clear(&heard);
	return c;
}

/* DI and data under a MAC at level 99, or sealed and under a MAC at level 98. */
static const char *
write_signed(struct talk *t, const struct chip *c, int level, const char *di, const char *data)
{
	struct buf clear = {0};
	uint8_t sealed[ESAM_SEALED], mac[4];
	char body[400], m[9], all[600], text[300];
	struct err e;

	snprintf(text, sizeof text, "%s %s", di, data);
	ck_assert_int_eq(hex_in(&clear, text, &e), 0);
	if (level == 98) {
		size_t n = esam_seal(c->key, buf_span(&clear), sealed);

		hex_out(body, span_of(sealed, n));
		esam_mac(c->key, c->rand2, span_of(sealed, n), mac);
	} else {
		hex_out(body, span_of(clear.bytes + 4, clear.len - 4));
		esam_mac(c->key, c->rand2, buf_span(&clear), mac);
	}
	hex_out(m, span_of(mac, 4));
	snprintf(all, sizeof all, "%s %d000000 01000000 %s %s", di, level, body, m);
	buf_clear(&clear);
	return talk_plain(t, 0x14, all);
}

#define FOUR(x) x x x x
#define REST_OF_TABLE \
	FOUR("010020") FOUR("010020") FOUR("010020") /* what is not used repeats the last */

START_TEST(it_reads_as_it_was_made)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(talk_plain(t, 0x11, "00 00 01 04"),
	    tight("91 00000104" FOUR("010101") FOUR("010101") FOUR("010101") "010101 010101"));
	ck_assert_str_eq(talk_plain(t, 0x11, "01 00 01 04"),
	    tight("91 01000104 040000 030007 020010 030015 010018 030021" FOUR("040023")
		    FOUR("040023")));
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 00 04"), "910102000414");
	ck_assert_str_eq(talk_plain(t, 0x11, "04 02 00 04"), "910402000404");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 0B 00 04"), "91010B00040001"); /* hh DD */
	ck_assert_str_eq(talk_plain(t, 0x11, "01 08 00 04"), "91010800047F");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 01 05 04"), "D102"); /* it has no prices */
	talk_free(t);
}
END_TEST

START_TEST(spare_tables_take_over_at_the_switch_time)
{
	struct talk *t = talk_new("watts=1000");

	/* tariff 1 from midnight, 2 from 08:30, 1 from 20:00 */
	ck_assert_str_eq(write_plain(t, "01000204", "010000 023008" REST_OF_TABLE), "94");
	ck_assert_str_eq(write_plain(t, "07010004", "0000200826"), "94"); /* the next midnight */
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040000");
	talk_wait(t, 2 * DAY_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040100"); /* b0 */
	ck_assert_ptr_nonnull(strstr(t->told, "parameter \"di\":\"04020001\""));
	ck_assert_ptr_nonnull(strstr(t->told, "switch \"what\":\"tables\",\"set\":2"));
	/* 10:30 h of the first day by the old one, then a day and a morning by the new one */
	ck_assert_int_eq(talk_state(t, "t1_wh"), 3000 + 8500 + 4000 + 8500);
	ck_assert_int_eq(talk_state(t, "t2_wh"), 4487 + 11500 + 2013);
	talk_free(t);
}
END_TEST

START_TEST(the_switch_goes_by_its_own_clock)
{
	struct talk *t = talk_new("clock_offset_s=600");

	ck_assert_str_eq(
	    write_plain(t, "06010004", "4510190826"), "94"); /* 10:45, it is 10:40:45 */
	talk_wait(t, 4 * MINUTE_US + 14 * SECOND_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040000");
	talk_wait(t, SECOND_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500042000"); /* b5 */
	talk_free(t);
}
END_TEST

START_TEST(a_switch_time_that_is_over_switches_nothing)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(write_plain(t, "06010004", "0010190826"), "94");
	talk_wait(t, DAY_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040000");
	ck_assert_str_eq(write_plain(t, "06010004", "0010320826"), "D401");
	talk_free(t);
}
END_TEST

START_TEST(new_prices_and_steps_deduct_to_the_grain)
{
	struct talk *t = talk_new(WALLET "watts=120000 price_micro=600000");
	struct chip c = authenticate(t);
	__int128 grains;

	ck_assert_str_eq(write_signed(t, &c, 99, "03020504", "00120000"), "94"); /* flat: 0.1200 */
	ck_assert_str_eq(write_signed(t, &c, 99, "02020504", "00750000"), "94"); /* peak: 0.7500 */
	ck_assert_str_eq(write_signed(t, &c, 98, "01020604", "00070000"), "94"); /* 7 kWh */
	ck_assert_str_eq(write_signed(t, &c, 98, "02020604", "00110000"), "94"); /* 11 kWh */
	ck_assert_str_eq(write_signed(t, &c, 98, "02030604", "00050000"), "94"); /* 0.0500 */
	ck_assert_str_eq(write_signed(t, &c, 98, "03030604", "00200000"), "94"); /* 0.2000 */
	ck_assert_str_eq(talk_plain(t, 0x11, "02 02 05 04"), "910202050400750000");
	ck_assert_str_eq(talk_plain(t, 0x11, "02 01 05 04"), "910201050400600000");
	ck_assert_str_eq(write_signed(t, &c, 99, "08010004", "3210190826"), "94"); /* 10:32 */
	ck_assert_str_eq(write_signed(t, &c, 98, "09010004", "3210190826"), "94");
	talk_wait(t, 75 * SECOND_US + 480 * SECOND_US); /* 2.5 kWh, then 16 more */
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "9103050004000E");
	/* 10:30:45 + 1:15 at 0.60; to 7 kWh at 0.75, to 11 at 0.80, the rest of 18.5 at 0.95 */
	grains = (__int128)2500 * 600000 + (__int128)4500 * 750000 + (__int128)4000 * 800000 +
		 (__int128)7500 * 950000;
	grains *= INT64_C(3600000000);
	ck_assert_int_eq(talk_state(t, "credit_minor"), 100000 - (int64_t)(grains / MINOR));
	ck_assert_int_eq(talk_state(t, "grains"), (int64_t)(grains % MINOR));
	ck_assert_int_eq(talk_state(t, "step"), 2);
	ck_assert_str_eq(talk_plain(t, 0x11, "20 00 80 02"), "912000800200950000");
	ck_assert_str_eq(talk_plain(t, 0x11, "21 00 80 02"), "912100800200750000");
	ck_assert_str_eq(talk_plain(t, 0x11, "0B 00 80 02"), "910B00800200200000");
	talk_free(t);
}
END_TEST

START_TEST(many_small_steps_over_a_switch_are_one_large_step)
{
	const char *settings = WALLET "watts=37123 price_micro=600000 clock_drift_ppm=-70";
	struct talk *a = talk_new(settings), *b = talk_new(settings), *both[2] = {a, b};
	struct buf x = {0}, y = {0};

	for (int i = 0; i < 2; i++) {
		struct chip c = authenticate(both[i]);

		write_signed(both[i], &c, 99, "03020504", "07230100");
		write_signed(both[i], &c, 99, "08010004", "4516190826");
	}
	for (int i = 0; i < 86399; i++)
		talk_wait(a, SECOND_US / 2 + i % 5 * 1007 - 2014);
	talk_wait(a, MORNING + DAY_US / 2 - a->now_us);
	talk_wait(b, DAY_US / 2);
	vmeter_state(a->v, a->now_us, &x);
	vmeter_state(b->v, b->now_us, &y);
	ck_assert_str_eq(buf_text(&x), buf_text(&y));
	ck_assert_str_eq(a->told, b->told);
	buf_clear(&x);
	buf_clear(&y);
	talk_free(a);
	talk_free(b);
}
END_TEST

START_TEST(weekend_and_holiday_have_their_tables)
{
	struct talk *t = talk_new("watts=1000"); /* a Wednesday */

	ck_assert_str_eq(write_plain(t, "02000104",
			     "010000"
			     "010000" REST_OF_TABLE),
	    "94");
	ck_assert_str_eq(write_plain(t, "02080004", "02"), "94");
	ck_assert_str_eq(write_plain(t, "01080004", "3E"), "94"); /* Saturday and Sunday rest */
	ck_assert_str_eq(write_plain(t, "01000304", "02200826"), "94"); /* Thursday */
	ck_assert_str_eq(write_plain(t, "05020004", "0100"), "94");
	talk_wait(t, 6 * DAY_US - (10 * HOUR_US + 30 * MINUTE_US + 45 * SECOND_US));
	/* to Monday midnight: Thursday, Saturday and Sunday are all tariff 1 */
	ck_assert_int_eq(talk_state(t, "t1_wh"), 3000 + 24000 + 3000 + 48000 + 3000);
	talk_free(t);
}
END_TEST

START_TEST(what_it_cannot_hold_it_refuses_by_name)
{
	struct talk *t = talk_new("");

	/* 1.5: b4 year zones, b5 day periods, b6 tariffs */
	ck_assert_str_eq(write_plain(t, "01000204", "050000 010000" REST_OF_TABLE), "D440");
	ck_assert_str_eq(write_plain(t, "01000204", "010008 010000" REST_OF_TABLE), "D420");
	ck_assert_str_eq(write_plain(t, "00000204", "093001 010101" REST_OF_TABLE), "D410");
	ck_assert_str_eq(write_plain(t, "01000204", "010000"), "D401");
	ck_assert_str_eq(write_plain(t, "01020004", "02"), "D402"); /* how many is as it is */
	ck_assert_ptr_null(strstr(t->told, "parameter"));
	talk_free(t);
}
END_TEST

START_TEST(a_wrong_code_changes_nothing)
{
	struct talk *t = talk_new(WALLET);
	struct chip c = authenticate(t), other = c;

	other.key[0] ^= 1;
	ck_assert_str_eq(write_signed(t, &other, 99, "03020504", "00120000"), "D404");
	ck_assert_str_eq(write_signed(t, &other, 98, "01020604", "00070000"), "D404");
	ck_assert_str_eq(
	    write_signed(t, &c, 98, "03020504", "00120000"), "D404"); /* not its class */
	ck_assert_str_eq(write_plain(t, "03020504", "00120000"), "D404");
	ck_assert_ptr_null(strstr(t->told, "parameter"));
	ck_assert_str_eq(talk_plain(t, 0x11, "03 02 05 04"), "910302050400600000");
	talk_free(t);
}
END_TEST

START_TEST(the_month_begins_on_its_settlement_day)
{
	struct talk *t = talk_new("watts=1000");

	ck_assert_str_eq(write_plain(t, "010B0004", "0825"), "94"); /* the 25th, 8 o'clock */
	talk_wait(t, MONTH_US);
	/* from 25 August 8:00 to 19 September 10:30:45 */
	ck_assert_int_eq(talk_state(t, "month_wh"), 25 * 24000 + 2512);
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_tariff");
	TCase *c = tcase_create("vmeter_tariff");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, it_reads_as_it_was_made);
	tcase_add_test(c, spare_tables_take_over_at_the_switch_time);
	tcase_add_test(c, the_switch_goes_by_its_own_clock);
	tcase_add_test(c, a_switch_time_that_is_over_switches_nothing);
	tcase_add_test(c, new_prices_and_steps_deduct_to_the_grain);
	tcase_add_test(c, many_small_steps_over_a_switch_are_one_large_step);
	tcase_add_test(c, weekend_and_holiday_have_their_tables);
	tcase_add_test(c, what_it_cannot_hold_it_refuses_by_name);
	tcase_add_test(c, a_wrong_code_changes_nothing);
	tcase_add_test(c, the_month_begins_on_its_settlement_day);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
