/* webhook: who signed it and when; base64 with one spelling. */
#include "codec/webhook.h"

#include "base/err.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define NOON   INT64_C(1795000000) /* seconds */
#define S_US   INT64_C(1000000)

static struct webhook_secret
secret(const char *text)
{
	struct webhook_secret s;
	struct err e;

	ck_assert_int_eq(webhook_secret_parse(text, &s, &e), 0);
	return s;
}

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* The class of the refusal, or ERR_NONE. */
static enum err_class
verify(
    const char *id, const char *timestamp, const char *signature, const char *body, int64_t now_s)
{
	struct webhook_head h = {id, timestamp, signature};
	struct webhook_secret s = secret(SECRET);
	struct err e;

	return webhook_verify(&h, text_span(body), &s, 1, now_s * S_US, &e) < 0 ? e.class
										: ERR_NONE;
}

static enum err_class
signed_at(int64_t timestamp_s, int64_t now_s)
{
	struct webhook_secret s = secret(SECRET);
	char signature[64], timestamp[24];

	snprintf(timestamp, sizeof timestamp, "%" PRId64, timestamp_s);
	webhook_sign("msg_1", timestamp_s, text_span("{}"), &s, signature);
	return verify("msg_1", timestamp, signature, "{}", now_s);
}

/* --- the published vectors --------------------------------------------------------------- */

static void
check_vector(char *line)
{
	char *f[7] = {0}, *rest = line;
	struct webhook_head h;
	struct webhook_secret s;
	struct err e;
	int rc;

	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < 7; i++)
		ck_assert_msg((f[i] = strsep(&rest, "\t")) != NULL, "%s: field %d", f[0], i);
	h = (struct webhook_head){f[3], f[4], f[5]};
	s = secret(f[2]);
	rc = webhook_verify(&h, text_span(f[6]), &s, 1, strtoll(f[4], NULL, 10) * S_US, &e);
	ck_assert_msg(
	    (rc == 0) == (strcmp(f[1], "valid") == 0), "%s: %s", f[0], rc < 0 ? e.text : "");
	if (rc < 0)
		ck_assert_int_eq(e.class, ERR_REFUSED);
}

START_TEST(published_signatures_are_judged_as_published)
{
	FILE *in = fopen("tests/vectors/webhook.vec", "r");
	char line[4096];
	int n = 0;

	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof line, in) != NULL)
		if (line[0] != '#') {
			check_vector(line);
			n++;
		}
	fclose(in);
	ck_assert_int_ge(n, 6);
}
END_TEST

/* --- signatures -------------------------------------------------------------------------- */

START_TEST(what_we_sign_we_believe)
{
	ck_assert_int_eq(signed_at(NOON, NOON), ERR_NONE);
}
END_TEST

START_TEST(a_signature_lives_300_seconds_both_ways)
{
	ck_assert_int_eq(signed_at(NOON, NOON + 299), ERR_NONE);
	ck_assert_int_eq(signed_at(NOON, NOON + 300), ERR_NONE);
	ck_assert_int_eq(signed_at(NOON, NOON + 301), ERR_REFUSED);
	ck_assert_int_eq(signed_at(NOON, NOON - 299), ERR_NONE);
	ck_assert_int_eq(signed_at(NOON, NOON - 300), ERR_NONE);
	ck_assert_int_eq(signed_at(NOON, NOON - 301), ERR_REFUSED);
}
END_TEST

