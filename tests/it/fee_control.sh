#!/bin/sh
# The remote loop: readings become charges, charges warn, warn again, cut off; a payment restores.
#   tests/it/fee_control.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import fractions
import signal
import sys
import time
import zoneinfo

import field
import gate
from field import CLOSE, TRIP

BUILD = sys.argv[1]
ZONE = "Asia/Shanghai"
NOTICE_S = 2
STEPS = ((0, 612345), (300, 987654))  # from Wh, millionths a kWh
METERS = {"R1": "202600004001", "N5": "202600004002", "N4": "202600004003", "H1": "202600004004",
          "X1": "202600004005", "U1": "202600004006"}


def add(d, account, tariff, money=0):
    d.order("account/add", account=account, mode="remote", site="here", tariff=tariff, warn="1000,500")
    d.order("meter/add", meter=METERS[account], profile="remote", account=account, most_watts="2000000")
    if money:
        field.cash(d, account, money)


def balance(d, account):
    return d.ask("account/show", account=account).json["prepaid_minor"]


def is_off(sim, account):
    return sim.state(METERS[account])["relay"] == "open"


def sent_trips(sim, account):
    return field.orders(sim, METERS[account], TRIP)


# --- chapters -------------------------------------------------------------------------------

def loop(d, sim, sink):
    meter = METERS["R1"]
    sim.do(f"set {meter} watts 400000")  # 1.11 a second
    off = gate.comes(lambda: is_off(sim, "R1"), 30)
    told = gate.comes(lambda: sink.told("tripped", "R1"), 5)
    kinds = [(n["type"].removeprefix("notice."), n["data"].get("level_minor")) for n in sink.taken
             if n["data"].get("account") == "R1" and n["type"] != "notice.posted"]
    kinds = [k for k in kinds if k[0] in ("low", "final", "tripped")]
    gate.ok(off and [k[0] for k in kinds] == ["low", "low", "final",
                                              "tripped"] and [k[1] for k in kinds[:2]] == [1000, 500],
            "warned once at each level, told that the end is near, cut off, told so", kinds)
    final = sink.told("final", "R1")[0]["at"]
    trip = sent_trips(sim, "R1")[0].t_us / 1e6
    gate.ok(trip - final >= NOTICE_S, f"the trip left {trip - final:.1f} s after the final notice was delivered",
            trip - final)
    gate.ok(balance(d, "R1") <= 0 and told, "and not before the money was gone", balance(d, "R1"))
    gate.ok(len(sent_trips(sim, "R1")) == 1, "one order did it")
    why = d.ask("meter/why", meter=meter).json["why"]
    gate.ok("is off" in why and "credit is used up" in why, "why says why", why)
    sim.do(f"set {meter} watts 100")
    small = -balance(d, "R1")  # leaves it exactly at the threshold
    if small > 0:
        d.pay("R1", small, "R1-small")
        time.sleep(1.5)
        gate.ok(is_off(sim, "R1") and not field.orders(sim, meter, CLOSE),
                "what only pays the debt restores nothing",
                balance(d, "R1"))
    began = time.time()
    d.pay("R1", 5000, "R1-1")
    on = gate.comes(lambda: not is_off(sim, "R1"), 10)
    took = sim.truth("relay", meter)[-1]["t_us"] / 1e6 - began
    gate.ok(on and took < 3, f"a payment: power again after {took:.2f} s", took)
    six = ("received_us", "committed_us", "dispatched_us", "acknowledged_us", "done_us", "notified_us")
    done = gate.comes(lambda: all(d.ask("payment/show", payment_no="R1-1").json[k] for k in six), 10)
    show = d.ask("payment/show", payment_no="R1-1").json
    gate.ok(done and all(show[a] <= show[b] for a,
                         b in zip(six[2:], six[3:])) and show["received_us"] <= show["committed_us"],
            "its six times are there", show)
    gate.ok(len(sink.told("restored", "R1")) == 1, "the customer hears of it once", sink.told("restored", "R1"))
    time.sleep(2.5)
    gate.ok(not is_off(sim, "R1") and len(sent_trips(sim, "R1")) == 1, "and it stays on")


