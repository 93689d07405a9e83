/*
 * WeChat Pay v3: who signed it is in the headers, what happened is sealed in the body.
 *
 * The key is chosen by the serial the header names and by nothing else: a platform certificate's
 * serial or the id of a public key, and during a migration both arrive.  From time to time a
 * wrong signature is sent on purpose to see whether anybody looks; it begins with a known mark
 * and is refused like any other, but nobody is woken (payments.md 1.2).
 */
#include "codec/provider_inside.h"

#include "base/conf_tree.h"
#include "base/err.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEYS_MOST WECHAT_KEYS_MOST
#define APPS_MOST WECHAT_APPS_MOST
#define KEY_LEN   WECHAT_KEY_LEN
#define WINDOW_S  300
#define API_URL   "https://api.mch.weixin.qq.com"

/* --- keys -------------------------------------------------------------------------------- */

static void
wechat_keys_free(void *own)
{
	struct wechat *w = own;

	for (size_t i = 0; i < w->nkeys; i++)
		rsa_key_free(w->keys[i].key);
	rsa_key_free(w->merchant_key);
	OPENSSL_cleanse(w, sizeof *w);
	free(w);
}

/* Hex with or without leading zeros, in either case: one serial is written in several ways. */
static bool
same_serial(const char *a, const char *b)
{
	return strcasecmp(a + strspn(a, "0"), b + strspn(b, "0")) == 0;
}

static struct evp_pkey_st *
find_key(const struct wechat *w, const char *serial)
{
	for (size_t i = 0; i < w->nkeys; i++)
		if (same_serial(w->keys[i].id, serial))
			return w->keys[i].key;
	return NULL;
}

static int
read_key(struct keys_reader *r, const struct conf_node *n, struct wechat *w)
{
	static const char *const names[] = {"id", "pem", "pem_file", NULL};
	char pem[8192], serial[65], id[65];
	struct evp_pkey_st *key;
	struct err why;

	if (keys_known(r, n, names) < 0 || keys_text(r, n, "id", false, id, sizeof id) < 0 ||
	    keys_secret(r, n, "pem", true, true, pem, sizeof pem) < 0)
		return -1;
	if (w->nkeys == KEYS_MOST)
		return keys_refuse(r, n, "more than %d keys", KEYS_MOST);
	if (rsa_key_read(pem, &key, serial, &why) < 0)
		return keys_refuse(r, n, "%s", why.text);
	w->keys[w->nkeys++].key = key;
	if (id[0] == '\0' && serial[0] == '\0')
		return keys_refuse(r, n, "a public key needs its id: PUB_KEY_ID_...");
	if (id[0] != '\0' && serial[0] != '\0' && !same_serial(id, serial))
		return keys_refuse(r, n, "the certificate's serial is %s", serial);
	if (find_key(w, id[0] != '\0' ? id : serial) != NULL)
		return keys_refuse(r, n, "this id is there already");
	snprintf(w->keys[w->nkeys - 1].id, sizeof id, "%s", id[0] != '\0' ? id : serial);
	return 0;
}

static int
read_keys(struct keys_reader *r, const struct conf_node *section, struct wechat *w)
{
	const struct conf_node *list = conf_tree_get(section, "verify_keys");

	if (list == NULL || list->kind != CONF_NODE_LIST || list->first == NULL)
		return keys_refuse(r, list != NULL ? list : section, "verify_keys must be a list");
	for (const struct conf_node *n = list->first; n != NULL; n = n->next)
		if (read_key(r, n, w) < 0)
			return -1;
	return 0;
}

static int
take_app(struct keys_reader *r, const struct conf_node *at, const char *text, void *arg)
{
	struct wechat *w = arg;

	if (text[0] == '\0' || strlen(text) >= sizeof w->appid[0])
		return keys_refuse(r, at, "takes 1 to %zu bytes", sizeof w->appid[0] - 1);
	if (w->napps == APPS_MOST)
		return keys_refuse(r, at, "more than %d", APPS_MOST);
	snprintf(w->appid[w->napps++], sizeof w->appid[0], "%s", text);
	return 0;
}

