/*
 * A lane is one PGconn in pipeline mode with a Sync behind every statement, so each is its own
 * transaction and one that fails leaves its neighbours alone.  Asking only queues; the lane is
 * poked at the end of the turn and keeps at most MOST_IN_FLIGHT on their way.
 *
 *	DOWN --PQconnectStart--> CONNECTING --ready--> GREETING --the schema fits--> UP
 *	  ^--------------------------- lost, back-off ---------------------------------------/
 *
 * Results of a statement come as: rows or error, NULL, then the Sync's own result.  It commits at
 * the Sync, and a server that dies in between still sends what it had ready: so an answer is held
 * until the Sync's result is there, and an error on the way takes its place.  The greeting,
 * door.schema(), travels through the same pipeline, so there is one way of reading results and
 * not two; nothing else is sent before it is answered and fits.
 *
 * Statements are prepared the first time a connection sees them, in the same pipeline, just in
 * front of their first use.
 */
#include "store/db.h"

#include "base/log.h"
#include "base/loop.h"
#include "store/db_rows.h"

#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_IN_FLIGHT 256
#define MOST_PREPARED  256
#define MOST_ARGS      32
#define BACKOFF_US     (SECOND_US / 4)
#define MOST_BACKOFF   (5 * SECOND_US)
#define MOST_REPEATS   5
#define CONNECT_US     (10 * SECOND_US)

enum lane_state { LANE_DOWN, LANE_CONNECTING, LANE_GREETING, LANE_UP };

struct ask {
	struct ask *next;
	const struct db_stmt *stmt;
	db_fn *fn;
	void *arg;
	int64_t deadline_us; /* 0: none; monotonic */
	int repeats;
	bool preparing; /* this entry is a Prepare, not the statement itself */
	bool sent_once;
	size_t n;
	bool null[MOST_ARGS];
	size_t at[MOST_ARGS]; /* offsets into text */
	char text[];
};

struct queue {
	struct ask *first, **last;
	int n;
};

struct lane {
	struct db *db;
	enum db_lane which;
	enum lane_state state;
	PGconn *conn;
	struct event *readable, *writable;
	struct queue waiting, flying;
	PGresult *held; /* of the first that flies, until its Sync */
	const struct db_stmt *prepared[MOST_PREPARED];
	int nprepared;
	struct timer poke, reconnect, impatience;
	int64_t backoff_us;
	bool not_durable; /* a warning said that the standby did not confirm */
	struct logctx log;
};

struct ear {
	struct ear *next;
	char channel[64];
	char listen[80];
	struct db_stmt stmt;
	db_heard_fn *fn;
	void *arg;
};

struct db {
	struct loop *loop;
	char *conninfo;
	char *schema;
	db_unfit_fn *unfit;
	void *unfit_arg;
	struct lane lanes[DB_LANES];
	bool in_step; /* the lane of commands, which listens, carries everything */
	struct ear *ears;
};

static const struct db_stmt greet = {"schema", DB_MONEY, true, 0, "SELECT door.schema()"};

static void lane_connect(void *arg);
static void lane_poke(void *arg);
static void lane_read(struct lane *lane);

static struct lane *
lane_of(struct db *db, enum db_lane which)
{
	return &db->lanes[db->in_step ? DB_COMMANDS : which];
}

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
}

static void
queue_push(struct queue *q, struct ask *a)
{
	a->next = NULL;
	*q->last = a;
	q->last = &a->next;
	q->n++;
}

static struct ask *
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

static void
ask_answer(struct lane *lane, struct ask *a, PGresult *result, const struct err *e)
{
	struct db_rows rows = {result};

	if (a->fn != NULL)
		a->fn(e->class == ERR_NONE ? &rows : NULL, e, a->arg);
	else if (e->class != ERR_NONE) /* nobody else will say it */
		slog(lane, LOG_LEVEL_ERROR, "%s", e->text);
	free(a);
}

/* --- failure: what may be done next, from the SQLSTATE ------------------------------------ */

