#include "store/db_parts.h"

#include "store/db_rows.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct db_stmt db_greet = {"schema", DB_MONEY, true, 0, "SELECT door.schema()"};

struct lane *
lane_of(struct db *db, enum db_lane which)
{
	return &db->lanes[db->in_step ? DB_COMMANDS : which];
}

/* --- what is asked ------------------------------------------------------------------------ */

void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
}

void
queue_push(struct queue *q, struct ask *a)
{
	a->next = NULL;
	*q->last = a;
	q->last = &a->next;
	q->n++;
}

struct ask *
queue_pop(struct queue *q)
{
	struct ask *a = q->first;

	if (a == NULL)
		return NULL;
	q->first = a->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->n--;
	return a;
}

void
queue_append(struct queue *q, const struct queue *more)
{
	if (more->first == NULL)
		return;
	*q->last = more->first;
	q->last = more->last;
	q->n += more->n;
}

struct ask *
ask_new(const struct db_stmt *st, db_fn *fn, void *arg, const struct db_arg *args, size_t n)
{
	size_t len = 0, at = 0;
	struct ask *a;

	if (n > MOST_ARGS)
		abort();
	for (size_t i = 0; i < n; i++)
		len += args[i].null ? 0 : strlen(args[i].text ? args[i].text : args[i].number) + 1;
	a = mem_new(sizeof *a + len);
	a->stmt = st;
	a->fn = fn;
	a->arg = arg;
	a->n = n;
	for (size_t i = 0; i < n; i++) {
		const char *text = args[i].text != NULL ? args[i].text : args[i].number;
		size_t size;

		a->null[i] = args[i].null;
		a->at[i] = at;
		if (args[i].null)
			continue;
		size = strlen(text) + 1;
		memcpy(a->text + at, text, size);
		at += size;
	}
	return a;
}

void
ask_answer(struct lane *lane, struct ask *a, PGresult *result, const struct err *e)
{
	struct db_rows rows = {result};

	if (a->fn != NULL)
		a->fn(e->class == ERR_NONE ? &rows : NULL, e, a->arg);
	else if (e->class != ERR_NONE) /* nobody else will say it */
		slog(lane, LOG_LEVEL_ERROR, "%s", e->text);
	free(a);
}

static void
send_ask(struct db *db, struct ask *a)
{
	struct lane *lane = lane_of(db, a->stmt->lane);
	int64_t patience_us = a->stmt->patience_us;

	if (patience_us != 0) {
		a->deadline_us = loop_mono_us(db->loop) + patience_us;
		if (!timer_running(&lane->impatience))
			timer_start(&lane->impatience, db->loop, patience_us, lane_impatient, lane);
	}
	queue_push(&lane->waiting, a);
	if (lane->state == LANE_UP)
		loop_defer(&lane->poke, db->loop, lane_poke, lane);
}

void
db_send(struct db *db, const struct db_stmt *st, db_fn *fn, void *arg, const struct db_arg *args,
    size_t n)
{
	send_ask(db, ask_new(st, fn, arg, args, n));
}

void
db_send_owned(struct db *db, const struct db_stmt *st, db_fn *fn, void *arg,
    const struct db_arg *args, size_t n)
{
	struct ask *a = ask_new(st, fn, arg, args, n);

	a->owns_arg = true;
	send_ask(db, a);
}

/* --- outside ------------------------------------------------------------------------------ */

int
db_try(const char *conninfo, struct err *e)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(conninfo, &why);

	/* its words may hold a piece of the password */
	PQfreemem(why);
	if (options == NULL)
		return err_set(e, ERR_INPUT,
		    "database.conninfo: is not what PostgreSQL takes, such as \"dbname=x user=y\"");
	PQconninfoFree(options);
	return 0;
}

const char *
db_lane_name(enum db_lane lane)
{
	static const char *const names[DB_LANES] = {
	    "money", "billing", "rating", "commands", "bulk", "recon"};

	return names[lane];
}

struct db *
db_new(struct loop *l, const char *conninfo, const char *schema, db_unfit_fn *unfit, void *arg)
{
	struct db *db = mem_new(sizeof *db);

	db->loop = l;
	db->conninfo = mem_text(conninfo);
	db->schema = mem_text(schema);
	db->unfit = unfit;
	db->unfit_arg = arg;
	for (int i = 0; i < DB_LANES; i++) {
		struct lane *lane = &db->lanes[i];

		lane->db = db;
		lane->which = (enum db_lane)i;
		lane->log.module = "db";
		snprintf(
		    lane->log.who, sizeof lane->log.who, "lane=%s", db_lane_name((enum db_lane)i));
		queue_init(&lane->waiting);
		queue_init(&lane->flying);
		loop_defer(&lane->reconnect, l, lane_connect, lane);
	}
	return db;
}

void
db_in_step(struct db *db)
{
	db->in_step = true;
	for (int i = 0; i < DB_LANES; i++)
		if (i != DB_COMMANDS)
			timer_stop(&db->lanes[i].reconnect);
}

static void
ask_forget(struct ask *a)
{
	if (a->owns_arg)
		free(a->arg);
	free(a);
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	for (int i = 0; i < DB_LANES; i++) {
		struct lane *lane = &db->lanes[i];
		struct ask *a;

		timer_stop(&lane->poke);
		timer_stop(&lane->reconnect);
		timer_stop(&lane->impatience);
		if (lane->readable != NULL)
			event_free(lane->readable);
		if (lane->writable != NULL)
			event_free(lane->writable);
		PQclear(lane->held);
		PQfinish(lane->conn);
		while ((a = queue_pop(&lane->flying)) != NULL)
			ask_forget(a);
		while ((a = queue_pop(&lane->waiting)) != NULL)
			ask_forget(a);
	}
	for (struct ear *ear = db->ears, *next; ear != NULL; ear = next) {
		next = ear->next;
		free(ear);
	}
	free(db->conninfo);
	free(db->schema);
	free(db);
}

void
db_listen(struct db *db, const char *channel, db_heard_fn *fn, void *arg)
{
	struct ear *ear = mem_new(sizeof *ear);

	snprintf(ear->channel, sizeof ear->channel, "%s", channel);
	snprintf(ear->listen, sizeof ear->listen, "LISTEN \"%s\"", channel); /* a node's own name */
	ear->stmt = (struct db_stmt){ear->channel, DB_COMMANDS, true, 0, ear->listen};
	ear->fn = fn;
	ear->arg = arg;
	ear->next = db->ears;
	db->ears = ear;
	if (db->lanes[DB_COMMANDS].state == LANE_UP)
		db_send(db, &ear->stmt, NULL, NULL, NULL, 0);
}

int
db_backlog(const struct db *db, enum db_lane lane)
{
	int n = 0;

	if (!db->in_step)
		return db->lanes[lane].waiting.n + db->lanes[lane].flying.n;
	for (const struct ask *a = db->lanes[DB_COMMANDS].waiting.first; a != NULL; a = a->next)
		n += a->stmt->lane == lane;
	return n;
}

bool
db_up(const struct db *db)
{
	for (int i = 0; i < DB_LANES; i++)
		if (db->lanes[db->in_step ? DB_COMMANDS : i].state != LANE_UP)
			return false;
	return true;
}
