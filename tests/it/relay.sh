#!/bin/sh
# Relay orders: every way in which a meter may lie about one, and every switch that holds one back.
#   tests/it/relay.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os
import sys
import time

import field
import gate
from field import CLOSE, TRIP, Order

BUILD = sys.argv[1]
ZONE = "Asia/Shanghai"
RTT_MS = 200
number = 0


def address():
    global number
    number += 1
    return f"2026{number:08d}"


class Meter:
    """One of the first house: an account with money, a meter that has a name here."""

    def __init__(self, kind="remote", paid=100000, site="here", **sim):
        self.address = address()
        self.kind = kind
        self.paid = paid
        self.site = site
        self.sim = {"address": self.address, "profile": "remote" if kind == "remote" else "wallet-esam",
                    "watts": 100, **sim}
        if kind == "local":
            self.sim.update(customer=self.address, opened="yes", credit_minor=5000)

    @property
    def account(self):
        return "A" + self.address[-4:]

    def register(self, d):
        d.site()
        more = {"tariff": "flat"} if self.kind == "remote" else {}
        d.order("account/add", account=self.account, mode=self.kind, site=self.site, warn="1000,500", **more)
        more = {} if self.kind == "remote" else {"capability": "counted"}
        d.order("meter/add", meter=self.address, profile=self.sim["profile"], account=self.account,
                most_watts="2000000", **more)
        if self.kind == "remote" and self.paid:
            field.cash(d, self.account, self.paid)


def forget_trips(db):
    """The budget is a chapter of its own; the others shall not run into it."""
    db.run("DELETE FROM powergate.trip_log")


# --- chapters -------------------------------------------------------------------------------

def by_hand(d, sim, m):
    a = m.address
    order = Order(d, "open", a).end()
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "open" and field.seen(d, a) == "open",
            "an order by hand opens the relay, and it is seen open", order)
    sent = field.orders(sim, a)
    gate.ok(len(sent) == 1 and sent[0].n1 == TRIP, "one frame did it", sent)
    again = Order(d, "open", a).end()
    gate.ok(again.code == 0 and len(field.orders(sim, a)) == 1,
            "what is so already is read and not ordered again", again)
    order = Order(d, "close", a).end()
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "closed" and field.seen(d, a) == "closed",
            "and an order by hand closes it", order)
    steps = field.steps(d, order.json["command"])
    gate.ok(steps[:2] == ["dispatched", "sent"] and steps[-1] == "done" and steps.count("heard") >= 3,
            "its history tells every step and frame", steps)


def liars(d, sim, meters):
    """Each fault on a meter of its own, all at once."""
    #        name             at the order  orders  unsure in between
    cases = [("do_not_ack",   False, 1, True),
             ("ack_not_do",   False, 2, True),
             ("refuse_but_do", False, 1, False),
             ("wrong_answer", True,  1, True),
             ("silent",       True,  2, True),
             ("reboot",       False, 1, True)]
    running = []
    for (fault, at_order, sent, unsure), m in zip(cases, meters):
        if at_order:
            field.strike_at_order(sim, m.address, fault)
        else:
            sim.do(f"fault {m.address} {fault} 1")
        running.append((fault, sent, unsure, Order(d, "open", m.address)))
    for fault, sent, unsure, order in running:
        a = order.end().meter
        steps = field.steps(d, order.json["command"])
        detail = f"{order}\n{steps}\n{field.moves(sim, a)}\n{[f.control for f in field.heard(sim, a)]}"
        gate.ok(order.code == 0 and order.json["state"] == "done" and sim.state(a)["relay"] == "open",
                f"{fault}: it ends done, and open it is", detail)
        gate.ok(field.moves(sim, a) == [("closed", "open")], f"{fault}: the relay moved once", detail)
        gate.ok(("unsure" in steps) == unsure and "refused" not in steps,
                f"{fault}: " + ("it was unsure in between" if unsure else "the same breath read it back"), detail)
        gate.ok(len(field.orders(sim, a)) == sent and field.looked_between(sim, a),
                f"{fault}: {sent} frame{'s' if sent > 1 else ''}, and never two without a look between", detail)


