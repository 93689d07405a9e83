/*
 * The page: a heading, two charts, a table a section.  Charts are drawn in whole units, so that
 * the same day is the same bytes on any machine.
 */
#include "codec/report.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/money.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BARS_MOST 40
#define WIDE      600

struct page {
	const cJSON *day;
	const char *language;
	const struct calendar *zone;
	struct buf *out;
};

static const char style[] =
    "body{font:10pt/1.3 sans-serif;margin:2em}h1{font-size:16pt}h2{font-size:12pt}"
    "table{border-collapse:collapse;font-size:8pt}th,td{border:1px solid #999;padding:1px 5px}"
    "td.n{text-align:right}svg{display:block;margin:1em 0}text{font:9px sans-serif}"
    "@media print{body{margin:0}h2{break-after:avoid}tr{break-inside:avoid}}";

static const char *
text_of(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	return text != NULL ? text : "";
}

static int64_t
number_at(const cJSON *row, int column)
{
	const cJSON *v = column >= 0 ? cJSON_GetArrayItem(row, column) : NULL;

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

static const char *
say(const struct page *p, const char *word)
{
	return report_word(word, p->language);
}

/* --- charts -------------------------------------------------------------------------------- */

static void
put_bar(struct buf *out, int64_t x, int64_t y, int64_t w, int64_t h, const char *colour)
{
	buf_printf(out,
	    "<rect x=\"%" PRId64 "\" y=\"%" PRId64 "\" width=\"%" PRId64 "\" height=\"%" PRId64
	    "\" fill=\"%s\"/>",
	    x, y, w, h, colour);
}

/* Sharp, peak, flat and valley on each other where the meter tells them, else the total. */
static void
put_meter_bar(struct page *p, const cJSON *section, const cJSON *row, int64_t y, int64_t most)
{
	static const char *const bands[] = {"t1_wh", "t2_wh", "t3_wh", "t4_wh"};
	static const char *const colours[] = {"#b30000", "#e34a33", "#4a78b0", "#74a9cf"};
	int64_t used = number_at(row, report_column(section, "used_wh")), x = 100, told = 0;
	const cJSON *name = cJSON_GetArrayItem(row, report_column(section, "meter"));

	buf_printf(p->out, "<text x=\"0\" y=\"%" PRId64 "\">", y + 9);
	html_put(p->out, cJSON_IsString(name) ? name->valuestring : "");
	buf_put_text(p->out, "</text>");
	for (int i = 0; i < 4; i++) {
		int64_t wh = number_at(row, report_column(section, bands[i]));
		int64_t w = wh > 0 && told + wh <= used ? wh * WIDE / most : 0;

		if (w > 0)
			put_bar(p->out, x, y, w, 10, colours[i]);
		x += w;
		told += wh > 0 ? wh : 0;
	}
	if (told == 0)
		put_bar(p->out, x, y, used > 0 ? used * WIDE / most : 0, 10, "#4a78b0");
	buf_printf(p->out, "<text x=\"%d\" y=\"%" PRId64 "\">", WIDE + 110, y + 9);
	money_out(p->out, used, 3);
	buf_put_text(p->out, "</text>");
}

static void
put_energy(struct page *p)
{
	const cJSON *s = report_section(p->day, "meters"), *row;
	int column = report_column(s, "used_wh"), n = 0;
	int64_t most = 1;

	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		if (number_at(row, column) > most)
			most = number_at(row, column);
		n += n < BARS_MOST;
	}
	if (n == 0 || most > INT64_MAX / WIDE)
		return;
	buf_printf(p->out, "<h2>%s, kWh</h2>\n<svg width=\"%d\" height=\"%d\">", say(p, "energy"),
	    WIDE + 200, 14 * n + 4);
	n = 0;
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		if (n == BARS_MOST)
			break;
		put_meter_bar(p, s, row, 14 * n++, most);
	}
	buf_put_text(p->out, "</svg>\n");
}

static void
put_hours(struct page *p)
{
	const cJSON *s = report_section(p->day, "payments"), *row;
	int column = report_column(s, "received_us");
	int64_t hours[24] = {0}, most = 0;

	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		struct civil c = calendar_civil(p->zone, number_at(row, column));

		if (++hours[c.hour] > most)
			most = hours[c.hour];
	}
	if (most == 0)
		return;
	buf_printf(
	    p->out, "<h2>%s</h2>\n<svg width=\"%d\" height=\"130\">", say(p, "hours"), 24 * 26);
	for (int h = 0; h < 24; h++) {
		put_bar(p->out, 26 * h, 114 - 100 * hours[h] / most, 22, 100 * hours[h] / most,
		    "#4a78b0");
		buf_printf(p->out, "<text x=\"%d\" y=\"126\">%02d</text>", 26 * h + 5, h);
		if (hours[h] > 0)
			buf_printf(p->out, "<text x=\"%d\" y=\"%" PRId64 "\">%" PRId64 "</text>",
			    26 * h + 5, 112 - 100 * hours[h] / most, hours[h]);
	}
	buf_put_text(p->out, "</svg>\n");
}

/* --- tables -------------------------------------------------------------------------------- */

static void
put_row(struct page *p, const cJSON *columns, const cJSON *row)
{
	const cJSON *c = columns->child, *v;
	struct buf cell = {0};

	buf_put_text(p->out, "<tr>");
	cJSON_ArrayForEach(v, row)
	{
		cell.len = 0;
		report_cell(p->day, c->valuestring, v, p->zone, &cell);
		buf_put_text(p->out, cJSON_IsNumber(v) ? "<td class=\"n\">" : "<td>");
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

	buf_printf(p->out, "<h2>%s</h2>\n", say(p, text_of(s, "name")));
	if (rows->child == NULL) {
		buf_printf(p->out, "<p>%s</p>\n", say(p, "nothing"));
		return;
	}
	buf_put_text(p->out, "<table><thead><tr>");
	cJSON_ArrayForEach(c, columns)
	{
		report_label(c->valuestring, label);
		buf_printf(p->out, "<th>%s</th>", say(p, label));
	}
	buf_put_text(p->out, "</tr></thead><tbody>\n");
	cJSON_ArrayForEach(row, rows)
	{
		put_row(p, columns, row);
	}
	buf_put_text(p->out, "</tbody></table>\n");
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
	put_energy(&p);
	put_hours(&p);
	cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(day, "sections"))
	{
		put_section(&p, s);
	}
	buf_put_text(out, "</body></html>\n");
	calendar_free(zone);
}
