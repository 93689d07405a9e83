#!/bin/sh
# Who has power, and why: holds, temporary supply, protection, two meters, hours, exposure.
#   tests/it/supply.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time
import zoneinfo

import field
import gate
from field import CLOSE, PERMIT, TRIP

BUILD = sys.argv[1]
ZONE = "Asia/Shanghai"
METERS = {a: f"2026000060{n:02d}" for n, a in enumerate(("H1", "S1", "T1", "P1", "D1", "Q1", "O1", "F1", "C1", "L1", "W1"))}
SECOND = "202600006099"  # the other meter of D1
NEW = "202600006098"     # W1's, later


def add(d, account, money, site="here"):
    d.order("account/add", account=account, mode="remote", site=site, tariff="dear" if account in ("T1", "W1") else "flat", warn="1000,500")
    d.order("meter/add", meter=METERS[account], profile="remote", account=account, most_watts="2000000")
    if money:
        field.cash(d, account, money)


def is_off(sim, meter):
    return sim.state(meter)["relay"] == "open"


def balance(d, account):
    return d.ask("account/show", account=account).json["prepaid_minor"]


def counted(d, meter):
    return d.ask("meter/show", meter=meter).json["total_wh"] - 50000


def why(d, meter):
    return d.ask("meter/why", meter=meter).json["why"]


def override(d, meter, **more):
    """The newest of this meter: other chapters are told at the same time."""
    return [r for r in d.ask("override/list", **more).json["rows"] if r["meter"] == meter][0]


def drain(db, account):
    """The money is gone at once: a journal of the office, so that the ledger stays true."""
    minor = db.value(f"SELECT s.prepaid_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id "
                     f"WHERE a.number = '{account}'")
    db.run("SET search_path = powergate; SELECT powergate.journal_post('test:' || gen_random_uuid(), 'test', 'spent', 'test', NULL, "
           "ARRAY['prepaid', 'energy'], ARRAY['', ''], ARRAY[a.id, NULL], ARRAY[%d, -%d]::bigint[], 'CNY', "
           "(extract(epoch FROM now()) * 1000000)::bigint), "
           "powergate.mark_dirty(ARRAY[a.id], (extract(epoch FROM now()) * 1000000)::bigint) "
           "FROM powergate.account a WHERE a.number = '%s'" % (minor, minor, account))


# --- holds ----------------------------------------------------------------------------------

def admin(d, sim, sink):
    """GV16: an ADMIN hold and a recharge."""
    meter = METERS["H1"]
    answer = gate.request(d.socket, "POST", "/v1/hold/add", b'{"hold":"ADMIN","account":"H1"}')
    gate.ok(answer.status == 400 and "reason" in answer.json["error"], "a hold without a reason is refused", answer)
    code, out, err = d.ctl("hold", "add", "ADMIN", "--account=H1", "--reason= \t")
    gate.ok(code == 1 and "reason" in err and not is_off(sim, meter), "and blanks are none", out + err)
    answer = gate.request(d.socket, "POST", "/v1/hold/add", b'{"hold":"ARREARS","account":"H1","reason":"x"}')
    gate.ok(answer.status == 400, "nobody places ARREARS: that is what the balance says", answer)
    code, out, err = d.ctl("hold", "add", "ADMIN", "--account=H1", "--reason=rent dispute", "--at-once")
    gate.ok(code == 0 and gate.comes(lambda: is_off(sim, meter), 10), "a hold cuts off who has credit", out + err)
    gate.ok("rent dispute" in why(d, meter) and "ADMIN" in why(d, meter) and "paying does not" in why(d, meter),
            "why names the hold, its reason, and that paying does not lift it", why(d, meter))
    held = gate.comes(lambda: sink.told("hold", "H1"), 10) and sink.told("hold", "H1")
    gate.ok(held and held[0]["data"]["hold"] == "ADMIN" and held[0]["data"]["why"] == "rent dispute" and held[0]["data"]["meter"] == meter,
            "the customer is told that he is held, and why", sink.told("hold", "H1"))
    field.cash(d, "H1", 5000)
    told = gate.comes(lambda: [n for n in sink.told("paid", "H1") if "rent dispute" in n["data"].get("still_off", "")], 10)
    time.sleep(2)
    gate.ok(is_off(sim, meter) and told, "GV16: a payment leaves it off, and the receipt says why", sink.told("paid", "H1"))
    d.order("hold/release", hold="ADMIN", meter=meter, reason="settled")
    gate.ok(gate.comes(lambda: not is_off(sim, meter), 10), "a person's word brings it back", why(d, meter))
    over = gate.comes(lambda: sink.told("release", "H1"), 10) and sink.told("release", "H1")
    gate.ok(over and over[0]["data"]["why"] == "settled" and len(sink.told("hold", "H1")) == 1, "and once that it is over", sink.told("release", "H1"))
    rows = d.ask("hold/list", meter=meter, all="true").json["rows"]
    gate.ok(len(rows) == 1 and rows[0]["release_reason"] == "settled", "who placed and released it stands there", rows)
    answer = gate.request(d.socket, "POST", "/v1/hold/release",
                          b'{"hold":"ADMIN","meter":"%s","reason":"x"}' % meter.encode())
    gate.ok(answer.status == 409, "it is released once", answer)


