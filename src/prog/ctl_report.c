/*
 * report day, report verify: a site's days as directories that nobody can change unseen.
 *
 *	DIR/SITE/20261119/	accounts.csv ... report.json report.en.html ... manifest
 *manifest.sig
 *
 * Files are made here and not by the daemon: whoever closes a day signs it with a key that has no
 * business near the network, and writes where he may write.  A day that is there stays: made again
 * it must be the same bytes, and where it is not, something was learnt later, and that is said.
 * It becomes visible at once and whole, by its name.
 */
#include "prog/ctl_report.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/report.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct artefact {
	char name[64];
	struct buf content;
};

struct report {
	struct artefact files[MANIFEST_FILES];
	size_t n;
	struct manifest manifest;
};

int
report_file_read(const char *path, struct buf *out, struct err *e)
{
	FILE *in = fopen(path, "re");
	uint8_t bytes[16384];
	size_t n;
	int rc = 0;

	if (in == NULL)
		return err_set(e, ERR_INPUT, "%.150s: %s", path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		buf_put(out, bytes, n);
	if (ferror(in))
		rc = err_set(e, ERR_INPUT, "%.150s: %s", path, strerror(errno));
	fclose(in);
	return rc;
}

/* A name of a site may be anything; as a directory it is letters, digits and %XX. */
void
report_site_dir(const char *root, const char *site, char out[REPORT_PATH])
{
	int n = snprintf(out, REPORT_PATH, "%s/", root);

	for (const char *p = site; *p != '\0' && n >= 0 && n < REPORT_PATH - 8; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';

		n += snprintf(
		    out + n, (size_t)(REPORT_PATH - n), plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
}

/* --- one day -------------------------------------------------------------------------------- */

static struct buf *
artefact_add(struct report *r, const char *stem, const char *end)
{
	struct artefact *a;

	if (r->n == MANIFEST_FILES)
		abort(); /* sections are few; report_check() has seen to their names */
	a = &r->files[r->n++];
	snprintf(a->name, sizeof a->name, "%s%s", stem, end);
	return &a->content;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct artefact *)a)->name, ((const struct artefact *)b)->name);
}

static void
make_artefacts(struct report *r, const cJSON *day, struct buf *answer)
{
	const cJSON *s;
	char stem[32];

	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(day, "sections"))
	{
		if (r->n + 8 < MANIFEST_FILES)
			report_csv(day, s,
			    artefact_add(r,
				cJSON_GetObjectItemCaseSensitive(s, "name")->valuestring, ".csv"));
	}
	buf_printf(artefact_add(r, "report", ".json"), "%s\n", buf_text(answer));
	for (const char *const *l = report_languages; *l != NULL; l++) {
		snprintf(stem, sizeof stem, "report.%s", *l);
		report_page(day, *l, artefact_add(r, stem, ".html"));
	}
	qsort(r->files, r->n, sizeof *r->files, by_name);
	for (size_t i = 0; i < r->n; i++)
		manifest_add(&r->manifest, r->files[i].name, buf_span(&r->files[i].content));
}

static void
report_clear(struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		buf_clear(&r->files[i].content);
	free(r);
}

/* The day before in this directory, if there is one; no day may follow. */
static int
find_previous(const char *dir, struct manifest *m, struct err *e)
{
	struct buf text = {0};
	char path[REPORT_PATH + 32];
	DIR *d = opendir(dir);
	struct dirent *entry;
	int day, after = 0;
	char rest;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (sscanf(entry->d_name, "%8d%c", &day, &rest) != 1)
			continue;
		if (day < m->day && day > m->previous_day)
			m->previous_day = day;
		if (day > m->day)
			after = day;
	}
	if (d != NULL)
		closedir(d);
	snprintf(path, sizeof path, "%s/%08d/manifest", dir, m->day);
	if (after != 0 && access(path, F_OK) < 0)
		return err_set(
		    e, ERR_REFUSED, "%d is closed already: no day before it can be added", after);
	if (m->previous_day == 0)
		return 0;
	snprintf(path, sizeof path, "%s/%08d/manifest", dir, m->previous_day);
	if (report_file_read(path, &text, e) < 0)
		return -1;
	sha256_hex(buf_span(&text), m->previous);
	buf_clear(&text);
	return 0;
}

static int
write_file(const char *dir, const char *name, struct span content, struct err *e)
{
	char path[REPORT_PATH + 128];
	FILE *out;
	bool good;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	out = fopen(path, "wxe");
	if (out == NULL)
		return err_set(e, ERR_INPUT, "%.150s: %s", path, strerror(errno));
	good = fwrite(content.bytes, 1, content.len, out) == content.len && fflush(out) == 0 &&
	       fsync(fileno(out)) == 0;
	if (fclose(out) != 0 || !good)
		return err_set(e, ERR_INPUT, "%.150s: %s", path, strerror(errno));
	return 0;
}

