/* vmeter: what it measures, says and does; frames written as in dlt645.md, section in brackets. */
#include "vmeter_talk.h"

/* --- frames [1.4] ------------------------------------------------------------------------ */

START_TEST(it_answers_the_sheets_reads)
{
	struct talk *t = talk_new("energy_wh=1234560 watts=0");

	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16"),
	    tight("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16"));
	ck_assert_str_eq(talk_hex(t, "FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16"),
	    tight("68 12 90 78 56 34 12 68 93 06 45 C3 AB 89 67 45 07 16"));
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 16 04 CC CC CC CC D0 16"),
	    tight("68 12 90 78 56 34 12 68 96 00 1C 16"));
	ck_assert_str_eq(talk_plain(t, 0x11, "78 56 34 12"), "D102");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040000");
	ck_assert_str_eq(talk_plain(t, 0x11, "00 02 90 00"), "D102"); /* no money in here */
	talk_free(t);
}
END_TEST

START_TEST(it_answers_the_sheets_writes_and_orders)
{
	struct talk *t = talk_new("password=000000");

	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 14 0F 35 34 33 37 35 33 33 33 34 33 "
				     "33 33 78 63 43 35 16"),
	    tight("68 12 90 78 56 34 12 68 94 00 1A 16"));
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 14 10 34 43 33 37 37 33 33 33 34 33 "
				     "33 33 33 53 33 33 14 16"),
	    tight("68 12 90 78 56 34 12 68 94 00 1A 16"));
	ck_assert_int_eq(talk_state(t, "warn1"), 2000);
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 1C 10 35 33 33 33 34 33 33 33 4D 33 "
				     "33 33 33 53 3B 59 4D 16"),
	    tight("68 12 90 78 56 34 12 68 9C 00 22 16"));
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500045000");
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 1C 10 35 33 33 33 34 33 33 33 4E 33 "
				     "33 33 33 53 3B 59 4E 16"),
	    tight("68 12 90 78 56 34 12 68 9C 00 22 16"));
	ck_assert(talk_relay_is(t, "permitted"));
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500041000");
	ck_assert(vmeter_button(t->v, t->now_us));
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert(!vmeter_button(t->v, t->now_us));
	talk_free(t);
}
END_TEST

START_TEST(it_is_silent_where_a_meter_is_silent)
{
	struct talk *t = talk_new("");

	/* another address, a wrong checksum, 13 with its own address, 15, an answer */
	ck_assert_str_eq(talk_hex(t, "68 13 90 78 56 34 12 68 11 04 33 33 34 33 69 16"), "");
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 33 33 34 33 67 16"), "");
	ck_assert_str_eq(talk_plain(t, 0x13, ""), "");
	ck_assert_str_eq(talk_plain(t, 0x15, "02 00 00 00 00 00"), "");
	ck_assert_str_eq(talk_plain(t, 0x91, "00 00 01 00"), "");
	/* a relay order to everybody is neither answered nor obeyed (T, Y) */
	ck_assert_str_eq(talk_hex(t, "68 99 99 99 99 99 99 68 1C 10 35 33 33 33 34 33 33 33 4D 33 "
				     "33 33 33 53 3B 59 2D 16"),
	    "");
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_int_eq(talk_state(t, "frames_out"), 0);
	talk_free(t);
}
END_TEST

START_TEST(a_broadcast_moves_the_clock_a_little_once_a_day)
{
	struct talk *t = talk_new("clock_offset_s=-120");
	const char *half_past_ten =
	    "68 99 99 99 99 99 99 68 08 06 78 63 43 4C 3B 59 72 16"; /* 10:30:45 [1.4] */

	ck_assert_str_eq(talk_hex(t, half_past_ten), "");
	ck_assert_int_eq(talk_state(t, "clock_us"), MORNING);
	talk_wait(t, MINUTE_US);
	talk_hex(t, half_past_ten);
	ck_assert_int_eq(talk_state(t, "clock_us"), MORNING + MINUTE_US);
	talk_free(t);

	t = talk_new("clock_offset_s=-600");
	talk_hex(t, half_past_ten);
	ck_assert_int_eq(talk_state(t, "clock_us"), MORNING - 10 * MINUTE_US);
	talk_free(t);
}
END_TEST

START_TEST(a_long_record_comes_in_parts)
{
	struct talk *t = talk_new("energy_wh=5000000 history=2 watts=100");
	char first[512];

	ck_assert_int_eq(strncmp(talk_plain(t, 0x11, "01 FF 06 05"), "B101FF0605", 10), 0);
	ck_assert_uint_eq(strlen(t->said), 2 * (1 + 4 + 196));
	snprintf(first, sizeof first, "%s", t->said);
	ck_assert_int_eq(strncmp(first + 10, "0000190826", 10), 0); /* 00:00 19-08-26 */
	ck_assert_int_eq(strncmp(talk_plain(t, 0x12, "01 FF 06 05 01"), "9201FF0605", 10), 0);
	ck_assert_uint_eq(strlen(t->said), 2 * (1 + 4 + 269 - 196 + 1));
	ck_assert_str_eq(t->said + strlen(t->said) - 2, "01");
	ck_assert_str_eq(talk_plain(t, 0x12, "01 FF 06 05 02"), "D202"); /* nothing is left */
	talk_plain(t, 0x11, "01 FF 06 05");
	ck_assert_str_eq(t->said, first); /* a new 11 starts again [1.7] */
	talk_plain(t, 0x11, "00 00 01 00");
	ck_assert_str_eq(talk_plain(t, 0x12, "01 FF 06 05 01"), "D202");
	talk_free(t);
}
END_TEST

