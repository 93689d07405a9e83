/*
 * store_account -- dirty accounts out, decisions in.
 */
#ifndef STORE_STORE_ACCOUNT_H
#define STORE_STORE_ACCOUNT_H

#include "model/supply.h"
#include "store/db.h"

/* One account as it is, and what supply_decide() looks at. */
struct dirty {
	struct account_view view; /* balance: posted */
	char profile[24];
	int64_t payment_id;  /* newest, 0 for none */
	int64_t local_minor; /* balance in a local meter */
	bool has_local;
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
void decided_add(struct decided *d, const struct dirty *a, const struct decision *what,
    int64_t trip_life_us, int64_t now_us);
typedef void store_decided_fn(int64_t account_id, int64_t endpoint_id, void *arg); /* each */
void store_accounts_decided(struct db *db, struct decided *d, int64_t now_us,
    store_decided_fn *each, store_dirty_done_fn *fn, void *arg);

#endif
