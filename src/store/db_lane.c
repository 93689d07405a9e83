/*
 * A connection's life.  The greeting, door.schema(), travels through the same pipeline as all
 * that follows, so there is one way of reading results and not two; nothing else is sent before
 * it is answered and fits.
 *
 *	DOWN --PQconnectStart--> CONNECTING --ready--> GREETING --the schema fits--> UP
 *	  ^--------------------------- lost, back-off ---------------------------------------/
 */
#include "store/db_parts.h"

#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_US   (SECOND_US / 4)
#define MOST_BACKOFF (5 * SECOND_US)
#define CONNECT_US   (10 * SECOND_US)

/* --- lost --------------------------------------------------------------------------------- */

void
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
		if (a->preparing || a->stmt == &db_greet)
			free(a);
		else if (a->stmt->repeatable)
			queue_push(&lane->waiting, a);
		else
			queue_push(&unsure, a);
	}
	queue_append(&lane->waiting, &old);
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

/* --- found -------------------------------------------------------------------------------- */

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

void
lane_greeted(struct lane *lane, const PGresult *result)
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
	hello = ask_new(&db_greet, NULL, NULL, NULL, 0);
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
	queue_append(&lane->waiting, &old);
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

void
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