def safety(d, sim):
    meter = METERS["S1"]
    d.order("hold/add", hold="SAFETY", meter=meter, reason="smell of burning")
    gate.until(lambda: is_off(sim, meter), 10, "the SAFETY trip")
    answer = gate.request(d.socket, "POST", "/v1/meter/relay",
                          b'{"meter":"%s","relay":"closed","reason":"he called"}' % meter.encode())
    gate.ok(answer.status == 409 and "smell of burning" in answer.json["error"],
            "nobody switches on what is held for SAFETY", answer)
    d.order("override/add", kind="TEMP_SUPPLY", meter=meter, hours=1, reason="he is ill")
    time.sleep(2)
    gate.ok(is_off(sim, meter), "temporary supply does not lift SAFETY", why(d, meter))
    d.order("hold/release", hold="SAFETY", meter=meter, reason="electrician was there")
    allowed = gate.comes(lambda: sim.state(meter)["relay"] == "permitted", 10)
    gate.ok(allowed and not field.orders(sim, meter, CLOSE) and field.orders(sim, meter, PERMIT),
            "after SAFETY power is permitted: somebody at the meter switches it on", sim.state(meter))


def temporary(db, d, sim):
    meter = METERS["T1"]
    d.order("hold/add", hold="MOVE_OUT", meter=meter, reason="flat is empty", at_once=True)
    gate.until(lambda: is_off(sim, meter), 10, "the trip")
    code, out, err = d.ctl("temp-supply", meter, "--hours=2", "--wh=500", "--charge-to=H1", "--reason=painters")
    gate.ok(code == 0 and gate.comes(lambda: not is_off(sim, meter), 10), "temporary supply against MOVE_OUT", out + err)
    row = override(d, meter)
    gate.ok(row["charged"] == "H1" and row["until_wh"] == 500, "with an end, and somebody who pays", row)
    sim.do(f"set {meter} watts 400000")  # 111 Wh a second
    gate.ok(gate.comes(lambda: is_off(sim, meter), 20), "when it is used up the hold counts again", why(d, meter))
    sim.do(f"set {meter} watts 0")
    spent = gate.comes(lambda: override(d, meter, all="true")["charged_minor"] >= 500, 15)
    gate.ok(spent and d.ask("account/show", account="T1").json["prepaid_minor"] == 1000,
            "what it cost is paid by him who was named, and not by the tenant",
            (d.ask("account/show", account="T1").json, d.ask("ledger/list", account="T1").json))
    ended = gate.comes(lambda: "used up" in (override(d, meter, all="true")["ended_why"] or ""), 10)
    gate.ok(ended, "and it says so", override(d, meter, all="true"))


