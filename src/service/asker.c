#include "service/asker.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "codec/provider_query.h"
#include "service/fetch.h"
#include "service/hooks.h"
#include "service/pay_parts.h"
#include "store/db.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_AT_ONCE 16
#define IDLE_US      MINUTE_US

/* Not repeatable: what was taken on the way is asked for a step later. */
static const struct db_stmt take = {"orders_take", DB_COMMANDS, false, 5 * SECOND_US,
    "SELECT source, number FROM door.orders_take($1::text[], $2::int, $3::bigint, $4::bigint)"};
static const struct db_stmt told = {"order_told", DB_COMMANDS, true, 5 * SECOND_US,
    "SELECT door.order_told($1, $2, $3, $4::bigint)"};

/* A question on its way; what it needs of its source is looked up anew when the answer is there,
 * for a reload may have come between. */
struct question {
	LIST_ENTRY(question) all;
	struct asker *k;
	char source[32], order[65], path[256];
	struct payment m;
	struct logctx log;
};

struct asker {
	struct loop *loop;
	struct db *db;
	struct fetcher *fetcher;
	struct pay *pay;
	struct hooks *hooks;
	const struct orders_conf *conf;
	LIST_HEAD(question_list, question) asked;
	int n;
	bool taking;
	struct db_column names;
	struct timer sweep;
	struct logctx log;
};

static void
question_end(struct question *a)
{
	LIST_REMOVE(a, all);
	a->k->n--;
	free(a);
}

/* --- what came of it ------------------------------------------------------------------------ */

/* closed: it will not be paid any more; odd: somebody should look. */
static void
say(struct question *a, const char *what, const char *text)
{
	db_ask(a->k->db, &told, NULL, NULL, db_text(a->order), db_text(what), db_text(text),
	    db_int(loop_now_us(a->k->loop)));
}

static void
on_settled(const struct pay_answer *p, void *arg)
{
	struct question *a = arg;

	if (p->outcome == PAY_ACCEPTED)
		slog(a, LOG_LEVEL_INFO, "source=%s order=%s payment=%s was not told of: found%s",
		    a->source, a->order, a->m.payment_no, p->suspense ? ", in suspense" : "");
	else if (p->outcome == PAY_CONFLICT)
		say(a, "odd", p->why);
	if (p->outcome == PAY_DUPLICATE || (p->outcome == PAY_ACCEPTED && p->suspense))
		say(a, "known", "");
	question_end(a); /* unavailable, refused: it is asked for again */
}

/* The same way as a notification; the bytes of the answer are what is kept. */
static void
settle(struct question *a, const struct provider *p, const struct provider_notice *n,
    const struct provider_request *q)
{
	struct buf evidence = {0};
	uint8_t sha[32];

	EVP_Digest(q->body.bytes, q->body.len, sha, NULL, EVP_sha256(), NULL);
	provider_evidence(p, q, a->path, &evidence);
	provider_payment(p, n, &a->m);
	if (a->m.paid_us == 0)
		a->m.paid_us = q->now_us;
	snprintf(a->m.source, sizeof a->m.source, "%s", a->source);
	pay_event_id(a->m.event_id, sizeof a->m.event_id, n->event_id, sha);
	pay_settle(
	    a->k->pay, &a->m, q->body, buf_text(&evidence), a->source, q->now_us, on_settled, a);
	buf_clear(&evidence);
}

static size_t
headers_in(char *text, struct provider_header *out)
{
	size_t n = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL && n < PROVIDER_HEADERS) {
		char *colon = strchr(line, ':'), *value;

		if (colon == NULL)
			continue;
		*colon = '\0';
		value = colon + 1 + strspn(colon + 1, " ");
		value[strcspn(value, "\r")] = '\0';
		out[n++] = (struct provider_header){line, value};
	}
	return n;
}

/* Authentic, and about the order that was asked for? */
static void
take_answer(struct question *a, struct source *s, struct span body)
{
	struct provider_header headers[PROVIDER_HEADERS];
	struct span head = fetch_head(a->k->fetcher);
	struct provider_request q = {
	    .headers = headers, .body = body, .now_us = loop_now_us(a->k->loop)};
	struct provider_notice n;
	struct buf lines = {0};
	struct err e;
	enum provider_code code;

	buf_put(&lines, head.bytes, head.len);
	buf_text(&lines);
	q.nheaders = headers_in((char *)lines.bytes, headers);
	code = provider_answered(s->keys, &q, &n, &e);
	if (code != PROVIDER_OK) {
		hook_count(a->k->pay, s, code, e.text);
	} else if (n.kind == PROVIDER_PENDING) {
		slog(a, LOG_LEVEL_DEBUG, "source=%s order=%s %s", a->source, a->order, n.state);
	} else if (strcmp(n.order_no, a->order) != 0) {
		hook_count(a->k->pay, s, PROVIDER_MALFORMED, "an answer about another order");
	} else if (n.kind == PROVIDER_PAYMENT && (n.recharges || n.held)) {
		settle(a, provider_of(s->keys), &n, &q);
		buf_clear(&lines);
		return;
	} else {
		say(a, n.kind == PROVIDER_CLOSED ? "closed" : "odd", n.why);
	}
	buf_clear(&lines);
	question_end(a);
}

