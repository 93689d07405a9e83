/* meter_tariff: what a meter can hold of a tariff, what it cannot, and that it charges the same. */
#include "price_play.h"

#include "codec/price_yaml.h"
#include "model/meter_tariff.h"

#include <stdlib.h>

#define NOON INT64_C(1795147200000000) /* 2026-11-20 12:00 in Shanghai */

struct scene {
	struct play p;
	struct meter_tariff t;
	struct meter_room room;
	struct err e;
};

static struct scene *
scene_new(void)
{
	struct scene *s = calloc(1, sizeof *s);

	play_begin(&s->p, "Asia/Shanghai");
	s->p.v.effective_from_us = day(&s->p, 20261201);
	s->room = meter_room_most(true);
	return s;
}

static void
scene_end(struct scene *s)
{
	play_end(&s->p);
	free(s);
}

static int
hold(struct scene *s)
{
	struct err e;

	ck_assert_msg(price_check(&s->p.v, NULL, &e) == 0, "%s", e.text);
	return meter_tariff_of(&s->t, &s->p.v, s->p.calendar, &s->room, NOON, &s->e);
}

static void
holds(struct scene *s)
{
	ck_assert_msg(hold(s) == 0, "%s", s->e.text);
}

static void
refuses(struct scene *s, const char *why)
{
	ck_assert_int_eq(hold(s), -1);
	ck_assert_int_eq(s->e.class, ERR_INPUT);
	ck_assert_msg(strstr(s->e.text, why) != NULL, "%s", s->e.text);
}

/* Workdays and rest days, each with its own schedule, in two seasons. */
static void
two_seasons(struct price_version *v)
{
	peak_and_valley(v, 8, 20);
	v->nday_types = 2;
	v->day_type[0] = (struct price_day_type){"workday", 0x3e | PRICE_MAKEUP};
	v->day_type[1] = (struct price_day_type){"restday", 0x41 | PRICE_HOLIDAY};
	v->nschedules = 3;
	v->schedule[1] = (struct price_schedule){
	    3, {{0, 600, 1}, {600, 900, 0}, {900, 1440, 1}}
        };
	v->schedule[2] = (struct price_schedule){1, {{0, 1440, 1}}};
	v->nseasons = 2;
	v->season[0] = (struct price_season){
	    "summer", 601, 930, {1, 2}
        };
	v->season[1] = (struct price_season){
	    "winter", 1001, 531, {0, 2}
        };
}

/* --- what is held ------------------------------------------------------------------------ */

START_TEST(tiers_become_steps_that_are_added_to_one_price)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	holds(s);
	ck_assert_int_eq(s->t.ntariffs, 1);
	ck_assert_int_eq(s->t.price_micro[0], YUAN);
	ck_assert_int_eq(s->t.nsteps, 1);
	ck_assert_int_eq(s->t.step_wh[0], 100 * KWH);
	ck_assert_int_eq(s->t.step_micro[0], 0);
	ck_assert_int_eq(s->t.step_micro[1], YUAN / 2);
	ck_assert_int_eq(s->t.settle_day, 1);
	ck_assert_int_eq(s->t.switch_us, day(&s->p, 20261201));
	/* GV1: from 95 to 110 kWh, 5 of them at 1.00 and 10 at 1.50 */
	ck_assert_int_eq(meter_tariff_nano(&s->t, 1, 95 * KWH, 15 * KWH), 20 * YUAN * KWH);
	scene_end(s);
}
END_TEST

START_TEST(a_rebate_by_night_is_no_price_below_zero)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	peak_and_valley(&s->p.v, 8, 20);
	s->p.v.band_micro[0] = 200000;
	s->p.v.band_micro[1] = -200000;
	holds(s);
	ck_assert_int_eq(s->t.price_micro[0], 1200000);
	ck_assert_int_eq(s->t.price_micro[1], 800000);
	ck_assert_int_eq(s->t.step_micro[0], 0);
	ck_assert_int_eq(s->t.step_micro[1], 500000);
	ck_assert_int_eq(s->t.table[0].n, 3);
	ck_assert_int_eq(s->t.table[0].slot[1].minute, 480);
	ck_assert_int_eq(s->t.table[0].slot[1].tariff, 1);
	scene_end(s);
}
END_TEST

