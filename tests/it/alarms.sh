#!/bin/sh
# Alarms: what a meter does not do by our order, or says of itself, is told once, to people and
# programs, until somebody has seen to it; what is dangerous keeps power off.
#   tests/it/alarms.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time
import zoneinfo

import field
import gate

BUILD = sys.argv[1]
# What the simulator does to a meter, and the alarm that must come of it.
KINDS = [
    ("tamper {} reverse", "reverse_energy", "major", False), ("tamper {} phases", "phase_order", "major", False),
    ("tamper {} voltage", "voltage_loss", "major", True), ("tamper {} current", "current_loss", "major", False),
    ("tamper {} over_current", "over_current", "major", True), ("tamper {} neutral", "neutral_current", "major", False),
    ("tamper {} battery", "battery_low", "minor", False), ("tamper {} fault", "meter_fault", "minor", False)]
COUNTED = {"reverse_energy", "voltage_loss", "current_loss", "over_current"}
REPORT, RESET, COVERS, COVER_1, TRIP_1, BLOCK, WORD_7 = 0x04001501, 0x04001503, 0x03300D00, 0x03300D01, 0x1D00FF01, 0x040005FF, 0x04000507
TOLD = [f"2026000067{n:02d}" for n in range(len(KINDS))]
MOVED, SHUT, LOADED, COVER, TERMINAL, MAGNET, WELD, WORDS, STUCK, SILENT, EMPTY, MASTER, SUB_1, SUB_2, LEVER, HEARSAY = LONE = [f"2026000066{n:02d}" for n in range(16)]
WALLET = "202600006800"
CROWD = [f"2026000069{n:02d}" for n in range(12)]
METERS = LONE + TOLD + CROWD
OLD = {"watts": 0, "energy_wh": 0, "history": 3}
SIM = {LOADED: {"limit_watts": 4000, "keep": "yes"}, WORDS: {"lacks": "040005ff,04001501"}, STUCK: {"lacks": "04001503"},
       SILENT: {"lacks": "04001501,03300d01"}, WELD: {"watts": 20000}, HEARSAY: {"lacks": "03300d00"}, EMPTY: OLD, SUB_1: OLD, SUB_2: OLD,
       MASTER: {**OLD, "watts": 1000, "energy_wh": 90000}}


def account(meter):
    return "A" + meter[-4:]


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
    gate.ok(gate.comes(lambda: shown(d, a)["notified_us"], 5), "the alarm tells when people were told", shown(d, a))
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


def lever(d, sim, sink):
    """By hand, and back before anybody looked: its counts tell."""
    sim.do(f"tamper {LEVER} lever on")
    sim.do(f"tamper {LEVER} lever off")
    a = seen_everywhere(d, sink, LEVER, "relay_moved", "major")
    t = sim.truth("relay", LEVER)[0]["t_us"]
    gate.ok(a and a["source"] == "counter" and "it was opened" in a["text"] and abs(a["at_us"] - t) < 2000000, "when it was, by its own record", a)
    gate.ok(on(sim, LEVER) and not field.orders(sim, LEVER), "nothing has to be switched for that")
    d.order("alarm/resolve", alarm=str(a["alarm"]), reason="x")
    d.order("hold/add", hold="ADMIN", meter=LEVER, reason="x", at_once="true")
    gate.until(lambda: field.seen(d, LEVER) == "open", 10, "the trip")
    d.order("hold/release", hold="ADMIN", meter=LEVER, reason="x")
    gate.until(lambda: field.seen(d, LEVER) == "closed", 10, "the close")
    n = len(asked(sim, LEVER, TRIP_1))
    gate.until(lambda: len(asked(sim, LEVER, TRIP_1)) > n or n > 1, 10, "the record of our trip")
    time.sleep(1)
    gate.ok(not alarms(d, LEVER), "our own orders move the counts and are no alarm", alarms(d, LEVER))


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


# --- what meters say -----------------------------------------------------------------------------

