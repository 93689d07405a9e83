/*
 * lines -- what flows at a meter: voltage, current, power, on a schedule of its profile.
 *
 * The last of all that is read: one value at a time, so that an order waits for one answer at
 * most, and given up when one does.  What a meter has no value of is asked for once a day.
 */
#ifndef SERVICE_LINES_H
#define SERVICE_LINES_H

#include "service/dispatch.h"
#include "service/session.h"

struct lines;
struct reader_conf;

struct lines *lines_new(
    struct loop *l, struct db *db, struct dispatch *d, const struct reader_conf *conf);
void lines_free(struct lines *x);

/* Reads the meter of this session whose time has come first, if any has; the session is free. */
void lines_serve(struct lines *x, struct session *s);
bool lines_behind(const struct lines *x); /* more is read than is stored */

#endif
