/* The page: a heading, the charts, a table a section; to be read on a screen and on paper. */
#include "codec/report.h"

#include "base/buf.h"
#include "base/err.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MOST 5000 /* nobody prints more; the CSV has them all */

struct page {
	const cJSON *day;
	const char *language;
	const struct calendar *zone;
	struct buf *out;
};

static const char style[] =
    "body{font:10pt/1.3 sans-serif;margin:2em}h1{font-size:16pt}h2{font-size:12pt}"
    "table{border-collapse:collapse;font-size:8pt}th,td{border:1px solid #999;padding:1px 5px}"
    "td.n{text-align:right}svg{display:block;margin:1em 0;max-width:100%;height:auto}"
    "text{font:9px sans-serif}@page{size:A4 landscape;margin:12mm}@media print{body{margin:0}"
    "h2{break-after:avoid}tr,svg{break-inside:avoid}rect{print-color-adjust:exact}}";

static const char *
text_of(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	return text != NULL ? text : "";
}

static const char *
say(const struct page *p, const char *word)
{
	return report_word(word, p->language);
}

/* --- tables -------------------------------------------------------------------------------- */

/* What stands in a column of texts is told in English, whatever the page speaks. */
static const char *
cell_begin(const struct page *p, const char *column, const cJSON *v)
{
	if (cJSON_IsNumber(v))
		return "<td class=\"n\">";
	if (strcmp(column, "text") == 0 && strcmp(p->language, "en") != 0)
		return "<td lang=\"en\">";
	return "<td>";
}

static void
put_row(struct page *p, const cJSON *columns, const cJSON *row)
{
	const cJSON *c = columns->child, *v;
	struct buf cell = {0};

	buf_put_text(p->out, "<tr>");
	cJSON_ArrayForEach(v, row)
	{
		cell.len = 0;
		if (cJSON_IsString(v))
			buf_put_text(
			    &cell, report_value(c->valuestring, v->valuestring, p->language));
		else
			report_cell(p->day, c->valuestring, v, p->zone, &cell);
		buf_put_text(p->out, cell_begin(p, c->valuestring, v));
		html_put(p->out, buf_text(&cell));
		buf_put_text(p->out, "</td>");
		c = c->next;
	}
	buf_put_text(p->out, "</tr>\n");
	buf_clear(&cell);
}

static void
put_section(struct page *p, const cJSON *s)
{
	const cJSON *columns = cJSON_GetObjectItemCaseSensitive(s, "columns"), *c, *row;
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(s, "rows");
	char label[64];
	int n = 0;

	buf_printf(p->out, "<h2>%s</h2>\n", say(p, text_of(s, "name")));
	if (rows->child == NULL) {
		buf_printf(p->out, "<p>%s</p>\n", say(p, "nothing"));
		return;
	}
	buf_put_text(p->out, "<table><thead><tr>");
	cJSON_ArrayForEach(c, columns)
	{
		report_label(c->valuestring, label);
		buf_printf(p->out, "<th scope=\"col\">%s</th>", say(p, label));
	}
	buf_put_text(p->out, "</tr></thead><tbody>\n");
	cJSON_ArrayForEach(row, rows)
	{
		if (n++ == ROWS_MOST)
			break;
		put_row(p, columns, row);
	}
	buf_put_text(p->out, "</tbody></table>\n");
	if (n > ROWS_MOST)
		buf_printf(p->out, "<p>%s</p>\n", say(p, "more"));
}

void
report_page(const cJSON *day, const char *language, struct buf *out)
{
	struct err e;
	struct calendar *zone = calendar_new(text_of(day, "zone"), &e);
	int number = (int)cJSON_GetObjectItemCaseSensitive(day, "day")->valuedouble;
	struct page p = {day, language, zone, out};
	const cJSON *s;
	char date[16];

	if (zone == NULL)
		p.zone = zone = calendar_new("UTC", &e);
	snprintf(date, sizeof date, "%04d-%02d-%02d", number / 10000 % 10000, number / 100 % 100,
	    number % 100);
	buf_printf(out,
	    "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><title>%s ", language,
	    date);
	html_put(out, text_of(day, "site"));
	buf_printf(
	    out, "</title><style>%s</style></head><body>\n<h1>%s: ", style, say(&p, "report"));
	html_put(out, text_of(day, "site"));
	buf_printf(
	    out, ", %s</h1>\n<p>%s %s; ", date, say(&p, "currency"), text_of(day, "currency"));
	html_put(out, text_of(day, "zone"));
	buf_put_text(out, "</p>\n");
	report_charts(day, language, zone, out);
	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(day, "sections"))
	{
		put_section(&p, s);
	}
	buf_put_text(out, "</body></html>\n");
	calendar_free(zone);
}
