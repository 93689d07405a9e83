#!/bin/sh
# Prices, hours and levels into meters: the spare set, the switch, and every way it may go wrong.
#   tests/it/push.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time
import zoneinfo

import field
import gate

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
WUS = 3600000000                # watt-microseconds in a Wh
MINOR = 36000000000000000       # grains in a minor unit: micro per kWh times watt-microseconds
WRITE = 0x14
PEAK, VALLEY = 1200000, 400000  # micro per kWh
STEPS = [(2000, 0), (4000, 100000), (None, 350000)]  # up to so many Wh of a month, so much more
number = 0


class Meter:
    def __init__(self, profile="wallet-esam", **sim):
        global number
        number += 1
        self.address = f"2027{number:08d}"
        self.sim = {"address": self.address, "profile": profile, "watts": 0, "energy_wh": 50000, **sim}
        self.local = profile == "wallet-esam"
        if self.local:
            self.sim.update(customer=self.address, opened="yes", credit_minor=100000)

    @property
    def account(self):
        return "P" + self.address[-4:]

    def register(self, d):
        d.site()
        if self.local:
            d.order("account/add", account=self.account, mode="local", site="here", warn="1000,500,200", trip="-300")
            d.order("meter/add", meter=self.address, profile="wallet-esam", capability="counted",
                    account=self.account, most_watts="2000000")
        else:
            d.order("account/add", account=self.account, mode="remote", site="here", tariff="flat")
            d.order("meter/add", meter=self.address, profile="remote", account=self.account, most_watts="2000000")
            field.cash(d, self.account, 1000000)


# --- a tariff around now ----------------------------------------------------------------------

