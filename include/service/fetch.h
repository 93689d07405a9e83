/*
 * fetch -- libcurl: one HTTP request out, one answer back, with a deadline and a size limit.
 */
#ifndef SERVICE_FETCH_H
#define SERVICE_FETCH_H

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct fetcher;

/* status is 0 when there was no whole answer: then e says why, ERR_UNCERTAIN when the request
 * may have arrived. */
typedef void fetch_fn(int status, struct span body, const struct err *e, void *arg);

struct fetcher *fetcher_new(struct loop *l);
void fetcher_free(struct fetcher *f); /* nobody is answered any more */
/* headers: NULL-terminated "Name: value" lines. */
void fetch(struct fetcher *f, const char *method, const char *url, const char *const *headers,
    struct span body, int64_t patience_us, fetch_fn *fn, void *arg);

#endif