def temporary_swap(d, sim):
    """Temporary supply goes along to another meter: with what it has used, and with who pays."""
    meter = METERS["W1"]
    d.order("hold/add", hold="MOVE_OUT", meter=meter, reason="flat is empty", at_once=True)
    gate.until(lambda: is_off(sim, meter), 10, "the trip")
    d.order("override/add", kind="TEMP_SUPPLY", meter=meter, hours=2, wh="900", charge_to="B1", reason="painters")
    gate.until(lambda: not is_off(sim, meter), 10, "power")
    sim.do(f"set {meter} watts 400000")
    gate.until(lambda: override(d, meter)["charged_minor"] >= 300, 15, "what the first meter counts")
    sim.do(f"set {meter} watts 0")
    time.sleep(2)  # its last reading
    old = counted(d, meter)
    gate.until(lambda: override(d, meter)["charged_minor"] == old, 10, "the charge")
    d.order("meter/swap", meter=meter, new=NEW, reason="it hums")
    time.sleep(2)
    gate.ok(override(d, NEW)["charged_minor"] == old and balance(d, "W1") == 1000,
            "a swap leaves what temporary supply has cost with who pays for it", (override(d, NEW), d.ask("ledger/list", account="W1").json))
    sim.do(f"set {NEW} watts 400000")
    gate.ok(gate.comes(lambda: is_off(sim, NEW), 20), "what the old meter counted is used up already", why(d, NEW))
    sim.do(f"set {NEW} watts 0")
    time.sleep(2)
    new = counted(d, NEW)
    both = gate.comes(lambda: override(d, NEW, all="true")["charged_minor"] == old + new, 15)
    gate.ok(both and balance(d, "W1") == 1000 and balance(d, "B1") == 5000 - old - new and new < 900,
            f"he pays for both, {old} and {new} Wh of 900", (override(d, NEW, all="true"), balance(d, "W1"), balance(d, "B1")))


def protected(db, d, sim, sink):
    meter = METERS["P1"]
    code, out, err = d.ctl("protect", meter, "--reason=oxygen at home")
    gate.ok(code == 0, "a meter is protected", out + err)
    drain(db, "P1")
    gate.until(lambda: [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == meter], 10, "exposure")
    time.sleep(4)
    gate.ok(not is_off(sim, meter) and not sink.told("final", "P1"),
            "it is not cut off, and not told that it will be", why(d, meter))
    x = [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == meter][0]
    gate.ok(x["cause"] == "spared", "what it uses is exposure, with its cause", x)
    db.run("UPDATE powergate.exposure SET since_us = since_us - 3600000000 WHERE ended_us IS NULL AND meter_id = "
           f"(SELECT id FROM powergate.meter WHERE address = '{meter}')")
    told = gate.comes(lambda: sink.told("exposure", "P1"), 15) and sink.told("exposure", "P1")
    gate.ok(told and told[0]["data"]["hours"] == 1 and told[0]["data"]["count"] == 1 and told[0]["data"]["why"] == "spared" and
            told[0]["data"]["meter"] == meter and "energy_wh" in told[0]["data"] and "amount_minor" in told[0]["data"],
            "after an hour the staff hear of it, with what it has come to", sink.told("exposure"))
    gate.ok("oxygen at home" in why(d, meter), "why says what keeps it on", why(d, meter))
    number = d.ask("override/list").json["rows"][0]["override"]
    d.order("override/end", override=number, reason="moved to the clinic")
    gate.ok(gate.comes(lambda: sink.told("final", "P1"), 10) and gate.comes(lambda: is_off(sim, meter), 15),
            "when the protection ends comes the notice, and then the trip", why(d, meter))


