#include "service/alarms.h"

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "model/alarm.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WORDS 600 /* every kind there is, twice */

static const struct db_stmt policy = {
    "alarm_policy", DB_BULK, true, 0, "SELECT door.alarm_policy($1::text[], $2::text[])"};

/* Repeatable: what was looked through is not looked through again. */
static const struct db_stmt books = {"alarm_books", DB_RECON, true, 0,
    "SELECT door.alarm_books($1::bigint, $2::int, $3::bigint, $4::bigint)"};

struct alarms {
	struct loop *loop;
	struct db *db;
	const struct alarms_conf *conf;
	char told[MOST_WORDS]; /* the policy as it was told last */
	bool telling, looking;
	struct timer sweep;
	struct logctx log;
};

static void
on_told(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct alarms *a = arg;

	(void)rows;
	a->telling = false;
	if (e->class == ERR_NONE)
		return;
	a->told[0] = '\0'; /* once more at the next sweep */
	slog(a, LOG_LEVEL_WARN, "what is done about alarms could not be told: %s", e->text);
}

static void
column_of(struct db_column *c, const char *words)
{
	char word[32];

	while (alarm_word(&words, word, sizeof word) != NULL)
		db_column_text(c, word);
}

static void
tell_policy(struct alarms *a)
{
	struct db_column holds = {0}, ignored = {0};
	char now[MOST_WORDS];

	snprintf(now, sizeof now, "%s|%s", a->conf->hold, a->conf->ignore);
	if (a->telling || strcmp(now, a->told) == 0)
		return;
	memcpy(a->told, now, sizeof now);
	a->telling = true;
	column_of(&holds, a->conf->hold);
	column_of(&ignored, a->conf->ignore);
	db_ask(a->db, &policy, on_told, a, db_array(&holds), db_array(&ignored));
	db_column_free(&holds);
	db_column_free(&ignored);
}

static void
on_books(const struct db_rows *rows, const struct err *e, void *arg)
{
	struct alarms *a = arg;

	a->looking = false;
	if (rows == NULL)
		slog(a, LOG_LEVEL_ERROR, "the books were not looked through: %s", e->text);
}

static void
look_at_books(struct alarms *a)
{
	if (a->looking || a->conf->books_us == 0 || !db_up(a->db))
		return;
	a->looking = true;
	db_ask(a->db, &books, on_books, a, db_int(a->conf->books_us), db_int(a->conf->unused_days),
	    db_int(a->conf->off_wh), db_int(loop_now_us(a->loop)));
}

static void
on_sweep(void *arg)
{
	struct alarms *a = arg;

	timer_sweep(&a->sweep, a->loop, a->conf->sweep_us, on_sweep, a);
	tell_policy(a);
	look_at_books(a);
}

struct alarms *
alarms_new(struct loop *l, struct db *db, const struct alarms_conf *conf)
{
	struct alarms *a = mem_new(sizeof *a);

	a->loop = l;
	a->db = db;
	a->conf = conf;
	a->log.module = "alarms";
	tell_policy(a);
	timer_sweep(&a->sweep, l, conf->sweep_us, on_sweep, a);
	return a;
}

void
alarms_free(struct alarms *a)
{
	if (a == NULL)
		return;
	timer_stop(&a->sweep);
	free(a);
}
