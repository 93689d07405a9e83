/* price_yaml: what a tariff file may say, and what it may not. */
#include "codec/price_yaml.h"

#include "base/err.h"
#include "model/calendar.h"
#include "model/price.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD        "currency: CNY\nzone: Asia/Shanghai\neffective_from: 2026-01-01\n"
#define TIERS       "tier_period: month\ntiers:\n  - {upto: 100 kWh, price: 1.00}\n  - price: 1.50\n"
#define BANDS       "bands:\n  - {name: peak, price: 0.5583}\n  - {name: valley, price: 0.3583}\n"
#define DAY         "schedules:\n  every_day:\n    08:00-22:00: peak\n    22:00-08:00: valley\n"
#define FLAT        "bands:\n  - {name: flat, price: 1}\n"
#define MODE(mode_) "mode: " #mode_ "\n"

static struct price_version v;
static char path[64];

static int
load(const char *text, struct err *e)
{
	FILE *out;
	int rc;

	snprintf(path, sizeof path, "/tmp/test_price.%d.yaml", (int)getpid());
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
	*e = (struct err){0};
	rc = price_yaml_read(path, &v, e);
	unlink(path);
	return rc;
}

static void
expect_good(const char *text)
{
	struct err e;

	ck_assert_msg(load(text, &e) == 0, "%s", e.text);
}

/* Refused, with these words behind "<file>:". */
static void
expect_error(const char *words, const char *text)
{
	struct err e;
	size_t len;

	ck_assert_msg(load(text, &e) < 0, "taken: %s", text);
	len = strlen(path);
	ck_assert_int_eq(e.class, ERR_INPUT);
	ck_assert_msg(strncmp(e.text, path, len) == 0 && e.text[len] == ':', "%s", e.text);
	ck_assert_msg(strcmp(e.text + len + 1, words) == 0, "%s\nfor %s", e.text + len + 1, text);
}

/* --- what is taken ----------------------------------------------------------------------- */

START_TEST(tiers_alone_are_a_tariff)
{
	expect_good(HEAD TIERS);
	ck_assert_str_eq(v.currency, "CNY");
	ck_assert_int_eq(v.exponent, 2);
	ck_assert_int_eq(v.effective_from_us, INT64_C(1767196800000000));
	ck_assert(v.tiered && !v.banded && v.mode == PRICE_ADDITIVE && !v.prorate);
	ck_assert_uint_eq(v.ladder[0].n, 2);
	ck_assert_int_eq(v.ladder[0].upto_wh[0], 100000);
	ck_assert_int_eq(v.tier_micro[1], 1500000);
	ck_assert_uint_eq(v.nbands, 1);
}
END_TEST

START_TEST(bands_alone_are_a_tariff)
{
	expect_good(HEAD BANDS DAY);
	ck_assert(!v.tiered && v.banded);
	ck_assert_int_eq(v.band_micro[1], 358300);
	ck_assert_uint_eq(v.schedule[0].n, 3); /* the night is two */
	ck_assert_int_eq(v.schedule[0].slot[0].to, 480);
	ck_assert_int_eq(v.schedule[0].slot[0].band, 1);
	ck_assert_int_eq(v.schedule[0].slot[2].from, 1320);
	expect_good(HEAD FLAT); /* and one of them needs no schedule */
}
END_TEST

