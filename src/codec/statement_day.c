/*
 * The day-end file of a terminal or a property system: CSV, its own totals last.
 *
 *	powergate-day-end,1,desk-1,2026-11-20,CNY
 *	kind,payment_no,refund_no,paid_at,amount
 *	payment,P-1,,2026-11-20T09:00:00+08:00,50.00
 *	refund,P-1,F-1,2026-11-20T10:00:00+08:00,12.00
 *	total,2,50.00,12.00
 *
 * Nothing is quoted, for no number of a payment has a comma in it.  Other columns may be there
 * and are kept with the row.
 */
#include "codec/statement_parts.h"

#include "base/err.h"
#include "codec/money.h"
#include "codec/webhook.h"
#include "model/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND, PAYMENT, REFUND_NO, PAID_AT, AMOUNT, ORDER, COLUMNS };

static const struct column columns[] = {
    [KIND] = {"kind",       NULL, true },
    [PAYMENT] = {"payment_no", NULL, true },
    [REFUND_NO] = {"refund_no",  NULL, false},
    [PAID_AT] = {"paid_at",    NULL, true },
    [AMOUNT] = {"amount",     NULL, true },
    [ORDER] = {"order_no",   NULL, false},
};

struct day {
	struct statement *s;
	struct lines lines;
	struct cells cells;
	char currency[4];
	int at[COLUMNS];
	size_t width;
};

static int
next_cells(struct day *d, struct span *line, struct err *e)
{
	if (!lines_next(&d->lines, line))
		return err_set(e, ERR_INPUT, "ends without its total");
	if (line->len > 0 && memchr(line->bytes, '"', line->len) != NULL)
		return err_set(e, ERR_INPUT, "nothing is quoted here");
	return cells_cut(*line, ",", &d->cells, e);
}

static void
copy(struct span cell, char *out, size_t room)
{
	snprintf(out, room, "%.*s", cell.len < room ? (int)cell.len : (int)room - 1,
	    (const char *)cell.bytes);
}

/* "2026-11-20"; 0: no day of the calendar. */
static int
day_of(struct span cell)
{
	struct civil t;
	int day = 0;

	for (size_t i = 0; i < cell.len; i++) {
		bool dash = i == 4 || i == 7;
		uint8_t c = cell.bytes[i];

		if (dash ? c != '-' : c < '0' || c > '9')
			return 0;
		if (!dash)
			day = 10 * day + (c - '0');
	}
	t = (struct civil){.year = day / 10000, .month = day / 100 % 100, .day = day % 100};
	return calendar_valid(&t) ? day : 0;
}

