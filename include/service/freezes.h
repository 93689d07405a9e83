/*
 * freezes -- the meters' own midnight records: which are missing, and the search for each.
 *
 * What is missing is found by query, over and over: the last two days often, as far back as a
 * meter keeps them when meters come back and now and then.  So a restart, a lost answer or a week
 * without a line cost nothing but time.
 *
 * A day is given up only when the meter cannot have it: its records were looked through, and by
 * its own clock that midnight is over.
 */
#ifndef SERVICE_FREEZES_H
#define SERVICE_FREEZES_H

#include "service/dispatch.h"
#include "service/intake.h"
#include "service/session.h"

struct freezes;
struct gateway;
struct reader_conf;

struct freezes *freezes_new(struct loop *l, struct db *db, struct dispatch *d, struct intake *i,
    const char *node, const struct reader_conf *conf, struct err *e);
void freezes_set_gateway(struct freezes *f, struct gateway *g);
void freezes_free(struct freezes *f);

/* Meters have come back: they may bring days that are missing. */
void freezes_look_soon(struct freezes *f);
/* Begins a search on each session that is free and has one to do; near: only when what is to be
 * done is of the last two days. */
void freezes_serve(struct freezes *f, bool near);
void freezes_freed(struct freezes *f, const struct session *s); /* this one may do its next */

#endif
