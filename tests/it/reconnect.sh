#!/bin/sh
# The network comes back and all meters dial at once, at two daemons on one port, of which one is
# killed meanwhile; and a daemon that is stopped finishes what it has begun.  SOAK=1 takes 20 000.
#   tests/it/reconnect.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os
import resource
import signal
import sys
import time

import crowd
import field
import gate

BUILD = sys.argv[1]
FLEET = 20_000 if os.environ.get("SOAK") else 1_000
WAITING = FLEET // 50
IN_TIME_S = 10


def storm(db):
    s = crowd.Storm(BUILD, db, db.conninfo, FLEET, WAITING)
    seen = s.run()
    print(f"# {seen['killed_at']} were online when b was killed, {seen['at_a']} are at a; payments p50 {seen['payment_p50_s'] * 1e3:.0f} ms, "
          f"p99 {seen['payment_p99_s'] * 1e3:.0f} ms; {seen['bytes']:.0f} bytes a session; the last of those who waited has power after "
          f"{seen['last_power_s']:.1f} s")
    gate.ok(seen["all_online_s"] <= IN_TIME_S * gate.SLOW,
            f"{FLEET} meters are online {seen['all_online_s']:.1f} s after the network is, though one of two daemons was killed", seen["all_online_s"])
    gate.ok(seen["online_after"] == FLEET and seen["connected"] == FLEET, "and none of them is lost",
            (seen["online_after"], seen["connected"]))
    gate.ok(seen["at_a"] <= FLEET * 6 // 10 and "full: closed until there is room" in s.a.log(),
            "the one that is full leaves the rest to the other", seen["at_a"])
    gate.ok(not seen["refused"] and seen["payment_p99_s"] < 1, "payments go on meanwhile, and 99 of 100 are answered within a second",
            f"{seen['payment_p99_s']} {seen['refused'][:3]}")
    gate.ok(seen["all_powered"] and all(len(t) == 1 for t in seen["powered"].values()),
            f"the {WAITING} who had paid in the dark have power, each relay moved once", len(seen["powered"]))
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())


def drained(db):
    """SIGTERM while a has an order on the wire, and b shares its port."""
    at = db.database("drained")
    db.prepare(at)
    crowd.register(db, at, "R", 1, 40)
    port = gate.free_port()
    a, b = (gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{port}"}, "reading": {"poll_interval": "1h", "freeze_window": "12h"},
                                        "session": {"reply_timeout": "30s"}}, node=name, conninfo=at) for name in "ab")
    where = "SELECT e.identity FROM powergate.endpoint e WHERE e.closed_us IS NULL AND e.epoch > 0 AND e.node = :'n' ORDER BY 1"
    with gate.Sim(BUILD, a, (), "--truth-frames", "--fleet", "40", crowd.address(1), rtt_ms=400, port=port) as sim:
        gate.until(lambda: len(db.rows(where, conninfo=at, n="a")) + len(db.rows(where, conninfo=at, n="b")) == 40, 15, "their login")
        mine = [r[0] for r in db.rows(where, conninfo=at, n="a")]
        gate.ok(0 < len(mine) < 40, f"two daemons on one port: {len(mine)} of 40 meters are at the first", mine)
        meter = mine[0]
        order = field.relay(a, meter, "open")
        gate.until(lambda: field.command(a, order)["state"] == "sent", 10, "the order on the wire")
        began = time.monotonic()
        a.signal(signal.SIGTERM)
        rest = gate.comes(lambda: len(db.rows(where, conninfo=at, n="b")) >= 39, 10)
        gate.ok(rest, f"a is to stop: {time.monotonic() - began:.1f} s later the other meters are at b", len(db.rows(where, conninfo=at, n="b")))
        code = a.process.wait(8)
        took = time.monotonic() - began
        seen = field.command(b, order)
        gate.ok(code == 0 and seen["state"] == "done" and "unsure" not in field.steps(b, order) and sim.state(meter)["relay"] == "open",
                f"a finished what it had on the wire and was gone after {took:.1f} s", (code, seen))
        gate.ok(gate.comes(lambda: len(db.rows(where, conninfo=at, n="b")) == 40, 10), "then that meter is at b too")
        # one that never answers does not hold it up for long
        meter = [r[0] for r in db.rows(where, conninfo=at, n="b")][0]
        sim.do(f"fault {meter} silent")
        n = len(field.heard(sim, meter))
        field.relay(b, meter, "open")
        gate.until(lambda: len(field.heard(sim, meter)) > n, 10, "a question on the wire")
        began = time.monotonic()
        b.signal(signal.SIGTERM)
        code = b.process.wait(12)
        took = time.monotonic() - began
        gate.ok(code == 0 and 5 < took < 8 * gate.SLOW and "things under way" in b.log(), f"a silent meter holds it up for {took:.1f} s and no longer",
                f"{code} {took} {b.log()[-500:]}")


most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
with gate.Cluster(BUILD) as db:
    field.together(lambda: storm(db), lambda: drained(db))
sys.exit(gate.done())
PY
