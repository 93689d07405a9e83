/* vmeter: energy, money and midnight, whatever the steps and the clock. */
#include "vmeter_talk.h"

START_TEST(many_small_steps_are_one_large_step)
{
	const char *settings = "profile=wallet-esam opened=yes watts=1237 prices=1012345,817001,"
			       "599999,310007 credit_minor=900 warn1=300 overdraft_minor=50 "
			       "step_wh=4000 step_price_micro=70001 clock_drift_ppm=90";
	struct talk *a = talk_new(settings), *b = talk_new(settings);
	struct buf x = {0}, y = {0};

	for (int i = 0; i < 86399; i++)
		talk_wait(a, SECOND_US + i % 7 * 1001 - 3003);
	talk_wait(a, MORNING + DAY_US - a->now_us);
	talk_wait(b, DAY_US);
	vmeter_state(a->v, a->now_us, &x);
	vmeter_state(b->v, b->now_us, &y);
	ck_assert_str_eq(buf_text(&x), buf_text(&y));
	ck_assert_str_eq(a->told, b->told);
	ck_assert_ptr_nonnull(strstr(a->told, "trip_self \"credit_minor\":-50"));
	buf_clear(&x);
	buf_clear(&y);
	talk_free(a);
	talk_free(b);
}
END_TEST

START_TEST(money_is_energy_times_price_to_the_last_grain)
{
	struct talk *t = talk_new("profile=wallet-esam opened=yes watts=333 "
				  "price_micro=617301 credit_minor=100000");
	__int128 grains = (__int128)333 * 777777777 * 617301;
	__int128 minor = INT64_C(36000000000000000);

	talk_wait(t, 777777777); /* 12 min 57.8 s */
	ck_assert_int_eq(talk_state(t, "credit_minor"), 100000 - (int64_t)(grains / minor));
	ck_assert_int_eq(talk_state(t, "grains"), (int64_t)(grains % minor));
	talk_free(t);
}
END_TEST

START_TEST(tariffs_add_up_to_the_total)
{
	struct talk *t = talk_new("watts=1000");

	talk_wait(t, 2 * DAY_US);
	ck_assert_int_eq(talk_state(t, "energy_wh"), 48000);
	ck_assert_int_eq(talk_state(t, "t1_wh"), 6000);  /* 18-21 h */
	ck_assert_int_eq(talk_state(t, "t2_wh"), 10000); /* 10-15 h */
	ck_assert_int_eq(talk_state(t, "t3_wh"), 16000); /* 7-10, 15-18, 21-23 h */
	ck_assert_int_eq(talk_state(t, "t4_wh"), 16000); /* 23-7 h */
	ck_assert_str_eq(talk_plain(t, 0x11, "00 FF 01 00"),
	    "9100FF0100"
	    "0048000000060000001000000016000000160000");
	talk_free(t);
}
END_TEST

START_TEST(it_freezes_at_its_own_midnight)
{
	struct talk *t = talk_new("watts=1000 clock_offset_s=600");

	talk_wait(t, DAY_US);
	ck_assert_int_eq(talk_state(t, "freezes"), 1);
	/* midnight came ten minutes early: 13 h 19 min 15 s of 1 kW */
	ck_assert_str_eq(talk_hex(t, "68 12 90 78 56 34 12 68 11 04 34 33 39 38 73 16"),
	    tight("68 12 90 78 56 34 12 68 91 09 34 33 39 38 33 33 53 3B 59 45 16"));
	ck_assert_int_eq(strncmp(talk_plain(t, 0x11, "01 01 06 05"), "910101060532130000", 18), 0);
	ck_assert_str_eq(talk_plain(t, 0x11, "02 00 06 05"), "9102000605FFFFFFFFFF");
	ck_assert_str_eq(talk_plain(t, 0x11, "3F 00 06 05"), "D102");
	talk_free(t);
}
END_TEST

START_TEST(a_midnight_without_supply_leaves_no_record)
{
	struct talk *t = talk_new("watts=1000");

	vmeter_power(t->v, t->now_us, false);
	talk_wait(t, DAY_US);
	ck_assert_str_eq(talk_plain(t, 0x11, "00 00 01 00"), "");
	vmeter_power(t->v, t->now_us, true);
	talk_wait(t, DAY_US);
	ck_assert_int_eq(talk_state(t, "freezes"), 1);
	ck_assert_int_eq(talk_state(t, "energy_wh"), 24000);
	ck_assert_str_eq(talk_plain(t, 0x11, "00 00 11 03"), "9100001103010000");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 00 11 03"), "9101001103453010190826453010200826");
	talk_free(t);
}
END_TEST

