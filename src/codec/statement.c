/* Statements: what all formats share, from lines and cells to sums. */
#include "codec/statement_parts.h"

#include "base/err.h"
#include "codec/mac.h"
#include "codec/money.h"
#include "codec/provider.h"
#include "codec/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- lines and cells --------------------------------------------------------------------- */

bool
lines_next(struct lines *l, struct span *line)
{
	const uint8_t *end;
	size_t len;

	if (l->left.len == 0)
		return false;
	end = memchr(l->left.bytes, '\n', l->left.len);
	len = end != NULL ? (size_t)(end - l->left.bytes) : l->left.len;
	*line = span_of(l->left.bytes, len);
	if (line->len > 0 && line->bytes[line->len - 1] == '\r')
		line->len--;
	len += end != NULL;
	l->left = span_of(l->left.bytes + len, l->left.len - len);
	l->number++;
	return true;
}

static struct span
trimmed(struct span s)
{
	while (s.len > 0 && (s.bytes[0] == ' ' || s.bytes[0] == '\t'))
		s = span_of(s.bytes + 1, s.len - 1);
	while (s.len > 0 && (s.bytes[s.len - 1] == ' ' || s.bytes[s.len - 1] == '\t'))
		s.len--;
	return s;
}

int
cells_cut(struct span line, const char *between, struct cells *c, struct err *e)
{
	size_t gap = strlen(between);

	c->n = 0;
	for (;;) {
		const uint8_t *end = memmem(line.bytes, line.len, between, gap);
		size_t len = end != NULL ? (size_t)(end - line.bytes) : line.len;

		if (c->n == CELLS_MOST)
			return err_set(e, ERR_INPUT, "more than %d cells", CELLS_MOST);
		c->of[c->n++] = trimmed(span_of(line.bytes, len));
		if (end == NULL)
			return 0;
		line = span_of(end + gap, line.len - len - gap);
	}
}

bool
cell_is(struct span cell, const char *text)
{
	return span_equal(cell, span_of(text, strlen(text)));
}

bool
cell_names(struct span cell, const char *name)
{
	static const char wide[] = "\xef\xbc\x88"; /* a bracket as wide as a letter */
	size_t len = strlen(name);

	if (cell.len < len || memcmp(cell.bytes, name, len) != 0)
		return false;
	if (cell.len == len || cell.bytes[len] == '(')
		return true;
	return cell.len >= len + 3 && memcmp(cell.bytes + len, wide, 3) == 0;
}

int
columns_find(
    const struct column *columns, size_t n, const struct cells *head, int *at, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		at[i] = -1;
		for (size_t j = 0; j < head->n; j++) {
			if (!cell_names(head->of[j], columns[i].name) &&
			    (columns[i].older == NULL ||
				!cell_names(head->of[j], columns[i].older)))
				continue;
			if (at[i] >= 0)
				return err_set(
				    e, ERR_INPUT, "column %s is there twice", columns[i].name);
			at[i] = (int)j;
		}
		if (at[i] < 0 && columns[i].needed)
			return err_set(e, ERR_INPUT, "column %s is missing", columns[i].name);
	}
	return 0;
}

struct span
cell_at(const struct cells *c, int at)
{
	return at >= 0 ? c->of[at] : span_of("", 0);
}

int
cell_micro(struct span cell, int64_t *micro, struct err *e)
{
	*micro = 0;
	return cell.len == 0 ? 0 : money_in((const char *)cell.bytes, cell.len, 6, true, micro, e);
}

int
micro_to_minor(int64_t micro, int digits, int64_t *minor, struct err *e)
{
	int64_t unit = 1;

	for (int i = digits; i < 6; i++)
		unit *= 10;
	if (micro % unit != 0)
		return err_set(e, ERR_INPUT, "an amount with more than %d digits", digits);
	*minor = micro / unit;
	return 0;
}

int
cell_clock(struct span cell, const char *offset, int64_t *us, struct err *e)
{
	char text[40];

	snprintf(text, sizeof text, "%.*s", cell.len < 39 ? (int)cell.len : 39,
	    (const char *)cell.bytes);
	return time_clock_in(text, offset, us, e);
}

/* --- sums -------------------------------------------------------------------------------- */

int
sum_add(int64_t *sum, int64_t more, struct err *e)
{
	return __builtin_add_overflow(*sum, more, sum) ? err_set(e, ERR_INPUT, "a sum is too large")
						       : 0;
}

int
statement_add(struct statement *s, const struct statement_row *row, struct err *e)
{
	struct statement_total *t = &s->total[row->kind];

	if (row->payment_no.len == 0)
		return err_set(e, ERR_INPUT, "the number of the payment is missing");
	if (sum_add(&t->amount_minor, row->amount_minor, e) < 0 ||
	    sum_add(&t->settled_minor, row->settled_minor, e) < 0 ||
	    sum_add(&s->fee_micro, row->fee_micro, e) < 0)
		return -1;
	t->n++;
	if (s->n == s->room) {
		s->room = s->room > 0 ? 2 * s->room : 256;
		s->rows = mem_more(s->rows, s->room * sizeof *s->rows);
	}
	s->rows[s->n++] = *row;
	return 0;
}

const char *
statement_kind_name(enum statement_kind kind)
{
	static const char *const names[STATEMENT_KINDS] = {"payment", "refund", "in", "out"};

	return names[kind];
}

/* --- files ------------------------------------------------------------------------------- */

/* A zip holds the rows and a summary of them; which is which shows by their heads. */
static int
take_text(struct buf *text, void *arg, struct err *e)
{
	static const char rows[] = "\xd6\xa7\xb8\xb6\xb1\xa6\xbd\xbb\xd2\xd7\xba\xc5"; /* GBK */
	struct statement *s = arg;
	bool first = s->text.bytes == NULL;

	if (!first && memmem(text->bytes, text->len, rows, sizeof rows - 1) == NULL)
		return 0;
	if (!first && memmem(s->text.bytes, s->text.len, rows, sizeof rows - 1) != NULL)
		return err_set(e, ERR_INPUT, "two statements in one package");
	buf_clear(&s->text);
	s->text = *text;
	*text = (struct buf){0};
	return 0;
}

static const struct format {
	const char *provider;
	int (*read)(struct statement *s, struct err *e);
} formats[] = {
    {"wechat",   statement_wechat},
    {"alipay",   statement_alipay},
    {"standard", statement_day   },
};

static int
read_format(const struct format *f, struct span file, struct statement *s, struct err *e)
{
	if (statement_unpack(file, take_text, s, e) < 0)
		return -1;
	if (s->text.len == 0)
		return err_set(e, ERR_INPUT, "nothing in it");
	mac_sha256_hex(file, s->sha256);
	mac_sha1_hex(buf_span(&s->text), s->sha1);
	return f->read(s, e);
}

int
statement_read(const char *provider, struct span file, struct statement *s, struct err *e)
{
	const struct provider *p = provider_find(provider);
	const struct format *f = NULL;

	*s = (struct statement){0};
	for (size_t i = 0; p != NULL && i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].provider, p->name) == 0)
			f = &formats[i];
	if (f == NULL)
		return err_set(
		    e, ERR_REFUSED, "statements of \"%.40s\" are not read here", provider);
	if (read_format(f, file, s, e) == 0)
		return 0;
	statement_clear(s);
	return -1;
}

void
statement_clear(struct statement *s)
{
	buf_clear(&s->text);
	free(s->rows);
	*s = (struct statement){0};
}