static enum err_class
class_of(const char *state)
{
	if (state == NULL)
		return ERR_UNCERTAIN; /* libpq's own: the connection went */
	if (strcmp(state, "55P03") == 0 || strcmp(state, "57014") == 0 ||
	    strncmp(state, "40", 2) == 0 || strncmp(state, "53", 2) == 0 ||
	    strncmp(state, "25", 2) == 0)
		return ERR_RETRY; /* lock, timeout, serialization, resources, read-only standby */
	if (strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0)
		return ERR_UNCERTAIN; /* shutting down, connection */
	if (strncmp(state, "42", 2) == 0 || strncmp(state, "XX", 2) == 0)
		return ERR_BUG;
	return ERR_REFUSED; /* 22, 23, P0: the database knows better */
}

static void
lane_lost(struct lane *lane, const char *why)
{
	struct ask *a;
	struct queue old = lane->waiting;

	slog(lane, LOG_LEVEL_WARN, "connection lost: %.*s", (int)strcspn(why, "\n"), why);
	if (lane->readable != NULL)
		event_free(lane->readable);
	if (lane->writable != NULL)
		event_free(lane->writable);
	lane->readable = lane->writable = NULL;
	PQclear(lane->held);
	lane->held = NULL;
	PQfinish(lane->conn);
	lane->conn = NULL;
	lane->state = LANE_DOWN;
	lane->nprepared = 0;
	lane->not_durable = false;

	/* What was on its way goes first again, in order, if repeating is harmless. */
	struct queue unsure;
	queue_init(&unsure);
	queue_init(&lane->waiting);
	while ((a = queue_pop(&lane->flying)) != NULL) {
		if (a->preparing || a->stmt == &greet)
			free(a);
		else if (a->stmt->repeatable)
			queue_push(&lane->waiting, a);
		else
			queue_push(&unsure, a);
	}
	if (old.first != NULL) {
		*lane->waiting.last = old.first;
		lane->waiting.last = old.last;
		lane->waiting.n += old.n;
	}
	lane->backoff_us = lane->backoff_us == 0 ? BACKOFF_US : lane->backoff_us * 2;
	if (lane->backoff_us > MOST_BACKOFF)
		lane->backoff_us = MOST_BACKOFF;
	timer_start(&lane->reconnect, lane->db->loop,
	    lane->backoff_us + loop_jitter_us(lane->db->loop, lane->backoff_us / 4), lane_connect,
	    lane);
	while ((a = queue_pop(&unsure)) != NULL) {
		struct err e;

		err_set(&e, ERR_UNCERTAIN, "%s: connection lost while it ran", a->stmt->name);
		ask_answer(lane, a, NULL, &e);
	}
}

/* Those whose time is over leave the waiting line; what flies is waited for by the server's own
 * timeouts, or by the keepalive that ends the connection. */
static void
lane_impatient(void *arg)
{
	struct lane *lane = arg;
	struct queue old = lane->waiting, over;
	struct ask *a;
	int64_t now = loop_mono_us(lane->db->loop), next = 0;

	queue_init(&over);
	queue_init(&lane->waiting);
	if (old.n == 0)
		old.last = &old.first;
	while ((a = queue_pop(&old)) != NULL) {
		bool late = a->deadline_us != 0 && a->deadline_us <= now;

		queue_push(late ? &over : &lane->waiting, a);
		if (!late && a->deadline_us != 0 && (next == 0 || a->deadline_us < next))
			next = a->deadline_us;
	}
	if (next != 0)
		timer_start(&lane->impatience, lane->db->loop, next - now, lane_impatient, lane);
	while ((a = queue_pop(&over)) != NULL) {
		struct err e;

		err_set(&e, a->sent_once ? ERR_UNCERTAIN : ERR_RETRY, "%s: the database is away",
		    a->stmt->name);
		ask_answer(lane, a, NULL, &e);
	}
}

/* --- sending ------------------------------------------------------------------------------ */