START_TEST(falling_tiers_add_least_to_the_last)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	s->p.v.tier_micro[1] = YUAN / 4;
	holds(s);
	ck_assert_int_eq(s->t.price_micro[0], YUAN / 4);
	ck_assert_int_eq(s->t.step_micro[0], YUAN * 3 / 4);
	ck_assert_int_eq(s->t.step_micro[1], 0);
	scene_end(s);
}
END_TEST

START_TEST(a_matrix_is_held_when_each_tier_adds_the_same_to_all_bands)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	seed_tiers(v);
	peak_and_valley(v, 8, 20);
	v->mode = PRICE_MATRIX;
	v->micro[0][0] = 800000;
	v->micro[0][1] = 400000;
	v->micro[1][0] = 880000;
	v->micro[1][1] = 480000;
	holds(s);
	ck_assert_int_eq(s->t.step_micro[1], 80000);
	v->micro[1][1] = 440000; /* GV4: 0.08 more by day, 0.04 by night */
	refuses(s, "tier 2 adds another amount in band valley than in band peak");
	scene_end(s);
}
END_TEST

START_TEST(surcharge_and_tax_are_in_the_price)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	seed_tiers(v);
	v->nsurcharges = 1;
	strcpy(v->surcharge[0].name, "fund");
	v->surcharge[0].micro = 20000;
	v->taxed = true;
	v->tax_ppm = 50000;
	holds(s);
	ck_assert_int_eq(s->t.price_micro[0], 1071000); /* 1.02 and 5 % */
	ck_assert_int_eq(s->t.step_micro[1], 525000);
	v->tax_inclusive = true;
	holds(s);
	ck_assert_int_eq(s->t.price_micro[0], 1020000);
	v->tax_inclusive = false;
	v->surcharge[0].micro = 18900;
	refuses(s, "four digits behind the point"); /* 1.0189 and 5 % are 1.069845 */
	v->surcharge[0].micro = 1;
	refuses(s, "too many digits");
	scene_end(s);
}
END_TEST

START_TEST(seasons_become_zones_and_rest_days_the_weekend)
{
	struct scene *s = scene_new();

	two_seasons(&s->p.v);
	holds(s);
	ck_assert_int_eq(s->t.nzones, 2);
	ck_assert_int_eq(s->t.zone[0].from, 601);
	ck_assert_int_eq(s->t.zone[1].from, 1001);
	ck_assert_int_ne(s->t.zone[0].table, s->t.zone[1].table);
	ck_assert_uint_eq(s->t.workdays, 0x3e);
	ck_assert_int_eq(s->t.ntables, 3);
	ck_assert_int_eq(s->t.table[s->t.weekend_table - 1].n, 1);
	scene_end(s);
}
END_TEST

START_TEST(the_weekend_may_be_the_workdays)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	two_seasons(v);
	v->season[0].schedule[0] = v->season[1].schedule[0] = 2; /* workdays: always valley */
	v->season[0].schedule[1] = 1;
	v->season[1].schedule[1] = 0;
	holds(s);
	ck_assert_uint_eq(s->t.workdays, 0x41);
	v->season[0].schedule[0] = 0;
	refuses(s, "both kinds of weekday change with the season");
	scene_end(s);
}
END_TEST

START_TEST(dates_that_are_as_their_weekday_need_no_room)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	two_seasons(v);
	v->nholidays = 4;
	v->holiday[0] = 20261001; /* past when it begins */
	v->holiday[1] = 20270102; /* a Saturday */
	v->holiday[2] = 20270101; /* a Friday */
	v->holiday[3] = 20270601; /* a Tuesday in summer */
	v->nmakeups = 1;
	v->makeup[0] = 20270103; /* a Sunday that is worked */
	holds(s);
	ck_assert_int_eq(s->t.nholidays, 3);
	ck_assert_int_eq(s->t.holiday[0].date, 20270101);
	ck_assert_int_eq(s->t.holiday[0].table, s->t.weekend_table);
	ck_assert_int_eq(s->t.holiday[1].date, 20270103);
	ck_assert_int_eq(s->t.holiday[1].table, s->t.zone[1].table);
	ck_assert_int_eq(s->t.holiday[2].date, 20270601);
	scene_end(s);
}
END_TEST

