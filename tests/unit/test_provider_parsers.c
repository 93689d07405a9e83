/* The strict readers under the providers: forms, money, clocks, foreign JSON, parts of answers. */
#include "base/err.h"
#include "codec/form.h"
#include "codec/money.h"
#include "codec/provider_query.h"
#include "codec/webhook.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct span
text_span(const char *text)
{
	return span_of(text, strlen(text));
}

/* --- forms ------------------------------------------------------------------------------- */

START_TEST(a_form_is_decoded_exactly_once)
{
	struct form f;
	struct err e;

	ck_assert_int_eq(
	    form_read(text_span("b=1+2%2B3&a=%2541&%61a=%E5%85%85%b3&empty="), &f, &e), 0);
	ck_assert_uint_eq(f.n, 4);
	ck_assert_str_eq(f.fields[0].name, "a");
	ck_assert_str_eq(f.fields[1].name, "aa"); /* names are decoded too */
	ck_assert_str_eq(form_get(&f, "b"), "1 2+3");
	ck_assert_str_eq(form_get(&f, "a"), "%41");
	ck_assert_str_eq(form_get(&f, "aa"), "\xe5\x85\x85\xb3"); /* bytes are bytes */
	ck_assert_str_eq(form_get(&f, "empty"), "");
	ck_assert_ptr_null(form_get(&f, "A"));
	form_clear(&f);
	ck_assert_int_eq(form_read(text_span("a=b=c&d=%3D%26"), &f, &e), 0);
	ck_assert_str_eq(form_get(&f, "a"), "b=c");
	ck_assert_str_eq(form_get(&f, "d"), "=&");
	form_clear(&f);
}
END_TEST

/* --- money ------------------------------------------------------------------------------- */

static int64_t
money(const char *text, int digits, bool below)
{
	int64_t minor = -1;
	struct err e;

	return money_in(text, strlen(text), digits, below, &minor, &e) < 0 ? INT64_MIN : minor;
}

START_TEST(money_is_exact_or_nothing)
{
	ck_assert_int_eq(money("0.01", 2, false), 1);
	ck_assert_int_eq(money("0.29", 2, false), 29); /* which floating point makes 28 of */
	ck_assert_int_eq(money("1.1", 2, false), 110);
	ck_assert_int_eq(money("7", 2, false), 700);
	ck_assert_int_eq(money("7", 0, false), 7);
	ck_assert_int_eq(money("1.234", 3, false), 1234);
	ck_assert_int_eq(money("0.01000", 2, false), 1);
	ck_assert_int_eq(money("0.01001", 2, false), INT64_MIN);
	ck_assert_int_eq(money("45.0", 0, false), 45);
	ck_assert_int_eq(money("-0.01", 2, true), -1);
	ck_assert_int_eq(money("-0.01", 2, false), INT64_MIN);
	ck_assert_int_eq(money("92233720368547758.07", 2, false), INT64_MAX);
	ck_assert_int_eq(money("92233720368547758.08", 2, false), INT64_MIN);
	ck_assert_int_eq(money("9223372036854775807", 2, false), INT64_MIN);
	ck_assert_int_eq(money("--1", 2, true), INT64_MIN);
	ck_assert_int_eq(money("-", 2, true), INT64_MIN);
	ck_assert_int_eq(money("1.2.3", 2, true), INT64_MIN);
	ck_assert_int_eq(money("\xef\xbc\x91", 2, true), INT64_MIN); /* a wide 1 */
}
END_TEST

START_TEST(money_comes_back_as_it_went)
{
	static const int64_t of[] = {0, 1, 99, 100, -1, -12345, INT64_MAX, INT64_MIN + 1};

	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		for (int digits = 0; digits <= 3; digits++) {
			struct buf b = {0};

			money_out(&b, of[i], digits);
			ck_assert_int_eq(money(buf_text(&b), digits, true), of[i]);
			buf_clear(&b);
		}
}
END_TEST

START_TEST(currencies_have_their_digits)
{
	ck_assert_int_eq(money_digits("CNY"), 2);
	ck_assert_int_eq(money_digits("JPY"), 0);
	ck_assert_int_eq(money_digits("KWD"), 3);
}
END_TEST

/* --- clocks ------------------------------------------------------------------------------ */

static int64_t
clock_of(const char *text)
{
	int64_t us;
	struct err e;

	return time_clock_in(text, "+08:00", &us, &e) < 0 ? -1 : us;
}

