/*
 * buf -- bytes out, growing; bytes in, bounds-checked with one sticky failure.
 *
 * A struct buf owns its bytes; buf_clear() lets them go.  A struct span only points.  A
 * struct rd reads a span from the front: once it is asked for more than there is, `failed`
 * stays set and every later read gives zeros, so a decoder checks once at its end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct buf {
	uint8_t *bytes;
	size_t len, room;
};

struct span {
	const uint8_t *bytes;
	size_t len;
};

struct rd {
	struct span left;
	bool failed;
};

void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_put_u8(struct buf *b, uint8_t byte);
void buf_put_text(struct buf *b, const char *text); /* without its end mark */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t len); /* the first len bytes go */
void buf_clear(struct buf *b);            /* back to empty, memory released */
const char *buf_text(struct buf *b);      /* end mark added behind len; valid until the next put */
struct span buf_span(const struct buf *b);

uint8_t rd_u8(struct rd *r);
struct span rd_take(struct rd *r, size_t len);
struct span span_of(const void *bytes, size_t len);
bool span_equal(struct span a, struct span b);

/* Memory or the end of the process: everything that matters is in the database. */
void *mem_new(size_t len); /* zeroed */
void *mem_more(void *p, size_t len);
char *mem_text(const char *text);

/* Upper-case hex without blanks; hex_out needs 2 * len + 1. */
void hex_out(char *out, struct span s);
/* Accepts both cases and blanks between bytes.  -1 on an odd digit or a foreign letter. */
int hex_in(struct buf *out, const char *text, struct err *e);

#endif