START_TEST(each_mode_has_its_prices_where_they_belong)
{
	expect_good(HEAD MODE(
	    matrix) "tier_period: year\nbands: [peak, valley]\n" DAY
		    "tiers:\n  - upto: 1.5 MWh\n    prices: {peak: 0.8, valley: \"0.4\"}\n"
		    "  - prices: {peak: 0.88, valley: 0.44}\n");
	ck_assert_int_eq(v.micro[0][1], 400000);
	ck_assert_int_eq(v.micro[1][0], 880000);
	ck_assert_int_eq(v.ladder[0].upto_wh[0], 1500000);
	ck_assert(v.period.kind == PRICE_YEAR);
	expect_good(
	    HEAD MODE(per_band) "tier_period: {cycle_day: 25, hour: 8}\nbands:\n"
				"  - name: peak\n    tiers:\n      - {upto: 500 Wh, price: 1}\n"
				"      - {price: 2}\n"
				"  - name: valley\n    tiers: [{price: 0.000001}]\n" DAY);
	ck_assert_int_eq(v.ladder[0].upto_wh[0], 500);
	ck_assert_uint_eq(v.ladder[1].n, 1);
	ck_assert_int_eq(v.micro[0][1], 1);
	ck_assert(v.period.kind == PRICE_CYCLE && v.period.day == 25 && v.period.hour == 8);
	expect_good(HEAD MODE(additive) TIERS
	    "bands:\n  - {name: peak, price: 0.2}\n  - {name: valley, price: -1.00}\n" DAY);
	ck_assert_int_eq(v.band_micro[1], -1000000);
}
END_TEST

START_TEST(days_seasons_and_dates_are_understood)
{
	expect_good(HEAD BANDS
	    "day_types:\n  workday: [mon, tue, wed, thu, fri, makeup]\n"
	    "  restday: [sat, sun, holiday]\n"
	    "holidays: [2026-10-01 to 2026-10-03, 2026-12-25]\nmakeup_workdays: [2026-10-10]\n"
	    "schedules:\n  restday:\n    00:00-24:00: valley\n"
	    "seasons:\n"
	    "  - name: summer\n    from: 06-01\n    to: 09-30\n    schedules:\n"
	    "      workday: {00:00-12:00: peak, 12:00-24:00: valley}\n"
	    "  - name: rest\n    from: 10-01\n    to: 05-31\n    schedules:\n"
	    "      workday: {00:00-24:00: peak}\n      restday: {22:30-06:15: valley, "
	    "06:15-22:30: peak}\n");
	ck_assert_uint_eq(v.nholidays, 4);
	ck_assert_int_eq(v.holiday[2], 20261003);
	ck_assert_int_eq(v.makeup[0], 20261010);
	ck_assert_uint_eq(v.nseasons, 2);
	ck_assert_uint_eq(v.season[0].schedule[1], 0);
	ck_assert_uint_ne(v.season[1].schedule[1], 0);
	ck_assert_uint_eq(v.day_type[0].days, 0x3e | PRICE_MAKEUP);
	ck_assert_int_eq(v.season[1].from, 1001);
}
END_TEST

START_TEST(charges_beside_the_energy_are_understood)
{
	expect_good(HEAD TIERS "name: home-1\nrounding: half_even\n"
			       "fixed:\n  - {name: a, per_month: 30, accrual: calendar}\n"
			       "  - {name: b, per_month: 30, accrual: 12/365}\n"
			       "  - {name: c, per_day: 0.5}\n"
			       "surcharges:\n  - {name: fund, per_kwh: 0.01}\n"
			       "  - {name: \xe8\xa1\xa5\xe8\xb4\xb4, per_kwh: -0.02}\n"
			       "tax: {prices: inclusive, rate: 13.5 %}\n");
	ck_assert_str_eq(v.name, "home-1");
	ck_assert(v.rounding == PRICE_HALF_EVEN);
	ck_assert(v.fixed[0].accrual == PRICE_CALENDAR && v.fixed[1].accrual == PRICE_12_365);
	ck_assert(v.fixed[2].accrual == PRICE_DAILY && v.fixed[2].micro == 500000);
	ck_assert_int_eq(v.surcharge[1].micro, -20000);
	ck_assert(v.taxed && v.tax_inclusive && v.tax_ppm == 135000);
}
END_TEST

