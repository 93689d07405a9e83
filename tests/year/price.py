"""price -- what use costs by the YAML of a tariff, by the rules of powergate-tariff(5).

The sums are those of fair.py, which goes by random tariffs and quarters of an hour; here the
tariffs come from files, have versions, and readings fall where they will.
"""
import datetime
import zoneinfo
from fractions import Fraction

import fair
import yaml_lite

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
QUARTER_US = 900_000_000
DAY_US = 96 * QUARTER_US
DIGITS = {"CNY": 2, "EUR": 2, "JPY": 0, "KWD": 3}
UNIT_WH = 10  # of a register


def us(when):
    return (when - EPOCH) // datetime.timedelta(microseconds=1)


def _wh(text):
    number, unit = text.split()
    return int(Fraction(number) * {"Wh": 1, "kWh": 1000, "MWh": 1000000}[unit])


def _ends(tiers):
    return [_wh(x["upto"]) if "upto" in x else None for x in tiers]


def days(entries):
    """Days, and runs of days, one by one."""
    out = []
    for entry in entries:
        first, _, last = entry.partition(" to ")
        day, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last or first)
        while day <= end:
            out.append(day)
            day += datetime.timedelta(1)
    return out


def _hours(schedule, names):
    """[(from, to, band)] in quarters of an hour of one day."""
    out = []
    for span, band in schedule.items():
        a, b = ((int(x[:2]) * 60 + int(x[3:])) // 15 for x in span.split("-"))
        n = names.index(band)
        out += [(a, b, n)] if a < b else [(a, 96, n), (0, b, n)]
    return out


def version(text):
    """A tariff file in the shape that fair.py reckons with."""
    y = yaml_lite.load(text)
    bands = y.get("bands") or ["all"]
    names = [b if isinstance(b, str) else b["name"] for b in bands]
    tiers = y.get("tiers") or [{"price": "0"}]
    t = {"zone": y["zone"], "digits": DIGITS[y["currency"]], "rounding": y.get("rounding", "half_up"),
         "bands": len(names), "mode": y.get("mode", "additive"), "ladders": [_ends(tiers)] * len(names),
         "period": y.get("tier_period", "month"), "nominal": None,
         "tier_price": [x.get("price", "0") for x in tiers],
         "band_price": [b.get("price", "0") if isinstance(b, dict) else "0" for b in bands]}
    if t["mode"] == "matrix":
        t["prices"] = [[x["prices"][name] for x in tiers] for name in names]
    if t["mode"] == "per_band":
        t["ladders"] = [_ends(b["tiers"]) for b in bands]
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
    t["schedules"] = {(s["name"], kind): _hours(s.get("schedules", {}).get(kind) or top[kind], names)
                      for s in seasons for kind in t["types"]}
    t["fixed"] = [("day", f["per_day"]) if "per_day" in f else (f["accrual"], f["per_month"])
                  for f in y.get("fixed", [])]
    t["surcharges"] = [(s["name"], s["per_kwh"]) for s in y.get("surcharges", [])]
    t["tax"] = (y["tax"]["prices"], y["tax"]["rate"].rstrip("%")) if "tax" in y else None
    since = datetime.datetime.fromisoformat(y["effective_from"]).replace(tzinfo=zoneinfo.ZoneInfo(t["zone"]))
    t["since_us"] = us(since)
    return t


class Times:
    """All quarters of an hour of a story by one tariff: version, tier period, band."""

    def __init__(self, texts, from_us, to_us):
        self.versions = sorted(map(version, texts), key=lambda t: t["since_us"])
        self.zone = zoneinfo.ZoneInfo(self.versions[0]["zone"])
        self.first = from_us // QUARTER_US
        self.quarters = []
        for q in range(self.first, to_us // QUARTER_US + 2):
            which = self.in_force(q * QUARTER_US)
            t = self.versions[which]
            when = fair.local(self.zone, q * QUARTER_US // 1000000)
            self.quarters.append(((which, fair.period_of(t, when)), fair.band_of(t, when)))

    def in_force(self, at_us):
        return max(i for i, t in enumerate(self.versions) if t["since_us"] <= at_us)

    def stretches(self, a_us, b_us):
        """[[(version, period), microseconds by band]] of an interval."""
        out = []
        for q in range(a_us // QUARTER_US, (b_us - 1) // QUARTER_US + 1):
            key, band = self.quarters[q - self.first]
            if not out or out[-1][0] != key:
                out.append([key, [0] * self.versions[key[0]]["bands"]])
            out[-1][1][band] += min(b_us, (q + 1) * QUARTER_US) - max(a_us, q * QUARTER_US)
        return out

    def midnights(self, from_us, to_us):
        """[(instant, day)] from the first midnight on."""
        out, day = [], datetime.datetime.fromtimestamp(from_us / 1000000, self.zone).date()
        while not out or out[-1][0] < to_us:
            at_us = us(datetime.datetime.combine(day, datetime.time(), self.zone).astimezone(UTC))
            if at_us >= from_us:
                out.append((at_us, day))
            day += datetime.timedelta(1)
        return [x for x in out if x[0] < to_us]


class Contract(fair.Account):
    """One tenant's account: the sum of all it used, wherever it lives."""

    def __init__(self, times):
        super().__init__(times.versions[0])
        self.times, self.due = times, 0

    def enter(self, tenancy):
        """From here on a tenancy of its own, with tiers of its own; its first and last period may be cut short."""
        self.since_us, self.until_us = tenancy["from"], tenancy["to"]
        self.period = None

    def _scale(self, period):
        """How much longer than a normal one the period is, or the part of it that the tenant has."""
        if not self.t["nominal"]:
            return Fraction(1)
        (day, hour), ends = self.t["period"], []
        for month in (period[0], period[0] + 1):
            ends.append(datetime.datetime(month // 12, month % 12 + 1, day, hour))
        if self.since_us is not None:
            ends[0] = max(ends[0], fair.local(self.zone, self.since_us // 1000000))
        if self.until_us is not None:
            ends[1] = min(ends[1], fair.local(self.zone, self.until_us // 1000000))
        return Fraction((ends[1] - ends[0]) // datetime.timedelta(seconds=1), 86400 * self.t["nominal"])

    def _book(self, name, money):
        self.due += self.post(name, money)[0]
        return money

    def _parts(self, stretches, used, bands, unit_wh):
        """[[Wh by band] by stretch]: total over all time, a band's register over its own."""
        out = [[0] * len(s[1]) for s in stretches]
        if bands is None or any(len(s[1]) < 2 for s in stretches):
            weights = {(i, b): x for i, s in enumerate(stretches) for b, x in enumerate(s[1])}
            for (i, b), part in fair.share(used, weights).items():
                out[i][b] = part
            return out
        bands = list(bands)
        if abs(used - sum(bands)) > unit_wh * len(bands):
            raise ValueError(f"the bands {bands} are not the total {used}")
        bands[bands.index(max(bands))] += used - sum(bands)
        for b, each in enumerate(bands):
            weights = {i: s[1][b] for i, s in enumerate(stretches)}
            if not any(weights.values()):
                weights = {i: sum(s[1]) for i, s in enumerate(stretches)}
            for i, part in fair.share(each, weights).items():
                out[i][b] = part
        return out

    def charge(self, a_us, b_us, used, bands, unit_wh=UNIT_WH):
        """{component: exact money}; bands: what each of the registers T1 to T4 counted, or None; unit_wh: of a register."""
        stretches, out = self.times.stretches(a_us, b_us), {"energy": Fraction(0)}
        for ((which, period), _), part in zip(stretches, self._parts(stretches, used, bands, unit_wh)):
            self.t = self.times.versions[which]
            if self.period != period:
                self.period, self.used, self.band_used = period, 0, [0] * len(part)
            out["energy"] += self.energy(part, self._scale(period)) / 1000
            for name, per_kwh in self.t["surcharges"]:
                out[name] = out.get(name, Fraction(0)) + sum(part) * Fraction(per_kwh) / 1000
            self.used += sum(part)
            self.band_used = [x + y for x, y in zip(self.band_used, part)]
        for name, money in out.items():
            self._book(name, money)
        return out

    def day(self, at_us, day):
        """The fixed charge of the day that begins then."""
        self.t = self.times.versions[self.times.in_force(at_us)]
        return self._book("fixed", self.day_charge(day))
