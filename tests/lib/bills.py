"""bills -- readings as the daemon stores them, tariffs by file, and bills worked out a second time.

The second sum is made of what `bill explain` prints: registers, times and multiplier, and of the
tariff; with fractions, by fair.Account, which shares nothing with the program.
"""
import json
import time
import zoneinfo
from datetime import datetime, timedelta
from fractions import Fraction

import fair
import gate

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
PARTS = 27563340  # the months' days and the years' divide it; of a nano
REGISTERS = ("total_wh", "t1_wh", "t2_wh", "t3_wh", "t4_wh")


def us(text):
    """Local time: "2026-09-01 12:00"."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1000000


def day_us(date):
    return int(datetime(date.year, date.month, date.day, tzinfo=ZONE).timestamp()) * 1000000


def now_us():
    return time.time_ns() // 1000


def sql(db, text, **values):
    """As the owner of the tables writes it: their triggers know no schema."""
    db.run("SET search_path = powergate; " + text, **values)


# --- tariffs --------------------------------------------------------------------------------

def tariff(db, name, source, since="2000-01-01 00:00", approve=True):
    """One more version, approved long ago; the daemon finds it by itself."""
    db.run("""SET search_path = powergate; SELECT powergate.price_load(jsonb_build_object('tariff', :'name', 'currency', 'CNY', 'exponent', 2,
        'zone', 'Asia/Shanghai', 'rounding', 'half_up', 'effective_from_us', :since::bigint, 'source', :'source'), 'test', 0, 1);
        UPDATE powergate.price_version SET state = 'pending', submitted_us = 1 WHERE state = 'draft'""",
           name=name, since=us(since), source=source)
    if approve:
        approve_all(db)


def approve_all(db):
    db.run("SET search_path = powergate; SELECT price_approve(id, 'other', 1, 'test', NULL, NULL, 1) FROM price_version "
           "WHERE state = 'pending'")


def steps(*tiers, since="2000-01-01", more=""):
    """(100000, "1.00"), (None, "1.50"): up to so many Wh a month."""
    lines = "".join("  - {" + (f"upto: {upto} Wh, " if upto else "") + f"price: {price}" + "}\n" for upto, price in tiers)
    return f"currency: CNY\nzone: Asia/Shanghai\neffective_from: {since}\ntier_period: month\n{more}tiers:\n{lines}"


# --- accounts and readings ----------------------------------------------------------------------

def account(d, number, meter, tariff_name, site="here", **more):
    d.order("account/add", account=number, mode="remote", site=site, tariff=tariff_name, warn="1000,500")
    if meter:
        d.order("meter/add", meter=meter, profile="remote", account=number, most_watts="100000000", **more)


def rated(db, seconds=30):
    """Nothing waits to be rated."""
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.account_state WHERE rate_us IS NOT NULL") == 0, seconds,
               "rating", every=0.01)


def feed(db, meter, *readings, wait=True):
    """(time, total, t1, ...) each, as they come from a meter; billed one by one."""
    for at, *wh in readings:
        at = us(at) if isinstance(at, str) else at
        regs = REGISTERS[:len(wh)]
        db.run("SELECT door.reading_ingest(array_fill(m.id, ARRAY[:n]), array_fill(:at::bigint, ARRAY[:n]), "
               "array_fill(:now::bigint, ARRAY[:n]), :'regs', :'values', array_fill(NULL::text, ARRAY[:n]), :now::bigint) "
               "FROM powergate.meter m WHERE address = :'meter'", meter=meter, n=len(wh), at=at, now=now_us(),
               regs="{" + ",".join(regs) + "}", values="{" + ",".join(map(str, wh)) + "}")
        if wait:
            rated(db)


def freeze(db, meter, day, total):
    """The meter's own record of a midnight, found later; day: 20261001."""
    date = datetime.strptime(str(day), "%Y%m%d")
    db.run("SELECT door.freeze_store(m.id, :day, :at::bigint, ARRAY[:total, NULL, NULL, NULL, NULL]::bigint[], :now::bigint) "
           "FROM powergate.meter m WHERE address = :'meter'", meter=meter, day=day, at=day_us(date), total=total, now=now_us())
    rated(db)


