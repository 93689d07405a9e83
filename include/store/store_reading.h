/*
 * store_reading -- freezes: which are missing, and what the meters' own records say.
 */
#ifndef STORE_STORE_READING_H
#define STORE_STORE_READING_H

#include "store/db.h"

typedef void store_gap_fn(int64_t meter_id, int64_t endpoint_id, int day, int nth, void *arg);
/* upto: the last meter that was looked at, 0 when there are no more. */
typedef void store_gaps_done_fn(int64_t upto, const struct err *e, void *arg);
/* Of the next so many `meters` behind that of number `after`, `limit` days at most.  days[0] is
 * today; it is asked of a meter only once since_us is past that meter's own place in the window,
 * so that a fleet is not read all at midnight. */
void store_freeze_gaps(struct db *db, const char *node, struct db_column *starts,
    struct db_column *days, int64_t since_us, int64_t window_us, int64_t after, int meters,
    int limit, store_gap_fn *each, store_gaps_done_fn *fn, void *arg);
/* wh: total, T1..T4; -1 where the meter has none. */
void store_freeze(
    struct db *db, int64_t meter_id, int day, int64_t at_us, const int64_t wh[5], int64_t now_us);
/* All days of both and between: the meter has no record of them, and never will. */
void store_freeze_absent(struct db *db, int64_t meter_id, int from, int to, int64_t now_us);

#endif
