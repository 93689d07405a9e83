/*
 * store_price -- price versions: what time makes of them, which are approved, what they say.
 */
#ifndef STORE_STORE_PRICE_H
#define STORE_STORE_PRICE_H

#include "store/db.h"

/* Scheduled versions whose instant has come become active.  Harmless to repeat.  mark is another
 * one when any price has changed since; turned: how many became active now. */
typedef void store_turn_fn(int64_t mark, int turned, const struct err *e, void *arg);
void store_prices_turn(struct db *db, int64_t now_us, store_turn_fn *fn, void *arg);

/* An approved version; those of a tariff stand together, by their beginning. */
struct store_price {
	int64_t id, tariff_id;
	const char *name; /* "flat/2"; borrowed for the call */
	bool intact;      /* its text is the one that was approved */
};
typedef void store_price_fn(const struct store_price *p, void *arg); /* each */
typedef void store_prices_fn(const struct err *e, void *arg);        /* once, last */
void store_prices(struct db *db, store_price_fn *each, store_prices_fn *fn, void *arg);

typedef void store_source_fn(int64_t id, struct span source, void *arg); /* each */
void store_price_sources(struct db *db, const int64_t *ids, size_t n, store_source_fn *each,
    store_prices_fn *fn, void *arg);

/* A work item: its tariff prices nothing. */
void store_price_unreadable(struct db *db, int64_t id, const char *why, int64_t now_us);

/* --- past use, for simulate.c -------------------------------------------------------------- */

/* A meter's registers at an instant; rows of an account stand together, by time. */
struct store_use {
	int64_t account_id, balance_minor, trip_minor;
	const char *number; /* borrowed for the call */
	int64_t meter_id;   /* 0: nothing is known of this account's use */
	int64_t wraps_wh, most_watts;
	int64_t at_us, total_wh, register_wh[4]; /* -1: not known */
};
typedef void store_use_fn(const struct store_use *u, void *arg);   /* each */
typedef void store_used_fn(int n, const struct err *e, void *arg); /* once, last */
/* Of at most `limit` accounts behind `after`; none when those were all. */
void store_tariff_use(struct db *db, int64_t tariff_id, const char *site, int64_t from_us,
    int64_t to_us, int64_t after, int limit, store_use_fn *each, store_used_fn *fn, void *arg);

#endif