START_TEST(a_clock_has_two_spellings)
{
	ck_assert_int_eq(clock_of("2026-11-20 16:00:00"), INT64_C(1795161600) * 1000000);
	ck_assert_int_eq(clock_of("20261120160000"), INT64_C(1795161600) * 1000000);
	ck_assert_int_eq(clock_of("2026-11-20 16:00:00.5"), INT64_C(1795161600) * 1000000 + 500000);
	ck_assert_int_eq(clock_of("2026-11-20T16:00:00"), -1);
	ck_assert_int_eq(clock_of("2026-11-20 16:00"), -1);
	ck_assert_int_eq(clock_of("2026-11-20 16:00:00Z"), -1);
	ck_assert_int_eq(clock_of("2026-11-20 16:00:00+00:00"), -1);
	ck_assert_int_eq(clock_of("2026-02-29 16:00:00"), -1);
	ck_assert_int_eq(clock_of("2026/11/20 16:00:00"), -1);
	ck_assert_int_eq(clock_of("2026112016000"), -1);
	ck_assert_int_eq(clock_of("2026112016000x"), -1);
	ck_assert_int_eq(clock_of(""), -1);
}
END_TEST

/* --- foreign JSON ------------------------------------------------------------------------ */

START_TEST(odd_numbers_arrive_as_texts)
{
	struct err e;
	cJSON *o = json_foreign(
	    text_span("{\"a\":1.50,\"b\":[0.1,2,1e400],\"c\":-0,\"d\":9007199254740993,\"e\":7}"),
	    &e);
	const cJSON *b = cJSON_GetObjectItemCaseSensitive(o, "b");
	int64_t n;

	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "a")), "1.50");
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(b, 0)), "0.1");
	ck_assert(cJSON_IsNumber(cJSON_GetArrayItem(b, 1)));
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(b, 2)), "1e400");
	ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "c")), "-0");
	ck_assert_int_eq(json_integer(o, "a", 0, 100, &n, &e), -1);
	ck_assert_int_eq(json_integer(o, "d", 0, INT64_MAX, &n, &e), -1);
	ck_assert_int_eq(json_integer(o, "e", 0, 100, &n, &e), 0);
	ck_assert_int_eq(n, 7);
	cJSON_Delete(o);
}
END_TEST

START_TEST(foreign_json_is_still_json)
{
	static const char *const bad[] = {"1.", ".5", "01.5", "1e", "1e+", "-", "-.5", "1.5.5",
	    "{\"a\":1.5,\"a\":2}", "[1.5", "1.5 x", "{\"a\":1.5,}", "+1.5", "0x1", "1.5\"",
	    "\"\\u0000\"", "NaN", "-Infinity", ""};
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(json_foreign(text_span(bad[i]), &e) == NULL, "%s", bad[i]);
}
END_TEST

/* --- parts of answers -------------------------------------------------------------------- */

static const char *
part_of(const char *answer)
{
	static char out[128];
	struct span part;
	struct err e;

	if (alipay_answer_part(text_span(answer), "x_response", &part, &e) < 0)
		return "";
	snprintf(out, sizeof out, "%.*s", (int)part.len, (const char *)part.bytes);
	return out;
}

START_TEST(a_part_is_cut_out_as_it_was_sent)
{
	ck_assert_str_eq(part_of("{\"x_response\":{\"a\":1},\"sign\":\"s\"}"), "{\"a\":1}");
	ck_assert_str_eq(part_of("{\"sign\":\"}\\\"{\",\"x_response\" : { \"a\":[ {} ] } }"),
	    "{ \"a\":[ {} ] }");
	ck_assert_str_eq(
	    part_of("{\"y\":{\"x_response\":{\"no\":1}},\"n\":1,\"x_response\":{\"b\":\"}\"}}"),
	    "{\"b\":\"}\"}");
	ck_assert_str_eq(part_of(" [1, {\"x_response\":{}}]"), "");
	ck_assert_str_eq(part_of("{\"x_response\":\"{}\"}"), "");
	ck_assert_str_eq(part_of("{\"x_\\u0072esponse\":{}}"), "");
	ck_assert_str_eq(part_of("{\"x_response\":{},\"x_response\":{}}"), "");
	ck_assert_str_eq(part_of("{}"), "");
	ck_assert_str_eq(part_of("nonsense"), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("provider_parsers");
	TCase *c = tcase_create("provider_parsers");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, a_form_is_decoded_exactly_once);
	tcase_add_test(c, money_is_exact_or_nothing);
	tcase_add_test(c, money_comes_back_as_it_went);
	tcase_add_test(c, currencies_have_their_digits);
	tcase_add_test(c, a_clock_has_two_spellings);
	tcase_add_test(c, odd_numbers_arrive_as_texts);
	tcase_add_test(c, foreign_json_is_still_json);
	tcase_add_test(c, a_part_is_cut_out_as_it_was_sent);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
