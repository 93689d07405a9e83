/*
 * session -- one connection: a meter, or a converter with a bus of meters behind it.
 *
 *	GREETING --name or frame--> NAMED --session_ready--> READY <--ask, answer--> ASKING
 *	any of them --silence, hangup, takeover--> CLOSED
 *
 * A session starts out not knowing who it is talking to.  Once it does, it asks one thing at a
 * time: the wire is half duplex.  What nobody asked for never completes a question.
 *
 * The gateway owns it.  session_close() is the only way out, tells on_closed once, and lets the
 * memory go when this turn is over and nobody holds it: a callback may always look at its session.
 * There are tens of thousands, so what they share they keep in one place, struct sessions.
 */
#ifndef SERVICE_SESSION_H
#define SERVICE_SESSION_H

#include "base/err.h"
#include "base/loop.h"
#include "codec/meter_protocol.h"
#include "model/endpoint.h"
#include "model/task.h"
#include "service/link.h"

struct session;
struct signer;

struct session_events {
	/* Who is it?  Answer with session_ready() or session_close(), now or later. */
	void (*on_named)(struct session *s, const char *identity, bool is_dtu, void *arg);
	void (*on_heard)(
	    struct session *s, struct meter *m, const struct meter_event *ev, int n, void *arg);
	void (*on_free)(struct session *s, void *arg); /* ready, and nobody holds it */
	void (*on_closed)(struct session *s, const char *why, void *arg);
	void (*on_reply)(struct session *s, int64_t took_us, void *arg); /* -1: silence */
	void (*on_frame)(
	    struct session *s, const struct meter *m, char dir, struct span frame, void *arg);
};

struct session_conf {
	int64_t reply_us;    /* patience for an answer; 0: each profile's own */
	int64_t greeting_us; /* who does not say who it is by then is sent away */
	int64_t silence_us;  /* least silence after which a session counts as dead */
	int64_t quiet_after; /* silences in a row before a meter is asked only ... */
	int64_t quiet_us;    /* ... this often */
};

/* Their owner fills in the upper part; they keep the lower. */
struct sessions {
	struct loop *loop;
	struct signer *signer;
	const struct session_conf *conf;
	const struct session_events *events;
	void *arg; /* of the events */

	struct session *first; /* the newest; then session_next() */
	int count;
	struct session *later, *last_later; /* to be looked at when this turn is over */
	struct timer turn;
	bool ending; /* what is under way goes on, and nothing new begins */
};
void sessions_clear(struct sessions *all, const char *why); /* closes them all */

/* Every frame of a question, as it travelled: dir '>' sent, '<' heard. */
typedef void session_frame_fn(char dir, struct span frame, int64_t at_us, void *arg);
/* Answered once, later, from the loop; e->class as in struct talk. */
typedef void session_answer_fn(
    struct session *s, const struct answer *a, const struct err *e, void *arg);

struct session *session_new(struct sessions *all, struct link *link);
void session_ready(struct session *s, struct endpoint *mine); /* takes it over */
void session_close(struct session *s, const char *why);

/* Whoever wants to ask holds the session first, over as many questions as it takes. */
bool session_free(const struct session *s); /* ready and not held */
bool session_busy(const struct session *s); /* somebody holds it, or waits for an answer */
void session_hold(struct session *s);
void session_release(struct session *s); /* on_free follows, later */
void session_ask(struct session *s, struct meter *m, const struct task *t, session_frame_fn *frame,
    session_answer_fn *fn, void *arg);

/* After a takeover: mute means that nothing is asked any more but, once, whether somebody is
 * still there.  A question under way ends first, uncertain. */
void session_mute(struct session *s);
void session_challenge(struct session *s, struct meter *m, const struct task *t,
    int64_t patience_us, session_answer_fn *fn, void *arg);

struct endpoint *session_endpoint(const struct session *s); /* NULL while greeting */
const char *session_peer(const struct session *s); /* good until the next call; "" when closed */
const char *session_identity(const struct session *s);
int64_t session_heard_us(const struct session *s);           /* last byte, monotonic */
bool session_dead(const struct session *s, int64_t mono_us); /* three heartbeats without a word */
struct session *session_next(const struct session *s);

#endif
