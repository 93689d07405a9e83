/* price_words: a version for people, and what one changes in another. */
#include "codec/price_words.h"

#include "base/err.h"
#include "codec/price_yaml.h"
#include "model/calendar.h"
#include "model/price.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HEAD  "currency: CNY\nzone: Asia/Shanghai\neffective_from: 2026-01-01\n"
#define TIERS "tier_period: month\ntiers: [{upto: 100 kWh, price: 1.00}, {price: 1.50}]\n"
#define BANDS "bands: [{name: peak, price: 0.20}, {name: valley, price: -0.20}]\n"
#define DAY   "schedules: {every_day: {08:00-22:00: peak, 22:00-08:00: valley}}\n"
#define ADD   "mode: additive\n"

static struct price_version a, b;
static struct buf out;

static void
read_into(struct price_version *v, const char *text)
{
	struct err e;

	ck_assert_msg(price_yaml_parse("t", span_of(text, strlen(text)), v, &e) == 0, "%s", e.text);
}

/* What is otherwise in `is` than in `was`, a line each. */
static void
expect_diff(const char *words, const char *was, const char *is)
{
	int lines = 0;

	read_into(&a, was);
	read_into(&b, is);
	for (const char *p = words; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	buf_clear(&out);
	ck_assert_int_eq(price_words_diff(&a, &b, &out), lines);
	ck_assert_str_eq(buf_text(&out), words);
	ck_assert_int_eq(price_words_diff(&a, &a, &out), 0);
	ck_assert_int_eq(price_words_diff(&b, &b, &out), 0);
}

static void
expect_shown(const char *words, const char *text)
{
	read_into(&a, text);
	buf_clear(&out);
	price_words_show(&a, &out);
	ck_assert_str_eq(buf_text(&out), words);
}

/* --- diff ---------------------------------------------------------------------------------- */

START_TEST(the_same_said_otherwise_is_no_difference)
{
	expect_diff("", HEAD TIERS ADD BANDS DAY,
	    "name: other\n" HEAD ADD
	    "tier_period: month\ntiers:\n  - {upto: 100000 Wh, price: 1}\n  - {price: 1.5}\n" BANDS
	    "schedules:\n  every_day: {00:00-08:00: valley, 08:00-12:00: peak, 12:00-22:00: peak,"
	    " 22:00-24:00: valley}\n");
}
END_TEST

START_TEST(a_price_is_told_with_what_it_was_and_by_how_much)
{
	expect_diff("tier 1: 1.10, was 1.00 (+10 %)\ntier 2: 1.4875, was 1.50 (-0.83 %)\n",
	    HEAD TIERS,
	    HEAD "tier_period: month\ntiers: [{upto: 100 kWh, price: 1.10}, {price: 1.4875}]\n");
	expect_diff("tier 1: 0.00, was 1.00 (-100 %)\n", HEAD TIERS,
	    HEAD "tier_period: month\ntiers: [{upto: 100 kWh, price: 0}, {price: 1.50}]\n");
	expect_diff("tier 1: 1.00, was 0.00\n", /* no per cent of nothing */
	    HEAD "tier_period: month\ntiers: [{upto: 100 kWh, price: 0}, {price: 1.50}]\n",
	    HEAD TIERS);
	expect_diff("peak: 0.25, was 0.20 (+25 %)\nvalley: -0.25, was -0.20\n",
	    HEAD TIERS ADD BANDS DAY,
	    HEAD TIERS ADD
	    "bands: [{name: peak, price: 0.25}, {name: valley, price: -0.25}]\n" DAY);
}
END_TEST

START_TEST(tiers_move_come_and_go)
{
	expect_diff("tier 1 ends at 120.5 kWh, was 100 kWh\n", HEAD TIERS,
	    HEAD "tier_period: month\ntiers: [{upto: 120.5 kWh, price: 1.00}, {price: 1.50}]\n");
	expect_diff("tier 2 ends at 400 kWh, was open\ntier 3 is new: 1.80\n", HEAD TIERS,
	    HEAD "tier_period: month\ntiers: [{upto: 100 kWh, price: 1.00}, {upto: 400 kWh, price: "
		 "1.50}, {price: 1.80}]\n");
	expect_diff("tier 1 is the last, ended at 100 kWh\ntier 2 is gone\n", HEAD TIERS,
	    HEAD "tier_period: month\ntiers: [{price: 1.00}]\n");
	expect_diff("tiers begin anew day 25 of the month at 00:00, prorated to 30 days, was each "
		    "month\n",
	    HEAD TIERS,
	    HEAD "tier_period: {cycle_day: 25}\nprorate: true\ntiers: [{upto: 100 kWh, price: "
		 "1.00}, {price: 1.50}]\n");
}
END_TEST

START_TEST(bands_are_known_by_their_names)
{
	expect_diff("band sharp is new\n"
		    "every_day 08:00-10:00: sharp, was peak\n",
	    HEAD TIERS ADD BANDS DAY,
	    HEAD TIERS ADD "bands: [{name: sharp, price: 0.4}, {name: valley, price: -0.20}, "
			   "{name: peak, price: 0.20}]\n"
			   "schedules: {every_day: {08:00-10:00: sharp, 10:00-22:00: peak, "
			   "22:00-08:00: valley}}\n");
	expect_diff(
	    "band peak is gone\nband valley is gone\n", HEAD TIERS ADD BANDS DAY, HEAD TIERS);
}
END_TEST

START_TEST(matrix_and_per_band_prices_are_told_with_their_band)
{
	expect_diff("peak, tier 2: 1.80, was 1.70 (+5.88 %)\n",
	    HEAD "mode: matrix\ntier_period: month\nbands: [peak, valley]\ntiers:\n"
		 "  - {upto: 9 kWh, prices: {peak: 1.2, valley: 0.5}}\n"
		 "  - prices: {peak: 1.7, valley: 0.6}\n" DAY,
	    HEAD "mode: matrix\ntier_period: month\nbands: [valley, peak]\ntiers:\n"
		 "  - {upto: 9 kWh, prices: {peak: 1.2, valley: 0.5}}\n"
		 "  - prices: {peak: 1.8, valley: 0.6}\n" DAY);
	expect_diff("valley, tier 1 ends at 10 kWh, was 9 kWh\nvalley, tier 2: 0.70, was 0.60 "
		    "(+16.66 %)\n",
	    HEAD "mode: per_band\ntier_period: month\nbands:\n"
		 "  - {name: peak, tiers: [{price: 1}]}\n"
		 "  - {name: valley, tiers: [{upto: 9 kWh, price: 0.5}, {price: 0.6}]}\n" DAY,
	    HEAD "mode: per_band\ntier_period: month\nbands:\n"
		 "  - {name: peak, tiers: [{price: 1}]}\n"
		 "  - {name: valley, tiers: [{upto: 10 kWh, price: 0.5}, {price: 0.7}]}\n" DAY);
	expect_diff("mode is matrix, was additive: their prices do not compare\n",
	    HEAD TIERS ADD BANDS DAY,
	    HEAD "mode: matrix\ntier_period: month\nbands: [peak, valley]\ntiers:\n"
		 "  - prices: {peak: 1.7, valley: 0.6}\n" DAY);
}
END_TEST

START_TEST(hours_are_compared_by_the_minute)
{
	expect_diff("every_day 07:30-08:00: peak, was valley\nevery_day 21:00-22:00: valley, was "
		    "peak\n",
	    HEAD ADD BANDS "tier_period: month\ntiers: [{price: 1}]\n" DAY,
	    HEAD ADD BANDS "tier_period: month\ntiers: [{price: 1}]\n"
			   "schedules: {every_day: {07:30-21:00: peak, 21:00-07:30: valley}}\n");
}
END_TEST

#define SEASON(name_, from_, to_)                         \
	"  - {name: " name_ ", from: " from_ ", to: " to_ \
	", schedules: {every_day: {08:00-22:00: peak, 22:00-08:00: valley}}}\n"

START_TEST(seasons_and_types_of_day_move_come_and_go)
{
	expect_diff("season summer: 07-01 to 08-31, was 06-01 to 08-31\n"
		    "season rest: 09-01 to 06-30, was 09-01 to 05-31\n",
	    HEAD TIERS ADD BANDS "seasons:\n" SEASON("summer", "06-01", "08-31")
		SEASON("rest", "09-01", "05-31"),
	    HEAD TIERS ADD BANDS "seasons:\n" SEASON("summer", "07-01", "08-31")
		SEASON("rest", "09-01", "06-30"));
	expect_diff("season summer is new: 06-01 to 08-31\nseason rest is new: 09-01 to 05-31\n"
		    "season all year is gone\n",
	    HEAD TIERS ADD BANDS DAY,
	    HEAD TIERS ADD BANDS "seasons:\n" SEASON("summer", "06-01", "08-31")
		SEASON("rest", "09-01", "05-31"));
	expect_diff("type of day workday is new\ntype of day restday is new\ntype of day every_day "
		    "is gone\n",
	    HEAD TIERS ADD BANDS DAY,
	    HEAD TIERS ADD BANDS
	    "day_types: {workday: [mon, tue, wed, thu, fri, makeup], restday: [sat, sun, "
	    "holiday]}\nschedules: {workday: {00:00-24:00: peak}, restday: {00:00-24:00: "
	    "valley}}\n");
}
END_TEST

START_TEST(days_are_told_as_runs)
{
	expect_diff("new holidays: 2026-10-01 to 2026-10-03, 2026-12-25\n"
		    "no longer holidays: 2026-05-01\nnew make-up workdays: 2026-10-10\n",
	    HEAD TIERS ADD BANDS DAY "holidays: [2026-01-01, 2026-05-01]\n",
	    HEAD TIERS ADD BANDS DAY
	    "holidays: [2026-01-01, 2026-10-01 to 2026-10-03, 2026-12-25]\n"
	    "makeup_workdays: [2026-10-10]\n");
}
END_TEST

START_TEST(charges_tax_rounding_and_the_beginning)
{
	expect_diff("from 2026-07-01 06:00, was from 2026-01-01 00:00\nzone Europe/Paris, was "
		    "Asia/Shanghai\nrounding down, was half_up\n",
	    HEAD TIERS,
	    "currency: CNY\nzone: Europe/Paris\neffective_from: 2026-07-01 06:00\nrounding: "
	    "down\n" TIERS);
	expect_diff("currency USD of 2 digits, was CNY of 2\n", HEAD TIERS,
	    "currency: USD\nzone: Asia/Shanghai\neffective_from: 2026-01-01\n" TIERS);
	expect_diff(
	    "fixed charge meter: 30.00 a month, 12/365 a day, was 30.00 a month, by the "
	    "days it has\nfixed charge line: 0.50 a day, is new\nfixed charge old is gone\n",
	    HEAD TIERS "fixed: [{name: meter, per_month: 30, accrual: calendar}, {name: old, "
		       "per_day: 1}]\n",
	    HEAD TIERS "fixed: [{name: meter, per_month: 30, accrual: 12/365}, {name: line, "
		       "per_day: 0.5}]\n");
	expect_diff("surcharge fund: 0.02, was 0.0189 (+5.82 %)\nsurcharge sun: -0.01, was none\n"
		    "surcharge coal is gone\n",
	    HEAD TIERS "surcharges: [{name: fund, per_kwh: 0.0189}, {name: coal, per_kwh: 0.01}]\n",
	    HEAD TIERS "surcharges: [{name: fund, per_kwh: 0.02}, {name: sun, per_kwh: -0.01}]\n");
	expect_diff("tax: 13 % in all prices, was none\n", HEAD TIERS,
	    HEAD TIERS "tax: {prices: inclusive, rate: 13%}\n");
	expect_diff("tax: 9.5 % on top of all prices, was 13 % in all prices\n",
	    HEAD TIERS "tax: {prices: inclusive, rate: 13%}\n",
	    HEAD TIERS "tax: {prices: exclusive, rate: 9.5%}\n");
}
END_TEST

START_TEST(same_hours_are_about_bands_and_times_alone)
{
	read_into(&a, HEAD TIERS ADD BANDS DAY);
	read_into(&b,
	    HEAD ADD "tier_period: year\ntiers: [{price: 3}]\nbands: [{name: peak, price: 1}, "
		     "{name: valley, price: 0}]\n" DAY);
	ck_assert(price_words_same_hours(&a, &b));
	read_into(&b, HEAD TIERS ADD
	    "bands: [{name: valley, price: -0.20}, {name: peak, price: 0.20}]\n" DAY);
	ck_assert_msg(!price_words_same_hours(&a, &b), "another order is another register");
	read_into(&b, HEAD TIERS ADD BANDS DAY "holidays: [2026-05-01]\n");
	ck_assert(!price_words_same_hours(&a, &b));
	read_into(&b, HEAD TIERS);
	ck_assert(!price_words_same_hours(&a, &b));
}
END_TEST

/* --- show ---------------------------------------------------------------------------------- */

START_TEST(tiers_and_bands_stand_as_tables)
{
	expect_shown("Energy, CNY a kWh; tiers begin anew each month:\n"
		     "  up to 100 kWh   1.00\n"
		     "  above 100 kWh   1.50\n"
		     "  and in peak     0.20\n"
		     "  and in valley  -0.20\n"
		     "Hours:\n"
		     "  every_day: 00:00-08:00 valley, 08:00-22:00 peak, 22:00-24:00 valley\n"
		     "Rounding: half up\n",
	    HEAD TIERS ADD BANDS DAY);
	expect_shown("Energy, CNY a kWh; tiers begin anew each month:\n"
		     "                peak  valley\n"
		     "  up to 9 kWh  1.250   0.500\n"
		     "  above 9 kWh  1.700   0.605\n"
		     "Hours:\n"
		     "  every_day: 00:00-08:00 valley, 08:00-22:00 peak, 22:00-24:00 valley\n"
		     "Rounding: half up\n",
	    HEAD "mode: matrix\ntier_period: month\nbands: [peak, valley]\ntiers:\n"
		 "  - {upto: 9 kWh, prices: {peak: 1.25, valley: 0.5}}\n"
		 "  - prices: {peak: 1.7, valley: 0.605}\n" DAY);
}
END_TEST

START_TEST(everything_else_has_a_line)
{
	expect_shown("Energy, CNY a kWh; tiers of each band begin anew each year:\n"
		     "  peak all            1.00\n"
		     "  valley up to 9 kWh  0.50\n"
		     "  valley above 9 kWh  0.60\n"
		     "Hours:\n"
		     "  every_day: 00:00-08:00 valley, 08:00-22:00 peak, 22:00-24:00 valley\n"
		     "Holidays: 2026-01-01 to 2026-01-03, 2026-05-01\n"
		     "Fixed: meter 30.00 a month, by the days it has\n"
		     "Surcharge: fund 0.0189 a kWh\n"
		     "Tax: 13 %, on top of all prices\n"
		     "Rounding: half to even\n",
	    HEAD
	    "rounding: half_even\nmode: per_band\ntier_period: year\nbands:\n"
	    "  - {name: peak, tiers: [{price: 1}]}\n"
	    "  - {name: valley, tiers: [{upto: 9 kWh, price: 0.5}, {price: 0.6}]}\n" DAY
	    "holidays: [2026-01-01 to 2026-01-03, 2026-05-01]\n"
	    "fixed: [{name: meter, per_month: 30, accrual: calendar}]\n"
	    "surcharges: [{name: fund, per_kwh: 0.0189}]\ntax: {prices: exclusive, rate: 13%}\n");
}
END_TEST

START_TEST(a_calendar_gives_the_zone_back)
{
	calendar_rest();
	setenv("TZ", "America/Lima", 1);
	read_into(&a, HEAD TIERS);
	ck_assert_str_eq(getenv("TZ"), "Asia/Shanghai");
	calendar_rest();
	ck_assert_str_eq(getenv("TZ"), "America/Lima");
	read_into(&b, HEAD TIERS); /* and can be asked again */
	ck_assert_int_eq(a.effective_from_us, b.effective_from_us);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("price_words");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, the_same_said_otherwise_is_no_difference);
	tcase_add_test(t, a_price_is_told_with_what_it_was_and_by_how_much);
	tcase_add_test(t, tiers_move_come_and_go);
	tcase_add_test(t, bands_are_known_by_their_names);
	tcase_add_test(t, matrix_and_per_band_prices_are_told_with_their_band);
	tcase_add_test(t, hours_are_compared_by_the_minute);
	tcase_add_test(t, seasons_and_types_of_day_move_come_and_go);
	tcase_add_test(t, days_are_told_as_runs);
	tcase_add_test(t, charges_tax_rounding_and_the_beginning);
	tcase_add_test(t, same_hours_are_about_bands_and_times_alone);
	tcase_add_test(t, tiers_and_bands_stand_as_tables);
	tcase_add_test(t, everything_else_has_a_line);
	tcase_add_test(t, a_calendar_gives_the_zone_back);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	buf_clear(&out);
	return failed != 0;
}
