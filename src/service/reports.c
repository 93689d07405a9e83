#include "service/reports.h"

#include "base/conf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "codec/report_files.h"
#include "model/quiet.h"
#include "store/db.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US (SECOND_US / 20) /* whether the thread is done */

/* Not repeatable: the lease that was lost on the way runs out by itself. */
static const struct db_stmt take = {"report_take", DB_RECON, false, 0,
    "SELECT site_id, site, day FROM door.report_take($1, $2::int, $3::bigint)"};
/* Repeatable: a day is told once. */
static const struct db_stmt told = {
    "report_told", DB_RECON, true, 0, "SELECT door.report_told($1::bigint, $2::int, $3::bigint)"};
/* Repeatable: what is written is not written again. */
static const struct db_stmt written = {"report_written", DB_RECON, true, 0,
    "SELECT door.report_written($1::bigint, $2::int, $3, $4, $5, $6::bigint, $7::bigint)"};

/* One day on its way to the disk.  Files are many and fsync may take seconds, so a thread of its
 * own makes them; it touches nothing but this. */
struct making {
	char *body, *directory, *key, *languages, *formats; /* copies: settings may change */
	atomic_bool over;
	int rc;
	enum report_written how;
	char sha256[65];
	struct err e;
};

struct reports {
	struct loop *loop;
	struct db *db;
	const char *node;
	const struct reports_conf *conf;
	bool busy;
	int64_t site_id, day;
	char site[128];
	struct making *making; /* NULL: none */
	pthread_t thread;
	struct timer sweep, look;
	struct logctx log;
};

static void reports_poke(struct reports *r);

/* --- the thread ------------------------------------------------------------------------------- */

static int
make_day(struct making *m)
{
	char key[4096];
	struct report_kinds kinds;
	struct report_files *files = NULL;
	int rc = -1;

	if (report_kinds_in(&kinds, m->languages, m->formats, &m->e) == 0 &&
	    conf_secret_file(m->key, key, sizeof key, &m->e) == 0 &&
	    (files = report_make(m->body, &kinds, &m->e)) != NULL)
		rc = report_write(
		    m->directory, files, span_of(key, strlen(key)), &m->how, m->sha256, &m->e);
	explicit_bzero(key, sizeof key);
	report_files_free(files);
	return rc;
}

static void *
make_out(void *arg)
{
	struct making *m = arg;

	m->rc = make_day(m);
	atomic_store(&m->over, true);
	return NULL;
}

static void
making_free(struct making *m)
{
	free(m->body);
	free(m->directory);
	free(m->key);
	free(m->languages);
	free(m->formats);
	free(m);
}

/* --- the job ---------------------------------------------------------------------------------- */

static void
on_noted(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct reports *r = arg;

	r->busy = false;
	if (rows == NULL)
		slog(r, LOG_LEVEL_WARN, "that the report of %lld is written is not noted: %s",
		    (long long)r->day, e->text);
	else
		reports_poke(r);
}

static void
reports_note(struct reports *r, const char *sha256, const char *why)
{
	if (why != NULL)
		slog(r, LOG_LEVEL_ERROR, "the report of %lld of %s cannot be written: %s",
		    (long long)r->day, r->site, why);
	db_ask(r->db, &written, on_noted, r, db_int(r->site_id), db_int(r->day), db_text(r->node),
	    db_text(sha256), db_text(why), db_int(r->conf->retry_us), db_int(loop_now_us(r->loop)));
}

static void
reports_made(struct reports *r)
{
	struct making *m = r->making;

	r->making = NULL;
	if (m->rc == 0)
		slog(r, LOG_LEVEL_INFO, "the report of %lld of %s %s", (long long)r->day, r->site,
		    m->how == REPORT_NEW ? "is written" : "is there already");
	reports_note(r, m->rc == 0 ? m->sha256 : NULL, m->rc == 0 ? NULL : m->e.text);
	making_free(m);
}

static void
on_look(void *arg)
{
	struct reports *r = arg;

	if (!atomic_load(&r->making->over)) {
		timer_start(&r->look, r->loop, LOOK_US, on_look, r);
		return;
	}
	pthread_join(r->thread, NULL);
	reports_made(r);
}

static void
on_told(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct reports *r = arg;
	struct making *m;

	if (rows == NULL || db_rows_count(rows) == 0) {
		reports_note(r, NULL, rows == NULL ? e->text : "it is not told");
		return;
	}
	m = mem_new(sizeof *m);
	m->body = mem_text(db_cell_text(rows, 0, 0));
	m->directory = mem_text(r->conf->directory);
	m->key = mem_text(r->conf->key);
	m->languages = mem_text(r->conf->languages);
	m->formats = mem_text(r->conf->formats);
	r->making = m;
	if (pthread_create(&r->thread, NULL, make_out, m) != 0) {
		m->rc = err_set(&m->e, ERR_RETRY, "there is no room for another thread");
		reports_made(r);
		return;
	}
	timer_start(&r->look, r->loop, LOOK_US, on_look, r);
}

static void
on_taken(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct reports *r = arg;

	r->busy = false;
	if (rows == NULL) {
		slog(r, LOG_LEVEL_WARN, "which report is due is unknown: %s", e->text);
		return;
	}
	if (db_rows_count(rows) == 0)
		return;
	r->busy = true;
	r->site_id = db_cell_int(rows, 0, 0);
	db_cell_copy(rows, 0, 1, r->site, sizeof r->site);
	r->day = db_cell_int(rows, 0, 2);
	db_ask(r->db, &told, on_told, r, db_int(r->site_id), db_int(r->day),
	    db_int(loop_now_us(r->loop)));
}

/* One after the other until nothing is due. */
static void
reports_poke(struct reports *r)
{
	int minute;

	if (r->busy || r->conf->directory[0] == '\0' || clock_parse(r->conf->at, &minute) < 0)
		return;
	r->busy = true;
	db_ask(r->db, &take, on_taken, r, db_text(r->node), db_int(minute),
	    db_int(loop_now_us(r->loop)));
}

static void
on_sweep(void *arg)
{
	struct reports *r = arg;

	timer_sweep(&r->sweep, r->loop, r->conf->sweep_us, on_sweep, r);
	reports_poke(r);
}

struct reports *
reports_new(struct loop *l, struct db *db, const char *node, const struct reports_conf *conf)
{
	struct reports *r = mem_new(sizeof *r);

	r->loop = l;
	r->db = db;
	r->node = node;
	r->conf = conf;
	r->log.module = "reports";
	timer_sweep(&r->sweep, l, conf->sweep_us, on_sweep, r);
	return r;
}

void
reports_free(struct reports *r)
{
	if (r == NULL)
		return;
	timer_stop(&r->sweep);
	timer_stop(&r->look);
	if (r->making != NULL) {
		pthread_join(r->thread, NULL);
		making_free(r->making);
	}
	free(r);
}
