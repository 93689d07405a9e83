/*
 * recon -- the daily reconciliation as a job: of the days that are over, at an hour of the
 * local morning, one source or site at a time (domain.md 5.9).
 *
 * What is due stands in the database, and so does who has taken it: of several nodes one does a
 * day's work, and another takes it over when that one is gone for longer than the
 * lease.
 */
#ifndef SERVICE_RECON_H
#define SERVICE_RECON_H

#include <stdint.h>

struct db;
struct loop;
struct recon;

struct recon_conf {
	char *at;   /* "10:30"; empty: by hand only */
	char *zone; /* of sources that have none of their own */
	int64_t cutoff_us, undelivered_us, supply_us, sweep_us, lease_us;
};

/* conf is borrowed. */
struct recon *recon_new(
    struct loop *l, struct db *db, const char *node, const struct recon_conf *conf);
void recon_free(struct recon *r);

#endif
