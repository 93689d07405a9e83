#include "store/db.h"

#include "store/db_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_arg
db_int(int64_t v)
{
	struct db_arg a = {0};

	snprintf(a.number, sizeof a.number, "%lld", (long long)v);
	return a;
}

struct db_arg
db_bool(bool v)
{
	return (struct db_arg){.text = v ? "t" : "f"};
}

struct db_arg
db_text(const char *s)
{
	return (struct db_arg){.null = s == NULL, .text = s};
}

struct db_arg
db_null(void)
{
	return (struct db_arg){.null = true};
}

static void
column_next(struct db_column *c)
{
	buf_put_u8(&c->text, c->n++ == 0 ? '{' : ',');
}

/* Every payment and every reading is columns of numbers: printf() would be most of the cost. */
void
db_column_int(struct db_column *c, int64_t v)
{
	char digits[20], *p = digits + sizeof digits;
	uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	column_next(c);
	if (v < 0)
		buf_put_u8(&c->text, '-');
	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) != 0);
	buf_put(&c->text, p, (size_t)(digits + sizeof digits - p));
}

void
db_column_null(struct db_column *c)
{
	column_next(c);
	buf_put_text(&c->text, "NULL");
}

void
db_column_text(struct db_column *c, const char *s)
{
	if (s == NULL) {
		db_column_null(c);
		return;
	}
	column_next(c);
	buf_put_u8(&c->text, '"');
	while (*s != '\0') {
		size_t plain = strcspn(s, "\"\\");

		buf_put(&c->text, s, plain);
		s += plain;
		if (*s != '\0') {
			const char quoted[2] = {'\\', *s++};

			buf_put(&c->text, quoted, sizeof quoted);
		}
	}
	buf_put_u8(&c->text, '"');
}

/* bytea in array text: the element \x6816 needs its backslash doubled */
void
db_column_bytes(struct db_column *c, struct span s)
{
	char hex[2 * 128 + 1];

	column_next(c);
	buf_put_text(&c->text, "\"\\\\x");
	while (s.len > 0) {
		size_t n = s.len < 128 ? s.len : 128;

		hex_out(hex, span_of(s.bytes, n));
		buf_put(&c->text, hex, 2 * n);
		s = span_of(s.bytes + n, s.len - n);
	}
	buf_put_u8(&c->text, '"');
}

struct db_arg
db_array(struct db_column *c)
{
	if (c->n == 0)
		buf_put_u8(&c->text, '{');
	buf_put_u8(&c->text, '}');
	return (struct db_arg){.text = buf_text(&c->text)};
}

void
db_column_clear(struct db_column *c)
{
	c->text.len = 0;
	c->n = 0;
}

void
db_column_free(struct db_column *c)
{
	buf_clear(&c->text);
	c->n = 0;
}

int
db_rows_count(const struct db_rows *rows)
{
	return PQntuples(rows->result);
}

bool
db_cell_null(const struct db_rows *rows, int row, int col)
{
	return PQgetisnull(rows->result, row, col) != 0;
}

int64_t
db_cell_int(const struct db_rows *rows, int row, int col)
{
	return strtoll(PQgetvalue(rows->result, row, col), NULL, 10);
}

bool
db_cell_bool(const struct db_rows *rows, int row, int col)
{
	return PQgetvalue(rows->result, row, col)[0] == 't';
}

const char *
db_cell_text(const struct db_rows *rows, int row, int col)
{
	return PQgetvalue(rows->result, row, col);
}

void
db_cell_copy(const struct db_rows *rows, int row, int col, char *out, size_t room)
{
	snprintf(out, room, "%s", PQgetvalue(rows->result, row, col));
}
