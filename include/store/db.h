/*
 * db -- lanes: a pipelined PostgreSQL connection per kind of work, in order, reconnecting and
 * repeating by itself.
 *
 * One call is one prepared statement and one transaction of its own; there is nothing to check
 * out and no transaction is left open.  Within a lane statements run in the order they were
 * asked.  The answer comes later, once, from the loop.
 *
 * When a connection is lost, statements that were on their way and say `repeatable` (they carry
 * a key that makes doing them twice harmless) are asked again on the next connection, in order;
 * the others answer ERR_UNCERTAIN.  A statement with `patience_us` answers ERR_RETRY (never
 * sent) or ERR_UNCERTAIN (sent, unknown) when that time is over.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct db;
struct db_rows;

enum db_lane { DB_MONEY, DB_BILLING, DB_RATING, DB_COMMANDS, DB_BULK, DB_RECON, DB_LANES };
const char *db_lane_name(enum db_lane lane);

struct db_stmt {
	const char *name; /* also the prepared statement's name */
	enum db_lane lane;
	bool repeatable;
	int64_t patience_us; /* 0: waits as long as it takes */
	const char *sql;     /* constant text; input comes as parameters only */
};

struct db_arg {
	bool null;
	const char *text; /* NULL: number holds it */
	char number[24];
};

/* rows is NULL exactly when e->class is not ERR_NONE.  Both are borrowed for the call. */
typedef void db_fn(const struct db_rows *rows, const struct err *e, void *arg);
typedef void db_heard_fn(const char *payload, void *arg);
/* The schema in the database is not the one this program was built for. */
typedef void db_unfit_fn(const char *why, void *arg);

struct db *db_new(
    struct loop *l, const char *conninfo, const char *schema, db_unfit_fn *unfit, void *arg);
/* Whether a connection string can be read; nobody is connected. */
int db_try(const char *conninfo, struct err *e);
void db_free(struct db *db); /* nobody is answered any more */
/* Right after db_new(), for stories: one connection for all lanes, and each statement is waited
 * for where it is sent, so that nothing depends on how fast the database is. */
void db_in_step(struct db *db);

void db_send(struct db *db, const struct db_stmt *st, db_fn *fn, void *arg,
    const struct db_arg *args, size_t n);
#define db_ask(db, st, fn, arg, ...)                                           \
	db_send((db), (st), (fn), (arg), (const struct db_arg[]){__VA_ARGS__}, \
	    sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg))
/* arg is from mem_new(): fn frees it, or db_free() when fn is never called. */
void db_send_owned(struct db *db, const struct db_stmt *st, db_fn *fn, void *arg,
    const struct db_arg *args, size_t n);
#define db_ask_owned(db, st, fn, arg, ...)                                           \
	db_send_owned((db), (st), (fn), (arg), (const struct db_arg[]){__VA_ARGS__}, \
	    sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg))

void db_listen(struct db *db, const char *channel, db_heard_fn *fn, void *arg);
int db_backlog(const struct db *db, enum db_lane lane); /* asked and not answered */
bool db_up(const struct db *db);                        /* every lane is connected */

/* Arguments */
struct db_arg db_int(int64_t v);
struct db_arg db_bool(bool v);
struct db_arg db_text(const char *s); /* NULL is NULL; borrowed until db_send returns */
struct db_arg db_null(void);

/* Columns for unnest(): "{1,2,3}" built value by value. */
struct db_column {
	struct buf text;
	int n;
};
void db_column_int(struct db_column *c, int64_t v);
void db_column_text(struct db_column *c, const char *s); /* NULL is NULL */
void db_column_bytes(struct db_column *c, struct span s);
void db_column_null(struct db_column *c);
struct db_arg db_array(struct db_column *c); /* closes it; borrowed like db_text */
void db_column_clear(struct db_column *c);   /* empty again, keeps its memory */
void db_column_free(struct db_column *c);

/* Rows */
int db_rows_count(const struct db_rows *rows);
bool db_cell_null(const struct db_rows *rows, int row, int col);
int64_t db_cell_int(const struct db_rows *rows, int row, int col); /* 0 when NULL */
bool db_cell_bool(const struct db_rows *rows, int row, int col);
const char *db_cell_text(const struct db_rows *rows, int row, int col); /* "" when NULL */
void db_cell_copy(const struct db_rows *rows, int row, int col, char *out, size_t room);

#endif
