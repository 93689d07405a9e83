/* The directory of a site's days: what is there, and one more day, whole or not at all. */
#include "codec/report_files.h"

#include "base/err.h"
#include "base/file.h"
#include "codec/mac.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STALE_S 3600 /* nobody writes for so long */

int
report_file_read(const char *path, struct buf *out, struct err *e)
{
	return file_read(path, FILE_WHOLE, out, e) < 0 ? err_wrap(e, "%.150s", path) : 0;
}

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

/* --- what is there ---------------------------------------------------------------------------- */

/* The nearest days on both sides; 0: none. */
static void
find_neighbours(const char *site, int day, int *before, int *after)
{
	DIR *d = opendir(site);
	struct dirent *entry;
	char rest;
	int n;

	*before = *after = 0;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (strlen(entry->d_name) != 8 || sscanf(entry->d_name, "%8d%c", &n, &rest) != 1)
			continue;
		if (n < day && n > *before)
			*before = n;
		if (n > day && (*after == 0 || n < *after))
			*after = n;
	}
	if (d != NULL)
		closedir(d);
}

static int
read_manifest(const char *site, int day, struct manifest *m, char sha256[65], struct err *e)
{
	char path[REPORT_PATH + 32];
	struct buf text = {0};
	int rc;

	*m = (struct manifest){0};
	snprintf(path, sizeof path, "%s/%08d/manifest", site, day);
	rc = report_file_read(path, &text, e);
	if (rc == 0 && (rc = manifest_in(m, buf_span(&text), e)) < 0)
		err_wrap(e, "%.150s", path);
	mac_sha256_hex(buf_span(&text), sha256);
	buf_clear(&text);
	return rc;
}

/* A file that is not as it was signed is neither left nor mended: somebody has to know. */
static int
compare_file(const char *dir, const struct report_file *f, const char *sha256, struct err *e)
{
	char path[REPORT_PATH + 128], hash[65] = "";
	struct buf there = {0};

	snprintf(path, sizeof path, "%s/%s", dir, f->name);
	if (report_file_read(path, &there, e) == 0)
		mac_sha256_hex(buf_span(&there), hash);
	buf_clear(&there);
	return strcmp(hash, sha256) == 0
		   ? 0
		   : err_set(
			 e, ERR_REFUSED, "%.120s is not what was signed: see report verify", path);
}

/* The day as it would be made now, against the one that is there. */
static int
compare_day(const char *site, const struct report_files *r, char sha256[65], struct err *e)
{
	const struct manifest *m = &r->manifest;
	const char *differs = "";
	bool others;
	char dir[REPORT_PATH + 16];
	struct manifest old;

	snprintf(dir, sizeof dir, "%s/%08d", site, m->day);
	if (read_manifest(site, m->day, &old, sha256, e) < 0)
		return -1;
	others = old.n != m->n;
	if (strcmp(old.previous, m->previous) != 0)
		differs = "the day before";
	for (size_t i = 0; i < r->n; i++) {
		const struct manifest_file *f = manifest_find(&old, r->of[i].name);

		if (f == NULL)
			others = true;
		else if (strcmp(f->sha256, m->files[i].sha256) != 0)
			differs = r->of[i].name;
		else if (compare_file(dir, &r->of[i], f->sha256, e) < 0)
			return -1;
	}
	if (differs[0] != '\0')
		return err_set(e, ERR_REFUSED,
		    "%.120s is closed; something came later, and %.40s would be another", dir,
		    differs);
	return others
		   ? err_set(e, ERR_REFUSED, "%.120s is closed in other formats or languages", dir)
		   : 0;
}

/* Behind the day before; and where there is a day after, only as the one that it names. */
static int
chain_day(const char *site, struct manifest *m, bool there, struct err *e)
{
	struct manifest other;
	struct buf text = {0};
	char sha256[65];
	int after;

	find_neighbours(site, m->day, &m->previous_day, &after);
	if (m->previous_day != 0 &&
	    read_manifest(site, m->previous_day, &other, m->previous, e) < 0)
		return -1;
	if (after == 0 || there)
		return 0;
	if (read_manifest(site, after, &other, sha256, e) < 0)
		return -1;
	manifest_out(m, &text);
	mac_sha256_hex(buf_span(&text), sha256);
	buf_clear(&text);
	if (other.previous_day == m->day && strcmp(other.previous, sha256) == 0)
		return 0;
	return err_set(
	    e, ERR_REFUSED, "%d is closed already: no other day before it can be added", after);
}

