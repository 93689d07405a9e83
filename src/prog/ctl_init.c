/*
 * From a fresh PostgreSQL to a head-end that can start: roles, database, schema, the first
 * principal, the system user and its directories.
 *
 * Each step looks first and says what it did or that it was there already, so it may be run any
 * number of times.  What is there already is never changed.
 *
 * root has no role of its own in a fresh PostgreSQL; without --db it therefore connects the way
 * the system user postgres would, whom the server knows by the other end of the socket.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "prog/ctl.h"
#include "prog/ctl_migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OWNER       "powergate_owner"
#define SYSTEM_USER "powergate"

extern char **environ;

/* The only names that ever get into a statement. */
static char *
identifier(PGconn *db, const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > 63 || (name[0] >= '0' && name[0] <= '9') ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") != len) {
		err_set(e, ERR_INPUT, "\"%.70s\" is no name: a-z 0-9 _, 63 at most, no digit first",
		    name);
		return NULL;
	}
	return PQescapeIdentifier(db, name, len);
}

static PGconn *
connect_to(const struct ctl *c, const char *database, struct err *e)
{
	const char *conninfo = ctl_value(c, "db");
	const struct passwd *pw = getpwnam("postgres");
	bool become = conninfo == NULL && geteuid() == 0 && pw != NULL;
	PGconn *db;

	if (become && seteuid(pw->pw_uid) < 0)
		become = false;
	if (conninfo == NULL)
		conninfo = become ? "dbname=postgres user=postgres" : "dbname=postgres";
	db = migrate_connect(conninfo, database, e);
	if (become && seteuid(0) < 0)
		abort();
	return db;
}

/* --- the server ---------------------------------------------------------------------------- */

static int
need_superuser(PGconn *db, struct err *e)
{
	char *super;
	int rc = migrate_ask(
	    db, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", 0, NULL, &super, e);

	if (rc == 0 && (super == NULL || strcmp(super, "t") != 0))
		rc = err_set(
		    e, ERR_REFUSED, "%s is no superuser of this server: see --db", PQuser(db));
	free(super);
	return rc;
}

static int
make_role(PGconn *db, const char *name, const char *may, struct err *e)
{
	char sql[200], *there, *quoted = identifier(db, name, e);
	int rc;

	if (quoted == NULL)
		return -1;
	rc = migrate_ask(db, "SELECT 1 FROM pg_roles WHERE rolname = $1", 1, &name, &there, e);
	snprintf(sql, sizeof sql, "CREATE ROLE %s %s", quoted, may);
	if (rc == 0 && there == NULL)
		rc = migrate_exec(db, name, sql, e);
	if (rc == 0)
		printf(_("role %s: %s\n"), name, there == NULL ? _("made") : _("there already"));
	PQfreemem(quoted);
	free(there);
	return rc;
}

/* Locale C: the order of texts never changes under an index when the system is upgraded. */
static int
make_database(PGconn *db, const char *name, struct err *e)
{
	char sql[300], *owner, *quoted = identifier(db, name, e);
	int rc;

	if (quoted == NULL)
		return -1;
	rc = migrate_ask(db, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1",
	    1, &name, &owner, e);
	snprintf(sql, sizeof sql,
	    "CREATE DATABASE %s OWNER " OWNER " TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
	    quoted);
	if (rc == 0 && owner == NULL)
		rc = migrate_exec(db, name, sql, e);
	else if (rc == 0 && strcmp(owner, OWNER) != 0)
		rc = err_set(e, ERR_REFUSED, "database %s is there and belongs to %s, not to %s",
		    name, owner, OWNER);
	if (rc == 0)
		printf(
		    _("database %s: %s\n"), name, owner == NULL ? _("made") : _("there already"));
	PQfreemem(quoted);
	free(owner);
	return rc;
}

static int
prepare_server(const struct ctl *c, const char *database, struct err *e)
{
	PGconn *db = connect_to(c, NULL, e);
	int rc;

	if (db == NULL)
		return -1;
	rc = need_superuser(db, e);
	if (rc == 0)
		rc = make_role(db, OWNER, "NOLOGIN", e);
	if (rc == 0)
		rc = make_role(db, "powergate_app", "LOGIN", e);
	if (rc == 0)
		rc = make_role(db, "powergate_read", "NOLOGIN", e);
	if (rc == 0)
		rc = make_database(db, database, e);
	PQfinish(db);
	return rc;
}

/* --- the first principal ------------------------------------------------------------------- */

static int
find_principal(const struct ctl *c, uid_t *uid, char name[64], struct err *e)
{
	const char *who = ctl_value(c, "principal"), *sudo = getenv("SUDO_UID");
	const struct passwd *pw = who != NULL ? getpwnam(who) : NULL;
	unsigned long n;
	char *end;

	if (who == NULL)
		who = sudo;
	if (pw != NULL) {
		*uid = pw->pw_uid;
	} else if (who == NULL) {
		*uid = getuid();
	} else {
		errno = 0;
		n = strtoul(who, &end, 10);
		if (who[0] < '0' || who[0] > '9' || *end != '\0' || errno != 0 || n >= (uid_t)-1)
			return err_set(e, ERR_INPUT, "--principal: no user \"%.60s\"", who);
		*uid = (uid_t)n;
	}
	if (pw == NULL)
		pw = getpwuid(*uid);
	if (pw != NULL)
		snprintf(name, 64, "%s", pw->pw_name);
	else
		snprintf(name, 64, "uid %u", (unsigned)*uid);
	return 0;
}

static int
make_principal(PGconn *db, uid_t uid, const char *name, struct err *e)
{
	struct timespec now;
	char id[16], at[24], *role, *none;
	const char *args[] = {id, name, at};
	int rc;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(id, sizeof id, "%u", (unsigned)uid);
	snprintf(at, sizeof at, "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	rc = migrate_ask(
	    db, "SELECT role FROM powergate.principal WHERE uid = $1::bigint", 1, args, &role, e);
	if (rc == 0 && role == NULL)
		rc = migrate_ask(db,
		    "INSERT INTO powergate.principal (uid, name, role, created_us)"
		    " VALUES ($1::bigint, $2, 'admin', $3::bigint)",
		    3, args, &none, e);
	if (rc == 0 && role == NULL)
		printf(_("principal %s (%s): made, admin\n"), name, id);
	else if (rc == 0)
		printf(_("principal %s (%s): there already, %s\n"), name, id, role);
	free(role);
	return rc;
}

static int
prepare_database(const struct ctl *c, const char *database, struct err *e)
{
	char name[64];
	uid_t uid = 0;
	PGconn *db;
	int rc;

	if (find_principal(c, &uid, name, e) < 0 || (db = connect_to(c, database, e)) == NULL)
		return -1;
	rc = migrate_run(db, ctl_value(c, "sql"), e);
	if (rc == 0)
		rc = make_principal(db, uid, name, e);
	PQfinish(db);
	return rc;
}

/* --- the system ---------------------------------------------------------------------------- */

static int
make_user(struct err *e)
{
	static const char *const words[] = {"useradd", "--system", "--user-group", "--home-dir",
	    "/var/lib/powergate", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER,
	    NULL};
	int why, status = 0;
	pid_t pid;

	if (getpwnam(SYSTEM_USER) != NULL) {
		printf(_("system user %s: there already\n"), SYSTEM_USER);
		return 0;
	}
	fflush(stdout);
	why = posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)words, environ);
	if (why != 0)
		return err_set(e, ERR_INPUT, "%s: %s", words[0], strerror(why));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_INPUT, "useradd %s failed", SYSTEM_USER);
	printf(_("system user %s: made\n"), SYSTEM_USER);
	return 0;
}

