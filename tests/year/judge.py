"""judge -- what each account must have been charged, worked out a second time.

It knows the facts of the contracts (facts.json), the log of the true load, and the YAML of the
tariffs.  Of the daemon's it takes one thing: when it read which registers, for a reading is a
fact of its own.  Each of these is held against the true load first; what lies between them is
then reckoned with fractions by the rules of powergate-tariff(5), and compared with the ledger.
"""
import datetime
import json

import price
import truth

HOUR_US = 3_600_000_000


class Verdict:
    """Sentences: how often each was looked at, and what speaks against it."""

    def __init__(self):
        self.against, self.sums = {}, {}

    def see(self, what, good, detail):
        self.sums[what] = self.sums.get(what, 0) + 1
        if not good:
            self.against.setdefault(what, []).append(detail)


class Case:
    """facts, what is true, what the database says."""

    def __init__(self, directory, rows):
        with open(directory + "/facts.json", encoding="ascii") as f:
            self.facts = json.load(f)
        self.rows, self.v = rows, Verdict()
        self.start, self.end = self.facts["start_us"], self.facts["end_us"]
        self.zones = {m["meter"]: self.facts["sites"][a["site"]] for a in self.facts["accounts"].values()
                      for m in a["meters"]}
        self.true = truth.Truth(directory + "/truth.log", self.zones, self.start, self.end + 1_000_000)
        self.read = {}  # (meter, when) -> what the daemon read: [total, T1 .. T4]
        self.v.see("truth", not self.true.wrong, "\n".join(self.true.wrong[:3]))


# --- readings -------------------------------------------------------------------------------------

def is_true(case, address, at_us, which, value):
    """An answer that was under way for a while was true when it left."""
    late_us = case.facts["late_us"].get(address, 0)
    first, last = (case.true.meters[address].register(t, which) for t in (at_us - late_us, at_us))
    return (value - first) % truth.WRAP_WH <= (last - first) % truth.WRAP_WH


def judge_reads(case):
    """Every register that was read is the true one at its time, and so is every frozen one."""
    regs = ["total_wh", "t1_wh", "t2_wh", "t3_wh", "t4_wh"]
    for address, at_us, reg, value in case.rows(
            "SELECT m.address, r.at_us, r.reg, r.value FROM powergate.reading r JOIN powergate.meter m "
            "ON m.id = r.meter_id WHERE r.reg LIKE 't%\\_wh' ORDER BY 2, 1"):
        at_us, value, which = int(at_us), int(value), regs.index(reg)
        case.v.see("read", is_true(case, address, at_us, which, value), f"{address} at {at_us}: {reg} read as {value}")
        case.read.setdefault((address, at_us), [None] * 5)[which] = value
    there = {}
    for address, day, at_us, waited, *values in case.rows(
            "SELECT m.address, f.day, f.at_us, f.read_us - f.at_us, f.total_wh, f.t1_wh, f.t2_wh, f.t3_wh, f.t4_wh "
            "FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = f.meter_id WHERE f.quality = 'meter'"):
        at_us, values = int(at_us), list(map(int, values))
        want = [case.true.meters[address].register(at_us, i) for i in range(5)]
        case.v.see("frozen", want == values, f"{address} day {day}: frozen {values}, truly {want}")
        case.read[address, at_us] = values
        there[address, int(day)] = int(waited)
    for address, meter in case.true.meters.items():
        for day, (at_us, _) in meter.frozen.items():
            if at_us < case.end - price.DAY_US:
                case.v.see("freeze", there.get((address, day), price.DAY_US) < 14 * HOUR_US,
                           f"{address}: its record of {day} was read {there.get((address, day))} us later, or never")


# --- charges --------------------------------------------------------------------------------------

def numbers(text):
    return [None if x == "NULL" else int(x) for x in text.strip("{}").split(",") if x] if text else None


def charges(case):
    """account -> its charges that stand, in the order of what they are for."""
    out = {}
    for number, address, kind, from_us, to_us, from_wh, to_wh, names, exact, state in case.rows(
            "SELECT a.number, m.address, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, array_to_string(c.names, ','), "
            "c.exact, c.state FROM powergate.charge c JOIN powergate.tenancy y ON y.id = c.tenancy_id "
            "JOIN powergate.account a ON a.id = y.account_id LEFT JOIN powergate.installation i ON i.id = c.installation_id "
            "LEFT JOIN powergate.meter m ON m.id = i.meter_id WHERE c.state <> 'replaced' ORDER BY c.from_us, c.id"):
        each, exact = len(numbers(exact)) // max(1, len(names.split(","))), numbers(exact)
        out.setdefault(number, []).append({
            "meter": address, "kind": kind, "from": int(from_us), "to": int(to_us), "from_wh": numbers(from_wh),
            "to_wh": numbers(to_wh), "state": state,  # of each component first nano, then parts of a nano
            "exact": {name: tuple(exact[i * each:i * each + 2]) for i, name in enumerate(names.split(","))}})
    return out