def two_meters(db, d, sim):
    first, second = METERS["D1"], SECOND
    drain(db, "D1")
    gate.ok(gate.comes(lambda: is_off(sim, first) and is_off(sim, second), 20),
            "an account without credit loses both its meters", (why(d, first), why(d, second)))
    d.order("hold/add", hold="FRAUD", meter=second, reason="seal broken")
    d.pay("D1", 2000, "D1-1")
    gate.ok(gate.comes(lambda: not is_off(sim, first), 10), "paid: the one comes back", why(d, first))
    time.sleep(1)
    gate.ok(is_off(sim, second) and "seal broken" in why(d, second), "the other is held", why(d, second))


# --- while it is away -----------------------------------------------------------------------

def queued_trip(db, d, sim):
    """GV15: the trip waits, the customer pays before it leaves."""
    meter = METERS["Q1"]
    sim.do(f"power {meter} off")
    gate.until(lambda: not d.ask("meter/show", meter=meter).json["online"], 15, "its silence")
    drain(db, "Q1")
    gate.until(lambda: [c for c in field.commands(d, meter) if c["what"] == "open" and c["state"] == "waiting"], 15, "the trip")
    x = [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == meter]
    gate.ok(x and x[0]["cause"] == "unreachable", "a trip that cannot be given is exposure", x)
    d.pay("Q1", 1000, "Q1-1")
    time.sleep(1)
    sim.do(f"power {meter} on")
    gate.until(lambda: sim.state(meter)["connected"], 15, "its return")
    time.sleep(2)
    gate.ok(not field.orders(sim, meter, TRIP) and not is_off(sim, meter),
            "GV15: who paid before the trip left is not cut off", field.commands(d, meter))
    gate.ok(gate.comes(lambda: not [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == meter], 5),
            "and the exposure is over")


def first_word(db, d, sim, sink):
    """GV17: paid while the meter is away."""
    meter = METERS["O1"]
    db.run("UPDATE powergate.account SET customer = 'Flat 12' WHERE number = 'O1'")
    drain(db, "O1")
    gate.until(lambda: is_off(sim, meter), 20, "the trip")
    sim.do(f"power {meter} off")
    gate.until(lambda: not d.ask("meter/show", meter=meter).json["online"], 15, "its silence")
    n = len(field.heard(sim, meter))
    d.pay("O1", 3000, "O1-1")
    late = gate.comes(lambda: field.work(d, "LATE_RESTORE", meter), 15)
    gate.ok(late and gate.comes(lambda: sink.told("late", "O1"), 5),
            "a restore that takes too long is told to staff and customer", field.work(d, "LATE_RESTORE", meter))
    pages = [n["data"] for n in sink.told("work") if n["data"]["cause"] == "LATE_RESTORE" and "account O1" in n["data"]["text"]]
    gate.ok(len(pages) == 1 and all(word in pages[0]["text"] for word in (meter, "Flat 12")) and "emergency code" in pages[0]["todo"],
            "a person is paged once, with customer, account, meter, and what else may help", pages)
    sim.do(f"power {meter} on")
    gate.until(lambda: not is_off(sim, meter), 20, "power")
    # to look at the relay and at the clock, which the order's deadline needs, belongs to the order
    said = [f for f in field.heard(sim, meter)[n:] if f.control != 0x11 or f.di not in (field.STATUS, 0x0400010C)]
    gate.ok(said and said[0].is_order and said[0].n1 == CLOSE,
            "GV17: the first order on the new connection is the restore", [(hex(f.control), hex(f.di)) for f in said[:4]])


def flapping(db, d, sim):
    meter = METERS["F1"]
    for n in range(4):
        drain(db, "F1")
        gate.until(lambda: is_off(sim, meter), 20, "the trip")
        d.pay("F1", 100, f"F1-{n}")
        gate.until(lambda: not is_off(sim, meter), 20, "power")
    items = field.work(d, "FLAPPING", meter)
    gate.ok(len(items) == 1, "four times off within a day: a person is told", items)


