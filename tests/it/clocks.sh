#!/bin/sh
# Meters' clocks: read, put right within the meters' own rules, and not believed while they are off.
#   tests/it/clocks.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time

import field
import gate

BUILD = sys.argv[1]


def zone_at_noon():
    """A zone in which it is between twelve and one: nobody's midnight is near."""
    east = 12 - datetime.datetime.now(datetime.timezone.utc).hour
    return f"Etc/GMT{'-' if east >= 0 else '+'}{abs(east)}"


ZONE = zone_at_noon()
RIGHT, LITTLE, SMALL, DEAF, LARGE, PARTS, LOCKED, SHADOW, BUS1, BUS2 = METERS = [f"2026000081{n:02d}" for n in range(10)]
BANDS = """\
currency: CNY
zone: {zone}
effective_from: 2000-01-01
bands: [{{name: sharp, price: 0.10}}, {{name: peak, price: 10.00}}, {{name: flat, price: 0.10}}, {{name: valley, price: 0.10}}]
schedules:
  every_day:
    11:00-14:00: peak
    14:00-11:00: valley
"""


def off(sim, meter):
    """How far its clock is off, in seconds, by its own truth."""
    state = sim.state(meter)
    return (state["clock_us"] - state["t_us"]) / 1e6


def asked(sim, meter, control, di=None):
    return [f for f in field.heard(sim, meter) if f.control == control and (di is None or f.di == di)]


def written(sim, meter):
    return [hex(f.di) for f in asked(sim, meter, 0x14)]


def items(d, meter):
    return [w for w in field.work(d, "CLOCK", meter) if w["state"] != "resolved"]


def right(sim, meter, seconds=25):
    return gate.comes(lambda: abs(off(sim, meter)) < 3, seconds)


def fine(d, sim):
    gate.until(lambda: d.ask("meter/show", meter=LITTLE).json["clock_read_us"], 20, "the clock's reading")
    skew = d.ask("meter/show", meter=LITTLE).json["clock_skew_us"]
    gate.ok(8e6 < skew < 13e6, "a clock is read in each session, and shown", skew)
    gate.ok(not asked(sim, LITTLE, 0x08) and not asked(sim, RIGHT, 0x08), "one that is off by ten seconds is left alone")


def small(d, sim):
    gate.ok(right(sim, SMALL), "one that is 90 s ahead is put right", off(sim, SMALL))
    casts = asked(sim, SMALL, 0x08)
    gate.ok(len(casts) == 1 and casts[0].address == "9" * 12 and not written(sim, SMALL), "by one broadcast, without a password", casts)
    gate.ok(gate.comes(lambda: not items(d, SMALL) and d.ask("meter/show", meter=SMALL).json["clock_set_by"] == "broadcast", 10),
            "it was work for a person, and is not any more", items(d, SMALL))
    events = d.db.rows("SELECT text FROM powergate.event WHERE kind = 'clock'")
    gate.ok(any("s ahead and is right now, by broadcast" in e[0] for e in events), "an event says so", events)


def deaf(d, sim):
    """It has been told today already: its rules allow no second time."""
    gate.ok(right(sim, DEAF), "another one, too", off(sim, DEAF))
    sim.do(f"set {DEAF} clock_offset_s -120")
    sim.do(f"drop {DEAF}")
    gate.until(lambda: items(d, DEAF), 20, "the alarm")
    time.sleep(2)
    gate.ok(len(asked(sim, DEAF, 0x08)) == 1 and not written(sim, DEAF) and off(sim, DEAF) < -100,
            "once a day: off again on the same day it waits", written(sim, DEAF))
    gate.ok("120 s behind" in items(d, DEAF)[0]["text"] or "121 s behind" in items(d, DEAF)[0]["text"], "and a person knows by how much", items(d, DEAF))
    d.db.run(f"UPDATE powergate.meter_clock SET cast_day = 20000101, failed = 3 WHERE meter_id = (SELECT id FROM powergate.meter WHERE address = '{DEAF}')")
    sim.do(f"drop {DEAF}")
    gate.ok(right(sim, DEAF) and written(sim, DEAF) == ["0x400010c"], "one that did not follow three times is written", written(sim, DEAF))


def large(d, sim):
    gate.ok(right(sim, LARGE), "one that is two hours behind is put right", off(sim, LARGE))
    gate.ok(written(sim, LARGE) == ["0x400010c"] and not asked(sim, LARGE, 0x08), "by one write with the password", written(sim, LARGE))
    gate.ok(right(sim, PARTS), "so is one that has its date and its time apart", off(sim, PARTS))
    gate.ok(written(sim, PARTS) == ["0x400010c", "0x4000101", "0x4000102"], "each by itself", written(sim, PARTS))


def locked(d, sim):
    gate.until(lambda: [w for w in items(d, LOCKED) if "password" in w["text"]], 25, "the work item")
    gate.ok(len(written(sim, LOCKED)) == 1, "a wrong password is tried once, and a person hears of it", written(sim, LOCKED))
    sim.do(f"drop {LOCKED}")
    seen = d.ask("meter/show", meter=LOCKED).json["clock_read_us"]
    gate.until(lambda: d.ask("meter/show", meter=LOCKED).json["clock_read_us"] > seen, 20, "the next session")
    time.sleep(1)
    gate.ok(len(written(sim, LOCKED)) == 1, "not again in the next session: three of them lock a meter", written(sim, LOCKED))