static int
read_section(struct keys_reader *r, const struct conf_node *section, struct wechat *w)
{
	static const char *const names[] = {"mchid", "appid", "apiv3_key", "apiv3_key_file",
	    "verify_keys", "serial", "merchant_key", "merchant_key_file", "api_url", NULL};
	const struct conf_node *apps = conf_tree_get(section, "appid");
	char key[128];
	size_t len;

	if (keys_known(r, section, names) < 0 ||
	    keys_text(r, section, "mchid", true, w->mchid, sizeof w->mchid) < 0 ||
	    (apps != NULL && keys_list(r, apps, take_app, w) < 0) ||
	    keys_secret(r, section, "apiv3_key", true, false, key, sizeof key) < 0)
		return -1;
	len = strlen(key);
	if (len == KEY_LEN)
		memcpy(w->key, key, KEY_LEN);
	OPENSSL_cleanse(key, sizeof key);
	if (len != KEY_LEN)
		return keys_refuse(
		    r, section, "apiv3_key has %zu bytes, it must have %d", len, KEY_LEN);
	if (keys_text(r, section, "serial", false, w->serial, sizeof w->serial) < 0 ||
	    keys_asking(r, section, "merchant_key", "api_url", API_URL, &w->merchant_key,
		w->api_url, sizeof w->api_url) < 0)
		return -1;
	if ((w->merchant_key != NULL) != (w->serial[0] != '\0'))
		return keys_refuse(r, section, "serial and merchant_key belong together");
	return read_keys(r, section, w);
}

static void *
wechat_keys_read(struct keys_reader *r, const struct conf_node *section)
{
	struct wechat *w = mem_new(sizeof *w);

	if (read_section(r, section, w) == 0)
		return w;
	wechat_keys_free(w);
	return NULL;
}

/* --- who signed it ----------------------------------------------------------------------- */

static bool
is_signed(struct evp_pkey_st *key, const char *timestamp, const char *nonce, struct span body,
    const char *signature)
{
	struct span parts[] = {
	    span_of(timestamp, strlen(timestamp)), span_of("\n", 1), span_of(nonce, strlen(nonce)),
	    span_of("\n", 1), body, span_of("\n", 1), /* the last line ends too */
	};
	struct buf bytes = {0};
	struct err ignored;
	bool good = base64_in(&bytes, signature, strlen(signature), &ignored) == 0 &&
		    rsa_sha256_matches(key, parts, sizeof parts / sizeof *parts, buf_span(&bytes));

	buf_clear(&bytes);
	return good;
}

static enum provider_code
check_type(const struct provider_request *q, struct err *e)
{
	static const char name[] = "Wechatpay-Signature-Type";
	const char *type = NULL;
	size_t n = provider_headers(q, name, &type);

	if (n > 1)
		return provider_fail(e, PROVIDER_HEADER_TWICE, "%s is there %zu times", name, n);
	if (n == 1 && strcmp(type, "WECHATPAY2-SHA256-RSA2048") != 0)
		return provider_fail(
		    e, PROVIDER_UNSUPPORTED, "signature type %.40s is not taken", type);
	return PROVIDER_OK;
}

enum provider_code
wechat_check_signature(const struct wechat *w, const struct provider_request *q, struct err *e)
{
	enum provider_code code = PROVIDER_OK;
	const char *timestamp = provider_header(q, "Wechatpay-Timestamp", &code, e);
	const char *nonce =
	    timestamp != NULL ? provider_header(q, "Wechatpay-Nonce", &code, e) : NULL;
	const char *serial =
	    nonce != NULL ? provider_header(q, "Wechatpay-Serial", &code, e) : NULL;
	const char *signature =
	    serial != NULL ? provider_header(q, "Wechatpay-Signature", &code, e) : NULL;
	struct evp_pkey_st *key;
	int64_t at_s, now_s = q->now_us / 1000000;

	if (signature == NULL)
		return code;
	if (strncmp(signature, "WECHATPAY/SIGNTEST/", 19) == 0)
		return provider_fail(e, PROVIDER_PROBE, "a probe: refused as it should be");
	code = check_type(q, e);
	if (code != PROVIDER_OK)
		return code;
	if (provider_seconds(timestamp, &at_s) < 0)
		return provider_fail(
		    e, PROVIDER_MALFORMED, "Wechatpay-Timestamp is not seconds since 1970");
	key = find_key(w, serial);
	if (key == NULL)
		return provider_fail(e, PROVIDER_UNKNOWN_KEY, "no key for serial %.64s", serial);
	if (!is_signed(key, timestamp, nonce, q->body, signature))
		return provider_fail(e, PROVIDER_BAD_SIGNATURE, "the signature does not match");
	if (now_s - at_s >= WINDOW_S || at_s - now_s >= WINDOW_S)
		return provider_fail(e, PROVIDER_STALE, "signed %lld s %s our clock",
		    (long long)(now_s > at_s ? now_s - at_s : at_s - now_s),
		    now_s > at_s ? "behind" : "ahead of");
	return PROVIDER_OK;
}

/* --- what happened ----------------------------------------------------------------------- */

static int
read_time(const cJSON *o, const char *name, bool needed, int64_t *us, struct err *e)
{
	char text[40] = "";

	if (needed ? json_identifier(o, name, text, sizeof text, e) < 0
		   : provider_text(o, name, text, sizeof text, e) < 0)
		return -1;
	return text[0] != '\0' ? time_rfc3339_in(text, us, e) : 0;
}