def judge_interval(case, contract, number, c, last):
    """One charge: between two readings, from where the last one ended, at its price."""
    words = f"{number} {c['meter']} {c['from']} to {c['to']}"
    ends = [case.read.get((c["meter"], c[k])) for k in ("from", "to")]
    case.v.see("between", ends == [c["from_wh"], c["to_wh"]] and c["state"] == "posted",
               f"{words}: from {c['from_wh']} to {c['to_wh']}, read {ends}, {c['state']}")
    if None in ends:
        return
    case.v.see("chain", c["from"] >= last[0] and c["from_wh"] == last[1],
               f"{words}: begins with {c['from_wh']}, the one before it ended at {last}")
    used, *bands = [None if None in pair else (pair[1] - pair[0]) % truth.WRAP_WH for pair in zip(*ends)]
    stretches = contract.times.stretches(c["from"], c["to"])
    if len(stretches) > 1 and used > 0:
        within = [t for a, t in case.reads_of[c["meter"]] if c["from"] < t < c["to"]]
        case.v.see("cut", not within, f"{words}: a boundary lies within, and so do readings at {within}")
    exact = contract.charge(c["from"], c["to"], used, None if None in bands else bands)
    case.v.see("charge", all(c["exact"].get(name, (0, 0)) == (money * 10 ** 9, 0) for name, money in exact.items()),
               f"{words}: {used} Wh ({bands}) cost {({k: float(x) for k, x in exact.items()})}, by the books {c['exact']}")


def judge_fixed(case, contract, number, found, first_us):
    """A charge for each day from the first midnight on, whatever was read."""
    charged = {c["from"] for c in found if c["kind"] == "fixed"}
    for at_us, day in contract.times.midnights(first_us, case.end + 2_000_000):
        if contract.day(at_us, day) != 0:
            case.v.see("fixed", at_us in charged, f"{number}: no fixed charge for {day}")
            charged.discard(at_us)
    case.v.see("no more", not charged, f"{number}: fixed charges at {sorted(charged)[:5]} for no day")


def judge_account(case, number, account, times, found, posted):
    contract = price.Contract(times)
    energy = [c for c in found if c["kind"] == "energy"]
    for address in [m["meter"] for m in account["meters"]]:
        reads = case.reads_of.get(address, [])
        if not reads:
            continue
        last = (reads[0][1], case.read[reads[0]])
        for c in energy:
            judge_interval(case, contract, number, c, last)
            last = (c["to"], c["to_wh"])
        case.v.see("upto", last[1][0] == case.read[reads[-1]][0],
                   f"{number}: charged up to {last}, read {case.read[reads[-1]]} at {reads[-1]}")
        judge_fixed(case, contract, number, found, reads[0][1])
    case.v.see("account", contract.due == posted, f"{number}: posted {posted}, due {contract.due}")


def judge_charges(case):
    found, times, case.reads_of = charges(case), {}, {}
    for address, at_us in sorted(case.read):
        case.reads_of.setdefault(address, []).append((address, at_us))
    posted = {number: int(minor) for number, minor in case.rows(
        "SELECT a.number, sum(p.amount_minor) FROM powergate.posting p JOIN powergate.journal j ON j.id = p.journal_id "
        "JOIN powergate.account a ON a.id = p.account_id WHERE j.kind IN ('charge', 'fixed', 'trueup', 'rebill') "
        "AND p.ledger IN ('prepaid', 'loaded') GROUP BY 1")}
    for number, account in case.facts["accounts"].items():
        tariff = account["tariff"]
        if tariff not in times:
            texts = []
            for path in case.facts["tariffs"][tariff]:
                with open(path, encoding="ascii") as f:
                    texts.append(f.read())
            times[tariff] = price.Times(texts, case.start, case.end + 2_000_000)
        judge_account(case, number, account, times[tariff], found.get(number, []), posted.get(number, 0))


# --- supply and books -----------------------------------------------------------------------------

def judge_trips(case):
    """Nobody is cut off by night, on a rest day, on a holiday or the day before one."""
    for account in case.facts["accounts"].values():
        calendar = case.facts["calendars"].get(account["site"], {})
        for meter in account["meters"]:
            for at_us, by in case.true.meters[meter["meter"]].opened:
                when = datetime.datetime.fromtimestamp(at_us / 1000000, truth.zoneinfo.ZoneInfo(case.zones[meter["meter"]]))
                day, next_day = (str(when.date() + datetime.timedelta(n)) for n in (0, 1))
                works = when.weekday() < 5 or calendar.get(day) == "makeup"
                good = works and "holiday" not in (calendar.get(day), calendar.get(next_day)) and 8 <= when.hour < 18
                case.v.see("trip", good or not by.startswith("1C"), f"{meter['meter']} cut off at {when}")


def judge_books(case):
    """What was paid less what was charged is what each account has."""
    for number, kept, paid, charged in case.rows(
            "SELECT a.number, s.prepaid_minor, COALESCE((SELECT sum(amount_minor) FROM powergate.payment q "
            "WHERE q.account_id = a.id), 0), COALESCE((SELECT sum(p.amount_minor) FROM powergate.posting p "
            "JOIN powergate.journal j ON j.id = p.journal_id WHERE p.account_id = a.id AND p.ledger = 'prepaid' "
            "AND j.kind <> 'payment'), 0) "
            "FROM powergate.account a JOIN powergate.account_state s ON s.account_id = a.id ORDER BY 1"):
        case.v.see("balance", int(kept) == int(paid) - int(charged),
                   f"{number}: has {kept}, paid {paid}, charged {charged}")
    problems = case.rows("SELECT problem FROM door.ledger_check()")
    case.v.see("check", not problems, str(problems[:3]))


def judge(directory, rows):
    case = Case(directory, rows)
    judge_reads(case)
    judge_charges(case)
    judge_trips(case)
    judge_books(case)
    return case.v
