/* Reports and exports: what is signed, what is written, and what is refused. */
#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/export.h"
#include "codec/mac.h"
#include "codec/manifest.h"
#include "codec/report.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* --- manifest ------------------------------------------------------------------------------ */

static struct manifest
some_day(void)
{
	struct manifest m = {.site = "West side", .day = 20261119, .previous_day = 20261118};

	mac_sha256_hex(text_span("the day before"), m.previous);
	manifest_add(&m, "accounts.csv", text_span("a"));
	manifest_add(&m, "meters.csv", text_span(""));
	return m;
}

START_TEST(a_manifest_reads_back_as_it_was_written)
{
	struct manifest m = some_day(), back;
	struct buf text = {0};
	struct err e;

	manifest_out(&m, &text);
	ck_assert_int_eq(manifest_in(&back, buf_span(&text), &e), 0);
	ck_assert_str_eq(back.site, "West side");
	ck_assert_int_eq(back.day, 20261119);
	ck_assert_int_eq(back.previous_day, 20261118);
	ck_assert_uint_eq(back.n, 2);
	ck_assert_str_eq(manifest_find(&back, "meters.csv")->sha256,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ck_assert_ptr_null(manifest_find(&back, "more.csv"));
	buf_clear(&text);
}
END_TEST

START_TEST(a_manifest_that_is_written_otherwise_is_none)
{
	static const char *const bad[] = {"", "\n", "powergate report 1\n",
	    "powergate report 2\nsite a\nday 20261119\nprevious none\n",
	    "powergate report 1\nsite a\nday 20261119\nprevious none\n\n",
	    "powergate report 1\nsite a\nday 020261119\nprevious none\n",
	    "powergate report 1\nsite a\nday 20261119\nprevious none\nfile ../x.csv aa\n",
	    "powergate report 1\nsite a\nday 20261119\nprevious none\nfile .x aa\n",
	    "powergate report 1\nsite a\nday 20261119\nprevious none\nfile b aa\nfile a aa\n",
	    "powergate report 1\nsite a\nday 20261119\nprevious none\nfile a aa\nfile a aa\n"};
	struct manifest m;
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(manifest_in(&m, text_span(bad[i]), &e) < 0, "%zu", i);
	ck_assert_int_eq(
	    manifest_in(&m,
		text_span("powergate report 1\nsite a\nday 20261119\nprevious none\nfile a aa\n"),
		&e),
	    0);
}
END_TEST

static void
make_key(int type, struct buf *private, struct buf *public)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	EVP_PKEY *key = NULL;
	char *bytes;
	long len;

	ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_keygen(ctx, &key), 1);
	PEM_write_bio_PrivateKey(a, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PUBKEY(b, key);
	len = BIO_get_mem_data(a, &bytes);
	buf_put(private, bytes, (size_t)len);
	len = BIO_get_mem_data(b, &bytes);
	buf_put(public, bytes, (size_t)len);
	BIO_free(a);
	BIO_free(b);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}

