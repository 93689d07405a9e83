/*
 * An answer on standard output.
 *
 * {"rows":[...]} is a table: first the columns the command's row names, then whatever else the
 * daemon tells, so that nothing it says is lost to a table that has not heard of it.  Any other
 * object is a list of names and values; a list of objects inside it is a table below.
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/words.h"
#include "codec/csv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MOST 48

struct column {
	char name[40];
	struct buf label;
	size_t width;
	bool right; /* numbers that are no times */
};

struct columns {
	struct column all[COLUMNS_MOST];
	size_t n;
};

static void
column_add(const struct ctl *c, struct columns *cs, const char *name, size_t len)
{
	struct column *col = &cs->all[cs->n];

	if ((len == 4 && strncmp(name, "look", len) == 0) ||
	    (len == 7 && strncmp(name, "refresh", len) == 0))
		return; /* between the database and the daemon */
	for (size_t i = 0; i < cs->n; i++)
		if (strlen(cs->all[i].name) == len && strncmp(cs->all[i].name, name, len) == 0)
			return;
	if (cs->n == COLUMNS_MOST || len >= sizeof col->name)
		return;
	*col = (struct column){.right = true};
	memcpy(col->name, name, len);
	ctl_label(c, col->name, &col->label);
	cs->n++;
}

static void
columns_find(const struct ctl *c, struct columns *cs, const char *first, const cJSON *rows)
{
	const cJSON *row, *v;
	size_t len;

	cs->n = 0;
	for (const char *p = first; p != NULL && *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		column_add(c, cs, p, len);
	}
	for (row = ctl_first(rows); row != NULL; row = row->next)
		for (v = ctl_first(row); v != NULL; v = v->next)
			if (v->string != NULL)
				column_add(c, cs, v->string, strlen(v->string));
}

static void
columns_clear(struct columns *cs)
{
	for (size_t i = 0; i < cs->n; i++)
		buf_clear(&cs->all[i].label);
}

/* --- for people ---------------------------------------------------------------------------- */

static bool
is_time(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && strcmp(name + n - 3, "_us") == 0;
}

static void
columns_measure(const struct ctl *c, struct columns *cs, const cJSON *rows, int digits)
{
	const cJSON *row;

	for (size_t i = 0; i < cs->n; i++) {
		struct column *col = &cs->all[i];

		col->width = ctl_width(buf_text(&col->label));
		for (row = ctl_first(rows); row != NULL; row = row->next) {
			const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, col->name);
			struct buf cell = {0};
			size_t width;

			ctl_cell(c, col->name, v, ctl_money_digits(row, digits), &cell);
			width = ctl_width(buf_text(&cell));
			if (width > col->width)
				col->width = width;
			if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsNumber(v))
				col->right = false;
			buf_clear(&cell);
		}
		col->right = col->right && !is_time(col->name);
	}
}

static void
end_line(struct buf *line)
{
	while (line->len > 0 && line->bytes[line->len - 1] == ' ')
		line->len--;
	buf_put_u8(line, '\n');
}

static void
put_padded(struct buf *line, const struct column *col, const char *text, bool last)
{
	int gap = (int)(col->width - ctl_width(text));

	if (col->right)
		buf_printf(line, "%*s%s", gap, "", text);
	else
		buf_printf(line, "%s%*s", text, last ? 0 : gap, "");
	if (!last)
		buf_put_text(line, "  ");
	else
		end_line(line);
}

static void
print_table(const struct ctl *c, const char *first, const cJSON *rows, int digits)
{
	struct columns *cs = mem_new(sizeof *cs);
	struct buf line = {0}, cell = {0};
	const cJSON *row;

	columns_find(c, cs, first, rows);
	columns_measure(c, cs, rows, digits);
	for (size_t i = 0; i < cs->n; i++)
		put_padded(&line, &cs->all[i], buf_text(&cs->all[i].label), i + 1 == cs->n);
	for (row = ctl_first(rows); row != NULL; row = row->next) {
		for (size_t i = 0; i < cs->n; i++) {
			struct column *col = &cs->all[i];

			buf_clear(&cell);
			ctl_cell(c, col->name, cJSON_GetObjectItemCaseSensitive(row, col->name),
			    ctl_money_digits(row, digits), &cell);
			put_padded(&line, col, buf_text(&cell), i + 1 == cs->n);
		}
	}
	fputs(buf_text(&line), stdout);
	buf_clear(&cell);
	buf_clear(&line);
	columns_clear(cs);
	free(cs);
}

static bool
is_table(const cJSON *v)
{
	return cJSON_IsArray(v) && cJSON_IsObject(v->child);
}

static bool
has_time(const cJSON *table)
{
	return cJSON_GetObjectItemCaseSensitive(table->child, "at_us") != NULL;
}

