/* schedule: how often, by profile. */
#include "base/err.h"
#include "model/schedule.h"

#include <check.h>
#include <stdlib.h>

#define S INT64_C(1000000)

static int64_t
every(const char *text, const char *profile)
{
	int64_t us;
	struct err e;

	return schedule_every(text, profile, &us, &e) < 0 ? -1 : us;
}

START_TEST(one_time_is_for_all)
{
	ck_assert_int_eq(every("1h", "remote"), 3600 * S);
	ck_assert_int_eq(every(" 15m ", "wallet-esam"), 900 * S);
	ck_assert_int_eq(every("", "remote"), 0);
	ck_assert_int_eq(every("  ", "remote"), 0);
}
END_TEST

START_TEST(a_profile_with_a_time_of_its_own_has_that_wherever_it_stands)
{
	ck_assert_int_eq(every("1h, remote 15m", "remote"), 900 * S);
	ck_assert_int_eq(every("remote 15m, 1h", "remote"), 900 * S);
	ck_assert_int_eq(every("remote 15m, 1h", "wallet-esam"), 3600 * S);
	ck_assert_int_eq(every("remote 15m", "wallet-esam"), 0);
}
END_TEST

START_TEST(what_is_no_schedule_is_refused)
{
	ck_assert_int_eq(every("soon", "remote"), -1);
	ck_assert_int_eq(every("1h, remote", "remote"), -1);
	ck_assert_int_eq(every("1h remote", "remote"), -1);
	ck_assert_int_eq(every("1h,,2h", "remote"), -1);
	ck_assert_int_eq(every("0s", "remote"), -1);
	ck_assert_int_eq(every("remote 15m more", "remote"), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("schedule");
	TCase *t = tcase_create("schedule");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, one_time_is_for_all);
	tcase_add_test(t, a_profile_with_a_time_of_its_own_has_that_wherever_it_stands);
	tcase_add_test(t, what_is_no_schedule_is_refused);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
