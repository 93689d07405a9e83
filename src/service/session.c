/*
 * Two things make this file what it is.  The wire is half duplex and its refusals carry no
 * identifier, so there is never more than one question out, and after a silence the line is
 * left quiet for a moment: the late answer must not be taken for the next one's.  And the
 * protocol is pure: it is told what happened (frame, silence, signature, pause) and says what to
 * do next; only session_follow() does it.
 */
#include "service/session.h"

#include "base/log.h"
#include "base/loop.h"
#include "codec/envelope.h"
#include "service/link.h"
#include "service/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NOISE 512          /* bytes without a frame: not a meter */
#define NAME_PAUSE (300 * 1000) /* us: a registration is over when nothing follows */

enum session_state {
	SESSION_GREETING,
	SESSION_NAMED,
	SESSION_READY,
	SESSION_ASKING,
	SESSION_CLOSED
};

struct question {
	struct talk talk;
	struct task task;
	const struct meter_protocol *protocol;
	session_frame_fn *frame;
	session_answer_fn *fn;
	void *arg;
	uint64_t signature; /* asked of the encryption machine */
};

struct session {
	struct loop *loop;
	struct link *link;
	struct signer *signer;
	const struct session_conf *conf;
	const struct session_events *events;
	void *arg;
	struct session *next, **prev;
	struct endpoint *mine;
	struct question *asking;
	struct timer timer;  /* greeting, patience, pause, or the moment of quiet */
	struct timer later;  /* on_free, and the end of the memory */
	int64_t greet_by_us; /* who has not said who it is by then goes, however busy it was */
	int64_t heard_us, heartbeat_us;
	uint16_t noise;
	uint8_t state, envelope;
	bool held, muted, settling, paused;
	char identity[41];
	struct logctx log;
};

static size_t on_input(struct span bytes, void *arg);
static void on_ended(const char *why, void *arg);
static void session_follow(struct session *s, enum talk_next next);

static const struct link_user user = {on_input, on_ended};

static void
on_greeting_over(void *arg)
{
	struct session *s = arg;

	session_close(s, s->state == SESSION_GREETING ? "did not say who it is" : "not admitted");
}

struct session *
session_new(struct loop *loop, struct link *link, struct signer *signer,
    const struct session_conf *conf, const struct session_events *events, void *arg)
{
	struct session *s = mem_new(sizeof *s);

	s->loop = loop;
	s->link = link;
	s->signer = signer;
	s->conf = conf;
	s->events = events;
	s->arg = arg;
	s->log.module = "session";
	snprintf(s->log.who, sizeof s->log.who, "peer=%s", link->peer);
	s->heard_us = loop_mono_us(loop);
	s->greet_by_us = s->heard_us + conf->greeting_us;
	link->user = &user;
	link->arg = s;
	timer_start(&s->timer, loop, conf->greeting_us, on_greeting_over, s);
	return s;
}

static void
session_gone(void *arg)
{
	struct session *s = arg;

	endpoint_free(s->mine);
	free(s);
}

static void
question_free(struct question *q)
{
	talk_clear(&q->talk);
	free(q);
}

/* s->asking = NULL first, then tell: the answer may ask the next thing. */
static void
session_answered(struct session *s)
{
	struct question *q = s->asking;

	s->asking = NULL;
	if (s->state == SESSION_ASKING)
		s->state = SESSION_READY;
	q->fn(s, &q->talk.answer, &q->talk.err, q->arg);
	question_free(q);
}

void
session_close(struct session *s, const char *why)
{
	if (s->state == SESSION_CLOSED)
		return;
	slog(s, LOG_LEVEL_INFO, "closed: %s", why);
	s->state = SESSION_CLOSED;
	timer_stop(&s->timer);
	s->link->close(s->link);
	s->link = NULL;
	if (s->asking != NULL) {
		struct question *q = s->asking;

		signer_forget(s->signer, q->signature);
		err_set(&q->talk.err, q->talk.acted ? ERR_UNCERTAIN : ERR_RETRY, "%s", why);
		session_answered(s);
	}
	s->events->on_closed(s, why, s->arg);
	if (!s->held) /* or whoever holds it still looks at it: session_release() */
		timer_start(&s->later, s->loop, 0, session_gone, s);
}

