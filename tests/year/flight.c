/*
 * A connection has a near end, which connected, and a far end, which accepted.  It is found by
 * the two ports (TCP) or by the path and the order of connecting (unix).  What lies between is
 * what one end has written less what the other has read.  An end that closes, or reads an end
 * or an error, is owed nothing more.
 */
#include "flight.h"

#include "base/buf.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS       65536
#define MOST_LISTENERS 256 /* three at each start of the daemon */
#define PATIENCE_MS    200 /* for bytes that are on their way in the kernel */

enum { NEAR, FAR };

struct end {
	int fd;               /* -1: not there yet, or gone */
	int64_t wrote, heard; /* bytes */
	bool over;            /* closed, or saw the end: owed nothing */
};

struct conn {
	struct conn *next, **prev; /* all of them */
	struct conn *more, **less; /* those with something under way */
	struct end end[2];
	int from, to; /* ports; unix: 0 and the number of the listener */
	bool accepted;
};

struct listener {
	int fd, port;
	char path[108];
};

static struct conn *of_fd[MOST_FDS];
static struct conn *all, *busy;
static struct listener listeners[MOST_LISTENERS];
static int nlisteners;

#define REAL(name)                     \
	static __typeof__(name) *real; \
	if (real == NULL)              \
	real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* --- who is connected to whom ------------------------------------------------------------- */

static int64_t
owed(const struct conn *c, int to)
{
	const struct end *reader = &c->end[to], *writer = &c->end[!to];

	return reader->over ? 0 : writer->wrote - reader->heard;
}

static bool
is_busy(const struct conn *c)
{
	return (!c->accepted && !c->end[NEAR].over) || owed(c, NEAR) > 0 || owed(c, FAR) > 0;
}

static void
look_again(struct conn *c)
{
	bool now = is_busy(c);

	if (now && c->less == NULL) {
		c->more = busy;
		c->less = &busy;
		if (busy != NULL)
			busy->less = &c->more;
		busy = c;
	} else if (!now && c->less != NULL) {
		*c->less = c->more;
		if (c->more != NULL)
			c->more->less = c->less;
		c->less = NULL;
	}
}

static struct conn *
conn_of(int fd, int *which)
{
	struct conn *c = fd >= 0 && fd < MOST_FDS ? of_fd[fd] : NULL;

	if (c != NULL)
		*which = c->end[FAR].fd == fd ? FAR : NEAR;
	return c;
}

static void
end_over(struct conn *c, int which, bool closed)
{
	c->end[which].over = true;
	if (closed) {
		of_fd[c->end[which].fd] = NULL;
		c->end[which].fd = -1;
	}
	if (c->end[NEAR].fd >= 0 || c->end[FAR].fd >= 0) {
		look_again(c);
		return;
	}
	if (!c->accepted)
		c->end[NEAR].over = true;
	c->end[NEAR].over = c->end[FAR].over = true;
	look_again(c);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	free(c);
}

static int
port_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), char path[108])
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;

	path[0] = '\0';
	if (ask(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	if (a.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&a)->sin_port);
	if (a.ss_family != AF_UNIX)
		return -1;
	memcpy(path, ((struct sockaddr_un *)&a)->sun_path, 107);
	return 0;
}

/* The number of the listener of ours that this address leads to, or -1. */
static int
listener_at(const struct sockaddr *to)
{
	for (int i = 0; i < nlisteners; i++) {
		const struct listener *l = &listeners[i];

		if (to->sa_family == AF_INET && l->path[0] == '\0' &&
		    ntohs(((const struct sockaddr_in *)to)->sin_port) == l->port)
			return i;
		if (to->sa_family == AF_UNIX && l->path[0] != '\0' &&
		    strcmp(((const struct sockaddr_un *)to)->sun_path, l->path) == 0)
			return i;
	}
	return -1;
}

int
listen(int fd, int backlog)
{
	REAL(listen);
	struct listener *l = &listeners[nlisteners];
	int rc = real(fd, backlog);

	if (rc < 0 || nlisteners == MOST_LISTENERS)
		return rc;
	l->fd = fd;
	l->port = port_of(fd, getsockname, l->path);
	if (l->port >= 0)
		nlisteners++;
	return rc;
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	REAL(connect);
	int which = listener_at(to), rc = real(fd, to, len), saved = errno;
	struct conn *c;
	char path[108];

	if (which >= 0 && fd < MOST_FDS && (rc == 0 || errno == EINPROGRESS)) {
		c = mem_new(sizeof *c);
		c->end[NEAR].fd = fd;
		c->end[FAR].fd = -1;
		c->from = port_of(fd, getsockname, path);
		c->to = listeners[which].port > 0 ? listeners[which].port : -1 - which;
		c->next = all;
		c->prev = &all;
		if (all != NULL)
			all->prev = &c->next;
		all = c;
		of_fd[fd] = c;
		look_again(c);
	}
	errno = saved;
	return rc;
}

