/* price: days, periods, and when which band and which tariff holds. */
#include "price_play.h"

#include "model/price_inside.h"

#include <stdlib.h>

static struct play p;

static void
setup(void)
{
	play_begin(&p, "Europe/Berlin");
}

static void
teardown(void)
{
	play_end(&p);
}

static int64_t
at(int yyyymmdd, int hour, int minute)
{
	struct civil t = {.year = yyyymmdd / 10000,
	    .month = yyyymmdd / 100 % 100,
	    .day = yyyymmdd % 100,
	    .hour = hour,
	    .minute = minute};

	return calendar_instant(p.calendar, &t);
}

/* Minutes of peak and valley between two instants. */
static void
expect_minutes(int64_t from, int64_t to, int64_t peak, int64_t valley)
{
	int64_t active[PRICE_BANDS] = {0};
	__int128 fixed = 0;

	price_walk(&p.v, p.calendar, from, to, active, &fixed);
	ck_assert_int_eq(active[0], peak * 60 * S);
	ck_assert_int_eq(active[1], valley * 60 * S);
}

/* --- days -------------------------------------------------------------------------------- */

START_TEST(bands_go_by_the_wall_clock_on_a_day_of_23_hours)
{
	peak_and_valley(&p.v, 1, 5);
	expect_minutes(at(20260328, 0, 0), at(20260329, 0, 0), 240, 1200);
	expect_minutes(at(20260329, 0, 0), at(20260330, 0, 0), 180, 1200);
	peak_and_valley(&p.v, 2, 3); /* the hour that is skipped */
	expect_minutes(at(20260329, 0, 0), at(20260330, 0, 0), 0, 1380);
}
END_TEST

START_TEST(bands_go_by_the_wall_clock_on_a_day_of_25_hours)
{
	peak_and_valley(&p.v, 2, 3); /* the hour that comes twice */
	expect_minutes(at(20261025, 0, 0), at(20261026, 0, 0), 120, 1380);
	p.v.schedule[0].slot[0].to = p.v.schedule[0].slot[1].from = 150;
	expect_minutes(at(20261025, 0, 0), at(20261026, 0, 0), 60, 1440);
	/* 02:15 summer time to 02:45 winter time, a quarter to and a quarter past each */
	expect_minutes(
	    at(20261025, 0, 0) + 135 * 60 * S, at(20261025, 0, 0) + 225 * 60 * S, 45, 45);
}
END_TEST

START_TEST(a_total_is_spread_over_the_hours_a_day_has)
{
	peak_and_valley(&p.v, 8, 20);
	use(&p, at(20260329, 0, 0), at(20260330, 0, 0), 23000);
	ck_assert_int_eq(touched(&p, -1, 0), 12000);
	ck_assert_int_eq(touched(&p, -1, 1), 11000);
	use(&p, at(20261025, 0, 0), at(20261026, 0, 0), 25000);
	ck_assert_int_eq(touched(&p, -1, 1), 13000);
}
END_TEST

START_TEST(a_midnight_that_does_not_exist_begins_the_day_an_hour_later)
{
	play_end(&p);
	play_begin(&p, "America/Havana"); /* 2026-03-08 begins at 01:00 */
	peak_and_valley(&p.v, 1, 5);
	expect_minutes(at(20260308, 0, 0), at(20260309, 0, 0), 240, 1140);
	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_DAILY, YUAN};
	ck_assert_int_eq(use(&p, at(20260301, 0, 0), at(20260401, 0, 0), 0), 3100);
	ck_assert_int_eq(use(&p, at(20261031, 0, 0), at(20261103, 0, 0), 0), 300);
}
END_TEST

START_TEST(holidays_weekends_and_workdays_by_decree_have_their_own_schedule)
{
	peak_and_valley(&p.v, 8, 20);
	p.v.nday_types = p.v.nschedules = 2;
	p.v.day_type[0] = (struct price_day_type){"workday", 0x3e | PRICE_MAKEUP};
	p.v.day_type[1] = (struct price_day_type){"restday", 0x41 | PRICE_HOLIDAY};
	p.v.schedule[1] = (struct price_schedule){1, {{0, 1440, 1}}};
	p.v.season[0].schedule[1] = 1;
	p.v.nholidays = p.v.nmakeups = 1;
	p.v.holiday[0] = 20260501; /* a Friday */
	p.v.makeup[0] = 20260503;  /* a Sunday */
	expect_good(&p);
	expect_minutes(at(20260430, 0, 0), at(20260501, 0, 0), 720, 720);
	expect_minutes(at(20260501, 0, 0), at(20260502, 0, 0), 0, 1440);
	expect_minutes(at(20260502, 0, 0), at(20260503, 0, 0), 0, 1440);
	expect_minutes(at(20260503, 0, 0), at(20260504, 0, 0), 720, 720);
}
END_TEST

