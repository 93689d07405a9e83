#!/bin/sh
# A price version reaches the meters that keep their own money: approved, written, switched, charged.
#   tests/it/push_tariff.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import datetime
import sys
import time
import zoneinfo

import field
import gate

BUILD = sys.argv[1]
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
WUS = 3600000000            # watt-microseconds in a Wh
MINOR = 36000000000000000   # grains in a minor unit
CHARGES, HOLDS_NOT, STRANGER = METERS = [f"2026000062{n:02d}" for n in range(3)]
PRICE = 1250000             # micro per kWh


def version(d, tariff, since, price, more=""):
    """Loaded, submitted and approved by one person, where one is enough."""
    path = d.write(f"{tariff}.yaml", f"currency: CNY\nzone: Asia/Shanghai\neffective_from: {since}\ntier_period: month\n"
                   f"tiers: [{{price: {price}}}]\n{more}")
    for words in (("load", path, "--tariff", tariff), ("submit", tariff), ("approve", tariff, "--reason", "the board said so")):
        code, out, err = d.ctl("tariff", *words)
        if code != 0:
            raise AssertionError(f"tariff {words}: {out}{err}")


def minute(at):
    return datetime.datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%d %H:%M")


def row(d, meter):
    rows = d.ask("push/list", meter=meter, set="tariff").json["rows"]
    return rows[0] if rows else {"state": None, "why": None, "version": None}


def is_state(d, meter, name, state):
    r = row(d, meter)
    return r["version"] == name and r["state"] == state


def grains(state):
    return state["credit_minor"] * MINOR - state["grains"]


def scheduled(d, sim, at):
    gate.ok(gate.comes(lambda: is_state(d, CHARGES, "home/2", "acknowledged"), 20),
            "an approved version is wanted of the local meter, written and read back before its time", row(d, CHARGES))
    told = row(d, CHARGES)
    gate.ok(told["switch_us"] == at * 1000000 and told["by"] == "powergated", "with the minute it begins as the switch time", told)
    state = sim.state(CHARGES)
    gate.ok(state["in_force"] == [1, 1, 1, 1] and state["price_micro"] == 600000,
            "only the spare set was written: the old price still holds", state)
    gate.ok(row(d, STRANGER)["state"] is None, "a meter whose account has no tariff is left alone", row(d, STRANGER))


def refused(d):
    gate.ok(gate.comes(lambda: is_state(d, HOLDS_NOT, "line/2", "refused"), 20),
            "what a meter cannot hold is not written into it", row(d, HOLDS_NOT))
    items = field.work(d, "UNFIT_PRICES", HOLDS_NOT)
    gate.ok(len(items) == 1 and HOLDS_NOT in items[0]["text"] and "charge rent by the day" in items[0]["text"],
            "a work item names the meter and the reason", items)
    d.ctl("push", "retry", HOLDS_NOT)
    time.sleep(1)
    gate.ok(len(field.work(d, "UNFIT_PRICES", HOLDS_NOT)) == 1, "asked for again it is the same item", field.work(d, "UNFIT_PRICES"))
    d.ctl("tariff", "withdraw", "line/2", "--reason", "no rent in meters")
    version(d, "line", minute(int(time.time()) // 60 * 60 + 3 * 3600), "0.80")
    gate.ok(gate.comes(lambda: is_state(d, HOLDS_NOT, "line/3", "acknowledged"), 20) and not field.work(d, "UNFIT_PRICES", HOLDS_NOT),
            "a version that fits is written, and the item is closed", (row(d, HOLDS_NOT), field.work(d, "UNFIT_PRICES")))


def by_hand(d):
    path = d.write("hand.yaml", "currency: CNY\nzone: Asia/Shanghai\neffective_from: 2026-01-01\nbands: [{name: all, price: 9.00}]\n")
    code, out, err = d.ctl("push", "tariff", CHARGES, path)
    gate.ok(code == 1 and "tariff home" in out + err, "other prices by hand are refused: its account has a tariff", out + err)


def charged(d, sim):
    gate.ok(gate.comes(lambda: is_state(d, CHARGES, "home/2", "active"), 120), "at its minute the meter switches, and it is active",
            row(d, CHARGES))
    begun = sim.truth("switch", CHARGES)[-1]
    sim.do(f"set {CHARGES} watts 1000000")
    time.sleep(4)
    now = sim.state(CHARGES)
    used = now["energy_wus"] - begun["energy_wus"]
    paid = grains(begun) - grains(now)
    gate.ok(used > 500 * WUS and paid == used * PRICE, "from then on it deducts by the new price, to the last grain",
            f"used {used / WUS} Wh, paid {paid / MINOR} minor, owed {used * PRICE / MINOR}")
    sim.do(f"set {CHARGES} watts 0")


def next_one(d, sim):
    at = int(time.time()) // 60 * 60 + 40 * 86400
    version(d, "home", minute(at), "1.40")
    gate.ok(gate.comes(lambda: is_state(d, CHARGES, "home/3", "acknowledged"), 20) and row(d, CHARGES)["switch_us"] == at * 1000000,
            "with that done, the next version is written weeks ahead", row(d, CHARGES))
    gate.ok(sim.state(CHARGES)["price_micro"] == PRICE, "and waits in the other set", sim.state(CHARGES))


with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"daemon": {"tariff_voices": 1}, "meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "session": {"reply_timeout": "2s"}, "commands": {"sweep": "200ms"},
                                "reading": {"poll_interval": "5s"}})
    answer = gate.request(d.socket, "POST", "/v1/site/add", b'{"name":"here","zone":"Asia/Shanghai"}')
    answer = gate.request(d.socket, "POST", "/v1/account/add", b'{"account":"X","mode":"local","site":"here","tariff":"nowhere"}')
    gate.ok(answer.status == 404, "a local account may have a tariff, but one that exists", answer)
    for name in ("home", "line"):  # a tariff is there with its first draft
        d.ctl("tariff", "load", d.write("first.yaml", "currency: CNY\nzone: Asia/Shanghai\neffective_from: 2020-01-01\n"
              "tier_period: month\ntiers: [{price: 9.00}]\n"), "--tariff", name)
        d.ctl("tariff", "withdraw", name + "/1", "--reason", "only a name")
    for m, tariff in ((CHARGES, "home"), (HOLDS_NOT, "line"), (STRANGER, None)):
        more = {"tariff": tariff} if tariff else {}
        d.order("account/add", account="L" + m[-2:], mode="local", site="here", **more)
        d.order("meter/add", meter=m, profile="wallet-esam", capability="counted", account="L" + m[-2:], most_watts="2000000")
    with gate.Sim(BUILD, d, [{"address": m, "profile": "wallet-esam", "customer": m, "opened": "yes", "credit_minor": 100000,
                              "watts": 0, "energy_wh": 50000} for m in METERS], "--truth-frames") as sim:
        sim.online(len(METERS))
        for m in METERS:
            d.commission(m)
        at = (int(time.time() + 30) // 60 + 1) * 60
        version(d, "home", minute(at), "1.25")
        version(d, "line", minute(at), "0.70", "fixed: [{name: rent, per_day: 1.00}]\n")
        scheduled(d, sim, at)
        refused(d)
        by_hand(d)
        charged(d, sim)
        next_one(d, sim)
sys.exit(gate.done())
PY
