/* price: rounding, carry and tax. */
#include "price_play.h"

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

/* --- rounding ---------------------------------------------------------------------------- */

START_TEST(halves_go_up_to_even_or_down)
{
	static const struct {
		int num, up, even, down;
	} cases[] = {
	    {4,   0,  0,  0 },
            {5,   1,  0,  0 },
            {6,   1,  1,  0 },
            {15,  2,  2,  1 },
            {25,  3,  2,  2 },
            {26,  3,  3,  2 },
	    {-4,  0,  0,  0 },
            {-5,  0,  0,  0 },
            {-6,  -1, -1, 0 },
            {-15, -1, -2, -1},
            {-25, -2, -2, -2},
	    {-26, -3, -3, -2}
        };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(price_round(cases[i].num, 10, PRICE_HALF_UP), cases[i].up);
		ck_assert_int_eq(price_round(cases[i].num, 10, PRICE_HALF_EVEN), cases[i].even);
		ck_assert_int_eq(price_round(cases[i].num, 10, PRICE_DOWN), cases[i].down);
	}
}
END_TEST

/* Energy of so many nano, posted. */
static int64_t
post_nano(int64_t nano, enum price_rounding rounding, int exponent)
{
	struct price_part part = {.version = &p.v, .energy_nano = nano};
	struct price_charge c = {.nparts = 1, .parts = &part};
	struct err e;

	p.v.exponent = exponent;
	ck_assert_msg(
	    price_post(&p.sums, &c, rounding, exponent, &p.posted, &e) == 0, "%s", e.text);
	return p.posted.gross_minor;
}

START_TEST(the_carry_may_be_below_zero_and_is_made_up_for)
{
	ck_assert_int_eq(post_nano(5000000, PRICE_HALF_UP, 2), 1);
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), -5000000);
	ck_assert_int_eq(post_nano(5000000, PRICE_HALF_UP, 2), 0);
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), 0);
	ck_assert_int_eq(post_nano(-5000001, PRICE_HALF_UP, 2), -1); /* a correction */
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), 4999999);
	ck_assert_int_eq(post_nano(-5000000, PRICE_HALF_UP, 2), 0);
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), -1);
}
END_TEST

START_TEST(every_rounding_follows_its_cumulative_and_stays_within_a_unit)
{
	static const int64_t least[] = {-5000000, -5000000, 0},
			     most[] = {5000000, 5000000, 9999999};
	int64_t sum = 0, posted = 0;

	for (int mode = PRICE_HALF_UP; mode <= PRICE_DOWN; mode++) {
		p.sums.n = 0;
		sum = posted = 0;
		for (int64_t i = 1; i <= 5000; i++) {
			int64_t nano = i * 7919993 % 30000000, carry;

			sum += nano;
			posted += post_nano(nano, (enum price_rounding)mode, 2);
			ck_assert_int_eq(
			    posted, price_round(sum, 10000000, (enum price_rounding)mode));
			carry = price_carry_nano(&p.sums.of[0], 2);
			ck_assert_int_eq(carry, sum - posted * 10000000);
			ck_assert_int_ge(carry, least[mode]);
			ck_assert_int_le(carry, most[mode]);
		}
	}
}
END_TEST

START_TEST(a_minor_unit_has_the_digits_of_its_currency)
{
	ck_assert_int_eq(post_nano(INT64_C(1499999999), PRICE_HALF_UP, 0), 1);
	p.sums.n = 0;
	ck_assert_int_eq(post_nano(INT64_C(1499999999), PRICE_HALF_UP, 3), 1500);
	p.sums.n = 0;
	ck_assert_int_eq(post_nano(INT64_MAX, PRICE_DOWN, 6), INT64_MAX / 1000);
}
END_TEST

START_TEST(a_sum_that_runs_over_changes_nothing)
{
	struct price_part part = {.version = &p.v, .energy_nano = INT64_MAX};
	struct price_charge c = {.nparts = 1, .parts = &part};
	struct price_sums before;
	struct err e;

	post_nano(1, PRICE_HALF_UP, 2);
	before = p.sums;
	ck_assert_int_eq(price_post(&p.sums, &c, PRICE_HALF_UP, 2, &p.posted, &e), -1);
	ck_assert_int_eq(e.class, ERR_INPUT);
	ck_assert_mem_eq(&before, &p.sums, sizeof before);
}
END_TEST

/* --- components and tax ------------------------------------------------------------------ */

