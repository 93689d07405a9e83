/* template: the texts that are installed, and what a wrong one is told. */
#include "codec/template.h"

#include "base/err.h"
#include "base/words.h"
#include "codec/sms_codes.h"
#include "model/calendar.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOON_UTC (INT64_C(1795176000) * 1000000) /* 2026-11-20 12:00:00 */

static char dir[64];
static struct template_set *texts;
static struct err e;

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

/* A copy of the installed texts in which one piece is another. */
static void
with_other(const char *language, const char *old, const char *new)
{
	for (int i = 0; i < TEMPLATE_LANGUAGES; i++) {
		struct buf out = {0}, sample = {0};
		char path[128];
		const char *text, *at;

		template_sample(words_languages[i], &sample);
		text = buf_text(&sample);
		at = strcmp(language, words_languages[i]) == 0 ? strstr(text, old) : NULL;
		if (at != NULL) {
			buf_put(&out, text, (size_t)(at - text));
			buf_put_text(&out, new);
			at += strlen(old);
		}
		buf_put_text(&out, at != NULL ? at : text);
		snprintf(path, sizeof path, "%s.yaml", words_languages[i]);
		write_file(path, buf_text(&out));
		buf_clear(&sample);
		buf_clear(&out);
	}
}

static void
setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/pgtextsXXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	texts = template_own(&e);
	ck_assert_msg(texts != NULL, "%s", e.text);
}

