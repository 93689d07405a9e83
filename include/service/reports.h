/*
 * reports -- the daily report as a job: a site's day, once it is closed, as files in a directory
 * (codec/report_files.h), from an hour of the local morning on.
 *
 * Which day is next stands in the database, and so does who has taken it, and what it tells: a day
 * that was missed is written later, in its order, with the bytes it would have had.  What cannot
 * be written is a work item and is tried again.
 */
#ifndef SERVICE_REPORTS_H
#define SERVICE_REPORTS_H

#include <stdint.h>

struct db;
struct loop;
struct reports;

struct reports_conf {
	char *directory; /* empty: none is written */
	char *at;        /* "11:00" */
	char *key;       /* file: PEM of an Ed25519 private key */
	char *languages; /* "en es zh" */
	char *formats;   /* "csv json html" */
	int64_t sweep_us, retry_us;
};

/* conf is borrowed. */
struct reports *reports_new(
    struct loop *l, struct db *db, const char *node, const struct reports_conf *conf);
void reports_free(struct reports *r); /* NULL is fine; waits for a file that is being written */

#endif
