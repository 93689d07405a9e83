#include "service/months.h"

#include "base/log.h"
#include "base/loop.h"
#include "store/db.h"

#include <stdlib.h>

#define SWEEP_US (10 * MINUTE_US) /* a table that somebody reads for long is tried again then */
#define LEASE_US (30 * MINUTE_US)
#define AHEAD    2

/* In the lane of the readings, so that at a start the month is there before the first of them.
 * Not repeatable: who could not have a table for himself gives way until the next time. */
static const struct db_stmt keep = {"months_keep", DB_BULK, false, 0,
    "SELECT m FROM door.months_keep($1, $2::int, $3::int, $4::bigint, $5::bigint) m"};

struct months {
	struct loop *loop;
	struct db *db;
	const char *node;
	const int64_t *keep;
	bool busy;
	struct timer sweep;
	struct logctx log;
};

static void
on_kept(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct months *m = arg;

	m->busy = false;
	if (rows == NULL) {
		slog(m, LOG_LEVEL_WARN, "the months of readings are not looked after: %s", e->text);
		return;
	}
	for (int i = 0; i < db_rows_count(rows); i++)
		slog(m, LOG_LEVEL_INFO, "%s", db_cell_text(rows, i, 0));
}

static void
on_sweep(void *arg)
{
	struct months *m = arg;

	timer_sweep(&m->sweep, m->loop, SWEEP_US, on_sweep, m);
	if (m->busy)
		return;
	m->busy = true;
	db_ask(m->db, &keep, on_kept, m, db_text(m->node), db_int(AHEAD), db_int(*m->keep),
	    db_int(LEASE_US), db_int(loop_now_us(m->loop)));
}

struct months *
months_new(struct loop *l, struct db *db, const char *node, const int64_t *keep_months)
{
	struct months *m = mem_new(sizeof *m);

	m->loop = l;
	m->db = db;
	m->node = node;
	m->keep = keep_months;
	m->log.module = "months";
	on_sweep(m);
	return m;
}

void
months_free(struct months *m)
{
	if (m == NULL)
		return;
	timer_stop(&m->sweep);
	free(m);
}
