/*
 * call -- one HTTP request out, one answer back, on the loop; whoever pays and whoever operates.
 */
#ifndef YEAR_CALL_H
#define YEAR_CALL_H

#include "base/buf.h"

struct loop;

/* status 0: no whole answer.  body is text, borrowed for the call. */
typedef void call_fn(int status, const char *body, void *arg);

/* port 0: the unix socket at path_or_null.  headers: "Name: value\r\n" lines. */
void call(struct loop *l, int port, const char *path_or_null, const char *method,
    const char *target, const char *headers, struct span body, call_fn *fn, void *arg);
void call_end_all(void); /* at the end: nobody is answered any more */

#endif
