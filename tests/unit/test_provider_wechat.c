/* provider wechat: sealed and signed at run time by the other side's own pen. */
#include "provider_play.h"

#define KEY    "0123456789abcdef0123456789abcdef"
#define SERIAL "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
#define PUBLIC "PUB_KEY_ID_0114232134912410000000000000"
#define NONCE  "EcZ9Cmy4Xyx1i6Rl"

#define PAID                                                                                  \
	"{\"mchid\":\"1900000001\",\"appid\":\"wx1\",\"out_trade_no\":\"R-1\","               \
	"\"transaction_id\":\"4200000001\",\"trade_type\":\"NATIVE\",\"trade_state\":\"%s\"," \
	"\"attach\":\"000000000017\",\"success_time\":\"2026-11-18T18:26:40+08:00\","         \
	"\"payer\":{\"openid\":\"o1\"},\"amount\":{\"total\":5000,\"payer_total\":4500,"      \
	"\"currency\":\"%s\",\"payer_currency\":\"CNY\"}}"
#define REFUNDED                                                                                \
	"{\"mchid\":\"1900000001\",\"out_trade_no\":\"R-1\",\"transaction_id\":\"4200000001\"," \
	"\"out_refund_no\":\"F-1\",\"refund_id\":\"5030\",\"refund_status\":\"%s\","            \
	"\"success_time\":\"2026-11-18T18:26:40+08:00\",\"user_received_account\":\"x\","       \
	"\"amount\":{\"total\":5000,\"refund\":1200,\"payer_total\":4500,\"payer_refund\":1080}}"

static EVP_PKEY *own_key, *other_key;
static struct ask ask;
static struct buf body, signature, yaml, plain;
static char stamp[24];

static void
setup(void)
{
	char *pem, *other;

	own_key = new_rsa();
	other_key = new_rsa();
	pem = public_pem(own_key);
	other = public_pem(other_key);
	buf_put_text(&yaml, "wechat:\n  mchid: \"1900000001\"\n  appid: [wx0, wx1]\n"
			    "  apiv3_key: " KEY "\n  verify_keys:\n    - id: " SERIAL "\n");
	put_pem(&yaml, "pem", pem, 6);
	buf_put_text(&yaml, "    - id: " PUBLIC "\n");
	put_pem(&yaml, "pem", other, 6);
	free(pem);
	free(other);
	ask = (struct ask){.now_s = NOW_S};
	ask.keys = keys_of("wechat", buf_text(&yaml));
	snprintf(stamp, sizeof stamp, "%lld", (long long)NOW_S);
}

static void
teardown(void)
{
	provider_keys_free(ask.keys);
	EVP_PKEY_free(own_key);
	EVP_PKEY_free(other_key);
	buf_clear(&body);
	buf_clear(&signature);
	buf_clear(&yaml);
	buf_clear(&plain);
}

/* --- the other side ---------------------------------------------------------------------- */

static void
seal(const char *text, const char *aad, struct buf *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	size_t len = strlen(text);
	uint8_t *bytes = mem_new(len + 16);
	int n;

	ck_assert_int_eq(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, (const uint8_t *)KEY,
			     (const uint8_t *)"Kj7QIyUiYx1q"),
	    1);
	if (*aad != '\0')
		EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)aad, (int)strlen(aad));
	EVP_EncryptUpdate(c, bytes, &n, (const uint8_t *)text, (int)len);
	EVP_EncryptFinal_ex(c, bytes + len, &n);
	EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, bytes + len);
	EVP_CIPHER_CTX_free(c);
	base64_out(out, span_of(bytes, len + 16));
	free(bytes);
}

/* The body as it stands, signed with the key under that serial. */
static enum provider_code
send_as(const char *serial, EVP_PKEY *key)
{
	struct buf text = {0};

	buf_clear(&signature);
	buf_printf(&text, "%s\n" NONCE "\n", stamp);
	buf_put(&text, body.bytes, body.len);
	buf_put_text(&text, "\n");
	rsa_sign(key, buf_span(&text), &signature);
	buf_clear(&text);
	ask.nheaders = 0;
	ask_header(&ask, "Wechatpay-Timestamp", stamp);
	ask_header(&ask, "WECHATPAY-NONCE", NONCE);
	ask_header(&ask, "wechatpay-serial", serial);
	ask_header(&ask, "Wechatpay-Signature", buf_text(&signature));
	ask_header(&ask, "Request-ID", "08F78BB5AF0610D302");
	ask.body = buf_span(&body);
	return ask_now(&ask);
}

