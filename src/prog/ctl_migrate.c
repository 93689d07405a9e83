/*
 * The database from whatever it is to what this build wants.
 *
 * sql/migrate/NNNN_*.sql is applied once each, in order, each in its own transaction with its
 * line in schema_version, so an upgrade that is cut off goes on where it stopped.  sql/functions
 * is the current text of every function: all of them are dropped and made anew in one
 * transaction, so callers see the old set or the new one, and a changed signature leaves nothing
 * behind.  In the same transaction the door is hung: its functions run as the owner with a fixed
 * search path, and nobody but powergate_app may call them.
 *
 * Everything is made as the owner of the database, whoever runs this: a function that runs as
 * its owner must not be a superuser's because a superuser happened to upgrade.
 */
#include "prog/ctl_migrate.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "prog/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef POWERGATE_SCHEMA
#include "schema.h"
#endif
#ifndef POWERGATE_SQLDIR
#define POWERGATE_SQLDIR "/usr/local/share/powergate/sql"
#endif

#define LOCK_KEY "8102098874261792871" /* any number nobody else would take */

/* --- one statement --------------------------------------------------------------------------- */

/* The server counts characters from 1; people count lines. */
static int
line_of(const char *sql, const char *position)
{
	long left = position != NULL ? strtol(position, NULL, 10) : 0;
	int line = 1;

	if (left < 1)
		return 0;
	for (; *sql != '\0' && left > 1; sql++) {
		line += *sql == '\n';
		left -= (sql[1] & 0xc0) != 0x80;
	}
	return line;
}

/* libpq's own messages have lines; an error is one. */
static int
server_words(struct err *e, const char *text)
{
	return err_set(e, ERR_INPUT, "%.*s", (int)strcspn(text, "\n"), text);
}

static int
server_said(PGconn *db, const PGresult *r, struct err *e)
{
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);

	if (text == NULL)
		return server_words(e, PQerrorMessage(db));
	return err_set(
	    e, ERR_INPUT, "%s%s%s", text, detail != NULL ? ": " : "", detail != NULL ? detail : "");
}

int
migrate_exec(PGconn *db, const char *where, const char *sql, struct err *e)
{
	PGresult *r = PQexec(db, sql);
	ExecStatusType status = PQresultStatus(r);
	int line, rc = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
	    status != PGRES_EMPTY_QUERY) {
		line = line_of(sql, PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION));
		server_said(db, r, e);
		rc = line > 0 ? err_wrap(e, "%s:%d", where, line) : err_wrap(e, "%s", where);
	}
	PQclear(r);
	return rc;
}

int
migrate_ask(PGconn *db, const char *sql, int n, const char *const *args, char **out, struct err *e)
{
	PGresult *r = PQexecParams(db, sql, n, NULL, args, NULL, NULL, 0);
	int rc = 0;

	*out = NULL;
	if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
		rc = server_said(db, r, e);
	else if (PQntuples(r) > 0 && !PQgetisnull(r, 0, 0))
		*out = mem_text(PQgetvalue(r, 0, 0));
	PQclear(r);
	return rc;
}

/* Given up or kept; what a script did to the transaction itself shows here. */
static int
end_transaction(PGconn *db, const char *where, int rc, struct err *e)
{
	if (rc == 0 && PQtransactionStatus(db) != PQTRANS_INTRANS)
		return err_set(
		    e, ERR_INPUT, "%s: a script must not begin or end transactions", where);
	if (rc == 0)
		return migrate_exec(db, where, "COMMIT", e);
	PQclear(PQexec(db, "ROLLBACK"));
	return rc;
}

/* --- scripts ------------------------------------------------------------------------------- */

static int
script_run(PGconn *db, const struct script *s, struct err *e)
{
	struct buf sql = {0};
	int rc = script_read(s, &sql, e);

	if (rc == 0)
		rc = migrate_exec(db, s->path, buf_text(&sql), e);
	buf_clear(&sql);
	return rc;
}

/* --- versions -------------------------------------------------------------------------------- */

/* What is there must be what the scripts say, as far as it goes; *at is how far. */
static int
versions_there(PGconn *db, const struct scripts *s, int *at, struct err *e)
{
	PGresult *r =
	    PQexec(db, "SELECT version, name FROM powergate.schema_version ORDER BY version");
	int rc = 0, n = PQntuples(r);

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		rc = server_said(db, r, e);
	for (int i = 0; i < n && rc == 0; i++) {
		int version = (int)strtol(PQgetvalue(r, i, 0), NULL, 10);

		if (version > s->n)
			rc = err_set(e, ERR_REFUSED,
			    "the database is at version %s, this program knows %d: it wants a "
			    "newer program",
			    PQgetvalue(r, n - 1, 0), s->n);
		else if (version != i + 1 || strcmp(PQgetvalue(r, i, 1), s->all[i].name) != 0)
			rc = err_set(e, ERR_REFUSED,
			    "the database has %s as version %d, here that is %s",
			    PQgetvalue(r, i, 1), version, s->all[i].name);
	}
	PQclear(r);
	*at = n;
	return rc;
}

