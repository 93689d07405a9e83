"""fair -- what use costs by a tariff, worked out a second time.

    python3 tests/lib/fair.py BUILD CASES SEED

Makes tariffs and use at random, asks `powergatectl tariff rate`, and does the same sum by hand:
with fractions, and by looking at the wall clock of every quarter of an hour.  The rules are those
of domain.md and powergate-tariff(5); no code and no table is shared with the program.
"""
import csv
import datetime
import io
import os
import random
import subprocess
import sys
import tempfile
import zoneinfo
from fractions import Fraction

QUARTER = 900
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kolkata",
         "Australia/Lord_Howe", "America/Havana", "UTC"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
UTC = datetime.timezone.utc


def local(zone, second):
    return datetime.datetime.fromtimestamp(second, UTC).astimezone(zone).replace(tzinfo=None)


# --- a tariff at random -----------------------------------------------------------------------

def decimal(rng, most, digits=None):
    digits = rng.randint(0, 6) if digits is None else digits
    value = rng.randint(0, most * 10 ** digits)
    text = str(value // 10 ** digits)
    return text + ("." + str(value % 10 ** digits).zfill(digits) if digits else "")


def ladder(rng):
    ends = sorted(rng.sample(range(1, 400000), rng.randint(0, 3)))
    return ends + [None]


def schedule(rng, bands):
    cuts = sorted({0, 96} | {rng.randint(1, 95) for _ in range(rng.randint(0, 6))})
    return [(a, b, rng.randrange(bands)) for a, b in zip(cuts, cuts[1:])]


def tariff(rng):
    t = {"mode": rng.choice(["additive", "matrix", "per_band"]), "zone": rng.choice(ZONES)}
    n = t["bands"] = rng.randint(1, 5)
    t["digits"] = {"CNY": 2, "JPY": 0, "KWD": 3}[t.setdefault("currency",
                                                               rng.choice(["CNY", "JPY", "KWD"]))]
    t["rounding"] = rng.choice(["half_up", "half_even", "down"])
    t["period"] = rng.choice(["month", "year", (rng.randint(1, 28), rng.randint(0, 23))])
    t["nominal"] = rng.choice([None, 28, 30, 31]) if isinstance(t["period"], tuple) else None
    one = ladder(rng)
    t["ladders"] = [ladder(rng) if t["mode"] == "per_band" else one for _ in range(n)]
    t["prices"] = [[decimal(rng, 2) for _ in t["ladders"][b]] for b in range(n)]
    t["band_price"] = [decimal(rng, 2) for _ in range(n)]
    t["tier_price"] = [decimal(rng, 1) for _ in one]
    rest = rng.sample(DAYS, rng.randint(1, 3))
    t["types"] = {"workday": [d for d in DAYS if d not in rest] + ["makeup"],
                  "restday": rest + ["holiday"]}
    t["holidays"] = [datetime.date(2026, 1, 1) + datetime.timedelta(d)
                     for d in rng.sample(range(0, 365, 2), 40)]
    t["makeups"] = [datetime.date(2026, 1, 2) + datetime.timedelta(d)
                    for d in rng.sample(range(0, 365, 2), 20)]
    a, b = sorted(rng.sample(range(1, 365), 2))
    year = [datetime.date(2024, 1, 1) + datetime.timedelta(d) for d in range(366)]
    t["seasons"] = [("s1", year[a], year[b]), ("s2", year[(b + 1) % 366], year[a - 1])]
    t["schedules"] = {(s, d): schedule(rng, n) for s in ("s1", "s2") for d in t["types"]}
    t["fixed"] = [(rng.choice(["calendar", "12/365", "day"]), decimal(rng, 50))
                  for _ in range(rng.randint(0, 2))]
    t["surcharges"] = [("fund", decimal(rng, 1)), ("rebate", "-" + decimal(rng, 1))]
    t["surcharges"] = t["surcharges"][:rng.randint(0, 2)]
    t["tax"] = rng.choice([None, ("inclusive", decimal(rng, 20, 2)),
                           ("exclusive", decimal(rng, 20, 4))])
    t["since"] = datetime.date(2026, 1, 1) + datetime.timedelta(rng.choice([-400, 0, 90]))
    return t


def clock(quarter):
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def tiers_yaml(t, ends, prices, lead):
    out = ""
    for end, price in zip(ends, prices):
        out += lead + "- " + (f"upto: {end} Wh\n{lead}  " if end is not None else "") + price + "\n"
    return out


def yaml(t):
    n, mode = t["bands"], t["mode"]
    out = f"currency: {t['currency']}\nzone: {t['zone']}\neffective_from: {t['since']}\n"
    out += f"rounding: {t['rounding']}\nmode: {mode}\n"
    if isinstance(t["period"], tuple):
        out += "tier_period: {cycle_day: %d, hour: %d}\n" % t["period"]
        if t["nominal"]:
            out += f"prorate: true\nnominal_days: {t['nominal']}\n"
    else:
        out += f"tier_period: {t['period']}\n"
    out += "bands:\n"
    for b in range(n):
        out += f"  - name: b{b}\n"
        if mode == "additive":
            out += f"    price: \"{t['band_price'][b]}\"\n"
        if mode == "per_band":
            out += "    tiers:\n" + tiers_yaml(t, t["ladders"][b],
                                               ["price: " + p for p in t["prices"][b]], "      ")
    if mode == "additive":
        out += "tiers:\n" + tiers_yaml(t, t["ladders"][0],
                                       ["price: " + p for p in t["tier_price"]], "  ")
    if mode == "matrix":
        rows = ["prices: {" + ", ".join(f"b{b}: {t['prices'][b][k]}" for b in range(n)) + "}"
                for k in range(len(t["ladders"][0]))]
        out += "tiers:\n" + tiers_yaml(t, t["ladders"][0], rows, "  ")
    out += "day_types:\n" + "".join(f"  {k}: [{', '.join(v)}]\n" for k, v in t["types"].items())
    out += "holidays: [" + ", ".join(map(str, t["holidays"])) + "]\n"
    out += "makeup_workdays: [" + ", ".join(map(str, t["makeups"])) + "]\nseasons:\n"
    for name, a, b in t["seasons"]:
        out += f"  - name: {name}\n    from: {a:%m-%d}\n    to: {b:%m-%d}\n    schedules:\n"
        for d in t["types"]:
            out += f"      {d}:\n" + "".join(f"        {clock(x)}-{clock(y)}: b{band}\n"
                                             for x, y, band in t["schedules"][name, d])
    if t["fixed"]:
        out += "fixed:\n"
    for i, (rule, amount) in enumerate(t["fixed"]):
        out += f"  - name: f{i}\n" + (f"    per_day: {amount}\n" if rule == "day" else
                                      f"    per_month: {amount}\n    accrual: {rule}\n")
    if t["surcharges"]:
        out += "surcharges:\n"
    for name, price in t["surcharges"]:
        out += f"  - {{name: {name}, per_kwh: \"{price}\"}}\n"
    if t["tax"]:
        out += f"tax:\n  prices: {t['tax'][0]}\n  rate: {t['tax'][1]}%\n"
    return out


def usage(rng, t):
    at = int(datetime.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    at += rng.randint(0, 300 * 96) * QUARTER
    total = rng.random() < 0.5
    rows = []
    for _ in range(rng.randint(1, 8)):
        to = at + rng.choice([1, 7, 96, 96 * 9, 96 * 40]) * QUARTER * rng.randint(1, 2)
        rows.append((at, to, [rng.randint(0, 300000) // rng.choice([1, 10, 1000])
                              for _ in range(1 if total else t["bands"])]))
        at = to + rng.choice([0, 0, 0, QUARTER, 86400 * 20])
    return total, rows


# --- the same sum by hand -----------------------------------------------------------------------

def band_of(t, when):
    day, date = DAYS[when.weekday()], when.date()
    if date in t["makeups"]:
        day = "makeup"
    elif date in t["holidays"]:
        day = "holiday"
    kind = next(k for k, v in t["types"].items() if day in v)
    md = (when.month, when.day)
    for name, a, b in t["seasons"]:
        a, b = (a.month, a.day), (b.month, b.day)
        if a <= md <= b if a <= b else md >= a or md <= b:
            quarter = when.hour * 4 + when.minute // 15
            return next(band for x, y, band in t["schedules"][name, kind] if x <= quarter < y)
    raise AssertionError(when)


def period_of(t, when):
    if t["period"] == "year":
        return (when.year,)
    month = when.year * 12 + when.month - 1
    if t["period"] != "month" and (when.day, when.hour) < t["period"]:
        month -= 1
    return (month,)


def scale(t, period):
    if not t["nominal"]:
        return Fraction(1)
    y, m = divmod(period[0], 12)
    a, b = datetime.date(y, m + 1, 1), datetime.date(y + (m == 11), (m + 1) % 12 + 1, 1)
    return Fraction((b - a).days, t["nominal"])


def half_up(x):
    return (x + Fraction(1, 2)).__floor__()


def share(whole, weights):
    """Largest remainder; of equal ones the first."""
    every = sum(weights.values())
    exact = {k: Fraction(whole * w, every) for k, w in weights.items()}
    parts = {k: x.__floor__() for k, x in exact.items()}
    order = sorted(weights, key=lambda k: exact[k] - parts[k], reverse=True)
    for k in order[:whole - sum(parts.values())]:
        parts[k] += 1
    return parts


def prefix(n, whole):
    """What each band has of the first n Wh, all running side by side."""
    left, out = sum(whole), []
    for wh in whole:
        out.append(half_up(Fraction(n * wh, left)) if left else 0)
        n, left = n - out[-1], left - wh
    return out


class Account:
    def __init__(self, t):
        self.t, self.zone = t, zoneinfo.ZoneInfo(t["zone"])
        self.period, self.used, self.band_used = None, 0, [0] * t["bands"]
        self.exact, self.posted = {}, {}

    def stretches(self, a, b):
        """[period, priced?, seconds by band, money of its midnights], quarter by quarter."""
        out = []
        since = datetime.datetime.combine(self.t["since"], datetime.time())
        for second in range(a, b, QUARTER):
            when = local(self.zone, second)
            key = (period_of(self.t, when), when >= since)
            if not out or out[-1][0] != key:
                out.append([key, [0] * self.t["bands"], Fraction(0)])
            out[-1][1][band_of(self.t, when)] += QUARTER
            if when.date() != local(self.zone, second - 1).date():
                out[-1][2] += self.day_charge(when.date())
        return out

    def day_charge(self, date):
        month = (date.replace(day=28) + datetime.timedelta(4)).replace(day=1)
        days = (month - datetime.timedelta(1)).day
        by = {"calendar": Fraction(1, days), "12/365": Fraction(12, 365), "day": Fraction(1)}
        return sum((Fraction(x) * by[rule] for rule, x in self.t["fixed"]), Fraction(0))

    def spread(self, stretches, total, wh):
        out = [[0] * self.t["bands"] for _ in stretches]
        if total:
            weights = {(i, b): s[1][b] for i, s in enumerate(stretches)
                       for b in range(self.t["bands"])}
            for (i, b), part in share(wh[0], weights).items():
                out[i][b] = part
            return out
        for b, each in enumerate(wh):
            weights = {i: s[1][b] for i, s in enumerate(stretches)}
            if not any(weights.values()):
                weights = {i: sum(s[1]) for i, s in enumerate(stretches)}
            for i, part in share(each, weights).items():
                out[i][b] = part
        return out

    def in_tiers(self, ends, used, wh, factor):
        low, out = 0, []
        for end in ends:
            high = used + wh if end is None else half_up(end * factor)
            out.append(max(0, min(used + wh, high) - max(used, low)))
            low = high
        return out

    def energy(self, wh, factor):
        t, n = self.t, self.t["bands"]
        if t["mode"] == "per_band":
            return sum(part * Fraction(price) for b in range(n) for part, price in zip(
                self.in_tiers(t["ladders"][b], self.band_used[b], wh[b], factor), t["prices"][b]))
        tiers = self.in_tiers(t["ladders"][0], self.used, sum(wh), factor)
        if t["mode"] == "additive":
            return (sum(x * Fraction(p) for x, p in zip(tiers, t["tier_price"])) +
                    sum(x * Fraction(p) for x, p in zip(wh, t["band_price"])))
        money, done, low = Fraction(0), 0, [0] * n
        for k, part in enumerate(tiers):
            done += part
            high = prefix(done, wh)
            money += sum((high[b] - low[b]) * Fraction(t["prices"][b][k]) for b in range(n))
            low = high
        return money

    def round(self, x):
        x *= 10 ** self.t["digits"]
        if self.t["rounding"] == "down":
            return int(x)
        return round(x) if self.t["rounding"] == "half_even" else half_up(x)

    def post(self, name, money):
        rate = Fraction(self.t["tax"][1]) / 100 if self.t["tax"] else Fraction(0)
        self.exact[name] = self.exact.get(name, Fraction(0)) + money
        out = []
        for i, x in enumerate((1 + rate, 1) if not self.t["tax"] or self.t["tax"][0] == "exclusive"
                              else (1, 1 / (1 + rate))):
            minor = self.round(self.exact[name] * x)
            out.append(minor - self.posted.get((name, i), 0))
            self.posted[name, i] = minor
        return out

    def rate(self, a, b, total, wh):
        """(gross, net), or None when there is no price."""
        stretches = self.stretches(a, b)
        energy = fixed = Fraction(0)
        for (key, _, days), part in zip(stretches, self.spread(stretches, total, wh)):
            if self.period != key[0]:
                self.period, self.used, self.band_used = key[0], 0, [0] * self.t["bands"]
            energy += self.energy(part, scale(self.t, key[0])) / 1000
            fixed += days
            self.used += sum(part)
            self.band_used = [x + y for x, y in zip(self.band_used, part)]
        if not all(key[1] for key, _, _ in stretches):
            return None
        posts = [self.post("energy", energy)]
        if self.t["fixed"]:
            posts.append(self.post("fixed", fixed))
        for name, price in self.t["surcharges"]:
            posts.append(self.post(name, sum(wh) * Fraction(price) / 1000))
        return sum(p[0] for p in posts), sum(p[1] for p in posts)


# --- both -----------------------------------------------------------------------------------

def stamp(rng, zone, second):
    zone = rng.choice([zone, UTC])
    return datetime.datetime.fromtimestamp(second, zone).isoformat()


def compare(build, rng, directory):
    """None, or what differs; and how many rows there were."""
    t = tariff(rng)
    total, rows = usage(rng, t)
    path = os.path.join(directory, "tariff.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(yaml(t))
    head = "from,to," + ("wh" if total else ",".join(f"wh_t{b + 1}" for b in range(t["bands"])))
    account = Account(t)
    lines = [",".join([stamp(rng, account.zone, a), stamp(rng, account.zone, b)] +
                      list(map(str, wh))) for a, b, wh in rows]
    done = subprocess.run([build + "/powergatectl", "tariff", "rate", path], text=True,
                          input="\n".join([head] + lines) + "\n", capture_output=True, check=False)
    answers = list(csv.DictReader(io.StringIO(done.stdout)))
    want = [account.rate(a, b, total, wh) for a, b, wh in rows]
    got = [(int(x["charge_minor"]), int(x["net_minor"]) if t["tax"] else int(x["charge_minor"]))
           if x["charge_minor"] else None for x in answers]
    sums = tuple(sum(x[i] for x in want if x) for i in range(2))
    code = 1 if None in want else 0
    if got == want + [sums] and done.returncode == code:
        return None, len(rows)
    return f"{yaml(t)}\n{head}\n" + "\n".join(lines) + \
        f"\n{done.stdout}{done.stderr}exit {done.returncode}, wanted {code}\nwanted {want}", 0


def main():
    build, cases, rng = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
    rows = 0
    with tempfile.TemporaryDirectory() as directory:
        for case in range(cases):
            why, n = compare(build, rng, directory)
            rows += n
            if why:
                print(f"not ok - tariff {case} at random costs the same when worked out by hand")
                print(why, file=sys.stderr)
                return 1
    print(f"ok - {cases} tariffs at random, {rows} intervals: "
          "to the cent what they cost when worked out by hand")
    return 0


if __name__ == "__main__":
    sys.exit(main())
