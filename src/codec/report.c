#include "codec/report.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/csv.h"
#include "codec/money.h"
#include "codec/webhook.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool
ends(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && strcmp(name + n - t, tail) == 0;
}

static bool
is_name(const cJSON *v)
{
	const char *text = cJSON_GetStringValue(v);
	size_t len = text != NULL ? strlen(text) : 0;

	return len > 0 && len < 48 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static int
check_section(const cJSON *s, struct err *e)
{
	const cJSON *columns = cJSON_GetObjectItemCaseSensitive(s, "columns"), *row, *c;
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(s, "rows");

	if (!is_name(cJSON_GetObjectItemCaseSensitive(s, "name")) || !cJSON_IsArray(columns) ||
	    !cJSON_IsArray(rows))
		return err_set(e, ERR_INPUT, "a section without name, columns or rows");
	cJSON_ArrayForEach(c, columns)
	{
		if (!is_name(c))
			return err_set(e, ERR_INPUT, "a column without a name");
	}
	cJSON_ArrayForEach(row, rows)
	{
		if (!cJSON_IsArray(row) || cJSON_GetArraySize(row) != cJSON_GetArraySize(columns))
			return err_set(e, ERR_INPUT, "a row of another length than the columns");
	}
	return 0;
}

int
report_check(const cJSON *day, struct err *e)
{
	static const char *const texts[] = {"site", "zone", "currency"};
	const cJSON *sections = cJSON_GetObjectItemCaseSensitive(day, "sections"), *s;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *t =
		    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(day, texts[i]));

		if (t == NULL || *t == '\0' || text_has_control(t))
			return err_set(
			    e, ERR_INPUT, "no %s, or one with control characters", texts[i]);
	}
	if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(day, "day")) ||
	    !cJSON_IsArray(sections))
		return err_set(e, ERR_INPUT, "no day, or no sections");
	cJSON_ArrayForEach(s, sections)
	{
		if (check_section(s, e) < 0)
			return -1;
	}
	return 0;
}

void
report_label(const char *column, char out[64])
{
	size_t len = strlen(column);

	if (ends(column, "_minor"))
		snprintf(out, 64, "%.*s", (int)(len - 6), column);
	else if (ends(column, "_wh"))
		snprintf(out, 64, "%.*s_kwh", (int)(len - 3), column);
	else if (ends(column, "_us"))
		snprintf(out, 64, "%.*s_at", (int)(len - 3), column);
	else
		snprintf(out, 64, "%s", column);
}

static void
put_time(const struct calendar *zone, int64_t us, struct buf *out)
{
	char text[32];
	struct civil c;

	if (zone == NULL) {
		time_rfc3339_out(us, text);
		buf_put_text(out, text);
		return;
	}
	c = calendar_civil(zone, us);
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
	    c.second);
}

void
report_cell(const cJSON *day, const char *column, const cJSON *v, const struct calendar *zone,
    struct buf *out)
{
	const char *currency =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(day, "currency"));
	int64_t n;

	if (cJSON_IsString(v))
		buf_put_text(out, v->valuestring);
	if (cJSON_IsBool(v))
		buf_put_text(out, cJSON_IsTrue(v) ? "yes" : "no");
	if (!cJSON_IsNumber(v) || v->valuedouble > JSON_INTEGER_MOST ||
	    v->valuedouble < -JSON_INTEGER_MOST)
		return;
	n = (int64_t)v->valuedouble;
	if (ends(column, "_minor"))
		money_out(out, n, money_digits(currency));
	else if (ends(column, "_wh"))
		money_out(out, n, 3);
	else if (ends(column, "_us"))
		put_time(zone, n, out);
	else
		buf_printf(out, "%" PRId64, n);
}

void
report_csv(const cJSON *day, const cJSON *section, struct buf *out)
{
	const cJSON *columns = cJSON_GetObjectItemCaseSensitive(section, "columns"), *row, *c, *v;
	struct buf cell = {0};
	char label[64];

	buf_put_text(out, CSV_MARK);
	cJSON_ArrayForEach(c, columns)
	{
		report_label(c->valuestring, label);
		buf_printf(out, "%s%s", c != columns->child ? "," : "", label);
	}
	buf_put_text(out, "\r\n");
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(section, "rows"))
	{
		c = columns->child;
		cJSON_ArrayForEach(v, row)
		{
			cell.len = 0;
			report_cell(day, c->valuestring, v, NULL, &cell);
			buf_put_text(out, v != row->child ? "," : "");
			csv_put(out, buf_text(&cell), cJSON_IsNumber(v));
			c = c->next;
		}
		buf_put_text(out, "\r\n");
	}
	buf_clear(&cell);
}

const cJSON *
report_section(const cJSON *day, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(day, "sections"))
	{
		if (strcmp(cJSON_GetObjectItemCaseSensitive(s, "name")->valuestring, name) == 0)
			return s;
	}
	return NULL;
}

int
report_column(const cJSON *section, const char *name)
{
	const cJSON *c;
	int i = 0;

	cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(section, "columns"))
	{
		if (strcmp(c->valuestring, name) == 0)
			return i;
		i++;
	}
	return -1;
}

int64_t
report_number(const cJSON *row, int column)
{
	const cJSON *v = column >= 0 ? cJSON_GetArrayItem(row, column) : NULL;

	return v != NULL && cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

void
html_put(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '&')
			buf_put_text(out, "&amp;");
		else if (*text == '<')
			buf_put_text(out, "&lt;");
		else if (*text == '>')
			buf_put_text(out, "&gt;");
		else if (*text == '"')
			buf_put_text(out, "&quot;");
		else
			buf_put_u8(out, (uint8_t)*text);
	}
}
