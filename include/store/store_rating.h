/*
 * store_rating -- what is to be rated out, charges in; tariffs.
 */
#ifndef STORE_STORE_RATING_H
#define STORE_STORE_RATING_H

#include "store/db.h"

struct calendar;

/* One account and what its meter counted since its last charge. */
struct due {
	int64_t account_id, version, meter_id;
	bool local;
	const struct calendar *zone;
	int64_t tariff_id, carry_nano, period_wh;
	int period;                                       /* month of period_wh */
	int64_t total_wh, total_us, billed_wh, billed_us; /* -1: never read */
	int64_t wraps_wh, most_watts;
};

struct charged {
	int64_t minor, wh, carry_nano, period_wh;
	int period;
	bool moved; /* billed_wh and billed_us are new */
	int64_t billed_wh, billed_us;
	const char *unrated; /* why it could not be priced; NULL */
};

typedef void store_due_account_fn(const struct due *d, void *arg);        /* once for each */
typedef void store_rating_done_fn(int n, const struct err *e, void *arg); /* once, last */
void store_rating_due(
    struct db *db, int limit, store_due_account_fn *each, store_rating_done_fn *fn, void *arg);

/* Charges gathered into one statement. */
struct charges {
	struct buf rows;
	int n;
};
void charges_add(struct charges *c, const struct due *d, const struct charged *what);
void store_rating_put(
    struct db *db, struct charges *c, int64_t now_us, store_rating_done_fn *fn, void *arg);

#endif
