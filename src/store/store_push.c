#include "store/store_push.h"

#include <stdlib.h>

static const struct db_stmt missing = {"push_missing", DB_BULK, true, 0,
    "SELECT meter_id, version_id, profile FROM door.push_missing($1::bigint, $2, $3::bigint,"
    " $4::int, $5::bigint)"};
static const struct db_stmt wants = {"push_wants", DB_BULK, true, 0,
    "SELECT door.push_wants($1::bigint[], $2::jsonb, $3, $4::bigint)"};
static const struct db_stmt unfit = {
    "push_unfit", DB_BULK, true, 0, "SELECT door.push_unfit($1::bigint[], $2, $3, $4::bigint)"};

struct missing_call {
	store_missing_fn *each;
	store_missing_done_fn *fn;
	void *arg;
};

static void
on_missing(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct missing_call *c = arg;
	int n = rows != NULL ? db_rows_count(rows) : 0;

	for (int i = 0; i < n; i++) {
		struct store_missing m = {
		    .meter_id = db_cell_int(rows, i, 0),
		    .version_id = db_cell_int(rows, i, 1),
		    .profile = db_cell_text(rows, i, 2),
		};

		c->each(&m, c->arg);
	}
	c->fn(n, e, c->arg);
	free(c);
}

void
store_push_missing(struct db *db, const struct store_missing *after, int limit, int64_t now_us,
    store_missing_fn *each, store_missing_done_fn *fn, void *arg)
{
	struct missing_call *c = mem_new(sizeof *c);

	*c = (struct missing_call){each, fn, arg};
	db_ask_owned(db, &missing, on_missing, c, db_int(after->version_id),
	    db_text(after->profile), db_int(after->meter_id), db_int(limit), db_int(now_us));
}

void
store_push_wants(struct db *db, struct db_column *meters, const char *wanted, const char *version,
    int64_t now_us)
{
	db_ask(db, &wants, NULL, NULL, db_array(meters), db_text(wanted), db_text(version),
	    db_int(now_us));
}

void
store_push_unfit(
    struct db *db, struct db_column *meters, const char *version, const char *why, int64_t now_us)
{
	db_ask(db, &unfit, NULL, NULL, db_array(meters), db_text(version), db_text(why),
	    db_int(now_us));
}
