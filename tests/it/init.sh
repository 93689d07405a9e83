#!/bin/sh
# powergatectl init on a PostgreSQL that has never seen it, and what the roles it makes may do.
#   tests/it/init.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os, subprocess, sys
import gate

BUILD = sys.argv[1]
REMOTE, LOCAL = "202600000001", "202600000002"


def init(db, *words, user=None):
    conninfo = db.conninfo.replace("user=postgres", f"user={user}") if user else db.conninfo
    p = subprocess.run([BUILD + "/powergatectl", "init", "--db", conninfo, "--no-system", "--sql", gate.ROOT + "/sql",
                        *words], capture_output=True, text=True, check=False)
    return p.returncode, p.stdout + p.stderr


def as_role(db, role, sql):
    """What the server says to it; empty when it was done."""
    try:
        db.psql("SET search_path = powergate, door;\n" + sql, conninfo=db.conninfo.replace("user=postgres", f"user={role}"))
    except RuntimeError as e:
        return str(e)
    return ""


def made(db):
    code, said = init(db, "--database", "Bad-Name")
    gate.ok(code == 1 and "is no name" in said, "a name that would have to be quoted is refused", said)
    code, said = init(db, "--database", "heads", "--principal", "nobody-of-that-name")
    gate.ok(code == 1 and "no user" in said, "a principal who is no user is refused", said)
    code, said = init(db, "--database", "heads", "--principal", str(os.getuid()))
    gate.ok(code == 0 and "principal" in said and "made, admin" in said, "what was begun is taken up: the first principal is made", said)
    code, again = init(db, "--database", "heads", "--principal", str(os.getuid()))
    gate.ok(code == 0 and again.count("there already") >= 6 and ": made\n" not in again, "once more, everything is there already", again)
    db.run("CREATE DATABASE foreign_one; CREATE ROLE plain LOGIN")
    code, said = init(db, "--database", "foreign_one")
    gate.ok(code == 1 and "belongs to postgres" in said, "a database of somebody else is left alone", said)
    code, said = init(db, "--database", "heads", user="plain")
    gate.ok(code == 1 and "no superuser" in said, "who is no superuser is told so", said)
    code, said = init(db, "--database", "heads", user="not_there")
    gate.ok(code == 3, "a server that cannot be reached is another exit code", said)


def rights(db):
    roles = db.rows("SELECT rolname, rolsuper, rolcanlogin, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname LIKE 'powergate%' ORDER BY 1")
    gate.ok(roles == [["powergate_app", "f", "t", "f", "f"], ["powergate_owner", "f", "f", "f", "f"], ["powergate_read", "f", "f", "f", "f"]],
            "three roles, none with power over the server, one may log in", roles)
    for what, sql in (
            ("read a table", "SELECT * FROM powergate.payment"), ("write one", "UPDATE powergate.account_state SET prepaid_minor = 1"),
            ("empty one", "TRUNCATE powergate.journal"), ("call what is not its door", "SELECT powergate.mark_dirty(ARRAY[1]::bigint[], 1)"),
            ("make a table", "CREATE TABLE door.x (a int)"), ("lay one in the way", "CREATE TEMP TABLE payment (a int)"),
            ("make a function", "CREATE FUNCTION door.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
            ("become the owner", "SET ROLE powergate_owner"), ("switch off a trigger", "SET session_replication_role = replica")):
        said = as_role(db, "powergate_app", sql)
        gate.ok("permission denied" in said, f"the daemon's role may not {what}", said)
    gate.ok(not as_role(db, "powergate_app", "SELECT door.schema()"), "it may call its door")
    db.run("CREATE ROLE accountant LOGIN IN ROLE powergate_read")
    gate.ok(not as_role(db, "accountant", "SELECT count(*) FROM posting"), "a reader reads")
    for what, sql in (("write", "UPDATE account_state SET prepaid_minor = 1"), ("call the door", "SELECT door.headend_hold(1)"),
                      ("call anything", "SELECT powergate.mark_dirty(ARRAY[1]::bigint[], 1)")):
        said = as_role(db, "accountant", sql)
        gate.ok("permission denied" in said or "does not exist" in said, f"and may not {what}", said)
    loose = db.rows("SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner WHERE p.pronamespace = 'door'::regnamespace "
                    "AND NOT (p.prosecdef AND o.rolname = 'powergate_owner' AND p.proconfig @> ARRAY['search_path=powergate, pg_temp'])")
    gate.ok(loose == [], "each function of the door runs as the owner, on a path nobody can lay anything into", loose)


with gate.Cluster(BUILD, schema=False) as db:
    made(db)
    db.conninfo = db.conninfo.replace("dbname=postgres", "dbname=heads")
    rights(db)
    with gate.Daemon(BUILD, db) as d:
        d.remote("R1", REMOTE)
        d.local("L1", LOCAL)
        with gate.Sim(BUILD, d, [{"address": REMOTE}, {"address": LOCAL, "profile": "wallet-esam", "opened": "yes", "customer": LOCAL}]) as sim:
            sim.online(2)
            d.commission(LOCAL)
            gate.ok(d.pay("R1", 5000, "I-1").status == 200 and d.pay("L1", 5000, "I-2").status == 200, "with these rights payments are taken")
            gate.ok(gate.comes(lambda: len(sim.truth("credit", LOCAL)) == 1, 15), "and credit reaches its meter", d.log()[-1500:])
        gate.ok("permission denied" not in d.log() and not db.ledger_problems(), "nothing was missing", d.log()[-1500:])
sys.exit(gate.done())
PY