static bool
lane_is_prepared(const struct lane *lane, const struct db_stmt *st)
{
	for (int i = 0; i < lane->nprepared; i++)
		if (lane->prepared[i] == st)
			return true;
	return false;
}

static struct ask *
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

static bool
lane_put(struct lane *lane, struct ask *a)
{
	const char *values[MOST_ARGS];
	int ok;

	if (a->stmt == &greet) {
		ok = PQsendQueryParams(lane->conn, greet.sql, 0, NULL, NULL, NULL, NULL, 0);
	} else if (a->preparing) {
		ok = PQsendPrepare(lane->conn, a->stmt->name, a->stmt->sql, 0, NULL);
	} else {
		for (size_t i = 0; i < a->n; i++)
			values[i] = a->null[i] ? NULL : a->text + a->at[i];
		ok = PQsendQueryPrepared(
		    lane->conn, a->stmt->name, (int)a->n, values, NULL, NULL, 0);
		a->sent_once = true;
	}
	return ok == 1 && PQpipelineSync(lane->conn) == 1;
}

static void
lane_flush(struct lane *lane)
{
	int left = PQflush(lane->conn);

	if (left < 0)
		lane_lost(lane, PQerrorMessage(lane->conn));
	else if (left == 1)
		event_add(lane->writable, NULL);
}

/* In step nothing else happens before the answers are here. */
static void
lane_wait(struct lane *lane)
{
	while (lane->db->in_step && lane->conn != NULL && lane->flying.n > 0) {
		struct pollfd p = {PQsocket(lane->conn), POLLIN, 0};

		if (PQflush(lane->conn) == 1)
			p.events |= POLLOUT;
		poll(&p, 1, -1);
		lane_read(lane);
	}
}

static void
lane_poke(void *arg)
{
	struct lane *lane = arg;
	struct ask *a;

	if (lane->state != LANE_UP)
		return;
	while (lane->flying.n < MOST_IN_FLIGHT && (a = lane->waiting.first) != NULL) {
		if (!lane_is_prepared(lane, a->stmt)) {
			if (lane->nprepared == MOST_PREPARED)
				abort(); /* a new statement needs a larger table */
			lane->prepared[lane->nprepared++] = a->stmt;
			a = ask_new(a->stmt, NULL, NULL, NULL, 0);
			a->preparing = true;
		} else {
			queue_pop(&lane->waiting);
		}
		queue_push(&lane->flying, a);
		if (!lane_put(lane, a)) {
			lane_lost(lane, PQerrorMessage(lane->conn));
			return;
		}
	}
	lane_flush(lane);
	lane_wait(lane);
}

void
db_send(struct db *db, const struct db_stmt *st, db_fn *fn, void *arg, const struct db_arg *args,
    size_t n)
{
	struct lane *lane = lane_of(db, st->lane);
	struct ask *a = ask_new(st, fn, arg, args, n);

	if (st->patience_us != 0) {
		a->deadline_us = loop_mono_us(db->loop) + st->patience_us;
		if (!timer_running(&lane->impatience))
			timer_start(
			    &lane->impatience, db->loop, st->patience_us, lane_impatient, lane);
	}
	queue_push(&lane->waiting, a);
	if (lane->state == LANE_UP)
		loop_defer(&lane->poke, db->loop, lane_poke, lane);
}

/* --- receiving ---------------------------------------------------------------------------- */

static void
on_notice(void *arg, const PGresult *result)
{
	struct lane *lane = arg;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (state != NULL && strcmp(state, "01000") == 0)
		lane->not_durable = true; /* "canceling wait for synchronous replication" */
	slog(lane, LOG_LEVEL_WARN, "%s", text != NULL ? text : "a notice without words");
}

