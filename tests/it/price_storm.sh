#!/bin/sh
# GV19 from end to end: ten times the price, and four of ten customers who would be cut off by it.
#   tests/it/price_storm.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time
import zoneinfo

import field
import gate
from field import TRIP

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
FLEET = 20
METERS = [f"2026000071{n:02d}" for n in range(FLEET)]
POOR = [n for n in range(FLEET) if n % 5 < 2]
USED = 100000  # Wh of each on the day before yesterday
NOW_WH = 500000


def minute(at):
    return datetime.datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%d %H:%M")


def file(d, since, price):
    return d.write("home.yaml", f"currency: CNY\nzone: Asia/Shanghai\neffective_from: {since}\ntier_period: month\ntiers: [{{price: {price}}}]\n")


def past(db):
    """The registers of two midnights: what each has used, for the preview to price anew."""
    today = datetime.datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for m in METERS:
        for days, wh in ((2, NOW_WH - USED), (1, NOW_WH)):
            at = today - datetime.timedelta(days=days)
            rows.append(f"('{m}', {at:%Y%m%d}, {int(at.timestamp()) * 10**6}, {wh})")
    db.run("INSERT INTO powergate.freeze_record (meter_id, day, at_us, total_wh, quality, read_us) SELECT m.id, v.day, v.at, v.wh, 'meter', v.at "
           "FROM (VALUES " + ",".join(rows) + ") AS v(address, day, at, wh) JOIN powergate.meter m ON m.address = v.address")


def off(sim):
    return [m for m in METERS if sim.state(m)["relay"] == "open"]


def refused(d):
    d.ctl("tariff", "load", file(d, minute(d.begins), "10.00"), "--tariff", "home")
    code, out, err = d.ctl("tariff", "submit", "home/2")
    gate.ok(code == 0, "ten times the price is submitted", out + err)
    code, out, err = d.ctl("tariff", "approve", "home/2", "--reason", "the board said so")
    gate.ok(code == 1 and "--force" in err and d.ask("tariff/show", version="home/2").json["state"] == "pending",
            "GV19: the preview refuses its approval", out + err)
    seen = d.ask("tariff/show", version="home/2").json["preview"]
    gate.ok(seen["cut"] == len(POOR), f"for {len(POOR)} of {FLEET} accounts would be cut off on day one", seen)
    code, out, err = d.ctl("tariff", "approve", "home/2", "--reason", "the board said so", "--force", "wholesale prices rose")
    gate.ok(code == 0 and d.ask("tariff/show", version="home/2").json["forced"] == "wholesale prices rose",
            "forced with a reason it is scheduled, and the reason stands there", out + err)
    gate.ok(not d.ask("halt/list").json["rows"], "nothing is halted yet")


def halted(d, sink):
    gate.until(lambda: d.ask("tariff/show", version="home/2").json["state"] == "active", 120, "its minute")
    rows = d.ask("halt/list").json["rows"]
    gate.ok(len(rows) == 1 and rows[0]["cause"] == "tariff" and "home/2" in rows[0]["why"], "when it becomes active, automatic trips are halted", rows)
    told = gate.comes(lambda: sink.told("storm"), 10) and sink.told("storm")
    gate.ok(told and len(told) == 1 and told[0]["data"]["cause"] == "tariff" and "home/2" in told[0]["data"]["why"],
            "the staff are paged once", told)
    items = field.work(d, "HALTED")
    gate.ok(len(items) == 1 and "halt release tariff" in items[0]["todo"], "with a work item that says how to release it", items)


def spent(d, sim, sink):
    """Four kWh each: at the old price all would have had enough."""
    gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_us"] > d.begins * 1000000 for m in METERS), 20,
               "readings of after the change: what comes now is all at the new price")
    for m in METERS:
        sim.do(f"set {m} energy_wh {NOW_WH + 4000}")
    poor = {f"P{n}" for n in POOR}
    told = gate.comes(lambda: {n["data"]["account"] for n in sink.told("final")} == poor, 30)
    gate.ok(told, f"the {len(poor)} whose credit is gone by the new price are warned, and nobody else",
            (sorted({n["data"]["account"] for n in sink.told("final")}), field.work(d, "HELD_READING"), d.ask("account/show", account="P0").json,
             d.ask("meter/show", meter=METERS[0]).json, [w["text"] for w in d.ask("work/list", limit=100).json["rows"]][:6]))
    time.sleep(5)
    gate.ok(off(sim) == [] and not any(field.orders(sim, m, TRIP) for m in METERS), "and nobody is cut off", off(sim))
    meter = METERS[POOR[0]]
    said = d.ask("meter/why", meter=meter).json["why"]
    gate.ok("halted" in said and "home/2" in said, "why says so", said)
    d.pay(f"P{POOR[0]}", 100000, "P-1")
    gate.until(lambda: d.ask("account/show", account=f"P{POOR[0]}").json["prepaid_minor"] > 0, 10, "the payment")


def released(d, sim):
    code, out, err = d.ctl("halt", "release", "tariff", "--reason", "the customers were written to")
    gate.ok(code == 0, "a person has looked, and releases it", out + err)
    due = [METERS[n] for n in POOR[1:]]
    gate.ok(gate.comes(lambda: off(sim) == due, 40), "only now they are cut off, but for who has paid meanwhile", (off(sim), due))


sink = field.Sink()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"daemon": {"tariff_voices": 1}, "meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "commands": {"sweep": "200ms"}, "reading": {"poll_interval": "1s"},
                                "tariffs": {"most_change_ppm": 1000000000, "most_cut": 4},
                                "supply": {"final_notice": "1s", "after_close": "0s", "days_left": 0}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    for n in range(2):
        d.order("site/add", name=f"house {n}", zone="Asia/Shanghai")
    d.begins = (int(time.time() + 40) // 60 + 1) * 60
    for words in (("load", file(d, "2026-01-01", "1.00"), "--tariff", "home"), ("submit", "home"), ("approve", "home", "--reason", "the first")):
        code, out, err = d.ctl("tariff", *words)
        gate.ok(code == 0, f"tariff {words[0]}", out + err)
    for n, m in enumerate(METERS):
        d.order("account/add", account=f"P{n}", mode="remote", site=f"house {n % 2}", tariff="home", warn="500")
        d.order("meter/add", meter=m, profile="remote", account=f"P{n}", most_watts="1000000000")
        field.cash(d, f"P{n}", 1500 if n in POOR else 200000)
    past(db)
    with gate.Sim(BUILD, d, [{"address": m, "watts": 0, "energy_wh": NOW_WH} for m in METERS], "--truth-frames") as sim:
        sim.online(FLEET)
        gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] == NOW_WH for m in METERS), 20, "readings")
        refused(d)
        halted(d, sink)
        spent(d, sim, sink)
        released(d, sim)
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sink.close()
sys.exit(gate.done())
PY
