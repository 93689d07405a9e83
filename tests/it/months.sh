#!/bin/sh
# Readings lie in months: made ahead, dropped when they are old and billed, and never moved.
#   tests/it/months.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import glob
import os
import subprocess
import sys
import time

import field
import gate

BUILD = sys.argv[1]
BILLED, OWED = METERS = ["202600007001", "202600007002"]
TODAY = datetime.datetime.now(datetime.timezone.utc)


def month(n):
    """202611, n months from this one, and when it begins."""
    i = TODAY.year * 12 + TODAY.month - 1 + n
    return i // 12 * 100 + i % 12 + 1, int(datetime.datetime(i // 12, i % 12 + 1, 1, tzinfo=datetime.timezone.utc).timestamp()) * 1000000


def parts(db, conninfo=None):
    return [n for n, in (line.split(",") for line in db.psql(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'powergate.reading'::regclass "
        "ORDER BY 1", conninfo).split())]


def insert(db, at, meter, wh):
    db.run(f"INSERT INTO powergate.reading SELECT {at}, id, 'total_wh', {wh}, {at} FROM powergate.meter WHERE address = '{meter}'")


def make(db, number):
    db.run(f"SET search_path = powergate; SELECT powergate.month_make('reading', {number})")


def item(d):
    return [w for w in field.work(d, "MONTHS") if w["state"] != "resolved"]


def ahead(db):
    wanted = [f"reading_{month(n)[0]}" for n in range(3)] + ["reading_rest"]
    gate.ok(parts(db) == wanted, "init makes this month, the two after it, and the rest", parts(db))
    keys = db.rows("SELECT c.relname, count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname LIKE 'reading\\_2%' GROUP BY 1")
    gate.ok(len(keys) == 3 and all(n == "2" for _, n in keys), "each with both indexes", keys)
    owners = db.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 'reading\\_2%'")
    gate.ok(owners == [["powergate_owner"]], "they are not the daemon's", owners)
    for what, sql in (("make one", "SELECT powergate.month_make('reading', 209901)"), ("drop one", f"DROP TABLE powergate.{wanted[0]}"),
                      ("write one", f"DELETE FROM powergate.{wanted[0]}")):
        try:
            db.psql(sql, gate.as_daemon(db.conninfo))
            gate.ok(False, f"its role may not {what}")
        except RuntimeError as e:
            gate.ok("permission denied" in str(e), f"its role may not {what}", e)
    try:
        db.run("SELECT powergate.month_make('payment', 202601)")
        gate.ok(False, "no other table is cut into months")
    except RuntimeError as e:
        gate.ok("does not lie in months" in str(e), "no other table is cut into months", e)


def lands(db):
    gate.until(lambda: db.value(f"SELECT count(*) FROM powergate.reading_{month(0)[0]}") > 0, 15, "a reading")
    gate.ok(db.value("SELECT count(*) FROM powergate.reading_rest") == 0, "what is read lies in its month, and nothing in the rest")
    plan = db.psql(f"EXPLAIN SELECT * FROM powergate.reading WHERE at_us >= {month(0)[1]} AND at_us < {month(1)[1]}")
    gate.ok(f"reading_{month(0)[0]}" in plan and f"reading_{month(1)[0]}" not in plan, "who asks for one month looks into one table", plan)


def strays(d, db):
    """A row for which there was no month."""
    number, starts = month(7)
    insert(db, starts + 5, OWED, 77)
    insert(db, month(-3)[1] + 5, BILLED, 78)
    insert(db, 5, BILLED, 1)  # of 1970
    gate.ok(db.value("SELECT count(*) FROM powergate.reading_rest") == 3, "rows without a month lie in the rest")
    d.stop()
    d.start()
    gate.until(lambda: f"reading_{number}" in parts(db), 10, "the month")
    gate.ok(db.value(f"SELECT value FROM powergate.reading_{number}") == 77, "they get their months, whole")
    gate.ok(db.rows("SELECT at_us FROM powergate.reading_rest") == [["5"]], "but for one that no clock of ours has shown")
    gate.ok(db.value("SELECT count(*) FROM powergate.reading WHERE value IN (77, 78)") == 2, "and nothing is lost")
    told = item(d)
    gate.ok(len(told) == 1 and told[0]["text"].startswith("3 rows of reading had no month"), "a person hears of it", told)
    db.run("DELETE FROM powergate.reading WHERE at_us = 5 OR value = 77")


def dropped(d, db):
    """Two old months: one is billed, in the other a reading is not."""
    old, older = month(-5), month(-6)
    for number, starts in (old, older):
        make(db, number)
        for n in range(3):
            insert(db, starts + n, BILLED, n)
    insert(db, old[1] + 9, OWED, 5)
    d.configure({"reading": {"keep_months": 4}})
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.installation WHERE billed_us IS NOT NULL") == 2, 15, "the rating")
    db.run(f"UPDATE powergate.installation SET billed_us = {old[1] + 8} WHERE meter_id = (SELECT id FROM powergate.meter WHERE address = '{OWED}')")
    d.stop()
    db.run("UPDATE powergate.account_state SET rate_us = NULL")
    d.start()
    gate.until(lambda: f"reading_{older[0]}" not in parts(db), 10, "the drop")
    gate.ok(True, "a month that is old enough, and billed, is dropped")
    gate.ok(f"reading_{month(-3)[0]}" in parts(db), "one that is younger stays")
    gate.ok(d.says(f"reading_{older[0]} is dropped"), "the log says so")
    return old