static void
accepted(int listener, int fd)
{
	char path[108];
	int from = port_of(fd, getpeername, path), to = -1;
	struct conn *found = NULL;

	for (int i = 0; i < nlisteners; i++)
		if (listeners[i].fd == listener)
			to = listeners[i].port > 0 ? listeners[i].port : -1 - i;
	for (struct conn *c = all; c != NULL; c = c->next) /* the oldest stands last */
		if (!c->accepted && c->to == to && (to < 0 || c->from == from))
			found = c;
	if (found == NULL || fd >= MOST_FDS)
		return; /* somebody else's */
	found->accepted = true;
	found->end[FAR].fd = fd;
	of_fd[fd] = found;
	look_again(found);
}

int
accept4(int fd, struct sockaddr *restrict from, socklen_t *restrict len, int flags)
{
	REAL(accept4);
	int got = real(fd, from, len, flags);

	if (got >= 0)
		accepted(fd, got);
	return got;
}

int
accept(int fd, struct sockaddr *restrict from, socklen_t *restrict len)
{
	REAL(accept);
	int got = real(fd, from, len);

	if (got >= 0)
		accepted(fd, got);
	return got;
}

int
close(int fd)
{
	REAL(close);
	int which;
	struct conn *c = conn_of(fd, &which);

	if (c != NULL)
		end_over(c, which, true);
	for (int i = 0; i < nlisteners; i++)
		if (listeners[i].fd == fd)
			listeners[i] = (struct listener){.fd = -1, .port = -1};
	return real(fd);
}

/* --- bytes -------------------------------------------------------------------------------- */

static ssize_t
went(int fd, ssize_t n)
{
	int which;
	struct conn *c = n > 0 ? conn_of(fd, &which) : NULL;

	if (c != NULL) {
		c->end[which].wrote += n;
		look_again(c);
	}
	return n;
}

static ssize_t
came(int fd, ssize_t n)
{
	int which, saved = errno;
	struct conn *c = conn_of(fd, &which);

	if (c == NULL || (n < 0 && (saved == EAGAIN || saved == EINTR)))
		return n;
	if (n > 0) {
		c->end[which].heard += n;
		look_again(c);
	} else {
		end_over(c, which, false);
	}
	errno = saved;
	return n;
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	REAL(write);
	return went(fd, real(fd, bytes, len));
}

ssize_t
writev(int fd, const struct iovec *parts, int n)
{
	REAL(writev);
	return went(fd, real(fd, parts, n));
}

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
	REAL(send);
	return went(fd, real(fd, bytes, len, flags));
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(sendmsg);
	return went(fd, real(fd, m, flags));
}

ssize_t
read(int fd, void *bytes, size_t len)
{
	REAL(read);
	return len > 0 ? came(fd, real(fd, bytes, len)) : real(fd, bytes, len);
}

ssize_t
readv(int fd, const struct iovec *parts, int n)
{
	REAL(readv);
	return came(fd, real(fd, parts, n));
}

ssize_t
recv(int fd, void *bytes, size_t len, int flags)
{
	REAL(recv);
	ssize_t n = real(fd, bytes, len, flags);

	return flags & MSG_PEEK ? n : came(fd, n);
}

ssize_t
recvmsg(int fd, struct msghdr *m, int flags)
{
	REAL(recvmsg);
	ssize_t n = real(fd, m, flags);

	return flags & MSG_PEEK ? n : came(fd, n);
}

/* --- silence ------------------------------------------------------------------------------ */

/* All that is owed to this end lies there. */
static bool
arrived(const struct conn *c, int to)
{
	int there = 0;

	if (owed(c, to) == 0 || c->end[to].fd < 0)
		return true;
	return ioctl(c->end[to].fd, FIONREAD, &there) < 0 || there >= owed(c, to);
}

static void
wait_for_arrival(const struct conn *c)
{
	struct timespec from, now;

	if (arrived(c, NEAR) && arrived(c, FAR))
		return;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!(arrived(c, NEAR) && arrived(c, FAR)) &&
		 (now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 <
		     PATIENCE_MS);
}

bool
flight_none(void *arg)
{
	(void)arg;
	for (const struct conn *c = busy; c != NULL; c = c->more)
		wait_for_arrival(c);
	return busy == NULL;
}

void
flight_print(void)
{
	for (const struct conn *c = busy; c != NULL; c = c->more)
		fprintf(stderr, "flight: %d to %d%s: %lld bytes there, %lld back\n", c->from, c->to,
		    c->accepted ? "" : ", not accepted", (long long)owed(c, FAR),
		    (long long)owed(c, NEAR));
}