def asked(sim, meter, di, control=0x11):
    return [f for f in field.heard(sim, meter) if f.control == control and f.di == di]


def told(d, sim, sink, meter, how, kind, severity, customer):
    """One of KINDS: shown, told, and over when the meter shows it no more."""
    sim.do(how.format(meter) + " on")
    a = seen_everywhere(d, sink, meter, kind, severity, customer)
    if a is None:
        return
    if kind in COUNTED:
        gate.ok(gate.comes(lambda: shown(d, a)["source"] == "counter" and shown(d, a)["at_us"], 10) and shown(d, a)["count"] == 1,
                f"{kind}: its counter moved, and the record behind it was fetched", shown(d, a))
        gate.ok(1000 <= shown(d, a)["at_wh"] <= sim.state(meter)["energy_wh"], f"{kind}: with the register of that moment", shown(d, a))
        t = sim.truth("tamper", meter)[0]["t_us"]
        gate.ok(abs(shown(d, a)["at_us"] - t) < 2000000, f"{kind}: it was when the meter has it", (t, shown(d, a)))
    sim.do(how.format(meter) + " off")
    if kind == "meter_fault":   # told by the report alone
        gate.ok(gate.comes(lambda: asked(sim, meter, RESET, 0x14), 10), f"{kind}: its report is reset")
        return
    gate.ok(gate.comes(lambda: shown(d, a)["state"] == "resolved", 10), f"{kind}: over when the meter shows it no more", shown(d, a))
    gate.ok(shown(d, a)["resolved_by"] == "powergated" and not shown(d, a)["lasting"], f"{kind}: by itself", shown(d, a))


def cover(d, db, sim, sink):
    """Dangerous: off until a person has looked, whatever is paid."""
    sim.do(f"cover {COVER} meter open")
    a = seen_everywhere(d, sink, COVER, "cover_open", "critical", True)
    gate.ok(gate.comes(lambda: shown(d, a)["at_us"] and shown(d, a)["at_wh"], 10), "with the meter's own record of it", shown(d, a))
    gate.ok(shown(d, a)["count"] == 1 and asked(sim, COVER, COVER_1), "report and counter are one alarm", shown(d, a))
    gate.ok(gate.comes(lambda: not on(sim, COVER), 10), "power goes off", sim.state(COVER))
    hold = [h for h in d.ask("hold/list", meter=COVER).json["rows"] if h["hold"] == "SAFETY"]
    gate.ok(len(hold) == 1 and hold[0]["cause"] == "cover_open" and shown(d, a)["hold"] == "SAFETY", "held for SAFETY, with its cause", hold)
    gate.until(lambda: field.last_command(d, COVER)["state"] == "done", 10, "the trip")
    field.cash(d, account(COVER), 5000)
    gate.ok(gate.comes(lambda: [n for n in sink.told("paid", account(COVER)) if "SAFETY" in n["data"].get("still_off", "")], 10),
            "a payment is taken, and the customer told why it stays dark", sink.told("paid"))
    time.sleep(1)
    gate.ok(not on(sim, COVER), "it does stay dark", sim.state(COVER))
    code, out, err = d.ctl("why", COVER)
    gate.ok(code == 0 and "held off (SAFETY" in out and "cover was opened" in out and "paying does not" in out, "why says it in a sentence", out + err)
    sim.do(f"cover {COVER} meter close")
    code, out, err = d.ctl("alarm", "resolve", str(a["alarm"]), "--reason=an electrician, seal renewed")
    gate.ok(code == 0 and "hold release SAFETY" in out, "resolved; the hold stands", out + err)
    time.sleep(0.5)
    gate.ok(not on(sim, COVER), "still dark")
    d.order("hold/release", hold="SAFETY", meter=COVER, reason="seal 4711")
    gate.ok(gate.comes(lambda: sim.state(COVER)["relay"] == "permitted", 10), "released: somebody at the meter may switch it on", sim.state(COVER))
    sim.do(f"button {COVER}")
    gate.ok(gate.comes(lambda: field.seen(d, COVER) == "closed", 10), "it is on again")
    resets = asked(sim, COVER, RESET, 0x14)
    gate.ok(len(resets) == 1, "its report was reset once, and it repeats it no more", resets)
    gate.ok(not alarms(d, COVER), "and no alarm is left", alarms(d, COVER))