/* --- asking ------------------------------------------------------------------------------- */

static void
tell_free(void *arg)
{
	struct session *s = arg;

	if (session_free(s))
		s->events->on_free(s, s->arg);
}

static void
free_later(struct session *s)
{
	if (session_free(s))
		loop_defer(&s->later, s->loop, tell_free, s);
}

static void
on_quiet_over(void *arg)
{
	struct session *s = arg;

	s->settling = false;
	free_later(s);
}

static void
note_silence(struct session *s, struct meter *m)
{
	if (m->silences < UINT8_MAX)
		m->silences++;
	slog(s, LOG_LEVEL_INFO, "meter %s is silent (%u in a row)", m->address, m->silences);
	if (m->silences >= s->conf->quiet_after)
		m->quiet_until_us = loop_mono_us(s->loop) + s->conf->quiet_us;
}

static void
on_silence(void *arg)
{
	struct session *s = arg;
	struct question *q = s->asking;
	struct meter *m = q->talk.meter;
	int64_t quiet_us = q->talk.patience_us / 16; /* q goes with its answer */
	bool alone = s->mine->n == 1 && m->silences + 1 >= s->conf->quiet_after;

	note_silence(s, m);
	s->settling = true;
	session_follow(s, q->protocol->silent(&q->talk, loop_now_us(s->loop)));
	if (s->state == SESSION_CLOSED)
		return;
	if (alone && !s->muted) {
		session_close(s, "nobody answers any more");
		return;
	}
	if (s->asking == NULL)
		timer_start(&s->timer, s->loop, quiet_us, on_quiet_over, s);
}

static void
on_pause_over(void *arg)
{
	struct session *s = arg;

	session_follow(s, s->asking->protocol->paused(&s->asking->talk, loop_now_us(s->loop)));
}

static void
on_signed(const struct sign_reply *reply, const struct err *e, void *arg)
{
	struct session *s = arg;
	struct question *q = s->asking;

	q->signature = 0;
	if (reply == NULL)
		slog(s, LOG_LEVEL_WARN, "encryption machine: %s", e->text);
	session_follow(s, q->protocol->signed_by(&q->talk, reply, loop_now_us(s->loop)));
}

/* Does what the protocol wants next. */
static void
session_follow(struct session *s, enum talk_next next)
{
	struct question *q = s->asking;
	struct talk *t = &q->talk;

	switch (next) {
	case TALK_UNRELATED:
		return; /* still waiting */
	case TALK_SEND:
		s->link->send(s->link, buf_span(&t->out));
		if (q->frame != NULL)
			q->frame('>', buf_span(&t->out), loop_now_us(s->loop), q->arg);
		timer_start(&s->timer, s->loop, t->patience_us, on_silence, s);
		return;
	case TALK_PAUSE:
		timer_start(&s->timer, s->loop, t->pause_us, on_pause_over, s);
		return;
	case TALK_SIGN:
		timer_stop(&s->timer);
		q->signature = signer_ask(s->signer, &t->sign, on_signed, s);
		return;
	case TALK_DONE:
		timer_stop(&s->timer);
		session_answered(s);
		return;
	}
}

static void
begin(void *arg)
{
	struct session *s = arg;

	s->settling = false;
	session_follow(s, s->asking->protocol->begin(&s->asking->talk, loop_now_us(s->loop)));
}

static void
ask(struct session *s, struct meter *m, const struct task *t, session_frame_fn *frame,
    session_answer_fn *fn, void *arg)
{
	struct question *q;

	if (s->asking != NULL || s->state == SESSION_GREETING || s->state == SESSION_NAMED)
		abort(); /* the caller did not hold the session */
	q = mem_new(sizeof *q);
	q->task = *t;
	q->talk.meter = m;
	q->talk.task = &q->task;
	q->talk.reply_us = s->conf->reply_us;
	q->protocol = meter_protocol_find(m->protocol);
	q->frame = frame;
	q->fn = fn;
	q->arg = arg;
	if (q->protocol == NULL)
		abort(); /* the database names only protocols we know */
	s->asking = q;
	s->state = SESSION_ASKING;
	/* From the loop, so that nobody is answered before this call has returned; after a
	 * silence, a moment later. */
	timer_start(&s->timer, s->loop, s->settling ? SECOND_US / 4 : 0, begin, s);
}

