#!/bin/sh
# The storm guard: when much goes wrong at once, nobody is cut off until a person has looked.
#   tests/it/storm.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import field
import gate
from field import TRIP

BUILD = sys.argv[1]
FLEET = 60
METERS = [f"2026000070{n:02d}" for n in range(FLEET)]


def off(sim):
    return [m for m in METERS if sim.state(m)["relay"] == "open"]


def spend_all(db, accounts):
    names = ",".join(f"'{a}'" for a in accounts)
    db.run("SET search_path = powergate; SELECT powergate.journal_post('test:' || a.id || gen_random_uuid(), 'test', 'spent', 'test', "
           "NULL, ARRAY['prepaid', 'energy'], ARRAY['', ''], ARRAY[a.id, NULL], ARRAY[s.prepaid_minor + 1, -s.prepaid_minor - 1], 'CNY', "
           "(extract(epoch FROM now()) * 1000000)::bigint), "
           "powergate.mark_dirty(ARRAY[a.id], (extract(epoch FROM now()) * 1000000)::bigint) "
           f"FROM account a JOIN account_state s ON s.account_id = a.id WHERE a.number IN ({names})")


sink = field.Sink()
with gate.Cluster(BUILD) as db:
    d = gate.Daemon(BUILD, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "commands": {"sweep": "200ms"}, "reading": {"poll_interval": "1s"},
                                "supply": {"final_notice": "1s", "after_close": "0s", "silence_percent": 30}}, start=False)
    d.configure(sink.settings(d))
    d.start()
    for n in range(6):
        d.order("site/add", name=f"house {n}", zone="Asia/Shanghai")
    d.order("tariff/add", name="flat", steps="0:10000")
    for n, m in enumerate(METERS):
        d.order("account/add", account=f"A{n}", mode="remote", site=f"house {n % 6}", tariff="flat", warn="500")
        d.order("meter/add", meter=m, profile="remote", account=f"A{n}", most_watts="2000000")
        field.cash(d, f"A{n}", 1000)
    plan = [{"address": m, "watts": 0, "energy_wh": 50000} for m in METERS]
    with gate.Sim(BUILD, d, plan, "--truth-frames") as sim:
        sim.online(FLEET)
        gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] == 50000 for m in METERS), 20, "readings")

        # --- silence: twenty-five of sixty meters at once
        for m in METERS[:25]:
            sim.do(f"power {m} off")
        halted = gate.comes(lambda: [h for h in d.ask("halt/list").json["rows"] if h["cause"] == "silence"], 30)
        gate.ok(halted, "when four of ten meters fall silent, automatic trips are halted", d.ask("halt/list").json)
        items = field.work(d, "HALTED")
        gate.ok(len(items) == 1 and "halt release" in items[0]["todo"], "a person is told what to do", items)
        gate.ok(gate.comes(lambda: sink.told("work"), 5), "and it is sent to the staff")
        told = gate.comes(lambda: sink.told("storm"), 5) and sink.told("storm")
        gate.ok(told and told[0]["data"]["cause"] == "silence" and "fell silent" in told[0]["data"]["why"],
                "they are paged: trips are halted, and why", sink.told("storm"))
        victims = [f"A{n}" for n in range(25, 60)]
        spend_all(db, victims)
        gate.until(lambda: len({n["data"]["account"] for n in sink.told("final")}) == len(victims), 30, "the final notices")
        gate.ok(True, "warnings go on")
        time.sleep(4)
        gate.ok(off(sim) == [] and not field.orders(sim, METERS[30], TRIP), "and nobody is cut off", off(sim))
        gate.ok("halted" in d.ask("meter/why", meter=METERS[30]).json["why"], "why says so",
                d.ask("meter/why", meter=METERS[30]).json)
        n = field.relay(d, METERS[25], "open", "SAFETY")
        gate.ok(gate.comes(lambda: sim.state(METERS[25])["relay"] == "open", 10), "danger waits for nobody's release",
                field.command(d, n))
        for m in METERS[:25]:
            sim.do(f"power {m} on")
        gate.until(lambda: all(sim.state(m)["connected"] for m in METERS), 30, "their return")
        answer = gate.request(d.socket, "POST", "/v1/halt/release", b'{"cause":"silence"}')
        gate.ok(answer.status == 400, "a release needs a reason", answer)
        time.sleep(6)
        gate.ok(d.ask("halt/list").json["rows"] and off(sim) == [METERS[25]],
                "it does not release itself when the meters are back", d.ask("halt/list").json)
        code, out, err = d.ctl("halt", "release", "silence", "--reason", "a cell tower was down")
        gate.ok(code == 0, "a person releases it", out + err)

        # --- and then the budget: thirty-four due at once, twenty a minute and an hour
        gate.until(lambda: len(off(sim)) >= 20, 30, "trips")
        time.sleep(4)
        left = off(sim)
        gate.ok(len(left) == 20, f"of {len(victims) - 1} that are due so many leave that they are twenty with the one for SAFETY",
                len(left))
        gate.ok(len(field.work(d, "TRIP_BUDGET")) == 1, "and a person is told", field.work(d, "TRIP_BUDGET"))
        told = [n["data"] for n in sink.told("storm") if n["data"]["cause"] == "budget"]
        gate.ok(len(told) == 1 and int(told[0]["limit"]) <= 20 and told[0]["count"] > int(told[0]["limit"]) and told[0]["until_us"] > time.time() * 1e6,
                "the staff are paged once: how many were due, how many are let through, until when", told)
        paid = [m for m in left if m != METERS[25]]
        for m in paid:
            d.pay(f"A{METERS.index(m)}", 2000, f"S-{m}")
        gate.ok(gate.comes(lambda: not [m for m in off(sim) if m in paid], 20),
                "nineteen payments: all have power again, restores have no budget", off(sim))
    gate.ok(db.ledger_problems() == [], "the books balance", db.ledger_problems())
sink.close()
sys.exit(gate.done())
PY
