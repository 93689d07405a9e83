/*
 * store_names -- names and zones that live as long as the process: there are few of them, and
 * meters and accounts by the hundred thousand only point at them.
 */
#ifndef STORE_STORE_NAMES_H
#define STORE_STORE_NAMES_H

struct calendar;

const char *store_intern(const char *text);
const struct calendar *store_zone(const char *name); /* UTC when there is no such zone */

#endif
