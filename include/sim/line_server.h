/*
 * line_server -- a unix socket on which every line is a question and gets a line in answer.
 *
 * Answers leave in the order of the questions of their connection.
 */
#ifndef SIM_LINE_SERVER_H
#define SIM_LINE_SERVER_H

#include "base/buf.h"
#include "base/loop.h"

struct err;
struct line_server;

/* Fills *answer, without the line end.  Returns after how many microseconds it may leave, or
 * -1: never. */
typedef int64_t line_fn(void *arg, char *line, struct buf *answer);

/* A socket that lies at `path` from an earlier run is replaced. */
struct line_server *line_server_new(
    struct loop *loop, const char *path, line_fn *fn, void *arg, struct err *e);
void line_server_free(struct line_server *s); /* takes the socket away */

#endif
