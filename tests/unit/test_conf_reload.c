/* conf: a bad file changes nothing; the sample and the manual; secrets. */
#include "conf_play.h"

#include <sys/stat.h>

/* --- reloading --------------------------------------------------------------------------- */

static void
note_waiting(const char *name, void *arg)
{
	strcat(strcat(arg, name), " ");
}

static int
reload(const char *text, char *waiting, struct err *e)
{
	int rc;

	write_file(text, strlen(text));
	rc = conf_reload(path, sections, note_waiting, waiting, e);
	unlink(path);
	return rc;
}

START_TEST(a_reload_changes_what_may_change_and_names_what_waits)
{
	char waiting[200] = "";
	const char *log_was;
	struct err e;

	ck_assert_int_eq(
	    load("meters: {listen: a, retries: 1}\nwebhooks: {sources: [{name: x}]}\n", &e), 0);
	log_was = gateway.log;
	ck_assert_int_eq(
	    reload("meters: {listen: b, retries: 2}\nwebhooks: {listen: c}\n", waiting, &e), 0);
	ck_assert_str_eq(waiting, "meters.listen ");
	ck_assert_str_eq(gateway.listen, "a");
	ck_assert_int_eq(gateway.retries, 2);
	ck_assert_str_eq(hooks.listen, "c");
	ck_assert_uint_eq(hooks.sources.n, 0);
	ck_assert_ptr_eq(gateway.log, log_was);
}
END_TEST

START_TEST(a_bad_reload_leaves_the_old_settings)
{
	static const char *const bad[] = {"meters: {retries: 3, log: x}",
	    "webhooks: {sources: [{most: 1}]}", "meters: {retries: 3}\nx: {}",
	    "meters: {retries: 3", "meters: [\xff", "[[[["};
	char waiting[200] = "";
	struct gateway was;
	struct err e;

	ck_assert_int_eq(load("meters: {retries: 1}\nwebhooks: {sources: [{name: x}]}\n", &e), 0);
	was = gateway;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(reload(bad[i], waiting, &e), -1);
		ck_assert_mem_eq(&was, &gateway, sizeof was);
		ck_assert_str_eq(source(0)->name, "x");
	}
	ck_assert_int_eq(conf_reload("/nonexistent", sections, note_waiting, waiting, &e), -1);
	ck_assert_str_eq(waiting, "");
	ck_assert_mem_eq(&was, &gateway, sizeof was);
}
END_TEST

/* --- what is printed --------------------------------------------------------------------- */

START_TEST(the_sample_loads_and_is_the_presets)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct err e;

	conf_print_sample(out, sections);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\n  # Where meters connect.\n"
					   "  # (text; takes a restart)\n"
					   "  listen: \"127.0.0.1:9100\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "  # (duration, 100ms to 1m; may be reloaded)\n"
					   "  reply_timeout: 8s\n"));
	ck_assert_ptr_nonnull(strstr(text, "  sources: []\n"
					   "  #  - name: text, must be given\n"
					   "  #    secret: \"\"\n"
					   "  #    most: 1000\n"));
	ck_assert_msg(load(text, &e) == 0, "%s\n%s", e.text, text);
	ck_assert_str_eq(hooks.listen, "[::1]:8080");
	free(text);
}
END_TEST

START_TEST(the_manual_says_what_the_table_says)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_print_mdoc(out, sections);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, ".Ss meters\nMeters and their connections.\n.Bl -tag"));
	ck_assert_ptr_nonnull(strstr(text, ".It Cm reply_timeout Pq duration, 100ms to 1m\n"
					   "How long a meter may think.\nSlow ones need more.\n"
					   "\\&.Nothing else\nThe preset is\n.Dq 8s .\n"));
	ck_assert_ptr_nonnull(strstr(text, "Refuse what is odd \\e new.\n"));
	ck_assert_ptr_nonnull(strstr(text, "one of debug, info, warn\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, ".It Cm name Pq text\npart of the path\nIt must be given.\n"));
	free(text);
}
END_TEST

START_TEST(a_setting_that_must_be_given_is_asked_for)
{
	static struct source one;
	const struct conf_section must[] = {
	    {"app",          &one, source_fields, NULL},
            {0}
        };
	struct err e;

	ck_assert_int_eq(conf_load(NULL, must, &e), -1);
	ck_assert_str_eq(e.text, "app.name must be given");
	write_file("app: {name: x}", 14);
	ck_assert_int_eq(conf_load(path, must, &e), 0);
	write_file("app: {most: 2}", 14);
	ck_assert_int_eq(conf_load(path, must, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, ".yaml: app.name must be given"));
	unlink(path);
	conf_clear(must);
	ck_assert_ptr_null(one.name);
}
END_TEST

START_TEST(a_secret_is_for_no_others_and_has_no_line_end)
{
	char out[16];
	struct err e;

	write_file("whsec_abc\r\n", 11);
	chmod(path, 0644);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "others may read or change it: mode 0644"));
	chmod(path, 0640);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), 0);
	ck_assert_str_eq(out, "whsec_abc");
	ck_assert_int_eq(conf_secret_file(path, out, 9, &e), -1);
	write_file("0123456789abcde", 15);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), 0);
	write_file("0123456789abcdef", 16);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), -1);
	write_file("\n", 1);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), -1);
	write_file("a\0b", 3);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), -1);
	unlink(path);
	ck_assert_int_eq(conf_secret_file(path, out, sizeof out, &e), -1);
	ck_assert_int_eq(conf_secret_file("/tmp", out, sizeof out, &e), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_reload");
	TCase *c = tcase_create("conf_reload");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_reload_changes_what_may_change_and_names_what_waits);
	tcase_add_test(c, a_bad_reload_leaves_the_old_settings);
	tcase_add_test(c, the_sample_loads_and_is_the_presets);
	tcase_add_test(c, the_manual_says_what_the_table_says);
	tcase_add_test(c, a_setting_that_must_be_given_is_asked_for);
	tcase_add_test(c, a_secret_is_for_no_others_and_has_no_line_end);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
