/*
 * decide -- dirty accounts: decision, wanted relay, notice.
 *
 * Payments, rated readings, relay moves and notices only mark an account; here is the one place
 * that decides.  It never charges.  Accounts go in batches, one statement in and one out; one
 * that moved meanwhile stays dirty and comes again.
 */
#ifndef SERVICE_DECIDE_H
#define SERVICE_DECIDE_H

#include "model/supply.h"

struct decider;
struct db;
struct loop;

/* An endpoint now has a command waiting; 0: a batch was decided, notices may wait. */
typedef void decide_work_fn(int64_t endpoint_id, void *arg);

struct decider *decider_new(
    struct loop *l, struct db *db, const struct policy *p, decide_work_fn *fn, void *arg);
void decider_free(struct decider *d);
void decider_look(struct decider *d); /* something may be dirty */

#endif