START_TEST(seasons_go_over_new_year_and_know_the_leap_day)
{
	peak_and_valley(&p.v, 8, 20);
	p.v.nseasons = p.v.nschedules = 2;
	p.v.season[0] = (struct price_season){"winter", 1101, 229, {1}};
	p.v.season[1] = (struct price_season){"rest", 301, 1031, {0}};
	p.v.schedule[1] = (struct price_schedule){1, {{0, 1440, 0}}};
	expect_good(&p);
	expect_minutes(at(20280228, 0, 0), at(20280302, 0, 0), 2 * 1440 + 720, 720);
	expect_minutes(at(20261231, 12, 0), at(20270101, 12, 0), 1440, 0);
	expect_minutes(at(20261031, 0, 0), at(20261101, 0, 0), 720, 780 - 60);
}
END_TEST

/* --- periods ----------------------------------------------------------------------------- */

static void
expect_period(int64_t when, int64_t from, int64_t to)
{
	struct price_span s = price_span_at(&p.book, &p.who, when);

	ck_assert_int_eq(s.from_us, from);
	ck_assert_int_eq(s.to_us, to);
}

START_TEST(a_period_is_a_month_a_year_or_begins_on_the_settlement_day)
{
	expect_period(at(20260215, 12, 0), at(20260201, 0, 0), at(20260301, 0, 0));
	expect_period(at(20260201, 0, 0), at(20260201, 0, 0), at(20260301, 0, 0));
	expect_period(at(20260201, 0, 0) - 1, at(20260101, 0, 0), at(20260201, 0, 0));
	expect_period(at(20281231, 23, 59), at(20281201, 0, 0), at(20290101, 0, 0));
	p.v.period.kind = PRICE_YEAR;
	expect_period(at(20280229, 0, 0), at(20280101, 0, 0), at(20290101, 0, 0));
	p.v.period = (struct price_period){PRICE_CYCLE, 28, 6};
	expect_period(at(20260228, 5, 59), at(20260128, 6, 0), at(20260228, 6, 0));
	expect_period(at(20260228, 6, 0), at(20260228, 6, 0), at(20260328, 6, 0));
	expect_period(at(20260101, 0, 0), at(20251228, 6, 0), at(20260128, 6, 0));
	p.v.period = (struct price_period){PRICE_CYCLE, 25, 2}; /* which came twice */
	expect_period(at(20261025, 3, 0), at(20261025, 2, 0), at(20261125, 2, 0));
}
END_TEST

START_TEST(tiers_begin_anew_where_the_time_stamps_say_so)
{
	seed_tiers(&p.v);
	use(&p, at(20260101, 0, 0), at(20260131, 0, 0), 150 * KWH);
	/* half of it before midnight of the 31st, half in February */
	ck_assert_int_eq(use(&p, at(20260131, 0, 0), at(20260202, 0, 0), 20 * KWH), 1500 + 1000);
	ck_assert_uint_eq(p.charge.nparts, 2);
	ck_assert_int_eq(p.charge.parts[0].used_wh, 150 * KWH);
	ck_assert_int_eq(p.charge.parts[1].used_wh, 0);
	ck_assert_int_eq(p.at.used_wh, 10 * KWH);
	/* months later, nobody having reset anything */
	use(&p, at(20260701, 0, 0), at(20260702, 0, 0), 7 * KWH);
	ck_assert_int_eq(p.at.used_wh, 7 * KWH);
}
END_TEST

