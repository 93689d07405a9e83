/*
 * seal -- meter passwords at rest: AES-256-GCM under a key only the daemon can read.
 *
 * Sealed is nonce (12) || cipher || tag (16); the meter's address is authenticated with it, so a
 * sealed password of one meter is nothing on another's row.
 */
#ifndef SERVICE_SEAL_H
#define SERVICE_SEAL_H

#include "base/buf.h"
#include "model/meter.h"

struct err;
struct loop;
struct seal;

/* key_file: 64 hex digits; empty path: no passwords but the factory's.  NULL and *e on failure. */
struct seal *seal_new(struct loop *l, const char *key_file, struct err *e);
void seal_free(struct seal *s);
/* digits: the six as printed; level: PA, 2 or 4 usually. */
int seal_password(struct seal *s, const char *address, int level, const char *digits,
    struct buf *sealed, struct err *e);
/* A password_open_fn for the store. */
int seal_open(struct span sealed, const char *address, struct meter_key *key, void *seal);

#endif