def crowd(d, db, sim):
    """A whole site that says the same is not cut off by a machine."""
    held = db.value("SELECT count(*) FROM powergate.hold WHERE kind = 'SAFETY' AND placed_by = 'powergated'")
    db.run("UPDATE powergate.headend SET safety_trips = :n", n=held + 10)
    for m in CROWD:
        sim.do(f"cover {m} meter open")
    gate.ok(gate.comes(lambda: len(d.ask("alarm/list", site="there", kind="cover_open").json["rows"]) == len(CROWD), 15),
            "twelve meters are opened at once")
    gate.ok(gate.comes(lambda: sum(not on(sim, m) for m in CROWD) == 10, 15), "ten are held off")
    gate.ok(gate.comes(lambda: field.work(d, "ALARMS"), 5), "of the others a person decides", field.work(d, "ALARMS"))
    time.sleep(1.5)
    lit = [m for m in CROWD if on(sim, m)]
    gate.ok(len(lit) == 2, "they stay on", lit)
    gate.ok(all("spared" in [h["step"] for h in shown(d, alarms(d, m, "cover_open")[0])["history"]] for m in lit), "and their history says why")


def critical(d, sim, sink, meter, how, kind):
    sim.do(how)
    a = seen_everywhere(d, sink, meter, kind, "critical", True)
    gate.ok(a and gate.comes(lambda: not on(sim, meter), 10), f"{kind}: power goes off", sim.state(meter))


def weld(d, sim, sink):
    sim.do(f"tamper {WELD} weld on")
    d.order("hold/add", hold="ADMIN", meter=WELD, reason="x", at_once="true")
    gate.until(lambda: field.seen(d, WELD) == "open", 10, "the trip")
    a = seen_everywhere(d, sink, WELD, "relay_welded", "critical")
    gate.ok(a and a["source"] == "current", "off by its own word, and current flows", a)
    d.order("hold/release", hold="ADMIN", meter=WELD, reason="x")
    time.sleep(1)
    gate.ok(field.seen(d, WELD) == "open", "it is not switched on again", d.ask("meter/why", meter=WELD).json)
    code, out, err = d.ctl("alarm", "resolve", str(a["alarm"]), "--reason=x")
    gate.ok(code != 0 and "shows it still" in out + err, "what the meter still shows is not resolved by a word", out + err)
    sim.do(f"tamper {WELD} weld off")
    gate.ok(gate.comes(lambda: not shown(d, a)["lasting"], 10) and shown(d, a)["state"] == "raised", "a critical one waits for a person when it is over",
            shown(d, a))
    d.order("alarm/resolve", alarm=str(a["alarm"]), reason="meter exchanged")


def words(d, sim, sink):
    """No block of status words, no report: word by word."""
    sim.do(f"tamper {WORDS} phases on")
    a = raised(d, WORDS, "phase_order")
    gate.ok(a and asked(sim, WORDS, WORD_7), "a meter without the block is asked word by word", a)
    gate.ok(len(asked(sim, WORDS, BLOCK)) == 1 and len(asked(sim, WORDS, REPORT)) == 1, "what it refuses is asked once")


def stuck(d, sim, sink):
    """It does not let its report be reset: a person hears of it, and it is not tried for ever."""
    sim.do(f"cover {STUCK} terminal open")
    a = raised(d, STUCK, "terminal_open")
    gate.ok(gate.comes(lambda: field.work(d, "REFUSED", STUCK), 10), "a reset that is refused is work for a person")
    time.sleep(2.5)
    gate.ok(len(asked(sim, STUCK, RESET, 0x14)) == 1 and shown(d, a)["count"] == 1, "asked once, and what repeats itself counts once", shown(d, a))


