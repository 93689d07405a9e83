/*
 * hints -- tells the node that holds an endpoint that there is work for it.
 *
 * Several daemons share a database, and a payment may come to one while the meter talks to
 * another.  Commands are found by each node's own sweep anyway; a hint only saves the wait, so
 * it may be lost.  What gathers in a few milliseconds is one statement.
 */
#ifndef SERVICE_HINTS_H
#define SERVICE_HINTS_H

#include <stdint.h>

struct db;
struct hints;
struct loop;

struct hints *hints_new(struct loop *l, struct db *db, const char *node);
void hints_free(struct hints *h);
void hints_add(struct hints *h, int64_t endpoint_id); /* work for it, and it is not here */

#endif