START_TEST(no_bit_of_manifest_or_signature_can_be_another)
{
	struct manifest m = some_day();
	struct buf text = {0}, private = {0}, public = {0}, other = {0}, none = {0};
	uint8_t signature[MANIFEST_SIGNATURE], again[MANIFEST_SIGNATURE];
	struct evp_pkey_st *key, *foreign, *both;
	struct span s = {signature, sizeof signature};
	struct err e;

	manifest_out(&m, &text);
	make_key(EVP_PKEY_ED25519, &private, &public);
	make_key(EVP_PKEY_ED25519, &none, &other);
	key = manifest_key(buf_span(&public), &e);
	foreign = manifest_key(buf_span(&other), &e);
	both = manifest_key(buf_span(&private), &e);
	ck_assert(key != NULL && foreign != NULL && both != NULL);
	ck_assert_int_eq(manifest_sign(buf_span(&text), buf_span(&private), signature, &e), 0);
	ck_assert_int_eq(manifest_sign(buf_span(&text), buf_span(&private), again, &e), 0);
	ck_assert_mem_eq(signature, again, sizeof again);
	ck_assert_int_eq(manifest_verify(buf_span(&text), key, s, &e), 0);
	ck_assert_int_eq(manifest_verify(buf_span(&text), both, s, &e), 0);
	ck_assert_int_lt(manifest_verify(buf_span(&text), foreign, s, &e), 0);
	ck_assert_int_lt(manifest_sign(buf_span(&text), buf_span(&public), again, &e), 0);
	for (size_t i = 0; i < 8 * sizeof signature; i += 3) {
		signature[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_lt(manifest_verify(buf_span(&text), key, s, &e), 0);
		signature[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < 8 * text.len; i += 7) { /* a bit of every byte */
		text.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_lt(manifest_verify(buf_span(&text), key, s, &e), 0);
		text.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	s.len--;
	ck_assert_int_lt(manifest_verify(buf_span(&text), key, s, &e), 0);
	manifest_key_free(key);
	manifest_key_free(foreign);
	manifest_key_free(both);
	buf_clear(&text);
	buf_clear(&private);
	buf_clear(&public);
	buf_clear(&other);
	buf_clear(&none);
}
END_TEST

START_TEST(another_kind_of_key_signs_nothing)
{
	struct buf private = {0}, public = {0};
	uint8_t signature[MANIFEST_SIGNATURE];
	struct err e;

	make_key(EVP_PKEY_X25519, &private, &public);
	ck_assert_int_lt(manifest_sign(text_span("x"), buf_span(&private), signature, &e), 0);
	ck_assert_str_eq(e.text, "no private Ed25519 key in PEM");
	ck_assert_int_lt(manifest_sign(text_span("x"), text_span("nonsense"), signature, &e), 0);
	buf_clear(&private);
	buf_clear(&public);
}
END_TEST

/* --- report -------------------------------------------------------------------------------- */

#define DAY                                                                                        \
	"{\"site\":\"<West>\",\"zone\":\"Asia/Shanghai\",\"currency\":\"CNY\",\"day\":20261119,"   \
	"\"sections\":[{\"name\":\"payments\",\"columns\":[\"payment\",\"payment_no\",\"amount_"   \
	"minor\",\"received_us\"],\"rows\":[[7,\"=1,\\\"x\\\"\",-5005,1795060800000000],[8,null,"  \
	"0,null]]},{\"name\":\"meters\",\"columns\":[\"meter\",\"used_wh\",\"t1_wh\"],\"rows\":[[" \
	"\"<b>\",12340,40],[\"c\",null,null]]}]}"

START_TEST(a_section_becomes_a_csv_of_exact_numbers)
{
	cJSON *day = cJSON_Parse(DAY);
	struct buf out = {0};
	struct err e;

	ck_assert_int_eq(report_check(day, &e), 0);
	report_csv(day, report_section(day, "payments"), &out);
	ck_assert_str_eq(buf_text(&out),
	    "\xef\xbb\xbfpayment,payment_no,amount,received_at\r\n"
	    "7,\"'=1,\"\"x\"\"\",-50.05,2026-11-19T04:00:00.000000Z\r\n"
	    "8,,0.00,\r\n");
	buf_clear(&out);
	report_csv(day, report_section(day, "meters"), &out);
	ck_assert_str_eq(
	    buf_text(&out), "\xef\xbb\xbfmeter,used_kwh,t1_kwh\r\n<b>,12.340,0.040\r\nc,,\r\n");
	buf_clear(&out);
	cJSON_Delete(day);
}
END_TEST

START_TEST(a_page_quotes_what_it_shows_in_every_language)
{
	cJSON *day = cJSON_Parse(DAY);

	for (const char *const *l = words_languages; *l != NULL; l++) {
		struct buf out = {0};

		report_page(day, *l, &out);
		ck_assert_ptr_nonnull(strstr(buf_text(&out), "&lt;West&gt;"));
		ck_assert_ptr_nonnull(strstr(buf_text(&out), "&lt;b&gt;"));
		ck_assert_ptr_null(strstr(buf_text(&out), "<b>"));
		ck_assert_ptr_nonnull(strstr(buf_text(&out), "2026-11-19 12:00:00"));
		ck_assert_ptr_nonnull(strstr(buf_text(&out), "<svg"));
		buf_clear(&out);
	}
	cJSON_Delete(day);
}
END_TEST

START_TEST(an_answer_of_another_shape_is_refused)
{
	static const char *const from[] = {"\"columns\":[\"meter\",", "\"name\":\"meters\"",
	    "\"name\":\"meters\"", "[\"c\",null,null]", "\"site\":\"<West>\"", "\"day\":20261119"};
	static const char *const to[] = {"\"columns\":[5,", "\"name\":\"../x\"", "\"name\":\"\"",
	    "[\"c\",null]", "\"site\":\"a\\nday 1\"", "\"day\":\"x\""};

	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		struct buf text = {0};
		const char *at = strstr(DAY, from[i]);
		cJSON *day;
		struct err e;

		ck_assert_ptr_nonnull(at);
		buf_put(&text, DAY, (size_t)(at - DAY));
		buf_put_text(&text, to[i]);
		buf_put_text(&text, at + strlen(from[i]));
		day = cJSON_Parse(buf_text(&text));
		ck_assert_ptr_nonnull(day);
		ck_assert_msg(report_check(day, &e) < 0, "%s", to[i]);
		cJSON_Delete(day);
		buf_clear(&text);
	}
}
END_TEST

/* --- exports ------------------------------------------------------------------------------- */

#define OWNER_1 "app"
#define OWNER_2 ""
#define LINE(journal_, line_, ledger_, account_, amount_)                                    \
	"{\"journal\":" #journal_                                                            \
	",\"at_us\":1795060800000000,\"value_us\":1794974400000000,\"reverses\":0,\"kind\":" \
	"\"payment\",\"key\":\"pay:\\\"x\",\"memo\":\"\xe8\xae\xb0\",\"line\":" #line_       \
	",\"ledger\":\"" ledger_ "\",\"owner\":\"" OWNER_##line_                             \
	    "\",\"account\":" account_ ",\"amount_minor\":" #amount_ ",\"currency\":\"CNY\"}"
#define LEDGER(last_)                                                                            \
	"{\"zone\":\"Asia/Shanghai\",\"from\":20261119,\"to\":20261119,\"rows\":[" LINE(1, 1,    \
	    "clearing", "null", 5000) "," LINE(1, 2, "prepaid", "\"a_1\"", -5000) "," LINE(2, 1, \
	    "clearing", "null", 100) "," LINE(2, 2, "prepaid", "\"a.1\"", last_) "]}"

START_TEST(books_that_do_not_balance_are_not_exported)
{
	cJSON *answer = cJSON_Parse(LEDGER(-99));
	struct ledger_export x;
	struct err e;

	ck_assert_int_lt(export_read(answer, &x, &e), 0);
	ck_assert_str_eq(e.text, "journal 2 does not balance");
	cJSON_Delete(answer);
}
END_TEST

START_TEST(a_posting_keeps_the_day_that_it_is_for)
{
	cJSON *answer = cJSON_Parse(LEDGER(-100));
	struct buf out = {0};
	struct ledger_export x;
	struct err e;

	ck_assert_int_eq(export_read(answer, &x, &e), 0);
	export_csv(&x, &out);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "\r\n1,2026-11-19,2026-11-18,"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), ",clearing,app,,,50.00,,CNY,payment,"));
	buf_clear(&out);
	free(x.lines);
	cJSON_Delete(answer);
}
END_TEST

