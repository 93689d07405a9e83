/*
 * check -- one meter being looked at for alarms: what its status words show, what its report has
 * of new, whether current flows as it should, and, less often, what its counters have come to.
 *
 * One item at a time, so that an order waits for one answer at most.  What a meter refuses is
 * left out for a day.  Nothing is told that was told already.
 */
#ifndef SERVICE_CHECK_H
#define SERVICE_CHECK_H

#include "service/session.h"

struct db;
struct dispatch;

struct check_conf {
	int64_t check_us;        /* status words, report, currents; 0: never */
	int64_t counters_us;     /* counters; 0: never */
	int64_t welded_us;       /* a trip may stand out so long */
	int64_t off_ma;          /* current that a meter may show while it is off */
	int64_t neutral_percent; /* by which neutral and phase may differ; 0: not compared */
};

struct checks {
	struct loop *loop;
	struct db *db;
	struct dispatch *dispatch;
	const struct check_conf *conf;
};

/* Whether it is time.  Of a session that is free; `c` must outlive what follows. */
bool check_due(const struct checks *c, const struct meter *m, int64_t mono_us);
void check_meter(const struct checks *c, struct session *s, struct meter *m);
void check_login(const struct checks *c, struct meter *m); /* its first check: soon */
void check_hurry(struct meter *m);                         /* it says that there is news */

#endif
