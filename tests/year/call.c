#include "call.h"

#include "base/loop.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct calling {
	struct calling *next, **prev;
	struct loop *loop;
	struct bufferevent *bev;
	struct buf answer;
	struct timer over;
	call_fn *fn;
	void *arg;
};

static struct calling *all;

static void
calling_free(struct calling *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	timer_stop(&c->over);
	bufferevent_free(c->bev);
	buf_clear(&c->answer);
	free(c);
}

void
call_end_all(void)
{
	while (all != NULL)
		calling_free(all);
}

static void
on_over(void *arg)
{
	struct calling *c = arg;
	const char *text, *body;
	int status = 0;

	buf_put_u8(&c->answer, 0);
	text = (const char *)c->answer.bytes;
	body = strstr(text, "\r\n\r\n");
	if (body == NULL || sscanf(text, "HTTP/1.%*d %d", &status) != 1)
		status = 0;
	c->fn(status, status != 0 ? body + 4 : "", c->arg);
	calling_free(c);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct calling *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(in);

	buf_put(&c->answer, evbuffer_pullup(in, -1), len);
	evbuffer_drain(in, len);
}

/* Connected, or the other side has ended it: then the answer is whole. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct calling *c = arg;

	if (what & BEV_EVENT_CONNECTED)
		return;
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	loop_defer(&c->over, c->loop, on_over, c);
}

static int
dial(struct bufferevent *bev, int port, const char *path)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (port != 0) {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return bufferevent_socket_connect(bev, (struct sockaddr *)&in, sizeof in);
	}
	snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	return bufferevent_socket_connect(bev, (struct sockaddr *)&un, sizeof un);
}

void
call(struct loop *l, int port, const char *path_or_null, const char *method, const char *target,
    const char *headers, struct span body, call_fn *fn, void *arg)
{
	struct calling *c = mem_new(sizeof *c);
	struct buf head = {0};

	c->next = all;
	c->prev = &all;
	if (all != NULL)
		all->prev = &c->next;
	all = c;
	c->loop = l;
	c->fn = fn;
	c->arg = arg;
	c->bev = bufferevent_socket_new(loop_base(l), -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	buf_printf(&head,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
	    "%zu\r\n%s\r\n",
	    method, target, body.len, headers);
	bufferevent_write(c->bev, head.bytes, head.len);
	bufferevent_write(c->bev, body.bytes, body.len);
	buf_clear(&head);
	if (dial(c->bev, port, path_or_null) < 0)
		loop_defer(&c->over, l, on_over, c);
}
