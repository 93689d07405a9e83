/*
 * Results of rating as arrays of composite values, an array for each kind.
 *
 * A row is put together as "(1,2,\"text\")" and goes into its array as one element; the array
 * quotes it once more.  The order of the fields is that of the types in sql/migrate.
 */
#include "store/store_rating.h"

#include <stdlib.h>
#include <string.h>

static const struct db_stmt done_stmt = {"rating_done", DB_RATING, true, 0,
    "SELECT door.rating_done($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint, $11::bigint)"};
static const struct db_stmt failed_stmt = {
    "rating_failed", DB_RATING, true, 0, "SELECT door.rating_failed($1::bigint, $2, $3::bigint)"};
static const struct db_stmt prices_stmt = {
    "rating_prices_changed", DB_RATING, true, 0, "SELECT door.rating_prices_changed($1::bigint)"};

/* --- fields of a row ------------------------------------------------------------------------ */

static void
row_begin(struct rated *r, int64_t account_id)
{
	r->row.len = 0;
	buf_printf(&r->row, "(%lld", (long long)account_id);
}

static void
row_end(struct rated *r, int column)
{
	buf_put_u8(&r->row, ')');
	db_column_text(&r->column[column], buf_text(&r->row));
}

static void
put_int(struct rated *r, int64_t v)
{
	buf_printf(&r->row, ",%lld", (long long)v);
}

static void
put_null(struct rated *r)
{
	buf_put_u8(&r->row, ',');
}

static void
put_int_unless(struct rated *r, int64_t v, int64_t none)
{
	if (v == none)
		put_null(r);
	else
		put_int(r, v);
}

static void
put_bool(struct rated *r, bool v)
{
	buf_put_text(&r->row, v ? ",t" : ",f");
}

static void
quoted(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_put_u8(b, (uint8_t)*text);
		buf_put_u8(b, (uint8_t)*text);
	}
}

static void
put_text(struct rated *r, const char *text)
{
	buf_put_u8(&r->row, ',');
	if (text == NULL)
		return;
	buf_put_u8(&r->row, '"');
	quoted(&r->row, text);
	buf_put_u8(&r->row, '"');
}

static void
put_numbers(struct rated *r, const int64_t *v, int n, int64_t none)
{
	buf_put_text(&r->row, ",\"{");
	for (int i = 0; i < n; i++)
		if (v[i] == none)
			buf_put_text(&r->row, i > 0 ? ",NULL" : "NULL");
		else
			buf_printf(&r->row, "%s%lld", i > 0 ? "," : "", (long long)v[i]);
	buf_put_text(&r->row, "}\"");
}

static void
put_registers(struct rated *r, const struct registers *v)
{
	put_numbers(r, v->wh, REGISTERS, NO_WH);
}

static void
put_position(struct rated *r, const struct price_position *at)
{
	int n = PRICE_BANDS;

	while (n > 0 && at->band_wh[n - 1] == 0)
		n--;
	put_int(r, at->period_us);
	put_int(r, at->used_wh);
	put_numbers(r, at->band_wh, n, INT64_MIN);
}

/* --- rows ----------------------------------------------------------------------------------- */

void
rated_account(struct rated *r, const struct rated_account *a)
{
	row_begin(r, a->account_id);
	put_int(r, a->version);
	put_int_unless(r, a->again_us, 0);
	put_bool(r, a->keep);
	put_text(r, a->unrated);
	put_int(r, a->estimate_minor);
	put_int_unless(r, a->rebill_id, 0);
	row_end(r, RATED_ACCOUNTS);
	r->naccounts++;
}

void
rated_sum(struct rated *r, int64_t account_id, size_t n, const struct price_sum *s)
{
	row_begin(r, account_id);
	put_int(r, (int64_t)n);
	put_bool(r, s->tax_inclusive);
	put_int(r, s->tax_ppm);
	put_int(r, s->base_nano);
	put_int(r, s->base_parts);
	put_int(r, s->gross_femto);
	put_int(r, s->net_femto);
	put_int(r, s->gross_minor);
	put_int(r, s->net_minor);
	put_text(r, s->name);
	row_end(r, RATED_SUMS);
}

