/*
 * meter_protocol -- how a protocol plugs in: a task becomes exchanges.
 *
 * Pure: it neither waits nor sends.  The session lends it a struct talk for one task, does what
 * the return value says, and tells what came of it, until TALK_DONE:
 *
 *	begin --> SEND --> heard | silent --> ... --> DONE
 *	          SIGN --> signed             what only the encryption machine can make
 *	          PAUSE --> paused            a relay needs a moment before it is read back
 *	          CAST --> paused             what is sent is to all, and nobody answers
 *
 * At DONE, err.class says what is known: ERR_NONE answer is whole; ERR_RETRY surely nothing was
 * done (no acting frame left); ERR_REFUSED it said no, see answer.refusal; ERR_UNCERTAIN an
 * acting frame left and nothing proves what came of it.
 */
#ifndef CODEC_METER_PROTOCOL_H
#define CODEC_METER_PROTOCOL_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/scan.h"
#include "codec/sign.h"
#include "model/task.h"

enum talk_next { TALK_SEND, TALK_SIGN, TALK_PAUSE, TALK_CAST, TALK_DONE, TALK_UNRELATED };

struct talk {
	struct meter *meter; /* borrowed; its clock skew and authentication are kept there */
	const struct task *task;
	int64_t reply_us; /* setting; 0: the profile's own patience */

	struct buf out;       /* SEND: the request with its preamble; taken by the session */
	int64_t patience_us;  /* SEND: how long to wait for the answer */
	int64_t pause_us;     /* PAUSE, CAST */
	struct sign_ask sign; /* SIGN */
	bool acted;           /* a frame that may move something has left */

	struct answer answer;
	struct err err;

	/* the protocol's own */
	int step, index, seq, polls;
	uint8_t expect;  /* function asked */
	uint32_t di;     /* identifier asked, 0 for none */
	struct buf more; /* parts of a long answer */
};

/* What a frame nobody asked for says. */
struct meter_event {
	enum { EVENT_ALIVE, EVENT_READING, EVENT_REPORT } kind; /* REPORT: there is news to read */
	struct reading reading;
};

struct meter_protocol {
	const char *name;
	/* Whose frame is it?  -1 when it is none of a meter's (an echo of our own, say). */
	int (*who)(struct span frame, char address[13], struct err *e);
	enum talk_next (*begin)(struct talk *t, int64_t now_us);
	enum talk_next (*heard)(struct talk *t, struct span frame, int64_t now_us);
	enum talk_next (*silent)(struct talk *t, int64_t now_us);
	enum talk_next (*signed_by)(struct talk *t, const struct sign_reply *r, int64_t now_us);
	enum talk_next (*paused)(struct talk *t, int64_t now_us);
	int (*overheard)(struct span frame, int64_t now_us, struct meter_event *ev, int room);
	void (*mask)(uint8_t *frame, size_t len); /* secrets of a request, before it is shown */
};

extern const struct meter_protocol protocol_dlt645;
const struct meter_protocol *meter_protocol_find(const char *name);
void talk_clear(struct talk *t); /* frees what it grew */

#endif
