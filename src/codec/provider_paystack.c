/*
 * Paystack: HMAC-SHA512 in hex over the body, under the API's own secret key.
 *
 * No time is signed, so an old message is as good as a new one: that it was told before is seen
 * by its numbers alone, which are part of event_id and payment_no (payments.md section 3).
 */
#include "codec/provider_parts.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_LEN 128

struct paystack {
	char secret[PROVIDER_SECRETS][129];
	size_t nsecrets;
	bool test;
};

static int
take_secret(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct paystack *p = arg;

	if (p->nsecrets == PROVIDER_SECRETS)
		return keys_refuse(r, at, "more than %d secrets", PROVIDER_SECRETS);
	if (text[0] == '\0' || strlen(text) >= sizeof p->secret[0])
		return keys_refuse(r, at, "a secret has 1 to %zu bytes", sizeof p->secret[0] - 1);
	snprintf(p->secret[p->nsecrets++], sizeof p->secret[0], "%s", text);
	return 0;
}

static void
paystack_keys_free(void *own)
{
	OPENSSL_cleanse(own, sizeof(struct paystack));
	free(own);
}

static void *
paystack_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	static const char *const names[] = {"secrets", "secrets_file", "test", NULL};
	struct paystack *p = mem_new(sizeof *p);

	if (keys_known(r, section, names) == 0 &&
	    keys_secrets(r, section, "secrets", take_secret, p) == 0 &&
	    keys_truth(r, section, "test", &p->test) == 0)
		return p;
	paystack_keys_free(p);
	return NULL;
}

static enum provider_code
check_signature(const struct paystack *p, const struct provider_request *q, struct err *e)
{
	enum provider_code code = PROVIDER_OK;
	const char *text = provider_header(q, "x-paystack-signature", &code, e);
	char hex[2 * 64 + 1];
	bool match = false;

	if (text == NULL)
		return code;
	for (size_t i = 0; i < p->nsecrets; i++) {
		hmac_hex("SHA512", span_of(p->secret[i], strlen(p->secret[i])), &q->body, 1, hex);
		match |= provider_same(text, strlen(text), hex, HEX_LEN);
	}
	OPENSSL_cleanse(hex, sizeof hex);
	return match ? PROVIDER_OK
		     : provider_fail(e, PROVIDER_BAD_SIGNATURE, "the signature does not match");
}

/* --- what happened ----------------------------------------------------------------------- */

/* A number of theirs, which comes as a number or as text. */
static int
read_number(const cJSON *o, const char *name, char *out, size_t room, struct err *e)
{
	int64_t number;

	if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(o, name)))
		return json_identifier(o, name, out, room, e);
	if (json_integer(o, name, 0, JSON_INTEGER_MOST, &number, e) < 0)
		return -1;
	snprintf(out, room, "%lld", (long long)number);
	return 0;
}

static int
read_amount(const cJSON *o, struct provider_notice *n, struct err *e)
{
	char text[20];
	size_t len;

	if (read_number(o, "amount", text, sizeof text, e) < 0)
		return -1;
	len = strspn(text, "0123456789");
	if (text[len] != '\0' || len > 15 || text[0] == '0')
		return err_set(e, ERR_INPUT, "amount is no whole number above nothing");
	n->amount_minor = strtoll(text, NULL, 10);
	if (json_identifier(o, "currency", n->currency, sizeof n->currency, e) < 0)
		return -1;
	if (strspn(n->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return err_set(e, ERR_INPUT, "currency is not three capital letters");
	return 0;
}

/* Without a time of payment it is that of the receiver: they do not promise one. */
static int
read_time(const cJSON *o, int64_t now_us, struct provider_notice *n, struct err *e)
{
	char text[40] = "";

	n->paid_us = now_us;
	if (provider_text(o, "paid_at", text, sizeof text, e) < 0)
		return -1;
	return text[0] == '\0' ? 0 : time_rfc3339_in(text, &n->paid_us, e);
}

static int
read_charge(const struct paystack *p, const cJSON *o, int64_t now_us, struct provider_notice *n,
    struct err *e)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, "metadata");
	char domain[16] = "";

	n->kind = PROVIDER_PAYMENT;
	n->recharges = true;
	if (json_identifier(o, "reference", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    json_identifier(o, "status", n->state, sizeof n->state, e) < 0 ||
	    read_amount(o, n, e) < 0 || read_time(o, now_us, n, e) < 0)
		return -1;
	/* The reference is what the order was made with. */
	snprintf(n->order_no, sizeof n->order_no, "%s", n->payment_no);
	provider_words(m, "account_no", n->account_no, sizeof n->account_no);
	provider_words(m, "meter_no", n->meter_no, sizeof n->meter_no);
	provider_words(o, "channel", n->method, sizeof n->method);
	provider_words(o, "domain", domain, sizeof domain);
	if (strcmp(n->state, "success") != 0) {
		n->kind = PROVIDER_PENDING;
		provider_no_recharge(n, "the status is %s", n->state);
	} else if (strcmp(domain, "test") == 0 && !p->test) {
		provider_no_recharge(n, "a test, no money");
	}
	return 0;
}

static int
read_refund(const cJSON *o, struct provider_notice *n, struct err *e)
{
	n->kind = PROVIDER_REFUND;
	provider_no_recharge(n, "a refund");
	if (json_identifier(o, "transaction_reference", n->payment_no, sizeof n->payment_no, e) <
		0 ||
	    json_identifier(o, "status", n->state, sizeof n->state, e) < 0)
		return -1;
	provider_words(o, "refund_reference", n->refund_no, sizeof n->refund_no);
	return read_amount(o, n, e);
}

static int
read_event(const struct paystack *p, const cJSON *o, int64_t now_us, struct provider_notice *n,
    struct err *e)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data");
	bool charge, refund;
	char id[41] = "";

	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "not an object");
	if (json_identifier(o, "event", n->type, sizeof n->type, e) < 0)
		return -1;
	charge = strcmp(n->type, "charge.success") == 0;
	refund = strcmp(n->type, "refund.processed") == 0;
	n->kind = PROVIDER_OTHER;
	if (json_is_given(data, "id") && read_number(data, "id", id, sizeof id, e) < 0)
		return -1;
	if (charge && read_charge(p, data, now_us, n, e) < 0)
		return -1;
	if (refund && read_refund(data, n, e) < 0)
		return -1;
	snprintf(n->event_id, sizeof n->event_id, "%.40s:%.64s", n->type,
	    id[0] != '\0' ? id : n->payment_no);
	return 0;
}

static enum provider_code
paystack_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	enum provider_code code = check_signature(own, q, e);
	cJSON *o;
	int rc;

	if (code != PROVIDER_OK)
		return code;
	o = json_foreign(q->body, e);
	rc = o != NULL ? read_event(own, o, q->now_us, n, e) : -1;
	cJSON_Delete(o);
	return rc < 0 ? PROVIDER_MALFORMED : PROVIDER_OK;
}

static void
paystack_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	if (o == PROVIDER_TAKEN)
		snprintf(a->body, sizeof a->body, "{\"received\":true}");
	else
		snprintf(a->body, sizeof a->body, "{\"error\":\"%s\"}", text);
}

static const char *const evidence[] = {"x-paystack-signature", NULL};

const struct provider provider_paystack = {"paystack", NULL, paystack_keys_read, paystack_keys_free,
    paystack_verify, paystack_answer, evidence, NULL, NULL};
