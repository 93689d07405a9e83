/*
 * Routes, refusals and answers.  What evhttp lacks besides is in the neighbours: where
 * connections come from (http_listen.c), how long they may last (http_conn.c), how nobody else
 * reads them (http_tls.c), and which heads are too clever (http_head.c).
 */
#include "service/http_parts.h"

#include "base/map.h"
#include "codec/webhook.h" /* JSON */

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- requests ---------------------------------------------------------------------------- */

static void
refuse(struct http_request *r, int status, const char *why)
{
	r->refused = true;
	http_reply_error(r, status, why);
}

/* How much of a path the route covers: all of it, or a prefix that ends in a slash. */
static size_t
route_covers(const struct http_route *route, const char *path)
{
	size_t len = strlen(route->path);

	if (strncmp(route->path, path, len) != 0)
		return 0;
	return path[len] == '\0' || route->path[len - 1] == '/' ? len : 0;
}

static const char *
method_name(enum evhttp_cmd_type method)
{
	static const struct {
		enum evhttp_cmd_type method;
		const char *name;
	} all[] = {
	    {EVHTTP_REQ_GET,     "GET"    },
	    {EVHTTP_REQ_POST,    "POST"   },
	    {EVHTTP_REQ_HEAD,    "HEAD"   },
	    {EVHTTP_REQ_PUT,     "PUT"    },
	    {EVHTTP_REQ_DELETE,  "DELETE" },
	    {EVHTTP_REQ_OPTIONS, "OPTIONS"},
	    {EVHTTP_REQ_PATCH,   "PATCH"  },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].method == method)
			return all[i].name;
	return "";
}

/* 405 with the methods that the path does know. */
static void
refuse_method(struct http_request *r, size_t covers)
{
	const struct http *h = r->http;
	struct buf allow = {0};

	for (size_t i = 0; i < h->nroutes; i++)
		if (route_covers(&h->routes[i], r->text) == covers)
			buf_printf(&allow, "%s%s", allow.len > 0 ? ", " : "", h->routes[i].method);
	evhttp_add_header(evhttp_request_get_output_headers(r->evreq), "Allow", buf_text(&allow));
	buf_clear(&allow);
	refuse(r, 405, "no such method here");
}

/* The longest path wins, then the method decides. */
static void
dispatch(struct http_request *r)
{
	const struct http *h = r->http;
	const char *method = method_name(evhttp_request_get_command(r->evreq));
	size_t best = 0;

	for (size_t i = 0; i < h->nroutes; i++) {
		size_t covers = route_covers(&h->routes[i], r->text);

		best = covers > best ? covers : best;
	}
	if (best == 0) {
		refuse(r, 404, "no such path");
		return;
	}
	for (size_t i = 0; i < h->nroutes; i++)
		if (route_covers(&h->routes[i], r->text) == best &&
		    strcmp(h->routes[i].method, method) == 0) {
			h->routes[i].fn(r, h->arg);
			return;
		}
	refuse_method(r, best);
}

static void
on_request(struct evhttp_request *evreq, void *arg)
{
	struct http *h = arg;
	struct http_request *r =
	    map_get(h->by_evcon, (intptr_t)evhttp_request_get_connection(evreq));
	const char *why;
	bool too_long = false;

	conn_wait_stop(r);
	r->evreq = evreq;
	r->state = CONN_HANDLED;
	if ((why = head_fault(r)) != NULL || (why = uri_fault(r, &too_long)) != NULL)
		refuse(r, too_long ? 414 : 400, why);
	else
		dispatch(r);
}

const char *
http_method(const struct http_request *r)
{
	return method_name(evhttp_request_get_command(r->evreq));
}

