/* price: tiers and bands, and what an interval costs by them. */
#include "price_play.h"

#include <stdlib.h>

static struct play p;

static void
setup(void)
{
	play_begin(&p, "Asia/Shanghai");
}

static void
teardown(void)
{
	play_end(&p);
}

/* --- golden vectors ---------------------------------------------------------------------- */

START_TEST(gv1_an_interval_that_crosses_a_tier_is_priced_on_both_sides)
{
	seed_tiers(&p.v);
	expect_good(&p);
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260120), 95 * KWH), 9500);
	ck_assert_int_eq(use(&p, day(&p, 20260120), day(&p, 20260121), 15 * KWH), 2000);
	ck_assert_int_eq(touched(&p, 0, -1), 5 * KWH);
	ck_assert_int_eq(touched(&p, 1, -1), 10 * KWH);
}
END_TEST

START_TEST(gv2_a_month_costs_the_same_however_it_is_split)
{
	seed_tiers(&p.v);
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260201), 250 * KWH), 32500);
	for (int step = 1; step <= 30; step++) {
		int64_t sum = 0, left = 250 * KWH, wh;

		play_end(&p);
		setup();
		seed_tiers(&p.v);
		for (int d = 1; d <= 31; d += step) {
			int to = d + step > 31 ? 20260201 : 20260100 + d + step;

			wh = d + step > 31 ? left : (d * 7919 * step) % 9000;
			sum += use(&p, day(&p, 20260100 + d), day(&p, to), wh);
			left -= wh;
		}
		ck_assert_int_eq(left, 0);
		ck_assert_int_eq(sum, 32500);
	}
}
END_TEST

START_TEST(gv3_additive_adds_the_tier_to_the_band)
{
	peak_and_valley(&p.v, 8, 22);
	ladder(&p.v.ladder[0], 3, (int64_t[]){230 * KWH, 400 * KWH});
	p.v.tiered = true;
	p.v.band_micro[0] = 558300;
	p.v.band_micro[1] = 358300;
	p.v.tier_micro[1] = 50000;
	p.v.tier_micro[2] = 300000;
	expect_good(&p);
	ck_assert_int_eq(
	    use_bands(&p, day(&p, 20260101), day(&p, 20260131), 300 * KWH, 150 * KWH), 24474);
	ck_assert_int_eq(p.charge.parts[0].energy_nano, INT64_C(244735000000));
	ck_assert(!p.charge.pro_rata);
}
END_TEST

START_TEST(gv4_matrix_gives_the_bands_to_the_tiers_pro_rata)
{
	peak_and_valley(&p.v, 8, 22);
	p.v.mode = PRICE_MATRIX;
	p.v.tiered = true;
	ladder(&p.v.ladder[0], 2, (int64_t[]){100 * KWH});
	p.v.micro[0][0] = 800000;
	p.v.micro[0][1] = 400000;
	p.v.micro[1][0] = 880000;
	p.v.micro[1][1] = 440000;
	expect_good(&p);
	use_bands(&p, day(&p, 20260101), day(&p, 20260102), 50 * KWH, 40 * KWH);
	ck_assert(!p.charge.pro_rata);
	ck_assert_int_eq(
	    use_bands(&p, day(&p, 20260102), day(&p, 20260103), 12 * KWH, 8 * KWH), 1344);
	ck_assert(p.charge.pro_rata);
	ck_assert_int_eq(touched(&p, 0, 0), 6 * KWH);
	ck_assert_int_eq(touched(&p, 1, 1), 4 * KWH);
}
END_TEST

START_TEST(gv5_small_charges_are_posted_as_the_growth_of_the_whole)
{
	p.v.band_micro[0] = 528300;
	p.v.banded = true;
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260102), 10), 1);
	ck_assert_int_eq(use(&p, day(&p, 20260102), day(&p, 20260103), 10), 0);
	ck_assert_int_eq(use(&p, day(&p, 20260103), day(&p, 20260104), 10), 1);
	/* 0.015849 exact, 0.02 posted */
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), -4151000);
}
END_TEST

START_TEST(gv6_many_half_hours_cost_what_they_cost_together)
{
	int64_t sum = 0;

	p.v.band_micro[0] = 528300;
	p.v.banded = true;
	for (int i = 0; i < 1440; i++)
		sum += use(&p, day(&p, 20260101) + i * HOUR / 2,
		    day(&p, 20260101) + (i + 1) * HOUR / 2, 70);
	ck_assert_int_eq(sum, 5325);
}
END_TEST

