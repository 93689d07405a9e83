/*
 * Tariff files: checked, and tried on use from standard input.
 *
 * Several files are versions that follow each other.  The intervals are one account's, in order:
 * the position in the tiers and the carry of the rounding go from row to row, as in the ledger.
 */
#include "prog/ctl_tariff.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/price_yaml.h"
#include "model/calendar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MOST 32

struct book {
	struct price_version *own[FILES_MOST];
	const struct price_version *versions[FILES_MOST];
	struct calendar *calendar;
	struct price_book book;
};

/* --- files --------------------------------------------------------------------------------- */

static void
book_clear(struct book *b)
{
	for (size_t i = 0; i < FILES_MOST; i++)
		free(b->own[i]);
	calendar_free(b->calendar);
}

static int
book_add(struct book *b, const char *path, struct err *e)
{
	size_t i = b->book.n;

	if (i == FILES_MOST)
		return err_set(e, ERR_INPUT, "more than %d files", FILES_MOST);
	b->own[i] = mem_new(sizeof *b->own[i]);
	b->versions[i] = b->own[i];
	b->book.n++;
	return price_yaml_read(path, b->own[i], e);
}

static int
book_read(struct book *b, const struct ctl *c, struct err *e)
{
	b->book.versions = b->versions;
	if (book_add(b, ctl_value(c, "file"), e) < 0)
		return -1;
	for (size_t i = 0; i < c->nrest; i++)
		if (book_add(b, c->rest[i], e) < 0)
			return -1;
	if (price_book_check(&b->book, e) < 0)
		return -1;
	b->calendar = calendar_new(b->own[0]->zone, e);
	b->book.calendar = b->calendar;
	return b->calendar != NULL ? 0 : -1;
}

/* In one line: what was understood. */
static void
describe(const char *path, const struct price_version *v, const struct calendar *c)
{
	struct civil t = calendar_civil(c, v->effective_from_us);

	printf(_("%s: good: %s, from %04d-%02d-%02d"), path, v->currency, t.year, t.month, t.day);
	if (v->tiered && v->mode == PRICE_PER_BAND)
		printf(_(", tiers in each band by the %s"), price_period_name(v->period.kind));
	else if (v->tiered)
		printf(
		    _(", %zu tiers by the %s"), v->ladder[0].n, price_period_name(v->period.kind));
	if (v->banded)
		printf(_(", %zu bands"), v->nbands);
	if (v->tiered && v->banded)
		printf(", %s", price_mode_name(v->mode));
	putchar('\n');
}

enum ctl_exit
ctl_tariff_check(struct ctl *c)
{
	struct book b = {0};
	struct err e;
	int rc = book_read(&b, c, &e);

	if (rc < 0)
		ctl_complain("%s", e.text);
	for (size_t i = 0; rc == 0 && i < b.book.n; i++)
		describe(i == 0 ? ctl_value(c, "file") : c->rest[i - 1], b.own[i], b.calendar);
	book_clear(&b);
	return rc < 0 ? CTL_NO : CTL_DONE;
}

/* --- rating -------------------------------------------------------------------------------- */

struct run {
	const struct ctl *c;
	const struct price_book *book;
	struct ctl_columns columns;
	struct price_position at;
	struct price_sums sums;
	struct ctl_rated total;
	int64_t unrated_wh;
	bool complete; /* everything has been rated */
	struct buf out;
};

static void
end_line(struct run *r)
{
	buf_put_text(&r->out, r->c->form == CTL_CSV ? "\r\n" : "\n");
}

static bool
wants_json(const struct run *r)
{
	return r->c->form == CTL_JSON || r->c->form == CTL_PRETTY;
}

/* Sums are by name, columns too, and both may come and go with the versions. */
static void
fill_columns(struct run *r, const struct price_posting *p, struct ctl_rated *rated)
{
	for (size_t i = 0; i < r->columns.n; i++)
		for (size_t s = 0; s < r->sums.n; s++)
			if (strcmp(r->columns.name[i], r->sums.of[s].name) == 0)
				rated->minor[i] = p->of[s];
}