def calendar(db, d, sim):
    """Today is a holiday of the other house; no hour of it is one in which people are cut off."""
    meter = METERS["C1"]
    today = datetime.datetime.now(zoneinfo.ZoneInfo(ZONE)).date().isoformat()
    code, out, err = d.ctl("calendar", "set", "calm", today, "extreme")
    gate.ok(code == 0, "a day of extreme weather", out + err)
    code, out, err = d.ctl("calendar", "set", "calm", "20261301", "holiday")
    gate.ok(code != 0 and "no day" in err, "a day that is none is refused", err)
    drain(db, "C1")
    gate.until(lambda: [x for x in d.ask("exposure/list").json["rows"] if x["meter"] == meter], 10, "exposure")
    time.sleep(4)
    gate.ok(not is_off(sim, meter), "nobody is cut off on it", why(d, meter))
    gate.ok("not the hours" in why(d, meter), "and why says so", why(d, meter))
    d.order("calendar/set", site="calm", day=today, kind="plain")
    gate.ok(gate.comes(lambda: is_off(sim, meter), 15), "when it is a plain day again he is", why(d, meter))


def lasts(db, d, sink):
    """A week's use says how long the credit lasts: 25.00 a day."""
    week = (datetime.datetime.now(zoneinfo.ZoneInfo(ZONE)) - datetime.timedelta(days=7)).strftime("%Y%m%d")
    db.run("SET search_path = powergate; UPDATE account_state SET spent_days = ARRAY[%s, spent(account_id) - 17500], "
           "version = version + 1, dirty_us = 1 WHERE account_id = (SELECT id FROM account WHERE number = 'H1')" % week)
    gate.until(lambda: sink.told("days_left", "H1"), 10, "the warning")
    told = sink.told("days_left", "H1")
    gate.ok(len(told) == 1 and told[0]["data"]["days"] == 2,
            f"who uses about 25.00 a day is told once that {balance(d, 'H1') / 100:.2f} last two days", told)


sink = field.Sink()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "2s"}, "commands": {"sweep": "200ms"},
                                "reading": {"poll_interval": "500ms"},
                                "supply": {"final_notice": "1s", "after_close": "0s", "restore_slo": "2s"}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    d.order("site/add", name="here", zone=ZONE)
    d.order("site/add", name="calm", zone=ZONE)
    d.order("site/add", name="there", zone=ZONE)  # a site has a budget of ten trips an hour
    d.order("tariff/add", name="flat", steps="0:10000")
    d.order("tariff/add", name="dear", steps="0:10000000")
    for account in ("H1", "S1", "T1", "P1", "Q1", "W1"):
        add(d, account, 1000)
    d.order("account/add", account="B1", mode="remote", site="here", tariff="flat")
    field.cash(d, "B1", 5000)
    for account in ("D1", "O1", "F1"):
        add(d, account, 1000, "there")
    d.order("meter/add", meter=SECOND, profile="remote", account="D1", most_watts="2000000")
    d.order("meter/add", meter=NEW, profile="remote", site="here", most_watts="2000000")
    d.order("account/add", account="C1", mode="remote", site="calm", tariff="flat")
    d.order("meter/add", meter=METERS["C1"], profile="remote", account="C1", most_watts="2000000")
    field.cash(d, "C1", 1000)
    names = [METERS[a] for a in ("H1", "S1", "T1", "P1", "D1", "Q1", "O1", "F1", "C1", "W1")] + [SECOND, NEW]
    with gate.Sim(BUILD, d, [{"address": a, "watts": 0, "energy_wh": 50000} for a in names], "--truth-frames") as sim:
        sim.online(len(names))
        gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] == 50000 for m in names), 15, "readings")
        field.together(lambda: admin(d, sim, sink), lambda: safety(d, sim), lambda: temporary(db, d, sim), lambda: temporary_swap(d, sim),
                       lambda: two_meters(db, d, sim), lambda: first_word(db, d, sim, sink), lambda: flapping(db, d, sim),
                       lambda: calendar(db, d, sim), lambda: queued_trip(db, d, sim))
        protected(db, d, sim, sink)
        lasts(db, d, sink)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sink.close()
sys.exit(gate.done())
PY