START_TEST(each_component_has_a_carry_of_its_own)
{
	p.v.banded = true;
	p.v.band_micro[0] = 400000;
	p.v.nsurcharges = 2;
	p.v.surcharge[0] = (struct price_surcharge){"fund", 400000};
	p.v.surcharge[1] = (struct price_surcharge){"rebate", -400000};
	expect_good(&p);
	/* 0.4 of a minor unit each: none of them is posted alone, nor all together */
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260102), 10), 0);
	ck_assert_int_eq(use(&p, day(&p, 20260102), day(&p, 20260103), 10), 1 + 1 - 1);
	ck_assert_int_eq(p.posted.surcharge_minor, 0);
	ck_assert_uint_eq(p.sums.n, 3);
	ck_assert_str_eq(p.sums.of[1].name, "fund");
	ck_assert_int_eq(p.posted.of[2], -1);
}
END_TEST

static void
tax(struct price_version *v, int64_t ppm, bool inclusive)
{
	v->taxed = true;
	v->tax_ppm = ppm;
	v->tax_inclusive = inclusive;
}

START_TEST(tax_is_inside_or_on_top_and_adds_up)
{
	p.v.banded = true;
	p.v.band_micro[0] = YUAN;
	tax(&p.v, 130000, false);
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260102), 100 * KWH), 11300);
	ck_assert_int_eq(p.posted.net_minor, 10000);
	p.sums.n = 0;
	p.v.tax_inclusive = true;
	ck_assert_int_eq(use(&p, day(&p, 20260102), day(&p, 20260103), 113 * KWH), 11300);
	ck_assert_int_eq(p.posted.net_minor, 10000);
}
END_TEST

START_TEST(only_the_split_of_the_tax_may_go_back_by_one)
{
	for (int inclusive = 0; inclusive <= 1; inclusive++) {
		int64_t gross = 0, net = 0;
		bool back = false;

		p.sums.n = 0;
		p.v.banded = true;
		p.v.band_micro[0] = 528300;
		tax(&p.v, 130000, inclusive == 1);
		for (int i = 0; i < 3000; i++) {
			int64_t of = use(&p, day(&p, 20260101) + i * HOUR,
			    day(&p, 20260101) + (i + 1) * HOUR, i * 37 % 50);
			int64_t tax_minor = of - p.posted.net_minor;

			ck_assert_int_ge(of, 0);
			ck_assert_int_ge(p.posted.net_minor, 0);
			ck_assert_int_ge(tax_minor, -1);
			back = back || tax_minor < 0;
			gross += of;
			net += p.posted.net_minor;
		}
		ck_assert(back);
		/* 73.5 kWh x 0.5283 = 38.83005, and 13 % of it */
		ck_assert_int_eq(gross, inclusive ? 3883 : 4388);
		ck_assert_int_eq(net, inclusive ? 3436 : 3883);
	}
}
END_TEST

START_TEST(a_new_tax_brings_forward_what_is_not_posted_yet)
{
	p.v.banded = true;
	p.v.band_micro[0] = YUAN;
	tax(&p.v, 100000, false);
	p.next = p.v;
	tax(&p.next, 200000, true);
	p.next.effective_from_us = day(&p, 20260110);
	p.book.n = 2;
	/* 0.0044 gross and 0.004 net, then 0.0012 and 0.001: together 0.0056 and 0.005 */
	ck_assert_int_eq(use(&p, day(&p, 20260101), day(&p, 20260102), 4), 0);
	p.next.band_micro[0] = 1200000;
	ck_assert_int_eq(use(&p, day(&p, 20260111), day(&p, 20260112), 1), 1);
	ck_assert_int_eq(p.posted.net_minor, 1);
	ck_assert_int_eq(price_carry_nano(&p.sums.of[0], 2), -4400000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("price_post");
	TCase *t = tcase_create("posting");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, halves_go_up_to_even_or_down);
	tcase_add_test(t, the_carry_may_be_below_zero_and_is_made_up_for);
	tcase_add_test(t, every_rounding_follows_its_cumulative_and_stays_within_a_unit);
	tcase_add_test(t, a_minor_unit_has_the_digits_of_its_currency);
	tcase_add_test(t, a_sum_that_runs_over_changes_nothing);
	tcase_add_test(t, each_component_has_a_carry_of_its_own);
	tcase_add_test(t, tax_is_inside_or_on_top_and_adds_up);
	tcase_add_test(t, only_the_split_of_the_tax_may_go_back_by_one);
	tcase_add_test(t, a_new_tax_brings_forward_what_is_not_posted_yet);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
