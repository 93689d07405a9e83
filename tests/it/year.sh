#!/bin/sh
# A year of meters, people and money on one virtual clock, and a judge who works out every cent
# a second time.  Here it is four weeks in two zones, over the end of a month and of winter time,
# with dearer prices half-way, told twice, and then the whole year of 200 accounts.  All of it is
# for SOAK=1: it takes longer than the tests of a change may.
#   tests/it/year.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../year:$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os
import sys

import gate
import judge
import live
import tell

BUILD = sys.argv[1]
if not os.environ.get("SOAK"):
    print("skip - weeks and a year on one clock: they take longer than a change has; make soak tells them")
    sys.exit(0)


def whole(life, days):
    return gate.ok(life.code == 0, f"{days} days pass in {life.seconds:.0f} s", life.log()[-2000:])


def count(life, sql):
    return int(life.rows(sql)[0][0])


def eventful(life):
    """A story in which nothing happened would prove nothing."""
    seen = {"trips": life.file("truth.log").count(b'"to":"open"'),
            "restores": life.file("truth.log").count(b'"to":"closed"'),
            "payments": count(life, "SELECT count(*) FROM powergate.payment"),
            "final notices": count(life, "SELECT count(*) FROM powergate.notice WHERE kind = 'final' AND state = 'sent'"),
            "price versions": count(life, "SELECT count(*) FROM powergate.price_version WHERE state = 'ended'"),
            "turned displays": count(life, "SELECT count(DISTINCT r.meter_id) FROM powergate.reading r "
                                     "WHERE r.reg = 'total_wh' AND r.value > 999000000 AND EXISTS (SELECT FROM "
                                     "powergate.reading n WHERE n.meter_id = r.meter_id AND n.reg = 'total_wh' "
                                     "AND n.at_us > r.at_us AND n.value < 1000000)"),
            "power cuts": life.file("truth.log").count(b'"event":"power"') // 2,
            "refused notices": life.file("told.log").count(b" 503 {")}
    gate.ok(all(seen.values()), "in them " + ", ".join(f"{n} {what}" for what, n in seen.items()), life.dir)


SENTENCES = {
    "truth": "the simulator's registers are the sum of its load",
    "read": "{} register values were read, each the true one at its time",
    "frozen": "{} midnight records, each with the true registers of that midnight",
    "freeze": "{} midnights that a meter wrote down were read, each within fourteen hours",
    "between": "{} charges stand, each from one of these readings to another",
    "chain": "each begins where the one before it ended",
    "upto": "and the last one at the newest reading",
    "charge": "{} charges cost what the tariff says, exactly",
    "cut": "{} of them hold a boundary, for want of any reading to cut them at",
    "fixed": "{} days have their fixed charge",
    "no more": "and no other day has one",
    "account": "{} accounts were charged what they used, to the cent",
    "balance": "{} balances are what was paid less what was charged",
    "trip": "{} trips, none by night, on a rest day, on a holiday or the day before",
    "check": "the books agree with themselves",
}


def judged(life):
    v = judge.judge(life.dir, life.rows)
    for what, sentence in SENTENCES.items():
        against = v.against.get(what, [])
        gate.ok(v.sums.get(what, 0) > 0 and not against, sentence.format(v.sums.get(what, 0)),
                f"{len(against)} times:\n" + "\n".join(against[:5]))


def wakeful(life):
    """The judge is told a price that is off by a ten-thousandth, and must object."""
    path = life.facts()["tariffs"]["A-steps"][0]
    with open(path, encoding="ascii") as f:
        text = f.read()
    with open(path, "w", encoding="ascii") as f:
        f.write(text.replace("0.5583", "0.5584"))
    against = judge.judge(life.dir, life.rows).against
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    gate.ok(set(against) == {"charge", "account"}, "told a price 0.0001 off, the judge objects", list(against))


def same(one, two):
    for name in ("truth.log", "told.log"):
        gate.ok(one.file(name) == two.file(name) != b"", f"told again, {name} is the same to the byte")
    tables = one.tables()
    differ = [t for t in tables if t not in live.NOT_COMPARED and one.table(t) != two.table(t)]
    gate.ok(len(tables) > 20 and not differ, f"and so are {len(tables) - len(live.NOT_COMPARED)} tables", differ)


with live.World(BUILD) as world:
    lives = []
    for name in ("one", "two"):
        story = tell.short(world.place(name))
        lives.append(live.Life(world, name, story.dir))
        if not whole(lives[-1], story.days):
            sys.exit(gate.done())
    eventful(lives[0])
    judged(lives[0])
    wakeful(lives[0])
    same(*lives)
    if os.environ.get("SOAK"):
        story = tell.whole_year(world.place("year"))
        life = live.Life(world, "year", story.dir)
        if whole(life, story.days):
            eventful(life)
            judged(life)
sys.exit(gate.done())
PY
