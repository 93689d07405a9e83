#include "service/recon.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/quiet.h"
#include "store/db.h"

#include <stdlib.h>

/* Not repeatable: the lease that was lost on the way runs out by itself. */
static const struct db_stmt take = {"recon_take", DB_RECON, false, 0,
    "SELECT target, day FROM door.recon_take($1, $2, $3::int, $4::bigint, $5::bigint)"};
/* Repeatable: a day's work that is done is not done again. */
static const struct db_stmt work = {"recon_do", DB_RECON, true, 0,
    "SELECT opened, closed, is_closed FROM door.recon_do($1, $2::int, $3, $4, $5::bigint, "
    "$6::bigint, $7::bigint, $8::bigint)"};

struct recon {
	struct loop *loop;
	struct db *db;
	const char *node;
	const struct recon_conf *conf;
	bool busy;
	char target[64];
	int64_t day;
	struct timer sweep;
	struct logctx log;
};

static void recon_poke(struct recon *r);

static void
on_done(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct recon *r = arg;

	r->busy = false;
	if (rows == NULL) {
		slog(r, LOG_LEVEL_ERROR, "%s of %lld is not reconciled: %s", r->target,
		    (long long)r->day, e->text);
		return;
	}
	if (db_rows_count(rows) > 0)
		slog(r, LOG_LEVEL_INFO, "%s of %lld: %lld breaks are new, %lld gone%s", r->target,
		    (long long)r->day, (long long)db_cell_int(rows, 0, 0),
		    (long long)db_cell_int(rows, 0, 1),
		    db_cell_bool(rows, 0, 2) ? "; the day is closed" : "");
	recon_poke(r);
}

static void
on_taken(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct recon *r = arg;

	r->busy = false;
	if (rows == NULL) {
		slog(r, LOG_LEVEL_WARN, "what is to be reconciled is unknown: %s", e->text);
		return;
	}
	if (db_rows_count(rows) == 0)
		return;
	r->busy = true;
	db_cell_copy(rows, 0, 0, r->target, sizeof r->target);
	r->day = db_cell_int(rows, 0, 1);
	db_ask(r->db, &work, on_done, r, db_text(r->target), db_int(r->day), db_text(r->node),
	    db_text(r->conf->zone), db_int(r->conf->cutoff_us), db_int(r->conf->undelivered_us),
	    db_int(r->conf->supply_us), db_int(loop_now_us(r->loop)));
}

/* One after the other until nothing is due. */
static void
recon_poke(struct recon *r)
{
	int minute;

	if (r->busy || clock_parse(r->conf->at, &minute) < 0)
		return;
	r->busy = true;
	db_ask(r->db, &take, on_taken, r, db_text(r->node), db_text(r->conf->zone), db_int(minute),
	    db_int(r->conf->lease_us), db_int(loop_now_us(r->loop)));
}

static void
on_sweep(void *arg)
{
	struct recon *r = arg;

	timer_sweep(&r->sweep, r->loop, r->conf->sweep_us, on_sweep, r);
	recon_poke(r);
}

struct recon *
recon_new(struct loop *l, struct db *db, const char *node, const struct recon_conf *conf)
{
	struct recon *r = mem_new(sizeof *r);

	r->loop = l;
	r->db = db;
	r->node = node;
	r->conf = conf;
	r->log.module = "recon";
	timer_sweep(&r->sweep, l, conf->sweep_us, on_sweep, r);
	return r;
}

void
recon_free(struct recon *r)
{
	if (r == NULL)
		return;
	timer_stop(&r->sweep);
	free(r);
}
