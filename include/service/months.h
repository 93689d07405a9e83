/*
 * months -- the months in which readings lie: made ahead, and dropped when they are old enough and
 * nothing in them is still to be billed.
 *
 * One node at a time does it, by a lease in the database; the SQL is sql/functions/31_months.sql.
 */
#ifndef SERVICE_MONTHS_H
#define SERVICE_MONTHS_H

#include <stdint.h>

struct db;
struct loop;
struct months;

/* *keep whole months stay beside this one, 0: all; borrowed, as node is. */
struct months *months_new(struct loop *l, struct db *db, const char *node, const int64_t *keep);
void months_free(struct months *m);

#endif
