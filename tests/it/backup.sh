#!/bin/sh
# A database restored from a backup is held; a full disk loses nothing.
#   tests/it/backup.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os, re, subprocess, sys, time
import gate

BUILD = sys.argv[1]
LOCAL, REMOTE = "202600000011", "202600000001"
METERS = [{"address": LOCAL, "profile": "wallet-esam", "price_micro": 1000000, "customer": LOCAL},
          {"address": REMOTE, "energy_wh": 1000}]


def witness(d):
    """What the file beside the daemon remembers: deliveries, journals."""
    path = d.dir + "/witness-a"
    if not os.path.exists(path):
        return 0, 0
    with open(path, encoding="utf-8") as f:
        return tuple(map(int, re.fullmatch(r"delivery=(\d+) journal=(\d+) held_us=\d+\n", f.read()).groups()))


def furthest(db):
    return (db.value("SELECT COALESCE(max(id), 0) FROM powergate.credit_delivery"),
            db.value("SELECT COALESCE(max(id), 0) FROM powergate.journal"))


def credits(sim):
    return [t["amount_minor"] for t in sim.truth("credit", LOCAL) if t["amount_minor"] > 0]


def money_before_and_after(db, d, sim, dump):
    d.local("L1", LOCAL)
    d.remote("R1", REMOTE)
    gate.until(lambda: d.ask("meter/show", meter=REMOTE).json["relay"] == "closed", 15, "the first reading")
    d.commission(LOCAL)
    d.pay("L1", 1000, "L-1")
    d.pay("R1", 2000, "R-1")
    gate.until(lambda: credits(sim) == [1000], 15, "the first credit")
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.credit_delivery WHERE state <> 'APPLIED'") == 0, 10)
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", db.conninfo], check=True)
    d.pay("L1", 5000, "L-2")
    d.pay("R1", 3000, "R-2")
    gate.until(lambda: credits(sim) == [1000, 5000], 15, "the second credit")
    gate.until(lambda: witness(d) == furthest(db), 15, "the witness")


def restore(db, admin, dump):
    db.psql("DROP DATABASE live", conninfo=admin)
    p = subprocess.run(["pg_restore", "--create", "--exit-on-error", "-d", admin, dump], capture_output=True, text=True)
    gate.ok(p.returncode == 0 and not db.ledger_problems(), "a dump becomes a database again", p.stderr)


def held(db, d, sim, before):
    status = d.ask("headend/status").json
    gate.ok(status["held"] and "older than what this daemon has seen" in status["why"],
            "a daemon that finds its database older than its witness holds the head-end", status)
    gate.ok(d.says("the head-end is held") and db.value("SELECT count(*) FROM powergate.work WHERE cause = 'RESTORED'") == 1,
            "the log says so, and a work item says what to do", d.log())
    code, out, err = d.ctl("headend", "status")
    gate.ok(code == 0 and "older than" in out, "powergatectl headend status shows it", f"{code} {out} {err}")

    sim.online(2)
    gate.until(lambda: d.ask("meter/show", meter=LOCAL).json["online"], 10, "login")
    a = d.pay("L1", 5000, "L-2")
    b = d.pay("R1", 3000, "R-2")
    gate.ok([a.json["status"], b.json["status"]] == ["accepted", "accepted"],
            "payments are taken: those the backup did not know are sent again and booked", f"{a} {b}")
    a = d.pay("L1", 1000, "L-1")
    gate.ok(a.json["status"] == "duplicate", "those it knew are duplicates", a)
    trip = d.order("meter/relay", meter=REMOTE, relay="open", reason="a test")["command"]
    time.sleep(3)
    states = db.rows("SELECT state FROM powergate.credit_delivery WHERE payment_id = (SELECT id FROM powergate.payment WHERE payment_no = 'L-2')")
    gate.ok(credits(sim) == [1000, 5000] and states == [["QUEUED"]], "no credit leaves", f"{sim.truth('credit')} {states}")
    gate.ok(sim.state(REMOTE)["relay"] == "closed" and not sim.truth("relay", REMOTE), "no trip leaves",
            d.ask("command/show", command=trip))
    gate.ok(d.ask("meter/show", meter=REMOTE).json["total_us"] > before, "reading goes on")
    return trip