static int
make_directory(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	bool made = mkdir(path, 0750) == 0;
	int fd, result = 0;

	if (!made && errno != EEXIST)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	/* One that `make install` made has not got its group yet; a link is not followed. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, 0750) < 0)
		result = err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (result == 0)
		printf("%s: %s\n", path, made ? _("made") : _("there already"));
	return result;
}

static int
prepare_system(struct err *e)
{
	const struct passwd *pw;

	if (geteuid() != 0) {
		printf(_("system user and directories: left alone, you are not root\n"));
		return 0;
	}
	if (make_user(e) < 0)
		return -1;
	if ((pw = getpwnam(SYSTEM_USER)) == NULL)
		return err_set(e, ERR_INPUT, "system user %s cannot be looked up", SYSTEM_USER);
	if (make_directory("/etc/powergate", 0, pw->pw_gid, e) < 0)
		return -1;
	if (chown("/etc/powergate/powergated.yaml", 0, pw->pw_gid) < 0 && errno != ENOENT)
		return err_set(e, ERR_INPUT, "/etc/powergate/powergated.yaml: %s", strerror(errno));
	return make_directory("/var/lib/powergate", pw->pw_uid, pw->pw_gid, e);
}

enum ctl_exit
ctl_init(struct ctl *c)
{
	const char *database = ctl_value(c, "database");
	struct err e;
	int rc;

	if (database == NULL)
		database = "powergate";
	rc = prepare_server(c, database, &e);
	if (rc == 0)
		rc = prepare_database(c, database, &e);
	if (rc == 0 && ctl_value(c, "no_system") == NULL)
		rc = prepare_system(&e);
	if (rc == 0)
		return CTL_DONE;
	ctl_complain("%s", e.text);
	return e.class == ERR_RETRY ? CTL_UNREACHED : CTL_NO;
}
