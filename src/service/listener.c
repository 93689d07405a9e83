#include "service/listener.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG     8192
#define MOST_A_TURN 64 /* accepted a turn, so that live sessions keep their say */
#define PAUSE_US    (SECOND_US / 10)

struct listener {
	struct loop *loop;
	struct event *readable;
	listener_fn *fn;
	void *arg;
	char *address;
	int fd, port; /* fd: -1 while it is shut */
	bool shut;
	struct timer pause;
	int64_t said_us;
	struct logctx log;
};

/* libevent reads everything but port 0, "a free one". */
static int
parse_address(const char *address, struct sockaddr_storage *addr, int *len)
{
	size_t n = strlen(address);
	bool any = n > 2 && strcmp(address + n - 2, ":0") == 0;
	char text[64];

	snprintf(text, sizeof text, "%s", address);
	if (any && n < sizeof text)
		text[n - 1] = '1';
	if (evutil_parse_sockaddr_port(text, (struct sockaddr *)addr, len) < 0)
		return -1;
	if (any && addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_port = 0;
	else if (any)
		((struct sockaddr_in *)addr)->sin_port = 0;
	return 0;
}

int
listener_socket(const char *address, int *port, struct err *e)
{
	struct sockaddr_storage addr;
	int len = sizeof addr, on = 1, fd;
	socklen_t got = sizeof addr;

	if (parse_address(address, &addr, &len) < 0)
		return err_set(e, ERR_INPUT, "\"%s\" is no address:port", address);
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_RETRY, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&addr, (socklen_t)len) < 0 || listen(fd, BACKLOG) < 0) {
		err_set(e, ERR_RETRY, "cannot listen on %s: %s", address, strerror(errno));
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&addr, &got);
	*port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
						 : ((struct sockaddr_in *)&addr)->sin_port);
	return fd;
}

static void
on_pause_over(void *arg)
{
	struct listener *n = arg;

	if (n->readable != NULL)
		event_add(n->readable, NULL);
}

static void
out_of_descriptors(struct listener *n, int why)
{
	int64_t now = loop_mono_us(n->loop);

	event_del(n->readable);
	timer_start(&n->pause, n->loop, PAUSE_US, on_pause_over, n);
	if (n->said_us == 0 || now - n->said_us >= SECOND_US) {
		slog(n, LOG_LEVEL_WARN, "cannot accept: %s", strerror(why));
		n->said_us = now;
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *n = arg;
	struct peer peer;

	(void)what;
	for (int i = 0; i < MOST_A_TURN && n->fd >= 0; i++) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof addr;
		int got = accept4(fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				out_of_descriptors(n, errno);
			return;
		}
		peer = peer_of(&addr);
		n->fn(got, &peer, n->arg);
	}
}

static int
listener_open(struct listener *n, struct err *e)
{
	n->fd = listener_socket(n->address, &n->port, e);
	if (n->fd < 0)
		return -1;
	n->readable = event_new(loop_base(n->loop), n->fd, EV_READ | EV_PERSIST, on_readable, n);
	event_add(n->readable, NULL);
	return 0;
}

static void
listener_close(struct listener *n)
{
	timer_stop(&n->pause);
	if (n->readable != NULL)
		event_free(n->readable);
	n->readable = NULL;
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* A free port that was found is its own from now on. */
static void
keep_port(struct listener *n)
{
	int host = (int)(strrchr(n->address, ':') - n->address);
	char with_port[80];

	snprintf(with_port, sizeof with_port, "%.*s:%d", host, n->address, n->port);
	free(n->address);
	n->address = mem_text(with_port);
}

struct listener *
listener_new(struct loop *l, const char *address, listener_fn *fn, void *arg, struct err *e)
{
	struct listener *n = mem_new(sizeof *n);

	n->loop = l;
	n->address = mem_text(address);
	n->fn = fn;
	n->arg = arg;
	n->log.module = "listener";
	snprintf(n->log.who, sizeof n->log.who, "address=%.50s", address);
	if (listener_open(n, e) < 0) {
		listener_free(n);
		return NULL;
	}
	keep_port(n);
	return n;
}

void
listener_free(struct listener *n)
{
	if (n == NULL)
		return;
	listener_close(n);
	free(n->address);
	free(n);
}

int
listener_port(const struct listener *n)
{
	return n->port;
}

/* The descriptor that was given back may be somebody else's by now; then a moment later. */
static void
on_reopen(void *arg)
{
	struct listener *n = arg;
	struct err e;

	if (listener_open(n, &e) < 0)
		timer_start(&n->pause, n->loop, PAUSE_US, on_reopen, n);
	else
		slog(n, LOG_LEVEL_INFO, "open again");
}

void
listener_shut(struct listener *n, bool on)
{
	if (n->shut == on)
		return;
	n->shut = on;
	listener_close(n);
	if (on)
		slog(n, LOG_LEVEL_WARN, "full: closed until there is room");
	else
		timer_start(&n->pause, n->loop, 0, on_reopen, n);
}
