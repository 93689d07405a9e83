/*
 * hours -- the load profile: each meter's own records of the full hours, on a schedule of its
 * profile.
 *
 * Which hours are missing is asked of the database, as far back as a meter keeps them; so what a
 * dead line kept from us is read when it is back.  An order goes first: what is left then is
 * found again at the next turn.
 */
#ifndef SERVICE_HOURS_H
#define SERVICE_HOURS_H

#include "service/dispatch.h"
#include "service/session.h"

struct gateway;
struct hours;
struct reader_conf;

struct hours *hours_new(
    struct loop *l, struct db *db, struct dispatch *d, const struct reader_conf *conf);
void hours_set_gateway(struct hours *h, struct gateway *g);
void hours_free(struct hours *h);

/* Looks for what is missing of the meters of this session whose turn it is; reads when the answer
 * is there and the session is free. */
void hours_look(struct hours *h, struct session *s);
void hours_freed(struct hours *h, int64_t endpoint_id); /* 0: any may be free */

#endif