START_TEST(a_currency_has_its_own_digits_unless_told_otherwise)
{
	expect_good("currency: JPY\nzone: Asia/Tokyo\neffective_from: 2026-01-01 06:30\n" FLAT);
	ck_assert_int_eq(v.exponent, 0);
	ck_assert_int_eq(v.effective_from_us, INT64_C(1767216600000000));
	expect_good("currency: KWD\nzone: Asia/Kuwait\neffective_from: 2026-01-01\n" FLAT);
	ck_assert_int_eq(v.exponent, 3);
	expect_good(HEAD FLAT "exponent: 4\n");
	ck_assert_int_eq(v.exponent, 4);
}
END_TEST

/* --- what is not ------------------------------------------------------------------------- */

START_TEST(what_is_no_map_of_known_names_is_refused)
{
	expect_error("1: the file is empty", "");
	expect_error("1: lines of `name: value` are expected", "- a\n");
	expect_error("4: colour: no such name here", HEAD "colour: red\n" TIERS);
	expect_error("4: zone: given twice", HEAD "zone: UTC\n" TIERS);
	expect_error("4: name: has no value", HEAD "name:\n" TIERS);
	expect_error("4: anchors, aliases and tags are not taken", HEAD "name: &a x\n" TIERS);
	expect_error("4: anchors, aliases and tags are not taken", HEAD "name: !!str x\n" TIERS);
	expect_error("8: a second document", HEAD TIERS "---\na: b\n");
	expect_error("4: name: takes one value", HEAD "name: [x]\n" TIERS);
	expect_error("4: nested too deep", HEAD "name: [[[[[[[[[x]]]]]]]]]\n" TIERS);
	expect_error("5: did not find expected node content", HEAD "name: [\n");
	expect_error("1: tiers or bands must be given", HEAD);
	expect_error("1: currency must be given", "zone: UTC\n");
	expect_error("1: zone must be given", "currency: CNY\n");
	expect_error("1: effective_from must be given", "currency: CNY\nzone: UTC\n");
}
END_TEST

START_TEST(values_of_the_wrong_kind_are_refused)
{
	expect_error("1: currency: \"yuan\" is no currency: write CNY", "currency: yuan\n");
	expect_error("2: zone: there is no zone \"Mars/Olympus\": write Asia/Shanghai",
	    "currency: CNY\nzone: Mars/Olympus\n");
	expect_error("3: effective_from: \"2026-02-29\" is no day: write 2026-01-01, or "
		     "2026-01-01 06:00",
	    "currency: CNY\nzone: UTC\neffective_from: 2026-02-29\n");
	expect_error("3: effective_from: \"2026-01-01 24:00\" is no day: write 2026-01-01, or "
		     "2026-01-01 06:00",
	    "currency: CNY\nzone: UTC\neffective_from: 2026-01-01 24:00\n");
	expect_error("4: rounding: \"up\" is none of: half_up, half_even, down",
	    HEAD "rounding: up\n" TIERS);
	expect_error("4: name: \"a b\" is no name: letters, digits, - and _, 31 bytes at most",
	    HEAD "name: a b\n" TIERS);
	expect_error("4: exponent: \"7\" is no number from 0 to 6", HEAD "exponent: 7\n" TIERS);
	expect_error("4: prorate: \"yes\" is none of: false, true", HEAD "prorate: yes\n" TIERS);
	expect_error("4: nominal_days: is for a cycle_day with prorate: true only",
	    HEAD "nominal_days: 30\n" TIERS);
	expect_error("4: tier_period: \"week\" is none of: month, year",
	    HEAD "tier_period: week\ntiers: [{price: 1}]\n");
	expect_error("4: cycle_day: \"29\" is no number from 1 to 28",
	    HEAD "tier_period: {cycle_day: 29}\ntiers: [{price: 1}]\n");
}
END_TEST

