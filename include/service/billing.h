/*
 * billing -- from readings to charges: accounts that are marked for rating.
 *
 *	readings --> billing --> charges, account dirty --> decide --> wishes, notices
 *
 * Each installation is charged from the registers it was charged up to to the newest accepted
 * ones, cut where the meter froze its registers.  Fixed charges go from midnight to midnight of
 * their own.  What was charged without knowing enough (no register at a boundary, no price) is
 * charged again when it is known, and only the difference is posted.
 *
 * Accounts go in batches, one statement out and one in; one that moved meanwhile stays marked
 * and comes again.  What is rated is marked for deciding; nothing is decided here.
 */
#ifndef SERVICE_BILLING_H
#define SERVICE_BILLING_H

#include <stdint.h>

struct billing;
struct db;
struct loop;
struct prices;

struct billing_conf {
	int64_t stuck_us;       /* a register that stands still so long is looked into */
	int64_t silent_us;      /* without a reading so long, use is estimated, to warn of */
	int64_t clock_ahead_us; /* how far a meter's clock may be ahead of ours */
	int64_t drift_minor;    /* how far a local meter may be from our books */
};

/* A batch was rated: accounts are dirty now. */
typedef void billing_rated_fn(void *arg);

struct billing *billing_new(struct loop *l, struct db *db, const struct prices *prices,
    const struct billing_conf *conf, billing_rated_fn *fn, void *arg);
void billing_free(struct billing *b);
void billing_look(struct billing *b); /* something may be there to be rated */
void billing_prices_changed(struct billing *b);

#endif