START_TEST(two_accounts_never_become_one_in_beancount)
{
	cJSON *answer = cJSON_Parse(LEDGER(-100));
	struct buf out = {0};
	struct ledger_export x;
	struct err e;

	ck_assert_int_eq(export_read(answer, &x, &e), 0);
	export_beancount(&x, &out);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "open Liabilities:Prepaid:Na-5F1\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "open Liabilities:Prepaid:Na-2E1\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "  key: \"pay:\\\"x\"\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "  Assets:Clearing:Napp  50.00 CNY\n"));
	buf_clear(&out);
	free(x.lines);
	cJSON_Delete(answer);
}
END_TEST

static const char *
profile_file(const char *text)
{
	static char path[64];
	FILE *f;
	int fd;

	strcpy(path, "/tmp/profileXXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	fputs(text, f);
	fclose(f);
	return path;
}

START_TEST(a_voucher_has_the_columns_of_its_profile)
{
	const char *path = profile_file(
	    "encoding: GB18030\ngroup: day\nfirst_line: 0\naccounts: {clearing: "
	    "\"9\", \"clearing:app\": \"1\", prepaid: \"2\"}\nnames: {\"clearing:app\": "
	    "till}\nkinds: {payment: in}\ncolumns:\n  - {name: V, value: voucher}\n"
	    "  - {name: L, value: line}\n  - {name: C, value: account_code}\n"
	    "  - {name: D, value: debit}\n  - {name: K, value: credit}\n"
	    "  - {name: T, text: \"\xe8\xae\xb0\"}\n"
	    "  - {name: N, value: account_name}\n  - {name: W, value: kind}\n");
	cJSON *answer = cJSON_Parse(LEDGER(-100));
	struct voucher_profile *p;
	struct buf out = {0};
	struct ledger_export x;
	struct err e;

	p = voucher_profile_read(path, &e);
	ck_assert_msg(p != NULL, "%s", e.text);
	ck_assert_int_eq(export_read(answer, &x, &e), 0);
	ck_assert_int_eq(export_voucher(&x, p, 7, &out, &e), 0);
	ck_assert_str_eq(buf_text(&out), "V,L,C,D,K,T,N,W\r\n7,0,1,51.00,0.00,\xbc\xc7,till,in\r\n"
					 "7,1,2,0.00,51.00,\xbc\xc7,prepaid,in\r\n");
	voucher_profile_free(p);
	buf_clear(&out);
	free(x.lines);
	cJSON_Delete(answer);
	unlink(path);
}
END_TEST

START_TEST(a_profile_with_a_mistake_is_refused)
{
	static const char *const bad[] = {"accounts: {a: b}\n",
	    "accounts: {a: b}\ncolumns:\n  - {name: A, value: nothing}\n",
	    "accounts: {a: b}\ncolumns:\n  - {name: A, value: date, text: x}\n",
	    "accounts: {a: b}\ncolumns:\n  - {value: date}\n",
	    "accounts: {a: b}\ncolour: red\ncolumns:\n  - {name: A, value: date}\n",
	    "encoding: EBCDIC\naccounts: {a: b}\ncolumns:\n  - {name: A, value: date}\n",
	    "group: week\naccounts: {a: b}\ncolumns:\n  - {name: A, value: date}\n"};
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *path = profile_file(bad[i]);

		ck_assert_msg(voucher_profile_read(path, &e) == NULL, "%zu", i);
		unlink(path);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("report");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_manifest_reads_back_as_it_was_written);
	tcase_add_test(t, a_manifest_that_is_written_otherwise_is_none);
	tcase_add_test(t, no_bit_of_manifest_or_signature_can_be_another);
	tcase_add_test(t, another_kind_of_key_signs_nothing);
	tcase_add_test(t, a_section_becomes_a_csv_of_exact_numbers);
	tcase_add_test(t, a_page_quotes_what_it_shows_in_every_language);
	tcase_add_test(t, an_answer_of_another_shape_is_refused);
	tcase_add_test(t, books_that_do_not_balance_are_not_exported);
	tcase_add_test(t, a_posting_keeps_the_day_that_it_is_for);
	tcase_add_test(t, two_accounts_never_become_one_in_beancount);
	tcase_add_test(t, a_voucher_has_the_columns_of_its_profile);
	tcase_add_test(t, a_profile_with_a_mistake_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