START_TEST(numbers_are_decimal_and_nothing_else)
{
	static const char *const bad[] = {"1e3", "1,5", ".5", "5.", "-1", "0x1", "1.0000001", "01",
	    "1 2", "1.2.3", "nan", "99999999999999999999", "+-1"};
	char text[400], words[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text,
		    HEAD MODE(per_band) "tier_period: month\nbands:\n  - name: a\n    tiers:\n"
					"      - price: \"%s\"\n",
		    bad[i]);
		snprintf(words, sizeof words,
		    "9: price: \"%s\" is no amount: write 0.5283, six digits behind the point at "
		    "most, not below zero",
		    bad[i]);
		expect_error(words, text);
	}
	expect_error(
	    "4: price: \"1000000.5\" is too large", HEAD "bands: [{name: a, price: 1000000.5}]\n");
	expect_error("7: rate: \"13\" is no rate: write 13%, four digits behind the point at most",
	    HEAD FLAT "tax: {prices: inclusive,\n  rate: 13}\n");
	expect_error("6: rate: \"100.1%\" is no rate: write 13%, four digits behind the point at "
		     "most",
	    HEAD FLAT "tax: {prices: inclusive, rate: 100.1%}\n");
}
END_TEST

START_TEST(tiers_rise_and_the_last_is_open)
{
	static const char *const bad[] = {
	    "100", "100 kwh", "0.0001 kWh", "1.5 Wh", "-1 kWh", "100  kWh", "9999999999 kWh"};
	char text[400], words[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text,
		    HEAD "tier_period: month\ntiers:\n  - {upto: %s, price: 1}\n  - price: 2\n",
		    bad[i]);
		snprintf(words, sizeof words,
		    "6: upto: \"%s\" is no energy: write 100 kWh, 230.5 kWh or 500 Wh", bad[i]);
		expect_error(words, text);
	}
#define T HEAD "tier_period: month\ntiers:\n"
	expect_error("7: upto: the last tier must be open: leave this out",
	    T "  - {upto: 1 kWh, price: 1}\n  - {upto: 2 kWh, price: 1}\n");
	expect_error("6: only the last tier may be without upto", T "  - price: 1\n  - price: 2\n");
	expect_error("7: upto: \"1000 Wh\" does not end above the tier before it",
	    T "  - {upto: 1 kWh, price: 1}\n  - {upto: 1000 Wh, price: 1}\n  - price: 2\n");
	expect_error("6: upto: \"0 Wh\" does not end above the tier before it",
	    T "  - {upto: 0 Wh, price: 1}\n  - price: 2\n");
	expect_error("6: price must be given", T "  - upto: 1 kWh\n  - price: 2\n");
	expect_error("5: tiers: is empty", HEAD "tier_period: month\ntiers: []\n");
	expect_error("5: tiers: is not a list", HEAD "tier_period: month\ntiers: {}\n");
	expect_error("1: with tiers, tier_period must be given", HEAD "tiers: [{price: 1}]\n");
}
END_TEST

START_TEST(every_price_must_be_there)
{
	expect_error("1: with tiers and bands, mode must be given: additive, matrix or per_band",
	    HEAD TIERS BANDS DAY);
	expect_error("4: mode: matrix needs tiers and bands", HEAD MODE(matrix) BANDS DAY);
	expect_error("4: mode: per_band needs bands, and the tiers in them",
	    HEAD MODE(per_band) TIERS BANDS DAY);
	expect_error("5: price must be given", HEAD "bands:\n  - name: a\n");
	expect_error("6: tiers must be given", HEAD MODE(per_band) "bands:\n  - name: a\n"
								   "tier_period: month\n");
#define M HEAD MODE(matrix) "tier_period: month\nbands: [peak, valley]\ntiers:\n"
	expect_error("8: prices: valley has no price", M "  - prices: {peak: 1}\n" DAY);
	expect_error(
	    "8: flat: no such name here", M "  - prices: {peak: 1, valley: 1, flat: 1}\n" DAY);
	expect_error("8: price: no such name here", M "  - price: 1\n" DAY);
	expect_error("8: prices must be given", M "  - {}\n" DAY);
	expect_error("6: tiers: tier 1 in band valley is below zero", HEAD MODE(additive) TIERS
	    "bands: [{name: peak, price: 1}, {name: valley, price: -1.01}]\n" DAY);
	expect_error("4: bands: band a is there twice",
	    HEAD "bands: [a, a]\nmode: matrix\ntier_period: month\n"
		 "tiers: [{prices: {a: 1}}]\nschedules: {every_day: {00:00-24:00: a}}\n");
	expect_error("6: name: a is there already",
	    HEAD "bands:\n  - {name: a, price: 1}\n  - {name: a, price: 1}\n");
}
END_TEST