START_TEST(a_meter_without_money_takes_the_hours_and_no_prices)
{
	struct scene *s = scene_new();

	two_seasons(&s->p.v);
	seed_tiers(&s->p.v);
	s->p.v.prorate = true;
	s->p.v.exponent = 0;
	s->room = meter_room_most(false);
	holds(s);
	ck_assert(!s->t.priced);
	ck_assert_int_eq(s->t.nsteps, 0);
	ck_assert_int_eq(s->t.nzones, 2);
	scene_end(s);
}
END_TEST

/* --- what is not ------------------------------------------------------------------------- */

START_TEST(money_without_two_digits_is_refused)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	s->p.v.exponent = 0;
	refuses(s, "CNY has 0 digits behind the point, the meter has two");
	scene_end(s);
}
END_TEST

START_TEST(charges_by_the_day_are_refused)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	s->p.v.nfixed = 1;
	strcpy(s->p.v.fixed[0].name, "line");
	s->p.v.fixed[0].micro = 30 * YUAN;
	refuses(s, "charge line by the day");
	scene_end(s);
}
END_TEST

START_TEST(steps_the_meter_cannot_count_are_refused)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	seed_tiers(v);
	v->prorate = true;
	refuses(s, "by the length of the period");
	v->prorate = false;
	v->period.kind = PRICE_YEAR;
	refuses(s, "by the year");
	v->period = (struct price_period){PRICE_CYCLE, 25, 8};
	holds(s);
	ck_assert_int_eq(s->t.settle_day, 25);
	ck_assert_int_eq(s->t.settle_hour, 8);
	v->ladder[0].upto_wh[0] = 100 * KWH + 5;
	refuses(s, "tier 1 ends between two hundredths of a kWh");
	scene_end(s);
}
END_TEST

START_TEST(tiers_of_each_band_by_itself_are_refused)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	peak_and_valley(v, 8, 20);
	v->mode = PRICE_PER_BAND;
	v->tiered = true;
	ladder(&v->ladder[1], 2, (int64_t[]){50 * KWH});
	refuses(s, "tiers of band valley by itself");
	v->ladder[1] = v->ladder[0];
	v->micro[0][1] = 400000;
	holds(s);
	scene_end(s);
}
END_TEST

START_TEST(prices_finer_than_the_register_are_refused)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	s->p.v.tier_micro[1] = 1000050;
	refuses(s, "tier 2 in band all: the meter's prices have four digits");
	s->p.v.tier_micro[1] = INT64_C(20000) * YUAN;
	refuses(s, "no such price");
	scene_end(s);
}
END_TEST

START_TEST(a_switch_between_two_minutes_is_refused)
{
	struct scene *s = scene_new();

	seed_tiers(&s->p.v);
	s->p.v.effective_from_us += 30 * S;
	refuses(s, "between two minutes");
	scene_end(s);
}
END_TEST

START_TEST(more_than_the_meter_has_room_for_is_refused)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	seed_tiers(v);
	two_seasons(v);
	s->room.tables = 2;
	refuses(s, "more kinds of day than the meter has day tables (2)");
	s->room.tables = 8;
	s->room.slots = 2;
	refuses(s, "more often in a day than the meter has room for (2)");
	s->room.slots = 14;
	s->room.zones = 1;
	refuses(s, "2 seasons, the meter has room for 1");
	s->room.zones = 14;
	s->room.steps = 0;
	refuses(s, "1 steps, the meter has room for 0");
	s->room.steps = 6;
	s->room.tariffs = 1;
	refuses(s, "2 bands, the meter has room for 1");
	s->room.tariffs = 4;
	s->room.holidays = 0;
	v->nholidays = 1;
	v->holiday[0] = 20270101;
	refuses(s, "1 holidays, the meter has room for 0");
	scene_end(s);
}
END_TEST

