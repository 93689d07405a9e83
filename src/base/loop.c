/*
 * One binary heap of timers under one libevent timeout.  The heap holds borrowed pointers and
 * each timer knows its own place, so stopping one is a removal and not a search.
 *
 * Deferred work is a timer that is due at once: the heap orders equal times by a running
 * number, so first come is first served and a virtual run repeats itself exactly.
 */
#include "base/loop.h"

#include "base/buf.h"
#include "base/log.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct entry {
	int64_t at_us;
	uint64_t order;
	struct timer *timer;
};

struct loop {
	struct event_base *base;
	struct event *alarm;
	struct entry *heap;
	size_t n, room;
	uint64_t order;
	int64_t now_us, mono_us, sweep_us;
	bool is_virtual, stop, slept; /* slept: the clock has moved since it was looked at */
	uint64_t chance;
};

static int64_t
clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

static void
loop_look_at_clock(struct loop *l)
{
	if (l->is_virtual)
		return;
	l->slept = false;
	l->now_us = clock_us(CLOCK_REALTIME);
	l->mono_us = clock_us(CLOCK_MONOTONIC);
}

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg; /* its only purpose is to end the wait */
}

struct loop *
loop_new(void)
{
	struct loop *l = mem_new(sizeof *l);

	l->base = event_base_new();
	if (l->base == NULL)
		abort();
	l->alarm = event_new(l->base, -1, 0, on_alarm, l);
	loop_look_at_clock(l);
	return l;
}

