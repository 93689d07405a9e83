#!/bin/sh
# A month of payments on one virtual clock: notifications that are lost, late, doubled, forged and
# told otherwise, refunds, credit from strangers, and bills with errors.  What goes wrong is drawn
# by seed and written down before anything happens; what is found is that, no less and no more.
# Here two seeds live five days, and the first of them twice; SOAK=1: twenty live a month each.
#   tests/it/month.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../year:$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import collections
import copy
import json
import os
import sys

import gate
import live
import month
import month_judge
import letters

BUILD = os.path.abspath(sys.argv[1])
SEEDS, DAYS, MOST = (range(1, 21), 30, 3) if os.environ.get("SOAK") else (range(1, 3), 5, 1)
SENTENCES = {
    "plan first": "what goes wrong was written down first: the transcript begins with its sum",
    "breaks": "found = planted, both ways: {} breaks, with those that explained themselves",
    "notifications": "{} notifications were answered as they had to be",
    "payments": "{} payments are in the books, each once; nothing of what was forged",
    "suspense": "{} were nobody's at first, and waited in suspense",
    "given back": "{} were given back",
    "days": "{} days are closed in their order: by the job, or signed with a reason where something stands",
    "wallets": "what went into {} wallets is what was paid for them, and what strangers put in",
    "balanced": "the ledger is balanced",
    "bean-check": "and bean-check has nothing to say",
    "typed": "and all that was typed went well",
}


def planted(m):
    kinds = collections.Counter(b["kind"] for b in m.plan["breaks"])
    forged = sum(statuses.count(401) for statuses in m.plan["hooks"].values())
    gate.ok(len(kinds) >= 14 and forged > 0, f"seed {m.seed}: {forged} forgeries, and to be found: " +
            ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())), kinds)


def judged(life):
    case = month_judge.judge(life.dir, life.rows)
    for what, sentence in SENTENCES.items():
        gate.ok(case.sums[what] > 0 and what not in case.against, sentence.format(case.sums[what]), "\n".join(case.against.get(what, [])[:9]))


def wakeful(life):
    """The judge is told a plan with one error less, of each kind, and then with one more."""
    plan = json.loads(life.file("plan.json"))
    asleep = []
    for kind in sorted({b["kind"] for b in plan["breaks"]}):
        less, more = copy.deepcopy(plan), copy.deepcopy(plan)
        b = next(b for b in plan["breaks"] if b["kind"] == kind)
        less["breaks"].remove(b)
        more["breaks"].append({**b, "who": "somebody"})
        for word, other in (("found, not planted", less), ("planted, not found", more)):
            against = month_judge.judge(life.dir, life.rows, other, [month_judge.judge_breaks]).against.get("breaks", [])
            if len(against) != 1 or not against[0].startswith(word):
                asleep.append((kind, word, against))
    gate.ok(not asleep, "one error struck from the plan, or one written into it, and the judge objects, whatever its kind", asleep)


def same(one, two):
    for name in ("plan.json", "truth.log", "told.log", "ledger.beancount"):
        gate.ok(one.file(name) == two.file(name) != b"", f"told again, {name} is the same to the byte")
    first, again = one.everything(), two.everything()
    differ = [t for t in first if first[t] != again.get(t)]
    gate.ok(len(first) > 50 and not differ, f"and so are {len(first)} tables", differ)


with live.World(BUILD) as world:
    os.environ["PATH"] = BUILD + ":" + os.environ["PATH"]
    keys = letters.Pens(world.place("keys"))

    def lived(seed, name):
        m = month.draw(world.place(name), keys, seed, DAYS, MOST)
        planted(m)
        life = live.Life(world, name, m.dir)
        if not gate.ok(life.code == 0, f"{m.days} days pass in {life.seconds:.0f} s", life.log()[-2000:]):
            sys.exit(gate.done())
        return life

    for seed in SEEDS:
        life = lived(seed, f"seed{seed}")
        judged(life)
        if seed == SEEDS[0]:
            wakeful(life)
            same(life, lived(seed, "again"))
sys.exit(gate.done())
PY
