/*
 * wire -- one connection that meters dial out on, and what happens to bytes on it.
 *
 *	DOWN --back-off, jitter--> CONNECTING --> UP --lost, dropped, asleep--> DOWN
 *
 *	direct   one meter; says hello with a heartbeat frame, then one every interval
 *	dtu      a converter: its name first, then a transparent half-duplex bus, "ping" between
 *	sleep    one meter on a battery's budget: awake for a moment, then gone for a while
 *
 * Socket callbacks only note what happened; the work is done in the loop's own turn, where the
 * clock is fresh.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "base/log.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct vmeter;
struct wire;

#define WIRE_AWAKE_US (2 * SECOND_US) /* how long a sleeper listens after the last byte */

enum wire_kind { WIRE_DIRECT, WIRE_DTU, WIRE_SLEEP };

/* One meter and the timer that brings it to its next own event. */
struct unit {
	struct vmeter *v;
	struct wire *wire;
	struct timer wake;
};

/* Shared by all wires; borrowed. */
struct wire_conf {
	struct loop *loop;
	struct sockaddr_storage peer, from; /* from: where they dial from, or of length 0 */
	socklen_t peer_len, from_len;
	int64_t rtt_us, heartbeat_us;
};

/* name: of a dtu.  sleep_us: of a sleeper. */
struct wire *wire_new(const struct wire_conf *conf, enum wire_kind kind, const char *name,
    int64_t sleep_us, uint64_t seed);
void wire_free(struct wire *w);
void wire_join(struct wire *w, struct unit *u);
void wire_start(struct wire *w, int64_t delay_us);
void wire_drop(struct wire *w); /* cut now; it comes back by itself */
/* The network is out: cut, and not dialled until it is back; then within a second. */
void wire_network(struct wire *w, bool on);
bool wire_up(const struct wire *w);
bool wire_has(const struct wire *w, const struct unit *u);
const char *wire_word(const struct wire *w); /* "direct", "dtu:BLOCK7", "sleep" */

/* To be called whenever a meter may have been changed from outside. */
void unit_stir(struct loop *loop, struct unit *u);

#endif
