#!/bin/sh
# Connections: who is who, who is refused, what happens when there are two, and what a bad one
# may do to the others.
#   tests/it/sessions.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os
import random
import resource
import sys
import time

import field
import gate
from field import Line, Puppet

BUILD = sys.argv[1]
REPLY_S = 2
QUIET_S = 6
SILENCE_S = 6
GREETING_S = 4
STRANGER = "202600009001"


def endpoint(d, identity):
    rows = d.ask("endpoint/list", limit=1000).json["rows"]
    return next((e for e in rows if e["endpoint"] == identity), None)


def is_online(d, identity):
    e = endpoint(d, identity)
    return e is not None and e["online"]


def local(d, account, meter, **more):
    d.local(account, meter, **more)
    return {"address": meter, "profile": "wallet-esam", "watts": 100, "customer": meter, "opened": "yes",
            "credit_minor": 5000}


def remote(d, account, meter, **more):
    d.remote(account, meter, **more)
    field.cash(d, account, 100000)
    return {"address": meter, "profile": "remote", "watts": 100, "energy_wh": 50000}


# --- who is who -----------------------------------------------------------------------------

def strangers(d):
    with gate.Sim(BUILD, d, [{"address": STRANGER, "energy_wh": 70000}], "--truth-frames", heartbeat=1) as sim:
        gate.until(lambda: is_online(d, STRANGER), 10, "the stranger")
        time.sleep(3)
        e = endpoint(d, STRANGER)
        gate.ok(e["state"] == "quarantined" and "unknown" in e["why"],
                "an unknown identity is quarantined and listed", e)
        gate.ok(field.heard(sim, STRANGER) == [] and sim.state(STRANGER)["connected"],
                "it is kept and hears no frame at all", [f.control for f in field.heard(sim, STRANGER)])
        code, out, err = d.ctl("endpoint", "claim", STRANGER)
        gate.ok(code == 1 and "no meter" in out + err, "it cannot be claimed while nobody knows what it is",
                out + err)
        remote(d, "S1", STRANGER)
        gate.ok(gate.comes(lambda: d.ask("meter/show", meter=STRANGER).json["total_wh"], 10) and
                endpoint(d, STRANGER)["state"] == "claimed", "with its meter added it is talked to",
                endpoint(d, STRANGER))
        d.ctl("endpoint", "quarantine", STRANGER, "--reason", "smells")
        gate.until(lambda: is_online(d, STRANGER), 10, "its return")
        time.sleep(0.5)
        n = len(field.heard(sim, STRANGER))
        time.sleep(2)
        gate.ok(len(field.heard(sim, STRANGER)) == n and endpoint(d, STRANGER)["why"] == "smells",
                "a person quarantines it: not one frame more", endpoint(d, STRANGER))
        code, out, err = d.ctl("endpoint", "claim", STRANGER)
        gate.ok(code == 0 and gate.comes(lambda: len(field.heard(sim, STRANGER)) > n, 10),
                "and claims it: it is talked to again", out + err)


def names(d):
    """What converters say when they come."""
    cases = [("text", b"DTU-TEXT", "DTU-TEXT"), ("a line", b"866123045678901\r\n", "866123045678901"),
             ("hex", bytes.fromhex("861204f00a11"), "861204f00a11")]
    lines = []
    for what, said, identity in cases:
        lines.append(Line(d.meters_port, said))
        known = gate.comes(lambda i=identity: [e for e in d.ask("endpoint/list", limit=1000).json["rows"]
                                               if e["endpoint"].lower() == i.lower() and e["kind"] == "dtu"], 5)
        gate.ok(known, f"a registration by {what} is a name", d.log()[-500:])
    for line in lines:
        line.say(b"ping")
    quiet = [line.listen(0.5) == b"" for line in lines]
    for line in lines:
        line.say(b"\x00")
    gate.ok(all(quiet) and all(line.listen(0.5) == b"" for line in lines),
            "pings are neither answered nor held against them")
    for line in lines:
        line.close()


def foreigners(d):
    cases = [("gdw376.1", "Q/GDW 376.1's login", bytes.fromhex("68320032006849010100000271000001000016")),
             ("acrel", "Acrel's meter",
              b"\x7b\x7b\x84" + b"12345678901234567890" + bytes(38) + b"\x01\x02\x7d\x7d"),
             ("acrel", "Acrel's gateway", b"\x1f\x1f\x01\x00\x00\x00\x10<xml></xml>...."),
             ("dlms", "DLMS in its wrapper", bytes.fromhex("0001000100010012") + bytes(18)),
             ("dlms", "DLMS in HDLC", bytes.fromhex("7ea0210002002303934b")),
             ("unknown", "garbage", bytes(random.Random(7).choices(range(128, 250), k=200)))]
    for name, what, said in cases:
        seen = len(d.log())
        line = Line(d.meters_port, said)
        gate.ok(line.closed(3) and f"speaks {name}" in d.log()[seen:] and line.heard == b"",
                f"{what} is named in the log and refused", d.log()[seen:])
        line.close()


