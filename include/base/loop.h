/*
 * loop -- time, chance and turns.
 *
 * Everything that waits waits here, and nobody else asks the clock.  A turn is: sockets that
 * are ready (libevent), timers that are due, then what was deferred during the turn.  A
 * callback is therefore never called from inside the call that asked for it.
 *
 * A real loop keeps timers on the monotonic clock, so a step of the wall clock fires nothing
 * early; loop_now_us() is the wall clock, read once a turn.  A virtual loop has a clock that
 * moves only when nothing is left to do, and chance that comes from a seed: a story told
 * twice is the same story.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

struct event_base;
struct loop;
typedef void loop_fn(void *arg);

/* Lies in its owner; zeroed means stopped.  Restarting a running timer moves it. */
struct timer {
	struct loop *loop;
	int64_t at_us;
	loop_fn *fn;
	void *arg;
	size_t slot; /* place in the heap + 1; 0 when stopped */
};

struct loop *loop_new(void);
struct loop *loop_virtual_new(int64_t start_us, uint64_t seed);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l); /* for bufferevents and evhttp */

int64_t loop_now_us(const struct loop *l);  /* wall clock, UTC */
int64_t loop_mono_us(const struct loop *l); /* never steps; only differences mean something */
void loop_random(struct loop *l, void *bytes, size_t len);
int64_t loop_jitter_us(struct loop *l, int64_t up_to_us); /* 0 <= result < up_to_us */

void timer_start(struct timer *t, struct loop *l, int64_t delay_us, loop_fn *fn, void *arg);
/* The same for a look that only finds what no hint has brought, again and again.  Whoever tells
 * of a year may want them rarer than a daemon does: loop_sweep_least(). */
void timer_sweep(struct timer *t, struct loop *l, int64_t delay_us, loop_fn *fn, void *arg);
void loop_sweep_least(struct loop *l, int64_t least_us);
void timer_stop(struct timer *t);
bool timer_running(const struct timer *t);
void loop_defer(struct timer *t, struct loop *l, loop_fn *fn, void *arg); /* end of this turn */

void loop_run(struct loop *l); /* until loop_stop() */
void loop_stop(struct loop *l);

/* Runs a virtual loop up to until_us.  The clock moves only while quiet() says that nobody
 * outside the loop (a database, say) still owes an answer; NULL means always. */
void loop_virtual_run(struct loop *l, int64_t until_us, bool (*quiet)(void *arg), void *arg);

#endif
