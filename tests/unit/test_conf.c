/* conf: what a settings file may say, and what it may not. */
#include "conf_play.h"

#include <time.h>

/* Refused, with these words behind "<file>:", and nothing changed. */
static void
expect_error(const char *words, const char *text)
{
	struct gateway before = gateway;
	struct err e;

	ck_assert_msg(load(text, &e) < 0, "taken: %s", text);
	ck_assert_int_eq(e.class, ERR_INPUT);
	ck_assert_msg(strncmp(e.text, path, strlen(path)) == 0, "%s", e.text);
	ck_assert_msg(
	    strcmp(e.text + strlen(path), words) == 0, "%s for %s", e.text + strlen(path), text);
	ck_assert_mem_eq(&before, &gateway, sizeof before);
}

/* --- what is taken ----------------------------------------------------------------------- */

START_TEST(an_empty_file_is_all_presets)
{
	static const char *const empty[] = {"", "# nothing\n", "---\n", "~\n", "meters:\n", "{}",
	    "meters:\n  # listen: x\nwebhooks: {}\n"};
	struct err e;

	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		ck_assert_msg(load(empty[i], &e) == 0, "%s", e.text);
		ck_assert_str_eq(gateway.listen, "127.0.0.1:9100");
		ck_assert_int_eq(gateway.reply_timeout, 8000000);
		ck_assert_int_eq(gateway.retries, -1);
		ck_assert(gateway.strict);
		ck_assert_uint_eq(hooks.sources.n, 0);
	}
	ck_assert_int_eq(conf_load(NULL, sections, &e), 0);
}
END_TEST

START_TEST(a_file_is_read_over_the_presets)
{
	struct err e;

	ck_assert_msg(load("meters:\n"
			   "  listen: \"0.0.0.0:9100\"\n"
			   "  reply_timeout: 300ms\n"
			   "  strict: false\n"
			   "  log: warn\n"
			   "webhooks:\n"
			   "  sources:\n"
			   "    - name: app\n"
			   "      secret: '/etc/\xe5\x85\x85'\n"
			   "    - {name: till, most: 5000}\n",
			  &e) == 0,
	    "%s", e.text);
	ck_assert_str_eq(gateway.listen, "0.0.0.0:9100");
	ck_assert_int_eq(gateway.reply_timeout, 300000);
	ck_assert(!gateway.strict);
	ck_assert_str_eq(gateway.log, "warn");
	ck_assert_uint_eq(hooks.sources.n, 2);
	ck_assert_str_eq(source(0)->name, "app");
	ck_assert_str_eq(source(0)->secret, "/etc/\xe5\x85\x85");
	ck_assert_int_eq(source(0)->most, 1000);
	ck_assert_str_eq(source(1)->secret, "");
	ck_assert_int_eq(source(1)->most, 5000);
}
END_TEST

START_TEST(durations_have_a_unit)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
	    {"300ms", 300000     },
            {"8s",    8000000    },
            {"5m",    300000000  },
            {"2h",    7200000000 },
	    {"1d",    86400000000},
            {"0s",    0          },
            {"007s",  7000000    }
        };
	static const char *const bad[] = {"", "8", "8x", "s", "8 s", "8S", "-8s", "+8s", "1.5s",
	    "1h30m", "999999999999999d", "99999999999999999999s", " 8s", "8s "};
	struct err e;
	int64_t us;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_int_eq(conf_duration(good[i].text, &us, &e), 0);
		ck_assert_int_eq(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(conf_duration(bad[i], &us, &e) < 0, "%s", bad[i]);
}
END_TEST

/* --- what is refused --------------------------------------------------------------------- */

START_TEST(a_value_of_the_wrong_type_is_named_with_file_and_line)
{
	expect_error(":3: meters.reply_timeout: \"8x\" is not a duration",
	    "meters:\n  log: info\n  reply_timeout: 8x\n");
	expect_error(
	    ":2: meters.retries: \"0x1\" is not a whole number", "meters:\n  retries: 0x1\n");
	expect_error(
	    ":2: meters.retries: \"1.0\" is not a whole number", "meters:\n  retries: 1.0\n");
	expect_error(
	    ":2: meters.strict: \"yes\" is neither true nor false", "meters:\n  strict: yes\n");
	expect_error(
	    ":2: meters.log: \"loud\" is none of: debug, info, warn", "meters:\n  log: loud\n");
	expect_error(":2: meters.log: has no value", "meters:\n  log:\n");
	expect_error(":2: meters.log: takes one value", "meters:\n  log: [info]\n");
	expect_error(":2: webhooks.sources: is not a list", "webhooks:\n  sources: app\n");
	expect_error(
	    ":2: webhooks.sources[0]: is not a group of settings", "webhooks:\n  sources: [app]\n");
	expect_error(":1: meters: is not a section of settings", "meters: 7\n");
	expect_error(":1: sections of settings are expected", "- meters\n");
	expect_error(":1: sections of settings are expected", "meters\n");
}
END_TEST

