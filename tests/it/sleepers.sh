#!/bin/sh
# Meters that sleep, and what meters freeze at midnight.
#   tests/it/sleepers.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import fractions
import signal
import sys
import time
import zoneinfo

import field
import gate

BUILD = sys.argv[1]


def zone_after_midnight():
    """A zone in which today is less than an hour old."""
    hour = datetime.datetime.now(datetime.timezone.utc).hour
    return f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"


ZONE = zone_after_midnight()
TZ = zoneinfo.ZoneInfo(ZONE)
TODAY = datetime.datetime.now(TZ).replace(hour=0, minute=0, second=0, microsecond=0)
MIDNIGHT_US = int(TODAY.timestamp()) * 1000000
VALID_S = 300


def day(back=0):
    return int((TODAY - datetime.timedelta(days=back)).strftime("%Y%m%d"))


def to_midnight(seconds):
    """The clock_offset_s with which a meter's midnight of today comes so soon."""
    return int(-(time.time() - MIDNIGHT_US / 1e6) - seconds)


def add(d, kind, account, meter, money=0, **sim):
    more = {"tariff": "flat"} if kind == "remote" else {}
    d.order("account/add", account=account, mode=kind, site="here", warn="1000,500", **more)
    profile = "remote" if kind == "remote" else "wallet-esam"
    more = {} if kind == "remote" else {"capability": "counted"}
    if sim.get("link", "").startswith("sleep"):
        more["link"] = "nbiot"
    d.order("meter/add", meter=meter, profile=profile, account=account, most_watts="2000000", **more)
    if money:
        field.cash(d, account, money)
    about = {"address": meter, "profile": profile, "watts": 100, **sim}
    if kind == "local":
        about = {**about, "customer": meter, "opened": "yes", "credit_minor": 50000}
    return about


def records(db, meter):
    """Day to (time of the record, energy, balance, what the balance is)."""
    rows = db.rows("SELECT f.day, f.at_us, f.total_wh, f.balance_minor, f.balance_quality FROM powergate.freeze_record f "
                   "JOIN powergate.meter m ON m.id = f.meter_id WHERE m.address = :'m'", m=meter)
    return {int(r[0]): (int(r[1]), int(r[2]), int(r[3]) if r[3] else None, r[4]) for r in rows}


def absent(db, meter):
    return [int(r[0]) for r in db.rows("SELECT day FROM powergate.freeze_absent f JOIN powergate.meter m "
                                       "ON m.id = f.meter_id WHERE m.address = :'m' ORDER BY day DESC", m=meter)]


def freeze_reads(sim, meter):
    """Numbers of the records that were asked for."""
    return [f.di & 0xFF for f in field.heard(sim, meter) if f.control == 0x11 and f.di & 0xFFFFFF00 == 0x05060000]


# --- sleepers -------------------------------------------------------------------------------

def asleep(sim, meter):
    gate.until(lambda: sim.state(meter)["connected"], 30, "waking")
    gate.until(lambda: not sim.state(meter)["connected"], 30, "sleep")


def sleeping_payment(d, sim, meter):
    gate.until(lambda: d.ask("meter/show", meter=meter).json["commissioned_count"] is not None, 30, "commissioning")
    asleep(sim, meter)
    n = len(field.heard(sim, meter))
    d.pay("W1", 4000, "SLEEP-1")
    paid = time.time()
    gate.until(lambda: len(field.heard(sim, meter)) > n, 20, "waking", every=0.01)
    woke = field.heard(sim, meter)[n].t_us / 1e6
    credited = gate.comes(lambda: sim.truth("credit", meter), 5)
    first = field.heard(sim, meter)[n:]
    took = sim.truth("credit", meter)[-1]["t_us"] / 1e6 - woke if credited else None
    gate.ok(woke - paid > 1 and credited and took < 1.5,
            f"a payment while it slept {woke - paid:.1f} s long is in the meter {took or 0:.2f} s after its first frame", took)
    asked = [f.di for f in first if f.t_us / 1e6 <= woke + (took or 0)]
    gate.ok(all(n in (0x0400010C, 0x070000FF, 0x078102FF, 0x070102FF) or n >> 16 == 0x0333 for n in asked),
            "nothing but what belongs to it was asked before", f"{[hex(n) for n in asked]}\n{d.log()[-800:]}")
    gate.ok(gate.comes(lambda: d.ask("payment/show", payment_no="SLEEP-1").json["done_us"], 20), "and is read back")