static void
teardown(void)
{
	static const char *const names[] = {"zh.yaml", "en.yaml", "es.yaml", "codes.yaml"};
	char path[128];

	template_free(texts);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* The part of a notice in a language; static, until the next call. */
static const char *
fill(const char *language, const char *kind, enum template_part part, const char *body,
    const char *currency, const char *zone)
{
	static char out[2000];
	struct calendar *c = calendar_new(zone, &e);
	cJSON *json = cJSON_Parse(body);
	const struct template_values v = {json, currency, "North", c, NOON_UTC};
	struct buf b = {0};

	ck_assert_msg(template_fill(texts, language, kind, part, &v, &b, &e) == 0, "%s", e.text);
	snprintf(out, sizeof out, "%s", buf_text(&b));
	buf_clear(&b);
	cJSON_Delete(json);
	calendar_free(c);
	return out;
}

static const char low[] =
    "{\"account\":\"R1\",\"balance_minor\":-1234567,\"level_minor\":1000,\"days\":3}";

START_TEST(money_is_written_with_the_digits_of_its_currency)
{
	ck_assert_str_eq(fill("en", "low", TEMPLATE_SUBJECT, low, "CNY", "UTC"),
	    "Your electricity balance is low: -12345.67 CNY");
	ck_assert_str_eq(
	    fill("zh", "low", TEMPLATE_SUBJECT, low, "CNY", "UTC"), "电费余额不足:-12345.67元");
	ck_assert_str_eq(fill("es", "low", TEMPLATE_SUBJECT, low, "EUR", "UTC"),
	    "Su saldo de electricidad es bajo: -12345,67 EUR");
	ck_assert_str_eq(fill("en", "low", TEMPLATE_SUBJECT, low, "JPY", "UTC"),
	    "Your electricity balance is low: -1234567 JPY");
	ck_assert_str_eq(fill("en", "low", TEMPLATE_SUBJECT, low, "KWD", "UTC"),
	    "Your electricity balance is low: -1234.567 KWD");
}
END_TEST

START_TEST(times_are_the_readers)
{
	const char *body = "{\"account\":\"R1\",\"reason\":\"ARREARS\"}";

	ck_assert_str_eq(fill("en", "tripped", TEMPLATE_SMS, body, "CNY", "Asia/Shanghai"),
	    "Electricity account R1: supply cut off at 2026-11-20 20:00, credit is used up.");
	ck_assert_str_eq(fill("es", "tripped", TEMPLATE_SMS, body, "CNY", "America/Lima"),
	    "Electricidad, cuenta R1: suministro cortado el 20/11/2026 07:00, saldo agotado.");
	ck_assert_str_eq(fill("zh", "tripped", TEMPLATE_SMS, body, "CNY", "Asia/Kathmandu"),
	    "电费账户R1已于2026-11-20 17:45停电,原因:余额不足。");
}
END_TEST

START_TEST(what_is_not_known_is_left_out_with_its_group)
{
	const char *some = "{\"account\":\"R1\",\"balance_minor\":500,\"level_minor\":null}";

	ck_assert_str_eq(fill("en", "low", TEMPLATE_SMS, some, "CNY", "UTC"),
	    "Electricity account R1: 5.00 CNY left. Please recharge.");
	ck_assert_str_eq(fill("en", "low", TEMPLATE_TEXT, some, "CNY", "UTC"),
	    "The prepaid balance of account R1 is 5.00 CNY, at 2026-11-20 12:00.\n"
	    "Please recharge in time, so that your power stays on.");
	ck_assert_str_eq(fill("en", "low", TEMPLATE_SMS, "{}", "", "UTC"),
	    "Electricity account -: - - left. Please recharge.");
}
END_TEST

START_TEST(a_receipt_shows_where_the_money_went)
{
	const char *body =
	    "{\"account\":\"R1\",\"amount_minor\":10000,\"balance_minor\":7030,\"split\":["
	    "{\"to\":\"debt\",\"amount_minor\":2000},{\"to\":\"accumulated\",\"amount_minor\":350},"
	    "{\"to\":\"threshold\",\"amount_minor\":120},{\"to\":\"emergency\",\"amount_minor\":"
	    "500},"
	    "{\"to\":\"credit\",\"amount_minor\":7030}]}";

	ck_assert_str_eq(fill("en", "receipt", TEMPLATE_SMS, body, "CNY", "UTC"),
	    "Electricity account R1: receipt 100.00 CNY: arrears 20.00, unpaid fixed charges 3.50, "
	    "negative balance 1.20, emergency credit 5.00, credit 70.30. Balance 70.30.");
}
END_TEST

START_TEST(a_value_cannot_begin_a_line)
{
	const char *body =
	    "{\"work\":7,\"cause\":\"X\\r\\nBcc: a@b\",\"text\":\"a\\u0085b\\u0000c\","
	    "\"todo\":\"d\\te\"}";

	ck_assert_str_eq(fill("en", "work", TEMPLATE_SUBJECT, body, "", "UTC"),
	    "Powergate, work 7: X  Bcc: a@b");
	ck_assert_ptr_nonnull(strstr(fill("en", "work", TEMPLATE_SMS, body, "", "UTC"), ": a b"));
}
END_TEST

START_TEST(every_kind_has_a_text_in_every_language)
{
	for (int l = 0; l < TEMPLATE_LANGUAGES; l++)
		for (const struct template_kind *k = template_kinds; k->name != NULL; k++)
			for (int part = 0; part < TEMPLATE_PARTS; part++) {
				const char *text = fill(words_languages[l], k->name,
				    (enum template_part)part, low, "CNY", "UTC");

				ck_assert_msg(strlen(text) > 5 && strpbrk(text, "{}[]") == NULL,
				    "%s %s: %s", words_languages[l], k->name, text);
			}
}
END_TEST

static void
refused(const char *language, const char *old, const char *new, const char *why)
{
	struct template_set *t;

	with_other(language, old, new);
	t = template_load(dir, &e);
	ck_assert_msg(t == NULL, "taken: %s", new);
	ck_assert_msg(strstr(e.text, why) != NULL, "\"%s\" is not \"%s\"", e.text, why);
}

START_TEST(a_wrong_text_is_named_by_file_and_line)
{
	refused("en", "{level}", "{lewel}", "en.yaml:5: text: there is no {lewel} in \"low\"");
	refused("zh", "{days}天。]", "{days}天。", "[ and ] do not fit");
	refused("es", "{balance}", "{balance", "{ or } alone");
	refused("es", "{balance}", "}", "{ or } alone");
	refused("en", "\nstorm:", "\nstrom:", "there is no such kind of notice");
	refused("en", "  subject: \"Receipt for", "  subjekt: \"Receipt for", "subject, text, sms");
	refused("es", "  ARREARS: \"saldo agotado\"\n", "", "es.yaml: no word for \"ARREARS\"");
	refused("zh", "sms: \"电费账户{account}已于{time}恢复供电。\"", "sms: \"{payment_no}\"",
	    "there is no {payment_no} in \"restored\"");
	with_other("en", "no such piece", "");
	unlink(strcat(strcpy((char[128]){0}, dir), "/es.yaml"));
	ck_assert_ptr_null(template_load(dir, &e));
}
END_TEST

START_TEST(doubled_braces_stand_for_themselves)
{
	struct template_set *own;

	with_other("en", "Your power is back", "{{[[{account}]]}}");
	own = template_load(dir, &e);
	ck_assert_msg(own != NULL, "%s", e.text);
	template_free(texts);
	texts = own;
	ck_assert_str_eq(fill("en", "restored", TEMPLATE_SUBJECT, low, "CNY", "UTC"), "{[R1]}");
}
END_TEST

START_TEST(codes_are_found_by_kind_and_language)
{
	struct sms_codes *c;
	const char *params;
	char path[128];

	write_file("codes.yaml", "low:\n  zh: {code: \"SMS_1\", params: \"account balance\"}\n"
				 "final:\n  zh: {code: \"SMS_2\"}\n");
	snprintf(path, sizeof path, "%s/codes.yaml", dir);
	c = sms_codes_load(path, &e);
	ck_assert_msg(c != NULL, "%s", e.text);
	ck_assert_str_eq(sms_codes_find(c, "low", "zh", &params), "SMS_1");
	ck_assert_str_eq(params, "account balance");
	ck_assert_str_eq(sms_codes_find(c, "final", "zh", &params), "SMS_2");
	ck_assert_str_eq(params, "");
	ck_assert_ptr_null(sms_codes_find(c, "low", "en", &params));
	ck_assert_ptr_null(sms_codes_find(c, "paid", "zh", &params));
	sms_codes_free(c);
	write_file("codes.yaml", "low:\n  zh: {code: \"SMS_1\", params: \"account ballance\"}\n");
	ck_assert_ptr_null(sms_codes_load(path, &e));
	write_file("codes.yaml", "lo:\n  zh: {code: \"SMS_1\"}\n");
	ck_assert_ptr_null(sms_codes_load(path, &e));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("template");
	TCase *c = tcase_create("template");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, money_is_written_with_the_digits_of_its_currency);
	tcase_add_test(c, times_are_the_readers);
	tcase_add_test(c, what_is_not_known_is_left_out_with_its_group);
	tcase_add_test(c, a_receipt_shows_where_the_money_went);
	tcase_add_test(c, a_value_cannot_begin_a_line);
	tcase_add_test(c, every_kind_has_a_text_in_every_language);
	tcase_add_test(c, a_wrong_text_is_named_by_file_and_line);
	tcase_add_test(c, doubled_braces_stand_for_themselves);
	tcase_add_test(c, codes_are_found_by_kind_and_language);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
