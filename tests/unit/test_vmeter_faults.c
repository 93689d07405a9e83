/* vmeter: what goes wrong on purpose. */
#include "vmeter_talk.h"

/* password, operator 2A, N1, N2, until 10:30:45 of the first day */
#define ORDER(n1) "02000000 2A000000 " n1 " 00 453010 190826"

START_TEST(it_may_say_yes_and_not_do_it_or_no_and_do_it)
{
	struct talk *t = talk_new("");

	talk_fault(t, "ack_not_do", "1");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "9C");
	ck_assert(talk_relay_is(t, "closed"));
	talk_fault(t, "refuse_but_do", "1");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "DC01");
	ck_assert(talk_relay_is(t, "open"));
	talk_fault(t, "do_not_ack", "1");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1C")), "");
	ck_assert(talk_relay_is(t, "closed"));
	talk_fault(t, "silent", NULL);
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "");
	ck_assert(talk_relay_is(t, "closed"));
	talk_free(t);
}
END_TEST

START_TEST(a_dishonest_fault_waits_for_something_to_lie_about)
{
	struct talk *t = talk_new("");

	talk_fault(t, "do_not_ack", "1");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500040000");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "");
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500045000");
	talk_free(t);
}
END_TEST

START_TEST(it_may_restart_before_it_answers)
{
	struct talk *t = talk_new("");

	talk_fault(t, "reboot", "1");
	ck_assert_str_eq(talk_plain(t, 0x1c, ORDER("1A")), "");
	ck_assert_uint_eq(vmeter_boots(t->v), 1);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "");
	talk_wait(t, 5 * SECOND_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "03 05 00 04"), "91030500045000");
	talk_free(t);
}
END_TEST

START_TEST(a_line_may_echo_repeat_and_bring_old_answers)
{
	struct talk *t = talk_new("energy_wh=1234560 watts=0");
	const char *ask = "68129078563412681104333334336816";
	const char *answer = "6812907856341268910833333433896745335416";
	const char *before = "68129078563412689600"
			     "1C16";
	char want[512];

	talk_fault(t, "echo", "1");
	snprintf(want, sizeof want, "%s%s", ask, answer);
	ck_assert_str_eq(talk_hex(t, ask), want);
	talk_fault(t, "duplicate", "1");
	snprintf(want, sizeof want, "%s%s", answer, answer);
	ck_assert_str_eq(talk_hex(t, ask), want);
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 16 04 CC CC CC CC D0 16"), before);
	talk_fault(t, "stale", "1");
	snprintf(want, sizeof want, "%s%s", before, answer);
	ck_assert_str_eq(talk_hex(t, ask), want);
	talk_fault(t, "wrong_answer", NULL);
	ck_assert_str_ne(talk_hex(t, ask), answer);
	talk_fault(t, "off", NULL);
	ck_assert_str_eq(talk_hex(t, ask), answer);
	talk_free(t);
}
END_TEST

START_TEST(chance_repeats_from_the_seed)
{
	struct talk *a = talk_new(""), *b = talk_new("");
	int heard = 0;

	talk_fault(a, "loss", "30%");
	talk_fault(b, "loss", "30%");
	for (int i = 0; i < 200; i++) {
		talk_plain(a, 0x11, "00 00 01 00");
		talk_plain(b, 0x11, "00 00 01 00");
		ck_assert_str_eq(a->said, b->said);
		heard += a->said[0] != '\0';
	}
	ck_assert_int_gt(heard, 60);
	ck_assert_int_lt(heard, 140);
	talk_free(a);
	talk_free(b);
}
END_TEST

START_TEST(settings_and_faults_refuse_nonsense)
{
	struct talk *t = talk_new("");
	struct err e;

	ck_assert_int_eq(vmeter_set(t->v, "watts", "-1", t->now_us, &e), -1);
	ck_assert_str_eq(e.text, "watts: -1 is not within 0 and 1000000");
	ck_assert_int_eq(vmeter_set(t->v, "watt", "1", t->now_us, &e), -1);
	ck_assert_str_eq(e.text, "no setting is called 'watt'");
	ck_assert_int_eq(vmeter_set(t->v, "prices", "1,2,3", t->now_us, &e), -1);
	ck_assert_int_eq(vmeter_set(t->v, "customer", "12", t->now_us, &e), -1);
	ck_assert_int_eq(fault_set(vmeter_faults(t->v), "los", NULL, &e), -1);
	ck_assert_int_eq(fault_set(vmeter_faults(t->v), "loss", "101%", &e), -1);
	ck_assert_int_eq(fault_set(vmeter_faults(t->v), "delay_ms", NULL, &e), -1);
	ck_assert_int_eq(fault_set_pair(vmeter_faults(t->v), "delay_ms=5-9", &e), 0);
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_faults");
	TCase *c = tcase_create("vmeter_faults");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, it_may_say_yes_and_not_do_it_or_no_and_do_it);
	tcase_add_test(c, a_dishonest_fault_waits_for_something_to_lie_about);
	tcase_add_test(c, it_may_restart_before_it_answers);
	tcase_add_test(c, a_line_may_echo_repeat_and_bring_old_answers);
	tcase_add_test(c, chance_repeats_from_the_seed);
	tcase_add_test(c, settings_and_faults_refuse_nonsense);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
