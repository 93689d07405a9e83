#include "service/dispatch.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/metric.h"
#include "service/turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_A_CLAIM 200 /* a payment that decides anew waits for the rows of a claim under way */

/* A push whose turn made way for something else: it goes on where it was, if that is soon. */
struct parked {
	struct parked *next;
	struct push *push;
	int64_t command_id, epoch, at_us;
};
#define PARKED_US MINUTE_US

struct dispatch {
	struct loop *loop;
	struct db *db;
	struct gateway *gateway;
	struct intake *intake;
	const char *node;
	const struct dispatch_conf *conf;
	struct dispatch_events events;
	struct map *wanted;     /* endpoints to claim for */
	struct map *postponed;  /* those that were busy when their turn came */
	struct map *asked;      /* those in the claim under way */
	int64_t *queue;         /* the same, in order: first those of whom it is known that ... */
	size_t nfirst, n, room; /* ... somebody waits for them; a storm queues thousands behind */
	bool claiming;
	struct turn *turns;
	struct parked *parked;
	struct timer poke, sweep;
	struct logctx log;
};

static void
unqueue(struct dispatch *d, int64_t endpoint_id)
{
	size_t i = d->nfirst;

	while (d->queue[i] != endpoint_id)
		i++;
	memmove(d->queue + i, d->queue + i + 1, (--d->n - i) * sizeof *d->queue);
}

/* What the map holds is whether it stands among the first. */
static void
want(struct dispatch *d, int64_t endpoint_id, bool first)
{
	const void *among = map_get(d->wanted, endpoint_id);

	if (among == &d->nfirst || (among != NULL && !first))
		return;
	if (among != NULL)
		unqueue(d, endpoint_id);
	map_put(d->wanted, endpoint_id, first ? (void *)&d->nfirst : d);
	if (d->n == d->room) {
		d->room = d->room > 0 ? d->room * 2 : 64;
		d->queue = mem_more(d->queue, d->room * sizeof *d->queue);
	}
	if (!first) {
		d->queue[d->n++] = endpoint_id;
		return;
	}
	memmove(d->queue + d->nfirst + 1, d->queue + d->nfirst,
	    (d->n++ - d->nfirst) * sizeof *d->queue);
	d->queue[d->nfirst++] = endpoint_id;
}

/* --- turns -------------------------------------------------------------------------------- */

static void
turn_free(struct turn *t)
{
	struct turn **p = &t->dispatch->turns;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	steps_clear(&t->steps);
	db_column_free(&t->frames);
	push_free(t->push);
	qualify_free(t->qualify);
	free(t);
}

void
turn_park(struct turn *t)
{
	struct parked *p = mem_new(sizeof *p);

	*p = (struct parked){
	    t->dispatch->parked, t->push, t->c.id, t->c.epoch, loop_mono_us(t->loop)};
	t->dispatch->parked = p;
	t->push = NULL;
}

/* The command's, if it was parked on this session a moment ago; what is old goes. */
static struct push *
unpark(struct dispatch *d, int64_t command_id, int64_t epoch)
{
	int64_t old_us = loop_mono_us(d->loop) - PARKED_US;
	struct push *found = NULL;

	for (struct parked **at = &d->parked; *at != NULL;) {
		struct parked *p = *at;

		if (p->at_us > old_us && p->command_id != command_id) {
			at = &p->next;
			continue;
		}
		if (p->at_us > old_us && p->epoch == epoch)
			found = p->push;
		else
			push_free(p->push);
		*at = p->next;
		free(p);
	}
	return found;
}

bool
turn_in_the_way(const struct turn *t)
{
	return dispatch_wants(t->dispatch, t->c.endpoint_id);
}

static void
on_moved(bool moved, const struct err *e, void *arg)
{
	struct turn *t = arg;
	struct dispatch *d = t->dispatch;

	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_ERROR, "command %lld: %s", (long long)t->c.id, e->text);
	else if (!moved)
		slog(d, LOG_LEVEL_DEBUG, "command %lld stays as it is", (long long)t->c.id);
	session_release(t->session);
	dispatch_look(d, t->c.endpoint_id);
	turn_free(t);
	d->events.on_moved(d->events.arg);
}