def nuisances(d):
    silent = Line(d.meters_port)
    began = time.monotonic()
    drip = Line(d.meters_port)
    noisy = Line(d.meters_port, field.heartbeat("202600009009"))
    gate.until(lambda: is_online(d, "202600009009"), 5, "a session")
    seen = len(d.log())
    for _ in range(20):
        try:
            noisy.say(bytes(random.Random(3).choices(range(256), k=100)).replace(b"\x68", b""))
        except OSError:
            break
    gate.ok(noisy.closed(3) and "noise" in d.log()[seen:], "endless noise ends a session", d.log()[seen:])
    gone = None
    while gone is None and time.monotonic() - began < 3 * GREETING_S:
        try:
            drip.say(b"a")
            if drip.listen(0.2) is None:
                gone = time.monotonic() - began
        except OSError:
            gone = time.monotonic() - began
    gate.ok(gone is not None and gone < GREETING_S + 1.5,
            "who drips its name a byte at a time has no longer than others", gone)
    gate.ok(silent.closed(3), "who says nothing is sent away")
    for line in (silent, drip, noisy):
        line.close()


# --- two of the same name -------------------------------------------------------------------

def cloned(d, sim, meter):
    sim.do(f"clone {meter}")
    gone = gate.comes(lambda: endpoint(d, meter)["state"] == "quarantined", 12)
    gate.ok(gone, "GV20: old and new both answer: both are quarantined", endpoint(d, meter))
    items = [w for w in field.work(d, "QUARANTINE") if meter in w["text"]]
    gate.ok(len(items) == 1 and "claim" in items[0]["todo"], "a person is told what to do", items)
    time.sleep(1)
    n = len(field.heard(sim, meter))
    d.pay("C1", 3000, "CLONE-1")
    time.sleep(3)
    gate.ok(len(field.heard(sim, meter)) == n and sim.truth("credit", meter) == [],
            "no frame reaches either, and no money", [f.control for f in field.heard(sim, meter)[n:]])
    code, out, err = d.ctl("meter", "add", "202600000999", "--profile", "remote", "--site", "here", "--endpoint", meter)
    gate.ok(code == 0 and endpoint(d, meter)["state"] == "quarantined",
            "another meter added behind it does not release it", out + err)
    code, out, err = d.ctl("meter", "add", "999999999999", "--profile", "remote", "--site", "here")
    gate.ok(code == 1 and "all meters" in err, "and nobody adds the address of all meters", out + err)


def old_one_dead(d, meters):
    """The old connection said who it is and is silent from then on."""
    meter = meters[0]["address"]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        d.commission(meter)
    gate.until(lambda: not is_online(d, meter), 5, "its end")
    old = Line(d.meters_port, field.heartbeat(meter))
    gate.until(lambda: is_online(d, meter), 5, "the old connection")
    d.pay("T1", 3000, "DEAD-1")
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        gate.until(lambda: sim.do("stats")["connected"] == 1, 5, "the new connection")
        began = time.monotonic()
        doubted = gate.comes(lambda: d.db.value(
            "SELECT doubt_until_us FROM powergate.endpoint WHERE identity = :'i'", i=meter) > 0, 2)
        trusted = gate.comes(lambda: d.db.value(
            "SELECT doubt_until_us FROM powergate.endpoint WHERE identity = :'i'", i=meter) == 0, 8)
        took = time.monotonic() - began
        gate.ok(doubted and trusted and took < 6.5,
                f"a silent old connection: the new one is trusted after {took:.1f} s", took)
        gate.ok(old.closed(2), "and the old one is closed")
        paid = gate.comes(lambda: d.ask("payment/show", payment_no="DEAD-1").json["done_us"], 15)
        took = time.monotonic() - began
        gate.ok(paid and len(sim.truth("credit", meter)) == 1,
                f"the payment that waited is in the meter, {took:.1f} s after it came back",
                sim.truth("credit", meter))
    old.close()