def hearsay(d, sim, sink):
    """Its report says so and no counter stands behind it: people are told, and nobody is cut off."""
    sim.do(f"cover {HEARSAY} meter open")
    a = seen_everywhere(d, sink, HEARSAY, "cover_open", "critical")
    gate.ok(a and gate.comes(lambda: asked(sim, HEARSAY, RESET, 0x14), 10), "a report that nothing stands behind is reset too", a)
    time.sleep(1.5)
    gate.ok(on(sim, HEARSAY) and shown(d, a)["source"] == "report" and not shown(d, a)["hold"], "on its word alone nobody is cut off", shown(d, a))
    gate.ok(not to_customer(sink, HEARSAY, "cover_open"), "nor told that his meter was opened")


def silent(d, sim, sink):
    """Its counter is all it has; and it moved while nobody was there."""
    gate.until(lambda: asked(sim, SILENT, COVERS), 10, "its counters")
    sim.do(f"drop {SILENT}")
    sim.do(f"cover {SILENT} meter open")
    sim.do(f"cover {SILENT} meter open")
    a = raised(d, SILENT, "cover_open", 15)
    gate.ok(a and a["source"] == "counter" and a["count"] == 2, "a count that moved while it was away is seen", a)


# --- what no meter says --------------------------------------------------------------------------

def used_while_off(d, sim, sink):
    """The meter of weld(): its register says it too."""
    a = raised(d, WELD, "used_while_off", 15)
    gate.ok(a and a["source"] == "books" and "0.0" in a["text"], "energy that is used while it is off is seen in its register", a)


def empty(d, db, sim, sink):
    """On for days by our books, and its midnights do not differ."""
    db.run("UPDATE powergate.meter_state SET closed_us = 1 WHERE meter_id = (SELECT id FROM powergate.meter WHERE address = :'m')", m=EMPTY)
    a = seen_everywhere(d, sink, EMPTY, "unused", "minor")
    gate.ok(a and not alarms(d, SUB_1, "unused"), "one that was on for a moment only is none", alarms(d, SUB_1))
    sim.do(f"set {EMPTY} watts 50000")
    gate.ok(gate.comes(lambda: shown(d, a)["state"] == "resolved", 10), "it ends by itself when something is used", shown(d, a))


def topped_up(d, sim, sink):
    """Credit from somebody else's vending."""
    d.commission(WALLET)
    gate.ok(d.pay("L1", 1000, "P-1").status == 200, "a payment goes into a wallet")
    gate.until(lambda: sim.state(WALLET)["credit_minor"] > 5500, 15, "its credit")
    time.sleep(2.5)
    gate.ok(not alarms(d, WALLET), "what was bought is no alarm", alarms(d, WALLET))
    db.run("SET search_path = powergate; UPDATE credit_delivery SET applied_us = applied_us - 3600000000 WHERE state = 'APPLIED'")
    sim.do(f"topup {WALLET} 700")
    a = raised(d, WALLET, "credit_unexplained", 15)
    gate.ok(a and "0.00 of it was bought" in a["text"], "credit that nobody bought is", a)
    time.sleep(2)
    gate.ok(shown(d, a)["count"] == 1, "told once", shown(d, a))