static const char *
status_words(int status)
{
	static const struct {
		int status;
		const char *words;
	} all[] = {
	    {200, "OK"                   },
	    {201, "Created"              },
	    {202, "Accepted"             },
	    {204, "No Content"           },
	    {400, "Bad Request"          },
	    {401, "Unauthorized"         },
	    {403, "Forbidden"            },
	    {404, "Not Found"            },
	    {405, "Method Not Allowed"   },
	    {409, "Conflict"             },
	    {413, "Content Too Large"    },
	    {414, "URI Too Long"         },
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"    },
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"  },
	    {504, "Gateway Timeout"      },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].status == status)
			return all[i].words;
	return "Other";
}

void
http_reply(struct http_request *r, int status, const char *type, struct span body)
{
	struct evkeyvalq *headers;

	if (r->http == NULL) { /* nobody is left to hear it */
		if (r->evreq != NULL)
			evhttp_request_free(r->evreq);
		free(r);
		return;
	}
	headers = evhttp_request_get_output_headers(r->evreq);
	evhttp_add_header(headers, "Content-Type", type);
	if (!r->http->limits.keep_alive || r->refused)
		evhttp_add_header(headers, "Connection", "close");
	if (status == 401 && r->http->tls != NULL)
		evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
	evbuffer_add(evhttp_request_get_output_buffer(r->evreq), body.bytes, body.len);
	evhttp_request_set_on_complete_cb(r->evreq, conn_sent, r);
	r->state = CONN_ANSWERING;
	conn_wait_start(r);
	evhttp_send_reply(r->evreq, status, status_words(status), NULL);
}

void
http_reply_json(struct http_request *r, int status, const char *json)
{
	http_reply(r, status, "application/json", span_of(json, strlen(json)));
}

void
http_reply_error(struct http_request *r, int status, const char *why)
{
	struct buf b = {0};

	buf_put_text(&b, "{\"error\":");
	json_quote(&b, why);
	buf_put_u8(&b, '}');
	http_reply_json(r, status, buf_text(&b));
	buf_clear(&b);
}

/* --- the server -------------------------------------------------------------------------- */

struct http *
http_new(struct loop *l, const struct http_limits *limits, const struct http_route *routes,
    size_t nroutes, void *arg)
{
	struct http *h = mem_new(sizeof *h);

	h->loop = l;
	h->limits = *limits;
	h->routes = routes;
	h->nroutes = nroutes;
	h->arg = arg;
	h->open = true;
	h->by_evcon = map_new();
	TAILQ_INIT(&h->all);
	TAILQ_INIT(&h->waiting);
	SLIST_INIT(&h->fresh);
	h->log.module = "http";
	h->greet = event_new(loop_base(l), -1, 0, conn_greet, h);
	h->evhttp = evhttp_new(loop_base(l));
	if (h->greet == NULL || h->evhttp == NULL)
		abort();
	evhttp_set_bevcb(h->evhttp, conn_accept, h);
	evhttp_set_gencb(h->evhttp, on_request, h);
	evhttp_set_allowed_methods(h->evhttp, UINT16_MAX); /* dispatch() says 405 itself */
	evhttp_set_max_headers_size(h->evhttp, (ev_ssize_t)limits->most_headers);
	evhttp_set_max_body_size(h->evhttp, (ev_ssize_t)limits->most_body);
	signal(SIGPIPE, SIG_IGN); /* a client that hung up is no reason to die */
	return h;
}

void
http_free(struct http *h)
{
	struct http_request *r, *next;

	if (h == NULL)
		return;
	conn_greet(-1, 0, h);
	h->closing = true;
	for (r = TAILQ_FIRST(&h->all); r != NULL; r = next) {
		next = TAILQ_NEXT(r, all);
		if (r->state == CONN_LINGERING)
			conn_end(r);
		else if (r->state == CONN_HANDLED)
			r->evreq = NULL; /* goes with its connection */
	}
	http_unlisten(h);
	evhttp_free(h->evhttp);
	tls_free(h);
	event_free(h->greet);
	timer_stop(&h->patience);
	map_free(h->by_evcon);
	free(h);
}
