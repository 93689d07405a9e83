#include "store/store_rating.h"

#include "store/store_names.h"

#include <stdlib.h>

static const struct db_stmt due = {"rating_due", DB_RATING, true, 0,
    "SELECT account_id, version, local, zone, tariff_id, carry, period, period_wh, meter_id,"
    " total_wh, total_us, billed_wh, billed_us, wraps_wh, most_watts"
    " FROM door.rating_due($1::int)"};
static const struct db_stmt done = {
    "rating_done", DB_RATING, true, 0, "SELECT door.rating_done($1::jsonb, $2::bigint)"};

/* The columns of `due`, in its order. */
enum {
	ACCOUNT,
	VERSION,
	LOCAL,
	ZONE,
	TARIFF,
	CARRY,
	PERIOD,
	PERIOD_WH,
	METER,
	TOTAL_WH,
	TOTAL_US,
	BILLED_WH,
	BILLED_US,
	WRAPS,
	MOST_WATTS
};

static int64_t
int_or(const struct db_rows *rows, int i, int col, int64_t otherwise)
{
	return db_cell_null(rows, i, col) ? otherwise : db_cell_int(rows, i, col);
}

static struct due
due_from(const struct db_rows *rows, int i)
{
	return (struct due){
	    .account_id = db_cell_int(rows, i, ACCOUNT),
	    .version = db_cell_int(rows, i, VERSION),
	    .meter_id = db_cell_int(rows, i, METER),
	    .local = db_cell_bool(rows, i, LOCAL),
	    .zone = store_zone(db_cell_text(rows, i, ZONE)),
	    .tariff_id = db_cell_int(rows, i, TARIFF),
	    .carry_nano = db_cell_int(rows, i, CARRY),
	    .period_wh = db_cell_int(rows, i, PERIOD_WH),
	    .period = (int)db_cell_int(rows, i, PERIOD),
	    .total_wh = int_or(rows, i, TOTAL_WH, -1),
	    .total_us = db_cell_int(rows, i, TOTAL_US),
	    .billed_wh = int_or(rows, i, BILLED_WH, -1),
	    .billed_us = db_cell_int(rows, i, BILLED_US),
	    .wraps_wh = db_cell_int(rows, i, WRAPS),
	    .most_watts = db_cell_int(rows, i, MOST_WATTS),
	};
}

struct due_call {
	store_due_account_fn *each;
	store_rating_done_fn *fn;
	void *arg;
};

static void
on_due(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct due_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		struct due d = due_from(rows, i);

		c->each(&d, c->arg);
	}
	c->fn(n, e, c->arg);
	free(c);
}

void
store_rating_due(
    struct db *db, int limit, store_due_account_fn *each, store_rating_done_fn *fn, void *arg)
{
	struct due_call *c = mem_new(sizeof *c);

	*c = (struct due_call){each, fn, arg};
	db_ask(db, &due, on_due, c, db_int(limit));
}

/* --- charges ------------------------------------------------------------------------------ */

static void
put_int(struct buf *b, const char *name, int64_t v)
{
	buf_printf(b, ",\"%s\":%lld", name, (long long)v);
}

void
charges_add(struct charges *c, const struct due *d, const struct charged *what)
{
	struct buf *b = &c->rows;

	buf_put_u8(b, c->n++ == 0 ? '[' : ',');
	buf_printf(b, "{\"account\":%lld,\"version\":%lld", (long long)d->account_id,
	    (long long)d->version);
	put_int(b, "charge", what->minor);
	if (d->meter_id != 0)
		put_int(b, "meter", d->meter_id);
	if (what->moved) {
		put_int(b, "wh", what->wh);
		put_int(b, "carry", what->carry_nano);
		put_int(b, "period", what->period);
		put_int(b, "period_wh", what->period_wh);
		put_int(b, "billed_wh", what->billed_wh);
		put_int(b, "billed_us", what->billed_us);
	}
	if (what->unrated != NULL) /* our own words: nothing in them needs escaping */
		buf_printf(b, ",\"unrated\":\"%s\"", what->unrated);
	buf_put_u8(b, '}');
}

struct done_call {
	store_rating_done_fn *fn;
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
store_rating_put(
    struct db *db, struct charges *c, int64_t now_us, store_rating_done_fn *fn, void *arg)
{
	struct done_call *call = mem_new(sizeof *call);

	*call = (struct done_call){fn, arg};
	buf_put_text(&c->rows, c->n == 0 ? "[]" : "]");
	db_ask(db, &done, on_done, call, db_text(buf_text(&c->rows)), db_int(now_us));
	buf_clear(&c->rows);
	c->n = 0;
}