void
rated_tenancy(
    struct rated *r, int64_t account_id, const struct due_tenancy *t, bool reviewed, bool settled)
{
	row_begin(r, account_id);
	put_int(r, t->id);
	put_int_unless(r, t->fixed_us, NOT_YET);
	put_position(r, &t->at);
	put_bool(r, reviewed);
	put_bool(r, settled);
	row_end(r, RATED_TENANCIES);
}

void
rated_installation(struct rated *r, int64_t account_id, const struct due_installation *i,
    bool begins, bool settled)
{
	row_begin(r, account_id);
	put_int(r, i->id);
	put_bool(r, begins);
	put_int(r, i->billed.at_us);
	put_registers(r, &i->billed);
	put_int(r, i->moved_us);
	put_bool(r, settled);
	row_end(r, RATED_INSTALLATIONS);
}

int
rated_journal(struct rated *r, int64_t account_id, const char *key, const char *kind,
    const char *memo, int64_t value_us, const char *currency)
{
	row_begin(r, account_id);
	put_int(r, ++r->njournals);
	put_text(r, key);
	put_text(r, kind);
	put_text(r, memo);
	put_int(r, value_us);
	put_text(r, currency);
	row_end(r, RATED_JOURNALS);
	return r->njournals;
}

void
rated_line(struct rated *r, int64_t account_id, int journal, int line, const char *ledger,
    const char *owner, int64_t minor)
{
	row_begin(r, account_id);
	put_int(r, journal);
	put_int(r, line);
	put_text(r, ledger);
	put_text(r, owner);
	put_int(r, minor);
	row_end(r, RATED_LINES);
}

static const struct price_sum *
sum_named(const struct price_sums *sums, const char *name)
{
	for (size_t i = 0; i < sums->n; i++)
		if (strcmp(sums->of[i].name, name) == 0)
			return &sums->of[i];
	return NULL;
}

static void
put_names(struct rated *r, const struct price_item *items, int n)
{
	struct buf names = {0};

	buf_put_u8(&names, '{');
	for (int i = 0; i < n; i++) {
		buf_put_text(&names, i > 0 ? ",\"" : "\"");
		for (const char *p = items[i].name; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				buf_put_u8(&names, '\\');
			buf_put_u8(&names, (uint8_t)*p);
		}
		buf_put_u8(&names, '"');
	}
	buf_put_u8(&names, '}');
	put_text(r, buf_text(&names));
	buf_clear(&names);
}

static void
put_items(struct rated *r, const struct rated_charge *c)
{
	int64_t exact[4 * PRICE_ITEMS], before[8 * PRICE_ITEMS] = {0};

	for (int i = 0; i < c->nitems; i++) {
		const struct price_item *it = &c->items[i];
		const struct price_sum *s =
		    c->before != NULL ? sum_named(c->before, it->name) : NULL;

		memcpy(&exact[4 * i],
		    (int64_t[]){it->nano, it->parts, it->tax_inclusive, it->tax_ppm},
		    4 * sizeof *exact);
		if (s == NULL) {
			before[8 * i] = it->tax_inclusive;
			before[8 * i + 1] = it->tax_ppm;
			continue;
		}
		memcpy(&before[8 * i],
		    (int64_t[]){s->tax_inclusive, s->tax_ppm, s->base_nano, s->base_parts,
			s->gross_femto, s->net_femto, s->gross_minor, s->net_minor},
		    8 * sizeof *before);
	}
	put_names(r, c->items, c->nitems);
	put_numbers(r, exact, 4 * c->nitems, INT64_MIN);
	put_numbers(r, before, c->before != NULL ? 8 * c->nitems : 0, INT64_MIN);
}

