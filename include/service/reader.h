/*
 * reader -- scheduled reads: registers at an interval, what alarms are in it, and the midnight
 * freeze.
 *
 * All are the lowest of all: they ask a session only when it is free and no command waits for
 * it.  What has to be read is not remembered here: the next poll is a time in each meter, and
 * missing freezes are found by query (freezes.h), so a restart or a lost answer costs nothing.
 */
#ifndef SERVICE_READER_H
#define SERVICE_READER_H

#include "service/check.h"
#include "service/clocks.h"
#include "service/dispatch.h"
#include "service/gateway.h"
#include "service/intake.h"

struct reader;

struct reader_conf {
	int64_t poll_us;          /* registers of each meter */
	int64_t freeze_window_us; /* yesterday's freezes are spread over this after midnight */
	int64_t freeze_days;      /* how far back gaps are looked for, at most 62 */
	char *lines;              /* what flows: a schedule (model/schedule.h) */
	char *hours;              /* the load profile: likewise */
	int64_t keep_months;      /* readings stay as long and a little longer; 0: for ever */
	char *zone;
};

struct reader *reader_new(struct loop *l, struct db *db, struct dispatch *d, struct intake *i,
    struct clocks *c, const char *node, const struct reader_conf *conf,
    const struct check_conf *check, struct err *e);
void reader_set_gateway(struct reader *r, struct gateway *g);
void reader_free(struct reader *r);
void reader_freed(struct reader *r, struct session *s);
void reader_ready(struct reader *r, struct session *s); /* first poll of its meters: soon */
void reader_look(struct reader *r); /* days may be missing; not only at the next of its looks */

#endif
