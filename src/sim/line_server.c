#include "sim/line_server.h"

#include "base/err.h"
#include "sim/outbox.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MOST 16384

struct client {
	struct line_server *server;
	struct client *next, **link;
	struct bufferevent *bev;
	struct timer work;
	struct outbox out;
	bool gone;
};

struct line_server {
	struct loop *loop;
	struct evconnlistener *listener;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	line_fn *fn;
	void *arg;
	struct client *clients;
};

static void
client_free(struct client *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	timer_stop(&c->work);
	outbox_clear(&c->out);
	bufferevent_free(c->bev);
	free(c);
}

static void on_work(void *arg);

static void
on_deliver(void *arg, struct span bytes, bool last)
{
	struct client *c = arg;

	(void)last;
	if (!c->gone) {
		bufferevent_write(c->bev, bytes.bytes, bytes.len);
		return;
	}
	/* It asked and shut its side down; it may still be listening. */
	send(bufferevent_getfd(c->bev), bytes.bytes, bytes.len, MSG_NOSIGNAL);
	loop_defer(&c->work, c->server->loop, on_work, c);
}

static void
on_work(void *arg)
{
	struct client *c = arg;
	struct evbuffer *in = bufferevent_get_input(c->bev);
	char *line;

	while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
		struct buf answer = {0};
		int64_t delay_us = c->server->fn(c->server->arg, line, &answer);

		buf_put_u8(&answer, '\n');
		if (delay_us >= 0)
			outbox_post(&c->out, buf_span(&answer), delay_us, false);
		buf_clear(&answer);
		free(line);
	}
	if ((c->gone && outbox_empty(&c->out)) || evbuffer_get_length(in) >= LINE_MOST)
		client_free(c);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	(void)bev;
	loop_defer(&c->work, c->server->loop, on_work, c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev, (void)what;
	c->gone = true;
	loop_defer(&c->work, c->server->loop, on_work, c);
}

static void
on_accept(
    struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len, void *arg)
{
	struct line_server *s = arg;
	struct client *c = mem_new(sizeof *c);

	(void)listener, (void)peer, (void)len;
	c->server = s;
	outbox_init(&c->out, s->loop, on_deliver, c);
	c->next = s->clients;
	c->link = &s->clients;
	if (c->next != NULL)
		c->next->link = &c->next;
	s->clients = c;
	c->bev = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL)
		abort();
	bufferevent_setcb(c->bev, on_readable, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

struct line_server *
line_server_new(struct loop *loop, const char *path, line_fn *fn, void *arg, struct err *e)
{
	struct line_server *s = mem_new(sizeof *s);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat old;

	s->loop = loop;
	s->fn = fn;
	s->arg = arg;
	if ((size_t)snprintf(s->path, sizeof s->path, "%s", path) >= sizeof s->path) {
		err_set(e, ERR_INPUT, "%s: too long for a socket", path);
		goto out_free;
	}
	if (lstat(path, &old) == 0 && S_ISSOCK(old.st_mode))
		unlink(path);
	memcpy(at.sun_path, s->path, sizeof at.sun_path);
	s->listener = evconnlistener_new_bind(loop_base(loop), on_accept, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64, (struct sockaddr *)&at, sizeof at);
	if (s->listener == NULL) {
		err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
		goto out_free;
	}
	return s;
out_free:
	free(s);
	return NULL;
}

void
line_server_free(struct line_server *s)
{
	if (s == NULL)
		return;
	for (struct client *c = s->clients, *next; c != NULL; c = next) {
		next = c->next;
		client_free(c);
	}
	evconnlistener_free(s->listener);
	unlink(s->path);
	free(s);
}