def released(db, d, sim):
    lost = witness(d)
    d.kill()
    d.start()
    time.sleep(1)
    gate.ok(d.ask("headend/status").json["held"] and witness(d) == lost, "a restart does not release it", witness(d))
    sim.online(2)
    code, out, err = d.ctl("headend", "hold", "off")
    gate.ok(code == 2, "without a reason nobody releases it", f"{code} {out} {err}")
    code, out, err = d.ctl("headend", "hold", "off", "--reason", "compared the purchase counts")
    gate.ok(code == 0 and not d.ask("headend/status").json["held"], "powergatectl headend hold off does", f"{code} {out} {err}")
    gate.ok(gate.comes(lambda: sim.state(REMOTE)["relay"] == "open", 20), "then the trip that waited leaves", d.log())
    gate.ok(gate.comes(lambda: db.value("SELECT count(*) FROM powergate.work WHERE cause = 'REVIEW'") == 1, 20),
            "and the credit that is in the meter already goes to people",
            db.rows("SELECT id, state, why FROM powergate.credit_delivery"))
    time.sleep(1)
    gate.ok(credits(sim) == [1000, 5000] and sim.state(LOCAL)["purchases"] == 3, "it is in the meter once", sim.truth("credit"))
    gate.ok(gate.comes(lambda: witness(d) == furthest(db), 12) and not db.ledger_problems(),
            "the witness follows the database again, the books balance", f"{witness(d)} {furthest(db)}")
    gate.ok(not d.ask("headend/status").json["held"] and d.says("the head-end is released"),
            "and the head-end is still released then", d.ask("headend/status").json)


def backup():
    with gate.Cluster(BUILD, schema=False) as db:
        admin = db.conninfo
        db.conninfo = db.database("live")
        db.prepare()
        dump = db.dir + "/dump"
        with gate.Daemon(BUILD, db) as d, gate.Sim(BUILD, d, METERS, heartbeat=1) as sim:
            money_before_and_after(db, d, sim, dump)
            before = db.value("SELECT max(total_us) FROM powergate.meter_state")
            ports = {"meters": {"listen": f"127.0.0.1:{d.meters_port}"}}  # the meters know where to dial
            code = d.stop()
            gate.ok(code == 0, "the daemon ends for the restore", code)
            d.configure(ports)
            restore(db, admin, dump)
            d.start()
            gate.until(lambda: "lane=bulk" in d.log(), 5)
            gate.comes(lambda: d.ask("headend/status").json["held"], 5)
            held(db, d, sim, before)
            released(db, d, sim)


def fill(path):
    """All of the disk but half a megabyte."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 65536)
        except OSError:
            f.truncate(max(f.tell() - 512 * 1024, 0))


def disk_full():
    try:
        db = gate.Cluster(BUILD, disk_mb=192)
    except PermissionError as why:
        gate.skip(f"a full disk: no file system can be mounted here ({why})")
        return
    with db, gate.Daemon(BUILD, db) as d:
        d.remote("R1")
        ballast = db.disk + "/ballast"
        fill(ballast)
        said = {}
        for i in range(400):
            number = f"F-{i}"
            said[number] = d.pay("R1", 100 + i, number, padding="x" * 60000).status
            if list(said.values())[-5:] == [503] * 5:
                break
        taken = [n for n, s in said.items() if s == 200]
        refused = [n for n, s in said.items() if s == 503]
        gate.ok(set(said.values()) <= {200, 503} and refused, "while the disk is full, payments are answered 503",
                f"{len(taken)} taken, {len(refused)} refused, {set(said.values())}\n{d.log()[-2000:]}")
        gate.ok(d.running(), "the daemon stays up")
        os.unlink(ballast)
        if not db.up():  # it is up, unless it could not even recover
            gate.until(lambda: db.value("SELECT 1") == 1, 20, "PostgreSQL")
        gate.ok(gate.comes(d.healthy, 20), "when there is room again, /healthz is 200", d.log()[-2000:])
        gone = set(taken) - {r[0] for r in db.rows("SELECT payment_no FROM powergate.payment")}
        gate.ok(not gone, "everything that was answered 200 is there", gone)
        again = {n: d.pay("R1", 100 + int(n[2:]), n, padding="x" * 60000) for n in said}
        gate.ok(all(a.status == 200 for a in again.values()) and
                all(again[n].json["status"] == "duplicate" for n in taken), "the repeats are all accepted",
                [str(a) for a in again.values() if a.status != 200])
        rows = db.rows("SELECT count(*), count(DISTINCT payment_no), sum(amount_minor) FROM powergate.payment")[0]
        wanted = [str(len(said)), str(len(said)), str(sum(100 + i for i in range(len(said))))]
        gate.ok(rows == wanted and db.value("SELECT prepaid_minor FROM powergate.account_state") == int(wanted[2]) and
                not db.ledger_problems(), "each of them is booked exactly once", f"{rows} {wanted} {db.ledger_problems()}")


backup()
disk_full()
sys.exit(gate.done())
PY