static enum provider_code
send_body(void)
{
	return send_as(SERIAL, own_key);
}

static void
write_sealed(const char *type, const char *original, const char *text, const char *aad)
{
	struct buf cipher = {0};

	seal(text, aad, &cipher);
	buf_clear(&body);
	buf_printf(&body,
	    "{\"id\":\"EV-1\",\"create_time\":\"2026-11-18T18:26:41+08:00\","
	    "\"resource_type\":\"encrypt-resource\",\"event_type\":\"%s\",\"summary\":"
	    "\"\xe6\x94\xaf\xe4\xbb\x98\xe6\x88\x90\xe5\x8a\x9f\",\"resource\":{"
	    "\"original_type\":\"%s\",\"algorithm\":\"AEAD_AES_256_GCM\",\"ciphertext\":\"%s\","
	    "\"associated_data\":\"%s\",\"nonce\":\"Kj7QIyUiYx1q\"}}",
	    type, original, buf_text(&cipher), aad);
	buf_clear(&cipher);
}

static const char *
paid(const char *state, const char *currency)
{
	buf_clear(&plain);
	buf_printf(&plain, PAID, state, currency);
	return buf_text(&plain);
}

static enum provider_code
send_paid(void)
{
	write_sealed("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "transaction");
	return send_body();
}

static enum provider_code
send_plain(const char *text)
{
	write_sealed("TRANSACTION.SUCCESS", "transaction", text, "");
	return send_body();
}

static enum provider_code
send_refund(const char *type, const char *status)
{
	buf_clear(&plain);
	buf_printf(&plain, REFUNDED, status);
	write_sealed(type, "refund", buf_text(&plain), "refund");
	return send_body();
}

/* --- payments and refunds ---------------------------------------------------------------- */

START_TEST(a_payment_is_told_with_what_was_ordered)
{
	ck_code(send_paid(), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert_str_eq(ask.n.event_id, "EV-1");
	ck_assert_str_eq(ask.n.payment_no, "4200000001");
	ck_assert_str_eq(ask.n.order_no, "R-1");
	ck_assert_str_eq(ask.n.reference, "000000000017");
	ck_assert_str_eq(ask.n.meter_no, "");       /* what was attached proves nothing */
	ck_assert_int_eq(ask.n.amount_minor, 5000); /* not what the payer paid with a coupon */
	ck_assert_str_eq(ask.n.currency, "CNY");
	ck_assert_int_eq(ask.n.paid_us, INT64_C(1794997600) * 1000000);
	ck_assert_str_eq(ask.n.merchant, "1900000001");
	ck_assert_str_eq(ask.n.trace, "08F78BB5AF0610D302");
	ck_assert(ask.n.recharges);
	ck_assert_str_eq(ask.n.why, "");
}
END_TEST

START_TEST(only_a_trade_that_succeeded_recharges)
{
	static const struct {
		const char *state;
		enum provider_kind kind;
	} other[] = {
	    {"REFUND",     PROVIDER_PAYMENT},
            {"NOTPAY",     PROVIDER_PENDING},
	    {"USERPAYING", PROVIDER_PENDING},
            {"CLOSED",     PROVIDER_CLOSED },
	    {"REVOKED",    PROVIDER_CLOSED },
            {"PAYERROR",   PROVIDER_CLOSED }
        };

	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		ck_code(send_plain(paid(other[i].state, "CNY")), PROVIDER_OK);
		ck_assert_int_eq(ask.n.kind, other[i].kind);
		ck_assert(!ask.n.recharges);
		ck_assert_ptr_nonnull(strstr(ask.n.why, other[i].state));
	}
}
END_TEST

START_TEST(foreign_money_does_not_recharge_by_itself)
{
	ck_code(send_plain(paid("SUCCESS", "HKD")), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_PAYMENT);
	ck_assert(!ask.n.recharges);
}
END_TEST

START_TEST(a_refund_is_told_and_never_recharges)
{
	static const char *const words[][2] = {
	    {"REFUND.SUCCESS",  "SUCCESS" },
            {"REFUND.ABNORMAL", "ABNORMAL"},
	    {"REFUND.CLOSED",   "CLOSED"  }
        };

	for (size_t i = 0; i < 3; i++) {
		ck_code(send_refund(words[i][0], words[i][1]), PROVIDER_OK);
		ck_assert_int_eq(ask.n.kind, PROVIDER_REFUND);
		ck_assert_str_eq(ask.n.payment_no, "4200000001");
		ck_assert_str_eq(ask.n.refund_no, "F-1");
		ck_assert_int_eq(ask.n.amount_minor, 1200);
		ck_assert(!ask.n.cumulative);
		ck_assert_str_eq(ask.n.state, words[i][1]);
		ck_assert(!ask.n.recharges);
	}
}
END_TEST

START_TEST(a_refund_called_a_payment_is_neither)
{
	buf_printf(&plain, REFUNDED, "SUCCESS");
	write_sealed("TRANSACTION.SUCCESS", "refund", buf_text(&plain), "refund");
	ck_code(send_body(), PROVIDER_MALFORMED);
	write_sealed("REFUND.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "transaction");
	ck_code(send_body(), PROVIDER_MALFORMED);
	write_sealed("TRANSACTION.SUCCESS", "transaction", buf_text(&plain), "");
	ck_code(send_plain("{}"), PROVIDER_MALFORMED);
}
END_TEST

START_TEST(other_events_are_authentic_and_none_of_ours)
{
	write_sealed("PAYSCORE.USER_OPEN_SERVICE", "payscore", "{}", "payscore");
	ck_code(send_body(), PROVIDER_OK);
	ck_assert_int_eq(ask.n.kind, PROVIDER_OTHER);
	ck_assert_str_eq(ask.n.type, "PAYSCORE.USER_OPEN_SERVICE");
	ck_assert(!ask.n.recharges);
}
END_TEST

START_TEST(somebody_elses_merchant_or_app_is_not_ours)
{
	char text[1024];
	char *at;

	snprintf(text, sizeof text, "%s", paid("SUCCESS", "CNY"));
	at = strstr(text, "1900000001");
	at[9] = '2';
	ck_code(send_plain(text), PROVIDER_WRONG_MERCHANT);
	snprintf(text, sizeof text, "%s", paid("SUCCESS", "CNY"));
	at = strstr(text, "wx1");
	at[2] = '2';
	ck_code(send_plain(text), PROVIDER_WRONG_MERCHANT);
}
END_TEST

START_TEST(empty_and_missing_words_harm_nobody)
{
	ck_code(send_plain("{\"mchid\":\"1900000001\",\"appid\":\"wx1\",\"out_trade_no\":\"R-1\","
			   "\"transaction_id\":\"42\",\"trade_state\":\"SUCCESS\",\"attach\":\"\","
			   "\"success_time\":\"2026-11-18T18:26:40+08:00\",\"payer\":null,"
			   "\"rate\":0.006,\"amount\":{\"total\":1,\"currency\":\"CNY\"}}"),
	    PROVIDER_OK);
	ck_assert_int_eq(ask.n.amount_minor, 1);
	ck_assert_str_eq(ask.n.reference, "");
}
END_TEST

START_TEST(an_amount_is_whole_fen_above_nothing)
{
	static const char *const bad[] = {"0", "-5", "50.00", "1e3", "\"5000\"", "null",
	    "9007199254740993", "99999999999999999999", "05000"};
	char text[512];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text,
		    "{\"mchid\":\"1900000001\",\"out_trade_no\":\"R\",\"transaction_id\":\"4\","
		    "\"trade_state\":\"SUCCESS\",\"success_time\":\"2026-11-18T18:26:40+08:00\","
		    "\"amount\":{\"total\":%s,\"currency\":\"CNY\"}}",
		    bad[i]);
		ck_code(send_plain(text), PROVIDER_MALFORMED);
	}
}
END_TEST

