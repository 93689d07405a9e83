/*
 * http_parts -- what the files of http share; nobody else includes it.
 */
#ifndef SERVICE_HTTP_PARTS_H
#define SERVICE_HTTP_PARTS_H

#include "base/log.h"
#include "base/loop.h"
#include "service/http.h"

#include <sys/queue.h>

struct bufferevent;
struct event;
struct evconnlistener;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;
struct event_base;
struct map;
struct ssl_ctx_st;

#define HTTP_LISTENERS 4
#define HTTP_TEXT      1024 /* a path and its query, decoded */

/* The raw head of a request, watched as it arrives: what evhttp would quietly repair. */
struct head_scan {
	bool started, done;
	uint8_t last;
	size_t line;       /* letters of the line so far */
	const char *fault; /* words for the refusal; NULL so far */
};

/*	FRESH --evhttp has made its connection--> READING --a whole request--> HANDLED
 *	HANDLED --http_reply()--> ANSWERING --sent, kept alive--> READING
 *	    READING --evhttp said no and hung up--> LINGERING
 *	    any of them --gone--> the end, but HANDLED lives until http_reply()
 */
enum conn_state { CONN_FRESH, CONN_READING, CONN_HANDLED, CONN_ANSWERING, CONN_LINGERING };

/* A connection has one request at a time, so they are one object. */
struct http_request {
	struct http *http; /* NULL once the connection or the server is gone */
	enum conn_state state;
	TAILQ_ENTRY(http_request) all, waiting;
	SLIST_ENTRY(http_request) fresh;
	int64_t due_us; /* in the waiting list: when patience runs out */
	bool is_waiting, refused, killed;
	bool is_unix;
	uid_t uid;
	char peer[64];
	struct bufferevent *bev; /* evhttp's, like the next two */
	struct evhttp_connection *evcon;
	struct evhttp_request *evreq; /* HANDLED and ANSWERING; NULL when it died with the server */
	struct event *drain;          /* LINGERING */
	struct head_scan scan;
	size_t text_len;
	char text[HTTP_TEXT]; /* path NUL { name NUL value NUL } */
};

struct http {
	struct loop *loop;
	struct evhttp *evhttp;
	struct http_limits limits;
	const struct http_route *routes;
	size_t nroutes;
	void *arg;
	struct map *by_evcon;
	TAILQ_HEAD(http_list, http_request)
	all, waiting; /* waiting: the next to lose patience first */
	SLIST_HEAD(http_stack, http_request) fresh;
	struct event *greet;
	struct timer patience, pause;
	int nconnections;
	bool open, paused, closing;
	struct evconnlistener *listeners[HTTP_LISTENERS];
	char *unix_paths[HTTP_LISTENERS];
	int nlisteners;
	struct ssl_ctx_st *tls; /* NULL: bare */
	int64_t complained_us;  /* 0: never */
	int64_t unsaid;         /* complaints since then */
	struct http *next;      /* of those that listen */
	struct logctx log;
};

/* http_conn.c */
struct bufferevent *conn_accept(struct event_base *base, void *arg);
void conn_greet(int fd, short what, void *arg);
void conn_wait_start(struct http_request *r);
void conn_wait_stop(struct http_request *r);
void conn_sent(struct evhttp_request *evreq, void *arg);
void conn_end(struct http_request *r);

/* http_listen.c */
void http_gate(struct http *h); /* opens or shuts the listeners as things are now */
void http_unlisten(struct http *h);

/* http_tls.c */
struct bufferevent *tls_accept(struct http *h, struct event_base *base);
void tls_bye(struct http_request *r); /* the other side is told that this was all */
void tls_free(struct http *h);

/* http_head.c; words for a 400, or NULL */
void head_scan_feed(struct head_scan *s, const uint8_t *bytes, size_t len);
const char *head_fault(struct http_request *r);
const char *uri_fault(struct http_request *r, bool *too_long);

#endif
