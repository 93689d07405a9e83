/*
 * The door for payment notifications.  The order matters: source, then whatever its provider
 * signs over the raw bytes, and only then does anything read the body.  Nothing is answered
 * before it is durable.
 *
 *	payment		settled: pay.c
 *	validation	nothing has moved: the account and its limits are looked at, nothing is kept
 *	all others	kept, and answered as taken: pay_told.c
 */
#include "service/pay.h"

#include "base/err.h"
#include "base/loop.h"
#include "base/metric.h"
#include "codec/webhook.h"
#include "service/http.h"
#include "service/pay_parts.h"
#include "service/topup.h"
#include "store/db.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_stmt state = {
    "payment_state", DB_MONEY, true, 5 * SECOND_US, "SELECT door.payment_state($1, $2)"};

/* --- answers ------------------------------------------------------------------------------ */

static void
answer_as(struct http_request *r, const struct provider *p, enum provider_outcome o,
    enum provider_code code)
{
	struct provider_answer a;

	provider_answer(p, o, code, &a);
	http_reply(r, a.status, a.type, span_of(a.body, strlen(a.body)));
}

void
pay_answer_http(const struct pay_answer *a, void *arg)
{
	struct http_request *r = arg;
	char json[160];

	switch (a->outcome) {
	case PAY_ACCEPTED:
	case PAY_DUPLICATE:
		snprintf(json, sizeof json,
		    "{\"status\":\"%s\",\"receipt_id\":\"%lld\",\"state\":\"%s\"}",
		    a->outcome == PAY_ACCEPTED ? "accepted" : "duplicate", (long long)a->receipt,
		    a->suspense ? "suspense" : "settled");
		http_reply_json(r, 200, json);
		return;
	case PAY_CONFLICT:
		http_reply_error(r, 409, a->why);
		return;
	case PAY_UNAVAILABLE:
		http_reply_error(r, 503, "not settled: send it again");
		return;
	case PAY_REFUSED:
		http_reply_error(r, 503, "cannot be settled now: send it again later");
		return;
	}
}

void
hook_end(struct hook *h)
{
	LIST_REMOVE(h, all);
	buf_clear(&h->body);
	buf_clear(&h->evidence);
	free(h);
}

void
hook_answer(struct hook *h, enum provider_outcome o)
{
	answer_as(h->r, h->provider, o, PROVIDER_OK);
	hook_end(h);
}

void
hook_refuse(struct hook *h, int status, const char *why)
{
	metric_add(METRIC_HOOKS_REFUSED, 1);
	http_reply_error(h->r, status, why);
	hook_end(h);
}

/* --- payments ----------------------------------------------------------------------------- */

/* A provider that tells the same money otherwise would do so for days: a person looks instead. */
static void
on_settled(const struct pay_answer *a, void *arg)
{
	struct hook *h = arg;

	if (h->own) {
		pay_answer_http(a, h->r);
		hook_end(h);
	} else if (a->outcome == PAY_CONFLICT) {
		hook_told(h, "conflict", a->why);
	} else {
		hook_answer(h, a->outcome == PAY_ACCEPTED || a->outcome == PAY_DUPLICATE
				   ? PROVIDER_TAKEN
				   : PROVIDER_LATER);
	}
}

/* Our own repeats are the same bytes.  Of the others the payment's number says that it is the same
 * money. */
static void
hook_name(struct hook *h)
{
	EVP_Digest(h->body.bytes, h->body.len, h->sha, NULL, EVP_sha256(), NULL);
	if (h->own)
		snprintf(h->m.event_id, sizeof h->m.event_id, "%s", h->notice.event_id);
	else
		pay_event_id(h->m.event_id, sizeof h->m.event_id, h->notice.event_id, h->sha);
}

static void
on_limits(const struct topup_answer *a, void *arg)
{
	static const enum provider_outcome outcomes[] = {
	    [TOPUP_GOOD] = PROVIDER_TAKEN,
	    [TOPUP_OUTSIDE] = PROVIDER_NO_AMOUNT,
	    [TOPUP_UNKNOWN] = PROVIDER_NO_ACCOUNT,
	    [TOPUP_AWAY] = PROVIDER_LATER,
	};

	hook_answer(arg, outcomes[a->verdict]);
}

static void
hook_validate(struct hook *h)
{
	const struct topup_question q = {.account = h->m.account_no,
	    .meter = h->m.meter_no,
	    .currency = h->m.currency,
	    .source = h->m.source,
	    .payment_no = h->m.payment_no,
	    .amount_minor = h->m.amount_minor};

	topup_ask(pay_db(h->pay), &q, h->received_us, on_limits, h);
}

