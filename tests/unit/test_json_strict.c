/* json_strict: JSON with one meaning, and times of day. */
#include "base/err.h"
#include "codec/webhook.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_US INT64_C(1000000)

static bool
is_strict_bytes(const void *bytes, size_t len)
{
	struct err e;
	cJSON *tree;
	void *copy = malloc(len > 0 ? len : 1); /* its end is guarded under the sanitizer */

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, len);
	tree = json_strict(span_of(copy, len), &e);
	if (tree == NULL)
		ck_assert_int_eq(e.class, ERR_INPUT);
	cJSON_Delete(tree);
	free(copy);
	return tree != NULL;
}

static bool
is_strict(const char *text)
{
	return is_strict_bytes(text, strlen(text));
}

START_TEST(plain_json_is_taken)
{
	static const char *const good_json[] = {"{}", "[]", " {\t\r\n} ", "\"\"", "0", "-1", "null",
	    "true", "[false]", "9007199254740991", "-9007199254740991", "{\"a\":{\"a\":1}}",
	    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"]", "{\"A\":1,\"a\":2}",
	    "{\"\":\"\xe5\x85\x85\xe5\x80\xbc\",\"\xf0\x9f\x92\xa1\":"
	    "\"\xf4\x8f\xbf\xbf\"}"};

	for (size_t i = 0; i < sizeof good_json / sizeof *good_json; i++)
		ck_assert_msg(is_strict(good_json[i]), "%s", good_json[i]);
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
	static const char *const bad[] = {"", " ", "{", "}", "[1,]", "[,1]", "{\"a\":1,}",
	    "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "nul", "nulll", "True", "[1 2]",
	    "{\"a\":1 \"b\":2}", "[1]x", "{}{}", "{} //", "/**/{}", "\"", "\"a", "\"\\", "\"\\x\"",
	    "\"\\u12\"", "\"\\u123g\"", "\"\t\"", "\"\n\"", "\xef\xbb\xbf{}", "{1:2}", "[\"a\",]",
	    "NaN", "Infinity", "-", "+1", ".5", "[\v]"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!is_strict(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(a_number_is_whole_and_exact_or_refused)
{
	static const char *const bad[] = {"9007199254740992", "9007199254740993",
	    "-9007199254740992", "1e400", "1e2", "1E2", "1.0", "1.5", "0.0", "-0", "-0.0", "00",
	    "01", "-01", "1.", "1e", "99999999999999999999999999999999999999", "0x10"};
	char text[64];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "{\"a\":[%s]}", bad[i]);
		ck_assert_msg(!is_strict(text), "%s", bad[i]);
		ck_assert_msg(!is_strict(bad[i]), "%s", bad[i]);
	}
}
END_TEST

START_TEST(equal_keys_are_refused_however_they_are_written)
{
	static const char *const bad[] = {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}",
	    "{\"a\":1,\"\\u0061\":2}", "[{\"x\":{\"a\":1,\"a\":2}}]", "{\"\":1,\"\":2}",
	    "{\"/\":1,\"\\/\":2}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
	    "{\"\xf0\x9f\x92\xa1\":1,\"\\ud83d\\udca1\":2}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!is_strict(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(a_text_has_no_nul_and_no_half_characters)
{
	static const char *const bad[] = {"\\u0000", "a\\u0000b", "\\ud800", "\\ud800x",
	    "\\ud800\\n", "\\ud800\\ud800", "\\udc00", "\\udc00\\ud800", "\xff", "\x80", "\xc0\xaf",
	    "\xc1\x81", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xe5\x85", "\xf0\x9f\x92", "\xc3"};
	char text[64];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "[\"%s\"]", bad[i]);
		ck_assert_msg(!is_strict(text), "case %zu", i);
		snprintf(text, sizeof text, "{\"%s\":1}", bad[i]);
		ck_assert_msg(!is_strict(text), "key %zu", i);
	}
	ck_assert(!is_strict_bytes("[\"a\0b\"]", 7));
	ck_assert(!is_strict_bytes("{}\0", 3));
	ck_assert(!is_strict_bytes("\0", 1));
	ck_assert(!is_strict_bytes("[\"\xe5", 3));
}
END_TEST

START_TEST(nesting_is_16_deep_and_not_17)
{
	char text[64] = "";

	memset(text, '[', 16);
	memset(text + 16, ']', 16);
	ck_assert(is_strict(text));
	memset(text, '[', 17);
	memset(text + 17, ']', 17);
	ck_assert(!is_strict(text));
}
END_TEST

START_TEST(a_million_brackets_cost_no_stack)
{
	size_t len = 1000000;
	char *text = malloc(len);

	ck_assert_ptr_nonnull(text);
	memset(text, '[', len);
	ck_assert(!is_strict_bytes(text, len));
	free(text);
}
END_TEST

START_TEST(a_body_of_nothing_but_names_is_read_quickly)
{
	struct buf b = {0};

	buf_put_text(&b, "{\"x\":0");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, ",\"%d\":0", i);
	buf_put_text(&b, "}");
	ck_assert(is_strict_bytes(b.bytes, b.len));
	b.len--;
	buf_put_text(&b, ",\"7\":0}");
	ck_assert(!is_strict_bytes(b.bytes, b.len));
	buf_clear(&b);
}
END_TEST