START_TEST(gv8_thirty_a_month_by_either_rule)
{
	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_12_365, 30 * YUAN};
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260201), 0), 3058);
	p.v.fixed[0].accrual = PRICE_CALENDAR;
	p.sums.n = 0;
	ck_assert_int_eq(use(&p, day(&p, 20260301), day(&p, 20260401), 0), 3000);
	ck_assert_int_eq(p.posted.fixed_minor, 3000);
}
END_TEST

START_TEST(gv9_tiers_go_on_when_the_price_changes_within_the_month)
{
	int64_t sum;

	ladder(&p.v.ladder[0], 2, (int64_t[]){150 * KWH});
	p.v.tiered = p.v.banded = true;
	p.v.band_micro[0] = 500000;
	p.v.tier_micro[1] = 50000;
	p.next = p.v;
	p.next.band_micro[0] = 600000;
	p.next.effective_from_us = day(&p, 20260115);
	p.book.n = 2;
	expect_good(&p);
	sum = use(&p, day(&p, 20260101), day(&p, 20260115), 120 * KWH);
	sum += use(&p, day(&p, 20260115), day(&p, 20260201), 80 * KWH);
	ck_assert_int_eq(sum, 11050);
	ck_assert_int_eq(p.at.used_wh, 200 * KWH);
}
END_TEST

/* The tenant came on the 1st of March; the settlement day is the 15th, but only since April, so
 * his first cycle ends on the 15th of April. */
START_TEST(gv11_a_cycle_of_45_days_has_tiers_half_as_long_again)
{
	seed_tiers(&p.v);
	p.v.prorate = true;
	p.v.period = (struct price_period){PRICE_YEAR, 0, 0};
	p.next = p.v;
	p.next.period = (struct price_period){PRICE_CYCLE, 15, 0};
	p.next.effective_from_us = day(&p, 20260401);
	p.book.n = 2;
	p.who.from_us = day(&p, 20260301);
	expect_good(&p);
	ck_assert_int_eq(use(&p, day(&p, 20260401), day(&p, 20260415), 160 * KWH), 15000 + 1500);
	ck_assert_int_eq(p.at.period_us, day(&p, 20260301));
	ck_assert_int_eq(touched(&p, 0, -1), 150 * KWH);
}
END_TEST

/* --- modes ------------------------------------------------------------------------------- */

START_TEST(each_band_climbs_its_own_tiers)
{
	peak_and_valley(&p.v, 8, 22);
	p.v.mode = PRICE_PER_BAND;
	p.v.tiered = true;
	ladder(&p.v.ladder[0], 2, (int64_t[]){10 * KWH});
	ladder(&p.v.ladder[1], 3, (int64_t[]){5 * KWH, 8 * KWH});
	p.v.micro[0][0] = 1000000;
	p.v.micro[1][0] = 2000000;
	p.v.micro[0][1] = 100000;
	p.v.micro[1][1] = 200000;
	p.v.micro[2][1] = 400000;
	expect_good(&p);
	ck_assert_int_eq(
	    use_bands(&p, day(&p, 20260101), day(&p, 20260102), 9 * KWH, 9 * KWH), 900 + 150);
	ck_assert_int_eq(
	    use_bands(&p, day(&p, 20260102), day(&p, 20260103), 2 * KWH, 1 * KWH), 300 + 40);
	ck_assert_int_eq(touched(&p, 1, 0), 1 * KWH);
	ck_assert_int_eq(p.at.band_wh[0], 11 * KWH);
}
END_TEST

START_TEST(in_a_matrix_each_tier_has_its_wh_and_the_last_takes_the_rest)
{
	peak_and_valley(&p.v, 8, 22);
	p.v.mode = PRICE_MATRIX;
	p.v.tiered = true;
	ladder(&p.v.ladder[0], 3, (int64_t[]){101, 202});
	for (int t = 0; t < 3; t++)
		p.v.micro[t][0] = p.v.micro[t][1] = (t + 1) * YUAN;
	use_bands(&p, day(&p, 20260101), day(&p, 20260102), 333, 167);
	ck_assert_int_eq(touched(&p, 0, -1), 101);
	ck_assert_int_eq(touched(&p, 1, -1), 101);
	ck_assert_int_eq(touched(&p, 2, -1), 298);
	ck_assert_int_eq(touched(&p, 0, 0), 67); /* 101 * 333 / 500 = 67.266 */
	ck_assert_int_eq(touched(&p, -1, 0), 333);
	ck_assert_int_eq(touched(&p, -1, 1), 167);
}
END_TEST