START_TEST(a_meter_of_few_words_needs_many_parts)
{
	struct talk *t = talk_new("part=8 energy_wh=123450 watts=0");

	ck_assert_str_eq(talk_plain(t, 0x11, "00 FF 01 00"), "B100FF0100"
							     "4523010000000000");
	ck_assert_str_eq(talk_plain(t, 0x12, "00 FF 01 00 01"), "B200FF0100"
								"00000000452301"
								"01");
	ck_assert_str_eq(talk_plain(t, 0x12, "00 FF 01 00 02"), "9200FF0100"
								"0000000000"
								"02");
	talk_free(t);
}
END_TEST

/* --- relay [3.1] ------------------------------------------------------------------------- */

/* password, operator 2A, N1, N2, until 10:30:44 / 10:30:45 */
#define LATE(n1)  "02000000 2A000000 " n1 " 00 443010 190826"
#define ORDER(n1) "02000000 2A000000 " n1 " 00 453010 190826"

START_TEST(an_order_past_its_deadline_is_refused)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(talk_plain(t, 0x1c, LATE("1A")), "DC01");
	ck_assert_str_eq(talk_plain(t, 0x1c, "02000000 2A000000 1A 00 000000 000000"), "DC01");
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "9C");
	ck_assert(talk_relay_is(t, "open"));
	talk_free(t);
}
END_TEST

START_TEST(a_relay_record_names_the_operator)
{
	struct talk *t = talk_new("energy_wh=1234560 watts=0");

	talk_plain(t, 0x1c, ORDER("1A"));
	talk_plain(t, 0x1c, "02000000 2B000000 1C 00 453010 190826");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 00 00 1D"), "910100001D010000");
	ck_assert_int_eq(strncmp(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 34 32 33 50 84 16"),
			     tight("68 12 90 78 56 34 12 68 91 26 34 32 33 50"), 28),
	    0); /* [2.9] */
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 00 1D"), "910102001D2A000000");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 02 00 1E"), "910102001E2B000000");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 01 00 1E"), "910101001E453010190826");
	ck_assert_ptr_nonnull(
	    strstr(t->told, "relay \"from\":\"closed\",\"to\":\"open\",\"by\":\"1C op 0000002a\""));
	talk_free(t);
}
END_TEST

START_TEST(three_wrong_passwords_lock_it_for_a_day)
{
	struct talk *t = talk_new("password=123456");
	const char *right = "02563412 2A000000 1A 00 000000 300826";

	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "DC04");
	ck_assert_str_eq(talk_plain(t, 0x1c, right), "DC04");
	talk_wait(t, DAY_US - 1);
	ck_assert_str_eq(talk_plain(t, 0x1c, right), "DC04");
	talk_wait(t, 1);
	ck_assert_str_eq(talk_plain(t, 0x1c, right), "9C");
	talk_free(t);
}
END_TEST

START_TEST(power_kept_is_not_tripped)
{
	struct talk *t = talk_new("");

	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("3A")), "9C");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "DC01");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040010");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("3B")), "9C");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("2A")), "9C");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500048000");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("2B")), "9C");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "9C");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("5F")), "DC01");
	talk_free(t);
}
END_TEST

START_TEST(a_trip_may_be_delayed_and_called_off)
{
	struct talk *t = talk_new("trip_delay_min=2 watts=60000");

	talk_plain(t, 0x1c, ORDER("1A"));
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500044000");
	talk_wait(t, 2 * MINUTE_US + HOUR_US);
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_eq(talk_state(t, "energy_wh"), 2000); /* not a second longer */
	talk_plain(t, 0x1c, "02000000 2A000000 1C 00 000000 300826");
	talk_plain(t, 0x1c, "02000000 2A000000 1A 00 000000 300826");
	talk_plain(t, 0x1c, "02000000 2A000000 1C 00 000000 300826");
	talk_wait(t, HOUR_US);
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(opened_covers_are_counted_and_recorded)
{
	struct talk *t = talk_new("");

	vmeter_cover(t->v, t->now_us, false, true);
	vmeter_cover(t->v, t->now_us + SECOND_US, true, true);
	vmeter_cover(t->v, t->now_us + 2 * SECOND_US, true, false);
	ck_assert_str_eq(talk_plain(t, 0x11, "00 0D 30 03"), "91000D3003010000");
	ck_assert_int_eq(strncmp(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 34 40 63 36 A8 16"),
			     tight("68 12 90 78 56 34 12 68 91 40 34 40 63 36 "
				   "78 63 43 4C 3B 59 32 32 32 32 32 32"),
			     52),
	    0); /* [1.4] */
	ck_assert_int_eq(strncmp(talk_plain(t, 0x11, "01 0E 30 03"),
			     "91010E3003"
			     "463010190826"
			     "473010190826",
			     34),
	    0);
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter");
	TCase *c = tcase_create("vmeter");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, it_answers_the_sheets_reads);
	tcase_add_test(c, it_answers_the_sheets_writes_and_orders);
	tcase_add_test(c, it_is_silent_where_a_meter_is_silent);
	tcase_add_test(c, a_broadcast_moves_the_clock_a_little_once_a_day);
	tcase_add_test(c, a_long_record_comes_in_parts);
	tcase_add_test(c, a_meter_of_few_words_needs_many_parts);
	tcase_add_test(c, an_order_past_its_deadline_is_refused);
	tcase_add_test(c, a_relay_record_names_the_operator);
	tcase_add_test(c, three_wrong_passwords_lock_it_for_a_day);
	tcase_add_test(c, power_kept_is_not_tripped);
	tcase_add_test(c, a_trip_may_be_delayed_and_called_off);
	tcase_add_test(c, opened_covers_are_counted_and_recorded);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
