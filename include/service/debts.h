/*
 * debts -- payments of accounts that owe are split; emergency credit follows the balance; what a
 * meter had no room for follows when there is some.
 *
 *	due --the rule, on what is owed--> split --posted on the same facts--> the next of the
 *account
 *	  ^------- the facts have changed ------'
 *
 * Nothing is remembered here: what is to be done stands in the database, and a pass that is lost
 * is done by the next, on any node.  A split the database refuses is a mistake of ours; the
 * payment becomes credit, and a person is told.
 */
#ifndef SERVICE_DEBTS_H
#define SERVICE_DEBTS_H

#include <stdint.h>

struct db;
struct debts;
struct loop;

/* Accounts can be decided about; the meter behind the endpoint, unless 0, may have work. */
typedef void debts_work_fn(int64_t endpoint_id, void *arg);

struct debts *debts_new(struct loop *l, struct db *db, debts_work_fn *fn, void *arg);
void debts_free(struct debts *d);
void debts_look(struct debts *d); /* a payment may wait */

#endif