void
turn_move(struct turn *t, enum command_event ev, enum refusal refusal, const char *why)
{
	int64_t due = 0;

	/* What is unsure is read back soon; what is tried again waits longer each time. */
	if (ev == COMMAND_DENIED)
		due = loop_now_us(t->loop);
	else if (ev == COMMAND_UNANSWERED || ev == COMMAND_UNSENT || ev == COMMAND_DISPROVED)
		due = loop_now_us(t->loop) + turn_backoff_us(t);
	turn_move_at(t, ev, refusal, why, due);
}

void
turn_move_at(
    struct turn *t, enum command_event ev, enum refusal refusal, const char *why, int64_t due_us)
{
	int64_t now = loop_now_us(t->loop);
	struct move m = {
	    .event = ev,
	    .due_us = due_us,
	    .outcome = why,
	    .refusal = refusal,
	    .has_status = t->seen.has_status,
	    .status = t->seen.status,
	};

	slog(t->dispatch, LOG_LEVEL_INFO, "meter=%s command %lld %s%s%s", t->meter->address,
	    (long long)t->c.id, command_event_name(ev), why != NULL ? ": " : "",
	    why != NULL ? why : "");
	store_command_move(t->db, &t->c, &m, &t->steps, now, on_moved, t);
}

static void
begin_later(void *arg)
{
	turn_begin(arg);
}

static void
on_claimed(const struct claimed *c, void *arg)
{
	struct dispatch *d = arg;
	struct session *s = gateway_find(d->gateway, c->endpoint_id);
	struct meter *m = s != NULL ? endpoint_meter_of(session_endpoint(s), c->meter_id) : NULL;
	struct turn *t;

	if (m == NULL || session_endpoint(s)->epoch != c->epoch || !session_free(s)) {
		/* its session went meanwhile: that has made it unsure, or the sweep will */
		slog(d, LOG_LEVEL_INFO, "command %lld lost its session", (long long)c->id);
		return;
	}
	metric_add(METRIC_DISPATCHED, 1);
	t = mem_new(sizeof *t);
	t->dispatch = d;
	t->loop = d->loop;
	t->db = d->db;
	t->intake = d->intake;
	t->node = d->node;
	t->session = s;
	t->meter = m;
	t->c = *c;
	t->c.task.valid_us = d->conf->relay_valid_us;
	t->settle_us = d->conf->settle_us;
	t->audit_us = d->conf->push_audit_us;
	t->c.json = NULL;
	if (c->kind == COMMAND_PUSH && (t->push = unpark(d, c->id, c->epoch)) == NULL)
		t->push = push_new(c->json);
	if (c->kind == COMMAND_QUALIFY)
		t->qualify = qualify_new(c->json);
	t->next = d->turns;
	d->turns = t;
	session_hold(s);
	timer_start(&t->later, d->loop, 0, begin_later, t);
}

/* --- claiming ----------------------------------------------------------------------------- */

static void dispatch_claim(void *arg);

static void
on_claims_done(const struct err *e, void *arg)
{
	struct dispatch *d = arg;

	d->claiming = false;
	map_free(d->asked);
	d->asked = map_new();
	if (e->class != ERR_NONE)
		slog(d, LOG_LEVEL_WARN, "claim: %s", e->text);
	if (d->n > 0)
		loop_defer(&d->poke, d->loop, dispatch_claim, d);
}

