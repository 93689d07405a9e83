#include "service/hooks.h"

#include "base/loop.h"
#include "service/http.h"
#include "service/notify.h"
#include "service/pay.h"
#include "service/sources.h"
#include "store/db.h"

#include <stdlib.h>

struct hooks {
	struct db *db;
	struct pay *pay;
	struct notify *notify;
	const struct hooks_conf *conf;
	struct sources *sources;
	struct http *http;
};

static void
on_hook(struct http_request *r, void *arg)
{
	struct hooks *h = arg;

	pay_hook(h->pay, h->sources, h->conf->proxies, r);
}

static void
on_question(struct http_request *r, void *arg)
{
	struct hooks *h = arg;

	pay_hook_ask(h->pay, h->sources, h->conf->proxies, r);
}

static void
on_receipt(struct http_request *r, void *arg)
{
	struct hooks *h = arg;

	notify_receipt(h->notify, r);
}

/* Healthy is who can settle a payment now. */
static void
on_health(struct http_request *r, void *arg)
{
	struct hooks *h = arg;

	if (db_up(h->db))
		http_reply_json(r, 200, "{\"status\":\"ok\"}");
	else
		http_reply_json(r, 503, "{\"status\":\"the database is away\"}");
}

static const struct http_route routes[] = {
    {"POST", "/hooks/v1/",          on_hook    },
    {"GET",  "/hooks/v1/",          on_question},
    {"POST", "/hooks/v1/receipts/", on_receipt },
    {"GET",  "/healthz",            on_health  },
};

struct hooks *
hooks_new(
    struct loop *l, struct db *db, struct pay *p, struct notify *n, const struct hooks_conf *conf)
{
	struct hooks *h = mem_new(sizeof *h);
	const struct http_limits limits = {
	    .most_body = 65536,
	    .most_headers = 8192,
	    .patience_us = conf->patience,
	    .most_connections = (int)conf->most_connections,
	    .keep_alive = conf->keep_alive,
	};

	h->db = db;
	h->pay = p;
	h->notify = n;
	h->conf = conf;
	h->http = http_new(l, &limits, routes, sizeof routes / sizeof *routes, h);
	return h;
}

int
hooks_load_sources(struct hooks *h, struct err *e)
{
	struct sources *s = sources_read(&h->conf->sources, e);

	if (s == NULL)
		return -1;
	sources_free(h->sources);
	h->sources = s;
	return 0;
}

struct sources *
hooks_sources(const struct hooks *h)
{
	return h->sources;
}

int
hooks_listen(struct hooks *h, struct err *e)
{
	return http_listen(h->http, h->conf->listen, e);
}

void
hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	http_free(h->http);
	sources_free(h->sources);
	free(h);
}
