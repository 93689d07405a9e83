/*
 * clocks -- the meters' own clocks: read once a session and once a day, noted, and put right.
 *
 * What may be done when is clock_rule.h; what was tried is kept in the database, so that a restart
 * tries nothing twice: three wrong passwords lock a meter for a day.
 */
#ifndef SERVICE_CLOCKS_H
#define SERVICE_CLOCKS_H

#include "service/dispatch.h"
#include "service/session.h"

struct clocks;
struct gateway;

struct clocks_conf {
	bool correct;
	int64_t tolerance_us; /* less is left alone */
	int64_t alarm_us;     /* more is told to a person */
	int64_t doubt_us;     /* more, and its tariff registers are not believed */
};

struct clocks *clocks_new(
    struct loop *l, struct db *db, struct dispatch *d, const struct clocks_conf *conf);
void clocks_set_gateway(struct clocks *c, struct gateway *g);
void clocks_free(struct clocks *c);

bool clocks_due(const struct clocks *c, const struct meter *m); /* it wants to be read */
/* Its clock was read just now: m->clock_skew_us. */
void clocks_heard(struct clocks *c, struct session *s, struct meter *m);
/* A session has become free (0: any may have): those of its meters that wait are put right. */
void clocks_freed(struct clocks *c, int64_t endpoint_id);

#endif
