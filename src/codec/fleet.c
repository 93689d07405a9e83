/*
 * Both readers copy what the cells say into one text as long as the file: no cell is longer than
 * it was written.  A line is counted where it stands in the file, for that is where somebody looks
 * for it: a quoted cell may be several lines long.
 */
#include "codec/fleet.h"

#include "base/err.h"
#include "codec/csv.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

const char *const fleet_columns[FLEET_COLUMNS] = {"site", "building", "floor", "unit", "zone",
    "currency", "site_mode", "account", "customer", "contact", "fee_mode", "tariff", "warn", "trip",
    "settlement_day", "balance", "debt", "debt_reference", "debt_percent", "debt_week_cap",
    "service_point", "extra_wh", "meter", "profile", "capability", "customer_number", "multiplier",
    "most_watts", "gateway", "link", "opening_read", "opening_at", "used_kwh", "purchases",
    "bought", "sealed", "password"};

static int
column_of(const char *name)
{
	for (int i = 0; i < FLEET_COLUMNS; i++)
		if (strcmp(fleet_columns[i], name) == 0)
			return i;
	return -1;
}

static struct fleet_row *
row_add(struct fleet *f, size_t line)
{
	if (f->n == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 256;
		f->rows = mem_more(f->rows, f->room * sizeof *f->rows);
	}
	f->rows[f->n] = (struct fleet_row){.line = line};
	return &f->rows[f->n++];
}

static bool
formula(const char *text)
{
	text += strspn(text, "'");
	return *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
}

/* --- CSV ------------------------------------------------------------------------------------- */

struct csv {
	const char *p, *end;
	char *out; /* where the next cell goes */
	size_t line;
	char between;
};

/* One cell, and whether the row ends with it. */
static int
csv_cell(struct csv *c, char **cell, bool *last, struct err *e)
{
	bool quoted = c->p < c->end && *c->p == '"';

	*cell = c->out;
	c->p += quoted ? 1 : 0;
	for (; c->p < c->end; c->p++) {
		if (quoted && *c->p == '"') {
			if (c->p + 1 == c->end || c->p[1] != '"')
				break;
			c->p++;
		} else if (!quoted && (*c->p == c->between || *c->p == '\n' || *c->p == '\r')) {
			break;
		} else if (!quoted && *c->p == '"') {
			return err_set(e, ERR_INPUT,
			    "line %zu: a quote within a cell that is not quoted", c->line);
		}
		c->line += *c->p == '\n' ? 1 : 0;
		*c->out++ = *c->p;
	}
	*c->out++ = '\0';
	if (quoted) {
		if (c->p == c->end)
			return err_set(e, ERR_INPUT, "line %zu: a quote is not closed", c->line);
		c->p++;
	}
	*last = c->p == c->end || *c->p != c->between;
	if (!*last) {
		c->p++;
		return 0;
	}
	c->p += c->p < c->end && *c->p == '\r' ? 1 : 0;
	if (c->p < c->end && *c->p != '\n')
		return err_set(
		    e, ERR_INPUT, "line %zu: something follows the end of a cell", c->line);
	c->p += c->p < c->end ? 1 : 0;
	return 0;
}

static int
csv_head(struct csv *c, int *column, size_t *n, struct err *e)
{
	const char *eol = memchr(c->p, '\n', (size_t)(c->end - c->p));
	size_t len = (size_t)((eol != NULL ? eol : c->end) - c->p);
	unsigned char seen[FLEET_COLUMNS] = {0};
	bool last = false;
	char *name;

	c->between = memchr(c->p, ',', len) != NULL    ? ','
		     : memchr(c->p, ';', len) != NULL  ? ';'
		     : memchr(c->p, '\t', len) != NULL ? '\t'
						       : ',';
	for (*n = 0; !last; (*n)++) {
		if (csv_cell(c, &name, &last, e) < 0)
			return -1;
		if (*n == FLEET_COLUMNS)
			return err_set(e, ERR_INPUT, "line 1: too many columns");
		if ((column[*n] = column_of(name)) < 0)
			return err_set(e, ERR_INPUT, "line 1: no column is called \"%.40s\"", name);
		if (seen[column[*n]]++)
			return err_set(
			    e, ERR_INPUT, "line 1: the column \"%.40s\" stands twice", name);
	}
	c->line++;
	return 0;
}

