/*
 * Two things make this file what it is.  The wire is half duplex and its refusals carry no
 * identifier, so there is never more than one question out, and after a silence the line is
 * left quiet for a moment: the late answer must not be taken for the next one's.  And the
 * protocol is pure: it is told what happened (frame, silence, signature, pause) and says what to
 * do next; only session_follow() does it.
 */
#include "service/session_parts.h"

#include "base/metric.h"
#include "service/signer.h"

#include <stdlib.h>

static void session_follow(struct session *s, enum talk_next next);

static int64_t
now_us(const struct session *s)
{
	return loop_now_us(s->all->loop);
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
	talk_clear(&q->talk);
	free(q);
}

void
session_give_up(struct session *s, const char *why)
{
	struct question *q = s->asking;

	if (q == NULL)
		return;
	session_wait_stop(s);
	signer_forget(s->all->signer, q->signature);
	err_set(&q->talk.err, q->talk.acted ? ERR_UNCERTAIN : ERR_RETRY, "%s", why);
	session_answered(s);
}

/* --- what may happen to a question -------------------------------------------------------- */

static void
on_quiet_over(void *arg)
{
	struct session *s = arg;

	s->settling = false;
	session_later(s);
}

static void
note_silence(struct session *s, struct meter *m)
{
	const struct session_conf *conf = s->all->conf;

	if (m->silences < UINT8_MAX)
		m->silences++;
	session_say(s, LOG_LEVEL_INFO, "meter %s is silent (%u in a row)", m->address, m->silences);
	if (m->silences >= conf->quiet_after)
		m->quiet_until_us = loop_mono_us(s->all->loop) + conf->quiet_us;
}

static void
on_silence(void *arg)
{
	struct session *s = arg;
	struct question *q = s->asking;
	struct meter *m = q->talk.meter;
	int64_t quiet_us = q->talk.patience_us / 16; /* q goes with its answer */
	bool alone = s->mine->n == 1 && m->silences + 1 >= s->all->conf->quiet_after;

	metric_add(METRIC_SILENCES, 1);
	s->all->events->on_reply(s, -1, s->all->arg);
	note_silence(s, m);
	s->settling = true;
	session_follow(s, q->protocol->silent(&q->talk, now_us(s)));
	if (s->state == SESSION_CLOSED)
		return;
	if (alone && !s->muted) {
		session_close(s, "nobody answers any more");
		return;
	}
	if (s->asking == NULL)
		session_wait(s, quiet_us, on_quiet_over);
}

static void
on_pause_over(void *arg)
{
	struct session *s = arg;

	session_follow(s, s->asking->protocol->paused(&s->asking->talk, now_us(s)));
}

static void
on_signed(const struct sign_reply *reply, const struct err *e, void *arg)
{
	struct session *s = arg;
	struct question *q = s->asking;

	q->signature = 0;
	if (reply == NULL)
		session_say(s, LOG_LEVEL_WARN, "encryption machine: %s", e->text);
	session_follow(s, q->protocol->signed_by(&q->talk, reply, now_us(s)));
}

bool
session_answers(struct session *s, const struct meter *m, struct span frame)
{
	struct question *q = s->asking;
	enum talk_next next;

	if (q == NULL || q->talk.meter != m || s->state != SESSION_ASKING ||
	    !session_waits_for(s, on_silence))
		return false;
	if (q->frame != NULL)
		q->frame('<', frame, now_us(s), q->arg);
	next = q->protocol->heard(&q->talk, frame, now_us(s));
	if (next == TALK_UNRELATED)
		return false;
	s->all->events->on_reply(s, loop_mono_us(s->all->loop) - q->sent_us, s->all->arg);
	session_follow(s, next);
	return true;
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
		metric_add(METRIC_FRAMES_SENT, 1);
		s->link->kind->send(s->link, buf_span(&t->out));
		q->sent_us = loop_mono_us(s->all->loop);
		s->all->events->on_frame(s, t->meter, '>', buf_span(&t->out), s->all->arg);
		if (q->frame != NULL)
			q->frame('>', buf_span(&t->out), now_us(s), q->arg);
		session_wait(s, t->patience_us, on_silence);
		return;
	case TALK_CAST:
		metric_add(METRIC_FRAMES_SENT, 1);
		s->link->kind->send(s->link, buf_span(&t->out));
		if (q->frame != NULL)
			q->frame('>', buf_span(&t->out), now_us(s), q->arg);
		session_wait(s, t->pause_us, on_pause_over);
		return;
	case TALK_PAUSE:
		session_wait(s, t->pause_us, on_pause_over);
		return;
	case TALK_SIGN:
		session_wait_stop(s);
		q->signature = signer_ask(s->all->signer, &t->sign, on_signed, s);
		return;
	case TALK_DONE:
		session_wait_stop(s);
		session_answered(s);
		return;
	}
}

/* --- asking ------------------------------------------------------------------------------- */

static void
begin(void *arg)
{
	struct session *s = arg;

	s->settling = false;
	session_follow(s, s->asking->protocol->begin(&s->asking->talk, now_us(s)));
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
	q->talk.reply_us = s->all->conf->reply_us;
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
	session_wait(s, s->settling ? SECOND_US / 4 : 0, begin);
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

void
session_challenge(struct session *s, struct meter *m, const struct task *t, int64_t patience_us,
    session_answer_fn *fn, void *arg)
{
	ask(s, m, t, NULL, fn, arg);
	s->asking->talk.reply_us = patience_us;
}
