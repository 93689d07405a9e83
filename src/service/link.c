#include "service/link.h"

#include "base/loop.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_WAITING 65536 /* bytes a meter does not take: it is not listening */

struct link_socket {
	struct link link;
	struct bufferevent *bev;
	struct peer peer;
	bool inside; /* its user is looking at the bytes: it must not go yet */
	bool closed;
};

struct peer
peer_of(const struct sockaddr_storage *a)
{
	struct peer p = {
	    .ip = {[10] = 0xff, [11] = 0xff}
        };

	if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

		memcpy(p.ip, &six->sin6_addr, sizeof p.ip);
		p.port = ntohs(six->sin6_port);
	} else {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;

		memcpy(p.ip + 12, &four->sin_addr, 4);
		p.port = ntohs(four->sin_port);
	}
	return p;
}

void
peer_text(const struct peer *p, char out[PEER_ROOM])
{
	static const uint8_t four[12] = {[10] = 0xff, [11] = 0xff};
	bool is_four = memcmp(p->ip, four, sizeof four) == 0;
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? p->ip + 12 : p->ip, ip, sizeof ip);
	snprintf(out, PEER_ROOM, is_four ? "%s:%d" : "[%s]:%d", ip, p->port);
}

static void
socket_free(struct link_socket *s)
{
	bufferevent_free(s->bev);
	free(s);
}

static void
offer(struct link_socket *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	struct span bytes = {evbuffer_pullup(in, -1), evbuffer_get_length(in)};
	size_t used;

	if (bytes.len == 0)
		return;
	s->inside = true;
	used = s->link.user->input(bytes, s->link.arg);
	s->inside = false;
	if (s->closed)
		socket_free(s);
	else
		evbuffer_drain(in, used);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	offer(arg);
}

static void
socket_again(struct link *l)
{
	offer((struct link_socket *)l);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct link_socket *s = arg;
	const char *why = "hung up";

	(void)bev;
	if (what & BEV_EVENT_ERROR)
		why = evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR());
	s->link.user->ended(why, s->link.arg);
}

static void
socket_send(struct link *l, struct span s)
{
	struct link_socket *k = (struct link_socket *)l;

	if (evbuffer_get_length(bufferevent_get_output(k->bev)) + s.len <= MOST_WAITING)
		bufferevent_write(k->bev, s.bytes, s.len);
}

static void
socket_hold(struct link *l, bool on)
{
	struct link_socket *k = (struct link_socket *)l;

	if (on)
		bufferevent_disable(k->bev, EV_READ);
	else
		bufferevent_enable(k->bev, EV_READ);
}

static void
socket_close(struct link *l)
{
	struct link_socket *k = (struct link_socket *)l;

	k->closed = true;
	if (!k->inside)
		socket_free(k);
}

/* A module that lost its network does not hang up: found in about two minutes when idle, in
 * twenty seconds when something was sent (dlt645.md 5.5). */
static void
watch_for_death(int fd)
{
	int on = 1, idle = 60, interval = 20, probes = 3, unacked_ms = 20000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static const struct peer *
socket_peer(const struct link *l)
{
	return &((const struct link_socket *)l)->peer;
}

static const struct link_kind link_socket = {
    socket_send, socket_hold, socket_again, socket_close, socket_peer};

struct link *
link_socket_new(struct loop *l, int fd, const struct peer *peer)
{
	struct link_socket *s = mem_new(sizeof *s);

	s->bev = bufferevent_socket_new(loop_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (s->bev == NULL) {
		free(s);
		return NULL;
	}
	watch_for_death(fd);
	s->link.kind = &link_socket;
	s->peer = *peer;
	bufferevent_setcb(s->bev, on_read, NULL, on_event, s);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	return &s->link;
}
