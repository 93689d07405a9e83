#!/bin/sh
# The limit of a meter's load: written and read back; what trips above it gets power again so many
# times, and then stays off until a person has seen to it.
#   tests/it/overload.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate
from field import CLOSE, TRIP

BUILD = sys.argv[1]
COUNT, RECORD, LIMIT, BLOCK = 0x030F0000, 0x1D00FF01, 0x04000E01, 0x0001FF00
RETRIES, REST_S = 2, 2
OVEN, SELF, REFUSES, COUNTLESS, KEPT, LOST = METERS = [f"2026000065{n:02d}" for n in range(6)]
SIM = {SELF: {"limit_watts": 4000, "overload_again_s": 1}, REFUSES: {"lacks": "04000e01"},
       COUNTLESS: {"lacks": "030f0000,0001ff00,1d00ff01", "limit_watts": 4000}, KEPT: {"limit_watts": 4000, "keep": "yes"}}


def account(meter):
    return "V" + meter[-2:]


def pushed(d, meter):
    rows = d.ask("push/list", meter=meter, set="limit").json["rows"]
    return rows[0] if rows else {"state": None}


def asked(sim, meter, di, control=0x11):
    return [f for f in field.heard(sim, meter) if f.control == control and f.di == di]


def overloads(sim, meter):
    return sim.truth("overload", meter)


def on(sim, meter):
    return sim.state(meter)["relay"] == "closed"


def why(d, meter):
    return d.ask("meter/why", meter=meter).json["why"]


def held(d, meter):
    return [h for h in d.ask("hold/list", meter=meter).json["rows"] if h["hold"] == "SAFETY"]


def told(sink, kind, meter):
    return [n for n in sink.told(kind, account(meter)) if n["data"].get("recipient") != "staff"]


# --- the limit --------------------------------------------------------------------------------

def limits(d, db, sim):
    code, out, err = d.ctl("meter", "limit", OVEN, "5000", "--reason=a thin wire")
    gate.ok(code == 0, "meter limit", out + err)
    gate.ok(gate.comes(lambda: pushed(d, OVEN)["state"] == "active", 10) and sim.state(OVEN)["limit_watts"] == 5000,
            "it is written, read back, and in force", (pushed(d, OVEN), sim.state(OVEN)))
    gate.ok([t["data"] for t in sim.truth("parameter", OVEN)] == ["000005"], "5.0000 kW, once", sim.truth("parameter", OVEN))
    row = pushed(d, OVEN)
    gate.ok(row["version"] == "5 kW" and row["sent_us"] and row["active_us"] >= row["sent_us"], "push list tells when", row)
    gate.ok(db.value("SELECT count(*) FROM powergate.audit WHERE action = 'meter.limit'") >= 1, "and audit by whom")
    code, out, err = d.ctl("meter", "limit", OVEN, "5e3", "--reason=x")
    gate.ok(code != 0 and "1 to 99999" in out + err, "nonsense is none", out + err)
    code, out, err = d.ctl("meter", "limit", OVEN, "5000")
    gate.ok(code != 0, "nor without a reason", out + err)


def refuses(d, db, sim):
    d.order("meter/limit", meter=REFUSES, watts="3000", reason="x")
    gate.ok(gate.comes(lambda: pushed(d, REFUSES)["state"] == "refused", 10), "a meter without such an item refuses", pushed(d, REFUSES))
    items = field.work(d, "LIMIT", REFUSES)
    gate.ok(len(items) == 1 and "forward power limit" in items[0]["text"], "and a work item says so", items)
    time.sleep(1)
    tries = asked(sim, REFUSES, LIMIT)
    gate.ok(len(tries) <= 2, "it is not asked for ever", tries)
    d.order("hold/add", hold="ADMIN", meter=REFUSES, reason="x", at_once="true")
    gate.ok(gate.comes(lambda: not on(sim, REFUSES), 10), "its relay obeys all the same")
    d.order("hold/release", hold="ADMIN", meter=REFUSES, reason="x")
    gate.ok(gate.comes(lambda: on(sim, REFUSES), 10), "both ways")


