/*
 * asker -- asks providers for orders whose payment nobody has told of: the net for notifications
 * that were lost (payments.md 1.6).
 *
 * Which orders are due stands in the database, and so does who has taken one: each is asked for
 * by one node at a time, soon after it was made, then less and less often until it is paid or
 * long expired.  A payment that is found goes the way of a notification, under the same number,
 * so that whichever comes second adds nothing.
 */
#ifndef SERVICE_ASKER_H
#define SERVICE_ASKER_H

#include <stdint.h>

struct asker;
struct db;
struct fetcher;
struct hooks;
struct loop;
struct pay;

struct orders_conf {
	int64_t ask_us;      /* the first question so long after the order was made; 0: never */
	int64_t patience_us; /* for an answer */
	int64_t sweep_us;
};

/* conf is borrowed; hooks has the sources and their keys. */
struct asker *asker_new(struct loop *l, struct db *db, struct fetcher *f, struct pay *p,
    struct hooks *h, const struct orders_conf *conf);
void asker_free(struct asker *k);

#endif