static void
greeted(struct lane *lane, PGresult *result)
{
	struct db *db = lane->db;
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char why[200];

	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		snprintf(why, sizeof why, "no Powergate schema here: %.120s",
		    text != NULL ? text : "no answer");
		db->unfit(why, db->unfit_arg);
	} else if (strcmp(PQgetvalue(result, 0, 0), db->schema) != 0) {
		snprintf(why, sizeof why, "the database has schema %.60s, this program needs %.60s",
		    PQgetvalue(result, 0, 0), db->schema);
		db->unfit(why, db->unfit_arg);
	} else {
		lane->state = LANE_UP;
		lane->backoff_us = 0;
		slog(lane, LOG_LEVEL_INFO, "connected");
		loop_defer(&lane->poke, db->loop, lane_poke, lane);
	}
}

/* The statement in front is over, and committed if it went well. */
static void
lane_answer(struct lane *lane, PGresult *result)
{
	struct ask *a = queue_pop(&lane->flying);
	ExecStatusType status = PQresultStatus(result);
	struct err e = {0};

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		if (lane->not_durable)
			err_set(
			    &e, ERR_UNCERTAIN, "%s: not confirmed by the standby", a->stmt->name);
	} else {
		const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

		err_set(&e, class_of(PQresultErrorField(result, PG_DIAG_SQLSTATE)), "%s: %s",
		    a->stmt->name, text != NULL ? text : PQresultErrorMessage(result));
	}
	lane->not_durable = false;
	if (a->stmt == &greet) {
		greeted(lane, result);
		free(a);
	} else if (a->preparing) {
		if (e.class == ERR_BUG || e.class == ERR_REFUSED)
			slog(lane, LOG_LEVEL_ERROR, "cannot prepare %s", e.text);
		free(a);
	} else if (e.class == ERR_RETRY && a->stmt->repeatable && a->repeats < MOST_REPEATS) {
		a->repeats++;
		queue_push(&lane->waiting, a);
		loop_defer(&lane->poke, lane->db->loop, lane_poke, lane);
	} else {
		ask_answer(lane, a, result, &e);
	}
}

/* The rows or the error of the statement in front, an error of its commit, or its Sync. */
static void
lane_result(struct lane *lane, PGresult *result)
{
	PGresult *held = lane->held;

	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		PQclear(held);
		lane->held = result;
		return;
	}
	PQclear(result);
	lane->held = NULL;
	if (held != NULL && lane->flying.first != NULL)
		lane_answer(lane, held);
	PQclear(held);
}

static void
lane_hear(struct lane *lane)
{
	PGnotify *n;

	while ((n = PQnotifies(lane->conn)) != NULL) {
		for (struct ear *ear = lane->db->ears; ear != NULL; ear = ear->next)
			if (strcmp(ear->channel, n->relname) == 0)
				ear->fn(n->extra, ear->arg);
		PQfreemem(n);
	}
}