def observed(d, sim):
    gate.until(lambda: d.ask("meter/show", meter=SHADOW).json["clock_read_us"], 20, "the clock's reading")
    gate.ok(items(d, SHADOW) and not asked(sim, SHADOW, 0x08) and not written(sim, SHADOW),
            "a site in observe mode has its alarm, and nothing is set there", items(d, SHADOW))


def bus(d, sim):
    gate.ok(right(sim, BUS1) and right(sim, BUS2), "two on one bus are put right", (off(sim, BUS1), off(sim, BUS2)))
    gate.until(lambda: not items(d, BUS1) and not items(d, BUS2), 20, "the second reading")
    gate.ok(len(asked(sim, BUS1, 0x08)) == 1 and len(asked(sim, BUS2, 0x08)) == 1, "by one broadcast", asked(sim, BUS2, 0x08))


def charges(db, meter):
    return db.rows("SELECT c.wh, c.minor, c.to_wh[2] IS NULL FROM powergate.charge c JOIN powergate.installation i ON i.id = c.installation_id "
                   f"JOIN powergate.meter m ON m.id = i.meter_id WHERE m.address = '{meter}' AND c.state = 'posted' AND c.kind = 'energy' ORDER BY c.id")


def doubted(db, sim):
    """Its password is wrong, so it stays off: what it counts goes by our hours, not by its own."""
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.clock_span WHERE to_us IS NULL") >= 1, 20, "the span")
    db.run("UPDATE powergate.clock_span SET from_us = 1 WHERE to_us IS NULL")  # off since ever
    had = len(charges(db, LOCKED))
    gate.until(lambda: len(charges(db, LOCKED)) >= had + 4 and len(charges(db, RIGHT)) >= 4, 40, "charges")
    late, good = charges(db, LOCKED)[had + 2:], charges(db, RIGHT)[1:]
    gate.ok(sim.state(LOCKED)["t4_wh"] + sim.state(LOCKED)["t3_wh"] > 0 and all(bare == "t" for _, _, bare in late),
            "the tariff registers of a clock that is off are not believed", late)
    gate.ok(all(bare == "f" for _, _, bare in good), "those of one that is right are", good)
    wh, minor = sum(int(c[0]) for c in late), sum(int(c[1]) for c in late)
    gate.ok(abs(minor - wh) <= len(late) + 1, f"its {wh} Wh cost what they cost at noon, 10.00 a kWh", minor)


def believed(d, db, sim):
    """With the right password it is set, and believed from then on."""
    sim.do(f"set {LOCKED} password 000000")
    code, out, err = d.ctl("meter", "show", LOCKED)
    gate.ok(code == 0 and "clock" in out, "powergatectl meter show has the clock", out + err)
    db.run(f"UPDATE powergate.meter_clock SET refused = false, again_us = 0 WHERE meter_id = (SELECT id FROM powergate.meter WHERE address = '{LOCKED}')")
    sim.do(f"drop {LOCKED}")
    gate.ok(right(sim, LOCKED), "when its password is right, so is its clock", off(sim, LOCKED))
    gate.ok(gate.comes(lambda: db.value("SELECT count(*) FROM powergate.clock_span WHERE to_us IS NULL") == 0, 10), "and the span is over")
    had = len(charges(db, LOCKED))
    gate.ok(gate.comes(lambda: [c for c in charges(db, LOCKED)[had:] if c[2] == "f"], 30), "then its registers are believed again", charges(db, LOCKED)[had:])


with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"clock": {"correct": True}, "reading": {"poll_interval": "1s", "zone": ZONE}})
    d.order("site/add", name="here", zone=ZONE)
    d.order("site/add", name="shadow", zone=ZONE, mode="observe")
    d.order("tariff/add", name="flat", steps="0:10000")
    yaml = BANDS.format(zone=ZONE)
    d.order("tariff/load", tariff="bands", source=yaml)
    d.order("tariff/submit", version="bands/1")
    d.order("tariff/approve", version="bands/1", reason="a test", force="none are priced yet")
    for n, m in enumerate(METERS):
        more = {"endpoint": "CLOCKBUS"} if m in (BUS1, BUS2) else {}
        d.order("account/add", account=f"C{n}", mode="remote", site="shadow" if m == SHADOW else "here",
                tariff="bands" if m in (RIGHT, LOCKED) else "flat", trip="-10000000")
        d.order("meter/add", meter=m, profile="remote", account=f"C{n}", most_watts="2000000", **more)
    about = {RIGHT: {"watts": 20000}, LITTLE: {"clock_offset_s": 10}, SMALL: {"clock_offset_s": 90}, DEAF: {"clock_offset_s": 60},
             LARGE: {"clock_offset_s": -7200}, PARTS: {"clock_offset_s": 4000, "lacks": "0400010c"},
             LOCKED: {"clock_offset_s": -14400, "password": "654321", "watts": 20000}, SHADOW: {"clock_offset_s": 100},
             BUS1: {"clock_offset_s": 80, "link": "dtu:CLOCKBUS"}, BUS2: {"clock_offset_s": 70, "link": "dtu:CLOCKBUS"}}
    with gate.Sim(BUILD, d, [{"address": m, "watts": 0, **about[m]} for m in METERS], "--truth-frames", "--zone", ZONE) as sim:
        sim.online(len(METERS) - 1)
        field.together(lambda: fine(d, sim), lambda: small(d, sim), lambda: deaf(d, sim), lambda: large(d, sim), lambda: bus(d, sim),
                       lambda: observed(d, sim), lambda: (locked(d, sim), doubted(db, sim), believed(d, db, sim)))
    gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
sys.exit(gate.done())
PY