def posted(db, number, kind=None, ledger="prepaid"):
    """Minor units that were taken, of one kind of journal or all but payments."""
    return int(db.value("SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM powergate.posting p JOIN powergate.journal j "
                        "ON j.id = p.journal_id JOIN powergate.account a ON a.id = p.account_id WHERE a.number = :'a' "
                        "AND p.ledger = :'l' AND (j.kind = :'k' OR (:'k' = '' AND j.kind IN ('charge', 'fixed', 'trueup', 'rebill')))",
                        a=number, l=ledger, k=kind or ""))


def explain(d, number, since="2000-01-01 00:00", until=None):
    answer = d.ask("bill/explain", account=number, **{"from": us(since), "to": us(until) if until else now_us() + 10**12})
    if answer.status != 200:
        raise RuntimeError(str(answer))
    return answer.json


# --- the second sum -----------------------------------------------------------------------------

def used(charge, nbands):
    """Wh of the interval, by bands or in all, from the printed registers alone; in all too where a
    person has accepted bands that are not the total."""
    def delta(reg):
        return (charge["to"][reg] - charge["from"][reg]) % charge["wraps_wh"] * charge["multiplier"]
    banded = nbands > 1 and all(r in charge["from"] and r in charge["to"] for r in REGISTERS[1:])
    wh = [delta(r) for r in REGISTERS[1:]] if banded else []
    if not banded or abs(sum(wh) - delta("total_wh")) > 40 * charge["multiplier"]:
        return True, [delta("total_wh")]
    largest = wh.index(max(wh))
    wh[largest] += delta("total_wh") - sum(wh)
    return False, wh[:nbands]


class Bill:
    """An account's charges in their order, from the first one on."""

    def __init__(self, t):
        self.t = t
        self.book = fair.Account(t)
        self.wrong = []

    def check(self, what, seen, expected):
        if seen != expected:
            self.wrong.append(f"{what}: {seen}, by hand {expected}")

    def exact(self, charge):
        """{component: major units}."""
        if charge["kind"] == "fixed":
            day = datetime.fromtimestamp(charge["from_us"] // 1000000, ZONE).date()
            return {"fixed": self.book.day_charge(day)}
        total, wh = used(charge, self.t["bands"])
        book, energy = self.book, Fraction(0)
        stretches = book.stretches(charge["from_us"] // 1000000, charge["to_us"] // 1000000)
        for (key, _, _), part in zip(stretches, book.spread(stretches, total, wh)):
            if book.period != key[0]:
                book.period, book.used, book.band_used = key[0], 0, [0] * self.t["bands"]
            energy += book.energy(part, fair.scale(self.t, key[0])) / 1000
            book.used += sum(part)
            book.band_used = [x + y for x, y in zip(book.band_used, part)]
        self.check(f"charge {charge['charge']} Wh", charge["wh"], sum(wh))
        return {"energy": energy, **{name: sum(wh) * Fraction(price) / 1000 for name, price in self.t["surcharges"]}}

    def take(self, charge):
        where = f"charge {charge['charge']}"
        exact = self.exact(charge)
        shown = {c["name"]: (Fraction(int(c["nano"])) + Fraction(int(c["parts"]), PARTS)) / 10**9 for c in charge["components"]}
        for name, value in exact.items():
            self.check(f"{where} {name}", shown.get(name, Fraction(0)), value)
        gross, net = 0, {}
        for name, value in exact.items():
            g, n = self.book.post(name, value)
            gross += g
            net[name] = n
        lines = charge["journal"]["lines"] if charge["journal"] else []
        ours = {}
        for line in lines:
            name = "energy" if line["ledger"] == "energy" else line["owner"] if line["ledger"] == "fees" else line["ledger"]
            ours[name] = ours.get(name, 0) - line["amount_minor"]
        self.check(f"{where} gross", -ours.pop("prepaid", 0), gross)
        self.check(f"{where} tax", ours.pop("tax", 0), gross - sum(net.values()))
        self.check(f"{where} net", {k: v for k, v in ours.items() if v}, {k: v for k, v in net.items() if v})
        self.check(f"{where} posted", charge["minor"], gross)
        return gross


def recompute(bill, t):
    """What differs, as texts; and the sum that was posted."""
    b = Bill(t)
    return b, sum(b.take(c) for c in sorted(bill["charges"], key=lambda c: c["charge"]))


def dump(bill):
    return json.dumps(bill, indent=1)[:3000]


def later(date, days):
    return date + timedelta(days)