def wrong_password(d, sim, m):
    a = m.address
    order = Order(d, "open", a).end()
    gate.ok(order.code == 1 and order.json["state"] == "refused", "a wrong password ends the order refused", order)
    gate.ok("password" in (order.json["outcome"] or ""), "it says that it is the password", order)
    items = field.work(d, "REFUSED", a)
    gate.ok(len(items) == 1 and "password" in items[0]["text"], "it becomes a work item", items)
    return a


def killed(d, sim, does, does_not):
    """Two orders on the wire, the daemon dies; one was obeyed and one was not."""
    sim.do(f"fault {does_not.address} ack_not_do 1")
    ids = [field.relay(d, m.address, "open") for m in (does, does_not)]
    gate.until(lambda: all(field.orders(sim, m.address) for m in (does, does_not)), 10, "both orders", every=0.005)
    d.kill()
    d.start()
    for m, n, sent in ((does, ids[0], 1), (does_not, ids[1], 2)):
        a = m.address
        done = gate.comes(lambda n=n: field.command(d, n)["state"] == "done", 20)
        steps = field.steps(d, n)
        name = "obeyed" if m is does else "not obeyed"
        gate.ok(done and sim.state(a)["relay"] == "open" and field.moves(sim, a) == [("closed", "open")],
                f"killed with an order on the wire, {name}: done once", f"{field.command(d, n)}")
        gate.ok("unsure" in steps and "asked back" in steps and len(field.orders(sim, a)) == sent and
                field.looked_between(sim, a), f"killed, {name}: read back before anything else", steps)


def newest_wish(d, sim, m, offline, liar):
    a = m.address
    first, second = field.relay(d, a, "open"), field.relay(d, a, "closed")
    gate.ok(gate.comes(lambda: field.command(d, second)["state"] == "done", 15) and
            sim.state(a)["relay"] == "closed", "open and close at once: closed it is", field.command(d, second))
    gate.ok(field.command(d, first)["state"] in ("done", "cancelled"), "and the older wish has ended",
            field.command(d, first))
    a = liar.address
    sim.do(f"fault {a} do_not_ack 1")
    first = field.relay(d, a, "open")
    gate.until(lambda: field.orders(sim, a), 10, "the order", every=0.005)
    second = field.relay(d, a, "closed")
    gate.ok(gate.comes(lambda: field.command(d, second)["state"] == "done", 15) and
            sim.state(a)["relay"] == "closed", "a newer wish while the older one is unsure: closed it is",
            f"{field.command(d, first)}\n{field.command(d, second)}")
    gone = gate.comes(lambda: field.command(d, first)["state"] == "cancelled", 10)
    told = field.command(d, first)
    gate.ok(gone and "superseded" in told["outcome"], "the unsure one was superseded", told)

    a = offline.address
    first, second = field.relay(d, a, "open"), field.relay(d, a, "closed")
    told = field.command(d, first)
    gate.ok(told["state"] == "cancelled" and "superseded" in told["outcome"],
            "a waiting order is cancelled by a newer wish", told)
    third = field.relay(d, a, "open")
    d.order("command/cancel", command=third)
    told = field.command(d, third)
    gate.ok(told["state"] == "cancelled", "an order of a meter that is away can be taken back", told)
    code, out, err = d.ctl("command", "cancel", str(third))
    gate.ok(code == 1 and "cancelled" in out + err, "but only once", (code, out, err))


