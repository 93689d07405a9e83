/*
 * notify -- the outbox on its way out: a signed webhook (Standard Webhooks v1).
 *
 * A notice is a row written with its cause.  It is claimed with a lease, sent with its own id
 * as the message's id, so that a receiver can drop what comes twice, and tried again with
 * growing pauses until it expires.  An answer of 4xx but 408 and 429 is final.
 */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include "codec/webhook.h"

struct db;
struct fetcher;
struct loop;
struct notify;

struct notify_conf {
	char *url; /* empty: notices stay in the outbox until they expire */
	char *secret_file;
	int64_t patience_us;
	int64_t sweep_us;
};

/* A final notice was delivered: an account may be decided now. */
typedef void notify_told_fn(void *arg);

struct notify *notify_new(struct loop *l, struct db *db, struct fetcher *f,
    const struct notify_conf *conf, notify_told_fn *fn, void *arg);
int notify_load_secret(struct notify *n, struct err *e);
/* Whether these settings' secret would do. */
int notify_try_secret(const struct notify_conf *conf, struct err *e);
void notify_free(struct notify *n);
void notify_look(struct notify *n);

#endif
