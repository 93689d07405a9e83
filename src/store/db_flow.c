/*
 * A lane is one PGconn in pipeline mode with a Sync behind every statement, so each is its own
 * transaction and one that fails leaves its neighbours alone.  Asking only queues; the lane is
 * poked at the end of the turn and keeps at most MOST_IN_FLIGHT on their way.
 *
 * Results of a statement come as: rows or error, NULL, then the Sync's own result.  It commits at
 * the Sync, and a server that dies in between still sends what it had ready: so an answer is held
 * until the Sync's result is there, and an error on the way takes its place.
 *
 * Statements are prepared the first time a connection sees them, in the same pipeline, just in
 * front of their first use.
 */
#include "store/db_parts.h"

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MOST_IN_FLIGHT 256
#define MOST_REPEATS   5

/* --- sending ------------------------------------------------------------------------------ */

static bool
lane_is_prepared(const struct lane *lane, const struct db_stmt *st)
{
	for (int i = 0; i < lane->nprepared; i++)
		if (lane->prepared[i] == st)
			return true;
	return false;
}

bool
lane_put(struct lane *lane, struct ask *a)
{
	const char *values[MOST_ARGS];
	int ok;

	if (a->stmt == &db_greet) {
		ok = PQsendQueryParams(lane->conn, db_greet.sql, 0, NULL, NULL, NULL, NULL, 0);
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

void
lane_flush(struct lane *lane)
{
	int left = PQflush(lane->conn);

	if (left < 0)
		lane_lost(lane, PQerrorMessage(lane->conn));
	else if (left == 1)
		event_add(lane->writable, NULL);
}

/* In step nothing else happens before the answers are here. */
void
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

void
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

/* Those whose time is over leave the waiting line; what flies is waited for by the server's own
 * timeouts, or by the keepalive that ends the connection. */
void
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

/* --- receiving ---------------------------------------------------------------------------- */

/* What may be done next, from the SQLSTATE. */
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
	if (a->stmt == &db_greet) {
		lane_greeted(lane, result);
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

void
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
