#include "service/gateway.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "service/link.h"
#include "service/listener.h"
#include "service/logins.h"
#include "service/ways.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHALLENGE_US (5 * SECOND_US)
#define OTHER_FILES  700 /* descriptors that are no meter's: doors, lanes, messages under way */

struct gateway {
	struct loop *loop;
	struct db *db;
	const char *node;
	const struct gateway_conf *conf;
	const struct gateway_events *events;
	void *arg;
	struct listener *listener;
	struct sessions all;
	struct ways *ways;
	struct logins *logins;
	struct map *by_endpoint;
	struct timer sweep, drain;
	int64_t seen_us; /* what was heard since then is yet to be written down */
	int most, drain_each;
	struct logctx log;
};

static bool
is_current(const struct gateway *g, const struct session *s)
{
	const struct endpoint *ep = session_endpoint(s);

	return ep != NULL && map_get(g->by_endpoint, ep->id) == s;
}

/* --- takeover ----------------------------------------------------------------------------- */

/* The old connection has answered: there are two of that name. */
static void
on_challenged(struct session *s, const struct answer *a, const struct err *e, void *arg)
{
	struct gateway *g = arg;
	const struct endpoint *ep = session_endpoint(s);
	struct session *now = map_get(g->by_endpoint, ep->id);

	(void)a;
	if (e->class == ERR_NONE || e->class == ERR_REFUSED) {
		slog(g, LOG_LEVEL_WARN, "%s answers on two connections: both are quarantined",
		    session_identity(s));
		store_quarantine(
		    g->db, ep->id, "two devices answer to this name", loop_now_us(g->loop));
		if (now != NULL)
			session_close(now, "two devices answer to this name");
		else
			store_endpoint_refresh(g->db, ep->id, g->node);
	} else if (now != NULL) {
		store_session_trusted(g->db, ep->id, session_endpoint(now)->epoch);
	}
	session_close(s, "replaced by a newer connection");
}

static void
challenge(struct gateway *g, struct session *old)
{
	struct endpoint *ep = session_endpoint(old);
	const struct task ask = {.kind = TASK_RELAY_LOOK};

	session_mute(old);
	if (ep->n == 0) { /* quarantined anyway: nothing may be asked */
		session_close(old, "replaced by a newer connection");
		return;
	}
	session_challenge(old, &ep->meters[0], &ask, CHALLENGE_US, on_challenged, g);
}

void
gateway_taken(struct gateway *g, int64_t endpoint_id, int64_t epoch)
{
	struct session *old = map_get(g->by_endpoint, endpoint_id);

	if (old == NULL || session_endpoint(old)->epoch >= epoch)
		return;
	map_take(g->by_endpoint, endpoint_id);
	challenge(g, old);
}

/* --- logging in --------------------------------------------------------------------------- */

static void
on_opened(struct session *s, const struct session_opened *o, const struct err *e, void *arg)
{
	struct gateway *g = arg;
	struct session *old;

	if (s == NULL || o->mine == NULL) {
		if (o->mine != NULL)
			logins_close(g->logins, o->mine, "gone while logging in");
		endpoint_free(o->mine);
		if (s != NULL)
			session_close(s, e->text);
		return;
	}
	old = map_get(g->by_endpoint, o->mine->id);
	map_put(g->by_endpoint, o->mine->id, s);
	session_ready(s, o->mine);
	if (old != NULL && old != s)
		challenge(g, old);
	if (o->mine->claimed && is_current(g, s))
		g->events->on_ready(s, g->arg);
}

static void
on_named(struct session *s, const char *identity, bool is_dtu, void *arg)
{
	struct gateway *g = arg;

	(void)identity; /* the session keeps it */
	logins_open(g->logins, s, is_dtu);
}

static void
on_heard(struct session *s, struct meter *m, const struct meter_event *ev, int n, void *arg)
{
	struct gateway *g = arg;

	if (is_current(g, s))
		g->events->on_heard(s, m, ev, n, g->arg);
}

static void
on_free(struct session *s, void *arg)
{
	struct gateway *g = arg;

	if (is_current(g, s) && session_endpoint(s)->claimed)
		g->events->on_free(s, g->arg);
}

static void
on_closed(struct session *s, const char *why, void *arg)
{
	struct gateway *g = arg;

	logins_forget(g->logins, s);
	if (is_current(g, s)) {
		const struct endpoint *ep = session_endpoint(s);

		map_take(g->by_endpoint, ep->id);
		logins_close(g->logins, ep, why);
		g->events->on_gone(s, g->arg);
	}
	if (g->listener != NULL && g->all.count < g->most - g->most / 50)
		listener_shut(g->listener, false);
}

static void
on_reply(struct session *s, int64_t took_us, void *arg)
{
	struct gateway *g = arg;

	if (took_us >= 0)
		ways_answered(g->ways, session_endpoint(s)->id, took_us);
	else
		ways_silent(g->ways, session_endpoint(s)->id);
}

static void
on_frame(struct session *s, const struct meter *m, char dir, struct span frame, void *arg)
{
	struct gateway *g = arg;

	(void)s;
	ways_frame(g->ways, m, dir, frame);
}

static const struct session_events session_events = {
    on_named, on_heard, on_free, on_closed, on_reply, on_frame};

void
gateway_admit(struct gateway *g, struct link *link)
{
	session_new(&g->all, link);
	if (g->all.count >= g->most && g->listener != NULL)
		listener_shut(g->listener, true);
}