START_TEST(quoted_text_is_read_back_and_bad_bytes_are_replaced)
{
	static const char text[] = "a\"b\\c\n\x01\xe5\x85\x85";
	struct buf b = {0};
	struct err e;
	cJSON *tree;

	json_quote(&b, text);
	tree = json_strict(buf_span(&b), &e);
	ck_assert_ptr_nonnull(tree);
	ck_assert_str_eq(tree->valuestring, text);
	cJSON_Delete(tree);
	buf_clear(&b);
	json_quote(&b, "x\xff\xe5");
	ck_assert_str_eq(buf_text(&b), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_clear(&b);
}
END_TEST

/* --- times ------------------------------------------------------------------------------- */

START_TEST(a_time_with_an_offset_becomes_utc)
{
	static const struct {
		const char *text, *utc;
	} same[] = {
	    {"2026-11-20T16:00:00+08:00",           "2026-11-20T08:00:00.000000Z"},
	    {"2026-11-20t08:00:00.5z",              "2026-11-20T08:00:00.500000Z"},
	    {"2024-02-29T23:59:59.123456789-00:30", "2024-03-01T00:29:59.123456Z"},
	    {"1969-12-31T23:59:59.9Z",              "1969-12-31T23:59:59.900000Z"},
	    {"2016-12-31T23:59:60Z",                "2017-01-01T00:00:00.000000Z"},
	    {"0000-03-01T00:00:00Z",                "0000-03-01T00:00:00.000000Z"},
	    {"9999-12-31T23:59:59Z",                "9999-12-31T23:59:59.000000Z"},
	};
	char back[32];
	int64_t us;
	struct err e;

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		ck_assert_int_eq(time_rfc3339_in(same[i].text, &us, &e), 0);
		time_rfc3339_out(us, back);
		ck_assert_str_eq(back, same[i].utc);
	}
	ck_assert_int_eq(time_rfc3339_in("2026-11-20T08:00:00Z", &us, &e), 0);
	ck_assert_int_eq(us, INT64_C(1795161600) * S_US);
	time_rfc3339_out(INT64_MIN, back);
	time_rfc3339_out(INT64_MAX, back);
}
END_TEST

START_TEST(half_a_time_is_none)
{
	static const char *const bad[] = {"", "2026-11-20", "2026-11-20T08:00:00",
	    "2026-11-20 08:00:00Z", "2026-11-20T08:00Z", "2026-11-20T08:00:00.Z",
	    "2026-11-20T08:00:00+0800", "2026-11-20T08:00:00+08", "2026-11-20T08:00:00Zx",
	    "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	    "2026-11-31T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T08:60:00Z",
	    "2026-11-20T08:00:61Z", "2026-11-20T08:00:00+24:00", "+026-11-20T08:00:00Z",
	    "1795161600", "2026-11-20T08:00:00.1234567890Z"};
	int64_t us;
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(time_rfc3339_in(bad[i], &us, &e) < 0, "%s", bad[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json_strict");
	TCase *c = tcase_create("json_strict");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, plain_json_is_taken);
	tcase_add_test(c, what_is_not_json_is_refused);
	tcase_add_test(c, a_number_is_whole_and_exact_or_refused);
	tcase_add_test(c, equal_keys_are_refused_however_they_are_written);
	tcase_add_test(c, a_text_has_no_nul_and_no_half_characters);
	tcase_add_test(c, nesting_is_16_deep_and_not_17);
	tcase_add_test(c, a_million_brackets_cost_no_stack);
	tcase_add_test(c, a_body_of_nothing_but_names_is_read_quickly);
	tcase_add_test(c, quoted_text_is_read_back_and_bad_bytes_are_replaced);
	tcase_add_test(c, a_time_with_an_offset_becomes_utc);
	tcase_add_test(c, half_a_time_is_none);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
