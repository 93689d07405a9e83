#!/bin/sh
# The meter's own power-keep: ordered, ended, and in the way of a trip for SAFETY.
#   tests/it/keep.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate
from field import TRIP

BUILD = sys.argv[1]
KEEP, NO_KEEP = 0x3A, 0x3B
KEPT, FIRE, TIMED, SILENT, REFUSES = METERS = [f"2026000061{n:02d}" for n in range(5)]


def keeps(sim, meter):
    return sim.state(meter)["keep"]


def order(sim, meter):
    return [hex(f.n1) for f in field.orders(sim, meter)]


def ends(d, meter, why):
    number = [o for o in d.ask("override/list").json["rows"] if o["meter"] == meter][0]["override"]
    d.order("override/end", override=number, reason=why)


def keep_on(d, sim):
    code, out, err = d.ctl("keep-on", KEPT, "--wait=20", "--reason=a pump in the cellar")
    gate.ok(code == 0 and keeps(sim, KEPT), "keep-on: the meter itself keeps power on, proved by its status word", out + err)
    gate.ok(order(sim, KEPT) == [hex(KEEP)], "with one order", order(sim, KEPT))
    gate.ok("a pump in the cellar" in d.ask("meter/why", meter=KEPT).json["why"], "why says so", d.ask("meter/why", meter=KEPT).json)
    ends(d, KEPT, "pumped dry")
    gate.ok(gate.comes(lambda: not keeps(sim, KEPT), 10) and order(sim, KEPT) == [hex(KEEP), hex(NO_KEEP)],
            "when the override ends, so does the meter's", order(sim, KEPT))
    last = gate.comes(lambda: field.last_command(d, KEPT)["state"] == "done", 5) and field.last_command(d, KEPT)
    gate.ok(last and last["what"] == "keep off" and "pumped dry" in last["cause"], "the order says what it was for", last)


def safety(d, sim):
    """Domain rule: a SAFETY trip first ends the meter's power-keep."""
    d.order("override/add", kind="KEEP_ON", meter=FIRE, reason="cold store")
    gate.until(lambda: keeps(sim, FIRE), 10, "the power-keep")
    start = time.time()
    d.order("hold/add", hold="SAFETY", meter=FIRE, reason="smoke")
    off = gate.comes(lambda: sim.state(FIRE)["relay"] == "open", 10)
    gate.ok(off and not keeps(sim, FIRE), f"for SAFETY it is off after {time.time() - start:.1f} s, kept on or not", sim.state(FIRE))
    gate.ok(order(sim, FIRE) == [hex(KEEP), hex(NO_KEEP), hex(TRIP)], "the power-keep ends first, then comes the trip", order(sim, FIRE))
    gate.ok(field.looked_between(sim, FIRE), "and between the two the status word was read back")
    d.order("hold/release", hold="SAFETY", meter=FIRE, reason="it was steam")
    gate.ok(gate.comes(lambda: keeps(sim, FIRE), 10), "SAFETY is released and the override stands: it keeps again", order(sim, FIRE))


def timed(d, db, sim):
    d.order("override/add", kind="KEEP_ON", meter=TIMED, reason="a night", hours=1)
    gate.until(lambda: keeps(sim, TIMED), 10, "the power-keep")
    d.order("hold/add", hold="SAFETY", meter=TIMED, reason="a flood")
    gate.until(lambda: sim.state(TIMED)["relay"] == "open", 10, "the trip")
    db.run("UPDATE powergate.supply_override SET until_us = from_us + 1 WHERE kind = 'KEEP_ON' AND meter_id = "
           f"(SELECT id FROM powergate.meter WHERE address = '{TIMED}')")
    gate.until(lambda: [c for c in field.commands(d, TIMED) if c["what"] == "keep off" and c["state"] == "done"], 15, "the end")
    gate.ok(order(sim, TIMED).count(hex(NO_KEEP)) == 1, "an end that is there already is not ordered again", order(sim, TIMED))
    d.order("override/add", kind="KEEP_ON", meter=TIMED, reason="he insists")
    time.sleep(2)
    waits = field.last_command(d, TIMED)
    gate.ok(not keeps(sim, TIMED) and waits["state"] == "waiting" and "SAFETY" in waits["outcome"],
            "nothing is kept on while SAFETY holds it off", waits)


