/* Catalogues of what people read: found, asked, and refused when they are broken. */
#include "base/err.h"
#include "base/words.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* As msgfmt writes it: "Balance", and "open" of a relay. */
static const uint32_t head[] = {0x950412de, 0, 2, 28, 44, 0, 0};

static void
put_number(struct buf *b, uint32_t n)
{
	buf_put(b, &n, sizeof n);
}

static void
put_string(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text) + 1);
}

static struct buf
small(void)
{
	static const char *const strings[] = {"Balance", "relay\004open", "Saldo", "abierto"};
	struct buf b = {0};
	uint32_t at = 60;

	buf_put(&b, head, sizeof head);
	for (int i = 0; i < 4; i++) {
		put_number(&b, (uint32_t)strlen(strings[i]));
		put_number(&b, at);
		at += (uint32_t)strlen(strings[i]) + 1;
	}
	for (int i = 0; i < 4; i++)
		put_string(&b, strings[i]);
	return b;
}

START_TEST(an_entry_is_found_with_its_context)
{
	struct buf mo = small();
	struct err e;
	struct catalogue *c = catalogue_new(buf_span(&mo), &e);

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(catalogue_find(c, NULL, "Balance"), "Saldo");
	ck_assert_str_eq(catalogue_find(c, "relay", "open"), "abierto");
	ck_assert_ptr_null(catalogue_find(c, NULL, "open"));
	ck_assert_ptr_null(catalogue_find(c, "account", "open"));
	ck_assert_ptr_null(catalogue_find(c, NULL, "zzz"));
	catalogue_free(c);
	buf_clear(&mo);
}
END_TEST

/* Cut anywhere, or with any byte of its tables another: refused, or read without leaving it. */
START_TEST(a_broken_one_is_refused)
{
	struct buf mo = small();
	struct err e;

	for (size_t n = 0; n < mo.len; n++)
		ck_assert_ptr_null(catalogue_new(span_of(mo.bytes, n), &e));
	for (size_t i = 0; i < 60; i++) {
		struct catalogue *c;

		mo.bytes[i] ^= 0x81;
		c = catalogue_new(buf_span(&mo), &e);
		if (c != NULL)
			catalogue_find(c, NULL, "Balance");
		catalogue_free(c);
		mo.bytes[i] ^= 0x81;
	}
	buf_clear(&mo);
}
END_TEST

START_TEST(every_language_has_its_catalogue)
{
	struct err e;

	for (const char *const *l = words_languages; *l != NULL; l++)
		ck_assert_msg(words_check(*l, &e) == 0, "%s: %s", *l, e.text);
	ck_assert_str_eq(words_of("es", "balance", "Balance"), "Saldo");
	ck_assert_str_eq(words_of("zh", "relay:open", "open"), "拉闸");
	ck_assert_str_eq(words_of("en", "relay:open", "open"), "open");
	ck_assert_str_eq(words_in("zh", "nobody says this"), "nobody says this");
	ck_assert_str_eq(words_in("fr", "nobody says this"), "nobody says this");
	ck_assert_str_eq(words_in("es", ""), "");
}
END_TEST

static const char *
spoken(const char *language, const char *all, const char *messages, const char *lang)
{
	static const char *const names[] = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"};
	const char *const values[] = {language, all, messages, lang};

	for (int i = 0; i < 4; i++)
		if (values[i] != NULL)
			setenv(names[i], values[i], 1);
		else
			unsetenv(names[i]);
	words_from_environment();
	return words_language();
}

START_TEST(the_environment_says_which)
{
	ck_assert_str_eq(words_language(), "en");
	ck_assert_str_eq(spoken(NULL, NULL, NULL, NULL), "en");
	ck_assert_str_eq(spoken(NULL, NULL, NULL, "zh_CN.UTF-8"), "zh");
	ck_assert_str_eq(spoken(NULL, NULL, "es_MX.UTF-8", "zh_CN.UTF-8"), "es");
	ck_assert_str_eq(spoken(NULL, "es_ES", "zh_CN", "zh_CN.UTF-8"), "es");
	ck_assert_str_eq(spoken("fr:zh_TW:es", NULL, NULL, "de_DE.UTF-8"), "zh");
	ck_assert_str_eq(spoken("en:zh", NULL, NULL, "zh_CN.UTF-8"), "en");
	ck_assert_str_eq(spoken("es", "C", NULL, NULL), "en");
	ck_assert_str_eq(spoken("es", NULL, NULL, "C.UTF-8"), "es");
	ck_assert_str_eq(spoken("", NULL, NULL, "est_EE"), "en");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("words");
	TCase *c = tcase_create("words");
	SRunner *r;
	int failed;

	tcase_add_test(c, an_entry_is_found_with_its_context);
	tcase_add_test(c, a_broken_one_is_refused);
	tcase_add_test(c, every_language_has_its_catalogue);
	tcase_add_test(c, the_environment_says_which);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
