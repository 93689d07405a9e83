/*
 * A connection's beginning, patience and end.
 *
 * evhttp tells nobody that it has accepted.  It does ask for a bufferevent, so on_accept()
 * starts the record of a connection, and the "greet" event, which runs before anything can be
 * read, finds evhttp's own connection in the bufferevent's callback argument and asks to hear
 * of its end.  Until then the record holds a reference to the bufferevent, so it can see
 * whether the connection died at birth.
 *
 * Patience is the same for all, so the list of those waited for is in the order of their
 * deadlines: joining is O(1), and one timer looks at its head.  Nobody is waited for while a
 * handler thinks: then the handler owns the request, and the record stays until http_reply()
 * whatever becomes of the client or of the server.
 *
 * When evhttp itself refuses (a head or body over the limit), it hangs up with input unread,
 * and the kernel's reset would overtake the answer.  So the socket lingers: a duplicate of it
 * is read dry until the client hangs up too or patience ends.
 */
#include "service/http_parts.h"

#include "base/map.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- patience ---------------------------------------------------------------------------- */

static void on_patience(void *arg);
static void on_bytes(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg);

void
conn_wait_stop(struct http_request *r)
{
	if (r->is_waiting)
		TAILQ_REMOVE(&r->http->waiting, r, waiting);
	r->is_waiting = false;
}

void
conn_wait_start(struct http_request *r)
{
	struct http *h = r->http;

	conn_wait_stop(r);
	r->due_us = loop_mono_us(h->loop) + h->limits.patience_us;
	TAILQ_INSERT_TAIL(&h->waiting, r, waiting);
	r->is_waiting = true;
	if (!timer_running(&h->patience))
		timer_start(&h->patience, h->loop, h->limits.patience_us, on_patience, h);
}

/* --- a connection's end ------------------------------------------------------------------ */

/* Out of all lists; the record itself stays while a handler has it. */
static void
conn_leave(struct http_request *r)
{
	struct http *h = r->http;

	conn_wait_stop(r);
	TAILQ_REMOVE(&h->all, r, all);
	h->nconnections--;
	r->http = NULL;
	http_gate(h);
}

void
conn_end(struct http_request *r)
{
	conn_leave(r);
	if (r->drain != NULL) {
		close(event_get_fd(r->drain));
		event_free(r->drain);
	}
	free(r);
}

static void
on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct http_request *r = arg;
	char sink[16384];
	ssize_t n = recv(fd, sink, sizeof sink, MSG_DONTWAIT);

	(void)what;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_end(r);
}

/* evhttp hangs up on a client that may still be talking. */
static bool
conn_linger(struct http_request *r)
{
	evutil_socket_t fd = bufferevent_getfd(r->bev);
	char byte;
	ssize_t n;

	if (r->state != CONN_READING || !r->scan.started || r->killed || r->http->closing)
		return false;
	n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return false;
	r->drain = event_new(loop_base(r->http->loop), fd, EV_READ | EV_PERSIST, on_drain, r);
	if (r->drain == NULL)
		abort();
	event_add(r->drain, NULL);
	r->state = CONN_LINGERING;
	conn_wait_start(r);
	return true;
}

static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_request *r = arg;

	map_take(r->http->by_evcon, (intptr_t)evcon);
	evbuffer_remove_cb(bufferevent_get_input(r->bev), on_bytes, r);
	if (r->state == CONN_HANDLED)
		conn_leave(r);
	else if (!conn_linger(r))
		conn_end(r);
}

static void
on_patience(void *arg)
{
	struct http *h = arg;
	int64_t now_us = loop_mono_us(h->loop);
	struct http_request *r;

	/* conn_end takes it out of the queue: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	while ((r = TAILQ_FIRST(&h->waiting)) != NULL && r->due_us <= now_us) {
		r->killed = true;
		if (r->state == CONN_LINGERING)
			conn_end(r);
		else
			evhttp_connection_free(r->evcon); /* on_close() does the rest */
	}
	if (r != NULL)
		timer_start(&h->patience, h->loop, r->due_us - now_us, on_patience, h);
}

/* --- a connection's beginning ------------------------------------------------------------ */

