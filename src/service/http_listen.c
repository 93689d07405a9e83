/*
 * Where connections come from, and when none may come.
 *
 * The listeners are shut while the connections are at their cap, and for a tenth of a second
 * when the process or the machine is out of descriptors: accept() fails then, the socket stays
 * readable, and libevent by itself would spin and write a warning at each turn.  Clients wait in
 * the kernel's queue meanwhile.  No descriptor is kept in reserve: all it could do is hang up
 * on somebody who would have been served a moment later.
 *
 * libevent hands an error callback the argument of the accept callback, which is evhttp's, so
 * those that listen are also in a list.
 */
#include "service/http_parts.h"

#include "base/err.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG  4096
#define PAUSE_US (SECOND_US / 10)

static struct http *listening;

/* At most a line a second, however often it happens. */
static void
complain(struct http *h, const char *what)
{
	int64_t now_us = loop_mono_us(h->loop);

	if (h->complained_us != 0 && now_us - h->complained_us < SECOND_US) {
		h->unsaid++;
		return;
	}
	slog(h, LOG_LEVEL_WARN, "%s: no new connections for now (and %lld times unsaid)", what,
	    (long long)h->unsaid);
	h->complained_us = now_us;
	h->unsaid = 0;
}

void
http_gate(struct http *h)
{
	bool full = h->limits.most_connections > 0 && h->nconnections >= h->limits.most_connections;
	bool open = !h->paused && !full;

	if (open == h->open || h->closing)
		return;
	h->open = open;
	for (int i = 0; i < h->nlisteners; i++)
		if (open)
			evconnlistener_enable(h->listeners[i]);
		else
			evconnlistener_disable(h->listeners[i]);
	if (full)
		complain(h, "connections are at their limit");
}

static void
on_pause_over(void *arg)
{
	struct http *h = arg;

	h->paused = false;
	http_gate(h);
}

static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	int why = EVUTIL_SOCKET_ERROR();

	(void)arg;
	for (struct http *h = listening; h != NULL; h = h->next)
		for (int i = 0; i < h->nlisteners; i++)
			if (h->listeners[i] == listener) {
				h->paused = true;
				http_gate(h);
				timer_start(&h->pause, h->loop, PAUSE_US, on_pause_over, h);
				complain(h, strerror(why));
			}
}

/* Takes a bound socket over; it is closed on failure. */
static int
listen_on(struct http *h, int fd, const char *unix_path, struct err *e)
{
	struct evconnlistener *listener;

	if (h->nlisteners == HTTP_LISTENERS) {
		close(fd);
		return err_set(e, ERR_BUG, "more than %d listeners", HTTP_LISTENERS);
	}
	if (listen(fd, BACKLOG) < 0) {
		err_set(e, ERR_RETRY, "listen: %s", strerror(errno));
		close(fd);
		return -1;
	}
	listener = evconnlistener_new(
	    loop_base(h->loop), NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL || evhttp_bind_listener(h->evhttp, listener) == NULL)
		abort();
	evconnlistener_set_error_cb(listener, on_accept_error);
	if (!h->open)
		evconnlistener_disable(listener);
	if (h->nlisteners == 0) {
		h->next = listening;
		listening = h;
	}
	h->unix_paths[h->nlisteners] = unix_path != NULL ? mem_text(unix_path) : NULL;
	h->listeners[h->nlisteners++] = listener;
	return 0;
}

/* The sockets themselves are evhttp's to close. */
void
http_unlisten(struct http *h)
{
	struct http **at = &listening;

	while (*at != NULL && *at != h)
		at = &(*at)->next;
	if (*at != NULL)
		*at = h->next;
	for (int i = 0; i < h->nlisteners; i++)
		if (h->unix_paths[i] != NULL) {
			unlink(h->unix_paths[i]);
			free(h->unix_paths[i]);
		}
	h->nlisteners = 0;
	timer_stop(&h->pause);
}

static int
port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

/* Both must be written.  libevent's own reader takes no port 0. */
static int
address_read(const char *text, struct sockaddr_storage *a, socklen_t *len, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	int n = sizeof *a;
	long port = -1;

	memset(a, 0, sizeof *a);
	if (colon != NULL && colon > text && (size_t)(colon - text) < sizeof host &&
	    (*text == '[') == (colon[-1] == ']') && (*text == '[' || strchr(text, ':') == colon)) {
		snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
		if (strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1] != '\0' &&
		    evutil_parse_sockaddr_port(host, (struct sockaddr *)a, &n) == 0)
			port = strtol(colon + 1, NULL, 10);
	}
	if (port < 0 || port > UINT16_MAX)
		return err_set(e, ERR_INPUT, "\"%s\" is not an address and port", text);
	if (a->ss_family == AF_INET6)
		((struct sockaddr_in6 *)a)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)a)->sin_port = htons((uint16_t)port);
	*len = (socklen_t)n;
	return 0;
}

int
http_listen(struct http *h, const char *address, struct err *e)
{
	struct sockaddr_storage a;
	socklen_t len;
	int fd, on = 1;

	if (address_read(address, &a, &len, e) < 0)
		return -1;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_RETRY, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		err_set(e, ERR_RETRY, "listening on %s: %s", address, strerror(errno));
		close(fd);
		return -1;
	}
	if (listen_on(h, fd, NULL, e) < 0)
		return err_wrap(e, "listening on %s", address);
	return port_of(&a);
}

/* A socket file that nobody answers on is left over from a crash and may go. */
static int
unix_clear(const struct sockaddr_un *a, struct err *e)
{
	struct stat st;
	int fd, rc, why;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(e, ERR_RETRY, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_INPUT, "there is a file that is no socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_RETRY, "socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
	why = errno;
	close(fd);
	if (rc == 0 || why != ECONNREFUSED)
		return err_set(e, ERR_RETRY, "%s",
		    rc == 0 || why == EAGAIN ? "somebody listens there" : strerror(why));
	unlink(a->sun_path);
	return 0;
}

int
http_listen_unix(struct http *h, const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) == 0 || strlen(path) >= sizeof a.sun_path)
		return err_set(e, ERR_INPUT, "a socket path of %zu bytes", strlen(path));
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (unix_clear(&a, e) < 0)
		return err_wrap(e, "listening on %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_RETRY, "socket: %s", strerror(errno));
	/* The first keeps the file from being wider than asked for even a moment. */
	if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
	    chmod(path, mode) < 0) {
		err_set(e, ERR_RETRY, "listening on %s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	if (listen_on(h, fd, path, e) < 0)
		return err_wrap(e, "listening on %s", path);
	return 0;
}
