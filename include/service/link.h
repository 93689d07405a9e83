/*
 * link -- somewhere to send bytes: a socket, or in stories a buffer in memory.
 *
 * Its user hears input through link_input and the end through link_ended, never from inside a
 * call of its own.  After close() the link is gone and nothing more is heard.
 */
#ifndef SERVICE_LINK_H
#define SERVICE_LINK_H

#include "base/buf.h"

#include <stdbool.h>

struct loop;
struct sockaddr_storage;

/* Where it connects from, small: an IPv4 address as IPv6 writes it (::ffff:10.1.2.3). */
struct peer {
	uint8_t ip[16];
	uint16_t port;
};
#define PEER_ROOM 56
struct peer peer_of(const struct sockaddr_storage *a);
void peer_text(const struct peer *p, char out[PEER_ROOM]); /* "10.1.2.3:4711", "[fe80::1]:4711" */

struct link_user {
	/* Returns how many bytes it has taken; the rest comes again with what follows. */
	size_t (*input)(struct span bytes, void *arg);
	void (*ended)(const char *why, void *arg);
};

struct link;
struct link_kind {
	void (*send)(struct link *l, struct span s);
	void (*hold)(struct link *l, bool on); /* stop reading: the sender has to wait */
	void (*again)(struct link *l);         /* offer once more what was not taken */
	void (*close)(struct link *l);
	const struct peer *(*peer)(const struct link *l);
};

struct link {
	const struct link_kind *kind;
	const struct link_user *user;
	void *arg;
};

/* Takes an accepted socket; keepalive and TCP_USER_TIMEOUT are set on it.  NULL when it died. */
struct link *link_socket_new(struct loop *l, int fd, const struct peer *peer);

#endif
