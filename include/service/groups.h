/*
 * groups -- one order to many meters, worked off at its pace.
 *
 * All of it is in the database (sql/functions/87_group.sql): a turn takes what the pace allows, and
 * any node may have the next one.  Here is only who asks for the turns.
 */
#ifndef SERVICE_GROUPS_H
#define SERVICE_GROUPS_H

#include <stdint.h>

struct db;
struct groups;
struct loop;

/* The meter behind the endpoint has something to do. */
typedef void groups_work_fn(int64_t endpoint_id, void *arg);

struct groups *groups_new(struct loop *l, struct db *db, groups_work_fn *fn, void *arg);
void groups_free(struct groups *g);

#endif
