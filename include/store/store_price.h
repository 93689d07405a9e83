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

#endif
