#include "store/store_reading.h"

#include <stdlib.h>

static const struct db_stmt gaps = {"freeze_gaps", DB_BULK, true, 0,
    "SELECT meter_id, endpoint_id, day, nth FROM door.freeze_gaps($1, $2::bigint[], $3::int[],"
    " $4::bigint, $5::bigint, $6::bigint, $7::int, $8::int)"};
static const struct db_stmt store = {"freeze_store", DB_BULK, true, 0,
    "SELECT door.freeze_store($1::bigint, $2::int, $3::bigint, $4::bigint[], $5::bigint)"};
static const struct db_stmt absent = {"freeze_absent", DB_BULK, true, 0,
    "SELECT door.freeze_absent($1::bigint, $2::int, $3::int, $4::bigint)"};

struct gaps_call {
	store_gap_fn *each;
	store_gaps_done_fn *fn;
	void *arg;
};

/* The last row is no gap: it says how far the look has come. */
static void
on_gaps(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct gaps_call *c = arg;
	int64_t upto = 0;

	for (int i = 0; rows != NULL && i < db_rows_count(rows); i++)
		if (db_cell_null(rows, i, 1))
			upto = db_cell_int(rows, i, 0);
		else
			c->each(db_cell_int(rows, i, 0), db_cell_int(rows, i, 1),
			    (int)db_cell_int(rows, i, 2), (int)db_cell_int(rows, i, 3), c->arg);
	c->fn(upto, e, c->arg);
	free(c);
}

void
store_freeze_gaps(struct db *db, const char *node, struct db_column *starts, struct db_column *days,
    int64_t since_us, int64_t window_us, int64_t after, int meters, int limit, store_gap_fn *each,
    store_gaps_done_fn *fn, void *arg)
{
	struct gaps_call *c = mem_new(sizeof *c);

	*c = (struct gaps_call){each, fn, arg};
	db_ask(db, &gaps, on_gaps, c, db_text(node), db_array(starts), db_array(days),
	    db_int(since_us), db_int(window_us), db_int(after), db_int(meters), db_int(limit));
}

void
store_freeze(
    struct db *db, int64_t meter_id, int day, int64_t at_us, const int64_t wh[5], int64_t now_us)
{
	struct db_column c = {0};

	for (int i = 0; i < 5; i++)
		if (wh[i] >= 0)
			db_column_int(&c, wh[i]);
		else
			db_column_null(&c);
	db_ask(db, &store, NULL, NULL, db_int(meter_id), db_int(day), db_int(at_us), db_array(&c),
	    db_int(now_us));
	db_column_free(&c);
}

void
store_freeze_absent(struct db *db, int64_t meter_id, int from, int to, int64_t now_us)
{
	db_ask(db, &absent, NULL, NULL, db_int(meter_id), db_int(from), db_int(to), db_int(now_us));
}