/* --- who signed it ----------------------------------------------------------------------- */

START_TEST(certificate_and_public_key_are_chosen_by_serial_alone)
{
	ck_code(send_paid(), PROVIDER_OK);
	ck_code(send_as(PUBLIC, other_key), PROVIDER_OK);
	ck_code(send_as("000" SERIAL, own_key), PROVIDER_OK); /* leading zeros come and go */
	ck_code(send_as(SERIAL, other_key), PROVIDER_BAD_SIGNATURE);
	ck_code(send_as(PUBLIC, own_key), PROVIDER_BAD_SIGNATURE);
	ck_code(send_as("5157F09EFDC096DE", own_key), PROVIDER_UNKNOWN_KEY);
	ck_code(send_as("", own_key), PROVIDER_UNKNOWN_KEY);
	ck_assert(provider_code_alarms(PROVIDER_UNKNOWN_KEY));
}
END_TEST

START_TEST(a_probe_is_refused_and_alarms_nobody)
{
	struct provider_answer a;
	char probe[512];

	ck_code(send_paid(), PROVIDER_OK);
	snprintf(probe, sizeof probe, "WECHATPAY/SIGNTEST/%s", buf_text(&signature) + 19);
	ask.headers[3].value = probe;
	ck_code(ask_now(&ask), PROVIDER_PROBE);
	ck_assert(!provider_code_alarms(PROVIDER_PROBE));
	provider_answer(provider_find("wechat"), PROVIDER_REFUSED, PROVIDER_PROBE, &a);
	ck_assert_int_eq(a.status, 401);
	ck_assert_ptr_nonnull(strstr(a.body, "FAIL"));
	provider_answer(provider_find("wechat"), PROVIDER_TAKEN, PROVIDER_OK, &a);
	ck_assert_int_eq(a.status, 200);
	ck_assert_str_eq(a.body, "{\"code\":\"SUCCESS\",\"message\":\"OK\"}");
	provider_answer(provider_find("wechat"), PROVIDER_REFUSED, PROVIDER_UNKNOWN_KEY, &a);
	ck_assert_int_eq(a.status, 500); /* it comes again, when the key is there */
}
END_TEST