static void
scan_from(struct http_request *r, struct evbuffer *in, size_t from)
{
	size_t left = evbuffer_get_length(in) - from;
	struct evbuffer_iovec v;
	struct evbuffer_ptr at;

	while (left > 0 && !r->scan.done && r->scan.fault == NULL) {
		if (evbuffer_ptr_set(in, &at, evbuffer_get_length(in) - left, EVBUFFER_PTR_SET) <
			0 ||
		    evbuffer_peek(in, -1, &at, &v, 1) < 1)
			return;
		head_scan_feed(&r->scan, v.iov_base, v.iov_len < left ? v.iov_len : left);
		left -= v.iov_len < left ? v.iov_len : left;
	}
}

/* Called as bytes come in, before evhttp looks at them. */
static void
on_bytes(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_request *r = arg;

	if (info->n_added == 0 || r->state != CONN_READING)
		return;
	if (!r->scan.started)
		conn_wait_start(r);
	r->scan.started = true;
	if (!r->scan.done)
		scan_from(r, in, evbuffer_get_length(in) - info->n_added);
}

struct bufferevent *
conn_accept(struct event_base *base, void *arg)
{
	struct http *h = arg;
	struct http_request *r = mem_new(sizeof *r);
	size_t most = h->limits.most_body + h->limits.most_headers + 4096;

	r->http = h;
	r->bev = h->tls != NULL ? tls_accept(h, base) : bufferevent_socket_new(base, -1, 0);
	if (r->bev == NULL)
		abort();
	/* While an answer is being sent evhttp reads on without looking. */
	bufferevent_setwatermark(r->bev, EV_READ, 0, most);
	evbuffer_add_cb(bufferevent_get_input(r->bev), on_bytes, r);
	bufferevent_incref(r->bev);
	TAILQ_INSERT_TAIL(&h->all, r, all);
	SLIST_INSERT_HEAD(&h->fresh, r, fresh);
	h->nconnections++;
	http_gate(h);
	event_active(h->greet, EV_TIMEOUT, 0);
	return r->bev;
}

static void
conn_peer(struct http_request *r)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof family;
	struct ucred peer;
	char *address = NULL;
	uint16_t port;

	evhttp_connection_get_peer(r->evcon, &address, &port);
	strncpy(r->peer, address != NULL ? address : "", sizeof r->peer - 1);
	getsockopt(bufferevent_getfd(r->bev), SOL_SOCKET, SO_DOMAIN, &family, &len);
	if (family != AF_UNIX)
		return;
	strcpy(r->peer, "unix");
	len = sizeof peer;
	r->is_unix =
	    getsockopt(bufferevent_getfd(r->bev), SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
	r->uid = r->is_unix ? peer.uid : (uid_t)-1;
}

void
conn_greet(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;
	struct http_request *r;

	(void)fd, (void)what;
	while ((r = SLIST_FIRST(&h->fresh)) != NULL) {
		struct bufferevent *bev = r->bev;
		void *evcon = NULL;

		SLIST_REMOVE_HEAD(&h->fresh, fresh);
		bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
		if (evcon != NULL) {
			r->evcon = evcon;
			r->state = CONN_READING;
			map_put(h->by_evcon, (intptr_t)evcon, r);
			evhttp_connection_set_closecb(evcon, on_close, r);
			conn_peer(r);
			conn_wait_start(r);
		} else {
			conn_end(r);
		}
		bufferevent_decref(bev);
	}
}

/* Sent.  If the connection stays, the next head may be here already. */
void
conn_sent(struct evhttp_request *evreq, void *arg)
{
	struct http_request *r = arg;
	struct evbuffer *in = bufferevent_get_input(r->bev);

	(void)evreq;
	if (r->refused || !r->http->limits.keep_alive)
		tls_bye(r);
	if (r->refused) /* evhttp would keep a CONNECT */
		shutdown(bufferevent_getfd(r->bev), SHUT_WR);
	r->evreq = NULL;
	r->state = CONN_READING;
	r->scan = (struct head_scan){.started = evbuffer_get_length(in) > 0};
	scan_from(r, in, 0);
	conn_wait_start(r);
}
