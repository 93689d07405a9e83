/*
 * ctl_migrate -- the database brought to what this build wants, for migrate and init.
 */
#ifndef PROG_CTL_MIGRATE_H
#define PROG_CTL_MIGRATE_H

#include <libpq-fe.h>

struct err;

/* database NULL: the one conninfo names. */
PGconn *migrate_connect(const char *conninfo, const char *database, struct err *e);
/* Says on standard output what it did.  dir NULL: where `make install` put it. */
int migrate_run(PGconn *db, const char *dir, struct err *e);

/* Any number of statements; an error begins with `where` and, if the server tells, the line. */
int migrate_exec(PGconn *db, const char *where, const char *sql, struct err *e);
/* One statement with its parameters; *out is its one cell, owned by the caller, or NULL. */
int migrate_ask(
    PGconn *db, const char *sql, int n, const char *const *args, char **out, struct err *e);

#endif
