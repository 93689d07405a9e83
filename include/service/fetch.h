/*
 * fetch -- libcurl: one HTTP request or one mail out, one answer back, with a deadline and a size
 * limit.
 */
#ifndef SERVICE_FETCH_H
#define SERVICE_FETCH_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

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

struct fetch_mail {
	const char *url;             /* "smtp://host:587", "smtps://host:465" */
	bool starttls;               /* smtp: no mail without it */
	const char *user, *password; /* "" none */
	const char *ca_file;         /* "": the system's */
	const char *from, *to;       /* addresses alone */
	struct span text;            /* header and body, CRLF */
};
/* status is the server's last word, 250 when it took the mail, 0 when there was none: then, or
 * below 400, it did not take it and e says why. */
void fetch_mail(
    struct fetcher *f, const struct fetch_mail *m, int64_t patience_us, fetch_fn *fn, void *arg);

/* Within a fetch_fn: how long the other side asks to be left alone, 0 when it does not. */
int64_t fetch_retry_after_us(const struct fetcher *f);
/* Within a fetch_fn: the lines in front of the body, as they came. */
struct span fetch_head(const struct fetcher *f);

#endif
