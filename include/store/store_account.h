/*
 * store_account -- dirty accounts out, decisions in.
 */
#ifndef STORE_STORE_ACCOUNT_H
#define STORE_STORE_ACCOUNT_H

#include "model/supply.h"
#include "model/tariff.h"
#include "store/db.h"

/* One account as it is: what supply_decide() looks at, and what is to be charged first. */
struct dirty {
	struct account_view view; /* balance: posted, before the charge below */
	char profile[24];
	int64_t tariff_id, carry_nano, period_wh;
	int period;                                       /* month of period_wh */
	int64_t payment_id;                               /* newest, 0 for none */
	int64_t total_wh, total_us, billed_wh, billed_us; /* -1: never read */
	int64_t wraps_wh, most_watts;
	int64_t local_minor; /* balance in a local meter */
	bool has_local;
};

struct charged {
	int64_t minor, wh, carry_nano, period_wh;
	int period;
	bool moved; /* billed_wh and billed_us are new */
	int64_t billed_wh, billed_us;
	const char *unrated; /* why it could not be priced; NULL */
};

typedef void store_dirty_fn(const struct dirty *a, void *arg);           /* once for each */
typedef void store_dirty_done_fn(int n, const struct err *e, void *arg); /* once, last */
void store_accounts_dirty(struct db *db, int limit, int64_t now_us, store_dirty_fn *each,
    store_dirty_done_fn *fn, void *arg);

/* Decisions gathered into one statement. */
struct decided {
	struct buf rows;
	int n;
};
void decided_add(struct decided *d, const struct dirty *a, const struct charged *c,
    const struct decision *what, int64_t trip_life_us, int64_t now_us);
typedef void store_decided_fn(int64_t account_id, int64_t endpoint_id, void *arg); /* each */
void store_accounts_decided(struct db *db, struct decided *d, int64_t now_us,
    store_decided_fn *each, store_dirty_done_fn *fn, void *arg);

#endif