def switch_minute(seconds):
    """The first whole minute at least so far ahead."""
    return (int(time.time() + seconds) // 60 + 1) * 60


def hhmm(at):
    return datetime.datetime.fromtimestamp(at, ZONE).strftime("%H:%M")


def month_day(at):
    return datetime.datetime.fromtimestamp(at, ZONE).strftime("%m-%d")


def tariff(d, at):
    """Peak, but valley from three minutes after the switch for some hours; three steps."""
    return d.write("tariff.yaml", f"""
name: spring
currency: CNY
zone: Asia/Shanghai
effective_from: 2026-01-01
tier_period: month
mode: additive
tiers:
  - {{upto: 2 kWh, price: 0}}
  - {{upto: 4 kWh, price: 0.10}}
  - {{price: 0.35}}
bands:
  - {{name: peak, price: 1.20}}
  - {{name: valley, price: 0.40}}
seasons:
  - name: now
    from: {month_day(at - 10 * 86400)}
    to: {month_day(at + 50 * 86400)}
    schedules:
      every_day:
        {hhmm(at + 180)}-{hhmm(at + 6 * 3600)}: valley
        {hhmm(at + 6 * 3600)}-{hhmm(at + 180)}: peak
  - name: else
    from: {month_day(at + 51 * 86400)}
    to: {month_day(at - 11 * 86400)}
    schedules:
      every_day:
        00:00-24:00: valley
""")


def rfc(at):
    return datetime.datetime.fromtimestamp(at, ZONE).isoformat()


def push(d, m, file, at):
    return d.ctl("push", "tariff", m.address, file, "--at", rfc(at))


def row(d, m, which="tariff"):
    rows = d.ask("push/list", meter=m.address, set=which).json["rows"]
    return rows[0] if rows else {"state": None, "why": None}


def is_state(d, m, state, which="tariff"):
    return row(d, m, which)["state"] == state


# --- what the meter did ---------------------------------------------------------------------

def writes(sim, m):
    return [f for f in field.heard(sim, m.address) if f.control == WRITE]


def parameters(sim, m):
    return [(t["di"], t["data"]) for t in sim.truth("parameter", m.address)]


def grains(state):
    return state["credit_minor"] * MINOR - state["grains"]


def due(m, band_micro, from_wus, to_wus):
    """What the meter owes for the energy between, by the steps of a month that began with it."""
    start = m.sim["energy_wh"] * WUS
    sum_ = 0
    at = from_wus - start
    for upto, more in STEPS:
        end = to_wus - start if upto is None else min(upto * WUS, to_wus - start)
        if end > at:
            sum_ += (end - at) * (band_micro + more)
            at = end
    return sum_


def charges_by_it(sim, m, band_micro, name):
    """From the switch on, to the last grain."""
    begun = sim.truth("switch", m.address)[-1]
    sim.do(f"set {m.address} watts 1000000")
    time.sleep(18)
    now = sim.state(m.address)
    used = (now["energy_wus"] - m.sim["energy_wh"] * WUS) // WUS
    paid = grains(begun) - grains(now)
    owed = due(m, band_micro, begun["energy_wus"], now["energy_wus"])
    gate.ok(now["step"] == 2 and used > 4000 and paid == owed,
            f"{name}: it deducts by the new prices, over three steps, to the last grain",
            f"{used} Wh, paid {paid}, owed {owed}, step {now['step']}")
    sim.do(f"set {m.address} watts 0")


# --- chapters -------------------------------------------------------------------------------

def refused_by_the_model(d, m):
    file = d.write("fixed.yaml", """
currency: CNY
zone: Asia/Shanghai
effective_from: 2026-01-01
bands: [{name: all, price: 1.00}]
fixed: [{name: line, per_day: 1.00}]
""")
    code, out, err = d.ctl("push", "tariff", m.address, file)
    gate.ok(code == 1 and "charge line by the day" in out + err and row(d, m)["state"] is None,
            "a tariff that no meter can hold is refused with the reason, and nothing is wanted", (code, out, err))
    code, out, err = d.ctl("push", "tariff", m.address, tariff(d, 0), "--at", "2030-01-01T00:00:30+08:00")
    gate.ok(code == 1 and "between two minutes" in out + err, "so is one that begins between two minutes",
            (code, out, err))


def acknowledged(d, sim, m, at):
    gate.ok(gate.comes(lambda: is_state(d, m, "acknowledged"), 15), "it is written and acknowledged before its time",
            row(d, m))
    told = row(d, m)
    gate.ok(told["switch_us"] == at * 1000000 and told["sent_us"] <= told["acknowledged_us"],
            "for the minute that was asked for", told)
    state = sim.state(m.address)
    gate.ok(state["in_force"] == [1, 1, 1, 1] and state["price_micro"] == 600000,
            "until then the old set is in force, with the old price", state)
    written = parameters(sim, m)
    armed = [i for i, (di, _) in enumerate(written) if di in ("04000106", "04000107", "04000108", "04000109")]
    spare = [di for di, _ in written[:armed[0]]]
    gate.ok(len(armed) == 4 and armed == list(range(len(written) - 4, len(written))) and
            all(di[:6] in ("040200", "040502", "040602", "040603") for di in spare) and len(spare) == len(set(spare)),
            "only spare sets were written, each item once, and the four switch times last", written)
    frames = writes(sim, m)
    gate.ok(all(f.data[4] == (0x99 if f.di >> 16 == 0x0405 or f.di == 0x04000108 else 0x98) for f in frames),
            "prices went signed, tables and steps sealed", [f.data.hex() for f in frames])


def overtaken(d, sim, m, file, at):
    """A meter that takes its time, and an order in the middle of its new prices."""
    sim.do(f"fault {m.address} delay_ms 150")
    push(d, m, file, at)
    gate.until(lambda: len(parameters(sim, m)) >= 3, 15, "the first writes")
    asked = time.monotonic()
    n = field.relay(d, m.address, "closed")
    gate.until(lambda: field.command(d, n)["state"] == "done", 10, "the order")
    took = time.monotonic() - asked
    gate.ok(took < 4 and is_state(d, m, "sent"), "an order goes first while prices are being written",
            f"{took:.1f} s, {row(d, m)}")
    gate.ok(gate.comes(lambda: is_state(d, m, "acknowledged"), 40), "which then go on", row(d, m))
    written = [di for di, _ in parameters(sim, m)]
    gate.ok(len(written) == len(set(written)), "where they were: nothing is written twice", written)
    sim.do(f"fault {m.address} off")


def killed(d, sim, m, file, at):
    sim.do(f"fault {m.address} delay_ms 100")
    push(d, m, file, at)
    gate.until(lambda: len(parameters(sim, m)) >= 5, 15, "the first writes")
    d.kill()
    before = len(parameters(sim, m))
    d.start()
    gate.ok(before < 15 and gate.comes(lambda: is_state(d, m, "acknowledged"), 40),
            "a daemon that is killed in the middle goes on when it is back", row(d, m))
    written = [di for di, _ in parameters(sim, m)]
    gate.ok(len(written) == len(set(written)), "and what was written already is only read", written)
    sim.do(f"fault {m.address} off")


def gets_there(d, sim, m, name):
    good = gate.comes(lambda: is_state(d, m, "active"), 200)
    state = sim.state(m.address)
    gate.ok(good and state["in_force"] == [2, 2, 2, 2] and state["price_micro"] == PEAK,
            f"{name}: in the end it is active, and in force", f"{row(d, m)}\n{state}")


def wrong_password(d, sim, m, file, at):
    push(d, m, file, at)
    good = gate.comes(lambda: is_state(d, m, "refused"), 20)
    gate.ok(good and "password" in row(d, m)["why"], "a meter with another password refuses, and it is told", row(d, m))
    items = field.work(d, "REFUSED", m.address)
    gate.ok(len(items) == 1 and "push" in items[0]["text"], "it becomes a work item", items)
    gate.ok(len(writes(sim, m)) == 1, "after one write: three would lock the meter",
            [f.data.hex() for f in writes(sim, m)])


def wrong_mac(d, sim, m, file, at):
    sim.do("signer wrong_mac")
    push(d, m, file, at)
    good = gate.comes(lambda: is_state(d, m, "refused"), 30)
    gate.ok(good and "MAC" in row(d, m)["why"], "what is signed wrongly is refused, and it is told", row(d, m))
    items = field.work(d, "REFUSED", m.address)
    gate.ok(len(items) == 1, "it becomes a work item", items)
    tried = len(writes(sim, m))
    time.sleep(4)
    gate.ok(tried == 2 and len(writes(sim, m)) == tried and parameters(sim, m) == [],
            "it was tried once more after a new authentication, and then never again", tried)
    sim.do("signer ok")
    code, out, err = d.ctl("push", "retry", m.address)
    gate.ok(code == 0 and gate.comes(lambda: is_state(d, m, "acknowledged"), 20),
            "when the machine is mended, a retry by hand writes it", (code, out, err, row(d, m)))


def warns(db, d, sim, m):
    gate.ok(gate.comes(lambda: is_state(d, m, "active", "alarm"), 15), "commissioning writes the levels of the account",
            row(d, m, "alarm"))
    state = sim.state(m.address)
    gate.ok((state["warn1"], state["warn2"]) == (1000, 500) and ("04001003", "00030000") in parameters(sim, m),
            "the two highest into the two registers, and how far below zero it may go", parameters(sim, m))
    db.run(f"UPDATE powergate.account SET warn_minor = '{{3000,1500,100}}' WHERE number = '{m.account}'")
    gate.ok(gate.comes(lambda: (sim.state(m.address)["warn1"], sim.state(m.address)["warn2"]) == (3000, 1500), 15),
            "another level of the account is another one in the meter", sim.state(m.address))
    sim.do(f"set {m.address} credit_minor 3005")
    sim.do(f"set {m.address} watts 1000000")
    warned = gate.comes(lambda: sim.truth("warn", m.address), 10)
    told = sim.truth("warn", m.address)
    gate.ok(warned and told[0]["level"] == 1 and told[0]["credit_minor"] == 3000 and
            sim.state(m.address)["status"] & 0x80, "at that level the meter raises its own alarm", told)
    sim.do(f"set {m.address} watts 0")


def somebody_was_there(d, sim, m):
    """The levels are read again every two seconds here."""
    before = len(sim.truth("parameter", m.address))
    sim.do(f"set {m.address} warn1 7")
    gate.ok(gate.comes(lambda: sim.state(m.address)["warn1"] == 3000, 20), "levels that somebody changed are put back",
            sim.state(m.address))
    items = field.work(d, "PARAMETERS", m.address)
    gate.ok(len(items) == 1 and "alarm money 1 is 0.07 money and should be 30.00 money" in items[0]["text"],
            "and somebody is told what was found", items)
    gate.ok(gate.comes(lambda: is_state(d, m, "active", "alarm"), 5) and
            len(sim.truth("parameter", m.address)) == before + 1, "one write did it", row(d, m, "alarm"))


def another_price(d, sim, m):
    sim.do(f"set {m.address} price 10000")
    gate.ok(gate.comes(lambda: field.work(d, "PARAMETERS", m.address), 20), "a price that somebody changed is found",
            row(d, m))
    gate.ok(gate.comes(lambda: is_state(d, m, "acknowledged"), 20), "and written again, into the spare set", row(d, m))
    spare = [di for di, _ in parameters(sim, m) if di.startswith("0405")][-2:]
    gate.ok(spare == ["04050101", "04050102"], "which is the first one now", parameters(sim, m))


def put_right(d, sim, m):
    good = gate.comes(lambda: is_state(d, m, "active"), 120)
    state = sim.state(m.address)
    gate.ok(good and state["in_force"] == [2, 2, 2, 1] and state["price_micro"] in (PEAK + 350000, VALLEY + 350000),
            "prices alone were switched back", f"{row(d, m)}\n{state}")


# --- the story ------------------------------------------------------------------------------

plain, ahead, lost, liar, denier, boots, slow, cut = (Meter() for _ in range(8))
ahead.sim["clock_offset_s"] = 5 * 3600
hours = Meter("remote", watts=1000)
stranger = Meter("remote", password="123456")
mac, alarms = Meter(), Meter(watts=0)
house = [plain, ahead, lost, liar, denier, boots, slow, cut, hours, stranger, mac, alarms]

with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "1s", "quiet_after": 10},
                                "commands": {"sweep": "200ms", "push_audit": "2s"},
                                "reading": {"poll_interval": "5s"}})
    for m in house:
        m.register(d)
    with gate.Sim(BUILD, d, [m.sim for m in house], "--truth-frames") as sim:
        sim.online(len(house))
        refused_by_the_model(d, plain)
        at = switch_minute(45)
        file = tariff(d, at)
        sim.do(f"fault {lost.address} do_not_ack 3")
        sim.do(f"fault {liar.address} ack_not_do 2")
        sim.do(f"fault {denier.address} refuse_but_do 3")
        sim.do(f"fault {boots.address} reboot 1")
        for m in (plain, ahead, lost, liar, denier, boots, hours):
            code, out, err = push(d, m, file, at)
            if code != 0:
                gate.ok(False, f"push tariff {m.address}", (code, out, err))
        acknowledged(d, sim, plain, at)
        field.together(lambda: overtaken(d, sim, slow, file, at), lambda: wrong_password(d, sim, stranger, file, at))
        d.commission(alarms.address)
        warns(db, d, sim, alarms)
        killed(d, sim, cut, file, at)
        gate.until(lambda: time.time() > at + 4, 120, "the switch")
        gate.ok(sim.state(plain.address)["in_force"] == [2, 2, 2, 2], "at its time the meter switches all four",
                sim.truth("switch", plain.address))
        gate.ok(gate.comes(lambda: is_state(d, plain, "active"), 15), "it is read back again, and is active",
                row(d, plain))
        gets_there(d, sim, denier, "a meter that refuses and obeys")
        gate.ok(all(t["t_us"] // 1000000 == at for t in sim.truth("switch", plain.address)),
                "to the second", sim.truth("switch", plain.address))
        gate.ok(gate.comes(lambda: is_state(d, ahead, "active"), 90),
                "a meter whose clock is hours ahead gets them as soon as can be", row(d, ahead))
        field.together(lambda: charges_by_it(sim, plain, PEAK, "in peak hours"),
                       lambda: charges_by_it(sim, ahead, VALLEY, "in valley hours"),
                       lambda: somebody_was_there(d, sim, alarms))
        gets_there(d, sim, liar, "a meter that says yes and does nothing, twice")
        gets_there(d, sim, lost, "three lost acknowledgements")
        gets_there(d, sim, boots, "a restart between the write and its read-back")
        again = [di for di, _ in parameters(sim, lost) if di.startswith("0402")]
        gate.ok(len(again) == len(set(again)), "what was written and not acknowledged is not written again",
                parameters(sim, lost))
        gate.ok(gate.comes(lambda: is_state(d, hours, "active"), 20) and sim.state(hours.address)["band"] == 1 and
                sim.state(hours.address)["in_force"] == [2, 2, 1, 1] and
                all(f.data[4] == 2 for f in writes(sim, hours)),
                "a meter without money gets the hours, with its password", f"{row(d, hours)}\n{sim.state(hours.address)}")
        wrong_mac(d, sim, mac, file, at + 86400)
        another_price(d, sim, plain)
        put_right(d, sim, plain)
        code, out, err = d.ctl("push", "list")
        gate.ok(code == 0 and out.count("active") >= 8 and "spring" in out, "push list tells it", out + err)
        code, out, err = d.ctl("push", "show", plain.address, "--json")
        gate.ok(code == 0 and '"price_micro"' in out, "push show tells what is wanted", out + err)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sys.exit(gate.done())
PY
