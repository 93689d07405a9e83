#!/bin/sh
# A year of meters, people and money on one virtual clock, and a judge who works out every cent
# a second time.  Told at every change: the five days in which a month and winter time end, with a
# swap, a move, a dead line and dearer prices, twice; and the judge is shown errors he must find.
# SOAK=1 tells four weeks of it, twice, and the whole year of 200 accounts; TALE=days, weeks or year one of them.
#   tests/it/year.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../year:$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import os
import re
import sys

import bends
import gate
import judge
import live
import tales

BUILD = sys.argv[1]


def whole(life, days):
    return gate.ok(life.code == 0, f"{days} days pass in {life.seconds:.0f} s", life.log()[-2000:])


def count(life, sql):
    return int(life.rows(sql)[0][0])


def eventful(life, days):
    """A story in which nothing happened would prove nothing."""
    truth, told = life.file("truth.log"), life.file("told.log")
    seen = {"trips": truth.count(b'"to":"open"'),
            "restores": truth.count(b'"to":"closed"'),
            "payments": count(life, "SELECT count(*) FROM powergate.payment"),
            "price versions gone": count(life, "SELECT count(*) FROM powergate.price_version WHERE state = 'ended'"),
            "power cuts": truth.count(b'"event":"power"') // 2,
            "true-ups": count(life, "SELECT count(*) FROM powergate.journal WHERE kind = 'trueup'"),
            "estimates that stand": count(life, "SELECT count(*) FROM powergate.charge WHERE state = 'posted' "
                                                "AND quality = 'estimate'"),
            "refused notices": len(re.findall(rb" notice \S+ 503 ", told))}
    if days > 10:
        seen["final notices"] = count(life, "SELECT count(*) FROM powergate.notice WHERE kind = 'final' AND state = 'sent'")
    if days > 100:
        seen["payments while the database was gone"] = len(set(re.findall(rb" pay (\S+) 503 ", told)))
    gate.ok(all(seen.values()), "in them " + ", ".join(f"{n} {what}" for what, n in seen.items()), life.dir)
    chapters = {name: told.count(b" chapter " + name.encode()) for name in ("prices", "swap", "move-out", "move-in", "silence")}
    gate.ok(all(chapters.values()), "and as chapters " + ", ".join(f"{n} {name}" for name, n in chapters.items()), life.dir)


SENTENCES = {
    "truth": "the simulator's registers are the sum of its load",
    "read": "{} register values were read, each the true one at its time",
    "frozen": "{} midnight records, each with the true registers of that midnight",
    "freeze": "{} midnights that a meter wrote down were read, each within fourteen hours",
    "away": "{} lines were dead, and nothing was read there",
    "between": "{} charges stand, each from one of these readings to another",
    "chain": "each begins where the one before it ended",
    "upto": "and the last one at the newest reading",
    "no other": "nobody is charged for a meter he did not have then",
    "charge": "{} charges cost what the tariff says, exactly",
    "cut": "{} of them hold a boundary, for want of any reading to cut them at",
    "dearer": "{} go from one version of their tariff into the next",
    "period": "{} go from one tier period into the next",
    "holiday": "{} are of a holiday or a make-up workday, by the hours of those",
    "night": "{} go over the night in which the clocks change",
    "turned": "{} go over the end of a display",
    "transformers": "{} are of a meter behind transformers",
    "over silence": "{} are of a line that was dead",
    "trued up": "{} accounts had an estimate that was trued up, to the cent",
    "pair": "{} accounts with two meters, to the cent",
    "tenancy": "{} tenancies, each with tiers of its own, whatever meters it had",
    "swap": "{} meters were swapped: up to what the old one showed, on from what the new one did",
    "move": "{} tenants left and others came: what was used in between is nobody's",
    "settle": "{} of them had back what was left, or owe it, to the cent",
    "fixed": "{} days have their fixed charge",
    "no more": "and no other day has one",
    "account": "{} accounts were charged what they used, to the cent",
    "balance": "{} balances are what was paid less what they used",
    "midnight": "{} balances of a midnight are those of the journals up to then",
    "day": "{} days of a site were reconciled, from balance to balance as the journals have it",
    "trip": "{} trips, none by night, on a rest day, on a holiday or the day before",
    "check": "the books agree with themselves",
}


def judged(life, days):
    v = judge.judge(life.dir, life.rows)
    all_of_it = set(SENTENCES) - ({"period"} if days < 10 else set())  # within days a meter's midnight cuts each
    gate.ok(set(v.sums) == all_of_it, f"there are {len(all_of_it)} things to judge", set(v.sums) ^ all_of_it)
    for what in (what for what in SENTENCES if what in all_of_it):
        against = v.against.get(what, [])
        gate.ok(not against, SENTENCES[what].format(v.sums.get(what, 0)), f"{len(against)} times:\n" + "\n".join(against[:5]))
    cents = count(life, "SELECT sum(abs(amount_minor)) FROM powergate.posting p JOIN powergate.journal j ON j.id = p.journal_id "
                        "WHERE p.ledger = 'prepaid' AND j.kind IN ('charge', 'fixed', 'trueup')")
    print(f"   {v.sums['account']} accounts, {v.sums['charge']} intervals, {cents} cents", flush=True)


def wakeful(life):
    """The judge must object to each of these, and the daemon's own check to none."""
    for words, rows, wanted in bends.of(life):
        with rows as bent:
            against = set(judge.judge(life.dir, bent).against)
        gate.ok(wanted <= against and "check" not in against, f"{words}: the judge objects", against)
    gate.ok(not judge.judge(life.dir, life.rows).against, "with all of it put back he does not")


def same(one, two):
    for name in ("truth.log", "told.log"):
        gate.ok(one.file(name) == two.file(name) != b"", f"told again, {name} is the same to the byte")
    tables = [life.everything() for life in (one, two)]
    differ = [t for t in tables[0] if tables[0][t] != tables[1].get(t)]
    gate.ok(len(tables[0]) > 20 and not differ, f"and so are {len(tables[0])} tables", differ)


def twice(world, name, tell):
    lives = []
    for time in ("one", "two"):
        story = tell(world.place(name))
        lives.append(live.Life(world, f"{name}_{time}", story.dir))
        if not whole(lives[-1], story.days):
            return
    eventful(lives[0], story.days)
    judged(lives[0], story.days)
    wakeful(lives[0])
    same(*lives)


def year(world, tell):
    story = tell(world.place("year"))
    life = live.Life(world, "year", story.dir)
    if whole(life, story.days):
        eventful(life, story.days)
        judged(life, story.days)


with live.World(BUILD) as world:
    for name, tell in (("days", tales.days), ("weeks", tales.weeks), ("year", tales.whole_year)):
        if name != "days" and not os.environ.get("SOAK"):
            gate.skip(f"the story of the {name} takes longer than a change has: make soak tells it")
        elif os.environ.get("TALE", name) == name:
            year(world, tell) if name == "year" else twice(world, name, tell)
sys.exit(gate.done())
PY