static int
take_title(struct day *d, struct err *e)
{
	const struct cells *c = &d->cells;
	struct span line;

	if (next_cells(d, &line, e) < 0)
		return -1;
	if (c->n != 5 || !cell_is(c->of[0], "powergate-day-end") || !cell_is(c->of[1], "1"))
		return err_set(e, ERR_INPUT, "is not powergate-day-end,1,SOURCE,DAY,CURRENCY");
	if (c->of[2].len == 0 || c->of[2].len >= sizeof d->s->merchant || c->of[3].len != 10 ||
	    c->of[4].len != 3)
		return err_set(e, ERR_INPUT, "source, day or currency is none");
	if ((d->s->day = day_of(c->of[3])) == 0)
		return err_set(e, ERR_INPUT, "day is none");
	copy(c->of[2], d->s->merchant, sizeof d->s->merchant);
	copy(c->of[4], d->currency, sizeof d->currency);
	if (strspn(d->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return err_set(e, ERR_INPUT, "currency is not three capital letters");
	return 0;
}

static int
take_row(struct day *d, struct span line, struct err *e)
{
	const struct cells *c = &d->cells;
	struct statement_row row = {.line = d->lines.number, .raw = line};
	struct span amount = cell_at(c, d->at[AMOUNT]);
	char when[40];

	if (c->n != d->width)
		return err_set(e, ERR_INPUT, "%zu cells below %zu columns", c->n, d->width);
	row.state = cell_at(c, d->at[KIND]);
	row.kind = cell_is(row.state, "refund") ? STATEMENT_REFUND : STATEMENT_PAYMENT;
	if (row.kind == STATEMENT_PAYMENT && !cell_is(row.state, "payment"))
		return err_set(e, ERR_INPUT, "neither a payment nor a refund");
	row.payment_no = cell_at(c, d->at[PAYMENT]);
	row.refund_no = cell_at(c, d->at[REFUND_NO]);
	row.order_no = cell_at(c, d->at[ORDER]);
	if ((row.refund_no.len > 0) != (row.kind == STATEMENT_REFUND))
		return err_set(e, ERR_INPUT, "a refund has a refund_no, a payment has none");
	copy(cell_at(c, d->at[PAID_AT]), when, sizeof when);
	if (time_rfc3339_in(when, &row.at_us, e) < 0 ||
	    money_in((const char *)amount.bytes, amount.len, money_digits(d->currency), false,
		&row.amount_minor, e) < 0)
		return -1;
	row.settled_minor = row.amount_minor;
	memcpy(row.currency, d->currency, 4);
	return statement_add(d->s, &row, e);
}

/* --- totals ------------------------------------------------------------------------------ */

static int
check_total(const struct day *d, struct err *e)
{
	static const enum statement_kind kinds[] = {STATEMENT_PAYMENT, STATEMENT_REFUND};
	const struct cells *c = &d->cells;
	int64_t told;

	if (c->n != 4)
		return err_set(e, ERR_INPUT, "is not total,COUNT,PAID,REFUNDED");
	if (money_in((const char *)c->of[1].bytes, c->of[1].len, 0, false, &told, e) < 0)
		return -1;
	if (told != (int64_t)d->s->n)
		return err_set(
		    e, ERR_INPUT, "the total tells %" PRId64 " rows, there are %zu", told, d->s->n);
	for (size_t i = 0; i < 2; i++) {
		int64_t sum = d->s->total[kinds[i]].amount_minor;

		if (money_in((const char *)c->of[2 + i].bytes, c->of[2 + i].len,
			money_digits(d->currency), false, &told, e) < 0)
			return -1;
		if (told != sum)
			return err_set(e, ERR_INPUT,
			    "the total of %ss is %" PRId64
			    " in minor units, the rows make %" PRId64,
			    statement_kind_name(kinds[i]), told, sum);
	}
	return 0;
}

static int
span_order(struct span a, struct span b)
{
	int order = memcmp(a.bytes, b.bytes, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int
by_number(const void *a, const void *b)
{
	const struct statement_row *const *x = a, *const *y = b;
	int order = span_order((*x)->payment_no, (*y)->payment_no);

	return order != 0 ? order : span_order((*x)->refund_no, (*y)->refund_no);
}

/* The numbers are the source's own, so none may stand there twice. */
static int
numbers_differ(const struct statement *s, size_t *line, struct err *e)
{
	const struct statement_row **sorted = mem_new((s->n + 1) * sizeof *sorted);
	int rc = 0;

	for (size_t i = 0; i < s->n; i++)
		sorted[i] = &s->rows[i];
	qsort(sorted, s->n, sizeof *sorted, by_number);
	for (size_t i = 1; i < s->n && rc == 0; i++)
		if (by_number(&sorted[i - 1], &sorted[i]) == 0) {
			size_t a = sorted[i - 1]->line, b = sorted[i]->line;

			*line = a > b ? a : b;
			rc = err_set(e, ERR_INPUT, "the same number as in line %zu", a > b ? b : a);
		}
	free(sorted);
	return rc;
}

/* --- the file ---------------------------------------------------------------------------- */

static int
take_file(struct day *d, struct err *e)
{
	struct span line;

	if (take_title(d, e) < 0 || next_cells(d, &line, e) < 0 ||
	    columns_find(columns, COLUMNS, &d->cells, d->at, e) < 0)
		return -1;
	d->width = d->cells.n;
	for (;;) {
		if (next_cells(d, &line, e) < 0)
			return -1;
		if (cell_is(d->cells.of[0], "total"))
			break;
		if (take_row(d, line, e) < 0)
			return -1;
	}
	if (check_total(d, e) < 0)
		return -1;
	while (lines_next(&d->lines, &line))
		if (line.len > 0)
			return err_set(e, ERR_INPUT, "more behind the total");
	return numbers_differ(d->s, &d->lines.number, e);
}

int
statement_day(struct statement *s, struct err *e)
{
	struct day d = {.s = s, .lines = {.left = buf_span(&s->text)}};

	s->what = "day_end";
	return take_file(&d, e) < 0 ? err_wrap(e, "line %zu", d.lines.number) : 0;
}