def observed(d, sim, remote, local):
    ids = [field.relay(d, remote.address, "open")]
    d.pay(local.account, 3000, "OBS-1")
    gate.until(lambda: d.ask("meter/show", meter=remote.address).json["total_wh"] is not None, 15, "a reading")
    time.sleep(1.5)
    credit = [f for f in field.heard(sim, local.address)
              if f.control == 0x03 and f.di in (0x070101FF, 0x070102FF)]
    gate.ok(not field.orders(sim, remote.address) and not credit and sim.truth("credit", local.address) == [],
            "observe mode: it reads, and neither order nor credit leaves")
    why = d.ask("meter/why", meter=remote.address)
    gate.ok("observe" in why.json["why"] and field.command(d, ids[0])["state"] == "waiting",
            "why says so, the order waits", why)
    d.order("site/mode", site="quiet", mode="live", reason="seen enough")
    gate.ok(gate.comes(lambda: sim.state(remote.address)["relay"] == "open", 10) and
            gate.comes(lambda: field.command(d, ids[0])["state"] == "done", 5),
            "released: the order leaves", field.command(d, ids[0]))
    gate.ok(gate.comes(lambda: len(sim.truth("credit", local.address)) == 1, 15), "released: the credit leaves",
            sim.truth("credit", local.address))


def switches(d, sim, trip, restore):
    """A row and a file; both stop trips and nothing else."""
    Order(d, "open", restore.address).end()
    d.ctl("headend", "trips", "stop", "--reason", "heat")
    n = field.relay(d, trip.address, "open")
    back = Order(d, "close", restore.address).end()
    gate.ok(back.code == 0 and sim.state(restore.address)["relay"] == "closed",
            "trips stopped by the row: a restore leaves", back)
    gate.ok(not field.orders(sim, trip.address) and "stopped" in (field.command(d, n)["outcome"] or ""),
            "trips stopped by the row: no trip leaves, and it says why", field.command(d, n))
    file = d.settings["commands"]["kill_file"]
    with open(file, "w", encoding="utf-8"):
        d.ctl("headend", "trips", "allow", "--reason", "cooler")
    m = field.relay(d, restore.address, "open")
    time.sleep(7)
    gate.ok(not field.orders(sim, trip.address) and len(field.orders(sim, restore.address, TRIP)) == 1 and
            field.command(d, m)["state"] == "waiting", "trips stopped by the file: no trip leaves either",
            field.command(d, m))
    Order(d, "close", restore.address).end()
    gate.ok(sim.state(restore.address)["relay"] == "closed", "trips stopped by the file: a restore leaves")
    os.unlink(file)
    gate.ok(gate.comes(lambda: field.command(d, n)["state"] == "done", 10) and
            sim.state(trip.address)["relay"] == "open", "without them the trip that waited leaves",
            field.command(d, n))


def sealed(d, sim, m):
    a = m.address
    order = Order(d, "open", a).end()
    sent = field.orders(sim, a)
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "open", "a meter with a security chip opens", order)
    gate.ok(len(sent) == 1 and sent[0].level == 0x98 and len(sent[0].data) == 28,
            "its order was sealed, at level 98", [f.data.hex() for f in sent])
    order = Order(d, "permit", a).end()
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "permitted" and field.seen(d, a) == "permitted",
            "closing is permitted, and seen to wait for the button", order)
    why = d.ask("meter/why", meter=a).json["why"]
    gate.ok("button" in why, "why names the button", why)
    sim.do(f"button {a}")
    gate.ok(gate.comes(lambda: field.seen(d, a) == "closed", 10), "after the button it is seen closed",
            d.ask("meter/show", meter=a))
    Order(d, "open", a).end()
    order = Order(d, "close", a, 15).end()
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "permitted",
            "a meter that is only ever permitted to close is done when it is", order)
    n = len(field.orders(sim, a))
    sim.do(f"button {a}")
    gate.ok(gate.comes(lambda: field.seen(d, a) == "closed", 10) and len(field.orders(sim, a)) == n,
            "and the button does the rest")


