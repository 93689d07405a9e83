/*
 * sources -- who may send payments: each with its provider's keys, and what was refused of it.
 *
 * The sender's address is that of the connection.  Behind a proxy of our own, named in the
 * settings, it is the last in X-Forwarded-For that is no such proxy; nobody else's word for it
 * is believed.
 */
#ifndef SERVICE_SOURCES_H
#define SERVICE_SOURCES_H

#include "codec/provider.h"

struct conf_list;
struct http_request;
struct sources;

struct pay_source {
	char *name; /* the path's part behind /hooks/v1/ */
	char *provider;
	char *secret_file; /* standard: one secret a line, several while one replaces another */
	char *keys_file;   /* or a keys file, as `hook verify` takes it */
};

struct source {
	char name[32];
	struct provider_keys *keys;
	bool own_paths; /* its provider judges what stands behind the name in the path */
	bool own;       /* our own notifications: answered in words */
	int64_t refused[PROVIDER_CODES];
	int64_t said_us[PROVIDER_CODES]; /* when a line of the log last said so; 0: never */
};

/* All of them, or NULL and *e.  list holds struct pay_source; nothing of it is borrowed. */
struct sources *sources_read(const struct conf_list *list, struct err *e);
void sources_free(struct sources *s);

/* The source of "app/..."; NULL when there is none.  *rest is what follows its name. */
struct source *source_find(struct sources *s, const char *path, const char **rest);
size_t sources_count(const struct sources *s);
const struct source *source_at(const struct sources *s, size_t i);
/* Keys that fit nothing: for sources that do not exist, so that their refusal takes as long. */
const struct provider_keys *sources_nobody(const struct sources *s);
/* NULL when it is not known.  proxies: addresses with blanks between. */
const char *source_peer(
    const struct http_request *r, const char *proxies, char *room, size_t room_size);

#endif
