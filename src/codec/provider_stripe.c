/*
 * Stripe: HMAC-SHA256 in hex over the time, a point and the body.
 *
 * The key is the whole whsec_ text as it stands, not what it would decode to.  A payment may be
 * told twice, by its intent and by the checkout it came from; the intent's number is the identity
 * in both, so it is one payment.
 */
#include "codec/provider_parts.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/money.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_S        300
#define SIGNATURES_MOST 16
#define HEX_LEN         64

struct stripe {
	char secret[PROVIDER_SECRETS][129];
	size_t nsecrets;
	char account[65];
	bool test;
};

/* --- keys -------------------------------------------------------------------------------- */

static int
take_secret(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct stripe *s = arg;

	if (s->nsecrets == PROVIDER_SECRETS)
		return keys_refuse(r, at, "more than %d secrets", PROVIDER_SECRETS);
	if (text[0] == '\0' || strlen(text) >= sizeof s->secret[0])
		return keys_refuse(r, at, "a secret has 1 to %zu bytes", sizeof s->secret[0] - 1);
	snprintf(s->secret[s->nsecrets++], sizeof s->secret[0], "%s", text);
	return 0;
}

static void
stripe_keys_free(void *own)
{
	OPENSSL_cleanse(own, sizeof(struct stripe));
	free(own);
}

static void *
stripe_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	static const char *const names[] = {"secrets", "secrets_file", "account", "test", NULL};
	struct stripe *s = mem_new(sizeof *s);

	if (keys_known(r, section, names) == 0 &&
	    keys_secrets(r, section, "secrets", take_secret, s) == 0 &&
	    keys_text(r, section, "account", false, s->account, sizeof s->account) == 0 &&
	    keys_truth(r, section, "test", &s->test) == 0)
		return s;
	stripe_keys_free(s);
	return NULL;
}

/* --- who signed it ----------------------------------------------------------------------- */

struct head {
	char time[16];
	struct span signature[SIGNATURES_MOST];
	size_t n;
};

/* "t=1533204620,v1=...,v1=...,v0=...": v0 is for tests and never looked at. */
static int
head_read(const char *text, struct head *h)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		const char *equals = memchr(text, '=', len);
		size_t name = equals != NULL ? (size_t)(equals - text) : 0;

		if (name == 0)
			return -1;
		if (name == 1 && text[0] == 't') {
			if (h->time[0] != '\0' || len - 2 >= sizeof h->time)
				return -1;
			snprintf(h->time, sizeof h->time, "%.*s", (int)(len - 2), text + 2);
		} else if (name == 2 && memcmp(text, "v1", 2) == 0) {
			if (h->n == SIGNATURES_MOST)
				return -1;
			h->signature[h->n++] = span_of(text + 3, len - 3);
		}
		if (text[len] == '\0')
			return h->n > 0 ? 0 : -1;
		text += len + 1;
	}
}

/* All of them, whichever matches: how long it takes tells nothing. */
static bool
is_signed(const struct stripe *s, const struct head *h, struct span body)
{
	struct span parts[] = {span_of(h->time, strlen(h->time)), span_of(".", 1), body};
	char hex[2 * 64 + 1];
	bool match = false;

	for (size_t i = 0; i < s->nsecrets; i++) {
		hmac_hex("SHA256", span_of(s->secret[i], strlen(s->secret[i])), parts, 3, hex);
		for (size_t j = 0; j < h->n; j++)
			match |= provider_same(
			    (const char *)h->signature[j].bytes, h->signature[j].len, hex, HEX_LEN);
	}
	OPENSSL_cleanse(hex, sizeof hex);
	return match;
}

static enum provider_code
check_signature(const struct stripe *s, const struct provider_request *q, struct err *e)
{
	enum provider_code code = PROVIDER_OK;
	const char *text = provider_header(q, "Stripe-Signature", &code, e);
	struct head h = {0};
	int64_t at_s, now_s = q->now_us / 1000000;

	if (text == NULL)
		return code;
	if (head_read(text, &h) < 0 || provider_seconds(h.time, &at_s) < 0)
		return provider_fail(e, PROVIDER_MALFORMED, "Stripe-Signature is not t=,v1=");
	if (!is_signed(s, &h, q->body))
		return provider_fail(e, PROVIDER_BAD_SIGNATURE, "no signature matches");
	if (now_s - at_s > WINDOW_S || at_s - now_s > WINDOW_S)
		return provider_fail(e, PROVIDER_STALE, "signed %lld s %s our clock",
		    (long long)(now_s > at_s ? now_s - at_s : at_s - now_s),
		    now_s > at_s ? "behind" : "ahead of");
	return PROVIDER_OK;
}

/* --- what happened ----------------------------------------------------------------------- */

static const struct event {
	const char *type;
	enum provider_kind kind;
	const char *amount; /* the member it is in */
	bool checkout;      /* a session, which may end unpaid */
} events[] = {
    {"payment_intent.succeeded",                 PROVIDER_PAYMENT,    "amount_received", false},
    {"checkout.session.completed",               PROVIDER_PAYMENT,    "amount_total",    true },
    {"checkout.session.async_payment_succeeded", PROVIDER_PAYMENT,    "amount_total",    true },
    {"charge.refunded",			  PROVIDER_REFUND,     "amount_refunded", false},
    {"charge.dispute.created",                   PROVIDER_CHARGEBACK, "amount",          false},
};

