/*
 * store_meter -- endpoints and their meters, who holds them, what was seen of them.
 */
#ifndef STORE_STORE_METER_H
#define STORE_STORE_METER_H

#include "model/endpoint.h"
#include "store/db.h"

/* Opens meters' sealed passwords. */
typedef int password_open_fn(
    struct span sealed, const char *address, struct meter_key *key, void *arg);
void store_password_opener(password_open_fn *fn, void *arg); /* once, at the start */

struct session_opened {
	struct endpoint *mine; /* the receiver's; NULL on error */
	bool took_over;
};
typedef void store_opened_fn(const struct session_opened *o, const struct err *e, void *arg);
typedef void store_done_fn(const struct err *e, void *arg);

void store_session_open(struct db *db, const char *identity, bool is_dtu, const char *node,
    const char *peer, int64_t now_us, store_opened_fn *fn, void *arg);
void store_session_close(
    struct db *db, int64_t endpoint_id, int64_t epoch, const char *why, int64_t now_us);
void store_session_trusted(struct db *db, int64_t endpoint_id, int64_t epoch);
void store_session_seen(struct db *db, struct db_column *ids, struct db_column *at);
void store_quarantine(struct db *db, int64_t endpoint_id, const char *why, int64_t now_us);
void store_node_start(
    struct db *db, const char *node, int64_t now_us, store_done_fn *fn, void *arg);

#endif
