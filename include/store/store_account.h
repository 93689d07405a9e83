/*
 * store_account -- dirty accounts out, decisions in.
 */
#ifndef STORE_STORE_ACCOUNT_H
#define STORE_STORE_ACCOUNT_H

#include "model/supply.h"
#include "store/db.h"

#define STORE_DAYS 40

/* One account as it is, and what supply_decide() looks at. */
struct dirty {
	struct account_view view; /* balance: posted; its days are those below */
	struct meter_view meter[SUPPLY_METERS];
	int nmeters;
	struct site_day days[STORE_DAYS];
	int64_t payment_id; /* newest, 0 for none */
	bool untold;        /* its receipt has not been told yet */
	int64_t
	    spent_minor; /* charged in all; and when the day began that lies up to a week back */
	int spent_since_day; /* 0: none */
	int64_t spent_since_minor;
	int64_t local_minor; /* balance in local meters */
	bool has_local;
};

/* Borrowed for the call. */
typedef void store_dirty_fn(struct dirty *a, void *arg);                 /* once for each */
typedef void store_dirty_done_fn(int n, const struct err *e, void *arg); /* once, last */
void store_accounts_dirty(struct db *db, int limit, int64_t now_us, store_dirty_fn *each,
    store_dirty_done_fn *fn, void *arg);

/* Decisions gathered into one statement.  Zeroed is empty. */
struct decided {
	struct db_column account, version, look_again, below, day;
	struct buf deeds; /* of those that come to more than a mark */
	int n, ndeeds;
};
void decided_add(struct decided *d, const struct dirty *a, const struct decision *what,
    int64_t trip_life_us, int64_t now_us);
void decided_free(struct decided *d);
typedef void store_decided_fn(int64_t account_id, int64_t endpoint_id, void *arg); /* each */
/* Empties it. */
void store_accounts_decided(struct db *db, struct decided *d, int64_t now_us,
    store_decided_fn *each, store_dirty_done_fn *fn, void *arg);

/* What time alone brings about.  silence_percent 0: never halted for silence. */
void store_supply_sweep(struct db *db, int silence_percent, int64_t restore_slo_us, int64_t now_us,
    store_dirty_done_fn *fn, void *arg);
/* No automatic trip leaves until a person releases it; a cause that is there already stays. */
void store_trips_halt(struct db *db, const char *cause, const char *why, int64_t now_us);

#endif
