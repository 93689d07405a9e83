/*
 * provider: the published vectors of tests/vectors/payments.jsonl, every line.
 *
 * A line with headers and a body, or with fields of a form, goes through the whole provider; one
 * that has a message or a cipher alone through the sum it is about.
 */
#include "codec/provider_parts.h"
#include "codec/provider_query.h"
#include "provider_play.h"

#include <cjson/cJSON.h>
#include <openssl/sha.h>
#include <strings.h>

static const char *
text_at(const cJSON *v, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, name));
}

/* --- sums -------------------------------------------------------------------------------- */

static bool
rsa_good(const cJSON *v)
{
	const char *pem = text_at(v, "certificate_pem"), *message = text_at(v, "message");
	struct span part = text_span(message);
	struct buf signature = {0};
	struct evp_pkey_st *key;
	char serial[65];
	struct err e;
	bool good;

	ck_assert_int_eq(
	    rsa_key_read(pem != NULL ? pem : text_at(v, "public_key_pem"), &key, serial, &e), 0);
	if (pem != NULL)
		ck_assert_int_eq(strcasecmp(serial, text_at(v, "cert_serial")), 0);
	good = base64_in(
		   &signature, text_at(v, "signature"), strlen(text_at(v, "signature")), &e) == 0 &&
	       rsa_sha256_matches(key, &part, 1, buf_span(&signature));
	buf_clear(&signature);
	rsa_key_free(key);
	return good;
}

static bool
gcm_good(const cJSON *v)
{
	const char *cipher = text_at(v, "ciphertext_b64"), *expected = text_at(v, "plaintext");
	const char *aad = text_at(v, "aad");
	struct buf sealed = {0}, plain = {0};
	struct err e;
	bool good = base64_in(&sealed, cipher, strlen(cipher), &e) == 0 &&
		    gcm_open(text_span(text_at(v, "key")), text_span(text_at(v, "nonce")),
			text_span(aad != NULL ? aad : ""), buf_span(&sealed), &plain, &e) == 0;

	if (good && expected != NULL)
		ck_assert(span_equal(buf_span(&plain), text_span(expected)));
	if (!good)
		ck_assert_uint_eq(plain.len, 0);
	buf_clear(&sealed);
	buf_clear(&plain);
	return good;
}

/* HMAC of a message alone, in hex or, where that is the custom, in base64. */
static bool
hmac_good(const cJSON *v, const char *digest, struct span message)
{
	const char *signature = text_at(v, "signature");
	char hex[2 * 64 + 1];
	struct buf bytes = {0}, letters = {0};
	struct err e;
	bool good;

	hmac_hex(digest, text_span(text_at(v, "secret")), &message, 1, hex);
	ck_assert_int_eq(hex_in(&bytes, hex, &e), 0);
	base64_out(&letters, buf_span(&bytes));
	good = strcmp(hex, signature) == 0 || strcmp(buf_text(&letters), signature) == 0;
	buf_clear(&bytes);
	buf_clear(&letters);
	return good;
}

static int
by_name(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;

	return strcmp(
	    cJSON_GetArrayItem(*x, 0)->valuestring, cJSON_GetArrayItem(*y, 0)->valuestring);
}

/* Twilio signs the address and the sorted fields. */
static bool
twilio_good(const cJSON *v)
{
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(v, "params"), *pairs[16];
	size_t n = (size_t)cJSON_GetArraySize(params);
	struct buf text = {0};
	bool good;

	ck_assert_uint_le(n, 16);
	for (size_t i = 0; i < n; i++)
		pairs[i] = cJSON_GetArrayItem(params, (int)i);
	qsort(pairs, n, sizeof *pairs, by_name);
	buf_put_text(&text, text_at(v, "url"));
	for (size_t i = 0; i < n; i++) {
		buf_put_text(&text, cJSON_GetArrayItem(pairs[i], 0)->valuestring);
		buf_put_text(&text, cJSON_GetArrayItem(pairs[i], 1)->valuestring);
	}
	good = hmac_good(v, "SHA1", buf_span(&text));
	buf_clear(&text);
	return good;
}

static bool
request_text_good(const cJSON *v)
{
	struct buf text = {0};
	bool good;

	wechat_request_text(text_at(v, "method_"), text_at(v, "url"), text_at(v, "timestamp"),
	    text_at(v, "nonce"), text_span(text_at(v, "body")), &text);
	good = strcmp(buf_text(&text), text_at(v, "message")) == 0;
	buf_clear(&text);
	return good;
}

/* --- whole notifications ----------------------------------------------------------------- */

static void
ask_clear(struct ask *a)
{
	provider_keys_free(a->keys);
}

static void
take_headers(struct ask *a, const cJSON *v)
{
	const cJSON *h;

	cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(v, "headers"))
	    ask_header(a, h->string, h->valuestring);
	a->body = text_span(text_at(v, "body") != NULL ? text_at(v, "body") : "");
}

static int64_t
now_of(const cJSON *v, const char *preset)
{
	const cJSON *now = cJSON_GetObjectItemCaseSensitive(v, "now");

	return now != NULL ? (int64_t)now->valuedouble : strtoll(preset, NULL, 10);
}

static bool
wechat_good(const cJSON *v)
{
	const cJSON *headers = cJSON_GetObjectItemCaseSensitive(v, "headers");
	struct buf yaml = {0};
	struct ask a = {0};
	bool good;

	buf_printf(&yaml,
	    "wechat:\n  mchid: \"1\"\n  apiv3_key: 0123456789abcdef0123456789abcdef\n"
	    "  verify_keys:\n    - id: %s\n",
	    text_at(headers, "Wechatpay-Serial"));
	put_pem(&yaml, "pem", text_at(v, "public_key_pem"), 6);
	a.keys = keys_of("wechat", buf_text(&yaml));
	take_headers(&a, v);
	a.now_s = now_of(v, text_at(headers, "Wechatpay-Timestamp"));
	good = ask_now(&a) == PROVIDER_OK;
	ask_clear(&a);
	buf_clear(&yaml);
	return good;
}