static int
version_note(PGconn *db, const struct script *s, struct err *e)
{
	struct timespec now;
	char version[16], at[24], *none;
	const char *args[] = {version, s->name, at};

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(version, sizeof version, "%d", s->version);
	snprintf(at, sizeof at, "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return migrate_ask(db,
	    "INSERT INTO powergate.schema_version VALUES ($1::int, $2, $3::bigint)", 3, args, &none,
	    e);
}

static int
version_apply(PGconn *db, const struct script *s, struct err *e)
{
	int rc = migrate_exec(db, s->path, "BEGIN; SET LOCAL search_path = powergate", e);

	if (rc == 0)
		rc = script_run(db, s, e);
	if (rc == 0)
		rc = version_note(db, s, e);
	rc = end_transaction(db, s->path, rc, e);
	if (rc == 0)
		printf(_("%s: applied\n"), s->name);
	return rc;
}

/* --- functions ------------------------------------------------------------------------------- */

static const char functions_drop[] =
    "DO $$ DECLARE f regprocedure; BEGIN"
    " FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'door'::regnamespace LOOP"
    "  EXECUTE format('DROP ROUTINE %s CASCADE', f);"
    " END LOOP;"
    /* trigger functions belong to the tables and came with them */
    " FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'powergate'::regnamespace"
    "   AND p.prorettype <> 'trigger'::regtype AND NOT EXISTS (SELECT FROM pg_depend d"
    "   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') LOOP"
    "  EXECUTE format('DROP ROUTINE %s', f);"
    " END LOOP; "
    "END $$";

static const char functions_guard[] =
    "REVOKE ALL ON SCHEMA powergate, door FROM PUBLIC;"
    "REVOKE ALL ON ALL TABLES IN SCHEMA powergate FROM PUBLIC;"
    "REVOKE ALL ON ALL ROUTINES IN SCHEMA powergate, door FROM PUBLIC;"
    "DO $$ DECLARE f regprocedure; BEGIN"
    " FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'door'::regnamespace LOOP"
    "  EXECUTE format('ALTER ROUTINE %s SECURITY DEFINER SET search_path = powergate, pg_temp', f);"
    " END LOOP;"
    /* who could make a temporary table could lay it in the way of a function of the owner */
    " EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());"
    " IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'powergate_app') THEN"
    "  GRANT USAGE ON SCHEMA door TO powergate_app;"
    "  GRANT EXECUTE ON ALL ROUTINES IN SCHEMA door TO powergate_app;"
    " END IF;"
    " IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'powergate_read') THEN"
    "  GRANT USAGE ON SCHEMA powergate TO powergate_read;"
    "  GRANT SELECT ON ALL TABLES IN SCHEMA powergate TO powergate_read;"
    " END IF; "
    "END $$";

/* The daemon asks for this at its start and goes no further when it is not its own. */
static int
functions_sign(PGconn *db, int version, struct err *e)
{
	const char *hash = strchr(POWERGATE_SCHEMA, ':');
	char sql[200], *literal, text[80];
	int rc;

	snprintf(text, sizeof text, "%d%s", version, hash != NULL ? hash : "");
	literal = PQescapeLiteral(db, text, strlen(text));
	snprintf(sql, sizeof sql,
	    "CREATE FUNCTION door.schema() RETURNS text LANGUAGE sql STABLE AS $$ SELECT %s::text "
	    "$$",
	    literal);
	PQfreemem(literal);
	rc = migrate_exec(db, "door.schema", sql, e);
	if (rc == 0)
		printf(_("functions: made anew, schema %s\n"), text);
	return rc;
}

/* The months of what grows with time, so that none of it ever lies elsewhere. */
static int
months_make(PGconn *db, struct err *e)
{
	struct timespec now;
	char at[24], *made;
	const char *args[] = {at};
	int rc;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(at, sizeof at, "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	rc = migrate_ask(db,
	    "SELECT string_agg(m, ', ') FROM powergate.months_make(2, $1::bigint) m", 1, args,
	    &made, e);
	if (rc == 0 && made != NULL)
		printf(_("months: %s made\n"), made);
	free(made);
	return rc;
}