START_TEST(a_day_has_a_band_at_every_minute_and_never_two)
{
#define B HEAD BANDS "schedules:\n  every_day:\n"
	expect_error("8: every_day: 12:00-13:00 is in no band",
	    B "    00:00-12:00: peak\n    13:00-24:00: valley\n");
	expect_error("8: every_day: 23:00-24:00 is in no band", B "    00:00-23:00: peak\n");
	expect_error("8: every_day: 00:00-00:30 is in no band", B "    00:30-24:00: peak\n");
	expect_error("10: 11:59-24:00: overlaps with a band above",
	    B "    00:00-12:00: peak\n    11:59-24:00: valley\n");
	expect_error("10: 22:00-06:00: overlaps with a band above",
	    B "    05:00-22:00: peak\n    22:00-06:00: valley\n");
	expect_error("9: 00:00-25:00: no time of day: write 08:00-22:00 and the band",
	    B "    00:00-25:00: peak\n");
	expect_error("9: 8:00-24:00: no time of day: write 08:00-22:00 and the band",
	    B "    8:00-24:00: peak\n");
	expect_error("9: 08:00-08:00: no time of day: write 08:00-22:00 and the band",
	    B "    08:00-08:00: peak\n");
	expect_error(
	    "9: 00:00-24:00: there is no band \"shoulder\"", B "    00:00-24:00: shoulder\n");
	expect_error("8: every_day: lines of `08:00-22:00: band` are expected",
	    HEAD BANDS "schedules:\n  every_day: peak\n");
	expect_error("4: bands: need schedules", HEAD BANDS);
}
END_TEST

START_TEST(every_day_has_one_type_one_season_and_a_schedule)
{
	expect_error("7: day_types: sun is in no type of day",
	    HEAD BANDS "day_types:\n  a: [mon, tue, wed, thu, fri, sat]\n"
		       "schedules: {a: {00:00-24:00: peak}}\n");
	expect_error("9: mon is in a already", HEAD BANDS "day_types:\n  a: [mon]\n  b: [mon]\n");
	expect_error("8: \"monday\" is none of: sun, mon, tue, wed, thu, fri, sat, holiday, makeup",
	    HEAD BANDS "day_types:\n  a: [monday]\n");
	expect_error("7: day_types: holiday is in no type of day",
	    HEAD BANDS "day_types: {a: [mon, tue, wed, thu, fri, sat, sun]}\n"
		       "holidays: [2026-01-01]\nschedules: {a: {00:00-24:00: peak}}\n");
	expect_error("8: weekend: there is no such type of day",
	    HEAD BANDS "schedules:\n  weekend: {00:00-24:00: peak}\n");
	expect_error("8: schedules: b has no schedule",
	    HEAD BANDS "day_types: {a: [mon, tue, wed], b: [thu, fri, sat, sun]}\n"
		       "schedules: {a: {00:00-24:00: peak}}\n");
#define SEASON(name_, from_, to_)                         \
	"  - {name: " name_ ", from: " from_ ", to: " to_ \
	", schedules: {every_day: {00:00-24:00: peak}}}\n"
	expect_error("7: seasons: 02-29 is in no season",
	    HEAD BANDS "seasons:\n" SEASON("a", "03-01", "12-31") SEASON("b", "01-01", "02-28"));
	expect_error("7: seasons: 06-01 is in two seasons",
	    HEAD BANDS "seasons:\n" SEASON("a", "06-01", "12-31") SEASON("b", "01-01", "06-01"));
	expect_error("8: from: \"02-30\" is no day of the year: write 06-01",
	    HEAD BANDS "seasons:\n" SEASON("a", "02-30", "12-31"));
	expect_error("8: every_day has no schedule",
	    HEAD BANDS "seasons:\n  - {name: a, from: 01-01, to: 12-31}\n");
}
END_TEST