def wrong_clocks(d, sim, ahead, behind, corrected):
    for m, hours in ((ahead, 1), (behind, -1)):
        order = Order(d, "open", m.address).end()
        sent = field.orders(sim, m.address)
        late = sent[0].deadline(ZONE) - (sent[0].t_us + hours * 3600000000) if sent else 0
        gate.ok(order.code == 0 and sim.state(m.address)["relay"] == "open" and len(sent) == 1,
                f"a clock {hours:+d} h wrong: the order works", order)
        gate.ok(290e6 <= late <= 305e6, f"a clock {hours:+d} h wrong: the deadline is five minutes on its clock",
                late)
    a = corrected.address
    Order(d, "open", a).end()
    sim.do(f"set {a} clock_offset_s 7200")  # whoever put it forward; its session stays
    order = Order(d, "close", a, 15).end()
    gate.ok(order.code == 0 and sim.state(a)["relay"] == "closed",
            "a clock that is moved between two orders: the second works", order)


def admin_off(d, sim, m):
    a = m.address
    d.ctl("meter", "open", a, "--reason", "burnt terminal", "--wait=15")
    d.pay(m.account, 5000, "ADMIN-1")
    time.sleep(3)
    gate.ok(sim.state(a)["relay"] == "open" and not field.orders(sim, a, CLOSE),
            "what a person has switched off, a payment does not switch on")
    code, out, err = d.ctl("why", a)
    gate.ok(code == 0 and "is off" in out and "burnt terminal" in out and len(out.strip().splitlines()) == 1,
            "why says so in one sentence", out + err)


def late_trips(d, sim, sink, unpaid, paid):
    """Both meters lose their supply between the final notice and the trip."""
    both = (unpaid, paid)
    for m in both:
        sim.do(f"set {m.address} watts 200000")
    for m in both:
        gate.until(lambda m=m: sink.told("final", m.account), 30, "final notices")
        sim.do(f"power {m.address} off")
    ids = {}
    for m in both:
        gate.until(lambda m=m: field.last_command(d, m.address), 15, "trips")
        ids[m] = field.last_command(d, m.address)["command"]
        gate.ok(field.last_command(d, m.address)["what"] == "open",
                "an account runs out while its meter is away: a trip waits")
    gate.ok(d.pay(paid.account, 100000, "LATE-1").status == 200, "one of them pays")
    gate.until(lambda: field.command(d, ids[paid])["state"] != "waiting", 5, "the trip's end")
    gate.ok(field.command(d, ids[paid])["state"] == "cancelled", "the trip of who has paid is dropped",
            field.command(d, ids[paid]))
    time.sleep(3)  # longer than supply.trip_life
    for m in both:
        sim.do(f"power {m.address} on")
    return ids


def late_trips_end(d, sim, ids, unpaid, paid):
    n = ids[unpaid]
    expired = gate.comes(lambda: field.command(d, n)["state"] == "expired", 15)
    gate.ok(expired and not any(s == "dispatched" for s in field.steps(d, n)),
            "a trip that comes too late expires and never leaves", field.command(d, n))
    gate.ok(gate.comes(lambda: sim.state(unpaid.address)["relay"] == "open", 15) and
            field.last_command(d, unpaid.address)["command"] != n,
            "and is decided anew, since nobody has paid", field.commands(d, unpaid.address))
    gate.until(lambda: sim.state(paid.address)["connected"], 15, "the other's return")
    time.sleep(2)
    gate.ok(not field.orders(sim, paid.address, TRIP) and sim.state(paid.address)["relay"] == "closed",
            "who has paid meanwhile was never cut off", field.commands(d, paid.address))


