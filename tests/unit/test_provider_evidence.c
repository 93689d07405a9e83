/* provider_evidence, provider_query: what is kept verifies again, and an answer is no better than
 * its signature. */
#include "base/buf.h"
#include "base/err.h"
#include "codec/provider.h"
#include "codec/provider_query.h"
#include "codec/webhook.h"
#include "model/ledger.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "bm9ib2R5IGtub3dzIHRoaXMgb25lLg=="
#define NOW_S  INT64_C(1795060800)
#define BODY                                                                                \
	"{\"type\":\"payment.succeeded\",\"timestamp\":\"2026-11-19T04:00:00Z\",\"data\":{" \
	"\"payment_no\":\"P-1\",\"account_no\":\"L1\",\"amount_minor\":5000,\"currency\":"  \
	"\"CNY\",\"paid_at\":\"2026-11-19T04:00:00Z\",\"method\":\"app\"}}"

static struct provider_keys *
our_keys(void)
{
	char lines[] = SECRET;
	struct err e;
	struct provider_keys *k = provider_secrets_read(lines, &e);

	ck_assert_ptr_nonnull(k);
	return k;
}

/* As a proxy would hand it on: in any case, among others. */
static void
kept(struct buf *out, const char *id, const char *asked)
{
	struct webhook_secret secret;
	char signature[64], at[24];
	struct err e;

	ck_assert_int_eq(webhook_secret_parse(SECRET, &secret, &e), 0);
	webhook_sign("msg_1", NOW_S, span_of(BODY, strlen(BODY)), &secret, signature);
	snprintf(at, sizeof at, "%lld", (long long)NOW_S);
	const struct provider_header headers[] = {
	    {"Host",              "example"},
	    {"Webhook-ID",        id       },
	    {"WEBHOOK-TIMESTAMP", at       },
	    {"webhook-signature", signature},
	    {"Cookie",            "secret" },
	};
	const struct provider_request q = {
	    .headers = headers, .nheaders = 5, .body = span_of(BODY, strlen(BODY))};

	provider_evidence(provider_find("standard"), &q, asked, out);
}

static enum provider_code
again(const char *evidence, const char *body, int64_t at_s, struct provider_notice *n)
{
	struct provider_keys *k = our_keys();
	struct err e;
	enum provider_code code =
	    provider_verify_again(k, evidence, span_of(body, strlen(body)), at_s * 1000000, n, &e);

	provider_keys_free(k);
	return code;
}

START_TEST(what_is_kept_verifies_again_long_after)
{
	struct buf b = {0};
	struct provider_notice n;
	struct payment m = {0};

	kept(&b, "msg_1", NULL);
	ck_assert_ptr_null(strstr(buf_text(&b), "secret"));
	ck_assert_int_eq(again(buf_text(&b), BODY, NOW_S + 5, &n), PROVIDER_OK);
	provider_payment(provider_find("standard"), &n, &m);
	ck_assert_str_eq(m.payment_no, "P-1");
	ck_assert_str_eq(m.account_no, "L1");
	ck_assert_int_eq(m.amount_minor, 5000);
	ck_assert_int_eq(again(buf_text(&b), BODY, NOW_S + 400, &n), PROVIDER_STALE);
	ck_assert_int_eq(again(buf_text(&b), BODY " ", NOW_S, &n), PROVIDER_BAD_SIGNATURE);
	ck_assert_int_eq(again("", BODY, NOW_S, &n), PROVIDER_HEADER_MISSING);
	buf_clear(&b);
}
END_TEST

START_TEST(no_byte_of_what_is_kept_can_be_another)
{
	struct buf b = {0};
	struct provider_notice n;
	char *text;

	kept(&b, "msg_1", NULL);
	text = strdup(buf_text(&b));
	for (size_t i = 0; text[i] != '\0'; i++) {
		text[i] ^= 1;
		ck_assert_msg(again(text, BODY, NOW_S, &n) != PROVIDER_OK, "byte %zu", i);
		text[i] ^= 1;
	}
	free(text);
	buf_clear(&b);
}
END_TEST

START_TEST(what_no_line_can_hold_is_not_kept)
{
	struct buf b = {0};
	struct provider_notice n;
	char *big = calloc(1, PROVIDER_EVIDENCE_MOST + 10);

	kept(&b, "msg_1\nwebhook-id: other", NULL);
	ck_assert_ptr_null(strstr(buf_text(&b), "webhook-id"));
	ck_assert_int_eq(again(buf_text(&b), BODY, NOW_S, &n), PROVIDER_HEADER_MISSING);
	buf_clear(&b);
	memset(big, 'x', PROVIDER_EVIDENCE_MOST - 20);
	kept(&b, big, NULL);
	ck_assert_uint_eq(b.len, 0);
	buf_clear(&b);
	memset(big, 'x', PROVIDER_EVIDENCE_MOST + 5);
	kept(&b, big, NULL);
	ck_assert_ptr_null(strstr(buf_text(&b), "xxx"));
	buf_clear(&b);
	free(big);
}
END_TEST

START_TEST(an_answer_is_none_where_nothing_is_asked)
{
	struct buf b = {0};
	struct provider_notice n;
	struct provider_keys *k = our_keys();

	ck_assert(!provider_can_ask(k));
	kept(&b, "msg_1", "/v3/pay");
	ck_assert_int_eq(strncmp(buf_text(&b), "Asked: /v3/pay\n", 15), 0);
	ck_assert_int_eq(again(buf_text(&b), BODY, NOW_S, &n), PROVIDER_UNSUPPORTED);
	ck_assert_str_eq(n.payment_no, "");
	provider_keys_free(k);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("provider_evidence");
	TCase *t = tcase_create("provider_evidence");
	SRunner *runner;
	int failed;

	tcase_add_test(t, what_is_kept_verifies_again_long_after);
	tcase_add_test(t, no_byte_of_what_is_kept_can_be_another);
	tcase_add_test(t, what_no_line_can_hold_is_not_kept);
	tcase_add_test(t, an_answer_is_none_where_nothing_is_asked);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
