/* vmeter: the limit of its load, frames written as in dlt645.md, section in brackets. */
#include "vmeter_talk.h"

/* Reads [2.4, 2.6, 2.9] as plain DATA: the identifier, low byte first. */
#define READ_LIMIT  "01 0E 00 04"
#define READ_PHASE  "04 05 00 04"
#define READ_COUNT  "00 00 0F 03"
#define READ_TRIP   "01 FF 00 1D"
#define READ_STATUS "03 05 00 04"

START_TEST(above_its_limit_and_after_its_delay_it_switches_off)
{
	struct talk *t = talk_new("watts=4000 limit_watts=5000 overload_delay_s=10");

	vmeter_begin(t->v, t->now_us);
	talk_wait(t, HOUR_US);
	ck_assert(talk_relay_is(t, "closed"));
	talk_set(t, "watts", "5001");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_PHASE), "91040500042000");
	talk_wait(t, 10 * SECOND_US - 1);
	ck_assert(talk_relay_is(t, "closed"));
	talk_wait(t, 1);
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_eq(talk_state(t, "overloads"), 1);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_STATUS), "91030500045000");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_PHASE), "91040500040000");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_COUNT),
	    tight("91 00000F03 010000 000000 000000 000000 000000 000000"));
	ck_assert_msg(strstr(talk_plain(t, 0x11, READ_TRIP), "00000000") != NULL,
	    "the operator of a trip of its own: %s", t->said);
	ck_assert_ptr_nonnull(strstr(t->told, "overload \"watts\":5001,\"limit_watts\":5000"));
	talk_wait(t, DAY_US);
	ck_assert(talk_relay_is(t, "open")); /* nobody tells it to try again */
	talk_free(t);
}
END_TEST

START_TEST(a_load_that_falls_in_time_is_none)
{
	struct talk *t = talk_new("watts=6000 limit_watts=5000 overload_delay_s=10");

	vmeter_begin(t->v, t->now_us);
	for (int i = 0; i < 5; i++) {
		talk_wait(t, 9 * SECOND_US);
		talk_set(t, "watts", "5000");
		talk_wait(t, SECOND_US);
		talk_set(t, "watts", "6000");
	}
	ck_assert_int_eq(talk_state(t, "overloads"), 0);
	ck_assert(talk_relay_is(t, "closed"));
	talk_wait(t, 10 * SECOND_US);
	ck_assert_int_eq(talk_state(t, "overloads"), 1);
	talk_free(t);
}
END_TEST

START_TEST(one_tries_again_until_an_order_comes)
{
	struct talk *t =
	    talk_new("watts=6000 limit_watts=5000 overload_delay_s=10 overload_again_s=50");

	vmeter_begin(t->v, t->now_us);
	talk_wait(t, HOUR_US); /* on for 10 s, off for 50 s */
	ck_assert_int_eq(talk_state(t, "overloads"), 60);
	ck_assert_int_eq(talk_state(t, "energy_wh"), 60 * 6000 * 10 / 3600);
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 1C 10 35 33 33 33 34 33 33 33 4D 33 "
				     "33 33 33 53 3B 59 4D 16"),
	    tight("68 12 90 78 56 34 12 68 9C 00 22 16"));
	talk_wait(t, HOUR_US);
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_le(talk_state(t, "overloads"), 61);
	talk_free(t);
}
END_TEST

START_TEST(without_power_it_does_not_try_again)
{
	struct talk *t =
	    talk_new("watts=6000 limit_watts=5000 overload_delay_s=10 overload_again_s=50");

	vmeter_begin(t->v, t->now_us);
	talk_wait(t, 20 * SECOND_US);
	ck_assert(talk_relay_is(t, "open"));
	vmeter_power(t->v, t->now_us, false);
	talk_wait(t, HOUR_US); /* its pause ends meanwhile */
	ck_assert(talk_relay_is(t, "open"));
	ck_assert_int_gt(vmeter_next_us(t->v), t->now_us);
	vmeter_power(t->v, t->now_us, true);
	ck_assert(talk_relay_is(t, "closed"));
	talk_wait(t, 10 * SECOND_US);
	ck_assert_int_eq(talk_state(t, "overloads"), 2);
	talk_free(t);
}
END_TEST

START_TEST(power_keep_stands_above_the_limit)
{
	struct talk *t = talk_new("watts=6000 limit_watts=5000 overload_delay_s=10 keep=yes");

	vmeter_begin(t->v, t->now_us);
	talk_wait(t, 10 * MINUTE_US);
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_int_eq(talk_state(t, "overloads"), 1);
	talk_set(t, "watts", "100");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_COUNT),
	    tight("91 00000F03 010000 100000 000000 000000 000000 000000"));
	talk_free(t);
}
END_TEST

START_TEST(the_limit_is_read_and_written_with_the_password)
{
	struct talk *t = talk_new("watts=6000 password=000000 overload_delay_s=0");

	vmeter_begin(t->v, t->now_us);
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LIMIT), "91010E0004999999"); /* none */
	ck_assert_str_eq(talk_plain(t, 0x14, READ_LIMIT "02 010000 01000000 004006"), "D404");
	ck_assert(talk_relay_is(t, "closed"));
	ck_assert_str_eq(talk_plain(t, 0x14, READ_LIMIT "02 000000 01000000 005906"), "94");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_LIMIT), "91010E0004005906");
	ck_assert(talk_relay_is(t, "closed")); /* 6.59 kW */
	ck_assert_str_eq(talk_plain(t, 0x14, READ_LIMIT "02 000000 01000000 005905"), "94");
	talk_wait(t, SECOND_US);
	ck_assert(talk_relay_is(t, "open"));
	talk_free(t);
}
END_TEST

START_TEST(what_a_model_lacks_it_refuses)
{
	struct talk *t = talk_new("lacks=04000e01,030f0000");
	struct err e;

	ck_assert_str_eq(talk_plain(t, 0x11, READ_LIMIT), "D102");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_COUNT), "D102");
	ck_assert_str_eq(talk_plain(t, 0x14, READ_LIMIT "02 000000 01000000 005905"), "D402");
	ck_assert_str_eq(talk_plain(t, 0x11, READ_STATUS), "91030500040000");
	ck_assert_int_lt(vmeter_set(t->v, "lacks", "4000e01", t->now_us, &e), 0);
	ck_assert_int_lt(vmeter_set(t->v, "lacks", "00000001,00000002,00000003,00000004,00000005",
			     t->now_us, &e),
	    0);
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_overload");
	TCase *c = tcase_create("vmeter_overload");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, above_its_limit_and_after_its_delay_it_switches_off);
	tcase_add_test(c, a_load_that_falls_in_time_is_none);
	tcase_add_test(c, one_tries_again_until_an_order_comes);
	tcase_add_test(c, without_power_it_does_not_try_again);
	tcase_add_test(c, power_keep_stands_above_the_limit);
	tcase_add_test(c, the_limit_is_read_and_written_with_the_password);
	tcase_add_test(c, what_a_model_lacks_it_refuses);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