def lost(d, sim):
    """The answer to the write is lost: the meter is read again, and has it."""
    sim.do(f"fault {LOST} do_not_ack 1")
    d.order("meter/limit", meter=LOST, watts="2500", reason="x")
    gate.ok(gate.comes(lambda: pushed(d, LOST)["state"] == "active", 25) and sim.state(LOST)["limit_watts"] == 2500,
            "an answer that is lost costs nothing", pushed(d, LOST))
    d.order("meter/limit", meter=LOST, watts="none", reason="x")
    gate.ok(gate.comes(lambda: pushed(d, LOST)["state"] == "active" and pushed(d, LOST)["version"] == "none", 10)
            and sim.truth("parameter", LOST)[-1]["data"] == "999999", "none is the most that the item can say")


# --- what it does -----------------------------------------------------------------------------

def oven(d, db, sim, sink):
    """Three times too much; then somebody has to come."""
    sim.do(f"set {OVEN} watts 6000")
    gate.until(lambda: overloads(sim, OVEN), 10, "the overload")
    gate.ok(not on(sim, OVEN), "above its limit the meter switches itself off", sim.state(OVEN))
    gate.ok(gate.comes(lambda: told(sink, "overload", OVEN), 10), "and its customer hears of it")
    first = told(sink, "overload", OVEN)[0]["data"]
    gate.ok(first["limit"] == "5 kW" and first["count"] == "1" and first["meter"] == OVEN, "with the limit and how often", first)
    gate.ok("for overload" in why(d, OVEN) and "5 kW" in why(d, OVEN), "why says it in a sentence", why(d, OVEN))
    gate.ok(asked(sim, OVEN, RECORD), "the meter's own record was fetched")
    gate.until(lambda: len(overloads(sim, OVEN)) > RETRIES, 25, "the last overload")
    gate.ok(gate.comes(lambda: held(d, OVEN), 10), f"given power {RETRIES} times, it trips once more and is held off")
    relay = [(t["t_us"], t["to"]) for t in sim.truth("relay", OVEN)]
    off = [b - a for (a, x), (b, y) in zip(relay, relay[1:]) if x == "open"]
    gate.ok(len(off) == RETRIES and all(o >= REST_S * 1000000 - 1100000 for o in off), "each time after its rest", relay)
    gate.ok(len(field.orders(sim, OVEN, CLOSE)) == RETRIES, "closed as often, and no more", relay)
    hold = held(d, OVEN)[0]
    gate.ok(hold["cause"] == "overload" and hold["by"] == "powergated" and "overload 3 times" in hold["reason"], "for SAFETY, with its cause", hold)
    gate.ok(len(field.work(d, "OVERLOAD", OVEN)) == 1 and gate.comes(lambda: told(sink, "hold", OVEN), 10), "a work item, and the customer is told")
    gate.until(lambda: field.last_command(d, OVEN)["state"] == "done", 10, "the lock")
    gate.ok(db.value(f"SELECT count(*) FROM powergate.trip_log t JOIN powergate.meter m ON m.id = t.meter_id WHERE m.address = '{OVEN}'") == 0,
            "none of it counts as a trip of ours")
    field.cash(d, account(OVEN), 5000)
    time.sleep(1.5)
    gate.ok(not on(sim, OVEN) and held(d, OVEN) and "paying does not" in why(d, OVEN), "paying does not lift it", why(d, OVEN))
    sim.do(f"set {OVEN} watts 300")
    code, out, err = d.ctl("hold", "release", "SAFETY", f"--meter={OVEN}", "--reason=the oven is gone")
    gate.ok(code == 0, "a person releases it", out + err)
    gate.ok(gate.comes(lambda: sim.state(OVEN)["relay"] == "permitted", 10), "somebody at the meter must switch it on", sim.state(OVEN))
    gate.ok(not field.work(d, "OVERLOAD", OVEN), "the work item is settled with it")
    sim.do(f"button {OVEN}")
    gate.ok(gate.comes(lambda: field.seen(d, OVEN) == "closed", 10) and not held(d, OVEN), "it is on, and what was counted is forgiven")


