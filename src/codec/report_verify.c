/*
 * Every byte of every day, the chain from day to day, the signatures.  Neither a daemon nor a
 * database is asked.
 */
#include "codec/report_files.h"

#include "base/err.h"
#include "codec/mac.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
	struct evp_pkey_st *key;
	report_bad_fn *bad;
	void *arg;
	int days;
	int previous_day;  /* of this site, 0: none yet */
	char previous[65]; /* SHA-256 of its manifest */
};

static int
no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* A day that is being written has another name until it is whole: it is none yet. */
static int
finished(const struct dirent *d)
{
	return no_dots(d) && strncmp(d->d_name, REPORT_UNFINISHED, strlen(REPORT_UNFINISHED)) != 0;
}

static void
bad(struct check *k, const char *path, const char *why)
{
	k->bad(path, why, k->arg);
}

static void
check_file(struct check *k, const char *dir, const struct manifest_file *f)
{
	char path[REPORT_PATH + 900], hash[65];
	struct buf content = {0};
	struct err e;

	snprintf(path, sizeof path, "%s/%s", dir, f->name);
	if (report_file_read(path, &content, &e) < 0) {
		bad(k, path, "it is missing");
		return;
	}
	mac_sha256_hex(buf_span(&content), hash);
	if (strcmp(hash, f->sha256) != 0)
		bad(k, path, "it is not what was signed");
	buf_clear(&content);
}

/* Nothing may lie beside what was signed. */
static void
check_strangers(struct check *k, const char *dir, const struct manifest *m)
{
	struct dirent **list;
	int n = scandir(dir, &list, no_dots, alphasort);
	char path[REPORT_PATH + 900];

	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		snprintf(path, sizeof path, "%s/%s", dir, name);
		if (manifest_find(m, name) == NULL && strcmp(name, "manifest") != 0 &&
		    strcmp(name, "manifest.sig") != 0)
			bad(k, path, "it does not belong here");
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void
check_chain(
    struct check *k, const char *dir, const char *name, const char *site, const struct manifest *m)
{
	char day[16], escaped[REPORT_PATH];

	snprintf(day, sizeof day, "%08d", m->day);
	report_site_dir("", m->site, escaped);
	if (strcmp(day, name) != 0)
		bad(k, dir, "its manifest is of another day");
	else if (strcmp(escaped + 1, site) != 0)
		bad(k, dir, "its manifest is of another site");
	else if (m->previous_day != k->previous_day || strcmp(m->previous, k->previous) != 0)
		bad(k, dir, "it does not follow the day before");
	k->previous_day = m->day;
}

static void
check_day(struct check *k, const char *site_dir, const char *site, const char *name)
{
	char dir[REPORT_PATH + 600], path[REPORT_PATH + 900];
	struct buf text = {0}, signature = {0};
	struct manifest m;
	struct err e;

	snprintf(dir, sizeof dir, "%s/%s", site_dir, name);
	snprintf(path, sizeof path, "%s/manifest", dir);
	k->days++;
	if (report_file_read(path, &text, &e) < 0 || manifest_in(&m, buf_span(&text), &e) < 0) {
		bad(k, dir, e.text);
		buf_clear(&text);
		return;
	}
	snprintf(path, sizeof path, "%s/manifest.sig", dir);
	if (report_file_read(path, &signature, &e) < 0 ||
	    manifest_verify(buf_span(&text), k->key, buf_span(&signature), &e) < 0)
		bad(k, path, e.text);
	check_chain(k, dir, name, site, &m);
	for (size_t i = 0; i < m.n; i++)
		check_file(k, dir, &m.files[i]);
	check_strangers(k, dir, &m);
	mac_sha256_hex(buf_span(&text), k->previous);
	buf_clear(&text);
	buf_clear(&signature);
}

static void
check_site(struct check *k, const char *root, const char *site, int last)
{
	char dir[REPORT_PATH + 300];
	struct dirent **list;
	int n;

	snprintf(dir, sizeof dir, "%s/%s", root, site);
	k->previous_day = 0;
	k->previous[0] = '\0';
	n = scandir(dir, &list, finished, alphasort); /* as numbers of eight digits sort */
	if (n < 0) {
		bad(k, dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		check_day(k, dir, site, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	if (n == 0 || k->previous_day < last)
		bad(k, dir, "the last day is missing");
}

int
report_verify(const char *root, struct span key, int last, report_bad_fn *told, void *arg)
{
	struct check k = {.bad = told, .arg = arg};
	struct dirent **list;
	struct err e;
	int n;

	k.key = manifest_key(key, &e);
	if (k.key == NULL) {
		bad(&k, root, e.text);
		return 0;
	}
	n = scandir(root, &list, no_dots, alphasort);
	if (n <= 0)
		bad(&k, root, n < 0 ? strerror(errno) : "nothing is there");
	for (int i = 0; i < n; i++) {
		check_site(&k, root, list[i]->d_name, last);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	manifest_key_free(k.key);
	return k.days;
}