def sleeping_order(d, sim, meter, skew_s):
    asleep(sim, meter)
    created = time.time()
    n = field.relay(d, meter, "open")
    gate.until(lambda: field.orders(sim, meter), 30, "the order", every=0.01)
    sent = field.orders(sim, meter)[0]
    until = sent.deadline(ZONE) / 1e6
    waited = sent.t_us / 1e6 - created
    gate.ok(waited > 2 and abs(until - (sent.t_us / 1e6 + skew_s + VALID_S)) <= 2,
            f"an order that waited {waited:.1f} s for the meter is good for {VALID_S} s from its sending, on the meter's clock",
            until - sent.t_us / 1e6)
    gate.ok(gate.comes(lambda: field.command(d, n)["state"] == "done", 30) and sim.state(meter)["relay"] == "open",
            "and is done", field.command(d, n))


# --- freezes --------------------------------------------------------------------------------

def backfill(db, sim, long, short):
    gate.until(lambda: len(records(db, long)) == 7 and len(records(db, short)) + len(absent(db, short)) == 7, 40,
               "freezes")
    got = records(db, long)
    starts = {day(n): int((TODAY - datetime.timedelta(days=n)).timestamp()) * 1000000 for n in range(7)}
    gate.ok({k: v[0] for k, v in got.items()} == starts,
            "seven missing days are found and read, each under its own midnight", got)
    state = sim.state(long)
    gate.ok(got[day()][1] == state["frozen_wh"] and state["frozen_us"] == got[day()][0],
            "today's is what the meter froze", (got[day()], state["frozen_wh"]))
    energies = [got[day(n)][1] for n in range(7)]
    gate.ok(all(a > b for a, b in zip(energies, energies[1:])), "each day its own energy", energies)
    gate.ok(sorted(records(db, short)) == sorted(day(n) for n in range(3)) and absent(db, short) == [day(n) for n in range(3, 7)],
            "days the meter has no record of are noted as absent", (records(db, short), absent(db, short)))
    n = len(freeze_reads(sim, short))
    sim.do(f"drop {short}")  # a new session looks for missing days again
    gate.until(lambda: sim.state(short)["connected"], 10, "its return")
    time.sleep(4)
    gate.ok(len(freeze_reads(sim, short)) == n, "and not asked for again", freeze_reads(sim, short)[n:])


def missed_midnight(db, sim, off, slow):
    """One had no supply at midnight; one is late: its midnight came while it was being asked."""
    gate.until(lambda: records(db, off) and records(db, slow), 20, "first records")
    gate.ok(day(1) in records(db, off) and day() not in records(db, off) and day() not in records(db, slow),
            "before its own midnight the newest record is yesterday's, and is stored as that",
            (records(db, off), records(db, slow)))
    gate.until(lambda: sim.state(slow)["clock_us"] > MIDNIGHT_US + 1000000, 60, "its midnight")
    gate.ok(sim.state(slow)["frozen_us"] == MIDNIGHT_US, "the late meter freezes")
    sim.do(f"power {off} on")
    sim.do(f"drop {slow}")
    got = gate.comes(lambda: day() in records(db, slow), 20)
    gate.ok(got and records(db, slow)[day()][:2] == (MIDNIGHT_US, sim.state(slow)["frozen_wh"]),
            "a meter whose clock is late is asked again: its record is not lost",
            (records(db, slow), absent(db, slow)))
    gate.until(lambda: sim.state(off)["connected"], 20, "the other's return")
    db.run("DELETE FROM powergate.freeze_record WHERE day = :day AND meter_id = (SELECT id FROM powergate.meter WHERE address = :'m')",
           day=day(2), m=off)
    sim.do(f"drop {off}")
    found = gate.comes(lambda: day(2) in records(db, off), 20)
    gate.ok(found and day() not in records(db, off), "no record of a midnight without supply is made up",
            records(db, off))
    gate.ok(found and records(db,
                              off)[day(2)][0] == int((TODAY - datetime.timedelta(days=2)).timestamp()) * 1000000,
            "records in front of a missing one are found where they are", (records(db, off), absent(db, off)))