START_TEST(registers_over_a_boundary_go_by_their_own_bands_hours)
{
	struct price_usage u = {
	    .from_us = at(20260131, 18, 0),
	    .to_us = at(20260201, 12, 0),
	    .nregisters = 2,
	    .register_wh = {6000, 12000}
        };

	peak_and_valley(&p.v, 8, 20); /* peak: 2 h and 4 h; valley: 4 h and 8 h */
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED);
	ck_assert_int_eq(p.charge.parts[0].wh, 2000 + 4000);
	ck_assert_int_eq(p.charge.parts[1].wh, 4000 + 8000);
	u.to_us = at(20260131, 19, 0); /* no valley here, and its register counted */
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED);
	ck_assert(p.charge.off_schedule);
	ck_assert_int_eq(touched(&p, -1, 1), 12000);
}
END_TEST

START_TEST(remainders_go_to_the_largest_and_add_up)
{
	int64_t part[4];

	price_share(10, (int64_t[]){1, 1, 1}, 3, part);
	ck_assert(part[0] == 4 && part[1] == 3 && part[2] == 3);
	price_share(7, (int64_t[]){1, 2, 3, 0}, 4, part);
	ck_assert(part[0] == 1 && part[1] == 2 && part[2] == 4 && part[3] == 0);
	price_share(5, (int64_t[]){0, 0}, 2, part);
	ck_assert(part[0] == 5 && part[1] == 0);
	price_share(0, (int64_t[]){3, 4}, 2, part);
	ck_assert(part[0] == 0 && part[1] == 0);
}
END_TEST

/* --- a new rule -------------------------------------------------------------------------- */

START_TEST(a_new_period_rule_begins_at_its_own_first_boundary)
{
	p.next = p.v;
	p.next.period = (struct price_period){PRICE_CYCLE, 20, 0};
	p.next.effective_from_us = at(20260225, 0, 0);
	p.book.n = 2;
	expect_period(at(20260226, 0, 0), at(20260201, 0, 0), at(20260301, 0, 0));
	expect_period(at(20260310, 0, 0), at(20260301, 0, 0), at(20260320, 0, 0));
	expect_period(at(20260320, 0, 0), at(20260320, 0, 0), at(20260420, 0, 0));
	p.next.effective_from_us = at(20260220, 0, 0); /* on the boundary itself */
	expect_period(at(20260220, 0, 0), at(20260220, 0, 0), at(20260320, 0, 0));
	expect_period(at(20260219, 0, 0), at(20260201, 0, 0), at(20260220, 0, 0));
	p.next.effective_from_us = at(20260210, 0, 0); /* its prices, and not yet its period */
	expect_period(at(20260211, 0, 0), at(20260201, 0, 0), at(20260220, 0, 0));
}
END_TEST

START_TEST(a_tenancy_begins_and_ends_a_period)
{
	p.who.from_us = at(20260117, 15, 0);
	p.who.to_us = at(20260310, 0, 0);
	expect_period(at(20260120, 0, 0), at(20260117, 15, 0), at(20260201, 0, 0));
	expect_period(at(20260101, 0, 0), at(20260101, 0, 0), at(20260117, 15, 0));
	expect_period(at(20260305, 0, 0), at(20260301, 0, 0), at(20260310, 0, 0));
	expect_period(at(20260311, 0, 0), at(20260310, 0, 0), at(20260401, 0, 0));
}
END_TEST

/* --- prorating --------------------------------------------------------------------------- */

static int64_t
threshold_at(int64_t when)
{
	struct price_span s = price_span_at(&p.book, &p.who, when);

	return price_ladder_in(&p.book, &p.v, 0, s, &p.who).upto_wh[0];
}

START_TEST(thresholds_are_prorated_by_days_and_only_where_asked)
{
	seed_tiers(&p.v);
	p.v.nominal_days = 30;
	p.who.from_us = at(20260422, 0, 0);
	ck_assert_int_eq(threshold_at(at(20260425, 0, 0)), 100 * KWH);
	p.v.prorate = true;
	ck_assert_int_eq(threshold_at(at(20260425, 0, 0)), 30 * KWH);  /* 9 of 30 */
	ck_assert_int_eq(threshold_at(at(20280215, 0, 0)), 100 * KWH); /* no month is short */
	p.who.extra_wh = 50 * KWH;
	ck_assert_int_eq(threshold_at(at(20260425, 0, 0)), 45 * KWH);
	p.who.extra_wh = 0;
	p.v.period.kind = PRICE_YEAR;
	ck_assert_int_eq(threshold_at(at(20260425, 0, 0)), 69589); /* 254 of 365 */
	ck_assert_int_eq(threshold_at(at(20280425, 0, 0)), 100 * KWH);
	p.v.period = (struct price_period){PRICE_CYCLE, 15, 0};
	ck_assert_int_eq(threshold_at(at(20260701, 0, 0)), 100 * KWH);
	ck_assert_int_eq(threshold_at(at(20260601, 0, 0)), 103333); /* 31 of 30 */
	ck_assert_int_eq(threshold_at(at(20270301, 0, 0)), 93333);  /* and over a clock change */
}
END_TEST

