/*
 * gateway -- listens, admits, owns the sessions; takeover and drain.
 *
 * One TCP listener for every kind of meter.  A new connection of an identity that has a session
 * already becomes the session at once, under a higher epoch; the old one is kept mute for five
 * seconds and asked once: silence closes it, an answer means two devices with one name, and
 * both are quarantined (reliability.md D.3).  The old one may be another node's: that node hears
 * of it and asks, and until the doubt has run out the new one is not believed.
 *
 * Several daemons may share the port (SO_REUSEPORT): the kernel gives each a share of those who
 * dial.  One that is full closes its door, or its share would wait at it for ever while others
 * have room; it opens again when a fiftieth of the room is free.
 */
#ifndef SERVICE_GATEWAY_H
#define SERVICE_GATEWAY_H

#include "service/session.h"

#include <stdbool.h>

struct db;
struct gateway;

struct gateway_conf {
	char *listen;
	char *password_key; /* file of the key that seals meter passwords */
	int64_t most_sessions;
	int64_t sweep_us;
	int64_t ways_us; /* how often what was counted of the lines is written down */
};

/* What others want to know about sessions; called from the loop. */
struct gateway_events {
	void (*on_ready)(struct session *s, void *arg); /* logged in and claimed */
	void (*on_free)(struct session *s, void *arg);
	void (*on_heard)(
	    struct session *s, struct meter *m, const struct meter_event *ev, int n, void *arg);
	void (*on_gone)(struct session *s, void *arg); /* do not keep it */
};

struct gateway *gateway_new(struct loop *l, struct db *db, struct signer *signer, const char *node,
    const struct gateway_conf *conf, const struct session_conf *session,
    const struct gateway_events *events, void *arg);
void gateway_free(struct gateway *g);
/* Returns the port, or -1. */
int gateway_listen(struct gateway *g, struct err *e);
void gateway_admit(struct gateway *g, struct link *link); /* a story's link */

struct session *gateway_find(const struct gateway *g, int64_t endpoint_id);
struct session *gateway_first(const struct gateway *g); /* then session_next() */
int gateway_count(const struct gateway *g);
/* Its meters or its state have changed: it logs in again, whichever node it talks to. */
void gateway_refresh(struct gateway *g, int64_t endpoint_id);
/* Another node says so of our session up to that epoch; or that it has a newer one, with that. */
void gateway_refreshed(struct gateway *g, int64_t endpoint_id, int64_t epoch);
void gateway_taken(struct gateway *g, int64_t endpoint_id, int64_t epoch);
/* No new sessions, and no new questions; those there are closed, spread over that time, and who
 * is in the middle of something when that is finished. */
void gateway_drain(struct gateway *g, int64_t over_us);

#endif
