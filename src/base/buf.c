#include "base/buf.h"

#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
mem_new(size_t len)
{
	void *p = calloc(1, len > 0 ? len : 1);

	if (p == NULL)
		abort();
	return p;
}

void *
mem_more(void *p, size_t len)
{
	p = realloc(p, len);
	if (p == NULL)
		abort();
	return p;
}

char *
mem_text(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(mem_new(len), text, len);
}

static void
buf_reserve(struct buf *b, size_t more)
{
	size_t want = b->len + more, room = b->room > 0 ? b->room : 64;

	if (want <= b->room)
		return;
	while (room < want)
		room *= 2;
	b->bytes = mem_more(b->bytes, room);
	b->room = room;
}

void
buf_put(struct buf *b, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	buf_reserve(b, len);
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

void
buf_put_u8(struct buf *b, uint8_t byte)
{
	buf_put(b, &byte, 1);
}

void
buf_put_text(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	buf_reserve(b, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf((char *)b->bytes + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_drop(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->bytes, b->bytes + len, b->len - len);
	b->len -= len;
}

void
buf_clear(struct buf *b)
{
	free(b->bytes);
	*b = (struct buf){0};
}

const char *
buf_text(struct buf *b)
{
	buf_reserve(b, 1);
	b->bytes[b->len] = '\0';
	return (const char *)b->bytes;
}

struct span
buf_span(const struct buf *b)
{
	return (struct span){b->bytes, b->len};
}

uint8_t
rd_u8(struct rd *r)
{
	struct span s = rd_take(r, 1);

	return s.len == 1 ? s.bytes[0] : 0;
}

struct span
rd_take(struct rd *r, size_t len)
{
	struct span s = {r->left.bytes, len};

	if (r->failed || len > r->left.len) {
		r->failed = true;
		return (struct span){0};
	}
	r->left.bytes += len;
	r->left.len -= len;
	return s;
}

struct span
span_of(const void *bytes, size_t len)
{
	return (struct span){bytes, len};
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

void
hex_out(char *out, struct span s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		*out++ = digits[s.bytes[i] >> 4];
		*out++ = digits[s.bytes[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hex_in(struct buf *out, const char *text, struct err *e)
{
	const char *p = text;

	while (*p != '\0') {
		int high, low;

		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		high = hex_digit((unsigned char)p[0]);
		if (high < 0)
			return err_set(
			    e, ERR_INPUT, "'%c' at %zu is not hex", p[0], (size_t)(p - text) + 1);
		low = p[1] != '\0' ? hex_digit((unsigned char)p[1]) : -1;
		if (low < 0)
			return err_set(e, ERR_INPUT, "half a byte at %zu", (size_t)(p - text) + 1);
		buf_put_u8(out, (uint8_t)(high << 4 | low));
		p += 2;
	}
	return 0;
}
