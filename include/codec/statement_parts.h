/*
 * statement_parts -- what the files of codec/statement share; nobody else includes it.
 */
#ifndef CODEC_STATEMENT_PARTS_H
#define CODEC_STATEMENT_PARTS_H

#include "codec/statement.h"

#define CELLS_MOST 64

/* --- statement.c: lines, cells, columns, sums -------------------------------------------- */

struct lines {
	struct span left;
	size_t number; /* of the line last given */
};

/* The next line without its end; false behind the last. */
bool lines_next(struct lines *l, struct span *line);

struct cells {
	struct span of[CELLS_MOST];
	size_t n;
};

/* Cut at `between` ("," or ",`"); blanks and tabs around a cell go. */
int cells_cut(struct span line, const char *between, struct cells *c, struct err *e);
bool cell_is(struct span cell, const char *text);
/* Is it the name of a column?  What stands in brackets behind it, of either width, is its unit. */
bool cell_names(struct span cell, const char *name);

struct column {
	const char *name, *older; /* another name for the same, or NULL */
	bool needed;
};

/* at[i] is the cell of columns[i], or -1. */
int columns_find(
    const struct column *columns, size_t n, const struct cells *head, int *at, struct err *e);

/* "" for a column that is not there. */
struct span cell_at(const struct cells *c, int at);
/* In millionths of the unit; nothing for an empty cell. */
int cell_micro(struct span cell, int64_t *micro, struct err *e);
int micro_to_minor(int64_t micro, int digits, int64_t *minor, struct err *e);
int cell_clock(struct span cell, const char *offset, int64_t *us, struct err *e);

/* Adds it to the statement and to its totals. */
int statement_add(struct statement *s, const struct statement_row *row, struct err *e);
int sum_add(int64_t *sum, int64_t more, struct err *e);

/* --- statement_unpack.c ------------------------------------------------------------------ */

/* Plain, gzip, or a zip: each of its files to `take`, with no regard to its name.  No more than
 * STATEMENT_MOST in all. */
int statement_unpack(struct span file, int (*take)(struct buf *text, void *arg, struct err *e),
    void *arg, struct err *e);
/* GB18030, of which GBK is a part, into UTF-8; an error tells the line. */
int text_from_gbk(struct span in, struct buf *out, struct err *e);

/* --- one for each format ----------------------------------------------------------------- */

int statement_wechat(struct statement *s, struct err *e);
int statement_alipay(struct statement *s, struct err *e);
int statement_day(struct statement *s, struct err *e);

#endif