static void
on_accept(int fd, const struct peer *peer, void *arg)
{
	struct gateway *g = arg;
	struct link *link = link_socket_new(g->loop, fd, peer);

	if (link == NULL)
		close(fd);
	else
		gateway_admit(g, link);
}

/* --- housekeeping ------------------------------------------------------------------------- */

/* Ends what is silent for too long, and writes down who was heard, in one statement. */
static void
on_sweep(void *arg)
{
	struct gateway *g = arg;
	int64_t mono = loop_mono_us(g->loop), wall = loop_now_us(g->loop);
	struct db_column ids = {0}, at = {0};
	struct session *s, *next;

	for (s = g->all.first; s != NULL; s = next) {
		next = session_next(s);
		if (session_dead(s, mono)) {
			session_close(s, "silent for three heartbeats");
			continue;
		}
		if (is_current(g, s) && session_heard_us(s) > g->seen_us) {
			db_column_int(&ids, session_endpoint(s)->id);
			db_column_int(&at, wall - (mono - session_heard_us(s)));
		}
	}
	g->seen_us = mono;
	if (ids.n > 0 && db_backlog(g->db, DB_BULK) < 64)
		store_session_seen(g->db, &ids, &at);
	db_column_free(&ids);
	db_column_free(&at);
	timer_sweep(&g->sweep, g->loop, g->conf->sweep_us, on_sweep, g);
}

/* One descriptor a session: what the process may not open it cannot hold. */
static int
most_sessions(struct gateway *g)
{
	struct rlimit r;
	int64_t fit;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
		return (int)g->conf->most_sessions;
	fit = (int64_t)r.rlim_cur - OTHER_FILES;
	if (fit < (int64_t)r.rlim_cur / 2)
		fit = (int64_t)r.rlim_cur / 2;
	if (fit >= g->conf->most_sessions)
		return (int)g->conf->most_sessions;
	slog(g, LOG_LEVEL_WARN,
	    "%lld files may be open: %lld sessions fit, not meters.most_sessions %lld",
	    (long long)r.rlim_cur, (long long)fit, (long long)g->conf->most_sessions);
	return (int)fit;
}

struct gateway *
gateway_new(struct loop *l, struct db *db, struct signer *signer, const char *node,
    const struct gateway_conf *conf, const struct session_conf *session,
    const struct gateway_events *events, void *arg)
{
	struct gateway *g = mem_new(sizeof *g);

	g->loop = l;
	g->db = db;
	g->node = node;
	g->conf = conf;
	g->all.loop = l;
	g->all.signer = signer;
	g->all.conf = session;
	g->all.events = &session_events;
	g->all.arg = g;
	g->events = events;
	g->arg = arg;
	g->by_endpoint = map_new();
	g->ways = ways_new(l, db, &conf->ways_us);
	g->logins = logins_new(l, db, node, on_opened, g);
	g->log.module = "gateway";
	g->most = most_sessions(g);
	timer_start(&g->sweep, l, conf->sweep_us, on_sweep, g);
	return g;
}

void
gateway_free(struct gateway *g)
{
	if (g == NULL)
		return;
	sessions_clear(&g->all, "the daemon ends");
	timer_stop(&g->sweep);
	timer_stop(&g->drain);
	listener_free(g->listener);
	logins_free(g->logins);
	ways_free(g->ways);
	map_free(g->by_endpoint);
	free(g);
}

int
gateway_listen(struct gateway *g, struct err *e)
{
	g->listener = listener_new(g->loop, g->conf->listen, on_accept, g, e);
	return g->listener != NULL ? listener_port(g->listener) : -1;
}

struct session *
gateway_find(const struct gateway *g, int64_t endpoint_id)
{
	return map_get(g->by_endpoint, endpoint_id);
}

struct session *
gateway_first(const struct gateway *g)
{
	return g->all.first;
}

int
gateway_count(const struct gateway *g)
{
	return g->all.count;
}

void
gateway_refresh(struct gateway *g, int64_t endpoint_id)
{
	struct session *s = map_get(g->by_endpoint, endpoint_id);

	if (s != NULL)
		session_close(s, "its meters have changed: log in again");
	else
		store_endpoint_refresh(g->db, endpoint_id, g->node);
}

void
gateway_refreshed(struct gateway *g, int64_t endpoint_id, int64_t epoch)
{
	struct session *s = map_get(g->by_endpoint, endpoint_id);

	if (s != NULL && session_endpoint(s)->epoch <= epoch)
		session_close(s, "its meters have changed: log in again");
}

static void
on_drain(void *arg)
{
	struct gateway *g = arg;

	int closed = 0;

	for (struct session *s = g->all.first, *next; s != NULL && closed < g->drain_each;
	     s = next) {
		next = session_next(s);
		if (session_busy(s))
			continue;
		session_close(s, "the daemon is draining");
		closed++;
	}
	if (g->all.first != NULL)
		timer_start(&g->drain, g->loop, SECOND_US / 10, on_drain, g);
}

void
gateway_drain(struct gateway *g, int64_t over_us)
{
	listener_free(g->listener);
	g->listener = NULL;
	g->all.ending = true;
	g->drain_each = (int)(g->all.count * (SECOND_US / 10) / (over_us > 0 ? over_us : 1)) + 1;
	timer_start(&g->drain, g->loop, 0, on_drain, g);
}