START_TEST(a_matrix_with_a_total_only_goes_by_the_bands_active_seconds)
{
	peak_and_valley(&p.v, 8, 20);
	p.v.mode = PRICE_MATRIX;
	p.v.tiered = true;
	ladder(&p.v.ladder[0], 2, (int64_t[]){10 * KWH});
	p.v.micro[0][0] = p.v.micro[1][0] = YUAN;
	p.v.micro[0][1] = p.v.micro[1][1] = YUAN / 2;
	/* 06:00 to 12:00: two hours of valley, four of peak */
	ck_assert_int_eq(
	    use(&p, day(&p, 20260101) + 6 * HOUR, day(&p, 20260101) + 12 * HOUR, 15 * KWH),
	    1000 + 250);
	ck_assert_int_eq(touched(&p, 1, 0), 3333);
	ck_assert_int_eq(touched(&p, 1, 1), 1667);
	ck_assert(p.charge.pro_rata);
}
END_TEST

START_TEST(the_household_has_more_in_each_tier)
{
	seed_tiers(&p.v);
	p.who.extra_wh = 50 * KWH;
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260201), 160 * KWH), 16500);
}
END_TEST

START_TEST(no_use_costs_nothing_and_touches_nothing)
{
	seed_tiers(&p.v);
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260201), 0), 0);
	ck_assert_uint_eq(p.charge.ntouches, 0);
	ck_assert_uint_eq(p.charge.nparts, 1);
}
END_TEST

/* --- what has no price ------------------------------------------------------------------- */

START_TEST(before_the_first_version_nothing_is_charged_but_the_position_goes_on)
{
	struct price_usage u = {.from_us = day(&p, 20260108),
	    .to_us = day(&p, 20260112),
	    .has_total = true,
	    .total_wh = 60 * KWH};

	seed_tiers(&p.v);
	p.v.nfixed = 1;
	p.v.fixed[0] = (struct price_fixed){"meter", PRICE_DAILY, YUAN};
	p.v.effective_from_us = day(&p, 20260110);
	ck_assert_int_eq(play_rate(&p, &u), PRICE_UNRATED);
	ck_assert_str_eq(p.charge.why, "no price is in force yet");
	ck_assert_int_eq(p.charge.wh, 60 * KWH);
	ck_assert_int_eq(p.at.used_wh, 60 * KWH);
	ck_assert_uint_eq(p.charge.ntouches, 0);
	for (size_t i = 0; i < p.charge.nparts; i++)
		ck_assert(p.charge.parts[i].energy_nano == 0 && p.charge.parts[i].fixed_nano == 0);
	/* what follows is rated from there */
	ck_assert_int_eq(
	    use(&p, day(&p, 20260112), day(&p, 20260113), 60 * KWH), 4000 + 3000 + 100);
}
END_TEST

START_TEST(what_is_not_rated_cannot_be_posted)
{
	struct price_charge c = {.result = PRICE_UNRATED};
	struct price_posting out;
	struct err e;

	ck_assert_int_eq(price_post(&p.sums, &c, PRICE_HALF_UP, 2, &out, &e), -1);
	ck_assert_int_eq(e.class, ERR_BUG);
}
END_TEST

/* Later its price is known: it is rated from where it stood, and only the difference posted. */
START_TEST(an_unrated_interval_is_rated_in_its_own_place)
{
	struct price_usage u = {.from_us = day(&p, 20260102),
	    .to_us = day(&p, 20260103),
	    .has_total = true,
	    .total_wh = 30 * KWH};
	struct price_position there;
	int64_t sum;

	seed_tiers(&p.v);
	sum = use(&p, day(&p, 20260101), day(&p, 20260102), 90 * KWH);
	there = p.at;
	p.v.tier_micro[1] = PRICE_NONE;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_UNRATED);
	ck_assert_str_eq(p.charge.why, "tier 2 in band 0 has no price");
	ck_assert_int_eq(p.at.used_wh, 120 * KWH);
	p.v.tier_micro[1] = YUAN * 3 / 2;
	sum += use(&p, day(&p, 20260103), day(&p, 20260104), 10 * KWH);
	p.at = there;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED);
	sum += post(&p);
	ck_assert_int_eq(sum, 10000 + 4500);
}
END_TEST

