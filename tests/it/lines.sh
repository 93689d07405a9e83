#!/bin/sh
# What flows at a meter, and what its hourly records say: on the schedule of its profile, behind everything else.
#   tests/it/lines.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate

BUILD = sys.argv[1]
OFTEN, SELDOM, SLOW, OFF, HOURLY = METERS = [f"2026000082{n:02d}" for n in range(5)]
VOLTAGE, VOLTAGE_B, POWER = 0x02010100, 0x02010200, 0x02030000


def rows(d, meter, **more):
    return d.ask("line/list", meter=meter, **more).json["rows"]


def asked(sim, meter, di):
    return [f for f in field.heard(sim, meter) if f.control == 0x11 and f.di == di]


def flows(d, db, sim):
    gate.until(lambda: len(rows(d, OFTEN)) >= 3, 20, "three of them")
    row = rows(d, OFTEN)[0]
    gate.ok((row["voltage_a_mv"], row["current_a_ma"], row["power_mw"], row["factor_milli"]) == (220000, 1500 * 1000 // 220, 1500000, 1000),
            "voltage, current, power and power factor are as the meter has them", row)
    gate.ok(row["voltage_b_mv"] is None and row["current_c_ma"] is None, "a meter of one phase has one phase", row)
    gate.ok(len(asked(sim, OFTEN, VOLTAGE_B)) == 1, "and is asked once for the others, not each time", asked(sim, OFTEN, VOLTAGE_B))
    times = sorted(r["at_us"] for r in rows(d, OFTEN))
    steps = [b - a for a, b in zip(times, times[1:])]
    gate.ok(all(1.5e6 < s < 2.7e6 for s in steps), "every two seconds, as the schedule of its profile says", steps)
    gate.ok(all(r["power_mw"] == 0 for r in rows(d, OFF)), "nothing flows where the relay is open", rows(d, OFF))
    gate.ok(not rows(d, SELDOM), "another profile has another schedule", rows(d, SELDOM))
    gate.ok(db.value("SELECT count(*) FROM powergate.line_value_rest") == 0 and db.value("SELECT count(*) FROM powergate.reading WHERE reg = 'power_mw'") == 0,
            "they lie in their months, and not among what is billed")
    code, out, err = d.ctl("line", "list", OFTEN, "--limit=2")
    gate.ok(code == 0 and out.count("220000") == 2, "powergatectl line list shows the newest", out + err)


def gives_way(d, sim):
    """A line that takes half a second for an answer: eight values would take four."""
    sim.do(f"fault {SLOW} delay_ms 400-500")
    gate.until(lambda: rows(d, SLOW), 30, "values")
    n = len(asked(sim, SLOW, VOLTAGE))
    gate.until(lambda: len(asked(sim, SLOW, VOLTAGE)) > n, 20, "the next turn", every=0.01)
    start = time.time()
    d.order("meter/relay", meter=SLOW, relay="open", reason="a test")
    gate.until(lambda: field.orders(sim, SLOW), 15, "the order", every=0.01)
    took = field.orders(sim, SLOW)[0].t_us / 1e6 - start
    between = [f for f in field.heard(sim, SLOW) if f.control == 0x11 and f.di >> 24 == 2 and start + 0.1 < f.t_us / 1e6 < start + took]
    gate.ok(len(between) <= 1 and took < 2.5, f"an order waits for one answer at most: it left after {took:.1f} s", between)


def hours(d, db, sim):
    """A meter that is five days old keeps a hundred and twenty; 254 are asked for."""
    def known():
        return db.rows("SELECT v.at_us, v.total_wh FROM powergate.hour_value v JOIN powergate.meter m ON m.id = v.meter_id "
                       f"WHERE m.address = '{HOURLY}' ORDER BY 1 DESC")

    gate.until(lambda: len(known()) >= 254, 25, "all that a meter can have")
    there = [(int(at), int(wh)) for at, wh in known() if wh]
    gate.ok(119 <= len(there) <= 122 and all(a[0] - b[0] == 3600000000 for a, b in zip(there, there[1:])),
            "the hours of five days are read, each full hour once", len(there))
    used = [a[1] - b[1] for a, b in zip(there, there[1:])]
    gate.ok(all(990 <= wh <= 1010 for wh in used[1:]), "each with the energy the meter wrote down then", used)
    reads = [f for f in field.heard(sim, HOURLY) if f.control == 0x11 and f.di >> 16 == 0x0504]
    gate.ok(len(reads) < 175, f"by {len(reads)} questions: what is older than its oldest record is not asked for hour by hour", len(reads))
    db.run(f"DELETE FROM powergate.hour_value WHERE at_us IN ({there[7][0]}, {there[60][0]})")
    gate.ok(gate.comes(lambda: [r for r in known() if r[1]][60:61] == [[str(there[60][0]), str(there[60][1])]], 10), "what goes missing is found and read again",
            known()[58:62])
    code, out, err = d.ctl("hour", "list", HOURLY, "--limit=3")
    gate.ok(code == 0 and f"{there[1][1] / 1000:.2f}" in out, "powergatectl hour list shows them", out + err)
    gate.ok(not [f for f in field.heard(sim, SELDOM) if f.control == 0x11 and f.di >> 16 == 0x0504], "another profile is not asked")


def never(d, sim):
    d.configure({"reading": {"lines": ""}})
    d.signal(1)
    time.sleep(2.5)
    n = len(asked(sim, OFTEN, POWER))
    time.sleep(2.5)
    gate.ok(len(asked(sim, OFTEN, POWER)) == n, "an empty schedule is never", n)


with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"reading": {"poll_interval": "30s", "lines": "1h, remote 2s", "hours": "remote 2s"}, "commands": {"sweep": "200ms"}})
    for n, m in enumerate(METERS):
        if m == SELDOM:
            d.local(f"L{n}", m)
        else:
            d.remote(f"L{n}", m)
            d.order("payment/cash", account=f"L{n}", amount_minor="100000", payment_no=f"l{n}")
    about = {HOURLY: {"hours": "yes", "history": 5, "watts": 1000, "energy_wh": 500000}, SELDOM: {"profile": "wallet-esam", "opened": "yes", "customer": SELDOM}, OFF: {"relay": "open"}}
    d.order("hold/add", hold="ADMIN", meter=OFF, reason="a test", at_once="true")
    with gate.Sim(BUILD, d, [{"address": m, "watts": 1500, **about.get(m, {})} for m in METERS], "--truth-frames") as sim:
        sim.online(len(METERS))
        field.together(lambda: flows(d, db, sim), lambda: gives_way(d, sim), lambda: hours(d, db, sim))
        never(d, sim)
    bad = d.write("bad.yaml", "reading:\n  lines: 1h, remote soon\n")
    code, out, err = d.ctl("conf", "check", bad)
    gate.ok(code != 0 and "soon" in out + err, "a schedule that cannot be read is refused", out + err)
sys.exit(gate.done())
PY
