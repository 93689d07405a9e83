/*
 * billing -- dirty accounts: usage, charge, decision, wanted relay, notice.
 *
 * Payments, readings, relay moves and notices only mark an account; here is the one place that
 * decides.  Accounts go in batches, one statement in and one out; one that moved meanwhile
 * stays dirty and comes again.
 */
#ifndef SERVICE_BILLING_H
#define SERVICE_BILLING_H

#include "model/supply.h"

struct billing;
struct db;
struct loop;
struct prices;

/* An endpoint now has a command waiting; 0: a batch was decided, notices may wait. */
typedef void billing_work_fn(int64_t endpoint_id, void *arg);

struct billing *billing_new(struct loop *l, struct db *db, const struct policy *p,
    const struct prices *prices, billing_work_fn *fn, void *arg);
void billing_free(struct billing *b);
void billing_look(struct billing *b); /* something may be dirty */

#endif