/* --- one more ------------------------------------------------------------------------------- */

static int
sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		err_set(e, ERR_RETRY, "%.150s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good ? 0 : -1;
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
		return err_set(e, ERR_RETRY, "%.150s: %s", path, strerror(errno));
	good = fwrite(content.bytes, 1, content.len, out) == content.len && fflush(out) == 0 &&
	       fsync(fileno(out)) == 0;
	if (!good)
		err_set(e, ERR_RETRY, "%.150s: %s", path, strerror(errno));
	if (fclose(out) != 0 && good)
		return err_set(e, ERR_RETRY, "%.150s: %s", path, strerror(errno));
	return good ? 0 : -1;
}

static void
remove_dir(const char *dir)
{
	char path[REPORT_PATH + 300];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d != NULL && (entry = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

/* What a try left behind that did not come to its end. */
static void
remove_stale(const char *site)
{
	char path[REPORT_PATH + 300];
	struct dirent *entry;
	DIR *d = opendir(site);
	struct stat st;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", site, entry->d_name);
		if (strncmp(entry->d_name, REPORT_UNFINISHED, strlen(REPORT_UNFINISHED)) == 0 &&
		    stat(path, &st) == 0 && st.st_mtime < time(NULL) - STALE_S)
			remove_dir(path);
	}
	if (d != NULL)
		closedir(d);
}

static int
fill_dir(const char *dir, const struct report_files *r, struct span text, struct span signature,
    struct err *e)
{
	for (size_t i = 0; i < r->n; i++)
		if (write_file(dir, r->of[i].name, buf_span(&r->of[i].content), e) < 0)
			return -1;
	if (write_file(dir, "manifest", text, e) < 0 ||
	    write_file(dir, "manifest.sig", signature, e) < 0)
		return -1;
	if (chmod(dir, 0755) < 0)
		return err_set(e, ERR_RETRY, "%.150s: %s", dir, strerror(errno));
	return sync_dir(dir, e);
}

/* Under another name first, its own only when all of it is on the disk. */
static int
write_day(const char *root, const char *site, const struct report_files *r, struct span text,
    struct span signature, struct err *e)
{
	char dir[REPORT_PATH + 32], final[REPORT_PATH + 32];

	if (mkdir(site, 0755) == 0) {
		if (sync_dir(root, e) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return err_set(e, ERR_RETRY, "%.150s: %s", site, strerror(errno));
	}
	remove_stale(site);
	snprintf(dir, sizeof dir, "%s/" REPORT_UNFINISHED "XXXXXX", site);
	snprintf(final, sizeof final, "%s/%08d", site, r->manifest.day);
	if (mkdtemp(dir) == NULL)
		return err_set(e, ERR_RETRY, "%.150s: %s", site, strerror(errno));
	if (fill_dir(dir, r, text, signature, e) == 0) {
		if (rename(dir, final) == 0)
			return sync_dir(site, e);
		err_set(e, ERR_RETRY, "%.150s: %s", final, strerror(errno));
	}
	remove_dir(dir);
	return -1;
}

int
report_write(const char *root, struct report_files *r, struct span key, enum report_written *how,
    char sha256[65], struct err *e)
{
	char site[REPORT_PATH], final[REPORT_PATH + 32];
	uint8_t signature[MANIFEST_SIGNATURE];
	struct buf text = {0};
	bool there;
	int rc;

	report_site_dir(root, r->manifest.site, site);
	snprintf(final, sizeof final, "%s/%08d", site, r->manifest.day);
	there = access(final, F_OK) == 0;
	if (chain_day(site, &r->manifest, there, e) < 0)
		return -1;
	*how = there ? REPORT_SAME : REPORT_NEW;
	if (there)
		return compare_day(site, r, sha256, e);
	manifest_out(&r->manifest, &text);
	mac_sha256_hex(buf_span(&text), sha256);
	rc = manifest_sign(buf_span(&text), key, signature, e);
	if (rc == 0)
		rc = write_day(
		    root, site, r, buf_span(&text), span_of(signature, sizeof signature), e);
	buf_clear(&text);
	return rc;
}