START_TEST(dates_are_days_and_there_once)
{
	expect_error("7: \"2026-13-01\" is no day: write 2026-10-01, or 2026-10-01 to 2026-10-07",
	    HEAD BANDS "holidays: [2026-13-01]\n" DAY);
	expect_error("7: \"2026-10-07 to 2026-10-01\" is no day: write 2026-10-01, or 2026-10-01 "
		     "to 2026-10-07",
	    HEAD BANDS "holidays: [2026-10-07 to 2026-10-01]\n" DAY);
	expect_error("7: 20261003 is there already",
	    HEAD BANDS "holidays: [2026-10-01 to 2026-10-07, 2026-10-03]\n" DAY);
	expect_error(
	    "7: more than 400 days", HEAD BANDS "holidays: [2026-10-01 to 9999-10-07]\n" DAY);
	expect_error("8: makeup_workdays: make-up workday 20261003 is there twice, or a holiday",
	    HEAD BANDS "holidays: [2026-10-03]\nmakeup_workdays: [2026-10-03]\n" DAY);
}
END_TEST

START_TEST(charges_beside_the_energy_are_whole_or_refused)
{
	expect_error("7: per_month and accrual must be given, or per_day alone",
	    HEAD FLAT "fixed:\n  - {name: a, per_month: 30}\n");
	expect_error("7: per_month and accrual must be given, or per_day alone",
	    HEAD FLAT "fixed:\n  - {name: a, per_day: 1, accrual: calendar}\n");
	expect_error("7: accrual: \"30/360\" is none of: calendar, 12/365",
	    HEAD FLAT "fixed:\n  - {name: a, per_month: 30, accrual: 30/360}\n");
	expect_error("6: surcharges: surcharge a is there twice",
	    HEAD FLAT "surcharges: [{name: a, per_kwh: 1}, {name: a, per_kwh: 2}]\n");
	expect_error("6: surcharges: no surcharge may be called fixed",
	    HEAD FLAT "surcharges: [{name: fixed, per_kwh: 1}]\n");
	expect_error("6: tax: prices must be given", HEAD FLAT "tax: {rate: 13%}\n");
	expect_error("6: prices: \"net\" is none of: exclusive, inclusive",
	    HEAD FLAT "tax: {rate: 13%, prices: net}\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("price_yaml");
	TCase *t = tcase_create("files");
	SRunner *runner;
	int failed;

	tcase_add_test(t, tiers_alone_are_a_tariff);
	tcase_add_test(t, bands_alone_are_a_tariff);
	tcase_add_test(t, each_mode_has_its_prices_where_they_belong);
	tcase_add_test(t, days_seasons_and_dates_are_understood);
	tcase_add_test(t, charges_beside_the_energy_are_understood);
	tcase_add_test(t, a_currency_has_its_own_digits_unless_told_otherwise);
	tcase_add_test(t, what_is_no_map_of_known_names_is_refused);
	tcase_add_test(t, values_of_the_wrong_kind_are_refused);
	tcase_add_test(t, numbers_are_decimal_and_nothing_else);
	tcase_add_test(t, tiers_rise_and_the_last_is_open);
	tcase_add_test(t, every_price_must_be_there);
	tcase_add_test(t, a_day_has_a_band_at_every_minute_and_never_two);
	tcase_add_test(t, every_day_has_one_type_one_season_and_a_schedule);
	tcase_add_test(t, dates_are_days_and_there_once);
	tcase_add_test(t, charges_beside_the_energy_are_whole_or_refused);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
