/* A site's days on the disk: whole or not at all, the same again, and no byte of them another. */
#include "base/buf.h"
#include "base/err.h"
#include "codec/report_files.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL  2048 /* every byte of a file of this size */
#define SAMPLE 2000 /* places in a larger one */

static char root[64];
static struct buf private_key, public_key;

static void
make_keys(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	PEM_write_bio_PrivateKey(a, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_PUBKEY(b, key);
	len = BIO_get_mem_data(a, &bytes);
	buf_put(&private_key, bytes, (size_t)len);
	len = BIO_get_mem_data(b, &bytes);
	buf_put(&public_key, bytes, (size_t)len);
	BIO_free(a);
	BIO_free(b);
	EVP_PKEY_free(key);
}

static void
begin(void)
{
	snprintf(root, sizeof root, "/tmp/report-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	make_keys();
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void
end(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	buf_clear(&private_key);
	buf_clear(&public_key);
}

/* The body of a day with so many meters; the last one counted `wh`. */
static void
put_day(struct buf *out, int day, int meters, int wh)
{
	buf_printf(out,
	    "{\"site\":\"West side\",\"zone\":\"Asia/Shanghai\",\"currency\":\"CNY\",\"day\":%d,"
	    "\"sections\":[{\"name\":\"closing\",\"columns\":[\"by\",\"reason\"],\"rows\":"
	    "[[\"li\",\"<known>\"]]},{\"name\":\"meters\",\"columns\":[\"meter\",\"used_wh\"],"
	    "\"rows\":[",
	    day);
	for (int i = 1; i <= meters; i++)
		buf_printf(out, "%s[\"%012d\",%d]", i > 1 ? "," : "", i, i < meters ? i * 10 : wh);
	buf_put_text(out, "]}]}");
}

static int
write_day(int day, int meters, int wh, const char *formats, enum report_written *how, struct err *e)
{
	struct report_kinds kinds;
	struct report_files *r;
	struct buf body = {0};
	char sha256[65];
	int rc;

	put_day(&body, day, meters, wh);
	ck_assert_int_eq(report_kinds_in(&kinds, "en zh", formats, e), 0);
	r = report_make(buf_text(&body), &kinds, e);
	ck_assert_ptr_nonnull(r);
	rc = report_write(root, r, buf_span(&private_key), how, sha256, e);
	report_files_free(r);
	buf_clear(&body);
	return rc;
}

static void
three_days(int meters)
{
	enum report_written how;
	struct err e;

	for (int day = 20261117; day <= 20261119; day++) {
		ck_assert_int_eq(write_day(day, meters, 70, "csv json html", &how, &e), 0);
		ck_assert_int_eq(how, REPORT_NEW);
	}
}

static void
count_bad(const char *path, const char *why, void *arg)
{
	(void)path, (void)why;
	++*(int *)arg;
}

static int
bad_now(void)
{
	int bad = 0;

	report_verify(root, buf_span(&public_key), 20261119, count_bad, &bad);
	return bad;
}

static void
path_of(const char *name, char out[400])
{
	snprintf(out, 400, "%s/West%%20side/%s", root, name);
}

/* --- writing ---------------------------------------------------------------------------------- */

START_TEST(a_day_made_again_is_the_same)
{
	enum report_written how;
	struct err e;

	three_days(3);
	ck_assert_int_eq(bad_now(), 0);
	for (int day = 20261117; day <= 20261119; day++) {
		ck_assert_int_eq(write_day(day, 3, 70, "csv json html", &how, &e), 0);
		ck_assert_int_eq(how, REPORT_SAME);
	}
	ck_assert_int_lt(write_day(20261118, 3, 71, "csv json html", &how, &e), 0);
	ck_assert_int_eq(e.class, ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(e.text, "something came later"));
	ck_assert_int_lt(write_day(20261118, 3, 70, "csv", &how, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "is closed in other formats or languages"));
	ck_assert_int_lt(write_day(20261116, 3, 70, "csv json html", &how, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "closed already"));
	ck_assert_int_eq(bad_now(), 0);
}
END_TEST

START_TEST(a_day_that_was_lost_is_made_again_and_no_other_in_its_place)
{
	char dir[400], aside[400];
	enum report_written how;
	struct err e;

	three_days(3);
	path_of("20261118", dir);
	snprintf(aside, sizeof aside, "%s.aside", root);
	ck_assert_int_eq(rename(dir, aside), 0);
	ck_assert_int_gt(bad_now(), 0);
	ck_assert_int_lt(write_day(20261118, 3, 71, "csv json html", &how, &e), 0);
	ck_assert_int_eq(e.class, ERR_REFUSED);
	ck_assert_int_eq(write_day(20261118, 3, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(how, REPORT_NEW);
	ck_assert_int_eq(bad_now(), 0);
	nftw(aside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
END_TEST

START_TEST(a_damaged_day_is_not_called_the_same)
{
	enum report_written how;
	char path[400];
	struct err e;

	three_days(3);
	path_of("20261118/meters.csv", path);
	ck_assert_int_eq(truncate(path, 5), 0);
	ck_assert_int_lt(write_day(20261118, 3, 70, "csv json html", &how, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "not what was signed"));
}
END_TEST

/* How many entries a directory has. */
static int
entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n - 2;
}

START_TEST(without_room_nothing_of_a_day_is_there)
{
	struct rlimit little = {20000, RLIM_INFINITY}, much = {RLIM_INFINITY, RLIM_INFINITY};
	enum report_written how;
	char dir[400];
	struct err e;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(write_day(20261117, 3, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	ck_assert_int_lt(write_day(20261118, 2000, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &much), 0);
	ck_assert_int_eq(e.class, ERR_RETRY);
	path_of("", dir);
	ck_assert_int_eq(entries(dir), 1);
	ck_assert_int_eq(write_day(20261118, 2000, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(how, REPORT_NEW);
}
END_TEST

START_TEST(a_directory_that_is_none_may_become_one)
{
	enum report_written how;
	char dir[400];
	struct err e;
	FILE *f;

	snprintf(dir, sizeof dir, "%s/West%%20side", root);
	f = fopen(dir, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_lt(write_day(20261117, 3, 70, "csv", &how, &e), 0);
	ck_assert_int_eq(e.class, ERR_RETRY);
	ck_assert_int_eq(unlink(dir), 0);
	ck_assert_int_eq(write_day(20261117, 3, 70, "csv", &how, &e), 0);
}
END_TEST

START_TEST(a_try_that_was_cut_off_is_no_day_and_goes_with_a_later_one)
{
	struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	enum report_written how;
	char dir[400], file[420];
	struct err e;
	FILE *f;

	ck_assert_int_eq(write_day(20261117, 3, 70, "csv", &how, &e), 0);
	path_of(".new.abcdef", dir);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	snprintf(file, sizeof file, "%s/meters.csv", dir);
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(write_day(20261118, 3, 70, "csv", &how, &e), 0);
	ck_assert_int_eq(access(dir, F_OK), 0); /* somebody may be at it still */
	ck_assert_int_eq(write_day(20261119, 3, 70, "csv", &how, &e), 0);
	ck_assert_int_eq(bad_now(), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, dir, long_ago, 0), 0);
	ck_assert_int_eq(write_day(20261120, 3, 70, "csv", &how, &e), 0);
	ck_assert_int_lt(access(dir, F_OK), 0);
}
END_TEST

/* --- verifying -------------------------------------------------------------------------------- */

static void
put_back(const char *path, struct span good)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(good.bytes, 1, good.len, f), good.len);
	fclose(f);
}

/* One bit of one byte another, and back. */
static bool
flip_is_found(FILE *f, struct span good, size_t at, int bit)
{
	bool found;

	fseek(f, (long)at, SEEK_SET);
	fputc(good.bytes[at] ^ 1 << bit, f);
	fflush(f);
	found = bad_now() > 0;
	fseek(f, (long)at, SEEK_SET);
	fputc(good.bytes[at], f);
	fflush(f);
	return found;
}

static int
flip_file(const char *path)
{
	struct buf good = {0};
	uint32_t chance = 7;
	struct err e;
	FILE *f;
	int n;

	ck_assert_int_eq(report_file_read(path, &good, &e), 0);
	n = good.len <= SMALL ? (int)good.len : SAMPLE;
	f = fopen(path, "r+b");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < n; i++) {
		size_t at = good.len <= SMALL ? (size_t)i : chance % good.len;

		ck_assert_msg(flip_is_found(f, buf_span(&good), at, (int)(chance >> 20) % 8),
		    "%s at %zu", path, at);
		chance = chance * 1664525u + 1013904223u;
	}
	fclose(f);
	buf_clear(&good);
	return n;
}

START_TEST(no_byte_of_any_file_can_be_another)
{
	static const char *const names[] = {"closing.csv", "manifest", "manifest.sig", "meters.csv",
	    "report.en.html", "report.json", "report.zh.html"};
	enum report_written how;
	char name[64], path[400];
	struct err e;
	int n = 0;

	ck_assert_int_eq(write_day(20261117, 1, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(write_day(20261118, 110, 70, "csv json html", &how, &e), 0);
	ck_assert_int_eq(write_day(20261119, 1, 70, "csv", &how, &e), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "20261118/%s", names[i]);
		path_of(name, path);
		n += flip_file(path);
	}
	ck_assert_int_ge(n, 4 * SAMPLE);
	ck_assert_int_eq(bad_now(), 0);
}
END_TEST

START_TEST(what_is_cut_off_added_missing_or_too_much_is_found)
{
	static const char *const names[] = {"closing.csv", "manifest", "manifest.sig", "meters.csv",
	    "report.en.html", "report.json", "report.zh.html"};
	char name[64], path[400], more[400];
	struct err e;

	three_days(4);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct buf good = {0};

		snprintf(name, sizeof name, "20261118/%s", names[i]);
		path_of(name, path);
		ck_assert_int_eq(report_file_read(path, &good, &e), 0);
		for (size_t len = 0; len<good.len; len += good.len> 700 ? 97 : 1) {
			put_back(path, span_of(good.bytes, len));
			ck_assert_msg(bad_now() > 0, "%s cut to %zu", name, len);
		}
		put_back(path, buf_span(&good));
		buf_put_u8(&good, '\n');
		put_back(path, buf_span(&good));
		ck_assert_msg(bad_now() > 0, "%s has one more", name);
		good.len--;
		unlink(path);
		ck_assert_msg(bad_now() > 0, "%s is missing", name);
		put_back(path, buf_span(&good));
		buf_clear(&good);
	}
	path_of("20261118/more.csv", more);
	put_back(more, span_of("", 0));
	ck_assert_int_gt(bad_now(), 0);
	unlink(more);
	ck_assert_int_eq(bad_now(), 0);
}
END_TEST

START_TEST(days_that_are_swapped_or_gone_are_found)
{
	char a[400], b[400], aside[400], name[16];

	three_days(3);
	path_of("20261117", a);
	path_of("20261118", b);
	path_of(".aside", aside);
	ck_assert_int_eq(rename(a, aside) | rename(b, a) | rename(aside, b), 0);
	ck_assert_int_gt(bad_now(), 0);
	ck_assert_int_eq(rename(a, aside) | rename(b, a) | rename(aside, b), 0);
	ck_assert_int_eq(bad_now(), 0);
	for (int day = 20261117; day <= 20261119; day++) {
		snprintf(name, sizeof name, "%d", day);
		path_of(name, a);
		snprintf(aside, sizeof aside, "%s.aside", root);
		ck_assert_int_eq(rename(a, aside), 0);
		ck_assert_msg(bad_now() > 0, "%d", day);
		ck_assert_int_eq(rename(aside, a), 0);
	}
	ck_assert_int_eq(bad_now(), 0);
}
END_TEST

START_TEST(only_known_languages_and_formats_are_taken)
{
	struct report_kinds k;
	struct err e;

	ck_assert_int_eq(report_kinds_in(&k, "zh,en", " csv  html ", &e), 0);
	ck_assert(k.csv && k.html && !k.json && k.language[0] && !k.language[1] && k.language[2]);
	ck_assert_int_lt(report_kinds_in(&k, "de", "csv", &e), 0);
	ck_assert_int_lt(report_kinds_in(&k, "en", "pdf", &e), 0);
	ck_assert_int_lt(report_kinds_in(&k, "", "csv", &e), 0);
	ck_assert_int_lt(report_kinds_in(&k, "en", " ", &e), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("report files");
	TCase *t = tcase_create("report files");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_day_made_again_is_the_same);
	tcase_add_test(t, a_day_that_was_lost_is_made_again_and_no_other_in_its_place);
	tcase_add_test(t, a_damaged_day_is_not_called_the_same);
	tcase_add_test(t, without_room_nothing_of_a_day_is_there);
	tcase_add_test(t, a_directory_that_is_none_may_become_one);
	tcase_add_test(t, a_try_that_was_cut_off_is_no_day_and_goes_with_a_later_one);
	tcase_add_test(t, no_byte_of_any_file_can_be_another);
	tcase_add_test(t, what_is_cut_off_added_missing_or_too_much_is_found);
	tcase_add_test(t, days_that_are_swapped_or_gone_are_found);
	tcase_add_test(t, only_known_languages_and_formats_are_taken);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