static void
hook_take(struct hook *h)
{
	const struct provider_notice *n = &h->notice;

	if (n->kind == PROVIDER_OTHER && h->own) {
		char why[120];

		snprintf(why, sizeof why, "events of type \"%s\" are not taken here", n->type);
		hook_refuse(
		    h, n->type[0] != '\0' ? 422 : 400, n->type[0] != '\0' ? why : "type: missing");
		return;
	}
	hook_name(h);
	provider_payment(h->provider, n, &h->m);
	if (n->kind == PROVIDER_VALIDATION)
		hook_validate(h);
	else if (n->kind == PROVIDER_PAYMENT && (n->recharges || n->held))
		pay_settle(h->pay, &h->m, buf_span(&h->body), buf_text(&h->evidence), h->m.source,
		    h->received_us, on_settled, h);
	else
		hook_told(h, provider_kind_name(n->kind), n->why);
}

/* --- the door ----------------------------------------------------------------------------- */

struct asked {
	struct provider_header headers[PROVIDER_HEADERS];
	char peer[64];
	struct provider_request q;
};

static bool
asked_read(struct asked *a, struct http_request *r, const char *proxies, int64_t now_us)
{
	size_t n = 0;

	while (
	    n < PROVIDER_HEADERS && http_header_at(r, n, &a->headers[n].name, &a->headers[n].value))
		n++;
	a->q = (struct provider_request){
	    .path = http_path(r),
	    .peer = source_peer(r, proxies, a->peer, sizeof a->peer),
	    .headers = a->headers,
	    .nheaders = n,
	    .body = http_body(r),
	    .now_us = now_us,
	};
	return n < PROVIDER_HEADERS;
}

static void
refuse(struct pay *p, struct source *s, struct http_request *r, enum provider_code code,
    const char *why)
{
	struct provider_answer a;

	hook_count(p, s, code, why);
	metric_add(METRIC_HOOKS_REFUSED, 1);
	provider_answer(provider_of(s->keys), PROVIDER_REFUSED, code, &a);
	if (s->own)
		http_reply_error(r, a.status, why);
	else
		http_reply(r, a.status, a.type, span_of(a.body, strlen(a.body)));
}

static const char *
source_part(const struct http_request *r)
{
	return http_path(r) + strlen("/hooks/v1/");
}

void
pay_hook(struct pay *p, struct sources *sources, const char *proxies, struct http_request *r)
{
	const char *rest;
	struct source *s = source_find(sources, source_part(r), &rest);
	struct asked a;
	struct hook *h;
	enum provider_code code;
	struct err e;

	if (!asked_read(&a, r, proxies, pay_now_us(p))) {
		http_reply_error(r, 400, "too many headers");
		return;
	}
	h = mem_new(sizeof *h);
	LIST_INSERT_HEAD(pay_hooks(p), h, all);
	code = provider_verify(s != NULL ? s->keys : sources_nobody(sources), &a.q, &h->notice, &e);
	if (s == NULL || (rest[0] != '\0' && !s->own_paths)) {
		http_reply_error(r, 404, "no such source");
	} else if (code != PROVIDER_OK) {
		refuse(p, s, r, code, e.text);
	} else {
		h->r = r;
		h->pay = p;
		h->provider = provider_of(s->keys);
		h->own = s->own;
		h->received_us = a.q.now_us;
		h->log.module = "hook";
		snprintf(h->m.source, sizeof h->m.source, "%s", s->name);
		buf_put(&h->body, a.q.body.bytes, a.q.body.len);
		provider_evidence(h->provider, &a.q, NULL, &h->evidence);
		hook_take(h);
		return;
	}
	hook_end(h);
}

/* --- an answer that was lost ---------------------------------------------------------------- */

static void
on_state(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct http_request *r = arg;

	(void)e;
	if (rows == NULL)
		http_reply_error(r, 503, "the database is away: ask again");
	else if (db_rows_count(rows) == 0 || db_cell_null(rows, 0, 0))
		http_reply_error(r, 404, "no such payment here: send it again");
	else
		http_reply_json(r, 200, db_cell_text(rows, 0, 0));
}

void
pay_hook_ask(struct pay *p, struct sources *sources, const char *proxies, struct http_request *r)
{
	static const char payments[] = "/payments/";
	const char *path = http_path(r), *rest;
	struct source *s = source_find(sources, source_part(r), &rest);
	struct asked a;
	enum provider_code code;
	struct err e;

	if (rest[0] == '\0') { /* for whatever it is that sends */
		http_reply_error(r, 405, "POST it");
		return;
	}
	if (!asked_read(&a, r, proxies, pay_now_us(p))) {
		http_reply_error(r, 400, "too many headers");
		return;
	}
	a.q.body = span_of(path, strlen(path));
	code = provider_signed(s != NULL ? s->keys : sources_nobody(sources), &a.q, &e);
	if (s == NULL || strncmp(rest, payments, strlen(payments)) != 0)
		http_reply_error(r, 404, "no such source");
	else if (code != PROVIDER_OK)
		refuse(p, s, r, code, e.text);
	else
		db_ask(pay_db(p), &state, on_state, r, db_text(s->name),
		    db_text(rest + strlen(payments)));
}