/* Whoever holds a session may find it closed, or mute and being asked for a sign of life. */
void
session_ask(struct session *s, struct meter *m, const struct task *t, session_frame_fn *frame,
    session_answer_fn *fn, void *arg)
{
	const struct answer nothing = {0};
	struct err e = {0};

	if (s->state != SESSION_CLOSED && !s->muted) {
		ask(s, m, t, frame, fn, arg);
		return;
	}
	err_set(
	    &e, ERR_RETRY, s->muted ? "replaced by a newer connection" : "the session is closed");
	fn(s, &nothing, &e, arg);
}

bool
session_free(const struct session *s)
{
	return s->state == SESSION_READY && !s->held && !s->muted && !s->settling;
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
	if (s->state == SESSION_CLOSED)
		timer_start(&s->later, s->loop, 0, session_gone, s);
	else
		free_later(s);
}

void
session_mute(struct session *s)
{
	struct question *q = s->asking;

	s->muted = true;
	if (q == NULL)
		return;
	timer_stop(&s->timer);
	signer_forget(s->signer, q->signature);
	err_set(&q->talk.err, q->talk.acted ? ERR_UNCERTAIN : ERR_RETRY,
	    "replaced by a newer connection");
	session_answered(s);
}

void
session_challenge(struct session *s, struct meter *m, const struct task *t, int64_t patience_us,
    session_answer_fn *fn, void *arg)
{
	ask(s, m, t, NULL, fn, arg);
	s->asking->talk.reply_us = patience_us;
}

/* --- hearing ------------------------------------------------------------------------------ */

static void
named(struct session *s, const char *identity, bool is_dtu)
{
	snprintf(s->identity, sizeof s->identity, "%s", identity);
	snprintf(s->log.who, sizeof s->log.who, "peer=%.26s %s=%.22s", s->link->peer,
	    is_dtu ? "dtu" : "meter", s->identity);
	s->state = SESSION_NAMED;
	timer_start(&s->timer, s->loop, s->conf->greeting_us, on_greeting_over, s);
	s->events->on_named(s, s->identity, is_dtu, s->arg);
}

static void
hear_frame(struct session *s, struct span frame)
{
	struct meter_event events[REG_COUNT];
	char address[13];
	struct meter *m;
	struct err e;
	int n;

	if (protocol_dlt645.who(frame, address, &e) < 0) {
		slog(s, LOG_LEVEL_DEBUG, "%s", e.text);
		return;
	}
	if (s->state == SESSION_GREETING) {
		named(s, address, false);
		return;
	}
	if (s->mine == NULL)
		return; /* named, not admitted yet */
	m = endpoint_meter(s->mine, address);
	if (m == NULL) {
		slog(s, LOG_LEVEL_WARN, "a frame of %s, which is not known here", address);
		return;
	}
	m->silences = 0;
	m->quiet_until_us = 0;
	if (s->asking != NULL && s->asking->talk.meter == m && s->state == SESSION_ASKING &&
	    timer_running(&s->timer) && s->timer.fn == on_silence) {
		struct question *q = s->asking;
		enum talk_next next;

		if (q->frame != NULL)
			q->frame('<', frame, loop_now_us(s->loop), q->arg);
		next = q->protocol->heard(&q->talk, frame, loop_now_us(s->loop));
		if (next != TALK_UNRELATED) {
			session_follow(s, next);
			return;
		}
	}
	n = protocol_dlt645.overheard(frame, loop_now_us(s->loop), events, REG_COUNT);
	for (int i = 0; i < n; i++)
		events[i].reading.meter_id = m->id;
	if (n > 0)
		s->events->on_heard(s, m, events, n, s->arg);
}