def flapping(d, meters):
    meter = meters[0]["address"]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        d.commission(meter)
    gate.until(lambda: not is_online(d, meter), 5, "its end")
    lines = []
    for n in range(6):
        lines.append(Line(d.meters_port, field.heartbeat(meter)))
        gate.until(lambda n=n: is_online(d, meter) and d.db.value(
            "SELECT takeovers FROM powergate.endpoint WHERE identity = :'i'", i=meter) == n, 5, "a takeover")
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        gate.until(lambda: "flapping" in str(d.ask("event/list", limit=50).json), 5, "the event")
        items = field.work(d, "FLAPPING", meter)
        gate.ok(len(items) == 1 and "taken over 6 times" in items[0]["text"], "and a person hears who takes it from whom", items)
        began = time.monotonic()
        d.pay("F1", 3000, "FLAP-1")
        n = field.relay(d, meter, "open")
        code, out, err = d.ctl("meter", "read", meter, "--wait=15")
        gate.ok(code == 0, "GV20: the sixth takeover in ten minutes: reads go on", out + err)
        while time.monotonic() - began < 7:
            time.sleep(0.1)
        gate.ok(sim.truth("credit", meter) == [] and field.orders(sim, meter) == [],
                "neither money nor a trip leaves",
                [f.control for f in field.heard(sim, meter)])
        told = [c["outcome"] or "" for c in field.commands(d, meter)
                if c["state"] == "waiting" and c["kind"] != "push"]
        gate.ok(len(told) == 2 and all("flapping" in t or "taken over" in t for t in told),
                "both say why they wait", told)
        d.db.run("UPDATE powergate.endpoint SET held_until_us = 0 WHERE identity = :'i'", i=meter)
        gate.ok(gate.comes(lambda: len(sim.truth("credit", meter)) == 1, 12) and
                gate.comes(lambda: field.command(d, n)["state"] == "done", 12), "when that is over both leave",
                field.commands(d, meter))
    for line in lines:
        line.close()


def taken_over_in_a_recharge(d, meters):
    """The credit is on the wire of the old connection when the new one comes."""
    meter = meters[0]["address"]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        d.commission(meter)
        sim.do(f"fault {meter} do_not_ack 1")
        pid = d.process.pid
        d.pay("X1", 3000, "OVER-1")
        gate.until(lambda: sim.truth("credit", meter), 10, "the credit")
        new = Line(d.meters_port, field.heartbeat(meter))
        gate.until(lambda: "quarantined" == endpoint(d, meter)["state"] or not d.running(), 10, "the judgement")
        gate.ok(d.running() and d.process.pid == pid, "a takeover in the middle of a recharge: the daemon lives",
                d.log()[-1500:])
        new.close()
        if not d.running():
            d.start()
        d.order("endpoint/claim", endpoint=meter)
        paid = gate.comes(lambda: d.ask("payment/show", payment_no="OVER-1").json["done_us"], 20)
        gate.ok(paid and len(sim.truth("credit", meter)) == 1,
                "and once a person has said who is real, the credit is there, once", sim.truth("credit", meter))


def gone_while_deciding(d, db, meters):
    """The connection ends while the database is asked what to do next."""
    meter = meters[0]["address"]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        d.commission(meter)
        pid = d.process.pid
        db.run("CREATE OR REPLACE FUNCTION powergate.slow() RETURNS trigger LANGUAGE plpgsql AS "
               "$$ BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END $$;"
               "CREATE TRIGGER slow BEFORE UPDATE ON powergate.credit_delivery FOR EACH ROW "
               "WHEN (NEW.state = 'INTENT') EXECUTE FUNCTION powergate.slow()")
        d.pay("Y1", 3000, "GONE-1")
        gate.until(lambda: any(f.control == 0x03 and f.di == 0x078102FF for f in field.heard(sim, meter)), 10,
                   "the look")
        time.sleep(0.5)
        sim.do(f"drop {meter}")
        time.sleep(2)
        db.run("DROP TRIGGER slow ON powergate.credit_delivery")
        paid = gate.comes(lambda: d.ask("payment/show", payment_no="GONE-1").json["done_us"],
                          20) if d.running() else False
        gate.ok(d.running() and d.process.pid == pid,
                "a connection that ends while the database is asked: the daemon lives", d.log()[-1500:])
        gate.ok(paid and len(sim.truth("credit", meter)) == 1, "and the credit arrives, once",
                sim.truth("credit", meter))


# --- bytes ----------------------------------------------------------------------------------

def half_open(d):
    line = Line(d.meters_port)
    for _ in range(3):
        line.say(field.heartbeat("202600009010"))
        time.sleep(1.1)
    began = time.monotonic()
    gone = line.closed(SILENCE_S + 5)
    took = time.monotonic() - began + 1.1
    gate.ok(gone and SILENCE_S - 1 < took < SILENCE_S + 2,
            f"a connection without a word is closed after {took:.1f} s", took)
    line.close()