void
rated_charge(struct rated *r, const struct rated_charge *c)
{
	row_begin(r, c->account_id);
	put_int_unless(r, c->journal, 0);
	put_int(r, c->tenancy_id);
	put_int_unless(r, c->installation_id, 0);
	put_text(r, c->fixed ? "fixed" : "energy");
	put_int(r, c->from.at_us);
	put_int(r, c->to.at_us);
	if (c->fixed) {
		put_null(r);
		put_null(r);
	} else {
		put_registers(r, &c->from);
		put_registers(r, &c->to);
	}
	put_int(r, c->multiplier);
	put_int(r, c->wh);
	put_int_unless(r, c->tenant_to_us, NO_END_US);
	put_int(r, c->extra_wh);
	put_position(r, c->at);
	put_text(r, c->estimate ? "estimate" : "actual");
	put_text(r, c->unrated ? "unrated" : "posted");
	put_text(r, c->why != NULL ? c->why : "");
	put_int_unless(r, c->tried, 0);
	put_items(r, c);
	put_int(r, c->minor);
	put_int_unless(r, c->replaces, 0);
	row_end(r, RATED_CHARGES);
}

void
rated_replaced(struct rated *r, int64_t account_id, int64_t charge_id)
{
	row_begin(r, account_id);
	put_int(r, charge_id);
	put_bool(r, true);
	put_null(r);
	row_end(r, RATED_MARKS);
}

void
rated_tried(struct rated *r, int64_t account_id, int64_t charge_id, int64_t prices_mark)
{
	row_begin(r, account_id);
	put_int(r, charge_id);
	put_bool(r, false);
	put_int_unless(r, prices_mark, 0);
	row_end(r, RATED_MARKS);
}

void
rated_doubt(struct rated *r, int64_t account_id, const struct due_installation *i,
    const char *cause, const struct registers *read, const char *why)
{
	row_begin(r, account_id);
	put_int(r, i->id);
	put_int(r, i->meter_id);
	put_text(r, cause);
	put_int(r, read->at_us);
	put_registers(r, read);
	put_text(r, why);
	row_end(r, RATED_DOUBTS);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct rated_mark
rated_mark(const struct rated *r)
{
	struct rated_mark m = {.njournals = r->njournals};

	for (int i = 0; i < RATED_COLUMNS; i++) {
		m.len[i] = r->column[i].text.len;
		m.n[i] = r->column[i].n;
	}
	return m;
}

void
rated_back_to(struct rated *r, const struct rated_mark *m)
{
	for (int i = 0; i < RATED_COLUMNS; i++) {
		r->column[i].text.len = m->len[i];
		r->column[i].n = m->n[i];
	}
	r->njournals = m->njournals;
}

void
rated_clear(struct rated *r)
{
	for (int i = 0; i < RATED_COLUMNS; i++)
		db_column_free(&r->column[i]);
	buf_clear(&r->row);
	*r = (struct rated){0};
}

struct done_call {
	store_rated_fn *fn;
	void *arg;
};

static void
on_done(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct done_call *c = arg;

	c->fn(rows != NULL ? (int)db_cell_int(rows, 0, 0) : 0, e, c->arg);
	free(c);
}

void
store_rating_done(struct db *db, struct rated *r, int64_t drift_minor, int64_t now_us,
    store_rated_fn *fn, void *arg)
{
	struct done_call *call = mem_new(sizeof *call);
	struct db_arg args[RATED_COLUMNS + 2];

	*call = (struct done_call){fn, arg};
	for (int i = 0; i < RATED_COLUMNS; i++)
		args[i] = db_array(&r->column[i]);
	args[RATED_COLUMNS] = db_int(drift_minor);
	args[RATED_COLUMNS + 1] = db_int(now_us);
	db_send(db, &done_stmt, on_done, call, args, RATED_COLUMNS + 2);
	for (int i = 0; i < RATED_COLUMNS; i++)
		db_column_clear(&r->column[i]);
	r->naccounts = r->njournals = 0;
}

void
store_rating_failed(struct db *db, int64_t account_id, const char *why, int64_t now_us)
{
	db_ask(db, &failed_stmt, NULL, NULL, db_int(account_id), db_text(why), db_int(now_us));
}

void
store_prices_changed(struct db *db, int64_t now_us)
{
	db_ask(db, &prices_stmt, NULL, NULL, db_int(now_us));
}