def silent(d, sim):
    """The answer to 3A is lost: unsure, read back, done; not ordered twice."""
    thread = field.strike_at_order(sim, SILENT, "do_not_ack")
    number = d.order("override/add", kind="KEEP_ON", meter=SILENT, reason="x")["command"]
    thread.join()
    gate.ok(gate.comes(lambda: field.command(d, number)["state"] == "done", 20) and keeps(sim, SILENT),
            "an order without an answer is read back", field.steps(d, number))
    gate.ok(order(sim, SILENT) == [hex(KEEP)] or "unsure" in field.steps(d, number), "and not guessed", field.steps(d, number))


def admin(d, sim):
    """Only SAFETY ends a power-keep; any other hold waits for its end, and is known not to be obeyed."""
    d.order("override/add", kind="KEEP_ON", meter=REFUSES, reason="lift")
    gate.until(lambda: keeps(sim, REFUSES), 10, "the power-keep")
    sim.do(f"set {REFUSES} watts 1000000")
    d.order("hold/add", hold="ADMIN", meter=REFUSES, reason="rent dispute", at_once="true")
    exposed = gate.comes(lambda: [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == REFUSES and x["wh"] > 0], 15)
    gate.ok(exposed, "what is used under a hold that is not obeyed is exposure", d.ask("exposure/list"))
    seen = [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == REFUSES]
    gate.ok(seen and seen[0]["cause"] == "kept", "with its cause", seen)
    number = d.order("meter/relay", meter=REFUSES, relay="open", reason="rent dispute")["command"]
    time.sleep(1.5)
    gate.ok(sim.state(REFUSES)["relay"] == "closed" and order(sim, REFUSES) == [hex(KEEP)],
            "no order is sent that the meter would refuse", order(sim, REFUSES))
    gate.ok("keeps power on" in field.command(d, number)["outcome"], "a person's order waits, and says for what", field.command(d, number))
    why = d.ask("meter/why", meter=REFUSES).json["why"]
    gate.ok("ADMIN" in why and "rent dispute" in why and "power-keep ends" in why, "why says both", why)
    gate.ok(not field.work(d, "REFUSED", REFUSES), "nothing was refused, nobody need look")
    ends(d, REFUSES, "it is down")
    gate.ok(gate.comes(lambda: sim.state(REFUSES)["relay"] == "open", 15) and order(sim, REFUSES) == [hex(KEEP), hex(NO_KEEP), hex(TRIP)],
            "when the power-keep ends the order goes out", order(sim, REFUSES))
    gate.ok(gate.comes(lambda: not [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == REFUSES], 10),
            "and the exposure with it", d.ask("exposure/list"))
    by_hand(d, sim)


def by_hand(d, sim):
    """A power-keep that none of ours ordered counts as much, and a hold finds it out by reading."""
    sim.do(f"set {REFUSES} watts 0")
    d.order("meter/relay", meter=REFUSES, relay="closed", reason="settled")
    gate.until(lambda: field.seen(d, REFUSES) == "closed", 15, "the close")
    sim.do(f"set {REFUSES} keep yes")
    time.sleep(2.5)
    d.order("hold/add", hold="MAINTENANCE", meter=REFUSES, reason="a socket")
    time.sleep(1.5)
    gate.ok(order(sim, REFUSES).count(hex(TRIP)) == 1, "switched on at the meter, it holds an order up too", order(sim, REFUSES))
    sim.do(f"set {REFUSES} keep no")
    gate.ok(gate.comes(lambda: sim.state(REFUSES)["relay"] == "open", 10), "until it is seen to have ended", order(sim, REFUSES))


with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"}, "session": {"reply_timeout": "2s"},
                                "commands": {"sweep": "200ms"}})
    d.order("site/add", name="here", zone="Asia/Shanghai")
    d.order("tariff/add", name="flat", steps="0:10000")
    for n, m in enumerate(METERS):
        d.order("account/add", account=f"K{n}", mode="remote", site="here", tariff="flat", trip="-100000")
        d.order("meter/add", meter=m, profile="remote", account=f"K{n}", most_watts="2000000")
    with gate.Sim(BUILD, d, [{"address": m, "watts": 0, "energy_wh": 1000} for m in METERS], "--truth-frames", rtt_ms=50) as sim:
        sim.online(len(METERS))
        field.together(lambda: keep_on(d, sim), lambda: safety(d, sim), lambda: timed(d, db, sim), lambda: silent(d, sim),
                       lambda: admin(d, sim))
sys.exit(gate.done())
PY