def by_itself(d, sim):
    """One that tries again by itself would go on for ever."""
    d.order("meter/limit", meter=SELF, watts="4000", reason="x")
    gate.until(lambda: pushed(d, SELF)["state"] == "active", 10, "its limit")
    sim.do(f"set {SELF} watts 4500")
    gate.ok(gate.comes(lambda: held(d, SELF), 20), "a meter that tries again by itself is held off too", overloads(sim, SELF))
    gate.ok(gate.comes(lambda: field.orders(sim, SELF, TRIP), 10), "by an order of ours")
    time.sleep(2.5)
    n = len(overloads(sim, SELF))
    gate.ok(not on(sim, SELF) and n > RETRIES, "then it stays off", sim.truth("relay", SELF))


def countless(d, sim):
    """It can count nothing; the rest of it is read all the same."""
    gate.until(lambda: len(asked(sim, COUNTLESS, field.STATUS)) > 3, 10, "its polls")
    gate.ok(len(asked(sim, COUNTLESS, BLOCK)) == 1 and len(asked(sim, COUNTLESS, COUNT)) == 1,
            "what a meter refuses is asked once", (len(asked(sim, COUNTLESS, BLOCK)), len(asked(sim, COUNTLESS, COUNT))))
    shown = d.ask("meter/show", meter=COUNTLESS).json
    gate.ok(shown["relay"] == "closed" and asked(sim, COUNTLESS, 0x00010300) and len(asked(sim, COUNTLESS, field.STATUS)) > 3,
            "the rest is read every time", shown)
    sim.do(f"set {COUNTLESS} watts 4500")
    gate.until(lambda: overloads(sim, COUNTLESS), 10, "its overload")
    sim.do(f"set {COUNTLESS} watts 100")
    gate.ok(gate.comes(lambda: on(sim, COUNTLESS), 10), "nobody can say why it is off: it is switched on")
    gate.ok(not held(d, COUNTLESS), "and not held")


def kept(d, sim):
    """The power-keep stands above the limit: an event, and no trip."""
    sim.do(f"set {KEPT} watts 4500")
    gate.until(lambda: overloads(sim, KEPT), 10, "its overload")
    gate.ok(on(sim, KEPT) and overloads(sim, KEPT)[0]["trips"] is False and sim.state(KEPT)["overloaded"],
            "a meter that keeps power on only notes it", sim.state(KEPT))


with gate.Cluster(BUILD) as db:
    sink = field.Sink()
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"}, "commands": {"sweep": "200ms"},
                                "supply": {"overload_retries": RETRIES, "overload_rest": f"{REST_S}s"}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    d.order("site/add", name="here", zone="Asia/Shanghai")
    d.order("tariff/add", name="flat", steps="0:10000")
    for m in METERS:
        d.order("account/add", account=account(m), mode="remote", site="here", tariff="flat", trip="-100000")
        d.order("meter/add", meter=m, profile="remote", account=account(m), most_watts="2000000")
    with gate.Sim(BUILD, d, [{"address": m, "watts": 300, "energy_wh": 1000, "overload_delay_s": 1, **SIM.get(m, {})} for m in METERS],
                  "--truth-frames") as sim:
        sim.online(len(METERS))
        field.together(lambda: (limits(d, db, sim), oven(d, db, sim, sink)), lambda: refuses(d, db, sim), lambda: lost(d, sim),
                       lambda: by_itself(d, sim), lambda: countless(d, sim), lambda: kept(d, sim))
        gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
    sink.close()
sys.exit(gate.done())
PY