def silence(d, sim, sink):
    """N5's channel answers 500, N4's 400; both have no money from the beginning."""
    gate.until(lambda: [n for n in sink.refused if n["type"] == "notice.final" and n["data"]["account"] == "N5"],
               15, "a try")
    gate.until(lambda: field.work(d, "NOTICE"), 15, "a work item")
    items = field.work(d, "NOTICE")
    gate.ok(len(items) == 1 and items[0]["account"] == "N4" and "400" in items[0]["text"],
            "a notice that will never be delivered is a work item", items)
    time.sleep(NOTICE_S + 3)
    gate.ok(not sent_trips(sim, "N5") and not sent_trips(sim, "N4"),
            "nobody is cut off while the final notice cannot be delivered")
    sink.statuses.pop("N5")


def told_at_last(sim, sink):
    told = gate.comes(lambda: sink.told("final", "N5"), 40)
    off = gate.comes(lambda: is_off(sim, "N5"), NOTICE_S + 8)
    gate.ok(told and off and sent_trips(sim, "N5")[0].t_us / 1e6 - sink.told("final", "N5")[0]["at"] >= NOTICE_S,
            "when it can be, it is, and the trip follows", (told, off))
    ids = {n["id"] for n in sink.refused if n["type"] == "notice.final" and n["data"]["account"] == "N5"}
    gate.ok(ids == {sink.told("final", "N5")[0]["id"]}, "under the same id as when it was refused", ids)
    gate.ok(not sent_trips(sim, "N4"), "who could never be told is never cut off")


def price(wh):
    """Minor units, exactly: every step at its own price."""
    total = fractions.Fraction(0)
    for i, (start, micro) in enumerate(STEPS):
        end = STEPS[i + 1][0] if i + 1 < len(STEPS) else wh
        if wh > start:
            total += fractions.Fraction((min(wh, end) - start) * micro, 1000 * 10000)
    return total


def charged(db, account):
    return int(db.value("SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM powergate.posting p "
                        "JOIN powergate.journal j ON j.id = p.journal_id "
                        "JOIN powergate.account a ON a.id = p.account_id WHERE a.number = :'a' AND j.kind = 'charge' "
                        "AND p.ledger = 'prepaid'", a=account))


def two_steps(db, d, sim, begin_wh):
    meter = METERS["X1"]
    sim.do(f"set {meter} watts 240000")
    gate.until(lambda: charged(db, "X1") > 0, 10, "a charge")
    time.sleep(1.5)
    d.kill()
    time.sleep(1.5)  # used while nobody looks
    d.start()
    gate.until(lambda: sim.state(meter)["energy_wh"] - begin_wh > 2 * STEPS[1][0], 20, "the second step")
    sim.do(f"set {meter} watts 0")
    end_wh = sim.state(meter)["energy_wh"] // 10 * 10  # what its register shows
    gate.until(lambda: d.ask("meter/show", meter=meter).json["total_wh"] == end_wh, 10, "the last reading")
    exact = price(end_wh - begin_wh)
    expected = (exact + fractions.Fraction(1, 2)).__floor__()
    gate.comes(lambda: charged(db, "X1") == expected, 5)
    n = db.value("SELECT count(*) FROM powergate.journal WHERE kind = 'charge'")
    gate.ok(charged(db, "X1") == expected,
            f"{end_wh - begin_wh} Wh over two prices, the daemon killed in between: {expected / 100:.2f} to the cent ({n} charges)",
            (charged(db, "X1"), float(exact)))
    carry = db.value("SELECT base_nano - 10000000 * gross_minor FROM powergate.account_sum s JOIN powergate.account a "
                     "ON a.id = s.account_id WHERE number = 'X1' AND s.name = 'energy'")
    gate.ok(fractions.Fraction(carry, 10**7) == exact - expected, "and what is below a cent is carried exactly",
            (carry, float(exact)))


