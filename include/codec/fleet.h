/*
 * fleet -- a fleet as a file: places, accounts, meters, what they had and owed.
 *
 * One table, a row a meter, its columns named in the first line, in any order, those that are not
 * needed left out; an empty cell says nothing.  Or JSON: an array of objects with the same names,
 * every value a text.  What the cells say is checked where the fleet goes, not here.
 *
 * CSV is RFC 4180 in UTF-8, with or without a byte order mark, with commas, semicolons or tabs.  A
 * text that a spreadsheet would take for a formula has an apostrophe in front, as the export wrote
 * it; it is taken off again.
 */
#ifndef CODEC_FLEET_H
#define CODEC_FLEET_H

#include "base/buf.h"

struct err;

#define FLEET_COLUMNS   37
#define FLEET_PASSWORD  (FLEET_COLUMNS - 1) /* "123456" or "4:123456"; is read and never written */
#define FLEET_ROWS_MOST 500000
#define FLEET_MOST      ((size_t)64 * 1024 * 1024) /* bytes of a file */

extern const char *const fleet_columns[FLEET_COLUMNS]; /* as an export orders them */

struct fleet_row {
	size_t line;                     /* where it begins, from 1 */
	const char *cell[FLEET_COLUMNS]; /* NULL: says nothing */
};

struct fleet {
	struct fleet_row *rows;
	size_t n, room;
	char *text; /* the cells point into it; may hold passwords, so it is wiped */
	size_t len;
};

/* -1: it is no such table; *e names the line.  JSON when its first letter is '['. */
int fleet_read(struct span file, struct fleet *out, struct err *e);
void fleet_clear(struct fleet *f);
void fleet_put_csv_head(struct buf *out);
void fleet_put_csv(struct buf *out, const struct fleet_row *row);
/* One object, empty cells left out; `line`: with its line as a number in front. */
void fleet_put_json(struct buf *out, const struct fleet_row *row, bool line);

#endif
