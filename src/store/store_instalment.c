/* What is due is the rule's to say, so it is asked for in between: read, reckon, post. */
#include "store/store_instalment.h"

#include "model/calendar.h"
#include "model/waterfall.h"
#include "store/store_names.h"

#include <stdlib.h>

static const struct db_stmt due = {"instalments_due", DB_BILLING, true, 0,
    "SELECT debt_id, zone, owed, free, agreed, instalment, every, first_day"
    " FROM door.instalments_due($1::int, $2::bigint)"};
/* Repeatable: a debt takes once a day. */
static const struct db_stmt take = {"instalments_take", DB_BILLING, true, 0,
    "SELECT door.instalments_take($1::bigint[], $2::int[], $3::bigint[], $4::bigint)"};

struct taking {
	struct db *db;
	int64_t now_us;
	store_instalments_fn *fn;
	void *arg;
};

static void
on_taken(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct taking *t = arg;

	t->fn(rows != NULL ? (int)db_cell_int(rows, 0, 0) : 0, e, t->arg);
	free(t);
}

/* Nothing where nothing is free; what is left is due tomorrow as well. */
static int64_t
takes(const struct db_rows *rows, int i, int day)
{
	struct instalment_plan plan = {
	    .amount_minor = db_cell_int(rows, i, 4),
	    .each_minor = db_cell_int(rows, i, 5),
	    .first_day = (int)db_cell_int(rows, i, 7),
	};
	int64_t free_minor = db_cell_int(rows, i, 3), due_minor;

	if (waterfall_every_parse(db_cell_text(rows, i, 6), &plan.every) < 0 || free_minor <= 0)
		return 0;
	due_minor = instalment_due(&plan, db_cell_int(rows, i, 2), day);
	return due_minor < free_minor ? due_minor : free_minor;
}

static void
on_due(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct taking *t = arg;
	struct db_column debt = {0}, days = {0}, amount = {0};
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		int day = calendar_day(store_zone(db_cell_text(rows, i, 1)), t->now_us);

		db_column_int(&debt, db_cell_int(rows, i, 0));
		db_column_int(&days, day);
		db_column_int(&amount, takes(rows, i, day));
	}
	if (n == 0) {
		t->fn(0, e, t->arg);
		free(t);
		return;
	}
	db_ask(t->db, &take, on_taken, t, db_array(&debt), db_array(&days), db_array(&amount),
	    db_int(t->now_us));
	db_column_free(&debt);
	db_column_free(&days);
	db_column_free(&amount);
}

void
store_instalments_take(
    struct db *db, int limit, int64_t now_us, store_instalments_fn *fn, void *arg)
{
	struct taking *t = mem_new(sizeof *t);

	*t = (struct taking){db, now_us, fn, arg};
	db_ask(db, &due, on_due, t, db_int(limit), db_int(now_us));
}