def needed(d, db, old):
    name = f"reading_{old[0]}"
    told = [w for w in item(d) if name in w["text"]]
    gate.ok(name in parts(db) and len(told) == 1 and OWED in told[0]["text"], "one with a reading that is not billed stays, and says whose", told)
    d.stop()
    db.run("UPDATE powergate.installation SET billed_us = (SELECT max(at_us) FROM powergate.reading)")
    period = db.value("SELECT count(*) FROM powergate.tenancy")
    db.run(f"UPDATE powergate.tenancy SET period_us = {old[1] + 1}")
    d.start()
    time.sleep(1)
    gate.ok(period == 2 and name in parts(db), "one within a tier period that is not over stays")
    d.stop()
    db.run(f"UPDATE powergate.tenancy SET period_us = {month(0)[1]}")
    d.start()
    gate.until(lambda: name not in parts(db), 10, "the drop")
    gate.ok(not [w for w in item(d) if name in w["text"]], "then it goes, and so does what was said of it")
    row = db.rows(f"SELECT dropped_us IS NOT NULL FROM powergate.month_part WHERE name = '{name}'")
    gate.ok(row == [["t"]], "what was dropped, and when, is kept", row)


def alone(db, d):
    """Another node finds the lease taken."""
    b = gate.Daemon(BUILD, db, node="b")
    time.sleep(0.5)
    gate.ok(db.value("SELECT node FROM powergate.lease WHERE job = 'months'") == "a", "one node does it", b.log()[-500:])
    d.stop()
    b.stop()
    db.run("UPDATE powergate.lease SET until_us = 1")
    b.start()
    gate.ok(gate.comes(lambda: db.value("SELECT node FROM powergate.lease WHERE job = 'months'") == "b", 10), "another one when that has gone")
    b.stop()
    d.start()


def waits(d, db):
    """Somebody reads all of it, for long."""
    d.stop()
    db.run("UPDATE powergate.lease SET until_us = 1")
    make(db, month(-8)[0])
    d.configure({"reading": {"keep_months": 4}})
    with subprocess.Popen(["psql", "-X", "-q", db.conninfo], stdin=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL) as reader:
        reader.stdin.write("BEGIN; SELECT count(*) FROM powergate.reading;\n")
        reader.stdin.flush()
        gate.until(lambda: db.value("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'reading'") > 0, 10)
        d.start()
        said = d.says("are not looked after: months_keep: canceling statement due to lock timeout", 10)
        gate.ok(said, "it does not wait long for who reads all of it", d.log()[-500:])
        seen = db.value("SELECT max(heard_us) FROM powergate.reading")
        gate.ok(gate.comes(lambda: db.value("SELECT max(heard_us) FROM powergate.reading") > seen, 10), "and readings go on meanwhile")
        reader.stdin.write("COMMIT;\n")
        reader.stdin.close()
    d.stop()
    d.start()
    gate.ok(gate.comes(lambda: f"reading_{month(-8)[0]}" not in parts(db), 10), "at its next time the month goes")


def upgraded(db):
    """A database from before there were months."""
    conninfo = db.database("old")
    scripts = sorted(glob.glob(gate.ROOT + "/sql/migrate/*.sql"))
    before = scripts[:[os.path.basename(s)[5:] for s in scripts].index("months.sql")]
    text = "CREATE SCHEMA powergate; CREATE SCHEMA door; CREATE TABLE powergate.schema_version (version int PRIMARY KEY, name text NOT NULL, " \
           "applied_us bigint NOT NULL); SET search_path = powergate;\n"
    for n, path in enumerate(before):
        with open(path, encoding="utf-8") as f:
            text += f.read() + f"\nINSERT INTO schema_version VALUES ({n + 1}, '{os.path.basename(path)[:-4]}', 0);\n"
    db.psql(text, conninfo)
    now = int(time.time() * 1000000)
    db.psql("INSERT INTO powergate.reading SELECT generate_series(1::bigint, 20000) * 1000000 + "
            f"{now} - 30000000000, 1, 'total_wh', 1, 1", conninfo)
    where = "SELECT pg_relation_filenode('powergate.%s'::regclass)"
    lay = db.psql(where % "reading_rest", conninfo)
    p = subprocess.run([BUILD + "/powergatectl", "migrate", "--db", conninfo, "--sql", gate.ROOT + "/sql"], capture_output=True, text=True, check=False)
    gate.ok(p.returncode == 0, "a database from before is brought up to date", p.stdout + p.stderr)
    gate.ok(db.psql(where % "reading_before", conninfo) == lay, "its readings lie where they lay")
    gate.ok(db.psql("SELECT count(*) FROM powergate.reading", conninfo).strip() == "20000" and
            db.psql("SELECT count(*) FROM powergate.reading_rest", conninfo).strip() == "0", "all of them, and none in the rest")
    gate.ok(f"reading_{month(1)[0]}" in parts(db, conninfo), "and the months after them are made", parts(db, conninfo))


with gate.Cluster(BUILD) as db:
    ahead(db)
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"}})
    for n, m in enumerate(METERS):
        d.remote(f"M{n}", m)
    with gate.Sim(BUILD, d, [{"address": m, "watts": 1000} for m in METERS]) as sim:
        sim.online(len(METERS))
        lands(db)
        waits(d, db)
    strays(d, db)
    needed(d, db, dropped(d, db))
    alone(db, d)
    upgraded(db)
sys.exit(gate.done())
PY
