/*
 * report_files -- the files of a site's day, and the directory that they lie in.
 *
 *	ROOT/SITE/20261119/	site.csv ... report.json report.en.html ... manifest manifest.sig
 *
 * A day that is there stays: made again it must be the same bytes.  It becomes visible at once and
 * whole, by its name, when all of it is on the disk; what a try leaves behind is called .new. and
 * goes with a later one.  No day is put in before one that is there, but for the very one that the
 * next names: a day that was lost is made again.
 *
 * Everything here may wait for a disk: it is for a program that has nothing else to do, or a
 * thread.
 */
#ifndef CODEC_REPORT_FILES_H
#define CODEC_REPORT_FILES_H

#include "codec/manifest.h"

#define REPORT_PATH      2048
#define REPORT_LANGUAGES 3

struct report_kinds {
	bool csv, json, html;
	bool language[REPORT_LANGUAGES]; /* of the pages, in the order of words_languages */
};

struct report_file {
	char name[64];
	struct buf content;
};

struct report_files {
	struct report_file of[MANIFEST_FILES];
	size_t n;
	struct manifest manifest; /* of them; not chained yet */
};

enum report_written { REPORT_NEW, REPORT_SAME };

/* "en zh" and "csv json html", with blanks or commas between. */
int report_kinds_in(
    struct report_kinds *k, const char *languages, const char *formats, struct err *e);

/* body: the day as the database tells it.  NULL when it has not the shape of one. */
struct report_files *report_make(const char *body, const struct report_kinds *k, struct err *e);
void report_files_free(struct report_files *r);

/* Chains, signs and writes.  key: PEM of an Ed25519 private key.  *how says whether it was there
 * already; sha256 becomes that of its manifest.  ERR_REFUSED: something else is there, or may come
 * no more; anything else may be tried again. */
int report_write(const char *root, struct report_files *r, struct span key,
    enum report_written *how, char sha256[65], struct err *e);

/* --- report_verify.c -------------------------------------------------------------------------- */

typedef void report_bad_fn(const char *path, const char *why, void *arg);

/* Every byte of every day below root, the chain from day to day, the signatures; last: the day up
 * to which there must be reports, 0: whatever there is.  Returns how many days there are, and tells
 * all that is bad. */
int report_verify(const char *root, struct span key, int last, report_bad_fn *bad, void *arg);

/* --- shared --------------------------------------------------------------------------------- */

int report_file_read(const char *path, struct buf *out, struct err *e);
/* The name of a site may be anything; as a directory it is letters, digits and %XX. */
void report_site_dir(const char *root, const char *site, char out[REPORT_PATH]);
#define REPORT_UNFINISHED ".new."

#endif
