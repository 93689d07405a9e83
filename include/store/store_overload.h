/* store_overload -- how often a meter drew more than its limit, as it counts itself. */
#ifndef STORE_STORE_OVERLOAD_H
#define STORE_STORE_OVERLOAD_H

#include "store/db.h"

/* trip_us: its newest trip by its own record, on our clock; 0 unknown.  off: its relay is open,
 * which must be told after this, on the same lane. */
void store_overload(struct db *db, int64_t meter_id, int64_t count, int64_t trip_us,
    uint32_t operator_code, bool off, int64_t now_us);

#endif
