#include "service/session_parts.h"

#include "base/metric.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who it is stands in every line, and is put together only when there is one. */
void
session_say(const struct session *s, enum log_level level, const char *fmt, ...)
{
	struct logctx log = {.module = "session"};
	const char *peer = session_peer(s);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->identity[0] == '\0')
		snprintf(log.who, sizeof log.who, "peer=%.56s", peer);
	else
		snprintf(log.who, sizeof log.who, "peer=%.26s %s=%.22s", peer,
		    s->is_dtu ? "dtu" : "meter", s->identity);
	log_line(&log, level, "%s", text);
}

/* --- waiting ------------------------------------------------------------------------------ */

void
session_wait(struct session *s, int64_t delay_us, loop_fn *fn)
{
	if (s->wait == NULL)
		s->wait = mem_new(sizeof *s->wait);
	timer_start(&s->wait->timer, s->all->loop, delay_us, fn, s);
}

void
session_wait_stop(struct session *s)
{
	if (s->wait != NULL)
		timer_stop(&s->wait->timer);
}

bool
session_waits_for(const struct session *s, loop_fn *fn)
{
	return s->wait != NULL && timer_running(&s->wait->timer) && s->wait->timer.fn == fn;
}

static void
session_rest(struct session *s)
{
	session_wait_stop(s);
	free(s->wait);
	s->wait = NULL;
}

/* --- the end of a turn -------------------------------------------------------------------- */

static void
session_gone(struct session *s)
{
	session_rest(s);
	endpoint_free(s->mine);
	free(s);
}

/* Those who come while this goes on are looked at in the next round. */
static void
on_turn_over(void *arg)
{
	struct sessions *all = arg;
	struct session *s = all->later, *next;

	all->later = NULL;
	all->last_later = NULL;
	for (; s != NULL; s = next) {
		next = s->later;
		s->later = NULL;
		s->in_later = false;
		if (s->state == SESSION_CLOSED && !s->held) {
			session_gone(s);
		} else if (session_free(s)) {
			session_rest(s);
			all->events->on_free(s, all->arg);
		}
	}
}

void
session_later(struct session *s)
{
	struct sessions *all = s->all;

	if (s->in_later)
		return;
	s->in_later = true;
	if (all->later == NULL)
		all->later = s;
	else
		all->last_later->later = s;
	all->last_later = s;
	loop_defer(&all->turn, all->loop, on_turn_over, all);
}

/* --- life --------------------------------------------------------------------------------- */

struct session *
session_new(struct sessions *all, struct link *link)
{
	struct session *s = mem_new(sizeof *s);

	s->all = all;
	s->link = link;
	s->next = all->first;
	s->prev = &all->first;
	if (s->next != NULL)
		s->next->prev = &s->next;
	all->first = s;
	all->count++;
	metric_add(METRIC_SESSIONS_OPENED, 1);
	s->heard_us = loop_mono_us(all->loop);
	link->user = &session_ears;
	link->arg = s;
	session_greet(s);
	return s;
}

void
session_close(struct session *s, const char *why)
{
	struct sessions *all = s->all;

	if (s->state == SESSION_CLOSED)
		return;
	session_say(s, LOG_LEVEL_INFO, "closed: %s", why);
	s->state = SESSION_CLOSED;
	session_wait_stop(s);
	s->link->kind->close(s->link);
	s->link = NULL;
	session_give_up(s, why);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	all->count--;
	all->events->on_closed(s, why, all->arg);
	session_later(s); /* unless somebody holds it and still looks at it: session_release() */
}

void
sessions_clear(struct sessions *all, const char *why)
{
	while (all->first != NULL)
		session_close(all->first, why);
	while (all->later != NULL)
		on_turn_over(all);
	timer_stop(&all->turn);
}

void
session_ready(struct session *s, struct endpoint *mine)
{
	s->mine = mine;
	s->state = SESSION_READY;
	session_wait_stop(s);
	session_say(s, LOG_LEVEL_INFO, "%s, epoch %lld, %d meter%s",
	    mine->claimed ? "logged in" : "quarantined", (long long)mine->epoch, mine->n,
	    mine->n == 1 ? "" : "s");
	session_later(s);
}

bool
session_free(const struct session *s)
{
	return s->state == SESSION_READY && !s->held && !s->muted && !s->settling &&
	       !s->all->ending;
}

bool
session_busy(const struct session *s)
{
	return s->held || s->state == SESSION_ASKING;
}

void
session_hold(struct session *s)
{
	s->held = true;
}

void
session_release(struct session *s)
{
	s->held = false;
	session_later(s);
}

void
session_mute(struct session *s)
{
	s->muted = true;
	session_give_up(s, "replaced by a newer connection");
}

/* --- what others want to know ------------------------------------------------------------- */

struct endpoint *
session_endpoint(const struct session *s)
{
	return s->mine;
}

const char *
session_peer(const struct session *s)
{
	static char out[PEER_ROOM];

	*out = '\0';
	if (s->link != NULL)
		peer_text(s->link->kind->peer(s->link), out);
	return out;
}

const char *
session_identity(const struct session *s)
{
	return s->identity;
}

int64_t
session_heard_us(const struct session *s)
{
	return s->heard_us;
}

bool
session_dead(const struct session *s, int64_t mono_us)
{
	int64_t most = (int64_t)s->heartbeat_ms * 3000;

	if (most < s->all->conf->silence_us)
		most = s->all->conf->silence_us;
	return s->state != SESSION_CLOSED && mono_us - s->heard_us > most;
}

struct session *
session_next(const struct session *s)
{
	return s->next;
}