/* How many digits Stripe counts amounts of this currency in; it is not always ISO 4217's. */
static int
digits_there(const char *currency)
{
	static const char two[] = "ISK UGX", none[] = "MGA";

	if (strstr(two, currency) != NULL)
		return 2;
	return strstr(none, currency) != NULL ? 0 : money_digits(currency);
}

static int
to_minor(const char *currency, int64_t *amount, struct err *e)
{
	int digits = money_digits(currency), there = digits_there(currency);

	for (; there > digits; there--, *amount /= 10)
		if (*amount % 10 != 0)
			return err_set(e, ERR_INPUT, "%s has no such small coin", currency);
	for (; there < digits; there++)
		if (__builtin_mul_overflow(*amount, 10, amount))
			return err_set(e, ERR_INPUT, "the amount is too large");
	return 0;
}

static int
read_money(const cJSON *o, const struct event *ev, struct provider_notice *n, struct err *e)
{
	if (json_integer(o, ev->amount, 1, JSON_INTEGER_MOST, &n->amount_minor, e) < 0 ||
	    json_identifier(o, "currency", n->currency, sizeof n->currency, e) < 0)
		return -1;
	for (char *p = n->currency; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	if (strspn(n->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return err_set(e, ERR_INPUT, "currency is not three letters");
	return to_minor(n->currency, &n->amount_minor, e);
}

/* What our side put into the order. */
static void
read_ours(const cJSON *o, struct provider_notice *n)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, "metadata");

	provider_words(m, "order_no", n->order_no, sizeof n->order_no);
	if (n->order_no[0] == '\0')
		provider_words(o, "client_reference_id", n->order_no, sizeof n->order_no);
	provider_words(m, "account_no", n->account_no, sizeof n->account_no);
	provider_words(m, "meter_no", n->meter_no, sizeof n->meter_no);
	provider_words(o, "customer", n->payer, sizeof n->payer);
}

static int
read_object(const struct stripe *s, const cJSON *o, const struct event *ev, bool live,
    struct provider_notice *n, struct err *e)
{
	bool paid;

	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "data.object is missing");
	read_ours(o, n);
	/* All but the intent itself name the intent, unless they have none. */
	if (provider_text(o, "payment_intent", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    (n->payment_no[0] == '\0' &&
		json_identifier(o, "id", n->payment_no, sizeof n->payment_no, e) < 0) ||
	    json_identifier(
		o, ev->checkout ? "payment_status" : "status", n->state, sizeof n->state, e) < 0 ||
	    read_money(o, ev, n, e) < 0)
		return -1;
	paid = strcmp(n->state, ev->checkout ? "paid" : "succeeded") == 0;
	n->kind = ev->kind;
	if (n->kind == PROVIDER_PAYMENT && !paid)
		n->kind = PROVIDER_PENDING;
	n->cumulative = ev->kind == PROVIDER_REFUND;
	n->recharges = ev->kind == PROVIDER_PAYMENT;
	if (ev->kind == PROVIDER_CHARGEBACK &&
	    json_identifier(o, "id", n->refund_no, sizeof n->refund_no, e) < 0)
		return -1;
	if (!n->recharges)
		provider_no_recharge(n, "money that goes back");
	else if (!paid)
		provider_no_recharge(n, "the status is %s", n->state);
	else if (!live && !s->test)
		provider_no_recharge(n, "a test, no money");
	return 0;
}

static int
read_event(const struct stripe *s, const cJSON *o, struct provider_notice *n, struct err *e)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data");
	bool live = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "livemode"));
	const struct event *ev = NULL;
	int64_t created_s = 0;

	n->kind = PROVIDER_OTHER;
	if (json_identifier(o, "id", n->event_id, sizeof n->event_id, e) < 0 ||
	    json_identifier(o, "type", n->type, sizeof n->type, e) < 0 ||
	    provider_text(o, "account", n->merchant, sizeof n->merchant, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (strcmp(events[i].type, n->type) == 0)
			ev = &events[i];
	if (ev == NULL)
		return 0;
	if (json_integer(o, "created", 1, INT64_C(99999999999), &created_s, e) < 0)
		return -1;
	n->paid_us = created_s * 1000000;
	snprintf(n->method, sizeof n->method, "stripe");
	return read_object(s, cJSON_GetObjectItemCaseSensitive(data, "object"), ev, live, n, e);
}

static enum provider_code
stripe_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	const struct stripe *s = own;
	enum provider_code code = check_signature(s, q, e);
	cJSON *o;
	int rc;

	if (code != PROVIDER_OK)
		return code;
	o = json_foreign(q->body, e);
	if (o == NULL)
		return PROVIDER_MALFORMED;
	rc = cJSON_IsObject(o) ? read_event(s, o, n, e) : err_set(e, ERR_INPUT, "not an object");
	cJSON_Delete(o);
	if (rc < 0)
		return PROVIDER_MALFORMED;
	if (s->account[0] != '\0' && strcmp(s->account, n->merchant) != 0)
		return provider_fail(
		    e, PROVIDER_WRONG_MERCHANT, "for account %.64s: not ours", n->merchant);
	return PROVIDER_OK;
}

static void
stripe_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	if (o == PROVIDER_TAKEN)
		snprintf(a->body, sizeof a->body, "{\"received\":true}");
	else
		snprintf(a->body, sizeof a->body, "{\"error\":\"%s\"}", text);
}

static const char *const evidence[] = {"Stripe-Signature", NULL};

const struct provider provider_stripe = {"stripe", NULL, stripe_keys_read, stripe_keys_free,
    stripe_verify, stripe_answer, evidence, NULL, NULL};