def hours(d, sim, sink):
    """The present minute is none in which people are cut off."""
    now = datetime.datetime.now(zoneinfo.ZoneInfo(ZONE)).hour
    d.configure({"supply": {"trip_hours": "20:00-21:00" if now <= 12 else "02:00-03:00"}})
    d.signal(signal.SIGHUP)
    gate.until(lambda: d.says("settings read anew"), 5, "the reload")
    sim.do(f"set {METERS['H1']} watts 400000")
    gate.until(lambda: balance(d, "H1") <= 0, 30, "the end of the money")
    gate.until(lambda: sink.told("final", "H1"), 10, "the final notice")
    time.sleep(NOTICE_S + 4)
    gate.ok(not sent_trips(sim, "H1") and not is_off(sim, "H1"), "nobody is cut off outside the hours for it",
            balance(d, "H1"))
    d.configure({"supply": {"trip_hours": "00:00-00:00"}})
    d.signal(signal.SIGHUP)
    gate.ok(gate.comes(lambda: is_off(sim, "H1"), 10), "within them he is")


def register_back(db, d, sim, sink):
    meter = METERS["U1"]
    gate.until(lambda: d.ask("meter/show", meter=meter).json["total_wh"] is not None, 10, "a reading")
    sim.do(f"set {meter} energy_wh 40000")
    gate.until(lambda: field.work(d, "HELD", meter), 10, "a work item")
    items = field.work(d, "HELD", meter)
    gate.ok(len(items) == 1 and "went back" in items[0]["text"], "a register that goes back is a work item", items)
    db.run("UPDATE powergate.account SET trip_minor = 50000 WHERE number = 'U1'")  # now the balance is below it
    gate.until(lambda: d.ask("account/show", account="U1").json["unrated"], 5, "its mark")
    time.sleep(NOTICE_S + 4)
    gate.ok(not sent_trips(sim, "U1"), "nobody is cut off on energy that cannot be priced",
            field.commands(d, meter))
    gate.ok(len(field.work(d, "HELD", meter)) == 1 and charged(db, "U1") == 0,
            "it is charged nothing, and said once")
    sim.do(f"set {meter} energy_wh 50100")
    gate.ok(gate.comes(lambda: is_off(sim, "U1"), 15) and charged(db, "U1") == 100,
            "when it can be priced again both happen", (charged(db, "U1"), field.commands(d, meter)))


# --- the story ------------------------------------------------------------------------------

sink = field.Sink()
sink.statuses = {"N5": 500, "N4": 400}
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "2s"}, "commands": {"sweep": "200ms"},
                                "reading": {"poll_interval": "500ms"},
                                "supply": {"final_notice": f"{NOTICE_S}s", "after_close": "1s"}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    d.order("site/add", name="here", zone=ZONE)
    d.order("tariff/add", name="flat", steps="0:10000000")
    d.order("tariff/add", name="steps", steps=" ".join(f"{a}:{b}" for a, b in STEPS))
    for account, tariff, money in (("R1", "flat", 1200), ("N5", "flat", 0), ("N4", "flat", 0), ("H1", "flat", 800),
                                   ("X1", "steps", 100000), ("U1", "flat", 20000)):
        add(d, account, tariff, money)
    meters = [{"address": a, "watts": 0, "energy_wh": 50000} for a in METERS.values()]
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        sim.online(len(meters))
        gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] == 50000 for m in METERS.values()), 15,
                   "readings")
        silence(d, sim, sink)
        loop(d, sim, sink)
        two_steps(db, d, sim, 50000)
        register_back(db, d, sim, sink)
        told_at_last(sim, sink)
        hours(d, sim, sink)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sink.close()
sys.exit(gate.done())
PY
