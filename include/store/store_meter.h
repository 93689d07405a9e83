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

/* Who says that it is there; borrowed until the call has returned. */
struct session_named {
	const char *identity;
	char peer[56];
	bool is_dtu;
};
struct session_opened {
	struct endpoint *mine; /* the receiver's */
};
typedef void store_opened_fn(int which, const struct session_opened *o, void *arg); /* each */
typedef void store_done_fn(const struct err *e, void *arg);                         /* once, last */

/* Each identity once; all of them are open, or on error none is. */
void store_session_open(struct db *db, const struct session_named *who, int n, const char *node,
    int64_t now_us, store_opened_fn *each, store_done_fn *fn, void *arg);
void store_session_close(struct db *db, struct db_column *endpoints, struct db_column *epochs,
    struct db_column *why, int64_t now_us, store_done_fn *fn, void *arg);
void store_session_trusted(struct db *db, int64_t endpoint_id, int64_t epoch);
void store_session_seen(struct db *db, struct db_column *ids, struct db_column *at);
/* Whichever other nodes hold sessions of these hear "look ENDPOINT" on their channels. */
void store_endpoint_hint(struct db *db, struct db_column *endpoints, const char *node);
/* Whichever other node holds a session of it hears "refresh ENDPOINT EPOCH". */
void store_endpoint_refresh(struct db *db, int64_t endpoint_id, const char *node);
void store_quarantine(struct db *db, int64_t endpoint_id, const char *why, int64_t now_us);
void store_node_start(
    struct db *db, const char *node, int64_t now_us, store_done_fn *fn, void *arg);

#endif
