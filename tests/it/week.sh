#!/bin/sh
# Days in which meters lose their supply, lines die, and the daemon is killed; after a day of rest
# every midnight that a meter still holds is in the database, as the meter wrote it down.
# Told at every change of 40 meters and two days; SOAK=1 tells a week of 1 000.
#   tests/it/week.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../year:$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import collections
import datetime
import json
import os
import sys
import zoneinfo

import gate
import live
import week

BUILD = sys.argv[1]
KEPT = 62  # midnights that a meter holds


def number(date):
    return date.year * 10000 + date.month * 100 + date.day


def before(about, start_us):
    """The midnights of a meter's history, by its own clock."""
    zone = zoneinfo.ZoneInfo(about["zone"])
    ends = start_us // 1000000 + about["offset_s"]
    last = datetime.datetime.fromtimestamp(ends, zone).date()
    first = datetime.datetime.fromtimestamp(ends - about["history"] * 86400, zone).date()
    return [number(first + datetime.timedelta(n + 1)) for n in range((last - first).days)]


def held(life, facts):
    """What each meter holds at the end: day -> Wh; None: from before the story, and not told."""
    days = {address: {day: None for day in before(about, facts["start_us"])} for address, about in facts["week"].items()}
    for line in life.file("truth.log").splitlines():
        if b'"event":"freeze"' in line:
            event = json.loads(line)
            days[event["meter"]][event["day"]] = event["energy_wh"]
    return {address: dict(sorted(of.items())[-KEPT:]) for address, of in days.items()}


def judge(life, facts, rows):
    """(what a meter holds and nobody read, what was read and never was, what was given up and is there)."""
    there = collections.defaultdict(dict)
    for address, day, wh in rows("SELECT m.address, f.day, f.total_wh FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = f.meter_id"):
        there[address][int(day)] = int(wh)
    given_up = {(a, int(d)) for a, d in rows("SELECT m.address, f.day FROM powergate.freeze_absent f JOIN powergate.meter m ON m.id = f.meter_id")}
    holds = held(life, facts)
    missing = [(a, d) for a, of in holds.items() for d in of if d not in there[a]]
    strange = [(a, d, wh, holds[a].get(d)) for a, of in there.items() for d, wh in of.items()
               if d in holds[a] and holds[a][d] not in (None, wh) or d >= min(holds[a], default=0) and d not in holds[a]]
    return missing, strange, [x for x in given_up if x[1] in holds[x[0]]], sum(map(len, holds.values()))


def hours(life):
    """(meter, hour) that a meter wrote down, and what is known of it."""
    wrote = {}
    for line in life.file("truth.log").splitlines():
        if b'"event":"hour"' in line:
            event = json.loads(line)
            wrote[event["meter"], event["at_us"]] = event["energy_wh"]
    known = {(a, int(at)): int(wh) for a, at, wh in life.rows(
        "SELECT m.address, v.at_us, v.total_wh FROM powergate.hour_value v JOIN powergate.meter m ON m.id = v.meter_id WHERE v.total_wh IS NOT NULL")}
    late = week.tell.us(life.end) - 4 * 3600 * 1000000  # the last turn of each was at most three hours ago
    missing = [k for k in wrote if k not in known and k[1] < late]
    wrong = [k for k, wh in known.items() if wrote.get(k, wh) != wh]
    gate.ok(not missing, f"of {len(wrote)} full hours that a meter wrote down none is missing", f"{len(missing)} are: {sorted(missing)[:10]}")
    gate.ok(not wrong and len(known) > len(wrote) / 2, "each as it wrote it down", wrong[:5])


def eventful(life, days):
    truth = life.file("truth.log")
    midnights = collections.Counter(json.loads(line)["meter"] for line in truth.splitlines() if b'"event":"freeze"' in line)
    seen = {"power cuts": truth.count(b'"event":"power","on":false'), "restarts of meters": truth.count(b'"event":"boot"'),
            "midnights nobody wrote down": sum(1 for n in midnights.values() if n < days),
            "starts of the daemon": life.file("story").count(b" daemon on"),
            "clocks put right": int(life.rows("SELECT count(*) FROM powergate.event WHERE kind = 'clock'")[0][0]),
            "ends of a month": int(life.rows("SELECT count(DISTINCT tableoid) FROM powergate.reading")[0][0]) - 1,
            "sessions": int(life.rows("SELECT sum(epoch) FROM powergate.endpoint")[0][0])}
    gate.ok(all(seen.values()), "in them " + ", ".join(f"{n} {what}" for what, n in seen.items()), life.dir)


def wakeful(life, facts):
    """The judge must notice what he is there for."""
    holds = held(life, facts)
    address = next(a for a, of in sorted(holds.items()) if list(of.values())[-1] is not None)
    day = max(holds[address])

    def bent(sql):
        got = life.rows(sql)
        if "freeze_record" not in sql:
            return got + [[address, str(day)]]
        return [[a, d, str(int(wh) + 10) if a == address and int(d) == day else wh] for a, d, wh in got]

    _, strange, given_up, _ = judge(life, facts, bent)
    lost, _, _, _ = judge(life, facts, lambda sql: [r for r in life.rows(sql) if r[:2] != [address, str(day)]])
    gate.ok([s[:2] for s in strange] == [(address, day)] and given_up == [(address, day)] and lost == [(address, day)],
            "a record that is gone, one with another register and one given up wrongly are noticed", (strange[:5], given_up[:5], lost[:5]))


def tell(world, meters, days):
    story = week.week(world.place("week"), meters, days)
    life = live.Life(world, f"week{meters}", story.dir)
    if not gate.ok(life.code == 0, f"{meters} meters live through {days} days of trouble and one of rest in {life.seconds:.0f} s", life.log()[-2000:]):
        return
    facts = week.facts(story.dir)
    eventful(life, story.days)
    missing, strange, given_up, n = judge(life, facts, life.rows)
    gate.ok(not missing, f"of {n} midnights that a meter still holds none is missing", f"{len(missing)} are: {sorted(missing)[:10]}")
    gate.ok(not strange, "each as the meter wrote it down, and no other", strange[:5])
    gate.ok(not given_up, "and none was given up", given_up[:5])
    life.end = story.end
    hours(life)
    rest = life.rows("SELECT count(*) FROM powergate.reading_rest")[0][0]
    gate.ok(rest == "0", "no reading lies outside of its month", rest)
    wakeful(life, facts)


with live.World(BUILD) as world:
    tell(world, 40, 2)
    if os.environ.get("SOAK"):
        tell(world, 1000, 7)
    else:
        gate.skip("the week of 1 000 meters takes longer than a change has: make soak tells it")
sys.exit(gate.done())
PY
