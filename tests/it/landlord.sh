#!/bin/sh
# Meters of the makers that have words of their own: a wallet that takes credit under an order
# number, and one that takes a plain amount.  What nobody has shown to be safe is sent once.
#   tests/it/landlord.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import signal
import sys
import time

import field
import gate

BUILD = sys.argv[1]
RECHARGE, EAST = 0x070102FF, 0x000A0100


class Customer:
    """An account, its meter, and one payment."""

    number = 0

    def __init__(self, sentence, faults=(), model="shown", profile="wallet-plain", sim=None):
        Customer.number += 1
        self.sentence, self.faults, self.model, self.profile = sentence, faults, model, profile
        self.account, self.meter = f"W{self.number}", f"2026000093{self.number:02}"
        self.amount = 1000 + self.number
        self.sim = {"address": self.meter, "profile": profile, "watts": 0, "credit_minor": 500, **(sim or {})}

    def register(self, d):
        d.order("account/add", account=self.account, mode="local", site="here", warn="100")
        d.order("meter/add", meter=self.meter, profile=self.profile, model=self.model, capability="order_no", account=self.account)

    def pay(self, d, amount=None, number=""):
        answer = d.pay(self.account, amount or self.amount, f"P-{self.account}{number}")
        assert answer.status == 200, answer

    def sends(self, sim):
        """What of credit the meter heard: (order number, amount), or the amount alone."""
        found = []
        for f in field.heard(sim, self.meter):
            if f.control == 0x03 and f.di == RECHARGE:
                found.append((f.data[12:20][::-1].hex(), int.from_bytes(f.data[8:12], "little")))
            elif f.control == 0x14 and f.di == EAST:
                found.append(int(f.data[12:16][::-1].hex()))
        return found

    def credits(self, sim):
        return [t["amount_minor"] for t in sim.truth("credit", self.meter)]

    def state(self, db):
        return [r[0] for r in db.rows("SELECT d.state FROM powergate.credit_delivery d JOIN powergate.account a ON a.id = d.account_id "
                                      "WHERE a.number = :'n' ORDER BY d.id", n=self.account)]

    def why(self, db):
        return db.rows("SELECT d.state, d.why, d.order_no, d.sends, c.state, c.outcome FROM powergate.credit_delivery d JOIN powergate.account a "
                       "ON a.id = d.account_id LEFT JOIN powergate.command c ON c.delivery_id = d.id WHERE a.number = :'n'", n=self.account)


SURE = [  # of a type that was shown to refuse an order twice
    Customer("acknowledged"),
    Customer("the acknowledgement is lost", [("do_not_ack", 1)]),
    Customer("it says yes and does nothing", [("ack_not_do", 1)]),
    Customer("it says yes and does nothing, twice", [("ack_not_do", 2)]),
    Customer("it says no and does it", [("refuse_but_do", 1)]),
    Customer("it restarts after having done it", [("reboot", 1)]),
    Customer("the connection is cut in the midst of an answer", [("cut", 1)]),
    Customer("every answer comes twice", [("duplicate",)]),
    Customer("the one before comes in front of every answer", [("stale",)]),
    Customer("two frames are lost", [("loss", 2)]),
]
UNSURE = [  # of types nobody has shown anything of
    Customer("acknowledged", model=""),
    Customer("the acknowledgement is lost", [("do_not_ack", 1)], model=""),
    Customer("acknowledged, in the east", profile="east", model=""),
    Customer("the acknowledgement is lost, in the east", [("do_not_ack", 1)], profile="east", model=""),
]
NOTHING = [
    Customer("it says yes and does nothing", [("ack_not_do", 1)], model=""),
    Customer("it says yes and does nothing, in the east", [("ack_not_do", 1)], profile="east", model=""),
    Customer("it claims order numbers, was shown to take one twice, and does nothing", [("ack_not_do", 1)], model="doubling",
             sim={"doubles": "yes"}),
]
BLANK = Customer("it keeps no records", model="", sim={"no_records": "yes"})
SETTLES = Customer("its order was sent twice")
RELAY = Customer("its relay", profile="east", model="")
ALL = [*SURE, *UNSURE, *NOTHING, BLANK, SETTLES, RELAY]

SHOWN = """INSERT INTO powergate.qualification (meter_id, profile, model, credit_minor, claim, state, class, asked_by, started_us, ended_us)
    SELECT id, profile, model, 100, 'order_no', 'ended', CASE model WHEN 'shown' THEN 'order_no' ELSE 'none' END, 'test', 1, 2
    FROM powergate.meter WHERE model <> ''"""


def once(d, db, sim):
    for c in SURE:
        good = gate.comes(lambda: c.state(db) == ["APPLIED"], 40) and c.credits(sim) == [c.amount] and len(set(c.sends(sim))) == 1
        gate.ok(good, f"one credit, one order number: {c.sentence}", f"{c.why(db)} {c.sends(sim)} {c.credits(sim)}")
    for n in (2, 3):
        gate.ok(len(SURE[n].sends(sim)) == n, "what is read back as not in is sent again under its number: " + SURE[n].sentence,
                SURE[n].sends(sim))
    numbers = [n for c in SURE for n, _ in c.sends(sim)[:1]]
    gate.ok(len(set(numbers)) == len(SURE), "no two payments have one number", numbers)