static void
hear_name(struct session *s, struct span name)
{
	char text[41];

	if (s->state != SESSION_GREETING)
		return;
	snprintf(text, sizeof text, "%.*s", (int)(name.len < 40 ? name.len : 40),
	    (const char *)name.bytes);
	named(s, text, true);
}

static void
on_name_pause(void *arg)
{
	struct session *s = arg;
	int64_t left = s->greet_by_us - loop_mono_us(s->loop);

	if (left <= 0) {
		on_greeting_over(s);
		return;
	}
	s->paused = true;
	timer_start(&s->timer, s->loop, left, on_greeting_over, s);
	s->link->again(s->link);
}

/* A name is over when nothing follows, and so is the time for it. */
static void
wait_for_name(struct session *s)
{
	int64_t left = s->greet_by_us - loop_mono_us(s->loop);

	timer_start(&s->timer, s->loop, left < NAME_PAUSE ? left : NAME_PAUSE, on_name_pause, s);
}

static bool
decide_envelope(struct session *s, struct span bytes)
{
	enum envelope_kind k = envelope_guess(bytes, s->paused || bytes.len >= 64);

	switch (k) {
	case ENVELOPE_UNDECIDED:
		if (!s->paused)
			wait_for_name(s);
		return false;
	case ENVELOPE_DLT645:
	case ENVELOPE_DTU:
		s->envelope = (uint8_t)k;
		return true;
	default: {
		char why[80];

		snprintf(why, sizeof why, "speaks %s, which is not spoken here", envelope_name(k));
		session_close(s, why);
		return false;
	}
	}
}

static void
note_heartbeat(struct session *s)
{
	int64_t now = loop_mono_us(s->loop), gap = now - s->heard_us;

	if (gap > SECOND_US) /* what comes sooner belongs to the same word */
		s->heartbeat_us = s->heartbeat_us == 0 ? gap : (s->heartbeat_us * 3 + gap) / 4;
	s->heard_us = now;
}

static size_t
on_input(struct span bytes, void *arg)
{
	struct session *s = arg;
	size_t taken = 0;

	note_heartbeat(s);
	if (s->envelope == ENVELOPE_UNDECIDED && !decide_envelope(s, bytes))
		return 0;
	while (s->state != SESSION_CLOSED && taken < bytes.len) {
		struct span in = {bytes.bytes + taken, bytes.len - taken}, found = {0};
		size_t used = 0;
		enum scan what =
		    envelope_scan((enum envelope_kind)s->envelope, s->identity, in, &found, &used);

		taken += used;
		if (what == SCAN_MORE)
			break;
		s->noise = what == SCAN_NOISE ? (uint16_t)(s->noise + used) : 0;
		if (s->noise > MOST_NOISE) {
			session_close(s, "nothing but noise");
			break;
		}
		if (what == SCAN_FRAME)
			hear_frame(s, found);
		else if (what == SCAN_NAME)
			hear_name(s, found);
	}
	return taken;
}

static void
on_ended(const char *why, void *arg)
{
	session_close(arg, why);
}

void
session_ready(struct session *s, struct endpoint *mine)
{
	s->mine = mine;
	s->state = SESSION_READY;
	timer_stop(&s->timer);
	slog(s, LOG_LEVEL_INFO, "%s, epoch %lld, %d meter%s",
	    mine->claimed ? "logged in" : "quarantined", (long long)mine->epoch, mine->n,
	    mine->n == 1 ? "" : "s");
	free_later(s);
}

struct endpoint *
session_endpoint(const struct session *s)
{
	return s->mine;
}

const char *
session_peer(const struct session *s)
{
	return s->link != NULL ? s->link->peer : "";
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
	int64_t most = s->heartbeat_us * 3;

	if (most < s->conf->silence_us)
		most = s->conf->silence_us;
	return s->state != SESSION_CLOSED && mono_us - s->heard_us > most;
}

struct session *
session_next(const struct session *s)
{
	return s->next;
}

void
session_link(struct session *s, struct session **first)
{
	s->next = *first;
	s->prev = first;
	if (s->next != NULL)
		s->next->prev = &s->next;
	*first = s;
}

void
session_unlink(struct session *s)
{
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
}