static const char good[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const char good_id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char good_body[] = "{\"test\": 2432232314}";
#define GOOD_TIME INT64_C(1614265330)

static enum err_class
with_signature(const char *signature)
{
	return verify(good_id, "1614265330", signature, good_body, GOOD_TIME);
}

START_TEST(a_missing_or_malformed_header_is_bad_input)
{
	ck_assert_int_eq(with_signature(good), ERR_NONE);
	ck_assert_int_eq(with_signature(NULL), ERR_INPUT);
	ck_assert_int_eq(with_signature(""), ERR_INPUT);
	ck_assert_int_eq(with_signature("   "), ERR_INPUT);
	ck_assert_int_eq(with_signature(good + 3), ERR_INPUT);
	ck_assert_int_eq(verify(NULL, "1614265330", good, good_body, GOOD_TIME), ERR_INPUT);
	ck_assert_int_eq(verify(good_id, NULL, good, good_body, GOOD_TIME), ERR_INPUT);
}
END_TEST

START_TEST(an_id_is_1_to_64_letters_digits_underscores_or_dashes)
{
	static const char *const bad[] = {"", "a.b", "a b", "msg_\xc3\xa4", "a\n", "a,b", "a/b",
	    "12345678901234567890123456789012345678901234567890123456789012345"};
	char longest[65];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(verify(bad[i], "1614265330", good, "", GOOD_TIME), ERR_INPUT);
	memset(longest, '-', 64);
	longest[64] = '\0';
	ck_assert_int_eq(verify(longest, "1614265330", good, "", GOOD_TIME), ERR_REFUSED);
}
END_TEST

START_TEST(a_timestamp_is_nothing_but_digits)
{
	static const char *const bad[] = {"", "+1614265330", "-1614265330", " 1614265330",
	    "1614265330 ", "1614265330.0", "1.6e9", "0x60386bb2", "16142653301614265330", "now"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(verify(good_id, bad[i], good, good_body, GOOD_TIME), ERR_INPUT);
}
END_TEST

START_TEST(one_changed_byte_anywhere_breaks_the_signature)
{
	char body[sizeof good_body];

	for (size_t i = 0; i < sizeof good_body - 1; i++) {
		memcpy(body, good_body, sizeof body);
		body[i] ^= 1;
		ck_assert_int_eq(verify(good_id, "1614265330", good, body, GOOD_TIME), ERR_REFUSED);
	}
	ck_assert_int_eq(verify(good_id, "1614265330", good, "", GOOD_TIME), ERR_REFUSED);
	ck_assert_int_eq(verify(good_id, "1614265331", good, good_body, GOOD_TIME), ERR_REFUSED);
	ck_assert_int_eq(verify("msg_2", "1614265330", good, good_body, GOOD_TIME), ERR_REFUSED);
}
END_TEST

START_TEST(a_truncated_signature_matches_nothing)
{
	char signature[sizeof good];

	for (size_t len = 3; len < sizeof good - 1; len++) {
		memcpy(signature, good, len);
		signature[len] = '\0';
		ck_assert_int_eq(with_signature(signature), ERR_REFUSED);
	}
}
END_TEST

START_TEST(any_of_several_signatures_will_do)
{
	static const char wrong[] = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
	char both[256];

	snprintf(both, sizeof both, "%s %s", wrong, good);
	ck_assert_int_eq(with_signature(both), ERR_NONE);
	snprintf(both, sizeof both, "%s  %s", good, wrong);
	ck_assert_int_eq(with_signature(both), ERR_NONE);
	snprintf(both, sizeof both, "v1a,%s v2,abc v1,short %s", good + 3, good);
	ck_assert_int_eq(with_signature(both), ERR_NONE);
	snprintf(both, sizeof both, "v1a,%s v2,%s V1,%s", good + 3, good + 3, good + 3);
	ck_assert_int_eq(with_signature(both), ERR_REFUSED);
	snprintf(both, sizeof both, "%s,%s", wrong, good);
	ck_assert_int_eq(with_signature(both), ERR_REFUSED);
}
END_TEST

START_TEST(any_of_several_secrets_will_do_and_none_never)
{
	struct webhook_head h = {good_id, "1614265330", good};
	struct webhook_secret s[2] = {secret(OTHER), secret(SECRET)};
	struct span body = text_span(good_body);
	struct err e;

	ck_assert_int_eq(webhook_verify(&h, body, s, 2, GOOD_TIME * S_US, &e), 0);
	ck_assert_int_eq(webhook_verify(&h, body, s, 1, GOOD_TIME * S_US, &e), -1);
	ck_assert_int_eq(webhook_verify(&h, body, s, 0, GOOD_TIME * S_US, &e), -1);
	ck_assert_int_eq(e.class, ERR_REFUSED);
}
END_TEST

START_TEST(nobody_can_sign_with_the_blank_secret)
{
	struct webhook_secret blank = {.len = sizeof blank.key};
	struct webhook_head h = {"msg_1", "1795000000", NULL};
	char signature[64];
	struct err e;

	webhook_sign("msg_1", NOON, text_span("{}"), &blank, signature);
	h.signature = signature;
	ck_assert_int_eq(webhook_verify(&h, text_span("{}"), NULL, 0, NOON * S_US, &e), -1);
	ck_assert_int_eq(e.class, ERR_REFUSED);
}
END_TEST

START_TEST(a_secret_has_16_to_64_bytes_and_its_error_does_not_tell_it)
{
	struct webhook_secret s;
	struct err e;

	ck_assert_uint_eq(secret(SECRET).len, 24);
	ck_assert_mem_eq(secret(SECRET).key, secret(SECRET + 6).key, 24);
	ck_assert_uint_eq(secret("AAECAwQFBgcICQoLDA0ODw").len, 16);
	ck_assert_uint_eq(secret("whsec_AAECAwQFBgcICQoLDA0ODw==").len, 16);
	ck_assert_int_eq(webhook_secret_parse("AAECAwQFBgcICQoLDA0O", &s, &e), -1);
	ck_assert_int_eq(webhook_secret_parse("", &s, &e), -1);
	ck_assert_int_eq(webhook_secret_parse("whsec_", &s, &e), -1);
	ck_assert_int_eq(webhook_secret_parse("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZI", &s, &e), -1);
	ck_assert_ptr_null(strstr(e.text, "MfKQ"));
	ck_assert_int_eq(webhook_secret_parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
					      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			     &s, &e),
	    -1);
}
END_TEST

/* --- base64 ------------------------------------------------------------------------------ */

START_TEST(base64_has_one_spelling_for_each_byte_string)
{
	static const char *const bad[] = {"QR==", "QU=D", "====", "=", "Q", "QQ",
	    "QQ=", "Q===", "QQ==\n", " QQ==", "QQ ==", "QUI=QUJD", "QQ==QUJD", "QUJ=", "QUJDQ",
	    "QUJ-", "QUJ_", "QU\xc3\xa4", "QQ==="};
	struct buf b = {0};
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(base64_in(&b, bad[i], strlen(bad[i]), &e) < 0, "%s", bad[i]);
		ck_assert_int_eq(e.class, ERR_INPUT);
		ck_assert_uint_eq(b.len, 0);
	}
	ck_assert_int_eq(base64_in(&b, "QQ\0=", 4, &e), -1);
	buf_clear(&b);
}
END_TEST