/* Silence, and whatever is no 200, say nothing about the order: it is asked for again. */
static void
on_answer(int status, struct span body, const struct err *e, void *arg)
{
	struct question *a = arg;
	const char *rest;
	struct source *s = source_find(hooks_sources(a->k->hooks), a->source, &rest);
	char why[64];

	if (s == NULL) {
		question_end(a);
	} else if (status == 200) {
		take_answer(a, s, body);
	} else {
		slog(a, status == 404 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		    "source=%s order=%s not known now: %s %d", a->source, a->order,
		    status == 0 ? e->text : "answered", status);
		if (status == 401 || status == 403) {
			snprintf(why, sizeof why, "our question was answered %d", status);
			hook_count(a->k->pay, s, PROVIDER_NOT_ALLOWED, why);
		}
		question_end(a);
	}
}

/* --- asking --------------------------------------------------------------------------------- */

static void
make_nonce(char out[33])
{
	uint8_t chance[16];

	if (RAND_bytes(chance, sizeof chance) != 1)
		abort();
	hex_out(out, span_of(chance, sizeof chance));
}

static void
ask(struct asker *k, const char *source, const char *order)
{
	const char *rest;
	struct source *s = source_find(hooks_sources(k->hooks), source, &rest);
	struct question *a;
	struct provider_question q = {0};
	const char *headers[5] = {0};
	char nonce[33];
	struct err e;

	if (s == NULL || !provider_can_ask(s->keys))
		return;
	make_nonce(nonce);
	if (provider_ask(s->keys, order, loop_now_us(k->loop), nonce, &q, &e) < 0) {
		slog(k, LOG_LEVEL_WARN, "source=%s order=%s cannot be asked for: %s", source, order,
		    e.text);
		provider_question_clear(&q);
		return;
	}
	a = mem_new(sizeof *a);
	a->k = k;
	a->log.module = "asker";
	snprintf(a->source, sizeof a->source, "%s", source);
	snprintf(a->order, sizeof a->order, "%s", order);
	snprintf(a->path, sizeof a->path, "%s", q.path);
	LIST_INSERT_HEAD(&k->asked, a, all);
	k->n++;
	for (size_t i = 0; i < 4 && q.headers[i][0] != '\0'; i++)
		headers[i] = q.headers[i];
	fetch(k->fetcher, q.method, buf_text(&q.url), headers, buf_span(&q.body),
	    k->conf->patience_us, on_answer, a);
	provider_question_clear(&q);
}

static void
on_taken(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct asker *k = arg;

	k->taking = false;
	if (rows == NULL) {
		slog(k, LOG_LEVEL_WARN, "which orders are open is unknown: %s", e->text);
		return;
	}
	for (int row = 0; row < db_rows_count(rows); row++)
		ask(k, db_cell_text(rows, row, 0), db_cell_text(rows, row, 1));
}

/* Where nobody can be asked, a reload may change that. */
static bool
gather_names(struct asker *k)
{
	const struct sources *sources = hooks_sources(k->hooks);
	bool any = false;

	db_column_clear(&k->names);
	for (size_t i = 0; k->conf->ask_us > 0 && i < sources_count(sources); i++) {
		const struct source *s = source_at(sources, i);

		if (!provider_can_ask(s->keys))
			continue;
		db_column_text(&k->names, s->name);
		any = true;
	}
	return any;
}

static void
on_sweep(void *arg)
{
	struct asker *k = arg;

	if (k->taking || k->n >= MOST_AT_ONCE) {
		timer_start(&k->sweep, k->loop, k->conf->sweep_us, on_sweep, k);
		return;
	}
	if (!gather_names(k)) {
		timer_start(&k->sweep, k->loop, IDLE_US, on_sweep, k);
		return;
	}
	timer_start(&k->sweep, k->loop, k->conf->sweep_us, on_sweep, k);
	k->taking = true;
	db_ask(k->db, &take, on_taken, k, db_array(&k->names), db_int(MOST_AT_ONCE - k->n),
	    db_int(k->conf->ask_us), db_int(loop_now_us(k->loop)));
}

struct asker *
asker_new(struct loop *l, struct db *db, struct fetcher *f, struct pay *p, struct hooks *h,
    const struct orders_conf *conf)
{
	struct asker *k = mem_new(sizeof *k);

	k->loop = l;
	k->db = db;
	k->fetcher = f;
	k->pay = p;
	k->hooks = h;
	k->conf = conf;
	k->log.module = "asker";
	timer_start(&k->sweep, l, conf->sweep_us, on_sweep, k);
	return k;
}

void
asker_free(struct asker *k)
{
	struct question *a;

	if (k == NULL)
		return;
	timer_stop(&k->sweep);
	while ((a = LIST_FIRST(&k->asked)) != NULL) {
		LIST_REMOVE(a, all);
		free(a);
	}
	db_column_free(&k->names);
	free(k);
}