START_TEST(a_value_out_of_range_is_told_the_bound)
{
	expect_error(":2: meters.reply_timeout: 50ms is less than 100ms",
	    "meters:\n  reply_timeout: 50ms\n");
	expect_error(
	    ":2: meters.reply_timeout: 61s is more than 1m", "meters:\n  reply_timeout: 61s\n");
	expect_error(":2: meters.retries: 10 is more than 9", "meters:\n  retries: 10\n");
	expect_error(":2: meters.retries: \"99999999999999999999\" is not a whole number",
	    "meters:\n  retries: 99999999999999999999\n");
	expect_error(":4: webhooks.sources[0].most: 0 is less than 1",
	    "webhooks:\n  sources:\n  - name: a\n    most: 0\n");
}
END_TEST

START_TEST(an_unknown_or_repeated_name_is_refused)
{
	expect_error(":2: meters.lisen: no such setting", "meters:\n  lisen: x\n");
	expect_error(":1: meter: no such section", "meter:\n  listen: x\n");
	expect_error(":3: meters.log: given twice", "meters:\n  log: info\n  log: info\n");
	expect_error(":3: meters: given twice", "meters:\n  log: info\nmeters:\n  log: info\n");
	expect_error(":5: webhooks.sources[0].name: given twice",
	    "webhooks:\n  sources:\n  - name: a\n    most: 5\n    name: b\n");
	expect_error(":3: webhooks.sources[0].color: no such setting",
	    "webhooks:\n  sources:\n  - color: red\n");
	expect_error(":4: webhooks.sources[1].name must be given",
	    "webhooks:\n  sources:\n  - name: a\n  - most: 5\n");
	expect_error(":1: a name is missing", "{[a]: b}\n");
}
END_TEST

START_TEST(aliases_anchors_tags_and_second_documents_are_refused)
{
	expect_error(":2: anchors are not taken", "meters:\n  log: &a info\n");
	expect_error(":2: aliases are not taken", "meters:\n  log: *a\n");
	expect_error(":2: tags are not taken", "meters:\n  log: !!str info\n");
	expect_error(":1: tags are not taken", "meters: !x {}\n");
	expect_error(":2: anchors are not taken", "webhooks:\n  sources: &s []\n");
	expect_error(":2: a second document", "meters: {}\n---\nmeters: {}\n");
	expect_error(":2: a NUL in a text", "meters:\n  log: \"a\\0b\"\n");
}
END_TEST

START_TEST(what_is_not_yaml_is_refused_with_its_line)
{
	struct err e;

	ck_assert_int_eq(load("meters:\n  log: \"info\n", &e), -1);
	ck_assert_msg(strstr(e.text, ".yaml:3: ") != NULL, "%s", e.text);
	ck_assert_int_eq(load("meters:\n\tlog: info\n", &e), -1);
	ck_assert_msg(strstr(e.text, ".yaml:2: ") != NULL, "%s", e.text);
	ck_assert_int_eq(load("meters:\n  log: \xff\n", &e), -1);
	ck_assert_msg(strstr(e.text, "at byte ") != NULL, "%s", e.text);
	ck_assert_int_eq(load("meters: {log: info", &e), -1);
	write_file("m\0e\0t\0", 6);
	ck_assert_int_eq(conf_load(path, sections, &e), -1);
	write_file("\xff\xfem\0e\0", 6);
	ck_assert_int_eq(conf_load(path, sections, &e), -1);
	unlink(path);
	ck_assert_int_eq(conf_load("/nonexistent.yaml", sections, &e), -1);
	ck_assert_str_eq(e.text, "/nonexistent.yaml: No such file or directory");
	ck_assert_int_eq(conf_load("/tmp", sections, &e), -1);
}
END_TEST

static void
expect_quick_refusal(const char *piece, size_t len)
{
	char *text = malloc(len + 1);
	clock_t start = clock();
	size_t n = strlen(piece);
	struct err e;

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < len; i++)
		text[i] = piece[i % n];
	text[len] = '\0';
	ck_assert_int_eq(load(text, &e), -1);
	ck_assert_msg(clock() - start < CLOCKS_PER_SEC / 2, "%s", piece);
	free(text);
}

START_TEST(a_deep_or_giant_file_is_refused_quickly)
{
	static const char *const pieces[] = {"[", "{", "- ", "? ", "{a: ", "[\n", "a: \n ", "&",
	    "!", "\"", "'", "|\n", "a:\n- ", "a: [", "*a "};

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		expect_quick_refusal(pieces[i], 250000);
		expect_quick_refusal(pieces[i], 1000);
	}
	expect_quick_refusal("# and on\n", 256 * 1024 + 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *c = tcase_create("conf");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, an_empty_file_is_all_presets);
	tcase_add_test(c, a_file_is_read_over_the_presets);
	tcase_add_test(c, durations_have_a_unit);
	tcase_add_test(c, a_value_of_the_wrong_type_is_named_with_file_and_line);
	tcase_add_test(c, a_value_out_of_range_is_told_the_bound);
	tcase_add_test(c, an_unknown_or_repeated_name_is_refused);
	tcase_add_test(c, aliases_anchors_tags_and_second_documents_are_refused);
	tcase_add_test(c, what_is_not_yaml_is_refused_with_its_line);
	tcase_add_test(c, a_deep_or_giant_file_is_refused_quickly);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