START_TEST(base64_comes_back_as_it_went)
{
	uint8_t bytes[40];
	struct err e;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37 + 250);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct buf text = {0}, back = {0};

		base64_out(&text, span_of(bytes, len));
		ck_assert_uint_eq(text.len, (len + 2) / 3 * 4);
		ck_assert_int_eq(base64_in(&back, (const char *)text.bytes, text.len, &e), 0);
		ck_assert(span_equal(buf_span(&back), span_of(bytes, len)));
		buf_clear(&text);
		buf_clear(&back);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("webhook");
	TCase *c = tcase_create("webhook");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, published_signatures_are_judged_as_published);
	tcase_add_test(c, what_we_sign_we_believe);
	tcase_add_test(c, a_signature_lives_300_seconds_both_ways);
	tcase_add_test(c, a_missing_or_malformed_header_is_bad_input);
	tcase_add_test(c, an_id_is_1_to_64_letters_digits_underscores_or_dashes);
	tcase_add_test(c, a_timestamp_is_nothing_but_digits);
	tcase_add_test(c, one_changed_byte_anywhere_breaks_the_signature);
	tcase_add_test(c, a_truncated_signature_matches_nothing);
	tcase_add_test(c, any_of_several_signatures_will_do);
	tcase_add_test(c, any_of_several_secrets_will_do_and_none_never);
	tcase_add_test(c, nobody_can_sign_with_the_blank_secret);
	tcase_add_test(c, a_secret_has_16_to_64_bytes_and_its_error_does_not_tell_it);
	tcase_add_test(c, base64_has_one_spelling_for_each_byte_string);
	tcase_add_test(c, base64_comes_back_as_it_went);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
