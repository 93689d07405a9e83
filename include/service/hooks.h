/*
 * hooks -- the HTTP side for machines: payment webhooks, receipts of messages, /healthz.
 */
#ifndef SERVICE_HOOKS_H
#define SERVICE_HOOKS_H

#include "base/conf.h"

struct db;
struct hooks;
struct loop;
struct notify;
struct pay;
struct sources;

struct hooks_conf {
	char *listen;
	bool keep_alive;
	int64_t most_connections;
	int64_t patience;
	char *proxies;
	struct conf_list sources; /* struct pay_source */
};

struct hooks *hooks_new(
    struct loop *l, struct db *db, struct pay *p, struct notify *n, const struct hooks_conf *conf);
/* The sources with their keys, anew; on an error the old ones stay. */
int hooks_load_sources(struct hooks *h, struct err *e);
struct sources *hooks_sources(const struct hooks *h); /* until the next load */
int hooks_listen(struct hooks *h, struct err *e);     /* the port, or -1 */
void hooks_free(struct hooks *h);

#endif