static int
functions_apply(PGconn *db, const struct scripts *s, int version, struct err *e)
{
	int rc = migrate_exec(db, "functions", "BEGIN; SET LOCAL search_path = powergate", e);

	if (rc == 0)
		rc = migrate_exec(db, "old functions", functions_drop, e);
	for (int i = 0; i < s->n && rc == 0; i++)
		rc = script_run(db, &s->all[i], e);
	if (rc == 0)
		rc = functions_sign(db, version, e);
	if (rc == 0)
		rc = months_make(db, e);
	if (rc == 0)
		rc = migrate_exec(db, "rights", functions_guard, e);
	return end_transaction(db, "functions", rc, e);
}

/* --- the whole ------------------------------------------------------------------------------- */

/* As the owner of what is there, or of the database. */
static int
become_owner(PGconn *db, struct err *e)
{
	char *owner, *quoted, sql[200];
	int rc = migrate_ask(db,
	    "SELECT pg_get_userbyid(COALESCE((SELECT nspowner FROM pg_namespace WHERE nspname = "
	    "'powergate'),"
	    " (SELECT datdba FROM pg_database WHERE datname = current_database())))",
	    0, NULL, &owner, e);

	if (rc < 0)
		return rc;
	if (owner == NULL)
		return err_set(e, ERR_BUG, "the database has no owner");
	quoted = PQescapeIdentifier(db, owner, strlen(owner));
	snprintf(sql, sizeof sql, "SET ROLE %s", quoted);
	PQfreemem(quoted);
	free(owner);
	return migrate_exec(db, "owner of the database", sql, e);
}

int
migrate_run(PGconn *db, const char *dir, struct err *e)
{
	struct scripts tables = {0}, functions = {0};
	int at = 0, rc;

	if (dir == NULL)
		dir = POWERGATE_SQLDIR;
	rc = scripts_find(&tables, dir, "migrate", e);
	if (rc == 0)
		rc = scripts_number(&tables, (int)strtol(POWERGATE_SCHEMA, NULL, 10), e);
	if (rc == 0)
		rc = scripts_find(&functions, dir, "functions", e);
	if (rc == 0)
		rc = become_owner(db, e);
	if (rc == 0)
		rc = migrate_exec(db,
		    "another migration is at work", /* let go with the connection */
		    "SELECT pg_advisory_lock(" LOCK_KEY ")", e);
	if (rc == 0)
		rc = migrate_exec(db, "schemas",
		    "CREATE SCHEMA IF NOT EXISTS powergate; CREATE SCHEMA IF NOT EXISTS door;"
		    "CREATE TABLE IF NOT EXISTS powergate.schema_version ("
		    " version int PRIMARY KEY, name text NOT NULL, applied_us bigint NOT NULL)",
		    e);
	if (rc == 0)
		rc = versions_there(db, &tables, &at, e);
	if (rc == 0 && at == tables.n)
		printf(_("%s: the newest, there already\n"), tables.all[at - 1].name);
	for (; rc == 0 && at < tables.n; at++)
		rc = version_apply(db, &tables.all[at], e);
	if (rc == 0)
		rc = functions_apply(db, &functions, tables.n, e);
	scripts_clear(&functions);
	scripts_clear(&tables);
	return rc;
}

PGconn *
migrate_connect(const char *conninfo, const char *database, struct err *e)
{
	/* libpq takes the first dbname apart; a second one has the last word */
	const char *const words[] = {
	    "fallback_application_name", "dbname", "dbname", "client_encoding", NULL};
	const char *const values[] = {"powergatectl", conninfo, database, "UTF8", NULL};
	PGconn *db = PQconnectdbParams(words, values, 1);

	if (PQstatus(db) == CONNECTION_OK && migrate_exec(db, "session",
						 "SET client_min_messages = warning; SET "
						 "statement_timeout = 0; SET lock_timeout = '60s'",
						 e) == 0)
		return db;
	if (PQstatus(db) != CONNECTION_OK)
		server_words(e, PQerrorMessage(db)), e->class = ERR_RETRY;
	PQfinish(db);
	return NULL;
}

enum ctl_exit
ctl_migrate(struct ctl *c)
{
	struct err e;
	PGconn *db = migrate_connect(ctl_value(c, "db"), NULL, &e);
	int rc = -1;

	if (db != NULL)
		rc = migrate_run(db, ctl_value(c, "sql"), &e);
	if (rc < 0)
		ctl_complain("%s", e.text);
	if (db == NULL)
		return CTL_UNREACHED;
	PQfinish(db);
	return rc < 0 ? CTL_NO : CTL_DONE;
}