START_TEST(three_kinds_of_weekday_are_refused)
{
	struct scene *s = scene_new();
	struct price_version *v = &s->p.v;

	two_seasons(v);
	v->nday_types = 3;
	v->day_type[1].days = 0x01 | PRICE_HOLIDAY;
	v->day_type[2] = (struct price_day_type){"saturday", 0x40};
	v->season[0].schedule[2] = v->season[1].schedule[2] = 1;
	refuses(s, "three kinds of weekday");
	scene_end(s);
}
END_TEST

/* Tests are started in the project's folder. */
START_TEST(the_samples_are_told_apart)
{
	struct scene *s = scene_new();

	ck_assert_msg(
	    price_yaml_read("conf/tariff-sample.yaml", &s->p.v, &s->e) == 0, "%s", s->e.text);
	holds(s);
	ck_assert_int_eq(s->t.price_micro[1], 800000);
	ck_assert_msg(
	    price_yaml_read("conf/tariff-tou.yaml", &s->p.v, &s->e) == 0, "%s", s->e.text);
	refuses(s, "charge meter by the day");
	scene_end(s);
}
END_TEST

/* --- the meter charges what price_rate() charges ------------------------------------------- */

static unsigned
chance(uint64_t *dice, unsigned below)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*dice >> 33) % below;
}

static void
random_schedule(struct price_schedule *s, unsigned bands, uint64_t *dice)
{
	int at = 0;

	s->n = 0;
	while (at < 1440 && s->n < 12) {
		int to = s->n == 11 ? 1440 : at + 15 * (int)(1 + chance(dice, 30));

		if (to > 1440)
			to = 1440;
		s->slot[s->n++] = (struct price_slot){at, to, (int)chance(dice, bands)};
		at = to;
	}
}

static void
random_prices(struct price_version *v, uint64_t *dice)
{
	int64_t add[PRICE_TIERS];

	v->mode = chance(dice, 2) == 0 ? PRICE_ADDITIVE : PRICE_MATRIX;
	v->ladder[0].n = 1 + chance(dice, 7);
	v->tiered = v->ladder[0].n > 1;
	for (size_t t = 0; t < v->ladder[0].n; t++) {
		v->ladder[0].upto_wh[t] =
		    (t > 0 ? v->ladder[0].upto_wh[t - 1] : 0) + 10 * (1 + chance(dice, 6000));
		add[t] = 100 * (int64_t)chance(dice, 9000);
	}
	v->ladder[0].upto_wh[v->ladder[0].n - 1] = PRICE_OPEN;
	for (size_t b = 0; b < v->nbands; b++) {
		v->band_micro[b] = 100 * (int64_t)chance(dice, 12000);
		for (size_t t = 0; t < v->ladder[0].n; t++)
			v->micro[t][b] = v->band_micro[b] + add[t];
	}
	memcpy(v->tier_micro, add, sizeof add);
	v->nsurcharges = chance(dice, 2);
	strcpy(v->surcharge[0].name, "fund");
	v->surcharge[0].micro = 100 * (int64_t)chance(dice, 500);
}

static void
random_days(struct price_version *v, uint64_t *dice)
{
	unsigned seasons = 1 + chance(dice, 3);

	v->nbands = 2 + chance(dice, 3);
	v->banded = true;
	for (size_t b = 0; b < v->nbands; b++) {
		snprintf(v->band[b], sizeof v->band[b], "b%zu", b);
		v->ladder[b] = (struct price_ladder){1, {PRICE_OPEN}};
	}
	v->nschedules = 5;
	for (size_t i = 0; i < v->nschedules; i++)
		random_schedule(&v->schedule[i], (unsigned)v->nbands, dice);
	v->nday_types = 3;
	v->day_type[0] = (struct price_day_type){"work", 0x3e | PRICE_MAKEUP};
	v->day_type[1] = (struct price_day_type){"rest", 0x41};
	v->day_type[2] = (struct price_day_type){"holiday", PRICE_HOLIDAY};
	v->nseasons = seasons;
	for (unsigned s = 0; s < seasons; s++)
		v->season[s] = (struct price_season){
		    "", (int)(1 + 4 * s) * 100 + 1, 0, {s, 3, 3 + chance(dice, 2)}
                };
	for (unsigned s = 0; s < seasons; s++)
		v->season[s].to = s + 1 < seasons ? v->season[s + 1].from - 100 + 27 : 1231;
	for (unsigned s = 0; s + 1 < seasons; s++) { /* to the day before the next one */
		struct civil c = {.year = 2027, .month = v->season[s].to / 100, .day = 31};

		while (!calendar_valid(&c))
			c.day--;
		v->season[s].to = c.month * 100 + c.day;
	}
	v->nholidays = v->nmakeups = 0;
	for (int d = 20270101; d < 20271231; d = calendar_day_add(d, 1 + (int)chance(dice, 40)))
		if (chance(dice, 2) == 0)
			v->holiday[v->nholidays++] = d;
		else
			v->makeup[v->nmakeups++] = d;
}