def losses(d, db, sim, sink):
    """A meter in front of two others, over a day that is over."""
    day = (datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Shanghai")) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
    freezes = "SELECT count(*) FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = f.meter_id WHERE m.address = ANY (:'m')"
    gate.until(lambda: db.value(freezes, m="{" + f"{MASTER},{SUB_1},{SUB_2}" + "}") >= 6, 20, "their midnights")
    code, out, err = d.ctl("meter", "master", MASTER, f"--subs={SUB_1},{SUB_2}", "--loss=5.00")
    gate.ok(code == 0, "a meter stands in front of two", out + err)
    code, out, err = d.ctl("recon", "run", f"--day={day}", "--site=here")
    gate.ok(code == 0, "the day before is reconciled", out + err)
    a = seen_everywhere(d, sink, MASTER, "loss", "major")
    gate.ok(a and "24.00 kWh" in a["text"] and "5.00 %" in a["text"], "by how much, and how much is allowed", a)
    for b in d.ask("recon/breaks", kind="LOSS", limit=100).json["rows"]:
        d.order("recon/resolve", **{"break": str(b["break"]), "reason": "the lift"})
    gate.ok(gate.comes(lambda: shown(d, a)["state"] == "resolved", 10), "it ends when the difference is explained", shown(d, a))


with gate.Cluster(BUILD) as db:
    sink = field.Sink()
    d = gate.Daemon(BUILD, db, {"commands": {"sweep": "200ms"}, "alarms": {"check": "1s", "counters": "2s", "welded_after": "2s", "books": "1s",
                                                                          "sweep": "500ms", "off_wh": 1, "unused_days": 2},
                                "reading": {"freeze_days": 4}, "recon": {"at": ""}, "watch": {"listen": f"127.0.0.1:{(port := gate.free_port())}", "refresh": "200ms"}},
                    start=False)
    d.configure(sink.settings(d))
    d.start()
    d.order("site/add", name="here", zone="Asia/Shanghai")
    d.order("site/add", name="there", zone="Asia/Shanghai")
    db.run("UPDATE powergate.headend SET safety_trips = 100")
    d.order("tariff/add", name="flat", steps="0:10000")
    for m in METERS:
        d.order("account/add", account=account(m), mode="remote", site="there" if m in CROWD else "here", tariff="flat", trip="-100000")
        d.order("meter/add", meter=m, profile="remote", account=account(m), most_watts="2000000")
    d.order("account/add", account="L1", mode="local", site="here")
    d.order("meter/add", meter=WALLET, profile="wallet-esam", capability="counted", account="L1", customer=WALLET)
    wallet = {"address": WALLET, "profile": "wallet-esam", "opened": "yes", "customer": WALLET, "watts": 0, "credit_minor": 5000}
    with gate.Sim(BUILD, d, [wallet] + [{"address": m, "watts": 500, "energy_wh": 1000, "overload_delay_s": 1, **SIM.get(m, {})} for m in METERS],
                  "--truth-frames") as sim:
        sim.online(len(METERS) + 1)
        gate.until(lambda: all(field.seen(d, m) == "closed" for m in METERS), 15, "their first polls")
        gate.until(lambda: all(asked(sim, m, COVERS) for m in METERS), 15, "their first counts")
        field.together(lambda: moved(d, db, sim, sink), lambda: lever(d, sim, sink), lambda: shut(d, sim, sink), lambda: loaded(d, sim, sink), lambda: cover(d, db, sim, sink),
                       lambda: critical(d, sim, sink, TERMINAL, f"cover {TERMINAL} terminal open", "terminal_open"),
                       lambda: critical(d, sim, sink, MAGNET, f"tamper {MAGNET} magnet on", "magnetic_field"),
                       lambda: weld(d, sim, sink), lambda: words(d, sim, sink), lambda: stuck(d, sim, sink), lambda: silent(d, sim, sink), lambda: hearsay(d, sim, sink),
                       lambda: used_while_off(d, sim, sink), lambda: empty(d, db, sim, sink), lambda: topped_up(d, sim, sink), lambda: losses(d, db, sim, sink),
                       *(lambda m=m, k=k: told(d, sim, sink, m, *k) for m, k in zip(TOLD, KINDS)))
        crowd(d, db, sim)
        gate.ok(gate.comes(lambda: 'powergate_alarms_open{kind="relay_moved",severity="major"} 2' in gate.request(port, "GET", "/metrics").body.decode(), 5),
                "a figure of each kind is watched", alarms(d, SHUT))
        gate.ok(not db.ledger_problems(), "the books balance", db.ledger_problems())
    sink.close()
sys.exit(gate.done())
PY
