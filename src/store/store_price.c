#include "store/store_price.h"

#include <stdlib.h>
#include <string.h>

static const struct db_stmt turn = {
    "prices_turn", DB_BILLING, true, 0, "SELECT mark, turned FROM door.prices_turn($1::bigint)"};
static const struct db_stmt list = {
    "price_list", DB_BILLING, true, 0, "SELECT id, tariff_id, name, intact FROM door.price_list()"};
static const struct db_stmt sources = {"price_sources", DB_BILLING, true, 0,
    "SELECT id, source FROM door.price_sources($1::bigint[])"};
static const struct db_stmt unreadable = {"price_unreadable", DB_BILLING, true, 0,
    "SELECT door.price_unreadable($1::bigint, $2, $3::bigint)"};
static const struct db_stmt use = {"tariff_use", DB_BULK, true, 0,
    "SELECT account_id, number, balance, trip, meter_id, wraps, most_watts, at_us, total, t1, t2,"
    " t3, t4 FROM door.tariff_use($1::bigint, $2, $3::bigint, $4::bigint, $5::bigint, $6::int)"};

/* --- time ---------------------------------------------------------------------------------- */

struct turn_call {
	store_turn_fn *fn;
	void *arg;
};

static void
on_turn(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct turn_call *c = arg;

	if (rows != NULL)
		c->fn(db_cell_int(rows, 0, 0), (int)db_cell_int(rows, 0, 1), e, c->arg);
	else
		c->fn(0, 0, e, c->arg);
	free(c);
}

void
store_prices_turn(struct db *db, int64_t now_us, store_turn_fn *fn, void *arg)
{
	struct turn_call *c = mem_new(sizeof *c);

	*c = (struct turn_call){fn, arg};
	db_ask(db, &turn, on_turn, c, db_int(now_us));
}

/* --- versions ------------------------------------------------------------------------------ */

struct list_call {
	store_price_fn *each;
	store_prices_fn *fn;
	void *arg;
};

static void
on_list(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct list_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		struct store_price p = {
		    .id = db_cell_int(rows, i, 0),
		    .tariff_id = db_cell_int(rows, i, 1),
		    .name = db_cell_text(rows, i, 2),
		    .intact = db_cell_bool(rows, i, 3),
		};

		c->each(&p, c->arg);
	}
	c->fn(e, c->arg);
	free(c);
}

void
store_prices(struct db *db, store_price_fn *each, store_prices_fn *fn, void *arg)
{
	struct list_call *c = mem_new(sizeof *c);

	*c = (struct list_call){each, fn, arg};
	db_send(db, &list, on_list, c, NULL, 0);
}

struct source_call {
	store_source_fn *each;
	store_prices_fn *fn;
	void *arg;
};

static void
on_sources(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct source_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		const char *text = db_cell_text(rows, i, 1);

		c->each(db_cell_int(rows, i, 0), span_of(text, strlen(text)), c->arg);
	}
	c->fn(e, c->arg);
	free(c);
}

void
store_price_sources(struct db *db, const int64_t *ids, size_t n, store_source_fn *each,
    store_prices_fn *fn, void *arg)
{
	struct source_call *c = mem_new(sizeof *c);
	struct db_column column = {0};

	*c = (struct source_call){each, fn, arg};
	for (size_t i = 0; i < n; i++)
		db_column_int(&column, ids[i]);
	db_ask(db, &sources, on_sources, c, db_array(&column));
	db_column_free(&column);
}

void
store_price_unreadable(struct db *db, int64_t id, const char *why, int64_t now_us)
{
	db_ask(db, &unreadable, NULL, NULL, db_int(id), db_text(why), db_int(now_us));
}

/* --- past use ------------------------------------------------------------------------------ */

struct use_call {
	store_use_fn *each;
	store_used_fn *fn;
	void *arg;
};

static int64_t
register_at(const struct db_rows *rows, int i, int col)
{
	return db_cell_null(rows, i, col) ? -1 : db_cell_int(rows, i, col);
}

static void
on_use(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct use_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		struct store_use u = {
		    .account_id = db_cell_int(rows, i, 0),
		    .number = db_cell_text(rows, i, 1),
		    .balance_minor = db_cell_int(rows, i, 2),
		    .trip_minor = db_cell_int(rows, i, 3),
		    .meter_id = db_cell_null(rows, i, 7) ? 0 : db_cell_int(rows, i, 4),
		    .wraps_wh = db_cell_int(rows, i, 5),
		    .most_watts = db_cell_int(rows, i, 6),
		    .at_us = db_cell_int(rows, i, 7),
		    .total_wh = register_at(rows, i, 8),
		};

		for (int t = 0; t < 4; t++)
			u.register_wh[t] = register_at(rows, i, 9 + t);
		c->each(&u, c->arg);
	}
	c->fn(n, e, c->arg);
	free(c);
}

void
store_tariff_use(struct db *db, int64_t tariff_id, const char *site, int64_t from_us, int64_t to_us,
    int64_t after, int limit, store_use_fn *each, store_used_fn *fn, void *arg)
{
	struct use_call *c = mem_new(sizeof *c);

	*c = (struct use_call){each, fn, arg};
	db_ask(db, &use, on_use, c, db_int(tariff_id), db_text(site), db_int(from_us),
	    db_int(to_us), db_int(after), db_int(limit));
}