def manners(d, meter):
    """One meter that answers in every way a line can bend an answer."""
    values = {0x0001FF00: b"".join(field.bcd(n, 4) for n in (12345, 0, 0, 12345, 0)),
              0x00010000: field.bcd(12345, 4),
              field.STATUS: b"\x00\x00"}
    volts = field.value(meter, 0x02010100, field.bcd(2200, 2))
    other = field.value("202600009999", 0x0001FF00, b"".join(field.bcd(77777, 4) for _ in range(5)))
    late = {"answer": b""}

    def stale(question, answer):
        pieces = [late["answer"], 0.05, answer]
        if answer[8] & 0x40 == 0:  # a refusal does not say of what: it can only be taken for the newest
            late["answer"] = answer
        return pieces

    cases = [("byte by byte", lambda q, a: [p for n in range(len(a)) for p in (a[n:n + 1], 0.004)]),
             ("merged with heartbeats around it", lambda q,
              a: [field.heartbeat(meter) + b"\xfe\xfe" + a + field.heartbeat(meter)]),
             ("behind frames nobody asked for", lambda q, a: [field.heartbeat(meter), 0.1, other, 0.1,
                                                              volts, 0.3, a]),
             ("behind an echo of the question", lambda q, a: [b"\xfe\xfe" + q.raw, 0.05, a]),
             ("behind the answer before it", stale),
             ("behind noise and a broken copy", lambda q, a: [b"\x00\x68\x11", a[:-2] + b"\x00\x16", b"\x68", a])]
    for what, manner in cases:
        gate.until(lambda: not is_online(d, meter), 10, "the line before")
        puppet = Puppet(d.meters_port, meter, values, manner)
        gate.until(lambda: is_online(d, meter), 5, "the puppet")
        code, out, err = d.ctl("meter", "read", meter, "--regs", "total_wh,t1_wh,status", "--wait=15", "--json")
        total = d.ask("meter/show", meter=meter).json
        command = field.last_command(d, meter)
        gate.ok(code == 0 and command["attempts"] == 1 and total["total_wh"] == 123450 and total["relay"] == "closed",
                f"an answer {what} is that answer", f"{out}{err}{total}\n{command}")
        puppet.close()


# --- a bus ----------------------------------------------------------------------------------

def latency(d, sim, account, meter, no, seconds=40):
    """Seconds from the payment to the credit in the meter."""
    n = len(sim.truth("credit", meter))
    began = time.time()
    d.pay(account, 1000, no)
    gate.until(lambda: len(sim.truth("credit", meter)) > n, seconds, f"{no}")
    return sim.truth("credit", meter)[-1]["t_us"] / 1e6 - began


def bus(d, meters):
    """Five live meters and a dead one on one pair of wires."""
    dead = "202600001006"
    lives = [m["address"] for m in meters if m["address"] != dead]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(1)
        for meter in [*lives, dead]:
            d.commission(meter)
        gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] is not None for m in lives), 20,
                   "readings")
        alone = max(latency(d, sim, "B1", lives[0], f"BUS-A{n}") for n in range(3))
        sim.do(f"fault {dead} silent")
        n = len(field.heard(sim, dead))
        d.order("meter/read", meter=dead)
        gate.until(lambda: len(field.heard(sim, dead)) > n, 10, "the dead one being asked", every=0.005)
        beside = latency(d, sim, "B1", lives[0], "BUS-B1")
        gate.ok(beside <= alone + REPLY_S + 0.5,
                f"a payment beside a dead meter: {beside:.2f} s, {alone:.2f} s without it (reply timeout {REPLY_S} s)")
        d.pay("B6", 1000, "BUS-DEAD")  # its own payment is older than the others'
        gate.until(lambda: any(f.control == 0x03 for f in field.heard(sim, dead)[n:]), 20,
                   "the dead one's own payment", every=0.005)
        began = time.time()
        before = {m: len(sim.truth("credit", m)) for m in lives}
        for i, m in enumerate(lives):
            d.pay(f"B{i + 1}", 1000, f"BUS-C{i}")
        gate.until(lambda: all(len(sim.truth("credit", m)) > before[m] for m in lives), 60, "all five")
        worst = max(sim.truth("credit", m)[-1]["t_us"] / 1e6 - began for m in lives)
        gate.ok(worst <= 5 * alone + REPLY_S + 1,
                f"five payments at once beside a dead meter that is owed one: the last after {worst:.2f} s", worst)
        began = time.time() * 1e6
        time.sleep(3 * QUIET_S)
        asked = [f.t_us for f in field.heard(sim, dead) if f.t_us > began]
        gaps = [(b - a) / 1e6 for a, b in zip(asked, asked[1:])]
        gate.ok(1 <= len(asked) <= 4 and all(g >= QUIET_S * 0.9 for g in gaps),
                f"after three silences it is asked once a quiet interval ({[round(g, 1) for g in gaps]})", gaps)
        sim.do(f"fault {dead} off")
        gate.ok(gate.comes(lambda: len(sim.truth("credit", dead)) == 1, QUIET_S + 12),
                "when it is back its own payment arrives", field.commands(d, dead))


