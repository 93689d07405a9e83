/*
 * db_parts -- what db.c (asking), db_lane.c (a connection's life) and db_flow.c (what goes out
 * on it and what comes back) share; nobody else includes it.
 */
#ifndef STORE_DB_PARTS_H
#define STORE_DB_PARTS_H

#include "base/log.h"
#include "base/loop.h"
#include "store/db.h"

#include <libpq-fe.h>

#define MOST_PREPARED 256
#define MOST_ARGS     32

struct event;

enum lane_state { LANE_DOWN, LANE_CONNECTING, LANE_GREETING, LANE_UP };

struct ask {
	struct ask *next;
	const struct db_stmt *stmt;
	db_fn *fn;
	void *arg;
	int64_t deadline_us; /* 0: none; monotonic */
	int repeats;
	bool preparing; /* this entry is a Prepare, not the statement itself */
	bool sent_once, owns_arg;
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

/* db.c */
struct lane *lane_of(struct db *db, enum db_lane which);
extern const struct db_stmt db_greet; /* the first thing a connection is asked */
void queue_init(struct queue *q);
void queue_push(struct queue *q, struct ask *a);
struct ask *queue_pop(struct queue *q);
void queue_append(struct queue *q, const struct queue *more);
struct ask *ask_new(
    const struct db_stmt *st, db_fn *fn, void *arg, const struct db_arg *args, size_t n);
void ask_answer(struct lane *lane, struct ask *a, PGresult *result, const struct err *e);

/* db_lane.c */
void lane_connect(void *lane);
void lane_lost(struct lane *lane, const char *why);
void lane_greeted(struct lane *lane, const PGresult *result);

/* db_flow.c */
bool lane_put(struct lane *lane, struct ask *a);
void lane_flush(struct lane *lane);
void lane_wait(struct lane *lane); /* in step: until the answers are here */
void lane_poke(void *lane);
void lane_read(struct lane *lane);
void lane_impatient(void *lane);

#endif