/* Sessions that are busy now come back when they are free: dispatch_freed(). */
static void
dispatch_claim(void *arg)
{
	struct dispatch *d = arg;
	struct db_column endpoints = {0}, epochs = {0}, quiet = {0};
	int64_t mono = loop_mono_us(d->loop);
	size_t i, most = d->nfirst > 0 ? d->nfirst : d->n;

	if (d->claiming)
		return;
	for (i = 0; i < most && endpoints.n < MOST_A_CLAIM; i++) {
		struct session *s = gateway_find(d->gateway, d->queue[i]);
		const struct endpoint *ep;

		map_take(d->wanted, d->queue[i]);
		if (s == NULL || !session_endpoint(s)->claimed)
			continue;
		if (!session_free(s)) {
			map_put(d->postponed, d->queue[i], d);
			continue;
		}
		ep = session_endpoint(s);
		map_put(d->asked, ep->id, d);
		db_column_int(&endpoints, ep->id);
		db_column_int(&epochs, ep->epoch);
		for (int k = 0; k < ep->n; k++)
			if (ep->meters[k].quiet_until_us > mono)
				db_column_int(&quiet, ep->meters[k].id);
	}
	memmove(d->queue, d->queue + i, (d->n - i) * sizeof *d->queue);
	d->n -= i;
	d->nfirst -= i < d->nfirst ? i : d->nfirst;
	if (endpoints.n == 0 && d->n > 0)
		loop_defer(&d->poke, d->loop, dispatch_claim, d);
	if (endpoints.n > 0) {
		d->claiming = true;
		store_command_claim(d->db, &endpoints, &epochs, &quiet, d->node,
		    d->events.trips_allowed(d->events.arg), loop_now_us(d->loop), on_claimed,
		    on_claims_done, d);
	}
	db_column_free(&endpoints);
	db_column_free(&epochs);
	db_column_free(&quiet);
}

void
dispatch_look(struct dispatch *d, int64_t endpoint_id)
{
	struct session *s = gateway_find(d->gateway, endpoint_id);

	if (s != NULL) {
		want(d, endpoint_id, true);
		loop_defer(&d->poke, d->loop, dispatch_claim, d);
	} else if (endpoint_id != 0) {
		d->events.on_elsewhere(endpoint_id, d->events.arg);
	}
}

void
dispatch_look_session(struct dispatch *d, struct session *s)
{
	want(d, session_endpoint(s)->id, session_endpoint(s)->waited_for);
	loop_defer(&d->poke, d->loop, dispatch_claim, d);
}

void
dispatch_freed(struct dispatch *d, struct session *s)
{
	if (map_take(d->postponed, session_endpoint(s)->id) != NULL)
		dispatch_look_session(d, s);
}

bool
dispatch_wants(const struct dispatch *d, int64_t endpoint_id)
{
	return map_get(d->wanted, endpoint_id) != NULL || map_get(d->asked, endpoint_id) != NULL ||
	       map_get(d->postponed, endpoint_id) != NULL;
}

static void
on_due(int64_t endpoint_id, void *arg)
{
	dispatch_look(arg, endpoint_id);
}

static void
on_sweep(void *arg)
{
	struct dispatch *d = arg;
	struct db_column working = {0};

	timer_sweep(&d->sweep, d->loop, d->conf->sweep_us, on_sweep, d);
	if (db_backlog(d->db, DB_COMMANDS) > 0)
		return; /* it is behind; what it carries comes first */
	for (const struct turn *t = d->turns; t != NULL; t = t->next)
		db_column_int(&working, t->c.id);
	if (!d->claiming)
		store_command_due(d->db, d->node, &working, loop_now_us(d->loop), on_due, d);
	db_column_free(&working);
}

struct dispatch *
dispatch_new(struct loop *l, struct db *db, struct intake *intake, const char *node,
    const struct dispatch_conf *conf, const struct dispatch_events *events)
{
	struct dispatch *d = mem_new(sizeof *d);

	d->loop = l;
	d->db = db;
	d->intake = intake;
	d->node = node;
	d->conf = conf;
	d->events = *events;
	d->wanted = map_new();
	d->postponed = map_new();
	d->asked = map_new();
	d->log.module = "dispatch";
	timer_start(&d->sweep, l, conf->sweep_us, on_sweep, d);
	return d;
}

void
dispatch_set_gateway(struct dispatch *d, struct gateway *g)
{
	d->gateway = g;
}

void
dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	while (d->turns != NULL) {
		timer_stop(&d->turns->later);
		/* takes it out of d->turns: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		turn_free(d->turns);
	}
	for (struct parked *p; (p = d->parked) != NULL; free(p)) {
		d->parked = p->next;
		push_free(p->push);
	}
	timer_stop(&d->poke);
	timer_stop(&d->sweep);
	map_free(d->wanted);
	map_free(d->postponed);
	map_free(d->asked);
	free(d->queue);
	free(d);
}
