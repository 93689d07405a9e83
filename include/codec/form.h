/*
 * form -- application/x-www-form-urlencoded, taken apart once and without guessing, and written.
 *
 * Names and values are decoded exactly once ("+" is a blank, %XX a byte) and keep their lengths;
 * bytes are bytes, in whatever character set the sender wrote.  Refused: a field without "=", an
 * empty one, a bad %XX, a NUL, a name given twice (after decoding), more than FORM_FIELDS.
 * evhttp's own parser does none of this (payments.md section 5).
 */
#ifndef CODEC_FORM_H
#define CODEC_FORM_H

#include "base/buf.h"

#define FORM_FIELDS 256

struct err;

struct form_field {
	char *name, *value; /* decoded, with an end mark; no NUL inside */
	size_t name_len, value_len;
};

/* Sorted by name, byte by byte. */
struct form {
	struct form_field fields[FORM_FIELDS];
	size_t n;
	struct buf text; /* what the fields point into */
};

/* On failure there is nothing to clear. */
int form_read(struct span body, struct form *f, struct err *e);
void form_clear(struct form *f);
const char *form_get(const struct form *f, const char *name); /* NULL when it is not there */

/* Everything but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986). */
void form_percent(struct buf *out, const char *text);
void form_put(struct buf *form, const char *name, const char *value); /* appended with & */

#endif