START_TEST(less_than_300_seconds_either_way)
{
	ck_code(send_paid(), PROVIDER_OK);
	for (int sign = -1; sign <= 1; sign += 2) {
		ask.now_s = NOW_S + sign * 299;
		ck_code(ask_now(&ask), PROVIDER_OK);
		ask.now_s = NOW_S + sign * 300;
		ck_code(ask_now(&ask), PROVIDER_STALE);
		ask.now_s = NOW_S + sign * 301;
		ck_code(ask_now(&ask), PROVIDER_STALE);
	}
	ck_assert(provider_code_alarms(PROVIDER_STALE));
}
END_TEST

START_TEST(each_header_is_there_once)
{
	for (size_t i = 0; i < 4; i++) {
		const char *name;

		ck_code(send_paid(), PROVIDER_OK);
		name = ask.headers[i].name;
		ask.headers[i].name = "X-Else";
		ck_code(ask_now(&ask), PROVIDER_HEADER_MISSING);
		ask.headers[i].name = name;
		ask_header(&ask, name, ask.headers[i].value);
		ck_code(ask_now(&ask), PROVIDER_HEADER_TWICE);
	}
}
END_TEST

START_TEST(other_ways_of_signing_are_not_taken)
{
	ck_code(send_paid(), PROVIDER_OK);
	ask_header(&ask, "Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048");
	ck_code(ask_now(&ask), PROVIDER_OK);
	ask.headers[5].value = "WECHATPAY2-SM2-WITH-SM3";
	ck_code(ask_now(&ask), PROVIDER_UNSUPPORTED);
}
END_TEST

START_TEST(any_flipped_bit_of_the_body_is_seen)
{
	ck_code(send_paid(), PROVIDER_OK);
	for (size_t i = 0; i < body.len; i++) {
		body.bytes[i] ^= (uint8_t)(1 << i % 8);
		ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
		body.bytes[i] ^= (uint8_t)(1 << i % 8);
	}
	ask.body.len--;
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
	ask.body.len = 0;
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
}
END_TEST

START_TEST(any_flipped_bit_of_a_header_is_seen)
{
	char text[512];

	ck_code(send_paid(), PROVIDER_OK);
	for (size_t h = 0; h < 4; h++) {
		const char *value = ask.headers[h].value;

		for (size_t i = 0; i < strlen(value); i++)
			for (int bit = 0; bit < 7; bit++) {
				snprintf(text, sizeof text, "%s", value);
				text[i] ^= (char)(1 << bit);
				if (text[i] == '\0' || (h == 2 && (text[i] ^ value[i]) == 0x20))
					continue; /* the serial in small letters is the serial */
				ask.headers[h].value = text;
				ck_assert_int_ne(ask_now(&ask), PROVIDER_OK);
			}
		ask.headers[h].value = value;
	}
}
END_TEST

