#!/bin/sh
# A meter on the bench is asked what it does with the same credit twice; its type is trusted with
# what it showed, and with nothing else.
#   tests/it/qualify.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate

BUILD = sys.argv[1]


class Bench:
    """A meter without an account, of a model of its own."""

    number = 0

    def __init__(self, model, profile="wallet-plain", faults=(), **sim):
        Bench.number += 1
        self.model, self.profile, self.faults = model, profile, faults
        self.meter = f"2026000094{Bench.number:02}"
        self.sim = {"address": self.meter, "profile": profile, "watts": 0, **sim}

    def row(self, d):
        rows = [r for r in d.ask("qualification/list", model=self.model).json["rows"] if r["meter"] == self.meter]
        return rows[0] if rows else {}

    def steps(self, d):
        return d.ask("qualification/show", qualification=self.row(d)["qualification"]).json["rows"]

    def credits(self, sim):
        return [t["amount_minor"] for t in sim.truth("credit", self.meter)]


GOOD = Bench("plain-1")
COUNTED = Bench("esam-1", "wallet-esam", opened="yes", customer="202600009402")
SHUT = Bench("esam-2", "wallet-esam", opened="no")
LIAR = Bench("doubler", doubles="yes")
FORGETS = Bench("forgets", forgets="yes")
BLANK = Bench("blank", no_records="yes")
SHAKY = Bench("shaky", faults=["do_not_ack 1", "ack_not_do 1"])
LOST = Bench("lost", faults=["loss 3"])
NODES = Bench("no-outages", lacks="03110000")
ALL = [GOOD, COUNTED, SHUT, LIAR, FORGETS, BLANK, SHAKY, LOST, NODES]


def qualify(d, b, **more):
    return d.order("meter/qualify", meter=b.meter, **more)


def rests(d, b, seconds=40):
    """Until nothing is asked any more."""
    gate.until(lambda: b.row(d) and field.last_command(d, b.meter)["kind"] == "qualify"
               and field.last_command(d, b.meter)["state"] == "done", seconds, f"the turn of {b.model}")
    return b.row(d)


def power(sim, b):
    sim.do(f"power {b.meter} off")
    sim.do(f"power {b.meter} on")


def first_half(d, sim):
    for b in ALL:
        for f in b.faults:
            sim.do(f"fault {b.meter} {f}")
        qualify(d, b, credit_minor="100")
    for b in (GOOD, COUNTED, SHUT, FORGETS, SHAKY, LOST, NODES):
        row = rests(d, b)
        gate.ok(row["state"] == "power" and row["class"] is None, f"{b.model}: everything but the lost supply is passed", f"{row}\n{b.steps(d)}")
    stages = [(s["stage"], s["said"]) for s in GOOD.steps(d)]
    gate.ok(stages == [("first", "yes"), ("again", "no"), ("other", "yes"), ("again other", "no"), ("reconnect", "no")],
            "an order is taken and refused, another is taken and refused, in a new connection too", stages)
    stages = [(s["stage"], s["said"]) for s in COUNTED.steps(d)]
    gate.ok(stages == [("first", "yes"), ("again", "repeat"), ("ahead", "no"), ("reconnect", "repeat")],
            "a count is taken, refused as a repetition, refused when it is too high", stages)
    gate.ok(GOOD.credits(sim) == [100, 100] and COUNTED.credits(sim) == [100], "no more came in than was to", [GOOD.credits(sim), COUNTED.credits(sim)])
    gate.ok([t["event"] for t in sim.truth(meter=SHUT.meter) if t["event"] in ("open", "credit")] == ["open", "credit"],
            "a meter whose account is not open is opened with it", sim.truth(meter=SHUT.meter))
    show = d.ask("meter/show", meter=GOOD.meter).json
    gate.ok(show["capability"] == "none", "which gives no class yet", show)


def bad(d, sim):
    for b, words, credits in ((LIAR, "the same a second time", [100, 100]), (BLANK, "no record", [])):
        row = rests(d, b)
        gate.ok(row["state"] == "ended" and row["class"] == "none" and words in row["why"] and b.credits(sim) == credits,
                f"{b.model}: {row['why']}", f"{row}\n{b.steps(d)}")
    frames = LIAR.steps(d)[1]
    heard = [t["hex"].upper() for t in sim.truth("frame_in", LIAR.meter)]
    gate.ok(len(frames["out"]) >= 3 and all(any(f.lstrip("FE") in h or h in f for h in heard) for f in frames["out"]) and frames["count_after"] == 2,
            "the evidence has the frames, and what was counted before and after", frames)


