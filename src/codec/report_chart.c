/* The charts of a page: what was used, when people paid, what is at risk. */
#include "codec/report.h"

#include "base/buf.h"
#include "codec/money.h"
#include "model/calendar.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BARS_MOST 40
#define WIDE      600
#define NAMES     110 /* what stands left of a bar */

struct chart {
	const cJSON *day;
	const char *language;
	struct buf *out;
};

static const char *
currency_of(const struct chart *c)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->day, "currency"));
}

/* A heading, and a picture that says its name to who does not see it. */
static void
chart_begin(struct chart *c, const char *word, const char *unit, int width, int height)
{
	const char *title = report_word(word, c->language);

	buf_printf(c->out,
	    "<h2>%s%s%s</h2>\n<svg role=\"img\" aria-labelledby=\"chart-%s\" width=\"%d\" "
	    "height=\"%d\" viewBox=\"0 0 %d %d\"><title id=\"chart-%s\">%s%s%s</title>",
	    title, unit[0] != '\0' ? ", " : "", unit, word, width, height, width, height, word,
	    title, unit[0] != '\0' ? ", " : "", unit);
}

static void
chart_end(struct chart *c)
{
	buf_put_text(c->out, "</svg>\n");
}

static void
put_bar(struct chart *c, int64_t x, int64_t y, int64_t w, int64_t h, const char *colour)
{
	buf_printf(c->out,
	    "<rect x=\"%" PRId64 "\" y=\"%" PRId64 "\" width=\"%" PRId64 "\" height=\"%" PRId64
	    "\" fill=\"%s\"/>",
	    x, y, w, h, colour);
}

static void
put_text(struct chart *c, int64_t x, int64_t y, const char *text)
{
	buf_printf(c->out, "<text x=\"%" PRId64 "\" y=\"%" PRId64 "\">", x, y);
	html_put(c->out, text);
	buf_put_text(c->out, "</text>");
}

static void
put_amount(struct chart *c, int64_t x, int64_t y, int64_t amount, int digits)
{
	struct buf text = {0};

	money_out(&text, amount, digits);
	put_text(c, x, y, buf_text(&text));
	buf_clear(&text);
}

static const char *
text_at(const cJSON *row, int column)
{
	const char *text =
	    column >= 0 ? cJSON_GetStringValue(cJSON_GetArrayItem(row, column)) : NULL;

	return text != NULL ? text : "";
}

/* The largest of a column, and how many rows are shown; false: there is nothing to draw. */
static bool
measure(const cJSON *section, int column, int64_t *most, int *n)
{
	const cJSON *row;

	*most = 0;
	*n = 0;
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(section, "rows"))
	{
		if (report_number(row, column) > *most)
			*most = report_number(row, column);
		*n += *n < BARS_MOST;
	}
	return *most > 0 && *most <= INT64_MAX / WIDE;
}

/* --- energy ----------------------------------------------------------------------------------- */

/* Sharp, peak, flat and valley beside each other where the meter tells them, else the total. */
static void
put_meter(struct chart *c, const cJSON *s, const cJSON *row, int64_t y, int64_t most)
{
	static const char *const bands[] = {"t1_wh", "t2_wh", "t3_wh", "t4_wh"};
	static const char *const colours[] = {"#b30000", "#e34a33", "#4a78b0", "#74a9cf"};
	int64_t used = report_number(row, report_column(s, "used_wh")), x = NAMES, told = 0;

	put_text(c, 0, y + 9, text_at(row, report_column(s, "meter")));
	for (int i = 0; i < 4; i++) {
		int64_t wh = report_number(row, report_column(s, bands[i]));
		int64_t w = wh > 0 && told + wh <= used ? wh * WIDE / most : 0;

		if (w > 0)
			put_bar(c, x, y, w, 10, colours[i]);
		x += w;
		told += wh > 0 ? wh : 0;
	}
	if (told == 0)
		put_bar(c, x, y, used > 0 ? used * WIDE / most : 0, 10, "#4a78b0");
	put_amount(c, WIDE + NAMES + 10, y + 9, used, 3);
}

static void
put_energy(struct chart *c)
{
	const cJSON *s = report_section(c->day, "meters"), *row;
	int n, i = 0;
	int64_t most;

	if (!measure(s, report_column(s, "used_wh"), &most, &n))
		return;
	chart_begin(c, "energy", "kWh", WIDE + NAMES + 100, 14 * n + 18);
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		if (i == n)
			break;
		put_meter(c, s, row, 14 * i++, most);
	}
	put_text(c, NAMES, 14 * n + 10, report_word("bands", c->language));
	chart_end(c);
}

/* --- payments --------------------------------------------------------------------------------- */

static void
put_hours(struct chart *c, const struct calendar *zone)
{
	const cJSON *s = report_section(c->day, "payments"), *row;
	int column = report_column(s, "received_us");
	int64_t hours[24] = {0}, most = 0;
	char label[24];

	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		struct civil at = calendar_civil(zone, report_number(row, column));

		if (++hours[at.hour] > most)
			most = hours[at.hour];
	}
	if (most == 0)
		return;
	chart_begin(c, "hours", "", 24 * 26, 130);
	for (int h = 0; h < 24; h++) {
		int64_t high = 100 * hours[h] / most;

		put_bar(c, 26 * h, 114 - high, 22, high, "#4a78b0");
		snprintf(label, sizeof label, "%02d", h);
		put_text(c, 26 * h + 5, 126, label);
		snprintf(label, sizeof label, "%" PRId64, hours[h]);
		if (hours[h] > 0)
			put_text(c, 26 * h + 5, 112 - high, label);
	}
	chart_end(c);
}

/* --- exposure --------------------------------------------------------------------------------- */

static void
put_exposure(struct chart *c)
{
	const cJSON *s = report_section(c->day, "exposure_causes"), *row;
	int column = report_column(s, "exposed_minor"), n, i = 0;
	int64_t most;

	if (!measure(s, column, &most, &n))
		return;
	chart_begin(c, "exposed_by", currency_of(c), WIDE + NAMES + 100, 14 * n + 4);
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(s, "rows"))
	{
		int64_t minor = report_number(row, column);

		if (i == n)
			break;
		put_text(c, 0, 14 * i + 9,
		    report_value("cause", text_at(row, report_column(s, "cause")), c->language));
		put_bar(c, NAMES, 14 * i, minor > 0 ? minor * WIDE / most : 0, 10, "#b30000");
		put_amount(c, WIDE + NAMES + 10, 14 * i + 9, minor, money_digits(currency_of(c)));
		i++;
	}
	chart_end(c);
}

void
report_charts(const cJSON *day, const char *language, const struct calendar *zone, struct buf *out)
{
	struct chart c = {day, language, out};

	put_energy(&c);
	put_hours(&c, zone);
	put_exposure(&c);
}