/* A year's use in quarters of an hour, all of it in one month, tier and band after the other. */
static void
live_a_year(struct scene *s, uint64_t *dice)
{
	struct play *p = &s->p;
	int64_t used = 0, at = p->v.effective_from_us, quarter = HOUR / 4;
	int month = calendar_month(p->calendar, at);

	for (int i = 0; i < 3000; i++, at += quarter * (1 + (int64_t)chance(dice, 20))) {
		struct civil c = calendar_civil(p->calendar, at);
		struct price_usage u = {.from_us = at, .to_us = at + quarter, .has_total = true};
		int64_t nano = 0, mine;

		if (calendar_month(p->calendar, at) != month) {
			month = calendar_month(p->calendar, at);
			used = 0;
		}
		u.total_wh = chance(dice, 400);
		mine = meter_tariff_nano(&s->t, meter_tariff_at(&s->t, &c), used, u.total_wh);
		used += u.total_wh;
		ck_assert_msg(play_rate(p, &u) == PRICE_RATED, "%s", p->charge.why);
		for (size_t k = 0; k < p->charge.nparts; k++)
			nano +=
			    p->charge.parts[k].energy_nano + p->charge.parts[k].surcharge_nano[0];
		ck_assert_msg(nano == mine, "%d-%02d-%02d %02d:%02d: meter %lld, bill %lld", c.year,
		    c.month, c.day, c.hour, c.minute, (long long)mine, (long long)nano);
	}
}

START_TEST(a_meter_charges_what_the_bill_says)
{
	uint64_t dice = (uint64_t)_i * 977 + 5;
	struct scene *s = scene_new();

	s->p.v.effective_from_us = day(&s->p, 20270101);
	random_days(&s->p.v, &dice);
	random_prices(&s->p.v, &dice);
	holds(s);
	live_a_year(s, &dice);
	scene_end(s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("meter_tariff");
	TCase *c = tcase_create("meter_tariff");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 120);
	tcase_add_test(c, tiers_become_steps_that_are_added_to_one_price);
	tcase_add_test(c, a_rebate_by_night_is_no_price_below_zero);
	tcase_add_test(c, falling_tiers_add_least_to_the_last);
	tcase_add_test(c, a_matrix_is_held_when_each_tier_adds_the_same_to_all_bands);
	tcase_add_test(c, surcharge_and_tax_are_in_the_price);
	tcase_add_test(c, seasons_become_zones_and_rest_days_the_weekend);
	tcase_add_test(c, the_weekend_may_be_the_workdays);
	tcase_add_test(c, dates_that_are_as_their_weekday_need_no_room);
	tcase_add_test(c, a_meter_without_money_takes_the_hours_and_no_prices);
	tcase_add_test(c, money_without_two_digits_is_refused);
	tcase_add_test(c, charges_by_the_day_are_refused);
	tcase_add_test(c, steps_the_meter_cannot_count_are_refused);
	tcase_add_test(c, tiers_of_each_band_by_itself_are_refused);
	tcase_add_test(c, prices_finer_than_the_register_are_refused);
	tcase_add_test(c, a_switch_between_two_minutes_is_refused);
	tcase_add_test(c, more_than_the_meter_has_room_for_is_refused);
	tcase_add_test(c, three_kinds_of_weekday_are_refused);
	tcase_add_test(c, the_samples_are_told_apart);
	tcase_add_loop_test(c, a_meter_charges_what_the_bill_says, 0, 40);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