# --- descriptors ----------------------------------------------------------------------------

def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(db, conninfo):
    d = gate.Daemon(BUILD, db, {"reading": {"poll_interval": "1s"}}, node="limited", conninfo=conninfo,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000)))
    gate.ok("1000 files may be open: 500 sessions fit" in d.log(), "at its start it says how many sessions fit", d.log()[:1000])
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (60, 60))  # somebody else needs them
    meters = [f"2026000020{n:02d}" for n in range(5)]
    for n, m in enumerate(meters):
        d.order("account/add", account=f"L{n}", mode="remote", site="here", tariff="flat", warn="1000,500")
        d.order("meter/add", meter=m, profile="remote", account=f"L{n}", most_watts="2000000")
        field.cash(d, f"L{n}", 100000)
    with gate.Sim(BUILD, d, [{"address": m} for m in meters], "--truth-frames") as sim:
        sim.online(5)
        gate.until(lambda: all(field.heard(sim, m) for m in meters), 10, "first readings")
        lines = []
        for _ in range(100):
            lines.append(Line(d.meters_port))
        gate.until(lambda: "cannot accept" in d.log(), 5, "the limit")
        time.sleep(0.5)
        seen, cpu, began = len(d.log()), cpu_s(d.process.pid), time.monotonic()
        asked = [len(field.heard(sim, m)) for m in meters]
        time.sleep(3)
        spent = (cpu_s(d.process.pid) - cpu) / (time.monotonic() - began) * 100
        said = d.log()[seen:].count("cannot accept")
        gate.ok(d.running() and spent <= 5,
                f"a hundred connections and sixty descriptors: {spent:.1f} % of a core", spent)
        gate.ok(1 <= said <= 4, f"it says so once a second ({said} lines in 3 s)", d.log()[seen:])
        gate.ok(all(len(field.heard(sim, m)) > n for m,
                    n in zip(meters, asked)) and sim.do("stats")["connected"] == 5,
                "the meters that are there live on", [len(field.heard(sim, m)) for m in meters])
        for line in lines:
            line.close()
        began = time.monotonic()
        line = Line(d.meters_port, field.heartbeat("202600009020"))
        back = gate.comes(lambda: is_online(d, "202600009020"), 5)
        took = time.monotonic() - began
        gate.ok(back and took < 1, f"when they are gone the next one is taken after {took:.2f} s", took)
        line.close()
    d.close()


# --- the story ------------------------------------------------------------------------------

with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {
        "session": {"reply_timeout": f"{REPLY_S}s", "greeting_timeout": f"{GREETING_S}s",
                    "silence": f"{SILENCE_S}s",
                    "quiet_interval": f"{QUIET_S}s"},
        "meters": {"sweep": "500ms"}, "commands": {"sweep": "200ms"}, "reading": {"poll_interval": "2s"}})
    d.site()
    remote(d, "P1", "202600000501")
    field.together(lambda: strangers(d), lambda: names(d), lambda: foreigners(d), lambda: nuisances(d),
                   lambda: half_open(d), lambda: manners(d, "202600000501"))
    old_one_dead(d, [local(d, "T1", "202600000502")])
    taken_over_in_a_recharge(d, [local(d, "X1", "202600000503")])
    gone_while_deciding(d, db, [local(d, "Y1", "202600000504")])
    flapping(d, [local(d, "F1", "202600000505")])
    with gate.Sim(BUILD, d, [local(d, "C1", "202600000506")], "--truth-frames") as sim:
        sim.online(1)
        d.commission("202600000506")
        cloned(d, sim, "202600000506")
    on_bus = []
    for n in range(1, 7):
        m = local(d, f"B{n}", f"20260000100{n}", endpoint="DTU-BUS")
        on_bus.append({"address": m["address"], "link": "dtu:DTU-BUS", **m})
    bus(d, on_bus)
    gate.ok(d.running() and db.ledger_problems() == [], "the books balance", db.ledger_problems())
    d.stop()
    descriptors(db, db.conninfo)
sys.exit(gate.done())
PY