/* --- fixed charges ----------------------------------------------------------------------- */

START_TEST(a_day_is_owed_at_its_midnight_whether_anything_is_used_or_not)
{
	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_CALENDAR, 28 * YUAN};
	ck_assert_int_eq(use(&p, at(20260203, 0, 0), at(20260204, 0, 0), 0), 100);
	ck_assert_int_eq(use(&p, at(20260204, 0, 0) + 1, at(20260205, 0, 0), 0), 0);
	ck_assert_int_eq(use(&p, at(20260205, 0, 0), at(20260205, 0, 0) + 1, 0), 100);
	ck_assert_int_eq(use(&p, at(20280201, 0, 0), at(20280301, 0, 0), 0), 2800);
	p.v.fixed[0].accrual = PRICE_12_365; /* a leap year has a day more to pay */
	p.v.fixed[0].micro = 73 * YUAN;      /* 2.40 a day */
	p.sums.n = 0;
	ck_assert_int_eq(use(&p, at(20280101, 0, 0), at(20290101, 0, 0), 0), 366 * 240);
}
END_TEST

START_TEST(a_days_fixed_charge_is_of_the_version_at_its_midnight)
{
	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_DAILY, YUAN};
	p.next = p.v;
	p.next.fixed[0].micro = 3 * YUAN;
	p.next.effective_from_us = at(20260110, 6, 0);
	p.book.n = 2;
	ck_assert_int_eq(use(&p, at(20260109, 0, 0), at(20260112, 0, 0), 0), 100 + 100 + 300);
}
END_TEST

START_TEST(any_run_of_days_adds_up_to_the_month)
{
	int64_t sum = 0;

	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_CALENDAR, 9999999};
	for (int d = 20260101; d < 20270101; d = calendar_day_add(d, 1))
		sum += use(&p, at(d, 0, 0), at(calendar_day_add(d, 1), 0, 0), 0);
	ck_assert_int_eq(sum, 12000); /* 119.999988 */
	ck_assert_int_eq(p.sums.of[1].base_nano, INT64_C(12) * 9999999 * 1000);
	ck_assert_int_eq(p.sums.of[1].base_parts, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("price_time");
	TCase *t = tcase_create("time");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, bands_go_by_the_wall_clock_on_a_day_of_23_hours);
	tcase_add_test(t, bands_go_by_the_wall_clock_on_a_day_of_25_hours);
	tcase_add_test(t, a_total_is_spread_over_the_hours_a_day_has);
	tcase_add_test(t, a_midnight_that_does_not_exist_begins_the_day_an_hour_later);
	tcase_add_test(t, holidays_weekends_and_workdays_by_decree_have_their_own_schedule);
	tcase_add_test(t, seasons_go_over_new_year_and_know_the_leap_day);
	tcase_add_test(t, a_period_is_a_month_a_year_or_begins_on_the_settlement_day);
	tcase_add_test(t, tiers_begin_anew_where_the_time_stamps_say_so);
	tcase_add_test(t, registers_over_a_boundary_go_by_their_own_bands_hours);
	tcase_add_test(t, remainders_go_to_the_largest_and_add_up);
	tcase_add_test(t, a_new_period_rule_begins_at_its_own_first_boundary);
	tcase_add_test(t, a_tenancy_begins_and_ends_a_period);
	tcase_add_test(t, thresholds_are_prorated_by_days_and_only_where_asked);
	tcase_add_test(t, a_day_is_owed_at_its_midnight_whether_anything_is_used_or_not);
	tcase_add_test(t, a_days_fixed_charge_is_of_the_version_at_its_midnight);
	tcase_add_test(t, any_run_of_days_adds_up_to_the_month);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
