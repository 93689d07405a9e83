/* Our own app, terminals and property systems: Standard Webhooks, by codec/webhook.h. */
#include "codec/provider_parts.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct standard {
	struct webhook_secret secret[PROVIDER_SECRETS];
	size_t nsecrets;
};

static int
take_secret(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct standard *s = arg;
	struct err why;

	if (s->nsecrets == PROVIDER_SECRETS)
		return keys_refuse(r, at, "more than %d secrets", PROVIDER_SECRETS);
	if (webhook_secret_parse(text, &s->secret[s->nsecrets], &why) < 0)
		return keys_refuse(r, at, "%s", why.text);
	s->nsecrets++;
	return 0;
}

static void
standard_keys_free(void *own)
{
	OPENSSL_cleanse(own, sizeof(struct standard));
	free(own);
}

static void *
standard_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	static const char *const names[] = {"secrets", "secrets_file", NULL};
	struct standard *s = mem_new(sizeof *s);

	if (keys_known(r, section, names) == 0 &&
	    keys_secrets(r, section, "secrets", take_secret, s) == 0)
		return s;
	standard_keys_free(s);
	return NULL;
}

void *
standard_secrets(char *lines, struct err *e)
{
	struct standard *s = mem_new(sizeof *s);
	char *line;
	int rc = 0;

	while (rc == 0 && (line = strsep(&lines, "\r\n")) != NULL) {
		if (*line == '\0')
			continue;
		rc = s->nsecrets == PROVIDER_SECRETS
			 ? err_set(e, ERR_INPUT, "more than %d secrets", PROVIDER_SECRETS)
			 : webhook_secret_parse(line, &s->secret[s->nsecrets++], e);
	}
	if (rc == 0 && s->nsecrets == 0)
		rc = err_set(e, ERR_INPUT, "no secret");
	if (rc == 0)
		return s;
	standard_keys_free(s);
	return NULL;
}

/* The time is judged here and not by webhook_verify(), so that a clock that is wrong can be told
 * from a signature that is. */
static enum provider_code
check_signature(
    const struct standard *s, const struct provider_request *q, const char **id, struct err *e)
{
	enum provider_code code = PROVIDER_OK;
	struct webhook_head h = {provider_header(q, "webhook-id", &code, e), NULL, NULL};
	int64_t at_s, off_us;

	h.timestamp = h.id != NULL ? provider_header(q, "webhook-timestamp", &code, e) : NULL;
	h.signature =
	    h.timestamp != NULL ? provider_header(q, "webhook-signature", &code, e) : NULL;
	if (h.signature == NULL)
		return code;
	if (provider_seconds(h.timestamp, &at_s) < 0)
		return provider_fail(
		    e, PROVIDER_MALFORMED, "webhook-timestamp is not seconds since 1970");
	if (webhook_verify(&h, q->body, s->secret, s->nsecrets, at_s * 1000000, e) < 0)
		return e->class == ERR_INPUT ? PROVIDER_MALFORMED : PROVIDER_BAD_SIGNATURE;
	off_us = q->now_us - at_s * 1000000;
	if (off_us > WEBHOOK_WINDOW_US || off_us < -WEBHOOK_WINDOW_US)
		return provider_fail(e, PROVIDER_STALE, "signed more than 300 s %s our clock",
		    off_us > 0 ? "behind" : "ahead of");
	*id = h.id;
	return PROVIDER_OK;
}

enum provider_code
standard_signed(const void *own, const struct provider_request *q, struct err *e)
{
	const char *id;

	return check_signature(own, q, &id, e);
}

/* --- what happened ----------------------------------------------------------------------- */

static int
read_payment(struct span body, struct provider_notice *n, struct err *e)
{
	struct payment p = {0};

	if (webhook_payment(body, &p, e) < 0)
		return -1;
	n->kind = PROVIDER_PAYMENT;
	n->recharges = true;
	n->amount_minor = p.amount_minor;
	n->paid_us = p.paid_us;
	memcpy(n->payment_no, p.payment_no, sizeof p.payment_no);
	memcpy(n->account_no, p.account_no, sizeof p.account_no);
	memcpy(n->meter_no, p.meter_no, sizeof p.meter_no);
	memcpy(n->order_no, p.order_no, sizeof p.order_no);
	memcpy(n->currency, p.currency, sizeof p.currency);
	memcpy(n->method, p.method, sizeof p.method);
	memcpy(n->terminal, p.terminal, sizeof p.terminal);
	memcpy(n->payer, p.payer, sizeof p.payer);
	memcpy(n->note, p.note, sizeof p.note);
	snprintf(n->state, sizeof n->state, "succeeded");
	return 0;
}

static int
read_refund(const cJSON *o, struct provider_notice *n, struct err *e)
{
	n->kind = PROVIDER_REFUND;
	provider_no_recharge(n, "a refund");
	snprintf(n->state, sizeof n->state, "refunded");
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "data: %s", o != NULL ? "not an object" : "missing");
	if (json_identifier(o, "refund_no", n->refund_no, sizeof n->refund_no, e) < 0 ||
	    json_identifier(o, "payment_no", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    json_integer(o, "amount_minor", 1, JSON_INTEGER_MOST, &n->amount_minor, e) < 0 ||
	    json_optional(o, "currency", n->currency, sizeof n->currency, e) < 0)
		return err_wrap(e, "data");
	return 0;
}

static int
read_event(const cJSON *o, struct span body, struct provider_notice *n, struct err *e)
{
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "the body is not an object");
	n->kind = PROVIDER_OTHER;
	if (!json_is_given(o, "type"))
		return 0;
	if (json_identifier(o, "type", n->type, sizeof n->type, e) < 0)
		return -1;
	if (strcmp(n->type, "payment.succeeded") == 0)
		return read_payment(body, n, e);
	if (strcmp(n->type, "payment.refunded") == 0)
		return read_refund(cJSON_GetObjectItemCaseSensitive(o, "data"), n, e);
	return 0;
}

static enum provider_code
standard_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	const char *id = NULL;
	enum provider_code code = check_signature(own, q, &id, e);
	cJSON *o;
	int rc;

	if (code != PROVIDER_OK)
		return code;
	snprintf(n->event_id, sizeof n->event_id, "%s", id);
	o = json_strict(q->body, e);
	rc = o != NULL ? read_event(o, q->body, n, e) : -1;
	cJSON_Delete(o);
	return rc < 0 ? PROVIDER_MALFORMED : PROVIDER_OK;
}

static void
standard_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	if (o == PROVIDER_TAKEN)
		snprintf(a->body, sizeof a->body, "{\"status\":\"accepted\"}");
	else
		snprintf(a->body, sizeof a->body, "{\"error\":\"%s\"}", text);
}

static const char *const evidence[] = {
    "webhook-id", "webhook-timestamp", "webhook-signature", NULL};

const struct provider provider_standard = {"standard", "standard-webhooks", standard_keys_read,
    standard_keys_free, standard_verify, standard_answer, evidence, NULL, NULL};
