/*
 * report -- the day of a site as files: a CSV a section, and a page to print in each language.
 *
 * What comes in is the answer of /v1/report/day (sql/functions/92_report.sql): sections with
 * columns and rows, whose names say what is in them.  The same answer gives the same bytes: no
 * clock, no locale, no order of its own.  A section that is new there needs nothing here; words
 * for its headings may be added in report_words.c.
 */
#ifndef CODEC_REPORT_H
#define CODEC_REPORT_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct cJSON;
struct err;

/* The answer has the shape that the others rely on, and names that may become files. */
int report_check(const struct cJSON *day, struct err *e);
void report_csv(const struct cJSON *day, const struct cJSON *section, struct buf *out);

/* HTML with its charts in it, without scripts. */
void report_page(const struct cJSON *day, const char *language, struct buf *out);

/* --- report_words.c -------------------------------------------------------------------------- */

/* The heading in that language; the word itself where nobody has translated it. */
const char *report_word(const char *word, const char *language);
/* What a cell of that column says, where the column has values that are known. */
const char *report_value(const char *column, const char *value, const char *language);

/* --- report_chart.c: drawn in whole units, so that a day is the same bytes on any machine ----- */

struct calendar;
void report_charts(
    const struct cJSON *day, const char *language, const struct calendar *zone, struct buf *out);

/* --- report.c: shared with the page ----------------------------------------------------------- */

/* A value as text by the end of its column's name; `zone` NULL: times in UTC as RFC 3339. */
void report_cell(const struct cJSON *day, const char *column, const struct cJSON *value,
    const struct calendar *zone, struct buf *out);
/* "received_minor" -> "received", "used_wh" -> "used_kwh". */
void report_label(const char *column, char out[64]);
void html_put(struct buf *out, const char *text); /* escaped, also for a quoted attribute */
/* Of a section by name; -1 or NULL when it is not there. */
const struct cJSON *report_section(const struct cJSON *day, const char *name);
int report_column(const struct cJSON *section, const char *name);
int64_t report_number(const struct cJSON *row, int column); /* 0 where there is none */

#endif