static void
print_object(const struct ctl *c, const cJSON *object)
{
	struct columns *cs = mem_new(sizeof *cs);
	struct buf cell = {0}, line = {0};
	size_t width = 0;
	int digits = ctl_money_digits(object, MONEY_DIGITS);

	columns_find(c, cs, c->command->columns, NULL);
	for (const cJSON *v = object->child; v != NULL; v = v->next)
		column_add(c, cs, v->string, strlen(v->string));
	for (size_t i = 0; i < cs->n; i++)
		if (ctl_width(buf_text(&cs->all[i].label)) > width)
			width = ctl_width(buf_text(&cs->all[i].label));
	for (size_t i = 0; i < cs->n; i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, cs->all[i].name);

		if (v == NULL || is_table(v))
			continue;
		buf_clear(&cell);
		ctl_cell(c, cs->all[i].name, v, digits, &cell);
		buf_printf(&line, "%s%*s  %s", buf_text(&cs->all[i].label),
		    (int)(width - ctl_width(buf_text(&cs->all[i].label))), "", buf_text(&cell));
		end_line(&line);
	}
	fputs(buf_text(&line), stdout);
	for (size_t i = 0; i < cs->n; i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, cs->all[i].name);

		if (is_table(v)) {
			printf("\n%s:\n", buf_text(&cs->all[i].label));
			print_table(c, has_time(v) ? "at_us" : NULL, v, digits);
		}
	}
	buf_clear(&line);
	buf_clear(&cell);
	columns_clear(cs);
	free(cs);
}

/* --- for spreadsheets ---------------------------------------------------------------------- */

static void
csv_row(const struct ctl *c, const struct columns *cs, const cJSON *row, struct buf *out)
{
	struct buf cell = {0};

	for (size_t i = 0; i < cs->n; i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, cs->all[i].name);

		buf_clear(&cell);
		ctl_cell(c, cs->all[i].name, v, ctl_money_digits(row, MONEY_DIGITS), &cell);
		if (i > 0)
			buf_put_u8(out, ',');
		csv_put(out, buf_text(&cell), cJSON_IsNumber(v));
	}
	buf_put_text(out, "\r\n");
	buf_clear(&cell);
}

static void
print_csv(const struct ctl *c, const cJSON *rows)
{
	struct columns *cs = mem_new(sizeof *cs);
	struct buf out = {0};
	const cJSON *row;

	columns_find(c, cs, c->command->columns, rows);
	for (size_t i = 0; i < cs->n; i++) {
		buf_put_text(&out, i > 0 ? "," : "");
		for (const char *p = buf_text(&cs->all[i].label); *p != '\0'; p++)
			buf_put(&out, *p == ' ' ? "_" : p, 1);
	}
	buf_put_text(&out, "\r\n");
	for (row = ctl_first(rows); row != NULL; row = row->next)
		csv_row(c, cs, row, &out);
	fputs(buf_text(&out), stdout);
	buf_clear(&out);
	columns_clear(cs);
	free(cs);
}

/* --- any form ------------------------------------------------------------------------------ */

/* The API answers so many rows when nothing is said. */
static void
mention_limit(const struct ctl *c, const cJSON *rows)
{
	const char *limit = ctl_value(c, "limit");
	int n = cJSON_GetArraySize(rows);

	if (strstr(c->command->args, "--limit") != NULL &&
	    n == (limit != NULL ? (int)strtol(limit, NULL, 10) : 50))
		ctl_complain("%d shown; there may be more: --limit N", n);
}

static void
print_parsed(const struct ctl *c, cJSON *json)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "rows");
	cJSON one = {.type = cJSON_Array, .child = json};

	if (c->form == CTL_CSV)
		print_csv(c, rows != NULL ? rows : &one);
	else if (!cJSON_IsArray(rows))
		print_object(c, json);
	else if (rows->child == NULL)
		puts(_("none"));
	else
		print_table(c, c->command->columns, rows, ctl_money_digits(json, MONEY_DIGITS));
	if (c->form == CTL_TABLE && rows != NULL)
		mention_limit(c, rows);
}

void
ctl_print(const struct ctl *c, struct buf *answer)
{
	struct buf out = {0};
	cJSON *json;

	if (c->form == CTL_JSON || c->form == CTL_PRETTY) {
		if (c->form == CTL_PRETTY)
			ctl_put_pretty(&out, buf_text(answer));
		puts(c->form == CTL_PRETTY ? buf_text(&out) : buf_text(answer));
		buf_clear(&out);
		return;
	}
	json = cJSON_Parse(buf_text(answer));
	if (cJSON_IsObject(json))
		print_parsed(c, json);
	else
		ctl_complain("the daemon's answer is no JSON object");
	cJSON_Delete(json);
}
