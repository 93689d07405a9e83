/*
 * bare_hooks -- the bare limit of a webhook: evhttp, one HMAC, one committed row, and nothing
 * else; whatever waits shares the next commit.
 *
 *	bare_hooks SECRET-FILE CONNINFO
 *
 * Prints "port N", serves until SIGTERM, and ends with how many rows went in a statement.  No
 * parsing of the body, no ledger, no patience, no limits: a floor, not a model.
 */
#include "bench.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <sys/prctl.h>

#define MOST    500 /* rows a statement, as pay.c */
#define ID_MOST 64

struct item {
	struct item *next;
	struct evhttp_request *request;
	char id[ID_MOST + 1];
	struct buf body;
};

static struct event_base *base;
static struct webhook_secret secret;
static PGconn *db;
static struct item *first, **last = &first, *flying[MOST];
static int nflying;
static int64_t statements, rows;

static void
put32(struct buf *b, size_t v)
{
	uint32_t x = htonl((uint32_t)v);

	buf_put(b, &x, sizeof x);
}

static void
array_begin(struct buf *b, int type, int n)
{
	const int head[] = {1, 0, type, n, 1};

	b->len = 0;
	for (size_t i = 0; i < 5; i++)
		put32(b, (size_t)head[i]);
}

static void
array_put(struct buf *b, const void *bytes, size_t len)
{
	put32(b, len);
	buf_put(b, bytes, len);
}

/* Sends all that waits, unless a statement is under way: then its end does it. */
static void
send_waiting(void)
{
	static struct buf ids, bodies;
	const int binary[2] = {1, 1};
	const char *values[2];
	int lengths[2];

	if (nflying > 0 || first == NULL)
		return;
	for (; first != NULL && nflying < MOST; first = first->next)
		flying[nflying++] = first;
	if (first == NULL)
		last = &first;
	array_begin(&ids, 25, nflying);
	array_begin(&bodies, 17, nflying);
	for (int i = 0; i < nflying; i++) {
		array_put(&ids, flying[i]->id, strlen(flying[i]->id));
		array_put(&bodies, flying[i]->body.bytes, flying[i]->body.len);
	}
	values[0] = (const char *)ids.bytes;
	values[1] = (const char *)bodies.bytes;
	lengths[0] = (int)ids.len;
	lengths[1] = (int)bodies.len;
	if (PQsendQueryPrepared(db, "put", 2, values, lengths, binary, 1) != 1)
		die("%s", PQerrorMessage(db));
	while (PQflush(db) == 1) /* loopback takes it at once */
		usleep(10);
	statements++;
	rows += nflying;
}

static void
answer_flying(void)
{
	int n = nflying;

	nflying = 0;
	for (int i = 0; i < n; i++) {
		struct evbuffer *out = evhttp_request_get_output_buffer(flying[i]->request);

		evbuffer_add(out, "{\"status\":\"accepted\"}", 21);
		evhttp_send_reply(flying[i]->request, 200, "OK", NULL);
		buf_clear(&flying[i]->body);
		free(flying[i]);
	}
	send_waiting();
}

static void
on_db(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	if (PQconsumeInput(db) == 0)
		die("%s", PQerrorMessage(db));
	while (nflying > 0 && PQisBusy(db) == 0) {
		PGresult *r = PQgetResult(db);

		if (r == NULL)
			answer_flying();
		else if (PQresultStatus(r) != PGRES_COMMAND_OK)
			die("%s", PQresultErrorMessage(r));
		PQclear(r);
	}
}

static bool
is_signed(const char *id, const char *at, const char *signature, struct span body)
{
	unsigned char mac[32], text[64];
	struct buf all = {0};
	unsigned len;
	bool good;

	if (id == NULL || at == NULL || signature == NULL || strlen(id) > ID_MOST ||
	    strlen(signature) != 47)
		return false;
	buf_printf(&all, "%s.%s.", id, at);
	buf_put(&all, body.bytes, body.len);
	HMAC(EVP_sha256(), secret.key, (int)secret.len, all.bytes, all.len, mac, &len);
	EVP_EncodeBlock(text, mac, 32);
	good = CRYPTO_memcmp(signature + 3, text, 44) == 0;
	buf_clear(&all);
	return good;
}

static void
on_request(struct evhttp_request *r, void *arg)
{
	struct evkeyvalq *head = evhttp_request_get_input_headers(r);
	struct evbuffer *in = evhttp_request_get_input_buffer(r);
	struct span body = {evbuffer_pullup(in, -1), evbuffer_get_length(in)};
	const char *id = evhttp_find_header(head, "webhook-id");
	struct item *i;

	(void)arg;
	if (!is_signed(id, evhttp_find_header(head, "webhook-timestamp"),
		evhttp_find_header(head, "webhook-signature"), body)) {
		evhttp_send_reply(r, 401, "no", NULL);
		return;
	}
	i = mem_new(sizeof *i);
	i->request = r;
	snprintf(i->id, sizeof i->id, "%s", id);
	buf_put(&i->body, body.bytes, body.len);
	*last = i;
	last = &i->next;
	send_waiting();
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	event_base_loopbreak(base);
}

static void
run_sql(const char *sql)
{
	PGresult *r = PQexec(db, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		die("%s", PQerrorMessage(db));
	PQclear(r);
}

static void
open_db(const char *conninfo)
{
	static const char put[] =
	    "INSERT INTO bare_event (event_id, body) SELECT * FROM unnest($1::text[], $2::bytea[])"
	    " ON CONFLICT (event_id) DO UPDATE SET deliveries = bare_event.deliveries + 1";

	db = PQconnectdb(conninfo);
	if (PQstatus(db) != CONNECTION_OK)
		die("%s", PQerrorMessage(db));
	run_sql("CREATE TABLE bare_event (event_id text PRIMARY KEY, body bytea NOT NULL,"
		" deliveries int NOT NULL DEFAULT 1)");
	PQclear(PQprepare(db, "put", put, 0, NULL));
	PQsetnonblocking(db, 1);
	event_add(event_new(base, PQsocket(db), EV_READ | EV_PERSIST, on_db, NULL), NULL);
}

static void
read_secret(const char *path)
{
	char text[512];
	struct err e;

	if (conf_secret_file(path, text, sizeof text, &e) < 0)
		die("%s", e.text);
	text[strcspn(text, "\r\n")] = '\0';
	if (webhook_secret_parse(text, &secret, &e) < 0)
		die("%s", e.text);
}

int
main(int argc, char **argv)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	struct evhttp *http;

	if (argc != 3)
		die("usage: bare_hooks SECRET-FILE CONNINFO");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	read_secret(argv[1]);
	base = event_base_new();
	open_db(argv[2]);
	http = evhttp_new(base);
	evhttp_set_gencb(http, on_request, NULL);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	if (bound == NULL ||
	    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&a, &len) < 0)
		die("cannot listen");
	printf("port %d\n", ntohs(a.sin_port));
	fflush(stdout);
	event_add(evsignal_new(base, SIGTERM, on_term, NULL), NULL);
	event_base_dispatch(base);
	printf("# bare_hooks rows %lld, a statement %.1f\n", (long long)rows,
	    statements > 0 ? (double)rows / (double)statements : 0);
	evhttp_free(http);
	PQfinish(db);
	return 0;
}