static void
lane_read(struct lane *lane)
{
	int empty = 0;

	if (PQconsumeInput(lane->conn) == 0) {
		lane_lost(lane, PQerrorMessage(lane->conn));
		return;
	}
	/* Two NULLs in a row mean that nothing more is there. */
	while (
	    lane->conn != NULL && empty < 2 && lane->flying.n >= 0 && PQisBusy(lane->conn) == 0) {
		PGresult *result = PQgetResult(lane->conn);

		if (result == NULL) {
			empty++;
			continue;
		}
		empty = 0;
		lane_result(lane, result);
	}
	if (lane->conn == NULL)
		return;
	if (PQstatus(lane->conn) == CONNECTION_BAD) {
		lane_lost(lane, PQerrorMessage(lane->conn));
		return;
	}
	lane_hear(lane);
	if (lane->waiting.n > 0)
		loop_defer(&lane->poke, lane->db->loop, lane_poke, lane);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	lane_read(arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	lane_flush(arg);
}

/* --- connecting --------------------------------------------------------------------------- */

static void
lane_greet(struct lane *lane)
{
	struct db *db = lane->db;
	struct event_base *base = loop_base(db->loop);
	struct queue old = lane->waiting;
	struct ask *hello;

	PQsetnonblocking(lane->conn, 1);
	PQsetNoticeReceiver(lane->conn, on_notice, lane);
	if (PQenterPipelineMode(lane->conn) != 1) {
		lane_lost(lane, "no pipeline mode");
		return;
	}
	lane->readable =
	    event_new(base, PQsocket(lane->conn), EV_READ | EV_PERSIST, on_readable, lane);
	lane->writable = event_new(base, PQsocket(lane->conn), EV_WRITE, on_writable, lane);
	event_add(lane->readable, NULL);
	lane->state = LANE_GREETING;
	hello = ask_new(&greet, NULL, NULL, NULL, 0);
	queue_push(&lane->flying, hello);
	if (!lane_put(lane, hello)) {
		lane_lost(lane, PQerrorMessage(lane->conn));
		return;
	}
	/* Who listens listens before anything else is asked. */
	queue_init(&lane->waiting);
	if (lane->which == DB_COMMANDS)
		for (struct ear *ear = db->ears; ear != NULL; ear = ear->next)
			queue_push(&lane->waiting, ask_new(&ear->stmt, NULL, NULL, NULL, 0));
	if (old.first != NULL) {
		*lane->waiting.last = old.first;
		lane->waiting.last = old.last;
		lane->waiting.n += old.n;
	}
	lane_flush(lane);
	lane_wait(lane);
}

static void
on_connecting(evutil_socket_t fd, short what, void *arg)
{
	struct lane *lane = arg;
	struct timeval tv = {CONNECT_US / SECOND_US, 0};
	PostgresPollingStatusType next;

	(void)fd;
	event_free(lane->readable);
	lane->readable = NULL;
	if (what & EV_TIMEOUT) {
		lane_lost(lane, "no answer to the connect");
		return;
	}
	next = PQconnectPoll(lane->conn);
	if (next == PGRES_POLLING_OK) {
		lane_greet(lane);
		return;
	}
	if (next == PGRES_POLLING_FAILED) {
		lane_lost(lane, PQerrorMessage(lane->conn));
		return;
	}
	lane->readable = event_new(loop_base(lane->db->loop), PQsocket(lane->conn),
	    next == PGRES_POLLING_READING ? EV_READ : EV_WRITE, on_connecting, lane);
	event_add(lane->readable, &tv);
}

static void
lane_connect_in_step(struct lane *lane)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	while (next == PGRES_POLLING_WRITING || next == PGRES_POLLING_READING) {
		struct pollfd p = {
		    PQsocket(lane->conn), next == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};

		poll(&p, 1, (int)(CONNECT_US / 1000));
		next = PQconnectPoll(lane->conn);
	}
	if (next == PGRES_POLLING_OK)
		lane_greet(lane);
	else
		lane_lost(lane, PQerrorMessage(lane->conn));
}

static void
lane_connect(void *arg)
{
	struct lane *lane = arg;
	struct timeval tv = {CONNECT_US / SECOND_US, 0};

	lane->state = LANE_CONNECTING;
	lane->conn = PQconnectStart(lane->db->conninfo);
	if (lane->conn == NULL)
		abort();
	if (PQstatus(lane->conn) == CONNECTION_BAD) {
		lane_lost(lane, PQerrorMessage(lane->conn));
		return;
	}
	if (lane->db->in_step) {
		lane_connect_in_step(lane);
		return;
	}
	lane->readable = event_new(
	    loop_base(lane->db->loop), PQsocket(lane->conn), EV_WRITE, on_connecting, lane);
	event_add(lane->readable, &tv);
}

struct db *
db_new(struct loop *l, const char *conninfo, const char *schema, db_unfit_fn *unfit, void *arg)
{
	static const char *const names[DB_LANES] = {
	    "lane=money", "lane=billing", "lane=rating", "lane=commands", "lane=bulk"};
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
		snprintf(lane->log.who, sizeof lane->log.who, "%s", names[i]);
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
			free(a);
		while ((a = queue_pop(&lane->waiting)) != NULL)
			free(a);
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
