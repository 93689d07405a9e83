/* store_instalment -- instalments that are taken from the balance, once a day. */
#ifndef STORE_STORE_INSTALMENT_H
#define STORE_STORE_INSTALMENT_H

#include "store/db.h"

/* n: how many of them were dealt with; e->class ERR_NONE when all went well. */
typedef void store_instalments_fn(int n, const struct err *e, void *arg);
void store_instalments_take(
    struct db *db, int limit, int64_t now_us, store_instalments_fn *fn, void *arg);

#endif
