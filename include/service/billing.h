/*
 * billing -- from readings to charges: accounts that are marked for rating.
 *
 *	readings --> billing --> charges, account dirty --> decide --> wishes, notices
 *
 * Accounts go in batches, one statement in and one out; one that moved meanwhile stays marked
 * and comes again.  What is rated is marked for deciding; nothing is decided here.
 */
#ifndef SERVICE_BILLING_H
#define SERVICE_BILLING_H

struct billing;
struct db;
struct loop;
struct prices;

/* A batch was rated: accounts are dirty now. */
typedef void billing_rated_fn(void *arg);

struct billing *billing_new(
    struct loop *l, struct db *db, const struct prices *prices, billing_rated_fn *fn, void *arg);
void billing_free(struct billing *b);
void billing_look(struct billing *b); /* something may be there to be rated */

#endif