static int
csv_read(struct csv *c, struct fleet *f, struct err *e)
{
	int column[FLEET_COLUMNS];
	struct fleet_row *row;
	size_t n, i;
	bool last;
	char *cell;

	if (csv_head(c, column, &n, e) < 0)
		return -1;
	while (c->p < c->end) {
		if (f->n == FLEET_ROWS_MOST)
			return err_set(e, ERR_INPUT, "more than %d rows", FLEET_ROWS_MOST);
		row = row_add(f, c->line);
		for (i = 0, last = false; !last; i++) {
			if (csv_cell(c, &cell, &last, e) < 0)
				return -1;
			if (i == n)
				return err_set(e, ERR_INPUT,
				    "line %zu: more cells than columns, %zu", row->line, n);
			if (formula(cell) && *cell == '\'')
				cell++;
			if (*cell != '\0')
				row->cell[column[i]] = cell;
		}
		c->line++;
		if (i == 1 && n > 1 && row->cell[column[0]] == NULL)
			f->n--; /* an empty line */
		else if (i != n)
			return err_set(
			    e, ERR_INPUT, "line %zu: %zu cells in %zu columns", row->line, i, n);
	}
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* The line of the object that begins at or after *p; *p is behind its brace then. */
static size_t
object_line(const char **p, const char *end, int *depth, size_t line)
{
	bool text = false;

	for (; *p < end; (*p)++) {
		char ch = **p;

		line += ch == '\n' ? 1 : 0;
		if (text) {
			if (ch == '\\')
				(*p)++;
			text = ch != '"';
			continue;
		}
		text = ch == '"';
		*depth += ch == '{' || ch == '[' ? 1 : ch == '}' || ch == ']' ? -1 : 0;
		if (ch == '{' && *depth == 2) {
			(*p)++;
			break;
		}
	}
	return line;
}

static int
json_row(const cJSON *o, struct fleet_row *row, char **out, struct err *e)
{
	const cJSON *v;
	int column;

	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "line %zu: an object is needed", row->line);
	cJSON_ArrayForEach(v, o)
	{
		if ((column = column_of(v->string)) < 0)
			return err_set(e, ERR_INPUT, "line %zu: no column is called \"%.40s\"",
			    row->line, v->string);
		if (!cJSON_IsString(v))
			return err_set(e, ERR_INPUT, "line %zu: %s is no text: write it in quotes",
			    row->line, v->string);
		if (v->valuestring[0] == '\0')
			continue;
		row->cell[column] = *out;
		*out = stpcpy(*out, v->valuestring) + 1;
	}
	return 0;
}

static int
rows_of(const cJSON *list, struct span file, struct fleet *f, struct err *e)
{
	const char *p = (const char *)file.bytes, *end = p + file.len;
	char *out = f->text;
	size_t line = 1;
	int depth = 0;
	const cJSON *o;

	cJSON_ArrayForEach(o, list)
	{
		line = object_line(&p, end, &depth, line);
		if (f->n == FLEET_ROWS_MOST)
			return err_set(e, ERR_INPUT, "more than %d rows", FLEET_ROWS_MOST);
		if (json_row(o, row_add(f, line), &out, e) < 0)
			return -1;
	}
	return 0;
}

static int
json_read(struct span file, struct fleet *f, struct err *e)
{
	cJSON *list = json_strict(file, e);
	int rc;

	if (list == NULL)
		return -1;
	rc = cJSON_IsArray(list) ? rows_of(list, file, f, e)
				 : err_set(e, ERR_INPUT, "an array of objects is needed");
	cJSON_Delete(list);
	return rc;
}

/* --- reading and writing ---------------------------------------------------------------------- */

int
fleet_read(struct span file, struct fleet *out, struct err *e)
{
	size_t mark = strlen(CSV_MARK);
	struct csv c = {.line = 1};
	int rc;

	*out = (struct fleet){0};
	if (file.len >= mark && memcmp(file.bytes, CSV_MARK, mark) == 0)
		file = span_of(file.bytes + mark, file.len - mark);
	if (file.len == 0 || file.len > FLEET_MOST)
		return err_set(e, ERR_INPUT, file.len == 0 ? "it is empty" : "it is too long");
	if (memchr(file.bytes, '\0', file.len) != NULL)
		return err_set(e, ERR_INPUT, "it is no text");
	out->len = 2 * file.len + 2; /* a cell is never longer than it was, but each has an end */
	out->text = mem_new(out->len);
	c.p = (const char *)file.bytes;
	c.end = c.p + file.len;
	c.out = out->text;
	rc = file.bytes[0] == '[' ? json_read(file, out, e) : csv_read(&c, out, e);
	if (rc == 0 && out->n == 0)
		rc = err_set(e, ERR_INPUT, "it has no rows");
	if (rc < 0)
		fleet_clear(out);
	return rc;
}

void
fleet_clear(struct fleet *f)
{
	if (f->text != NULL)
		OPENSSL_cleanse(f->text, f->len);
	free(f->text);
	free(f->rows);
	*f = (struct fleet){0};
}

void
fleet_put_csv_head(struct buf *out)
{
	for (int i = 0; i < FLEET_PASSWORD; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", fleet_columns[i]);
	buf_put_text(out, "\n");
}

/* "-5.00" is a number and no formula; so is nothing else that begins like one. */
static bool
number(const char *text)
{
	return *text == '-' && text[1] != '\0' &&
	       text[1 + strspn(text + 1, "0123456789. -")] == '\0';
}

void
fleet_put_csv(struct buf *out, const struct fleet_row *row)
{
	for (int i = 0; i < FLEET_PASSWORD; i++) {
		const char *text = row->cell[i] != NULL ? row->cell[i] : "";
		struct buf marked = {0};

		if (formula(text) && (*text == '\'' || !number(text))) {
			buf_printf(&marked, "'%s", text);
			text = buf_text(&marked);
		}
		if (i > 0)
			buf_put_u8(out, ',');
		csv_put(out, text, true);
		buf_clear(&marked);
	}
	buf_put_u8(out, '\n');
}

void
fleet_put_json(struct buf *out, const struct fleet_row *row, bool line)
{
	const char *between = "";

	buf_put_u8(out, '{');
	if (line) {
		buf_printf(out, "\"line\":%zu", row->line);
		between = ",";
	}
	for (int i = 0; i < FLEET_COLUMNS; i++) {
		if (row->cell[i] == NULL)
			continue;
		buf_printf(out, "%s\"%s\":", between, fleet_columns[i]);
		json_quote(out, row->cell[i]);
		between = ",";
	}
	buf_put_u8(out, '}');
}
