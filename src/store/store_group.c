#include "store/store_group.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdlib.h>

/* Not repeatable: a turn that was done has used up its pace, and one that was not is done next. */
static const struct db_stmt turn = {
    "groups_turn", DB_BULK, false, 0, "SELECT endpoint_id FROM door.groups_turn($1::bigint)"};

struct turning {
	store_group_work_fn *each;
	store_group_done_fn *fn;
	void *arg;
};

static void
on_turned(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct turning *t = arg;

	for (int i = 0, n = rows != NULL ? db_rows_count(rows) : 0; i < n; i++)
		t->each(db_cell_int(rows, i, 0), t->arg);
	t->fn(e, t->arg);
	free(t);
}

void
store_groups_turn(
    struct db *db, int64_t now_us, store_group_work_fn *each, store_group_done_fn *fn, void *arg)
{
	struct turning *t = mem_new(sizeof *t);

	*t = (struct turning){each, fn, arg};
	db_ask(db, &turn, on_turned, t, db_int(now_us));
}
