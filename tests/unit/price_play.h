/* price_play -- an account with its tariff, and days to use it on. */
#ifndef TESTS_PRICE_PLAY_H
#define TESTS_PRICE_PLAY_H

#include "model/price.h"

#include "base/err.h"
#include "model/calendar.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define S    INT64_C(1000000)
#define HOUR (3600 * S)
#define KWH  INT64_C(1000)
#define YUAN INT64_C(1000000) /* in micro: a price of 1.00 */

struct play {
	struct calendar *calendar;
	struct price_version v, next; /* the second one when `two` */
	const struct price_version *versions[2];
	struct price_book book;
	struct price_tenancy who;
	struct price_position at;
	struct price_sums sums;
	struct price_charge charge; /* the last one */
	struct price_posting posted;
};

static inline void
play_begin(struct play *p, const char *zone)
{
	struct err e;

	memset(p, 0, sizeof *p);
	p->calendar = calendar_new(zone, &e);
	ck_assert_msg(p->calendar != NULL, "%s", e.text);
	snprintf(p->v.zone, sizeof p->v.zone, "%s", zone);
	strcpy(p->v.currency, "CNY");
	p->v.exponent = 2;
	p->v.nominal_days = 30;
	p->v.nbands = 1;
	strcpy(p->v.band[0], "all");
	p->v.ladder[0] = (struct price_ladder){1, {PRICE_OPEN}};
	p->versions[0] = &p->v;
	p->versions[1] = &p->next;
	p->book = (struct price_book){p->calendar, p->versions, 1};
	p->who = (struct price_tenancy){INT64_MIN, INT64_MAX, 0};
}

static inline void
play_end(struct play *p)
{
	price_charge_clear(&p->charge);
	calendar_free(p->calendar);
}

/* --- tariffs ----------------------------------------------------------------------------- */

static inline void
ladder(struct price_ladder *l, size_t n, const int64_t *upto)
{
	l->n = n;
	for (size_t i = 0; i + 1 < n; i++)
		l->upto_wh[i] = upto[i];
	l->upto_wh[n - 1] = PRICE_OPEN;
}

/* The customer's example: 1.00 up to 100 kWh, 1.50 above. */
static inline void
seed_tiers(struct price_version *v)
{
	ladder(&v->ladder[0], 2, (int64_t[]){100 * KWH});
	v->tiered = true;
	v->tier_micro[0] = YUAN;
	v->tier_micro[1] = YUAN * 3 / 2;
}

/* Peak from `from` to `to` o'clock on every day, valley else. */
static inline void
peak_and_valley(struct price_version *v, int from, int to)
{
	v->banded = true;
	v->nbands = 2;
	strcpy(v->band[0], "peak");
	strcpy(v->band[1], "valley");
	v->ladder[1] = (struct price_ladder){1, {PRICE_OPEN}};
	v->nschedules = v->nday_types = v->nseasons = 1;
	v->schedule[0] = (struct price_schedule){
	    3, {{0, from * 60, 1}, {from * 60, to * 60, 0}, {to * 60, 1440, 1}}
        };
	v->day_type[0] = (struct price_day_type){"every_day", 0x1ff};
	v->season[0] = (struct price_season){"", 101, 1231, {0}};
}

/* --- use --------------------------------------------------------------------------------- */

static inline int64_t
day(const struct play *p, int yyyymmdd)
{
	return calendar_day_start(p->calendar, yyyymmdd);
}

static inline void
expect_good(const struct play *p)
{
	struct err e;

	ck_assert_msg(price_book_check(&p->book, &e) == 0, "%s", e.text);
}

static inline enum price_result
play_rate(struct play *p, const struct price_usage *u)
{
	price_charge_clear(&p->charge);
	return price_rate(&p->book, &p->who, u, &p->at, &p->charge);
}

static inline int64_t
post(struct play *p)
{
	struct err e;

	ck_assert_msg(
	    price_post(&p->sums, &p->charge, p->v.rounding, p->v.exponent, &p->posted, &e) == 0,
	    "%s", e.text);
	return p->posted.gross_minor;
}

static inline int64_t
use(struct play *p, int64_t from, int64_t to, int64_t wh)
{
	struct price_usage u = {.from_us = from, .to_us = to, .has_total = true, .total_wh = wh};

	ck_assert_msg(play_rate(p, &u) == PRICE_RATED, "%s", p->charge.why);
	return post(p);
}

static inline int64_t
use_bands(struct play *p, int64_t from, int64_t to, int64_t peak, int64_t valley)
{
	struct price_usage u = {
	    .from_us = from, .to_us = to, .nregisters = 2, .register_wh = {peak, valley}
        };

	ck_assert_msg(play_rate(p, &u) == PRICE_RATED, "%s", p->charge.why);
	return post(p);
}

/* What the last charge says of a tier and band; -1: whatever it is. */
static inline int64_t
touched(const struct play *p, int tier, int band)
{
	int64_t wh = 0;

	for (size_t i = 0; i < p->charge.ntouches; i++)
		if ((tier == -1 || p->charge.touches[i].tier == tier) &&
		    (band == -1 || p->charge.touches[i].band == band))
			wh += p->charge.touches[i].wh;
	return wh;
}

#endif