START_TEST(only_62_days_are_kept_and_months_settle)
{
	struct talk *t = talk_new("watts=1000");

	talk_wait(t, 90 * DAY_US);
	ck_assert_int_eq(talk_state(t, "freezes"), 62);
	/* 19 August 10:30:45 to 17 November: September and October are whole months */
	ck_assert_int_eq(talk_state(t, "month_wh"), 16 * 24000 + 10512);
	ck_assert_str_eq(talk_plain(t, 0x11, "01 00 0B 00"), "9101000B0000440700");
	ck_assert_str_eq(talk_plain(t, 0x11, "02 00 0B 00"), "9102000B0000200700");
	ck_assert_str_eq(talk_plain(t, 0x11, "01 00 01 00"), "91010001004865"
							     "1700");
	talk_free(t);
}
END_TEST

START_TEST(a_meter_may_have_a_past)
{
	struct talk *t = talk_new("energy_wh=1000000 history=5 watts=1000");

	ck_assert_int_eq(talk_state(t, "energy_wh"), 1000000);
	ck_assert_int_eq(talk_state(t, "freezes"), 5);
	ck_assert_int_eq(talk_state(t, "frozen_wh"), 989480); /* 10.5 h ago */
	ck_assert_str_eq(t->told, "");
	talk_free(t);
}
END_TEST

START_TEST(a_clock_drifts_and_can_be_set)
{
	struct talk *t = talk_new("clock_drift_ppm=-100 password=123456");

	talk_wait(t, 10 * DAY_US);
	ck_assert_int_eq(talk_state(t, "clock_us"), t->now_us - 86400 * 1000);
	/* 2026-08-29 10:30:45, Saturday */
	ck_assert_str_eq(talk_plain(t, 0x14, "0C010004 02563412 01000000 453010 06 290826"), "94");
	ck_assert_int_eq(talk_state(t, "clock_us"), t->now_us);
	ck_assert_str_eq(talk_plain(t, 0x11, "0C 01 00 04"), "910C01000445301006290826");
	ck_assert_str_eq(
	    talk_plain(t, 0x14, "0C010004 02563412 01000000 453010 06 320826"), "D401");
	ck_assert_str_eq(talk_plain(t, 0x11, "00 00 30 03"), "9100003003010000");
	talk_free(t);
}
END_TEST

START_TEST(every_day_of_a_year_with_summer_time_is_frozen_once)
{
	struct talk *t = talk_new_in("Europe/Berlin", "watts=1000 clock_drift_ppm=50");
	int days = 0, last = 0;

	for (int i = 0; i < 400 * 7; i++) {
		const char *line = t->told;

		talk_wait(t, DAY_US / 7);
		while ((line = strstr(line, "freeze \"day\":")) != NULL) {
			int day = (int)strtol(line + 13, NULL, 10);

			ck_assert_int_eq(day, last == 0 ? day : calendar_day_add(last, 1));
			last = day;
			days++;
			line++;
		}
		t->told[0] = '\0';
	}
	ck_assert_int_eq(days, 400);
	ck_assert_int_eq(talk_state(t, "energy_wh"), 400 * 24000 - 1); /* 2800 sevenths, cut */
	talk_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vmeter_energy");
	TCase *c = tcase_create("vmeter_energy");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, many_small_steps_are_one_large_step);
	tcase_add_test(c, money_is_energy_times_price_to_the_last_grain);
	tcase_add_test(c, tariffs_add_up_to_the_total);
	tcase_add_test(c, it_freezes_at_its_own_midnight);
	tcase_add_test(c, a_midnight_without_supply_leaves_no_record);
	tcase_add_test(c, only_62_days_are_kept_and_months_settle);
	tcase_add_test(c, a_meter_may_have_a_past);
	tcase_add_test(c, a_clock_drifts_and_can_be_set);
	tcase_add_test(c, every_day_of_a_year_with_summer_time_is_frozen_once);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
