/*
 * What comes in: first who it is and what its frames are wrapped in, then frames.  A name has
 * no end mark, so it is over when nothing follows for a moment.
 */
#include "service/session_parts.h"

#include "base/metric.h"
#include "codec/envelope.h"

#include <stdio.h>
#include <string.h>

#define MOST_NOISE 512          /* bytes without a frame: not a meter */
#define NAME_PAUSE (300 * 1000) /* us: a registration is over when nothing follows */

/* --- who is it ---------------------------------------------------------------------------- */

static void
on_greeting_over(void *arg)
{
	struct session *s = arg;

	session_close(s, s->state == SESSION_GREETING ? "did not say who it is" : "not admitted");
}

void
session_greet(struct session *s)
{
	session_wait(s, s->all->conf->greeting_us, on_greeting_over);
	s->wait->greet_by_us = s->heard_us + s->all->conf->greeting_us;
}

static void
named(struct session *s, const char *identity, bool is_dtu)
{
	snprintf(s->identity, sizeof s->identity, "%s", identity);
	s->is_dtu = is_dtu;
	s->state = SESSION_NAMED;
	session_wait(s, s->all->conf->greeting_us, on_greeting_over);
	s->all->events->on_named(s, s->identity, is_dtu, s->all->arg);
}

static int64_t
greeting_left_us(const struct session *s)
{
	return s->wait->greet_by_us - loop_mono_us(s->all->loop);
}

static void
on_name_pause(void *arg)
{
	struct session *s = arg;
	int64_t left = greeting_left_us(s);

	if (left <= 0) {
		on_greeting_over(s);
		return;
	}
	s->paused = true;
	session_wait(s, left, on_greeting_over);
	s->link->kind->again(s->link);
}

/* A name is over when nothing follows, and so is the time for it. */
static void
wait_for_name(struct session *s)
{
	int64_t left = greeting_left_us(s);

	session_wait(s, left < NAME_PAUSE ? left : NAME_PAUSE, on_name_pause);
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
		s->envelope = k & 7;
		return true;
	default: {
		char why[80];

		snprintf(why, sizeof why, "speaks %s, which is not spoken here", envelope_name(k));
		session_close(s, why);
		return false;
	}
	}
}

/* --- what does it say --------------------------------------------------------------------- */

static void
hear_frame(struct session *s, struct span frame)
{
	struct meter_event events[REG_COUNT];
	int64_t now = loop_now_us(s->all->loop);
	char address[13];
	struct meter *m;
	struct err e;
	int n;

	metric_add(METRIC_FRAMES_HEARD, 1);
	if (protocol_dlt645.who(frame, address, &e) < 0) {
		session_say(s, LOG_LEVEL_DEBUG, "%s", e.text);
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
		session_say(s, LOG_LEVEL_WARN, "a frame of %s, which is not known here", address);
		return;
	}
	m->silences = 0;
	m->quiet_until_us = 0;
	s->all->events->on_frame(s, m, '<', frame, s->all->arg);
	if (session_answers(s, m, frame))
		return;
	n = protocol_dlt645.overheard(frame, now, events, REG_COUNT);
	for (int i = 0; i < n; i++)
		events[i].reading.meter_id = m->id;
	if (n > 0)
		s->all->events->on_heard(s, m, events, n, s->all->arg);
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
note_heartbeat(struct session *s)
{
	int64_t now = loop_mono_us(s->all->loop), gap_ms = (now - s->heard_us) / 1000;

	if (gap_ms > UINT32_MAX / 4)
		gap_ms = UINT32_MAX / 4;
	if (gap_ms > 1000) /* what comes sooner belongs to the same word */
		s->heartbeat_ms = s->heartbeat_ms == 0
				      ? (uint32_t)gap_ms
				      : (s->heartbeat_ms * 3 + (uint32_t)gap_ms) / 4;
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
		size_t used = 0, noise;
		enum scan what =
		    envelope_scan((enum envelope_kind)s->envelope, s->identity, in, &found, &used);

		taken += used;
		if (what == SCAN_MORE)
			break;
		noise = what == SCAN_NOISE ? s->noise + used : 0;
		if (noise > MOST_NOISE) {
			session_close(s, "nothing but noise");
			break;
		}
		s->noise = noise & 1023;
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

const struct link_user session_ears = {on_input, on_ended};
