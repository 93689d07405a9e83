/*
 * session_parts -- what session.c (its life), session_ask.c (questions) and session_hear.c
 * (what comes in) share; nobody else includes it.
 */
#ifndef SERVICE_SESSION_PARTS_H
#define SERVICE_SESSION_PARTS_H

#include "base/log.h"
#include "codec/meter_protocol.h"
#include "service/link.h"
#include "service/session.h"

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
	int64_t sent_us;    /* the frame that is out; monotonic */
	uint64_t signature; /* asked of the encryption machine */
};

/* What only a session that waits for something needs. */
struct session_wait {
	struct timer timer;  /* greeting, patience, pause, or the moment of quiet */
	int64_t greet_by_us; /* who has not said who it is by then goes, however busy it was */
};

/* Nearly all of them are idle nearly all the time, so what is here is what an idle one needs:
 * 120 bytes, which malloc() makes 128 of. */
struct session {
	struct sessions *all;
	struct link *link; /* NULL once closed */
	struct session *next, **prev;
	struct session *later; /* the next to be looked at when this turn is over */
	struct endpoint *mine;
	struct question *asking;
	struct session_wait *wait;
	int64_t heard_us;
	uint32_t heartbeat_ms;
	uint16_t noise : 10, state : 3, envelope : 3;
	bool held : 1, muted : 1, settling : 1, paused : 1, is_dtu : 1, in_later : 1;
	char identity[41];
};

/* session.c */
void session_say(const struct session *s, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void session_wait(struct session *s, int64_t delay_us, loop_fn *fn);
void session_wait_stop(struct session *s);
bool session_waits_for(const struct session *s, loop_fn *fn);
void session_later(struct session *s); /* is it free, or gone?  Looked at when the turn is over */

/* session_ask.c */
void session_give_up(struct session *s, const char *why); /* the question under way, if any */
/* Takes a frame that answers the question under way. */
bool session_answers(struct session *s, const struct meter *m, struct span frame);

/* session_hear.c */
extern const struct link_user session_ears;
void session_greet(struct session *s);

#endif
