/*
 * price: however an interval is split, it costs the same.
 *
 * Three kinds of split: the engine's own cut at any instant, over anything; further readings of
 * registers within a period, wherever they happen to stand; and, for a matrix that crosses a
 * tier, readings in proportion.
 */
#include "price_play.h"

#include <stdlib.h>

#define SPLITS 5000

static struct play p;
static uint64_t seed;

static void
setup(void)
{
	play_begin(&p, "Europe/Berlin");
	seed = 20261120;
}

static void
teardown(void)
{
	play_end(&p);
}

/* xorshift; 0 to n - 1 */
static int64_t
dice(int64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t)(seed % (uint64_t)n);
}

/* --- tariffs at random ------------------------------------------------------------------- */

static void
dice_schedule(struct price_schedule *s, size_t nbands)
{
	int minute = 0;

	s->n = 0;
	while (minute < 1440) {
		int to = minute + 15 * (1 + (int)dice(40));

		if (to > 1440 || s->n == PRICE_SLOTS - 1)
			to = 1440;
		s->slot[s->n++] = (struct price_slot){minute, to, (int)dice((int64_t)nbands)};
		minute = to;
	}
}

static void
dice_version(struct price_version *v, enum price_mode mode)
{
	v->mode = mode;
	v->tiered = v->banded = true;
	v->nbands = 2 + (size_t)dice(3);
	v->period = (struct price_period){
	    (enum price_period_kind)dice(3), 1 + (int)dice(28), (int)dice(24)};
	v->prorate = dice(2) == 1;
	v->nday_types = v->nschedules = 2;
	v->day_type[0] = (struct price_day_type){"workday", 0x3e | PRICE_MAKEUP};
	v->day_type[1] = (struct price_day_type){"restday", 0x41 | PRICE_HOLIDAY};
	v->nseasons = 1;
	v->season[0] = (struct price_season){
	    "", 101, 1231, {0, 1}
        };
	for (size_t i = 0; i < 2; i++)
		dice_schedule(&v->schedule[i], v->nbands);
	for (size_t b = 0; b < v->nbands; b++) {
		snprintf(v->band[b], PRICE_NAME, "b%zu", b);
		v->band_micro[b] = dice(2000000);
		ladder(&v->ladder[b], 3, (int64_t[]){1 + dice(90000), 100000 + dice(90000)});
		for (size_t t = 0; t < 3; t++)
			v->micro[t][b] = dice(2000000);
	}
	for (size_t t = 0; t < 3; t++)
		v->tier_micro[t] = dice(2000000);
	v->nfixed = v->nsurcharges = 1;
	v->fixed[0] = (struct price_fixed){"meter", (enum price_accrual)dice(3), dice(99000000)};
	v->surcharge[0] = (struct price_surcharge){"fund", dice(90000)};
}

/* --- sums -------------------------------------------------------------------------------- */

struct sums {
	__int128 energy, fixed, surcharge;
	int64_t wh;
};

static void
add(struct sums *s, const struct price_charge *c)
{
	ck_assert_msg(c->result == PRICE_RATED, "%s", c->why);
	for (size_t i = 0; i < c->nparts; i++) {
		s->energy += c->parts[i].energy_nano;
		s->fixed += (__int128)c->parts[i].fixed_nano * PRICE_PARTS;
		s->fixed += c->parts[i].fixed_parts;
		s->surcharge += c->parts[i].surcharge_nano[0];
	}
	s->wh += c->wh;
}

static void
expect_same(struct sums *a, struct sums *b, const struct price_position *end)
{
	ck_assert_int_eq(a->wh, b->wh);
	ck_assert(a->energy == b->energy && a->fixed == b->fixed && a->surcharge == b->surcharge);
	ck_assert_mem_eq(end, &p.at, sizeof *end);
}

static void
rate_into(struct sums *s, const struct price_usage *u)
{
	play_rate(&p, u);
	add(s, &p.charge);
}

/* --- the engine's own cut ---------------------------------------------------------------- */

static struct price_usage
dice_usage(void)
{
	struct price_usage u = {.from_us = day(&p, 20260101) + dice(300 * 24) * HOUR + dice(HOUR)};

	u.to_us = u.from_us + 1 + dice(dice(4) == 0 ? 70 * 24 * HOUR : 30 * HOUR);
	u.has_total = dice(2) == 1;
	u.total_wh = dice(250000);
	if (!u.has_total)
		u.nregisters = p.v.nbands;
	for (size_t b = 0; b < u.nregisters; b++)
		u.register_wh[b] = dice(90000);
	return u;
}