static int
read_head(const cJSON *o, struct provider_notice *n, struct err *e)
{
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "no object is sealed in it");
	if (json_identifier(o, "mchid", n->merchant, sizeof n->merchant, e) < 0 ||
	    provider_text(o, "appid", n->app, sizeof n->app, e) < 0 ||
	    json_identifier(o, "out_trade_no", n->order_no, sizeof n->order_no, e) < 0)
		return -1;
	return 0;
}

/* amount.total is what was ordered; payer_total is less when a coupon was used. */
static int
read_transaction(const cJSON *o, struct provider_notice *n, struct err *e)
{
	const cJSON *amount = cJSON_GetObjectItemCaseSensitive(o, "amount");
	const cJSON *payer = cJSON_GetObjectItemCaseSensitive(o, "payer");
	bool paid;

	if (json_identifier(o, "transaction_id", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    json_identifier(o, "trade_state", n->state, sizeof n->state, e) < 0 ||
	    json_integer(amount, "total", 1, JSON_INTEGER_MOST, &n->amount_minor, e) < 0 ||
	    json_identifier(amount, "currency", n->currency, sizeof n->currency, e) < 0)
		return -1;
	provider_words(o, "attach", n->reference, sizeof n->reference);
	provider_words(o, "trade_type", n->method, sizeof n->method);
	provider_words(payer, "openid", n->payer, sizeof n->payer);
	paid = strcmp(n->state, "SUCCESS") == 0;
	if (read_time(o, "success_time", paid, &n->paid_us, e) < 0)
		return -1;
	n->recharges = paid;
	if (!paid) {
		n->kind = strcmp(n->state, "REFUND") == 0 ? PROVIDER_PAYMENT
			  : strcmp(n->state, "NOTPAY") == 0 || strcmp(n->state, "USERPAYING") == 0
			      ? PROVIDER_PENDING
			      : PROVIDER_CLOSED;
		provider_no_recharge(n, "the state of the trade is %s", n->state);
	} else if (strcmp(n->currency, "CNY") != 0) {
		provider_no_recharge(n, "paid in %s, not in CNY", n->currency);
		n->held = true;
	}
	return 0;
}

static int
read_refund(const cJSON *o, struct provider_notice *n, struct err *e)
{
	const cJSON *amount = cJSON_GetObjectItemCaseSensitive(o, "amount");

	snprintf(n->currency, sizeof n->currency, "CNY"); /* it need not be told */
	if (json_identifier(o, "transaction_id", n->payment_no, sizeof n->payment_no, e) < 0 ||
	    json_identifier(o, "out_refund_no", n->refund_no, sizeof n->refund_no, e) < 0 ||
	    json_identifier(o, "refund_status", n->state, sizeof n->state, e) < 0 ||
	    json_integer(amount, "refund", 1, JSON_INTEGER_MOST, &n->amount_minor, e) < 0 ||
	    provider_text(amount, "currency", n->currency, sizeof n->currency, e) < 0 ||
	    provider_text(o, "refund_id", n->reference, sizeof n->reference, e) < 0 ||
	    read_time(o, "success_time", false, &n->paid_us, e) < 0)
		return -1;
	provider_no_recharge(n, "%s",
	    strcmp(n->state, "ABNORMAL") == 0 ? "a refund that did not reach the payer"
					      : "a refund");
	return 0;
}

static bool
is_ours(const struct wechat *w, const struct provider_notice *n)
{
	bool app = w->napps == 0 || n->app[0] == '\0';

	for (size_t i = 0; i < w->napps; i++)
		app |= strcmp(w->appid[i], n->app) == 0;
	return app && strcmp(w->mchid, n->merchant) == 0;
}

enum provider_code
wechat_read(const struct wechat *w, struct span text, struct provider_notice *n, struct err *e)
{
	cJSON *o = json_foreign(text, e);
	int rc = o != NULL ? read_head(o, n, e) : -1;

	if (rc == 0)
		rc = n->kind == PROVIDER_REFUND ? read_refund(o, n, e) : read_transaction(o, n, e);
	cJSON_Delete(o);
	if (rc < 0)
		return PROVIDER_MALFORMED;
	if (!is_ours(w, n))
		return provider_fail(e, PROVIDER_WRONG_MERCHANT,
		    "for merchant %.32s, app %.32s: not ours", n->merchant, n->app);
	return PROVIDER_OK;
}

/* --- the seal ---------------------------------------------------------------------------- */

static const char *
text_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static enum provider_code
unseal(const struct wechat *w, const cJSON *r, struct buf *plain, struct err *e)
{
	const char *cipher = text_of(r, "ciphertext"), *nonce = text_of(r, "nonce");
	const char *aad = text_of(r, "associated_data"), *algorithm = text_of(r, "algorithm");
	struct buf sealed = {0};
	int rc;

	if (cipher == NULL || nonce == NULL || algorithm == NULL)
		return provider_fail(
		    e, PROVIDER_MALFORMED, "resource: ciphertext, nonce or algorithm is missing");
	if (strcmp(algorithm, "AEAD_AES_256_GCM") != 0)
		return provider_fail(
		    e, PROVIDER_UNSUPPORTED, "algorithm %.40s is not taken", algorithm);
	if (base64_in(&sealed, cipher, strlen(cipher), e) < 0) {
		err_wrap(e, "ciphertext");
		return PROVIDER_MALFORMED;
	}
	if (aad == NULL)
		aad = "";
	rc = gcm_open(span_of(w->key, KEY_LEN), span_of(nonce, strlen(nonce)),
	    span_of(aad, strlen(aad)), buf_span(&sealed), plain, e);
	buf_clear(&sealed);
	if (rc < 0)
		return e->class == ERR_INPUT ? PROVIDER_MALFORMED : PROVIDER_SEALED;
	return PROVIDER_OK;
}

static const struct event {
	const char *type, *original; /* both must say the same */
	enum provider_kind kind;
} events[] = {
    {"TRANSACTION.SUCCESS", "transaction", PROVIDER_PAYMENT},
    {"REFUND.SUCCESS",      "refund",      PROVIDER_REFUND },
    {"REFUND.ABNORMAL",     "refund",      PROVIDER_REFUND },
    {"REFUND.CLOSED",       "refund",      PROVIDER_REFUND },
};

static enum provider_code
read_event(const struct wechat *w, const cJSON *o, const struct event *ev,
    struct provider_notice *n, struct err *e)
{
	const cJSON *r = cJSON_GetObjectItemCaseSensitive(o, "resource");
	const char *kind = text_of(o, "resource_type"), *original = text_of(r, "original_type");
	struct buf plain = {0};
	enum provider_code code;

	if (kind == NULL || strcmp(kind, "encrypt-resource") != 0)
		return provider_fail(e, PROVIDER_MALFORMED, "resource_type is none we know");
	if (original == NULL || strcmp(original, ev->original) != 0)
		return provider_fail(
		    e, PROVIDER_MALFORMED, "original_type does not fit %s", ev->type);
	n->kind = ev->kind;
	code = unseal(w, r, &plain, e);
	if (code == PROVIDER_OK)
		code = wechat_read(w, buf_span(&plain), n, e);
	buf_clear(&plain);
	return code;
}

static enum provider_code
read_body(const struct wechat *w, struct span body, struct provider_notice *n, struct err *e)
{
	cJSON *o = json_foreign(body, e);
	enum provider_code code = PROVIDER_OK;
	const struct event *ev = NULL;

	if (o == NULL || !cJSON_IsObject(o)) {
		cJSON_Delete(o);
		return o == NULL ? PROVIDER_MALFORMED
				 : provider_fail(e, PROVIDER_MALFORMED, "not an object");
	}
	if (json_identifier(o, "id", n->event_id, sizeof n->event_id, e) < 0 ||
	    json_identifier(o, "event_type", n->type, sizeof n->type, e) < 0)
		code = PROVIDER_MALFORMED;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (strcmp(events[i].type, n->type) == 0)
			ev = &events[i];
	if (code == PROVIDER_OK && ev != NULL)
		code = read_event(w, o, ev, n, e);
	else
		n->kind = PROVIDER_OTHER;
	cJSON_Delete(o);
	return code;
}

static enum provider_code
wechat_verify(
    const void *own, const struct provider_request *q, struct provider_notice *n, struct err *e)
{
	enum provider_code code = wechat_check_signature(own, q, e);
	const char *trace = NULL;

	if (code != PROVIDER_OK)
		return code;
	if (provider_headers(q, "Request-ID", &trace) == 1 && !text_has_control(trace))
		snprintf(n->trace, sizeof n->trace, "%s", trace);
	return read_body(own, q->body, n, e);
}

static void
wechat_answer(enum provider_outcome o, const char *text, struct provider_answer *a)
{
	if (o == PROVIDER_TAKEN)
		snprintf(a->body, sizeof a->body, "{\"code\":\"SUCCESS\",\"message\":\"OK\"}");
	else
		snprintf(a->body, sizeof a->body, "{\"code\":\"FAIL\",\"message\":\"%s\"}", text);
}

static const char *const evidence[] = {"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial",
    "Wechatpay-Signature", "Wechatpay-Signature-Type", "Request-ID", NULL};

const struct provider provider_wechat = {"wechat", "wechatpay-v3", wechat_keys_read,
    wechat_keys_free, wechat_verify, wechat_answer, evidence, NULL, &wechat_query};
