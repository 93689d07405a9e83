/*
 * http_play -- a server on a real loop in this thread, a client over raw sockets in another.
 *
 * What the client heard is judged after both are done.
 */
#ifndef TESTS_HTTP_PLAY_H
#define TESTS_HTTP_PLAY_H

#include "service/http.h"

#include "base/err.h"
#include "base/loop.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: x\r\n"

struct play {
	struct loop *loop;
	struct http *http;
	int port, done[2];
	struct http_request *held[4];
	int nheld, handled;
	struct timer late;
	void (*client)(struct play *p);
	char heard[8][8192]; /* what the client writes down */
	double took[8];
};

static const struct http_limits strict = {
    .most_body = 1000, .most_headers = 2000, .patience_us = 400000, .most_connections = 100};

/* --- the server -------------------------------------------------------------------------- */

static inline void
on_echo(struct http_request *r, void *arg)
{
	struct play *p = arg;

	p->handled++;
	http_reply(r, 200, "text/plain", http_body(r));
}

static inline void
on_who(struct http_request *r, void *arg)
{
	const char *a = http_query(r, "a"), *x = http_header(r, "X-Test");
	char text[2048];
	uid_t uid = 0;
	bool known = http_peer_uid(r, &uid);

	(void)arg;
	snprintf(text, sizeof text, "path=%s a=%s x=%s once=%d peer=%s uid=%d", http_path(r),
	    a != NULL ? a : "-", x != NULL ? x : "-", http_header_once(r, "X-Test"), http_peer(r),
	    known && uid == getuid());
	http_reply(r, 200, "text/plain", span_of(text, strlen(text)));
}

static inline void
on_late(void *arg)
{
	struct play *p = arg;

	while (p->nheld > 0)
		http_reply_json(p->held[--p->nheld], 200, "{\"late\":true}");
}

static inline void
on_hold(struct http_request *r, void *arg)
{
	struct play *p = arg;

	p->held[p->nheld++] = r;
	timer_start(&p->late, p->loop, 600000, on_late, p);
}

static const struct http_route routes[] = {
    {"POST",   "/echo",   on_echo},
    {"GET",    "/who",    on_who },
    {"POST",   "/hold",   on_hold},
    {"GET",    "/tree/",  on_who },
    {"GET",    "/tree/x", on_echo},
    {"DELETE", "/tree/x", on_echo},
};

static inline void *
client_thread(void *arg)
{
	struct play *p = arg;

	p->client(p);
	if (write(p->done[1], "", 1) != 1)
		abort();
	return NULL;
}

static inline void
on_done(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	loop_stop(((struct play *)arg)->loop);
}

static inline struct play *
play_start(const struct http_limits *limits)
{
	struct play *p = calloc(1, sizeof *p);
	struct err e;

	ck_assert_ptr_nonnull(p);
	p->loop = loop_new();
	p->http = http_new(p->loop, limits, routes, sizeof routes / sizeof *routes, p);
	p->port = http_listen(p->http, "127.0.0.1:0", &e);
	ck_assert_msg(p->port > 0, "%s", e.text);
	ck_assert_int_eq(pipe(p->done), 0);
	return p;
}

static inline void
play_run(struct play *p, void (*client)(struct play *p))
{
	struct event *done = event_new(loop_base(p->loop), p->done[0], EV_READ, on_done, p);
	pthread_t thread;

	p->client = client;
	event_add(done, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, client_thread, p), 0);
	loop_run(p->loop);
	pthread_join(thread, NULL);
	event_free(done);
}

static inline void
play_end(struct play *p)
{
	http_free(p->http);
	timer_stop(&p->late);
	on_late(p);
	loop_free(p->loop);
	close(p->done[0]);
	close(p->done[1]);
	free(p);
}

/* --- the client -------------------------------------------------------------------------- */

static inline double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int
dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		abort();
	return fd;
}

static inline void
say_bytes(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server hung up: what it said is still to be read */
		bytes += n;
		len -= (size_t)n;
	}
}

static inline void
say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* Until the server hangs up, or has been silent for ms; "!" is added in that case. */
static inline void
hear(int fd, char *out, size_t room, int ms)
{
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, ms) == 0) {
			out[len++] = '!';
			break;
		}
		n = recv(fd, out + len, room - len - 2, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
}

static inline void
ask(struct play *p, int slot, const char *request, size_t len)
{
	double start = now_s();
	int fd = dial(p->port);

	say_bytes(fd, request, len);
	hear(fd, p->heard[slot], sizeof p->heard[slot], 3000);
	p->took[slot] = now_s() - start;
	close(fd);
}

#endif