START_TEST(a_signature_is_spelt_in_one_way)
{
	char text[512];
	size_t len;

	ck_code(send_paid(), PROVIDER_OK);
	len = signature.len;
	snprintf(text, sizeof text, "%s ", buf_text(&signature));
	ask.headers[3].value = text;
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
	snprintf(text, sizeof text, "%.*s", (int)len - 4, buf_text(&signature));
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
	snprintf(text, sizeof text, "%s\n", buf_text(&signature));
	ck_code(ask_now(&ask), PROVIDER_MALFORMED);
	text[0] = '\0';
	ck_code(ask_now(&ask), PROVIDER_BAD_SIGNATURE);
}
END_TEST

/* --- the seal ---------------------------------------------------------------------------- */

/* Signed well, and the cipher cut or turned: only the seal can see it. */
START_TEST(a_broken_seal_is_never_read)
{
	char *cipher, *end;
	size_t len;

	for (size_t cut = 4; cut <= 24; cut += 4) {
		write_sealed("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "a");
		buf_text(&body);
		cipher = strstr((char *)body.bytes, "\"ciphertext\":\"") + 14;
		end = strchr(cipher, '"');
		len = body.len - (size_t)(end - (char *)body.bytes);
		memmove(end - cut, end, len);
		body.len -= cut;
		ck_assert_int_ne(send_body(), PROVIDER_OK);
	}
	write_sealed("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "a");
	buf_text(&body);
	cipher = strstr((char *)body.bytes, "\"ciphertext\":\"") + 14;
	cipher[8] = cipher[8] == 'A' ? 'B' : 'A';
	ck_code(send_body(), PROVIDER_SEALED);
	write_sealed("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "a");
	buf_text(&body);
	strstr((char *)body.bytes, "Kj7Q")[0] = 'L';
	ck_code(send_body(), PROVIDER_SEALED);
	write_sealed("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS", "CNY"), "aad");
	buf_text(&body);
	strstr((char *)body.bytes, "\"aad\"")[1] = 'b';
	ck_code(send_body(), PROVIDER_SEALED);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
	static const char *const bad[] = {"", "[]", "{}", "null", "{\"id\":\"EV-1\"}",
	    "{\"id\":\"EV-1\",\"id\":\"EV-2\",\"event_type\":\"X\"}",
	    "{\"id\":\"EV-1\",\"event_type\":\"X\\u0000\"}",
	    "{\"id\":\"EV-1\",\"event_type\":\"TRANSACTION.SUCCESS\"}",
	    "{\"id\":\"EV-1\",\"event_type\":\"TRANSACTION.SUCCESS\","
	    "\"resource_type\":\"encrypt-resource\",\"resource\":{"
	    "\"original_type\":\"transaction\"}}",
	    "{\"id\":\"EV-1\",\"event_type\":\"X\"} {}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		buf_clear(&body);
		buf_put_text(&body, bad[i]);
		ck_code(send_body(), PROVIDER_MALFORMED);
	}
	/* the same inside the seal */
	ck_code(
	    send_plain("{\"mchid\":\"1900000001\",\"mchid\":\"1900000001\"}"), PROVIDER_MALFORMED);
	ck_code(send_plain("not JSON"), PROVIDER_MALFORMED);
	ck_code(send_plain(""), PROVIDER_MALFORMED);
	/* and a NUL that a signature covers */
	buf_clear(&body);
	buf_put(&body, "{\"id\":\"EV\0-1\",\"event_type\":\"X\"}", 31);
	ck_code(send_body(), PROVIDER_MALFORMED);
}
END_TEST

START_TEST(a_huge_body_is_not_looked_at)
{
	buf_clear(&body);
	for (size_t i = 0; i <= PROVIDER_BODY_MOST; i++)
		buf_put_u8(&body, ' ');
	ck_code(send_body(), PROVIDER_TOO_LARGE);
	body.len--;
	ck_code(send_body(), PROVIDER_MALFORMED);
}
END_TEST

/* --- keys -------------------------------------------------------------------------------- */

static void
refuses_keys(const char *text, const char *why)
{
	struct err e = {0};

	ck_assert_ptr_null(try_keys("wechat", text, &e));
	ck_assert_msg(strstr(e.text, why) != NULL, "%s", e.text);
}

START_TEST(a_keys_file_is_strict_and_its_errors_keep_the_secret)
{
	static const char *const sizes[] = {"0123456789abcdef", "0123456789abcdef0123456789abcde",
	    "0123456789abcdef0123456789abcdef0"};
	struct buf text = {0};
	struct err e;

	for (size_t i = 0; i < 3; i++) {
		buf_clear(&text);
		buf_printf(&text, "wechat:\n  mchid: a\n  apiv3_key: \"%s\"\n", sizes[i]);
		ck_assert_ptr_null(try_keys("wechat", buf_text(&text), &e));
		ck_assert_ptr_nonnull(strstr(e.text, "bytes, it must have 32"));
		ck_assert_ptr_null(strstr(e.text, "0123456789"));
	}
	refuses_keys("wechat:\n  mchid: a\n", "apiv3_key");
	refuses_keys("wechat:\n  mchid: a\n  apiv3_key: " KEY "\n", "verify_keys");
	refuses_keys("wechat:\n  mchid: a\n  colour: red\n", ":3: colour: no such name");
	refuses_keys("stripe:\n  secrets: [a]\n", "no section \"wechat\"");
	refuses_keys("wechta:\n  mchid: a\n", "no such provider");
	refuses_keys("wechat:\n  mchid: a\n  apiv3_key: " KEY "\n  verify_keys:\n"
		     "    - id: A\n      pem: nonsense\n",
	    "no public key");
	refuses_keys(
	    "wechat:\n  mchid: a\n  apiv3_key: " KEY "\n  apiv3_key_file: b\n", "either this or");
	buf_clear(&text);
}
END_TEST

START_TEST(a_public_key_needs_an_id_of_its_own)
{
	char *pem = public_pem(own_key);
	struct buf text = {0};

	buf_put_text(&text, "wechat:\n  mchid: a\n  apiv3_key: " KEY "\n  verify_keys:\n"
			    "    - pem: |\n");
	for (const char *p = pem; *p != '\0'; p += strcspn(p, "\n") + 1)
		buf_printf(&text, "        %.*s\n", (int)strcspn(p, "\n"), p);
	refuses_keys(buf_text(&text), "needs its id");
	buf_clear(&text);
	buf_put_text(&text, "wechat:\n  mchid: a\n  apiv3_key: " KEY "\n  verify_keys:\n"
			    "    - id: A1\n");
	put_pem(&text, "pem", pem, 6);
	buf_put_text(&text, "    - id: 00a1\n");
	put_pem(&text, "pem", pem, 6);
	refuses_keys(buf_text(&text), "there already");
	buf_clear(&text);
	free(pem);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_wechat");
	TCase *c = tcase_create("provider_wechat");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_payment_is_told_with_what_was_ordered);
	tcase_add_test(c, only_a_trade_that_succeeded_recharges);
	tcase_add_test(c, foreign_money_does_not_recharge_by_itself);
	tcase_add_test(c, a_refund_is_told_and_never_recharges);
	tcase_add_test(c, a_refund_called_a_payment_is_neither);
	tcase_add_test(c, other_events_are_authentic_and_none_of_ours);
	tcase_add_test(c, somebody_elses_merchant_or_app_is_not_ours);
	tcase_add_test(c, empty_and_missing_words_harm_nobody);
	tcase_add_test(c, an_amount_is_whole_fen_above_nothing);
	tcase_add_test(c, certificate_and_public_key_are_chosen_by_serial_alone);
	tcase_add_test(c, a_probe_is_refused_and_alarms_nobody);
	tcase_add_test(c, less_than_300_seconds_either_way);
	tcase_add_test(c, each_header_is_there_once);
	tcase_add_test(c, other_ways_of_signing_are_not_taken);
	tcase_add_test(c, any_flipped_bit_of_the_body_is_seen);
	tcase_add_test(c, any_flipped_bit_of_a_header_is_seen);
	tcase_add_test(c, a_signature_is_spelt_in_one_way);
	tcase_add_test(c, a_broken_seal_is_never_read);
	tcase_add_test(c, what_cannot_be_read_is_refused);
	tcase_add_test(c, a_huge_body_is_not_looked_at);
	tcase_add_test(c, a_keys_file_is_strict_and_its_errors_keep_the_secret);
	tcase_add_test(c, a_public_key_needs_an_id_of_its_own);
	suite_add_tcase(s, c);
	return run_suite(s);
}
