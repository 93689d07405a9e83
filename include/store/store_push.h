/*
 * store_push -- what is wanted of meters' own settings, many meters at a time.
 */
#ifndef STORE_STORE_PUSH_H
#define STORE_STORE_PUSH_H

#include "store/db.h"

/* A meter of which another price version is wanted than was asked of it; those of one version and
 * profile stand together. */
struct store_missing {
	int64_t meter_id, version_id;
	const char *profile; /* borrowed for the call */
};
typedef void store_missing_fn(const struct store_missing *m, void *arg);   /* each */
typedef void store_missing_done_fn(int n, const struct err *e, void *arg); /* once, last */
/* Those behind `after`, so that one that nothing came of does not stand in front of the others. */
void store_push_missing(struct db *db, const struct store_missing *after, int limit, int64_t now_us,
    store_missing_fn *each, store_missing_done_fn *fn, void *arg);

/* Harmless to repeat.  wanted: as meter_tariff_json() writes it; version: "flat/2". */
void store_push_wants(struct db *db, struct db_column *meters, const char *wanted,
    const char *version, int64_t now_us);
/* A work item each: this meter cannot hold the version. */
void store_push_unfit(
    struct db *db, struct db_column *meters, const char *version, const char *why, int64_t now_us);

#endif