def budget(db, d, sink):
    """Thirty accounts without a cent in three houses, all at once."""
    forget_trips(db)
    for site in ("east", "west", "south"):
        d.order("site/add", name=site, zone=ZONE)
    meters = [Meter(site=site, paid=0) for site in ("east", "west", "south") for _ in range(10)]
    for m in meters:
        m.register(d)
    with gate.Sim(BUILD, d, [m.sim for m in meters], "--truth-frames") as sim:
        gate.until(lambda: sum(len(field.orders(sim, m.address, TRIP)) > 0 for m in meters) >= 15, 30, "trips")
        time.sleep(6)
        off = [m for m in meters if sim.state(m.address)["relay"] == "open"]
        left = [m for m in meters if field.orders(sim, m.address, TRIP)]
        items = field.work(d, "TRIP_BUDGET")
        gate.ok(len(left) == 20 and len(off) == 20, "thirty are due at once: the budget of twenty leaves",
                f"{len(left)} left, {len(off)} off")
        gate.ok(len(items) == 1, "and a person is told, once", items)
        on = [m for m in meters if m not in off]
        n = field.relay(d, on[0].address, "open")
        safe = Order(d, "open", on[1].address, 15, "--cause", "SAFETY").end()
        gate.ok(safe.code == 0 and sim.state(on[1].address)["relay"] == "open",
                "danger to life asks for no budget", safe)
        gate.comes(lambda: field.command(d, n)["outcome"], 5)  # when it is looked at
        told = field.command(d, n)
        gate.ok(told["state"] == "waiting" and "budget" in (told["outcome"] or ""),
                "a person's trip does", told)
        back = Order(d, "close", off[0].address, 15).end()
        gate.ok(back.code == 0 and sim.state(off[0].address)["relay"] == "closed", "and a restore asks for none",
                back)


# --- the story ------------------------------------------------------------------------------

hand, password, wishes, away, liar, admin = (Meter() for _ in range(6))
faulty = [Meter() for _ in range(6)]
dies = [Meter(), Meter()]
stopped = [Meter(), Meter()]
clocks = [Meter(clock_offset_s=3600), Meter(clock_offset_s=-3600), Meter()]
wallet = Meter("local")
quiet = [Meter(site="quiet"), Meter("local", site="quiet")]
late = [Meter(paid=300), Meter(paid=300)]
first_house = [hand, password, wishes, liar, admin, *faulty, *dies, *stopped, *clocks, wallet, *quiet, *late]
password.sim["password"] = "123456"

sink = field.Sink()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "1s"}, "commands": {"sweep": "200ms"},
                                "reading": {"poll_interval": "2s"},
                                "supply": {"trip_life": "2s", "after_close": "0s"}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    d.site()
    d.order("site/add", name="quiet", zone=ZONE, mode="observe")
    for m in [*first_house, away]:
        m.register(d)
    with gate.Sim(BUILD, d, [m.sim for m in first_house], "--truth-frames", rtt_ms=RTT_MS) as sim:
        sim.online(len(first_house))
        for m in (wallet, quiet[1]):
            d.commission(m.address)
        refused = wrong_password(d, sim, password)
        ids = late_trips(d, sim, sink, *late)
        by_hand(d, sim, hand)
        forget_trips(db)
        liars(d, sim, faulty)
        forget_trips(db)
        late_trips_end(d, sim, ids, *late)
        newest_wish(d, sim, wishes, away, liar)
        observed(d, sim, *quiet)
        forget_trips(db)
        switches(d, sim, *stopped)
        field.together(lambda: sealed(d, sim, wallet), lambda: wrong_clocks(d, sim, *clocks),
                       lambda: admin_off(d, sim, admin))
        forget_trips(db)
        killed(d, sim, *dies)
        gate.ok(len(field.orders(sim, refused)) == 1, "the refused password was never tried again",
                field.orders(sim, refused))
        with gate.Sim(BUILD, d, [away.sim], "--truth-frames") as other:
            gate.until(lambda: d.ask("meter/show", meter=away.address).json["total_wh"] is not None, 10,
                       "a reading")
            gate.ok(not field.orders(other, away.address) and other.state(away.address)["relay"] == "closed",
                    "the meter that was away hears none of the orders taken back")
    budget(db, d, sink)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sink.close()
sys.exit(gate.done())
PY