static void
cuts_change_nothing(enum price_mode mode)
{
	for (int i = 0; i < SPLITS; i++) {
		struct sums whole = {0}, parts = {0};
		struct price_position begin, end;
		struct price_usage u;

		if (i % 20 == 0)
			dice_version(&p.v, mode);
		if (i % 200 == 0)
			expect_good(&p);
		u = dice_usage();
		begin = p.at = (struct price_position){0};
		rate_into(&whole, &u);
		end = p.at;
		p.at = begin;
		for (u.cut_from_us = u.from_us; u.cut_from_us < u.to_us;
		     u.cut_from_us = u.cut_to_us) {
			u.cut_to_us = u.cut_from_us + 1 + dice(u.to_us - u.from_us);
			if (u.cut_to_us > u.to_us)
				u.cut_to_us = u.to_us;
			rate_into(&parts, &u);
		}
		expect_same(&whole, &parts, &end);
	}
}

START_TEST(additive_may_be_cut_anywhere)
{
	cuts_change_nothing(PRICE_ADDITIVE);
}
END_TEST

START_TEST(a_matrix_may_be_cut_anywhere)
{
	cuts_change_nothing(PRICE_MATRIX);
}
END_TEST

START_TEST(per_band_may_be_cut_anywhere)
{
	cuts_change_nothing(PRICE_PER_BAND);
}
END_TEST

/* --- further readings -------------------------------------------------------------------- */

/* An interval within one period, read once at its end, or once more on the way. */
static void
readings_change_nothing(enum price_mode mode)
{
	for (int i = 0; i < SPLITS; i++) {
		struct price_usage u = {.from_us = day(&p, 20260602), .to_us = day(&p, 20260612)};
		struct price_usage first = u, second = u;
		struct sums whole = {0}, parts = {0};
		struct price_position begin, end;
		int64_t shares = 1 + dice(1000), share = dice(shares + 1);

		if (i % 20 == 0) {
			dice_version(&p.v, mode);
			p.v.period.kind = PRICE_MONTH;
		}
		u.nregisters = first.nregisters = second.nregisters = p.v.nbands;
		first.to_us = second.from_us = u.from_us + 1 + dice(u.to_us - u.from_us - 1);
		for (size_t b = 0; b < p.v.nbands; b++) {
			int64_t each = dice(200);

			u.register_wh[b] = each * shares;
			first.register_wh[b] =
			    mode == PRICE_MATRIX ? each * share : dice(u.register_wh[b] + 1);
			second.register_wh[b] = u.register_wh[b] - first.register_wh[b];
		}
		begin = p.at = (struct price_position){
		    .period_us = day(&p, 20260601), .used_wh = dice(200000)};
		rate_into(&whole, &u);
		end = p.at;
		p.at = begin;
		rate_into(&parts, &first);
		rate_into(&parts, &second);
		whole.fixed = parts.fixed = 0; /* a matter of midnights, cut above */
		expect_same(&whole, &parts, &end);
	}
}

START_TEST(additive_does_not_mind_further_readings)
{
	readings_change_nothing(PRICE_ADDITIVE);
}
END_TEST

START_TEST(a_matrix_does_not_mind_further_readings_in_proportion)
{
	readings_change_nothing(PRICE_MATRIX);
}
END_TEST

START_TEST(per_band_does_not_mind_further_readings)
{
	readings_change_nothing(PRICE_PER_BAND);
}
END_TEST

/* Two versions, a new period rule, and a tenant who comes in between. */
START_TEST(cuts_go_over_versions_and_tenants_too)
{
	for (int i = 0; i < SPLITS; i++) {
		struct sums whole = {0}, parts = {0};
		struct price_position end;
		struct price_usage u;

		if (i % 20 == 0) {
			dice_version(&p.v, (enum price_mode)dice(3));
			p.next = p.v;
			dice_version(&p.next, (enum price_mode)dice(3));
			p.book.n = 2;
		}
		u = dice_usage();
		u.has_total = true;
		u.nregisters = 0;
		p.next.effective_from_us = u.from_us + dice(u.to_us - u.from_us);
		p.who.from_us = u.from_us + dice(u.to_us - u.from_us);
		p.at = (struct price_position){0};
		rate_into(&whole, &u);
		end = p.at;
		p.at = (struct price_position){0};
		u.cut_from_us = u.from_us;
		u.cut_to_us = u.from_us + 1 + dice(u.to_us - u.from_us);
		rate_into(&parts, &u);
		u.cut_from_us = u.cut_to_us;
		u.cut_to_us = u.to_us;
		if (u.cut_from_us < u.cut_to_us)
			rate_into(&parts, &u);
		expect_same(&whole, &parts, &end);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("price_split");
	TCase *t = tcase_create("splits");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, additive_may_be_cut_anywhere);
	tcase_add_test(t, a_matrix_may_be_cut_anywhere);
	tcase_add_test(t, per_band_may_be_cut_anywhere);
	tcase_add_test(t, additive_does_not_mind_further_readings);
	tcase_add_test(t, a_matrix_does_not_mind_further_readings_in_proportion);
	tcase_add_test(t, per_band_does_not_mind_further_readings);
	tcase_add_test(t, cuts_go_over_versions_and_tenants_too);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
