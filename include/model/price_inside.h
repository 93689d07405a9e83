/*
 * price_inside -- what the price_*.c files share; nobody else includes it.
 */
#ifndef MODEL_PRICE_INSIDE_H
#define MODEL_PRICE_INSIDE_H

#include "model/price.h"

struct civil;

/* --- price_time.c ------------------------------------------------------------------------ */

/* The tier period around an instant, cut off where a tenancy or another rule begins. */
struct price_span {
	int64_t from_us, to_us;
};

struct price_span price_span_at(
    const struct price_book *b, const struct price_tenancy *who, int64_t at_us);
/* The ladder's thresholds as they are in this period. */
struct price_ladder price_ladder_in(const struct price_book *b, const struct price_version *v,
    size_t ladder, struct price_span span, const struct price_tenancy *who);
/* NULL before the first one. */
const struct price_version *price_version_at(const struct price_book *b, int64_t at_us);
int64_t price_version_until(const struct price_book *b, int64_t at_us);

/* --- price_walk.c ------------------------------------------------------------------------ */

/* Over [from_us, to_us): how long each band is active, and the days' fixed charges in parts of
 * a nano.  Both are added to what is there. */
void price_walk(const struct price_version *v, const struct calendar *c, int64_t from_us,
    int64_t to_us, int64_t active_us[PRICE_BANDS], __int128 *fixed_parts);
int64_t price_day_number(const struct civil *day); /* days since 1970-01-01 */

/* --- price_spread.c ---------------------------------------------------------------------- */

/* One version in one tier period, with what is used of each band: in all of it, before the cut,
 * and up to the end of the cut. */
struct price_stretch {
	int64_t from_us, to_us;
	struct price_span span;
	const struct price_version *version; /* that prices it; NULL: none */
	const struct price_version *shape;   /* whose bands it has, priced or not */
	int64_t active_us[PRICE_BANDS];
	int64_t wh[PRICE_BANDS], before_wh[PRICE_BANDS], upto_wh[PRICE_BANDS];
	__int128 fixed_parts; /* of the days that begin within the cut */
};

struct price_spread {
	struct price_stretch *stretches;
	size_t n;
	bool off_schedule;
};

/* -1: an interval that cannot be.  The stretches are the caller's to free. */
int price_spread_usage(const struct price_book *b, const struct price_tenancy *who,
    const struct price_usage *u, struct price_spread *out, struct err *e);
/* `whole` by weight, in whole numbers that add up: the largest remainders get one more, of equal
 * ones the first. */
void price_share(int64_t whole, const int64_t *weight, size_t n, int64_t *part);

#endif
