/* store_group -- a turn of the orders to many meters. */
#ifndef STORE_STORE_GROUP_H
#define STORE_STORE_GROUP_H

#include "store/db.h"

typedef void store_group_work_fn(int64_t endpoint_id, void *arg);
typedef void store_group_done_fn(const struct err *e, void *arg);
void store_groups_turn(
    struct db *db, int64_t now_us, store_group_work_fn *each, store_group_done_fn *fn, void *arg);

#endif
