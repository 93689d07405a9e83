#include "service/notify.h"

#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "service/fetch.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16

struct notify {
	struct loop *loop;
	struct db *db;
	struct fetcher *fetcher;
	const struct notify_conf *conf;
	notify_told_fn *fn;
	void *arg;
	struct webhook_secret secret;
	int flying;
	bool claiming, again;
	struct timer sweep, poke;
	struct logctx log;
};

struct sending {
	struct notify *n;
	int64_t id;
	int attempts;
	char kind[16];
};

static const struct db_stmt claim = {"notice_claim", DB_BULK, false, 0,
    "SELECT id, key, kind, recipient, body, attempts FROM door.notice_claim($1::int, $2::bigint,"
    " $3::bigint)"};
static const struct db_stmt told = {"notice_told", DB_BULK, true, 0,
    "SELECT door.notice_told($1::bigint, $2, $3, $4::bigint, $5, $6::bigint)"};

static void notify_poke(void *arg);

static void
on_noted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct notify *n = arg;

	(void)rows;
	if (e->class != ERR_NONE)
		slog(n, LOG_LEVEL_ERROR, "%s", e->text);
	n->fn(n->arg);
}

/* After the first, second, ... attempt; the last for all that follow. */
static int64_t
pause_us(int attempts)
{
	static const int64_t seconds[] = {2, 30, 120, 600, 3600, 10800};
	int last = (int)(sizeof seconds / sizeof *seconds) - 1;

	return seconds[attempts - 1 < last ? attempts - 1 : last] * SECOND_US;
}

static void
on_sent(int status, struct span body, const struct err *e, void *arg)
{
	struct sending *s = arg;
	struct notify *n = s->n;
	int64_t now = loop_now_us(n->loop);
	bool ok = status >= 200 && status < 300;
	bool final = status >= 400 && status < 500 && status != 408 && status != 429;
	char why[160];

	(void)body;
	snprintf(why, sizeof why, "%.150s", e->class != ERR_NONE ? e->text : "");
	if (!ok && status != 0)
		snprintf(why, sizeof why, "answered %d", status);
	slog(n, ok ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "notice %lld %s %s%s", (long long)s->id,
	    s->kind, ok ? "told" : "not told: ", why);
	n->flying--;
	db_ask(n->db, &told, on_noted, n, db_int(s->id), db_bool(ok), db_bool(final),
	    db_int(now + pause_us(s->attempts)), ok ? db_null() : db_text(why), db_int(now));
	free(s);
	notify_look(n);
}

static void
send_one(struct notify *n, const struct db_rows *rows, int i)
{
	struct sending *s = mem_new(sizeof *s);
	int64_t now = loop_now_us(n->loop);
	char id[40], signature[64], stamp[32], at[32];
	char h1[80], h2[80], h3[120];
	const char *headers[] = {"Content-Type: application/json", h1, h2, h3, NULL};
	struct buf body = {0};

	s->n = n;
	s->id = db_cell_int(rows, i, 0);
	s->attempts = (int)db_cell_int(rows, i, 5);
	db_cell_copy(rows, i, 2, s->kind, sizeof s->kind);
	snprintf(id, sizeof id, "notice_%lld", (long long)s->id);
	snprintf(stamp, sizeof stamp, "%lld", (long long)(now / SECOND_US));
	time_rfc3339_out(now, at);
	buf_printf(&body,
	    "{\"type\":\"notice.%s\",\"timestamp\":\"%s\",\"recipient\":\"%s\",\"data\":%s}",
	    s->kind, at, db_cell_text(rows, i, 3), db_cell_text(rows, i, 4));
	webhook_sign(id, now / SECOND_US, buf_span(&body), &n->secret, signature);
	snprintf(h1, sizeof h1, "webhook-id: %s", id);
	snprintf(h2, sizeof h2, "webhook-timestamp: %s", stamp);
	snprintf(h3, sizeof h3, "webhook-signature: %s", signature);
	n->flying++;
	fetch(n->fetcher, "POST", n->conf->url, headers, buf_span(&body), n->conf->patience_us,
	    on_sent, s);
	buf_clear(&body);
}

static void
on_claimed(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct notify *n = arg;

	n->claiming = false;
	if (rows == NULL) {
		slog(n, LOG_LEVEL_WARN, "%s", e->text);
		return;
	}
	for (int i = 0; i < db_rows_count(rows); i++)
		send_one(n, rows, i);
	if (n->again)
		notify_look(n);
}

static void
notify_poke(void *arg)
{
	struct notify *n = arg;

	if (n->conf->url[0] == '\0' || n->flying >= AT_ONCE)
		return;
	if (n->claiming) {
		n->again = true;
		return;
	}
	n->claiming = true;
	n->again = false;
	db_ask(n->db, &claim, on_claimed, n, db_int(AT_ONCE - n->flying),
	    db_int(n->conf->patience_us + 10 * SECOND_US), db_int(loop_now_us(n->loop)));
}

void
notify_look(struct notify *n)
{
	loop_defer(&n->poke, n->loop, notify_poke, n);
}

static void
on_sweep(void *arg)
{
	struct notify *n = arg;

	timer_sweep(&n->sweep, n->loop, n->conf->sweep_us, on_sweep, n);
	notify_poke(n);
}

struct notify *
notify_new(struct loop *l, struct db *db, struct fetcher *f, const struct notify_conf *conf,
    notify_told_fn *fn, void *arg)
{
	struct notify *n = mem_new(sizeof *n);

	n->loop = l;
	n->db = db;
	n->fetcher = f;
	n->conf = conf;
	n->fn = fn;
	n->arg = arg;
	n->log.module = "notify";
	timer_start(&n->sweep, l, conf->sweep_us, on_sweep, n);
	return n;
}

static int
read_secret(const struct notify_conf *conf, struct webhook_secret *secret, struct err *e)
{
	char text[200];

	if (conf->url[0] == '\0')
		return 0;
	if (conf_secret_file(conf->secret_file, text, sizeof text, e) < 0 ||
	    webhook_secret_parse(text, secret, e) < 0)
		return err_wrap(e, "notify");
	return 0;
}

int
notify_try_secret(const struct notify_conf *conf, struct err *e)
{
	struct webhook_secret secret;

	return read_secret(conf, &secret, e);
}

int
notify_load_secret(struct notify *n, struct err *e)
{
	return read_secret(n->conf, &n->secret, e);
}

void
notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	timer_stop(&n->sweep);
	timer_stop(&n->poke);
	free(n);
}