/* What an earlier try left behind goes first. */
static void
empty_dir(const char *dir)
{
	char path[REPORT_PATH + 300];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d != NULL && (entry = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

static int
write_day(const struct report *r, const char *site, const char *final, struct span text,
    struct span signature, struct err *e)
{
	char dir[REPORT_PATH + 32];

	snprintf(dir, sizeof dir, "%s/.new", site);
	empty_dir(dir);
	if ((mkdir(site, 0755) < 0 && errno != EEXIST) || mkdir(dir, 0755) < 0)
		return err_set(e, ERR_INPUT, "%.150s: %s", dir, strerror(errno));
	for (size_t i = 0; i < r->n; i++)
		if (write_file(dir, r->files[i].name, buf_span(&r->files[i].content), e) < 0)
			return -1;
	if (write_file(dir, "manifest", text, e) < 0 ||
	    write_file(dir, "manifest.sig", signature, e) < 0)
		return -1;
	if (rename(dir, final) < 0)
		return err_set(e, ERR_INPUT, "%.150s: %s", final, strerror(errno));
	return 0;
}

/* Which file would be another today; "" when none is. */
static int
compare_day(const struct report *r, struct span there, char differs[64], struct err *e)
{
	struct manifest old;

	differs[0] = '\0';
	if (manifest_in(&old, there, e) < 0)
		return -1;
	if (strcmp(old.previous, r->manifest.previous) != 0 || old.n != r->manifest.n)
		snprintf(differs, 64, "the day before");
	for (size_t i = 0; i < r->n; i++) {
		const struct manifest_file *f = manifest_find(&old, r->files[i].name);

		if (f == NULL || strcmp(f->sha256, r->manifest.files[i].sha256) != 0)
			snprintf(differs, 64, "%s", r->files[i].name);
	}
	return 0;
}

static int
close_day(const struct report *r, const char *site, struct span key, struct err *e)
{
	char final[REPORT_PATH + 16], path[REPORT_PATH + 32], differs[64];
	uint8_t signature[MANIFEST_SIGNATURE];
	struct buf text = {0}, there = {0};
	int rc = 0;

	snprintf(final, sizeof final, "%s/%08d", site, r->manifest.day);
	snprintf(path, sizeof path, "%s/manifest", final);
	manifest_out(&r->manifest, &text);
	if (manifest_sign(buf_span(&text), key, signature, e) < 0) {
		rc = -1;
	} else if (access(final, F_OK) < 0) {
		rc = write_day(
		    r, site, final, buf_span(&text), span_of(signature, sizeof signature), e);
		if (rc == 0)
			printf("%s: %zu files\n", final, r->n);
	} else if (report_file_read(path, &there, e) < 0 ||
		   compare_day(r, buf_span(&there), differs, e) < 0) {
		rc = -1;
	} else if (differs[0] != '\0') {
		rc = err_set(e, ERR_REFUSED,
		    "%.150s is closed; something came later, and %s would be another", final,
		    differs);
	} else {
		printf("%s: the same as it was\n", final);
	}
	buf_clear(&text);
	buf_clear(&there);
	return rc;
}

static enum ctl_exit
report_site_day(struct ctl *c, const char *site, struct span key)
{
	struct ctl_value which[] = {
	    {(char[]){"site"},     (char *)site, false},
	    { (char[]){"day"}, (char *)ctl_value(c,       "day"), false}
        };
	struct report *r = mem_new(sizeof *r);
	struct buf answer = {0};
	char dir[REPORT_PATH];
	cJSON *day = NULL;
	struct err e;
	enum ctl_exit result = ctl_ask(c, "report/day", false, which, 2, &answer);

	if (result == CTL_DONE) {
		day = cJSON_Parse(buf_text(&answer));
		snprintf(r->manifest.site, sizeof r->manifest.site, "%s", site);
		r->manifest.day = atoi(ctl_value(c, "day"));
		report_site_dir(ctl_value(c, "dir"), site, dir);
		if (report_check(day, &e) < 0 || find_previous(dir, &r->manifest, &e) < 0)
			result = CTL_NO;
		else
			make_artefacts(r, day, &answer);
		if (result == CTL_NO || close_day(r, dir, key, &e) < 0) {
			ctl_complain("%s: %s", site, e.text);
			result = CTL_NO;
		}
	}
	cJSON_Delete(day);
	buf_clear(&answer);
	report_clear(r);
	return result;
}

static enum ctl_exit
report_all_sites(struct ctl *c, struct span key)
{
	struct buf answer = {0};
	enum ctl_exit result = ctl_ask(c, "site/list", false, NULL, 0, &answer), one;
	cJSON *list = result == CTL_DONE ? cJSON_Parse(buf_text(&answer)) : NULL;
	const cJSON *s;

	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(list, "rows"))
	{
		const char *site =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(s, "site"));

		one = site != NULL ? report_site_day(c, site, key) : CTL_NO;
		if (one != CTL_DONE)
			result = one;
	}
	cJSON_Delete(list);
	buf_clear(&answer);
	return result;
}

enum ctl_exit
ctl_report_day(struct ctl *c)
{
	struct buf key = {0};
	const char *site = ctl_value(c, "site");
	enum ctl_exit result;
	struct err e;

	if (report_file_read(ctl_value(c, "key"), &key, &e) < 0) {
		ctl_complain("%s", e.text);
		return CTL_USAGE;
	}
	result = site != NULL ? report_site_day(c, site, buf_span(&key))
			      : report_all_sites(c, buf_span(&key));
	if (key.len > 0)
		explicit_bzero(key.bytes, key.len);
	buf_clear(&key);
	return result;
}
