/*
 * listener -- accepts TCP connections and stays quiet at the descriptor limit.
 *
 * libevent's own listener spins when descriptors run out and has a backlog of 128, which drops
 * a storm's SYNs; this one has a real backlog and, at the limit, stops listening for a moment
 * and says so once a second at most.
 */
#ifndef SERVICE_LISTENER_H
#define SERVICE_LISTENER_H

#include <stdbool.h>

struct err;
struct listener;
struct loop;
struct peer;

typedef void listener_fn(int fd, const struct peer *peer, void *arg);

/* "127.0.0.1:9100" or "[::1]:9100"; port 0 takes a free one.  NULL and *e on failure. */
struct listener *listener_new(
    struct loop *l, const char *address, listener_fn *fn, void *arg, struct err *e);
void listener_free(struct listener *n);
int listener_port(const struct listener *n);
/* Shut, nobody queues at it and who dials is sent elsewhere; opened again as soon as that can be.
 */
void listener_shut(struct listener *n, bool on);

/* "host:port" of numbers, bound and listening; for other servers too. */
int listener_socket(const char *address, int *port, struct err *e);

#endif
