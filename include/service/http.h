/*
 * http -- evhttp with its known traps closed (reliability.md C, last table).
 *
 * Routes match exactly, or by prefix when they end in '/'; the longest wins.  Refused before a
 * handler sees them: more than one Content-Length or one that is not plain digits, any
 * Transfer-Encoding, an absolute URI, a path with "..", a folded header, a bare LF, a NUL, a
 * method the route does not know (405 with Allow), a body or header over the limit, and a
 * request that takes longer than `patience_us` in all.  So long may a client also be idle, or
 * take its time to hear the answer.  Connections beyond `most_connections`, and those that come
 * while descriptors are short, wait in the kernel's queue.  Every answer closes the connection
 * unless `keep_alive` is set (a proxy in front, benches); a refusal always does.
 *
 * Answers may come late; if the client has left meanwhile, http_reply() just lets go, and so it
 * does after http_free().  A client's leaving is not noticed before that, so whoever keeps a
 * request needs a deadline of its own.
 */
#ifndef SERVICE_HTTP_H
#define SERVICE_HTTP_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct loop;
struct http;
struct http_request;

typedef void http_fn(struct http_request *r, void *arg);

struct http_route {
	const char *method; /* "POST" */
	const char *path;   /* "/healthz", or a prefix: "/hooks/v1/" */
	http_fn *fn;
};

struct http_limits {
	size_t most_body, most_headers;
	int64_t patience_us;  /* from the first byte to the last of a request */
	int most_connections; /* 0: no limit */
	bool keep_alive;
};

/* limits are copied, routes borrowed.  SIGPIPE is ignored from here on. */
struct http *http_new(struct loop *l, const struct http_limits *limits,
    const struct http_route *routes, size_t nroutes, void *arg);
void http_free(struct http *h); /* not from a handler */
/* "127.0.0.1:8080" or "[::1]:8080"; port 0 takes a free one.  Returns the port, or -1.  Up to
 * four listeners; a socket file that nobody answers on is replaced. */
int http_listen(struct http *h, const char *address, struct err *e);
int http_listen_unix(struct http *h, const char *path, mode_t mode, struct err *e);

/* From here on every new connection begins with TLS 1.2 or newer.  The certificate's file has
 * those above it too; the key's may be read by nobody else.  Again: the files have changed, and on
 * an error what was there goes on.  Such an http has no unix sockets. */
int http_secure(struct http *h, const char *certificate, const char *key, struct err *e);
int http_secure_try(const char *certificate, const char *key, struct err *e);

/* What these give lives until http_reply(). */
const char *http_method(const struct http_request *r);
const char *http_path(const struct http_request *r);                    /* decoded, without query */
const char *http_query(const struct http_request *r, const char *name); /* NULL when absent */
const char *http_header(const struct http_request *r, const char *name); /* NULL when absent */
bool http_header_once(const struct http_request *r, const char *name);   /* exactly one such */
/* The nth in the order they came; false when there are not so many. */
bool http_header_at(const struct http_request *r, size_t n, const char **name, const char **value);
struct span http_body(const struct http_request *r);
const char *http_peer(const struct http_request *r);          /* address, or "unix" */
bool http_peer_uid(const struct http_request *r, uid_t *uid); /* unix socket only */

/* Exactly once a request.  body may be text without its end mark. */
void http_reply(struct http_request *r, int status, const char *type, struct span body);
void http_reply_json(struct http_request *r, int status, const char *json);
void http_reply_error(struct http_request *r, int status, const char *why); /* {"error": why} */

#endif
