/*
 * dispatch -- from the queue to the meter and back: claim, ask, read back, move.
 *
 * Whoever knows that there may be work says dispatch_look(); saying it too often costs nothing.
 * All sessions that were named while a claim was under way are claimed for in the next one, so
 * the number of statements does not follow the fleet.
 */
#ifndef SERVICE_DISPATCH_H
#define SERVICE_DISPATCH_H

#include "service/gateway.h"
#include "service/intake.h"

#include <stdbool.h>

struct dispatch;

struct dispatch_conf {
	char *kill_file;        /* while it exists, no trip leaves */
	int64_t relay_valid_us; /* how long a relay order stays good in the meter */
	int64_t sweep_us;
	int64_t settle_us;     /* how long a line may hold back a frame and deliver it yet */
	int64_t push_audit_us; /* how often settings that were pushed are read again */
};

struct dispatch_events {
	bool (*trips_allowed)(void *arg); /* asked before each claim: kill switch, clock */
	void (*on_moved)(void *arg);      /* a command moved: accounts and notices may wait */
	void (*on_elsewhere)(
	    int64_t endpoint_id, void *arg); /* looked at, and not in session here */
	void *arg;
};

struct dispatch *dispatch_new(struct loop *l, struct db *db, struct intake *intake,
    const char *node, const struct dispatch_conf *conf, const struct dispatch_events *events);
void dispatch_set_gateway(struct dispatch *d, struct gateway *g);
void dispatch_free(struct dispatch *d);
void dispatch_look(struct dispatch *d, int64_t endpoint_id);
void dispatch_look_session(struct dispatch *d, struct session *s);
/* A session has become free: it claims now if work was announced while it was busy. */
void dispatch_freed(struct dispatch *d, struct session *s);
/* Work was announced for it: whoever reads on a schedule makes way. */
bool dispatch_wants(const struct dispatch *d, int64_t endpoint_id);

#endif