static void
add_total(struct run *r, const struct ctl_rated *rated)
{
	r->total.wh += rated->wh;
	r->total.charge_minor += rated->charge_minor;
	r->total.net_minor += rated->net_minor;
	for (size_t i = 0; i < r->columns.n; i++)
		r->total.minor[i] += rated->minor[i];
}

static int
rate_row(struct run *r, const struct ctl_usage *row, struct err *e)
{
	const struct price_version *v = r->book->versions[0];
	struct price_charge charge;
	struct price_posting posting = {0};
	struct ctl_rated rated = {.row = row, .charge = &charge};
	int rc = 0;

	if (price_rate(r->book, NULL, &row->usage, &r->at, &charge) == PRICE_RATED)
		rc = price_post(&r->sums, &charge, v->rounding, v->exponent, &posting, e);
	rated.wh = charge.wh;
	if (charge.result == PRICE_RATED && rc == 0) {
		rated.charge_minor = posting.gross_minor;
		rated.net_minor = posting.net_minor;
		fill_columns(r, &posting, &rated);
	} else if (rc == 0) {
		r->complete = false;
		r->unrated_wh += charge.wh;
		ctl_complain("line %zu is not rated: %s", row->line, charge.why);
	}
	add_total(r, &rated);
	if (wants_json(r))
		ctl_rated_json(&r->columns, &rated, &r->out);
	else
		ctl_rated_row(&r->columns, &rated, &r->out);
	price_charge_clear(&charge);
	return rc < 0 ? err_wrap(e, "line %zu", row->line) : 0;
}

static void
begin(struct run *r)
{
	const struct price_version *v = r->book->versions[0];

	r->complete = true;
	ctl_columns_find(r->book, &r->columns);
	if (wants_json(r)) {
		buf_printf(&r->out, "{\"currency\":\"%s\",\"exponent\":%d,\"rows\":[", v->currency,
		    v->exponent);
	} else {
		ctl_rated_head(&r->columns, &r->out);
		end_line(r);
	}
}

static void
finish(struct run *r)
{
	struct buf pretty = {0};

	if (!wants_json(r)) {
		ctl_rated_row(&r->columns, &r->total, &r->out);
		end_line(r);
		fputs(buf_text(&r->out), stdout);
		return;
	}
	buf_put_text(&r->out, "],\"total\":");
	ctl_rated_json(&r->columns, &r->total, &r->out);
	buf_printf(&r->out, ",\"unrated_wh\":%" PRId64 "}", r->unrated_wh);
	if (r->c->form == CTL_PRETTY)
		ctl_put_pretty(&pretty, buf_text(&r->out));
	puts(buf_text(r->c->form == CTL_PRETTY ? &pretty : &r->out));
	buf_clear(&pretty);
}

static int
rate_rows(struct run *r, const struct ctl_usages *u, struct err *e)
{
	begin(r);
	for (size_t i = 0; i < u->n; i++) {
		if (wants_json(r) && i > 0)
			buf_put_u8(&r->out, ',');
		if (rate_row(r, &u->rows[i], e) < 0)
			return -1;
		if (!wants_json(r))
			end_line(r);
	}
	finish(r);
	return 0;
}

enum ctl_exit
ctl_tariff_rate(struct ctl *c)
{
	struct book b = {0};
	struct run r = {.c = c, .book = &b.book};
	struct ctl_usages u = {0};
	struct err e;
	int rc = book_read(&b, c, &e);

	if (rc == 0)
		rc = ctl_usages_read(stdin, &u, &e);
	if (rc == 0)
		rc = rate_rows(&r, &u, &e);
	if (rc < 0)
		ctl_complain("%s", e.text);
	buf_clear(&r.out);
	ctl_usages_clear(&u);
	book_clear(&b);
	return rc < 0 || !r.complete ? CTL_NO : CTL_DONE;
}
