/* clock_rule: what is done about a clock, and never over a midnight. */
#include "base/err.h"
#include "model/calendar.h"
#include "model/clock_rule.h"

#include <check.h>
#include <stdlib.h>

#define S        INT64_C(1000000)
#define MIN      (60 * S)
#define H        (60 * MIN)
#define MIDNIGHT (INT64_C(1795104000) * S) /* 2026-11-20 00:00 in Shanghai */
#define NOON     (MIDNIGHT + 12 * H)

static struct calendar *zone;
static int64_t wait_us;
static const struct clock_state willing = {20 * S, true, true};

static enum clock_deed
rule(const struct clock_state *s, int64_t skew_us, int64_t now_us)
{
	return clock_rule(zone, s, skew_us, now_us, &wait_us);
}

static void
setup(void)
{
	struct err e;

	zone = calendar_new("Asia/Shanghai", &e);
	ck_assert_ptr_nonnull(zone);
	ck_assert_int_eq(calendar_midnight_before(zone, NOON), MIDNIGHT);
}

static void
teardown(void)
{
	calendar_free(zone);
}

START_TEST(a_little_is_left_alone)
{
	ck_assert_int_eq(rule(&willing, 20 * S, NOON), CLOCK_LEAVE);
	ck_assert_int_eq(rule(&willing, -20 * S, MIDNIGHT), CLOCK_LEAVE);
}
END_TEST

START_TEST(up_to_five_minutes_by_broadcast_more_by_a_write)
{
	ck_assert_int_eq(rule(&willing, 21 * S, NOON), CLOCK_CAST);
	ck_assert_int_eq(rule(&willing, -285 * S, NOON), CLOCK_CAST);
	ck_assert_int_eq(rule(&willing, 286 * S, NOON), CLOCK_WRITE);
	ck_assert_int_eq(rule(&willing, -7 * H, NOON), CLOCK_WRITE);
}
END_TEST

START_TEST(a_broadcast_a_day_and_who_does_not_follow_is_written)
{
	ck_assert_int_eq(
	    rule(&(struct clock_state){20 * S, false, true}, 60 * S, NOON), CLOCK_WRITE);
	ck_assert_int_eq(
	    rule(&(struct clock_state){20 * S, false, false}, 60 * S, NOON), CLOCK_WAIT);
}
END_TEST

START_TEST(a_wrong_password_is_not_tried_again)
{
	ck_assert_int_eq(rule(&(struct clock_state){20 * S, true, false}, 7 * H, NOON), CLOCK_WAIT);
	ck_assert_int_eq(
	    rule(&(struct clock_state){20 * S, true, false}, 60 * S, NOON), CLOCK_CAST);
}
END_TEST

START_TEST(nothing_is_done_around_midnight)
{
	ck_assert_int_eq(rule(&willing, 60 * S, MIDNIGHT - 9 * MIN), CLOCK_WAIT);
	ck_assert_int_eq(wait_us, 20 * MIN);
	ck_assert_int_eq(rule(&willing, 60 * S, MIDNIGHT + 9 * MIN), CLOCK_WAIT);
	ck_assert_int_eq(rule(&willing, -4 * MIN, MIDNIGHT + 12 * MIN), CLOCK_WAIT);
	ck_assert_int_eq(rule(&willing, -4 * MIN, MIDNIGHT + 14 * MIN), CLOCK_CAST);
}
END_TEST

/* Six hours behind: at three in the morning it still has yesterday, and no record of today. */
START_TEST(a_write_waits_until_it_jumps_over_no_midnight)
{
	ck_assert_int_eq(rule(&willing, -6 * H, MIDNIGHT + 3 * H), CLOCK_WAIT);
	ck_assert_int_eq(wait_us, 3 * H + 10 * MIN);
	ck_assert_int_eq(rule(&willing, -6 * H, MIDNIGHT + 3 * H + wait_us), CLOCK_WRITE);
	ck_assert_int_eq(rule(&willing, 6 * H, MIDNIGHT + 20 * H), CLOCK_WAIT);
}
END_TEST

START_TEST(a_clock_that_is_off_by_days_is_written_all_the_same)
{
	ck_assert_int_eq(rule(&willing, -400 * 24 * H, NOON), CLOCK_WRITE);
	ck_assert_int_eq(rule(&willing, -400 * 24 * H, MIDNIGHT), CLOCK_WAIT);
	ck_assert_int_le(wait_us, 20 * MIN);
}
END_TEST

/* Whatever it is off by and whenever: what is done is within a day of both, or it is off by days.
 */
START_TEST(no_deed_ever_jumps_over_a_midnight)
{
	for (int64_t skew = -23 * H; skew <= 23 * H; skew += 53 * MIN)
		for (int64_t at = MIDNIGHT; at < MIDNIGHT + 24 * H; at += 29 * MIN) {
			enum clock_deed d = rule(&willing, skew, at);

			if (d == CLOCK_CAST ||
			    (d == CLOCK_WRITE && skew > -20 * H && skew < 20 * H))
				ck_assert_int_eq(
				    calendar_day(zone, at), calendar_day(zone, at + skew));
			if (d == CLOCK_WAIT)
				ck_assert_int_gt(wait_us, 0);
		}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("clock_rule");
	TCase *t = tcase_create("rule");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_little_is_left_alone);
	tcase_add_test(t, up_to_five_minutes_by_broadcast_more_by_a_write);
	tcase_add_test(t, a_broadcast_a_day_and_who_does_not_follow_is_written);
	tcase_add_test(t, a_wrong_password_is_not_tried_again);
	tcase_add_test(t, nothing_is_done_around_midnight);
	tcase_add_test(t, a_write_waits_until_it_jumps_over_no_midnight);
	tcase_add_test(t, a_clock_that_is_off_by_days_is_written_all_the_same);
	tcase_add_test(t, no_deed_ever_jumps_over_a_midnight);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
