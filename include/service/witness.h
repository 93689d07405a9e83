/*
 * witness -- a small file beside the daemon that remembers how far the database had come.
 *
 * A database restored from a backup knows less than its meters: credit it would send again is
 * in them already.  At the start, and after each reconnect, what the database holds is compared
 * with the file; if it is older, the head-end is held: no credit and no trip leaves until a
 * person has looked (reliability.md B.7).
 */
#ifndef SERVICE_WITNESS_H
#define SERVICE_WITNESS_H

struct db;
struct err;
struct loop;
struct witness;

/* Whether it could be written there; without it a restored database would go unnoticed. */
int witness_try(const char *dir, struct err *e);
struct witness *witness_new(struct loop *l, struct db *db, const char *dir, const char *node);
void witness_free(struct witness *w);

#endif