def second_half(d, db, sim):
    number = qualify(d, GOOD)["command"]
    gate.until(lambda: field.command(d, number)["state"] == "done", 20, "the look at its outages")
    gate.ok("without supply" in field.command(d, number)["outcome"] and GOOD.row(d)["state"] == "power",
            "a supply that was not cut is told by the meter's own count", field.command(d, number))
    for b in (GOOD, COUNTED, FORGETS, SHAKY):
        power(sim, b)
    gate.until(lambda: all(sim.state(b.meter)["boots"] >= 1 for b in (GOOD, COUNTED, FORGETS)), 20)
    gate.until(lambda: sim.do("stats")["connected"] == len(ALL), 30, "all connected again")
    for b in (GOOD, COUNTED, FORGETS, SHAKY):
        qualify(d, b)
    gate.until(lambda: all(b.row(d)["state"] == "ended" for b in (GOOD, COUNTED, FORGETS, SHAKY)), 40, "the second half")
    classes = {b.model: b.row(d)["class"] for b in (GOOD, COUNTED, FORGETS, SHAKY)}
    gate.ok(classes == {"plain-1": "order_no", "esam-1": "counted", "forgets": "none", "shaky": "order_no"},
            "after the cut two types have their class, and one that forgets its last order has none", classes)
    gate.ok(FORGETS.credits(sim) == [100, 100, 100], "its third credit is why", FORGETS.credits(sim))
    number = qualify(d, NODES)["command"]
    gate.until(lambda: field.command(d, number)["state"] == "done", 20)
    gate.ok("--power-cut" in field.command(d, number)["outcome"], "where no outage is counted, a person has to say so", field.command(d, number))
    code, out, err = d.ctl("meter", "qualify", NODES.meter, "--power-cut", "--wait=20")
    gate.ok(code == 0 and NODES.row(d)["class"] == "order_no", "and says so", out + err)
    said = db.rows("SELECT action, outcome FROM powergate.audit WHERE action = 'meter.qualify' AND outcome LIKE 'class%' ORDER BY id")
    gate.ok(len(said) == 7 and db.value("SELECT count(*) FROM powergate.qualification_step") > 25, "all of it is in the audit", said)


def what_counts(d, db):
    d.order("account/add", account="Q1", mode="local", site="here", warn="100")
    for n, (profile, model, wish, class_) in enumerate([
            ("wallet-plain", "plain-1", "none", "order_no"), ("wallet-plain", "doubler", "order_no", "none"),
            ("wallet-plain", "unheard of", "counted", "none"), ("wallet-esam", "esam-1", "none", "counted"),
            ("wallet-esam", "", "counted", "counted")]):
        d.order("meter/add", meter=f"2026000095{n:02}", profile=profile, model=model, capability=wish, site="here")
        is_ = d.ask("meter/show", meter=f"2026000095{n:02}").json["capability"]
        gate.ok(is_ == class_, f"{profile} {model or 'of no model'}, wished to be {wish}: {is_}")
    d.order("meter/add", meter="202600009590", profile="wallet-plain", model="plain-1", account="Q1")
    d.order("meter/add", meter="202600009591", profile="east", site="here")
    for meter, more, status, words in (("202600009590", {"credit_minor": "100"}, 409, "somebody's"),
                                       ("202600009591", {"credit_minor": "100"}, 409, "no number"),
                                       ("202600009502", {}, 400, "how much"), ("202600009599", {}, 404, "no such")):
        a = gate.request(d.socket, "POST", "/v1/meter/qualify", gate.json.dumps({"meter": meter, **more}).encode())
        gate.ok(a.status == status and words in a.json["error"], f"refused: {a.json['error']}", a)
    code, out, _ = d.ctl("qualification", "list", "--profile=wallet-plain")
    gate.ok(code == 0 and "doubler" in out and "order_no" in out, "powergatectl shows them", out)
    for sql in ("UPDATE powergate.qualification_step SET said = 'no'", "DELETE FROM powergate.qualification_step"):
        try:
            db.run(sql)
            gate.ok(False, "the evidence stands: " + sql)
        except RuntimeError as e:
            gate.ok("append-only" in str(e), "the evidence stands: " + sql.split()[0])


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, {"session": {"reply_timeout": "1s"}, "commands": {"sweep": "200ms"},
                                                        "reading": {"poll_interval": "1d", "freeze_window": "0s", "freeze_days": 1}}) as d:
    d.site()
    for b in ALL:
        d.order("meter/add", meter=b.meter, profile=b.profile, model=b.model, site="here")
    with gate.Sim(BUILD, d, [b.sim for b in ALL], "--truth-frames", rtt_ms=5, heartbeat=1) as sim:
        sim.online(len(ALL))
        first_half(d, sim)
        bad(d, sim)
        second_half(d, db, sim)
        what_counts(d, db)
        gate.ok(not db.ledger_problems() and d.running(), "none of it is in the books", db.ledger_problems())
sys.exit(gate.done())
PY
