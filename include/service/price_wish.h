/*
 * price_wish -- the prices of an account's tariff, wanted of its local meters.
 *
 * A meter that keeps its own money charges by what is written in it.  So of each, what its
 * account's tariff says is wanted with door.push_wants(): the version in force, and as soon as
 * the meter has that, or a day before, the one scheduled next, which the meter takes into its
 * spare set with the instant of the switch.  push.c does the rest.
 *
 * A version the meter cannot hold is never bent until it fits: it becomes a work item that names
 * the meter and the reason, and the meter goes on as it was.
 */
#ifndef SERVICE_PRICE_WISH_H
#define SERVICE_PRICE_WISH_H

struct db;
struct loop;
struct prices;
struct price_wish;

struct price_wish *price_wish_new(struct loop *l, struct db *db, const struct prices *prices);
void price_wish_free(struct price_wish *w);
void price_wish_look(struct price_wish *w); /* prices have changed: do not wait for the sweep */

#endif
