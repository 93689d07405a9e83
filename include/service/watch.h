/*
 * watch -- what others see of this process: GET /metrics for Prometheus, /healthz and /readyz for
 * who starts and feeds it, and a heartbeat to an address outside, whose silence is the alarm.
 *
 * /healthz answers as long as the loop turns.  /readyz is 200 while payments can be settled and
 * meters are taken, else 503 and why.  /metrics gives the counters of base/metric.h, what the
 * services of this process hold, and facts of the whole head-end that door.watch_facts() gathers
 * every `refresh_us`; how old those are is a figure of its own.  The time from payment to power
 * is counted by every node, each payment once a node: take the greatest, not the sum.
 */
#ifndef SERVICE_WATCH_H
#define SERVICE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct db;
struct err;
struct fetcher;
struct gateway;
struct loop;
struct watch;

struct watch_conf {
	char *listen;    /* "": no metrics */
	char *heartbeat; /* http or https; "": none */
	int64_t heartbeat_us, refresh_us;
};

struct watch_parts {
	struct db *db;
	const struct gateway *gateway;
	struct fetcher *fetcher;
	bool (*trips_allowed)(void *arg); /* the kill file, the clock */
	void *arg;
};

/* Begins to gather; NULL is never returned. */
struct watch *watch_new(
    struct loop *l, const struct watch_conf *conf, const struct watch_parts *parts);
/* The port, 0 when nothing is to be listened on, -1 and *e on failure. */
int watch_listen(struct watch *w, struct err *e);
void watch_draining(struct watch *w); /* not ready from here on */
void watch_free(struct watch *w);     /* NULL is fine */

#endif