START_TEST(a_register_without_a_band_and_a_band_without_a_register_have_no_price)
{
	struct price_usage u = {
	    .from_us = day(&p, 20260101),
	    .to_us = day(&p, 20260102),
	    .nregisters = 3,
	    .register_wh = {1000, 1000, 0}
        };

	peak_and_valley(&p.v, 8, 22);
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED); /* the third has not moved */
	u.register_wh[2] = 1;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_UNRATED);
	ck_assert_str_eq(p.charge.why, "register 3 has no band");
	u.nregisters = 1;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_UNRATED);
	ck_assert_str_eq(p.charge.why, "band valley has no register");
}
END_TEST

/* --- total and bands --------------------------------------------------------------------- */

START_TEST(the_total_is_billed_and_the_largest_band_takes_the_difference)
{
	struct price_usage u = {
	    .from_us = day(&p, 20260101),
	    .to_us = day(&p, 20260102),
	    .has_total = true,
	    .total_wh = 1020,
	    .nregisters = 2,
	    .register_wh = {700, 300},
	    .unit_wh = 10
        };

	peak_and_valley(&p.v, 8, 22);
	p.v.band_micro[0] = p.v.band_micro[1] = YUAN;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED);
	ck_assert(p.charge.corrected);
	ck_assert_int_eq(touched(&p, -1, 0), 720);
	u.total_wh = 980;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_RATED);
	ck_assert_int_eq(touched(&p, -1, 0), 680);
	u.total_wh = 1021;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	ck_assert_str_eq(p.charge.why, "the bands differ from the total by 21 Wh");
	ck_assert_int_eq(p.at.used_wh, 1020 + 980 + 1021);
	u = (struct price_usage){
	    .from_us = u.from_us,
	    .to_us = u.to_us,
	    .has_total = true,
	    .nregisters = 2,
	    .register_wh = {10, 10},
	    .unit_wh = 10
        };
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
}
END_TEST

START_TEST(what_cannot_be_is_held)
{
	struct price_usage u = {.from_us = 1, .to_us = 1, .has_total = true};

	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u.to_us = 2;
	u.total_wh = -1;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u.total_wh = PRICE_MOST + 1;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u.total_wh = 1;
	u.to_us = INT64_C(3661) * 86400 * S;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u = (struct price_usage){.to_us = 1};
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u.nregisters = PRICE_BANDS + 1;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	u.nregisters = 1;
	u.register_wh[0] = -5;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	p.v.banded = true;
	p.v.band_micro[0] = PRICE_MOST;
	u.register_wh[0] = PRICE_MOST;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_HELD);
	ck_assert_str_eq(p.charge.why, "the charge is out of range");
	p.book.n = 0;
	ck_assert_int_eq(play_rate(&p, &u), PRICE_UNRATED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("price");
	TCase *t = tcase_create("rating");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, gv1_an_interval_that_crosses_a_tier_is_priced_on_both_sides);
	tcase_add_test(t, gv2_a_month_costs_the_same_however_it_is_split);
	tcase_add_test(t, gv3_additive_adds_the_tier_to_the_band);
	tcase_add_test(t, gv4_matrix_gives_the_bands_to_the_tiers_pro_rata);
	tcase_add_test(t, gv5_small_charges_are_posted_as_the_growth_of_the_whole);
	tcase_add_test(t, gv6_many_half_hours_cost_what_they_cost_together);
	tcase_add_test(t, gv8_thirty_a_month_by_either_rule);
	tcase_add_test(t, gv9_tiers_go_on_when_the_price_changes_within_the_month);
	tcase_add_test(t, gv11_a_cycle_of_45_days_has_tiers_half_as_long_again);
	tcase_add_test(t, each_band_climbs_its_own_tiers);
	tcase_add_test(t, in_a_matrix_each_tier_has_its_wh_and_the_last_takes_the_rest);
	tcase_add_test(t, a_matrix_with_a_total_only_goes_by_the_bands_active_seconds);
	tcase_add_test(t, the_household_has_more_in_each_tier);
	tcase_add_test(t, no_use_costs_nothing_and_touches_nothing);
	tcase_add_test(t, before_the_first_version_nothing_is_charged_but_the_position_goes_on);
	tcase_add_test(t, what_is_not_rated_cannot_be_posted);
	tcase_add_test(t, an_unrated_interval_is_rated_in_its_own_place);
	tcase_add_test(t, a_register_without_a_band_and_a_band_without_a_register_have_no_price);
	tcase_add_test(t, the_total_is_billed_and_the_largest_band_takes_the_difference);
	tcase_add_test(t, what_cannot_be_is_held);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
