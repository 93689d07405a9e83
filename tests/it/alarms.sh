#!/bin/sh
# Alarms: what a meter does not do by our order, or says of itself, is told once, to people and
# programs, until somebody has seen to it; what is dangerous keeps power off.
#   tests/it/alarms.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate

BUILD = sys.argv[1]
MOVED, SHUT, LOADED = METERS = [f"2026000066{n:02d}" for n in range(3)]
SIM = {LOADED: {"limit_watts": 4000, "keep": "yes"}}


def account(meter):
    return "A" + meter[-2:]


def alarms(d, meter, kind=None, **more):
    rows = d.ask("alarm/list", meter=meter, **more).json["rows"]
    return [a for a in rows if kind in (None, a["kind"])]


def raised(d, meter, kind, seconds=10):
    """The open alarm, as soon as there is one."""
    try:
        return gate.until(lambda: alarms(d, meter, kind), seconds)[0]
    except TimeoutError:
        return None


def shown(d, alarm):
    return d.ask("alarm/show", alarm=alarm["alarm"]).json


def to_staff(sink, meter, kind):
    return [n for n in sink.told("alarm") if n["data"].get("meter") == meter and n["data"].get("alarm") == kind]


def to_customer(sink, meter, kind):
    return [n for n in sink.told("meter_alarm", account(meter)) if n["data"].get("alarm") == kind]


def on(sim, meter):
    return sim.state(meter)["relay"] == "closed"


def seen_everywhere(d, sink, meter, kind, severity, customer=False):
    """One alarm by API, command line and message; returns it."""
    a = raised(d, meter, kind)
    if not gate.ok(a and a["severity"] == severity and a["count"] >= 1 and a["state"] == "raised", f"{kind}: raised, {severity}",
                   a or alarms(d, meter)):
        return None
    code, out, err = d.ctl("alarm", "list", f"--meter={meter}", f"--kind={kind}", "--json")
    gate.ok(code == 0 and f'"{kind}"' in out and meter in out, f"{kind}: the command line shows it", out + err)
    gate.ok(gate.comes(lambda: to_staff(sink, meter, kind), 10), f"{kind}: the administrators are told", sink.taken[-3:])
    if customer:
        gate.ok(gate.comes(lambda: to_customer(sink, meter, kind), 10), f"{kind}: so is who lives there", sink.taken[-3:])
    else:
        gate.ok(not to_customer(sink, meter, kind), f"{kind}: who lives there is not")
    return a


# --- without a word of the meter's ---------------------------------------------------------------

def moved(d, db, sim, sink):
    sim.do(f"set {MOVED} relay open")
    a = seen_everywhere(d, sink, MOVED, "relay_moved", "major")
    gate.ok(gate.comes(lambda: on(sim, MOVED), 10), "it is given power again all the same")
    gate.until(lambda: field.seen(d, MOVED) == "closed" and field.last_command(d, MOVED)["state"] == "done", 10, "the close")
    gate.ok(shown(d, a)["notified_us"], "the alarm tells when people were told", shown(d, a))
    code, out, err = d.ctl("alarm", "ack", str(a["alarm"]), "--reason=I go there")
    gate.ok(code == 0 and shown(d, a)["state"] == "acknowledged", "somebody is on it", out + err)
    gate.ok(d.ctl("alarm", "ack", str(a["alarm"]))[0] != 0, "once")
    sim.do(f"set {MOVED} relay open")
    gate.ok(gate.comes(lambda: alarms(d, MOVED, "relay_moved")[0]["count"] == 2, 10), "again is the same alarm, counted",
            alarms(d, MOVED))
    gate.ok(len(to_staff(sink, MOVED, "relay_moved")) == 1 and shown(d, a)["state"] == "acknowledged", "and nobody is told twice")
    code, out, err = d.ctl("alarm", "resolve", str(a["alarm"]))
    gate.ok(code != 0, "resolved with a note only", out + err)
    code, out, err = d.ctl("alarm", "resolve", str(a["alarm"]), "--reason=a lever behind the door, removed")
    gate.ok(code == 0 and not alarms(d, MOVED) and shown(d, a)["resolution"] == "a lever behind the door, removed", "then it is", out + err)
    steps = [h["step"] for h in shown(d, a)["history"]]
    gate.ok(steps == ["raised", "acknowledged", "again", "resolved"], "its history says so", steps)
    acts = {r["action"] for r in d.ask("audit/list", limit=1000).json["rows"]}
    gate.ok({"alarm.ack", "alarm.resolve"} <= acts, "and the audit", acts)
    gate.until(lambda: field.seen(d, MOVED) == "closed", 10, "the close")
    sim.do(f"set {MOVED} relay open")
    b = raised(d, MOVED, "relay_moved")
    gate.ok(b and b["alarm"] != a["alarm"] and gate.comes(lambda: len(to_staff(sink, MOVED, "relay_moved")) == 2, 10),
            "what comes after that is another one, and told")


def shut(d, sim, sink):
    """Our own orders are none; what closes against them is."""
    d.order("hold/add", hold="ADMIN", meter=SHUT, reason="x", at_once="true")
    gate.until(lambda: field.seen(d, SHUT) == "open", 10, "the trip")
    time.sleep(1.2)
    gate.ok(not alarms(d, SHUT), "our own order is no alarm", alarms(d, SHUT))
    sim.do(f"set {SHUT} relay closed")
    a = raised(d, SHUT, "relay_moved")
    gate.ok(a and "wanted open" in a["text"], "who closes it against the order is seen", a)
    gate.ok(gate.comes(lambda: not on(sim, SHUT), 10), "and it is opened again")


def loaded(d, sim, sink):
    d.order("meter/limit", meter=LOADED, watts="4000", reason="x")
    gate.until(lambda: field.last_command(d, LOADED) and field.last_command(d, LOADED)["state"] == "done", 10, "its limit")
    sim.do(f"set {LOADED} watts 4500")
    seen_everywhere(d, sink, LOADED, "overload", "major")


with gate.Cluster(BUILD) as db:
    sink = field.Sink()
    d = gate.Daemon(BUILD, db, {"commands": {"sweep": "200ms"}, "watch": {"listen": f"127.0.0.1:{(port := gate.free_port())}", "refresh": "200ms"}},
                    start=False)
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
        gate.until(lambda: all(field.seen(d, m) == "closed" for m in METERS), 15, "their first polls")
        field.together(lambda: moved(d, db, sim, sink), lambda: shut(d, sim, sink), lambda: loaded(d, sim, sink))
        gate.ok(gate.comes(lambda: 'powergate_alarms_open{kind="relay_moved",severity="major"} 2' in gate.request(port, "GET", "/metrics").body.decode(), 5),
                "a figure of each kind is watched", alarms(d, SHUT))
        gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
    sink.close()
sys.exit(gate.done())
PY
