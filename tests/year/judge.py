"""judge -- what each account must have been charged, worked out a second time.

It knows the facts of the contracts (facts.json), the log of the true load, and the YAML of the
tariffs.  Of the daemon's it takes one thing: when it read which register, for a reading is a fact
of its own.  Each of these is held against the true load first; what lies between them is then
reckoned with fractions by the rules of powergate-tariff(5), and compared with the ledger.
"""
import datetime
import json
import re
import zoneinfo
from fractions import Fraction

import fair
import truth
import yaml_lite

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
QUARTER_US = 900_000_000
DAY_US = 96 * QUARTER_US
DIGITS = {"CNY": 2, "EUR": 2, "JPY": 0, "KWD": 3}


# --- tariffs --------------------------------------------------------------------------------------

def wh(text):
    number, unit = text.split()
    return int(Fraction(number) * {"Wh": 1, "kWh": 1000, "MWh": 1000000}[unit])


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def days(entries):
    out = []
    for entry in entries:
        first, _, last = entry.partition(" to ")
        day, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last or first)
        while day <= end:
            out.append(day)
            day += datetime.timedelta(1)
    return out


def hours(schedule, names):
    """[(from, to, band)] in quarters of an hour of one day."""
    out = []
    for span, band in schedule.items():
        a, b = (minutes(x) // 15 for x in span.split("-"))
        b_name = names.index(band)
        out += [(a, b, b_name)] if a < b else [(a, 96, b_name), (0, b, b_name)]
    return out


def version(text):
    """A tariff file in the shape that fair.py reckons with."""
    y = yaml_lite.load(text)
    bands = y.get("bands") or ["all"]
    names = [b if isinstance(b, str) else b["name"] for b in bands]
    tiers = y.get("tiers") or [{"price": "0"}]
    ends = [wh(x["upto"]) if "upto" in x else None for x in tiers]
    t = {"zone": y["zone"], "digits": DIGITS[y["currency"]], "rounding": y.get("rounding", "half_up"),
         "bands": len(names), "mode": y.get("mode", "additive"), "ladders": [ends] * len(names),
         "period": y.get("tier_period", "month"), "nominal": None, "since": y["effective_from"],
         "tier_price": [x.get("price", "0") for x in tiers],
         "band_price": [b.get("price", "0") if isinstance(b, dict) else "0" for b in bands]}
    if t["mode"] == "matrix":
        t["prices"] = [[x["prices"][name] for x in tiers] for name in names]
    if t["mode"] == "per_band":
        t["ladders"] = [[wh(x["upto"]) if "upto" in x else None for x in b["tiers"]] for b in bands]
        t["prices"] = [[x["price"] for x in b["tiers"]] for b in bands]
    if isinstance(t["period"], dict):
        t["period"] = (int(t["period"]["cycle_day"]), int(t["period"].get("hour", 0)))
        t["nominal"] = int(y.get("nominal_days", 30)) if y.get("prorate") == "true" else None
    t["types"] = y.get("day_types") or {"every_day": fair.DAYS + ["holiday", "makeup"]}
    t["holidays"], t["makeups"] = days(y.get("holidays", [])), days(y.get("makeup_workdays", []))
    top = y.get("schedules") or {kind: {"00:00-24:00": names[0]} for kind in t["types"]}
    seasons = y.get("seasons") or [{"name": "all", "from": "01-01", "to": "12-31"}]
    t["seasons"] = [(s["name"], *(datetime.date.fromisoformat("2024-" + s[k]) for k in ("from", "to")))
                    for s in seasons]
    t["schedules"] = {(s["name"], kind): hours(s.get("schedules", {}).get(kind) or top[kind], names)
                      for s in seasons for kind in t["types"]}
    t["fixed"] = [("day", f["per_day"]) if "per_day" in f else (f["accrual"], f["per_month"])
                  for f in y.get("fixed", [])]
    t["surcharges"] = [(s["name"], s["per_kwh"]) for s in y.get("surcharges", [])]
    t["tax"] = (y["tax"]["prices"], y["tax"]["rate"].rstrip("%")) if "tax" in y else None
    since = datetime.datetime.fromisoformat(t["since"]).replace(tzinfo=zoneinfo.ZoneInfo(t["zone"]))
    t["since_us"] = int((since - EPOCH) / datetime.timedelta(microseconds=1))
    return t


class Times:
    """All quarters of an hour of a story by one tariff: version, tier period, band, midnight."""

    def __init__(self, versions, from_us, to_us):
        self.versions = sorted(versions, key=lambda t: t["since_us"])
        self.first = from_us // QUARTER_US
        self.quarters = []
        before = None
        for q in range(self.first - 1, to_us // QUARTER_US + 2):
            at_us = q * QUARTER_US
            which = max((i for i, t in enumerate(self.versions) if t["since_us"] <= at_us), default=None)
            t = self.versions[which or 0]
            when = fair.local(zoneinfo.ZoneInfo(t["zone"]), at_us // 1000000)
            starts = when.date() if before is not None and when.date() != before else None
            before = when.date()
            self.quarters.append((which, fair.period_of(t, when), fair.band_of(t, when), starts))
        self.quarters.pop(0)

    def stretches(self, a_us, b_us):
        """[(version, period), microseconds by band, days that begin in it]"""
        out = []
        for q in range(a_us // QUARTER_US, (b_us - 1) // QUARTER_US + 1):
            which, period, band, day = self.quarters[q - self.first]
            if not out or out[-1][0] != (which, period):
                out.append([(which, period), [0] * self.versions[which or 0]["bands"], []])
            out[-1][1][band] += min(b_us, (q + 1) * QUARTER_US) - max(a_us, q * QUARTER_US)
            if day is not None and q * QUARTER_US >= a_us:
                out[-1][2].append(day)
        return out


class Contract(fair.Account):
    """One tenant's account at one service point: the sum of all it used."""

    def __init__(self, times):
        super().__init__(times.versions[0])
        self.times = times

    def charge(self, a_us, b_us, used, whole):
        """Minor units for `used` Wh; whole: not cut at boundaries, counted where it ends."""
        stretches = self.times.stretches(a_us, b_us)
        if whole:
            stretches = stretches[-1:]
        weights = {(i, b): x for i, s in enumerate(stretches) for b, x in enumerate(s[1])}
        parts = fair.share(used, weights)
        energy, extra, fixed = Fraction(0), {}, Fraction(0)
        for i, ((which, period), by_band, midnights) in enumerate(stretches):
            part = [parts[i, b] for b in range(len(by_band))]
            if self.period != period:
                self.period, self.used, self.band_used = period, 0, [0] * len(by_band)
            if which is None:
                raise ValueError(f"no price at {a_us}")
            self.t = self.times.versions[which]
            energy += self.energy(part, fair.scale(self.t, period)) / 1000
            fixed += sum((self.day_charge(day) for day in midnights), Fraction(0))
            for name, price in self.t["surcharges"]:
                extra[name] = extra.get(name, Fraction(0)) + sum(part) * Fraction(price) / 1000
            self.used += sum(part)
            self.band_used = [x + y for x, y in zip(self.band_used, part)]
        posts = [self.post("energy", energy)] + [self.post(name, x) for name, x in extra.items()]
        if self.t["fixed"]:
            posts.append(self.post("fixed", fixed))
        return sum(p[0] for p in posts)


# --- the books ------------------------------------------------------------------------------------

def charges(rows, read):
    """account -> [(meter, from, to, register, Wh, minor)] in order, as the ledger has them.  What
    came to less than half a minor unit has no journal: the next one begins later."""
    out, times = {}, {}
    for (address, at_us), value in sorted(read.items()):
        times.setdefault(address, []).append((at_us, value))
    last = {(a, m): (int(t), int(v)) for a, m, t, v in rows(
        "SELECT DISTINCT ON (m.id) a.number, m.address, r.at_us, r.value FROM powergate.reading r "
        "JOIN powergate.meter m ON m.id = r.meter_id JOIN powergate.account a ON a.id = m.account_id "
        "WHERE r.reg = 'total_wh' ORDER BY m.id, r.at_us")}
    for number, address, to_us, memo, minor in rows(
            "SELECT a.number, m.address, split_part(j.key, ':', 4), j.memo, p.amount_minor FROM powergate.journal j "
            "JOIN powergate.posting p ON p.journal_id = j.id AND p.ledger = 'prepaid' "
            "JOIN powergate.account a ON a.id = p.account_id "
            "JOIN powergate.meter m ON m.id = split_part(j.key, ':', 3)::bigint WHERE j.kind = 'charge' ORDER BY j.id"):
        used, register = map(int, re.fullmatch(r"(\d+) Wh to register (\d+)", memo).groups())
        from_us, before = last[number, address]
        last[number, address] = int(to_us), register
        begins = (register - used) % truth.WRAP_WH
        if begins != before:
            middle = next(t for t, value in times[address] if t > from_us and value == begins)
            out.setdefault(number, []).append((address, from_us, middle, begins, (begins - before) % truth.WRAP_WH, 0))
            from_us = middle
        out.setdefault(number, []).append((address, from_us, int(to_us), register, used, int(minor)))
    return out


class Verdict:
    """Sentences and what speaks against them."""

    def __init__(self):
        self.against, self.sums = {}, {}

    def see(self, what, good, detail):
        self.sums[what] = self.sums.get(what, 0) + 1
        if not good:
            self.against.setdefault(what, []).append(detail)


def judge_reads(facts, rows, true, v):
    """Every register that was read is the true one at its time, and so is every frozen one.  An
    answer that was under way for a while was true when it left.  Returns what was read when."""
    read = {}
    for address, at_us, value in rows(
            "SELECT m.address, r.at_us, r.value FROM powergate.reading r JOIN powergate.meter m ON m.id = r.meter_id "
            "WHERE r.reg = 'total_wh' ORDER BY 2, 1"):
        at_us, value = int(at_us), int(value)
        first, last = (true.meters[address].register(t) for t in (at_us - facts["late_us"].get(address, 0), at_us))
        v.see("read", (value - first) % truth.WRAP_WH <= (last - first) % truth.WRAP_WH,
              f"{address} at {at_us}: read {value}, truly {first} to {last}")
        read[address, at_us] = value
    for address, day, at_us, value in rows(
            "SELECT m.address, f.day, f.at_us, f.total_wh FROM powergate.freeze_record f "
            "JOIN powergate.meter m ON m.id = f.meter_id WHERE f.quality = 'meter' ORDER BY 2, 1"):
        want = true.meters[address].register(int(at_us))
        v.see("frozen", want == int(value), f"{address} day {day}: frozen {value}, truly {want}")
    there = {(address, int(day)): int(waited) for address, day, waited in rows(
        "SELECT m.address, f.day, f.read_us - f.at_us FROM powergate.freeze_record f "
        "JOIN powergate.meter m ON m.id = f.meter_id")}
    late_us = facts["end_us"] - DAY_US
    for address, meter in true.meters.items():
        for day, (at_us, _) in meter.frozen.items():
            if at_us < late_us:
                v.see("freeze", there.get((address, day), DAY_US) < DAY_US * 7 // 12,
                      f"{address}: its record of {day} was read {there.get((address, day))} us later, or never")
    return read


def judge_charges(facts, found, read, v):
    times, newest_of = {}, dict(sorted(read))  # the later overwrites the earlier
    for number, account in facts["accounts"].items():
        tariff = account["tariff"]
        if tariff not in times:
            versions = []
            for path in facts["tariffs"][tariff]:
                with open(path, encoding="ascii") as f:
                    versions.append(version(f.read()))
            times[tariff] = Times(versions, facts["start_us"], facts["end_us"])
        contract, due, posted, last = Contract(times[tariff]), 0, 0, {}
        for address, from_us, to_us, register, used, minor in found.get(number, []):
            truly = (read[address, to_us] - read[address, from_us]) % truth.WRAP_WH
            v.see("used", used == truly and register == read[address, to_us],
                  f"{number} {from_us} to {to_us}: billed {used} Wh to {register}, read {truly}")
            due += contract.charge(from_us, to_us, truly, facts.get("whole", False))
            posted += minor
            last[address] = to_us
            v.see("charge", due == posted,
                  f"{number} to {to_us}: posted {posted} in all, due {due} (this one {minor} for {used} Wh)")
        for address, to_us in last.items():  # what was read since then must cost nothing
            newest = newest_of[address]
            rest = (read[address, newest] - read[address, to_us]) % truth.WRAP_WH
            if newest > to_us:
                due += contract.charge(to_us, newest, rest, facts.get("whole", False))
        v.see("account", due == posted, f"{number}: posted {posted}, due {due}")


def judge_books(rows, v):
    """What was paid less what was charged is what each account has."""
    for number, kept, paid, charged in rows(
            "SELECT a.number, s.prepaid_minor, COALESCE((SELECT sum(amount_minor) FROM powergate.payment q "
            "WHERE q.account_id = a.id), 0), COALESCE((SELECT sum(p.amount_minor) FROM powergate.posting p "
            "JOIN powergate.journal j ON j.id = p.journal_id WHERE p.account_id = a.id AND j.kind = 'charge'), 0) "
            "FROM powergate.account a JOIN powergate.account_state s ON s.account_id = a.id ORDER BY 1"):
        v.see("balance", int(kept) == int(paid) - int(charged), f"{number}: has {kept}, paid {paid}, charged {charged}")
    problems = rows("SELECT problem FROM door.ledger_check()")
    v.see("check", not problems, str(problems[:3]))


def judge(directory, rows):
    with open(directory + "/facts.json", encoding="ascii") as f:
        facts = json.load(f)
    true, v = truth.Truth(directory + "/truth.log"), Verdict()
    v.see("truth", not true.wrong, "\n".join(true.wrong[:3]))
    read = judge_reads(facts, rows, true, v)
    judge_charges(facts, charges(rows, read), read, v)
    judge_books(rows, v)
    return v
