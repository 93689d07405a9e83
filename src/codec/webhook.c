/*
 * Standard Webhooks v1, the receiving and the sending side, and the one body we understand.
 *
 * Who sent it is decided over the raw bytes before anything looks inside.  Every signature of
 * the header is compared with every secret, and with a blank one when there is no secret: how
 * long a refusal takes does not say which of them was nearly right, or whether the source
 * exists at all.
 */
#include "codec/webhook.h"

#include "base/err.h"

#include <cjson/cJSON.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_LEN         32
#define MAC_LETTERS     44 /* of MAC_LEN bytes in base64 */
#define SECRET_LEAST    16
#define BODY_MOST       65536
#define SIGNATURES_MOST 16

int
webhook_secret_parse(const char *text, struct webhook_secret *s, struct err *e)
{
	struct buf letters = {0}, key = {0};
	int rc = -1;

	*s = (struct webhook_secret){0};
	if (strncmp(text, "whsec_", 6) == 0)
		text += 6;
	buf_put_text(&letters, text);
	while (letters.len % 4 != 0 && letters.len % 4 != 1)
		buf_put_u8(&letters, '=');
	if (base64_in(&key, buf_text(&letters), letters.len, e) < 0)
		err_set(e, ERR_INPUT, "the secret is not base64"); /* without quoting any of it */
	else if (key.len < SECRET_LEAST || key.len > sizeof s->key)
		err_set(e, ERR_INPUT, "the secret has %zu bytes, not %d to %zu", key.len,
		    SECRET_LEAST, sizeof s->key);
	else
		rc = 0;
	if (rc == 0) {
		memcpy(s->key, key.bytes, key.len);
		s->len = key.len;
	}
	if (key.bytes != NULL)
		OPENSSL_cleanse(key.bytes, key.room);
	OPENSSL_cleanse(letters.bytes, letters.room);
	buf_clear(&key);
	buf_clear(&letters);
	return rc;
}

/* HMAC-SHA256 over id "." timestamp "." body. */
static void
mac_of(const char *id, const char *timestamp, struct span body, const struct webhook_secret *s,
    uint8_t mac[MAC_LEN])
{
	static EVP_MAC *hmac; /* looked up once: that costs more than the sum itself */
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *c;
	size_t len;

	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	c = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	if (c == NULL || !EVP_MAC_init(c, s->key, s->len > 0 ? s->len : sizeof s->key, params) ||
	    !EVP_MAC_update(c, (const uint8_t *)id, strlen(id)) ||
	    !EVP_MAC_update(c, (const uint8_t *)".", 1) ||
	    !EVP_MAC_update(c, (const uint8_t *)timestamp, strlen(timestamp)) ||
	    !EVP_MAC_update(c, (const uint8_t *)".", 1) ||
	    (body.len > 0 && !EVP_MAC_update(c, body.bytes, body.len)) ||
	    !EVP_MAC_final(c, mac, &len, MAC_LEN) || len != MAC_LEN)
		abort(); /* no memory, or a library without HMAC */
	EVP_MAC_CTX_free(c);
}

static int
id_check(const char *id, struct err *e)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len;

	if (id == NULL)
		return err_set(e, ERR_INPUT, "webhook-id is missing");
	len = strspn(id, allowed);
	if (id[len] != '\0' || len < 1 || len > 64)
		return err_set(e, ERR_INPUT, "webhook-id is not 1 to 64 letters, digits, _ or -");
	return 0;
}

static int
timestamp_read(const char *text, int64_t *us, struct err *e)
{
	size_t len;

	if (text == NULL)
		return err_set(e, ERR_INPUT, "webhook-timestamp is missing");
	len = strspn(text, "0123456789");
	if (text[len] != '\0' || len < 1 || len > 12)
		return err_set(e, ERR_INPUT, "webhook-timestamp is not seconds since 1970");
	*us = strtoll(text, NULL, 10) * INT64_C(1000000);
	return 0;
}

/* The MACs of all "v1," entries; other versions are skipped, and an entry that is not the
 * base64 of 32 bytes can match nothing.  -1 when nothing there looks like a signature. */
static int
signatures_read(const char *text, uint8_t macs[SIGNATURES_MOST][MAC_LEN], size_t *n, struct err *e)
{
	size_t entries = 0;

	if (text == NULL)
		return err_set(e, ERR_INPUT, "webhook-signature is missing");
	for (*n = 0; *text != '\0';) {
		size_t len = strcspn(text, " ");
		struct buf mac = {0};
		struct err ignored;

		entries += memchr(text, ',', len) != NULL;
		if (len == 3 + MAC_LETTERS && memcmp(text, "v1,", 3) == 0 &&
		    base64_in(&mac, text + 3, MAC_LETTERS, &ignored) == 0 && mac.len == MAC_LEN) {
			if (*n == SIGNATURES_MOST) {
				buf_clear(&mac);
				return err_set(e, ERR_INPUT, "webhook-signature has more than %d",
				    SIGNATURES_MOST);
			}
			memcpy(macs[(*n)++], mac.bytes, MAC_LEN);
		}
		buf_clear(&mac);
		text += len;
		text += strspn(text, " ");
	}
	return entries > 0 ? 0 : err_set(e, ERR_INPUT, "webhook-signature holds no signature");
}