struct loop *
loop_virtual_new(int64_t start_us, uint64_t seed)
{
	struct loop *l = loop_new();

	l->is_virtual = true;
	l->now_us = l->mono_us = start_us;
	l->chance = seed * 2 + 1;
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	event_free(l->alarm);
	event_base_free(l->base);
	free(l->heap);
	free(l);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

/* Whoever asks first after the wait looks at the clock for the whole turn. */
static void
loop_wake(const struct loop *l)
{
	if (l->slept)
		loop_look_at_clock((struct loop *)l);
}

int64_t
loop_now_us(const struct loop *l)
{
	loop_wake(l);
	return l->now_us;
}

int64_t
loop_mono_us(const struct loop *l)
{
	loop_wake(l);
	return l->mono_us;
}

/* splitmix64: good enough for jitter, and the same on every machine */
static uint64_t
chance_next(struct loop *l)
{
	uint64_t z = (l->chance += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
loop_random(struct loop *l, void *bytes, size_t len)
{
	uint8_t *p = bytes;

	while (len > 0) {
		uint64_t word = chance_next(l);
		size_t n = len < sizeof word ? len : sizeof word;

		if (!l->is_virtual && getrandom(&word, sizeof word, 0) != (ssize_t)sizeof word)
			abort();
		memcpy(p, &word, n);
		p += n;
		len -= n;
	}
}

int64_t
loop_jitter_us(struct loop *l, int64_t up_to_us)
{
	uint64_t word;

	if (up_to_us <= 0)
		return 0;
	loop_random(l, &word, sizeof word);
	return (int64_t)(word % (uint64_t)up_to_us);
}

static bool
before(const struct entry *a, const struct entry *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void
place(struct loop *l, size_t i, struct entry e)
{
	l->heap[i] = e;
	e.timer->slot = i + 1;
}

static void
sift_up(struct loop *l, size_t i)
{
	struct entry e = l->heap[i];

	while (i > 0 && before(&e, &l->heap[(i - 1) / 2])) {
		place(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(l, i, e);
}

static void
sift_down(struct loop *l, size_t i)
{
	struct entry e = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->n)
			break;
		if (child + 1 < l->n && before(&l->heap[child + 1], &l->heap[child]))
			child++;
		if (!before(&l->heap[child], &e))
			break;
		place(l, i, l->heap[child]);
		i = child;
	}
	place(l, i, e);
}

static void
heap_remove(struct loop *l, size_t i)
{
	struct entry last = l->heap[--l->n];

	l->heap[i].timer->slot = 0;
	if (i == l->n)
		return;
	place(l, i, last);
	sift_up(l, i);
	sift_down(l, last.timer->slot - 1);
}

void
timer_stop(struct timer *t)
{
	if (t->slot != 0)
		heap_remove(t->loop, t->slot - 1);
	t->slot = 0;
}

bool
timer_running(const struct timer *t)
{
	return t->slot != 0;
}

void
timer_start(struct timer *t, struct loop *l, int64_t delay_us, loop_fn *fn, void *arg)
{
	timer_stop(t);
	loop_wake(l);
	t->loop = l;
	t->at_us = l->mono_us + (delay_us > 0 ? delay_us : 0);
	t->fn = fn;
	t->arg = arg;
	if (l->n == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		l->heap = mem_more(l->heap, l->room * sizeof *l->heap);
	}
	l->heap[l->n] = (struct entry){t->at_us, l->order++, t};
	t->slot = ++l->n;
	sift_up(l, l->n - 1);
}

void
timer_sweep(struct timer *t, struct loop *l, int64_t delay_us, loop_fn *fn, void *arg)
{
	timer_start(t, l, delay_us > l->sweep_us ? delay_us : l->sweep_us, fn, arg);
}

void
loop_sweep_least(struct loop *l, int64_t least_us)
{
	l->sweep_us = least_us;
}

void
loop_defer(struct timer *t, struct loop *l, loop_fn *fn, void *arg)
{
	loop_wake(l);
	if (!timer_running(t) || t->at_us > l->mono_us)
		timer_start(t, l, 0, fn, arg);
}

/* Runs what is due.  A timer that starts another at once has it run in the same turn; one
 * that restarts itself for ever without delay would be a bug, so a turn has an end. */
static void
run_due(struct loop *l)
{
	for (int i = 0; i < 100000 && l->n > 0 && l->heap[0].at_us <= l->mono_us && !l->stop; i++) {
		struct timer *t = l->heap[0].timer;

		heap_remove(l, 0);
		t->fn(t->arg);
	}
}

/* Whatever blocks the loop keeps meters and payers waiting: say so. */
static void
say_if_slow(int64_t took_us)
{
	static const struct logctx log = {.module = "loop"};

	if (took_us > SECOND_US / 4)
		log_line(&log, LOG_LEVEL_WARN, "a turn took %lld ms", (long long)took_us / 1000);
}

void
loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop) {
		loop_look_at_clock(l);
		run_due(l);
		say_if_slow(clock_us(CLOCK_MONOTONIC) - l->mono_us);
		if (l->stop)
			break;
		if (l->n > 0) {
			int64_t wait = l->heap[0].at_us - l->mono_us;
			struct timeval tv;

			if (wait < 0)
				wait = 0;
			tv.tv_sec = wait / SECOND_US;
			tv.tv_usec = wait % SECOND_US;
			evtimer_add(l->alarm, &tv);
		}
		l->slept = true;
		event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
		evtimer_del(l->alarm);
	}
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
	event_base_loopbreak(l->base);
}

void
loop_virtual_run(struct loop *l, int64_t until_us, bool (*quiet)(void *arg), void *arg)
{
	l->stop = false;
	while (!l->stop) {
		run_due(l);
		if (quiet != NULL && !quiet(arg)) {
			struct timeval tv = {0, 100000}; /* real time: an answer is on its way */

			evtimer_add(l->alarm, &tv);
			event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
			evtimer_del(l->alarm);
			continue;
		}
		event_base_loop(l->base, EVLOOP_NONBLOCK);
		if (quiet != NULL && !quiet(arg))
			continue;
		if (l->n > 0 && l->heap[0].at_us <= l->mono_us)
			continue;
		if (l->n == 0 || l->heap[0].at_us > until_us)
			break;
		l->now_us = l->mono_us = l->heap[0].at_us;
	}
	if (l->now_us < until_us && !l->stop)
		l->now_us = l->mono_us = until_us;
}