static void
put_encoded(struct buf *form, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ' ')
			buf_put_u8(form, '+');
		else
			buf_printf(form, "%%%02X", (uint8_t)*text);
}

static bool
alipay_good(const cJSON *v)
{
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(v, "params"), *p;
	const char *seller = text_at(params, "seller_id");
	struct buf yaml = {0}, form = {0};
	struct ask a = {0};
	bool good;

	buf_printf(&yaml, "alipay:\n  app_id: \"%s\"\n  seller_id: \"%s\"\n",
	    text_at(params, "app_id"), seller != NULL ? seller : "none");
	put_pem(&yaml, "public_key", text_at(v, "public_key_pem"), 2);
	a.keys = keys_of("alipay", buf_text(&yaml));
	cJSON_ArrayForEach(p, params)
	{
		if (form.len > 0)
			buf_put_u8(&form, '&');
		put_encoded(&form, p->string);
		buf_put_u8(&form, '=');
		put_encoded(&form, p->valuestring);
	}
	a.body = buf_span(&form);
	good = ask_now(&a) == PROVIDER_OK;
	ask_clear(&a);
	buf_clear(&form);
	buf_clear(&yaml);
	return good;
}

static bool
gateway_good(const cJSON *v)
{
	const char *answer = text_at(v, "response");
	struct span part;
	struct err e;

	ck_assert_int_eq(
	    alipay_answer_part(text_span(answer), "alipay_open_file_upload_response", &part, &e),
	    0);
	ck_assert(span_equal(part, text_span(text_at(v, "message"))));
	return rsa_good(v);
}

static bool
secret_good(const cJSON *v, const char *provider, const char *section)
{
	const cJSON *headers = cJSON_GetObjectItemCaseSensitive(v, "headers");
	const char *stamp = text_at(headers, "webhook-timestamp");
	const char *stripe = text_at(headers, "Stripe-Signature");
	const char *secret = text_at(v, "secret");
	struct buf yaml = {0};
	struct ask a = {0};
	bool good;

	/* One line publishes no secret: it is there to be read and to match nothing. */
	buf_printf(&yaml, "%s:\n  secrets: [\"%s\"]\n", section,
	    secret != NULL ? secret : "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	a.keys = keys_of(provider, buf_text(&yaml));
	take_headers(&a, v);
	a.now_s = now_of(v, stamp != NULL ? stamp : stripe != NULL ? stripe + 2 : "0");
	good = ask_now(&a) == PROVIDER_OK;
	ask_clear(&a);
	buf_clear(&yaml);
	return good;
}

/* --- the file ---------------------------------------------------------------------------- */

enum verdict { BAD, GOOD, NOT_SPOKEN };

static enum verdict
judge(const cJSON *v)
{
	const char *provider = text_at(v, "provider"), *kind = text_at(v, "kind");
	bool has_headers = cJSON_GetObjectItemCaseSensitive(v, "headers") != NULL;

	if (strcmp(kind, "aead-decrypt") == 0)
		return gcm_good(v);
	if (strcmp(kind, "string-to-sign") == 0)
		return request_text_good(v);
	if (strcmp(kind, "rsa-sha256-verify") == 0) {
		bool good = rsa_good(v);

		if (strcmp(provider, "wechatpay-v3") == 0 && has_headers)
			ck_assert_int_eq(wechat_good(v), good);
		if (cJSON_GetObjectItemCaseSensitive(v, "params") != NULL)
			ck_assert_int_eq(alipay_good(v), good);
		if (text_at(v, "response") != NULL)
			ck_assert_int_eq(gateway_good(v), good);
		return good;
	}
	if (strcmp(provider, "stripe") == 0 || strcmp(provider, "paystack") == 0)
		return secret_good(v, provider, provider);
	if (strcmp(provider, "standard-webhooks") == 0)
		return secret_good(v, "standard", provider);
	if (strcmp(provider, "twilio") == 0)
		return twilio_good(v);
	if (strcmp(provider, "flutterwave-v4") == 0)
		return hmac_good(v, "SHA256", text_span(text_at(v, "body")));
	if (strncmp(provider, "aliyun", 6) == 0)
		return hmac_good(v, "SHA256", text_span(text_at(v, "message")));
	return NOT_SPOKEN; /* WeChat Pay v2; signatures to be made with a key nobody has */
}

START_TEST(published_vectors_are_judged_as_published)
{
	FILE *in = fopen("tests/vectors/payments.jsonl", "r");
	char *line = NULL;
	size_t room = 0;
	int judged = 0, not_spoken = 0;

	ck_assert_ptr_nonnull(in);
	while (getline(&line, &room, in) > 0) {
		cJSON *v = cJSON_Parse(line);
		const char *expect = text_at(v, "expect");
		enum verdict got = judge(v);
		bool good = strcmp(expect, "valid") == 0 || strcmp(expect, "equal") == 0;

		if (got == NOT_SPOKEN) {
			not_spoken++;
		} else {
			ck_assert_msg(got == (good ? GOOD : BAD), "%s", text_at(v, "id"));
			judged++;
		}
		cJSON_Delete(v);
	}
	fclose(in);
	free(line);
	ck_assert_int_eq(judged, 36);
	ck_assert_int_eq(not_spoken, 4);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_vectors");
	TCase *c = tcase_create("provider_vectors");

	tcase_add_test(c, published_vectors_are_judged_as_published);
	suite_add_tcase(s, c);
	return run_suite(s);
}
