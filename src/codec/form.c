/* A form body: decoded into one buffer, which is as long as the body at most. */
#include "codec/form.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into the buffer, which has room; returns where, and the length. */
static char *
decode(struct form *f, struct span s, size_t *len, struct err *e)
{
	char *out = (char *)f->text.bytes + f->text.len, *p = out;

	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.bytes[i] == '+') {
			*p++ = ' ';
			continue;
		}
		if (s.bytes[i] != '%') {
			*p++ = (char)s.bytes[i];
			continue;
		}
		high = s.len - i > 2 ? hex_digit(s.bytes[i + 1]) : -1;
		low = s.len - i > 2 ? hex_digit(s.bytes[i + 2]) : -1;
		if (high < 0 || low < 0) {
			err_set(e, ERR_INPUT, "form: %% without two hex digits");
			return NULL;
		}
		*p++ = (char)(high << 4 | low);
		i += 2;
	}
	*len = (size_t)(p - out);
	if (memchr(out, '\0', *len) != NULL) {
		err_set(e, ERR_INPUT, "form: a NUL");
		return NULL;
	}
	*p++ = '\0';
	f->text.len += (size_t)(p - out);
	return out;
}

static int
take_field(struct form *f, struct span s, struct err *e)
{
	const uint8_t *equals = s.len > 0 ? memchr(s.bytes, '=', s.len) : NULL;
	struct form_field *field = &f->fields[f->n];
	size_t name;

	if (s.len == 0)
		return err_set(e, ERR_INPUT, "form: an empty field");
	if (equals == NULL || equals == s.bytes)
		return err_set(e, ERR_INPUT, "form: a field without a name and a =");
	if (f->n == FORM_FIELDS)
		return err_set(e, ERR_INPUT, "form: more than %d fields", FORM_FIELDS);
	name = (size_t)(equals - s.bytes);
	field->name = decode(f, span_of(s.bytes, name), &field->name_len, e);
	if (field->name == NULL)
		return -1;
	field->value = decode(f, span_of(equals + 1, s.len - name - 1), &field->value_len, e);
	if (field->value == NULL)
		return -1;
	f->n++;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct form_field *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
names_differ(struct form *f, struct err *e)
{
	qsort(f->fields, f->n, sizeof *f->fields, by_name);
	for (size_t i = 1; i < f->n; i++)
		if (strcmp(f->fields[i - 1].name, f->fields[i].name) == 0)
			return err_set(
			    e, ERR_INPUT, "form: %.40s is given twice", f->fields[i].name);
	return 0;
}

static int
take_fields(struct form *f, struct span body, struct err *e)
{
	const uint8_t *p = body.bytes, *end = body.bytes + body.len;

	for (;;) {
		const uint8_t *and = p < end ? memchr(p, '&', (size_t)(end - p)) : NULL;
		size_t len = (size_t)((and != NULL ? and : end) - p);

		if (take_field(f, span_of(p, len), e) < 0)
			return -1;
		if (and == NULL)
			return names_differ(f, e);
		p = and+1;
	}
}

int
form_read(struct span body, struct form *f, struct err *e)
{
	f->n = 0;
	f->text = (struct buf){0};
	if (body.len == 0)
		return err_set(e, ERR_INPUT, "form: nothing in it");
	/* "=" and "&" leave the places for the end marks, but for the last one. */
	f->text.bytes = mem_new(body.len + 2);
	f->text.room = body.len + 2;
	if (take_fields(f, body, e) == 0)
		return 0;
	form_clear(f);
	return -1;
}

void
form_clear(struct form *f)
{
	buf_clear(&f->text);
	f->n = 0;
}

const char *
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->fields[i].name, name) == 0)
			return f->fields[i].value;
	return NULL;
}

/* --- written ------------------------------------------------------------------------------ */

void
form_percent(struct buf *out, const char *text)
{
	for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL)
			buf_put_u8(out, *p);
		else
			buf_printf(out, "%%%02X", *p);
	}
}

void
form_put(struct buf *form, const char *name, const char *value)
{
	if (form->len > 0)
		buf_put_u8(form, '&');
	form_percent(form, name);
	buf_put_u8(form, '=');
	form_percent(form, value);
}