def unsure(db, sim):
    for c in UNSURE:
        good = gate.comes(lambda: c.state(db) == ["APPLIED"], 40) and c.credits(sim) == [c.amount] and len(c.sends(sim)) == 1
        gate.ok(good, f"a type nobody has shown anything of is sent one, and its record proves it: {c.sentence}",
                f"{c.why(db)} {c.sends(sim)} {c.credits(sim)}")
    for c in NOTHING:
        good = gate.comes(lambda: c.state(db) == ["REVIEW"], 40)
        gate.ok(good and c.credits(sim) == [] and len(c.sends(sim)) == 1, f"and what is not in goes to people, never out again: {c.sentence}",
                f"{c.why(db)} {c.sends(sim)}")


def blank(d, db, sim):
    gate.ok(d.ask("meter/show", meter=BLANK.meter).json["commissioned_count"] is None, "a meter that keeps no record is not commissioned")
    last = field.last_command(d, BLANK.meter)
    gate.ok("no record" in str(last["outcome"]), "and the order says why", last)
    BLANK.pay(d)
    time.sleep(1)
    gate.ok(BLANK.state(db) == ["QUEUED"] and not BLANK.sends(sim) and field.work(d, "NOT_COMMISSIONED", BLANK.meter),
            "money for it waits, and people are told", [BLANK.why(db), d.ask("work/list", limit=100).json["rows"]])


def settles(d, db, sim):
    """A meter forgets an order with the next one, so a copy of it must not come after that."""
    c = SETTLES
    d.configure({"commands": {"settle": "3s"}})
    d.signal(signal.SIGHUP)
    gate.until(lambda: d.says("settings read anew"), 5, "the reload")
    sim.do(f"fault {c.meter} ack_not_do 1")
    c.pay(d)
    gate.until(lambda: c.state(db) == ["APPLIED"], 30, "the first")
    start = time.monotonic()
    gate.ok(len(c.sends(sim)) == 2, "an order is sent twice", c.sends(sim))
    c.pay(d, 77, "b")
    gate.ok(gate.comes(lambda: c.state(db) == ["APPLIED", "APPLIED"], 40), "the next arrives", c.why(db))
    waited = time.monotonic() - start
    gate.ok(waited > 2 and c.credits(sim) == [c.amount, 77], f"but only when no copy can be on its way any more: after {waited:.1f} s", c.why(db))


def relay(d, sim):
    code, out, err = d.ctl("meter", "open", RELAY.meter, "--reason=a test", "--wait=20")
    orders = [f for f in field.orders(sim, RELAY.meter)]
    gate.ok(code == 0 and sim.state(RELAY.meter)["relay"] == "open", "east: the relay opens", out + err)
    gate.ok([(len(f.data), f.data[4:8], f.data[8]) for f in orders] == [(9, b"TSAE", 0x1A)], "with an order of nine bytes", [f.data.hex() for f in orders])


def readings(db):
    seen = db.value("SELECT count(*) FROM powergate.meter_state s JOIN powergate.meter m ON m.id = s.meter_id "
                    "WHERE m.profile = 'wallet-plain' AND s.credit_minor IS NOT NULL")
    gate.ok(seen == len([c for c in ALL if c.profile == "wallet-plain"]), "what they show unasked is their balance", seen)


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, {"session": {"reply_timeout": "1s"}, "commands": {"settle": "0s"},
                                                        "reading": {"poll_interval": "1d", "freeze_window": "0s", "freeze_days": 1}}) as d:
    d.site()
    for c in ALL:
        c.register(d)
    db.run(SHOWN)
    shown = [d.ask("meter/show", meter=c.meter).json["capability"] for c in (SURE[0], UNSURE[0], NOTHING[2])]
    gate.ok(shown == ["order_no", "none", "none"], "a class is what was shown of a type, never what somebody wished", shown)
    with gate.Sim(BUILD, d, [c.sim for c in ALL], "--truth-frames", rtt_ms=5, heartbeat=1) as sim:
        sim.online(len(ALL))
        for c in ALL:
            d.order("meter/commission", meter=c.meter)
        gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_state WHERE base_count = 0") == len(ALL) - 1, 30, "commissioning")

        gate.comes(lambda: db.value("SELECT count(*) FROM powergate.meter_parameter WHERE state NOT IN ('active', 'refused')") == 0, 20)
        for c in (*SURE, *UNSURE, *NOTHING):
            for f in c.faults:
                sim.do(f"fault {c.meter} {' '.join(map(str, f))}")
            c.pay(d)
        once(d, db, sim)
        unsure(db, sim)
        blank(d, db, sim)
        settles(d, db, sim)
        relay(d, sim)
        readings(db)
        gate.ok(not db.ledger_problems() and d.running(), "in the end the books agree", db.ledger_problems())
        owed = {r[0]: int(r[1]) for r in db.rows("SELECT m.address, s.loaded_minor FROM powergate.account_state s JOIN powergate.meter m USING (account_id)")}
        wrong = [(c.meter, owed[c.meter], sum(c.credits(sim))) for c in ALL if owed[c.meter] != sum(c.credits(sim))]
        gate.ok(not wrong, "and what they say is loaded is what the meters have taken", wrong)
sys.exit(gate.done())
PY