int
webhook_verify(const struct webhook_head *h, struct span body, const struct webhook_secret *secrets,
    size_t nsecrets, int64_t now_us, struct err *e)
{
	static const struct webhook_secret blank;
	uint8_t macs[SIGNATURES_MOST][MAC_LEN], mac[MAC_LEN];
	size_t n = 0;
	int64_t at_us = 0;
	bool match = false;

	if (id_check(h->id, e) < 0 || timestamp_read(h->timestamp, &at_us, e) < 0 ||
	    signatures_read(h->signature, macs, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < (nsecrets > 0 ? nsecrets : 1); i++) {
		mac_of(h->id, h->timestamp, body, nsecrets > 0 ? &secrets[i] : &blank, mac);
		for (size_t j = 0; j < n; j++)
			match |= CRYPTO_memcmp(mac, macs[j], MAC_LEN) == 0 && nsecrets > 0;
	}
	OPENSSL_cleanse(mac, sizeof mac);
	if (!match)
		return err_set(e, ERR_REFUSED, "no signature matches");
	if (now_us - at_us > WEBHOOK_WINDOW_US)
		return err_set(e, ERR_REFUSED, "signed more than 300 s ago");
	if (at_us - now_us > WEBHOOK_WINDOW_US)
		return err_set(e, ERR_REFUSED, "signed more than 300 s ahead of our clock");
	return 0;
}

void
webhook_sign(const char *id, int64_t timestamp_s, struct span body, const struct webhook_secret *s,
    char *out)
{
	uint8_t mac[MAC_LEN];
	struct buf letters = {0};
	char timestamp[24];

	snprintf(timestamp, sizeof timestamp, "%lld", (long long)timestamp_s);
	mac_of(id, timestamp, body, s, mac);
	base64_out(&letters, span_of(mac, sizeof mac));
	snprintf(out, 64, "v1,%s", buf_text(&letters));
	buf_clear(&letters);
}

static int
currency_read(const cJSON *o, char out[4], struct err *e)
{
	if (json_text(o, "currency", out, 4, e) < 0)
		return -1;
	if (strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return err_set(e, ERR_INPUT, "currency is not three capital letters");
	return 0;
}

static int
paid_at_read(const cJSON *o, int64_t *us, struct err *e)
{
	char text[64];

	if (json_text(o, "paid_at", text, sizeof text, e) < 0)
		return -1;
	if (time_rfc3339_in(text, us, e) < 0)
		return err_wrap(e, "paid_at");
	return 0;
}

static int
payment_read(const cJSON *o, struct payment *p, struct err *e)
{
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, o != NULL ? "not an object" : "missing");
	if (json_identifier(o, "payment_no", p->payment_no, sizeof p->payment_no, e) < 0 ||
	    json_optional(o, "account_no", p->account_no, sizeof p->account_no, e) < 0 ||
	    json_optional(o, "meter_no", p->meter_no, sizeof p->meter_no, e) < 0)
		return -1;
	if (p->account_no[0] == '\0' && p->meter_no[0] == '\0')
		return err_set(e, ERR_INPUT, "meter_no and account_no are both missing");
	if (json_integer(o, "amount_minor", 1, JSON_INTEGER_MOST, &p->amount_minor, e) < 0 ||
	    currency_read(o, p->currency, e) < 0 || paid_at_read(o, &p->paid_us, e) < 0 ||
	    json_identifier(o, "method", p->method, sizeof p->method, e) < 0 ||
	    json_optional(o, "terminal", p->terminal, sizeof p->terminal, e) < 0 ||
	    json_optional(o, "payer", p->payer, sizeof p->payer, e) < 0 ||
	    json_optional(o, "order_no", p->order_no, sizeof p->order_no, e) < 0)
		return -1;
	return json_is_given(o, "note") ? json_text(o, "note", p->note, sizeof p->note, e) : 0;
}

/* An event of a kind that is none of ours is final, so the sender need not try it again. */
static int
event_read(const cJSON *event, struct payment *p, struct err *e)
{
	char type[65];

	if (!cJSON_IsObject(event))
		return err_set(e, ERR_INPUT, "the body is not an object");
	if (json_identifier(event, "type", type, sizeof type, e) < 0)
		return -1;
	if (strcmp(type, "payment.succeeded") != 0)
		return err_set(e, ERR_REFUSED, "events of type \"%s\" are not taken here", type);
	if (payment_read(cJSON_GetObjectItemCaseSensitive(event, "data"), p, e) < 0)
		return err_wrap(e, "data");
	return 0;
}

int
webhook_payment(struct span body, struct payment *p, struct err *e)
{
	struct payment read = {0};
	cJSON *event;
	int rc;

	if (body.len > BODY_MOST)
		return err_set(
		    e, ERR_INPUT, "a body of %zu bytes, at most %d", body.len, BODY_MOST);
	event = json_strict(body, e);
	if (event == NULL)
		return -1;
	memcpy(read.source, p->source, sizeof read.source);
	memcpy(read.event_id, p->event_id, sizeof read.event_id);
	rc = event_read(event, &read, e);
	if (rc == 0)
		*p = read;
	cJSON_Delete(event);
	return rc;
}
