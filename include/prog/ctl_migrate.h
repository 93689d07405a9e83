/*
 * ctl_migrate -- the database brought to what this build wants, for migrate and init.
 */
#ifndef PROG_CTL_MIGRATE_H
#define PROG_CTL_MIGRATE_H

#include <libpq-fe.h>

struct buf;
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

/* --- ctl_scripts.c: the files --------------------------------------------------------------- */

struct script {
	int version; /* of migrate/ */
	char *name;  /* without ".sql" */
	char *path;
};

struct scripts {
	struct script *all;
	int n;
};

/* All of dir/part/ in the order of their names. */
int scripts_find(struct scripts *s, const char *dir, const char *part, struct err *e);
/* 0001_words, 0002_words ... without a gap, up to what this program is made for. */
int scripts_number(struct scripts *s, int known, struct err *e);
void scripts_clear(struct scripts *s);
int script_read(const struct script *s, struct buf *sql, struct err *e);

#endif
