/*
 * prices -- the approved price versions, parsed, in the daemon's memory.
 *
 * A sweep asks once a second what time has made of them (scheduled, active, ended) and whether
 * any price has changed; then what is new is loaded and on_changed is told.
 *
 * What prices_book() gives stays as it is, and stays there, until prices_free(): versions never
 * change, and a tariff whose versions are others gets another book.  So a batch takes its books
 * once and may keep them over turns; whether they are still the newest is told by prices_mark(),
 * which powergate.prices_mark() in the database can be held against.
 *
 * A stored version that cannot be read is logged and becomes a work item, and its whole tariff
 * has no price: the version before it would be a guess.
 */
#ifndef SERVICE_PRICES_H
#define SERVICE_PRICES_H

#include "model/price.h"

struct db;
struct loop;
struct prices;

typedef void prices_fn(void *arg);

struct prices *prices_new(struct loop *l, struct db *db, prices_fn *on_changed, void *arg);
void prices_free(struct prices *p);
void prices_look(struct prices *p); /* something may have changed: do not wait for the sweep */

/* Whether they have been loaded at all; before, no tariff has a book. */
bool prices_known(const struct prices *p);
int64_t prices_mark(const struct prices *p);
/* NULL when the tariff has no approved version, or one that cannot be read. */
const struct price_book *prices_book(const struct prices *p, int64_t tariff_id);

/* By its id; NULL when it is not loaded, or cannot be read. */
const struct price_version *prices_version(const struct prices *p, int64_t id);

/* Of a version out of such a book: its id, and "flat/2". */
int64_t prices_version_id(const struct price_version *v);
const char *prices_version_name(const struct price_version *v);

#endif