def local_balance(db, meter, sentence):
    gate.until(lambda: records(db, meter).get(day(), (0, 0, None, ""))[2] is not None, 45, "a balance")
    _, frozen, balance, how = records(db, meter)[day()]
    reading = {}
    for reg in ("credit", "price", "total_wh"):
        rows = db.rows("SELECT at_us, value FROM powergate.reading r JOIN powergate.meter m ON m.id = r.meter_id "
                       "WHERE m.address = :'m' AND reg = :'reg' ORDER BY at_us", m=meter, reg=reg)
        reading[reg] = [(int(a), int(v)) for a, v in rows]
    at, credit = reading["credit"][0]
    total = [v for a, v in reading["total_wh"] if a <= at][-1]
    used = fractions.Fraction(total - frozen, 1000) * reading["price"][0][1] / 10000
    gate.ok(how == "reconstructed" and total > frozen and abs(balance - (credit + used)) < 1, sentence,
            (balance, credit, float(used), how))


def remote_balance(db, meter, minor):
    got = records(db, meter)[day()]
    gate.ok(got[2:] == (minor, "ledger"), "a remote balance at midnight is the ledger's at that instant", got)


# --- the story ------------------------------------------------------------------------------

with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db,
                    {"reading": {"poll_interval": "1s", "freeze_window": "0s", "freeze_days": 7, "zone": ZONE},
                                "session": {"reply_timeout": "2s"}, "commands": {"sweep": "200ms"}})
    d.order("site/add", name="here", zone=ZONE)
    d.order("tariff/add", name="flat", steps="0:10000000")
    sleepers = [add(d, "local", "W1", "202600003001", link="sleep:5"),
                add(d, "remote", "W2", "202600003002", 100000, link="sleep:5", clock_offset_s=-1200)]
    frozen = [add(d, "remote", "H1", "202600003011", history=10, energy_wh=9000000, watts=50000),
              add(d, "remote", "H2", "202600003012", history=3, energy_wh=9000000),
              add(d, "remote", "H3", "202600003013", history=5, energy_wh=9000000, clock_offset_s=to_midnight(12)),
              add(d, "remote", "H4", "202600003014", history=5, energy_wh=9000000, clock_offset_s=to_midnight(12)),
              add(d, "local", "H5", "202600003015", history=3, energy_wh=9000000, watts=200000,
                  price_micro=2345600),
              add(d, "local", "H6", "202600003016", history=3, energy_wh=9000000, watts=200000,
                  price_micro=1234500)]
    frozen[5]["profile"] = "remote"  # says nothing of its credit, at first
    db.run("SET search_path = powergate; SELECT journal_post('test:early', 'payment', '', 'tester', NULL, "
           "ARRAY['clearing', 'prepaid'], ARRAY['till', ''], ARRAY[NULL, (SELECT id FROM account WHERE number = 'H1')], ARRAY[70000, -70000], "
           f"'CNY', {MIDNIGHT_US - 3600000000})")
    field.cash(d, "H1", 12300)  # today's: no part of the balance at midnight
    with gate.Sim(BUILD, d, frozen, "--truth-frames", "--zone", ZONE) as sim:
        sim.online(len(frozen))
        gate.until(lambda: records(db, frozen[2]["address"]), 20, "a record")
        sim.do(f"power {frozen[2]['address']} off")
        backfill(db, sim, frozen[0]["address"], frozen[1]["address"])
        remote_balance(db, frozen[0]["address"], 70000)
        local_balance(db, frozen[4]["address"], "a local balance at midnight is the first one read, rolled back")
        gate.ok(records(db, frozen[5]["address"])[day()][2:] == (None, ""),
                "without any balance since midnight there is none",
                records(db, frozen[5]["address"]))
        sim.do(f"set {frozen[5]['address']} profile wallet-esam")
        sim.do(f"drop {frozen[5]['address']}")  # what it refused is remembered as long as it is connected
        missed_midnight(db, sim, frozen[2]["address"], frozen[3]["address"])
        local_balance(db, frozen[5]["address"], "a first balance that comes after the record still makes one")
    d.configure({"reading": {"poll_interval": "20s"}})  # or nobody would ever fall asleep
    d.signal(signal.SIGHUP)
    with gate.Sim(BUILD, d, sleepers, "--truth-frames", "--zone", ZONE) as sim:
        d.order("meter/commission", meter=sleepers[0]["address"])
        sleeping_payment(d, sim, sleepers[0]["address"])
        sleeping_order(d, sim, sleepers[1]["address"], -1200)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sys.exit(gate.done())
PY
