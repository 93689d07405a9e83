"""judge -- what each account must have been charged, worked out a second time.

It knows the facts of the contracts (facts.json), the log of the true load, and the YAML of the
tariffs.  Of the daemon's it takes one thing: when it read which registers, for a reading is a
fact of its own.  Each of these is held against the true load first; what lies between them is
then reckoned with fractions by the rules of powergate-tariff(5), and compared with the ledger.

What an account has is in stays: a meter from then to then, behind transformers or not.  Where one
begins or ends in the middle of the story somebody read the display, and what that showed comes
from the true load too.  Stays of one tenancy share their place in the tiers.
"""
import bisect
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
        self.stays = [dict(stay, account=number) for number, a in self.facts["accounts"].items() for stay in a["meters"]]
        self.zones = {stay["meter"]: self.facts["sites"][self.facts["accounts"][stay["account"]]["site"]] for stay in self.stays}
        self.true = truth.Truth(directory + "/truth.log", self.zones, self.start, self.end + 1_000_000)
        self.read = {}  # (meter, when) -> what the daemon read: [total, T1 .. T4]
        self.times, self.due = {}, {}  # of each tariff; of each account what it must have been charged
        self.v.see("truth", not self.true.wrong, "\n".join(self.true.wrong[:3]))

    def display(self, address, at_us):
        return [self.true.meters[address].register(at_us, i) for i in range(5)]

    def end_of(self, stay):
        return self.end if stay["to"] is None else stay["to"]

    def times_of(self, tariff):
        """The tariff, from the files a person wrote."""
        if tariff not in self.times:
            texts = []
            for path in self.facts["tariffs"][tariff]:
                with open(path, encoding="ascii") as f:
                    texts.append(f.read())
            self.times[tariff] = price.Times(texts, self.start, self.end + 2_000_000)
        return self.times[tariff]


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
    there, frozen = {}, set()
    for address, day, at_us, waited, *values in case.rows(
            "SELECT m.address, f.day, f.at_us, f.read_us - f.at_us, f.total_wh, f.t1_wh, f.t2_wh, f.t3_wh, f.t4_wh "
            "FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = f.meter_id WHERE f.quality = 'meter'"):
        at_us, values = int(at_us), list(map(int, values))
        want = case.display(address, at_us)
        case.v.see("frozen", want == values, f"{address} day {day}: frozen {values}, truly {want}")
        case.read[address, at_us] = values
        frozen.add((address, at_us))
        there[address, int(day)] = int(waited)
    for stay in case.stays:
        address = stay["meter"]
        for day, (at_us, _) in case.true.meters[address].frozen.items():
            if not (stay["from"] or 0) <= at_us < case.end_of(stay) - price.DAY_US:
                continue
            if not any(w["meter"] == address and w["from"] - price.DAY_US < at_us < w["to"] for w in case.facts["away"]):
                case.v.see("freeze", there.get((address, day), price.DAY_US) < 14 * HOUR_US,
                           f"{address}: its record of {day} was read {there.get((address, day))} us later, or never")
        for at_us in (stay["from"], stay["to"]):
            if at_us is not None:
                case.read[address, at_us] = case.display(address, at_us)
    for w in case.facts["away"]:
        within = [t for a, t in case.read if a == w["meter"] and w["from"] < t < w["to"] and (a, t) not in frozen]
        case.v.see("away", not within, f"{w['meter']} was heard at {within}, and was silent")


# --- charges --------------------------------------------------------------------------------------

def numbers(text):
    return [None if x == "NULL" else int(x) for x in text.strip("{}").split(",") if x] if text else None


def charges(case):
    """account -> its charges that stand, in the order of what they are for."""
    out = {}
    for number, tenancy, address, kind, from_us, to_us, from_wh, to_wh, times, names, exact, state in case.rows(
            "SELECT a.number, c.tenancy_id, m.address, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, c.multiplier, "
            "array_to_string(c.names, ','), c.exact, c.state FROM powergate.charge c "
            "JOIN powergate.tenancy y ON y.id = c.tenancy_id JOIN powergate.account a ON a.id = y.account_id "
            "LEFT JOIN powergate.installation i ON i.id = c.installation_id LEFT JOIN powergate.meter m ON m.id = i.meter_id WHERE c.state <> 'replaced' ORDER BY c.from_us, c.id"):
        each, exact = len(numbers(exact)) // max(1, len(names.split(","))), numbers(exact)
        out.setdefault(number, []).append({
            "tenancy": tenancy, "meter": address, "kind": kind, "from": int(from_us), "to": int(to_us),
            "from_wh": numbers(from_wh), "to_wh": numbers(to_wh), "times": int(times), "state": state,
            # of each component first nano, then parts of a nano
            "exact": {name: tuple(exact[i * each:i * each + 2]) for i, name in enumerate(names.split(","))}})
    return out


def chapters_of(case, contract, c, stay, stretches):
    """Of which chapters of the story a charge is one."""
    t, silences = contract.times.versions[stretches[0][0][0]], [w for w in case.facts["away"] if w["meter"] == c["meter"]]
    first, last = (price.fair.local(contract.zone, c[k] // 1000000) for k in ("from", "to"))
    return {"dearer": len({version for (version, _), _ in stretches}) > 1,
            "period": len({period for (_, period), _ in stretches}) > 1,
            "night": (last - first) // datetime.timedelta(seconds=1) != c["to"] // 1000000 - c["from"] // 1000000,
            "turned": c["to_wh"][0] < c["from_wh"][0],
            "holiday": t["bands"] > 1 and first.date() in t["holidays"] + t["makeups"],
            "transformers": stay["multiplier"] > 1,
            "over silence": any(c["from"] < w["to"] and w["from"] < c["to"] for w in silences)}


def judge_interval(case, contract, c, stay, last):
    """One charge: between two readings, from where the last one ended, at its price."""
    words = f"{stay['account']} {c['meter']} {c['from']} to {c['to']}"
    ends = [case.read.get((c["meter"], c[k])) for k in ("from", "to")]
    case.v.see("between", ends == [c["from_wh"], c["to_wh"]] and c["state"] == "posted" and c["times"] == stay["multiplier"],
               f"{words}: from {c['from_wh']} to {c['to_wh']} times {c['times']}, read {ends}, {c['state']}")
    if None in ends:
        return
    case.v.see("chain", c["from"] >= last[0] and c["from_wh"] == last[1],
               f"{words}: begins with {c['from_wh']}, the one before it ended at {last}")
    used, *bands = [None if None in pair else (pair[1] - pair[0]) % truth.WRAP_WH * c["times"] for pair in zip(*ends)]
    stretches = contract.times.stretches(c["from"], c["to"])
    if len(stretches) > 1 and used > 0:
        within = [t for a, t in case.reads_of[c["meter"]] if c["from"] < t < c["to"]]
        case.v.see("cut", not within, f"{words}: a boundary lies within, and so do readings at {within}")
    exact = contract.charge(c["from"], c["to"], used, None if None in bands else bands, price.UNIT_WH * c["times"])
    good = all(c["exact"].get(name, (0, 0)) == (money * 10 ** 9, 0) for name, money in exact.items())
    against = f"{words}: {used} Wh ({bands}) cost {({k: float(x) for k, x in exact.items()})}, by the books {c['exact']}"
    case.v.see("charge", good, against)
    for what, is_one in chapters_of(case, contract, c, stay, stretches).items():
        if is_one:
            case.v.see(what, good, against)


def judge_fixed(case, contract, words, charged, first_us, last_us):
    """A charge for each day from the first midnight on, whatever was read."""
    for at_us, day in contract.times.midnights(first_us, last_us):
        if contract.day(at_us, day) != 0:
            case.v.see("fixed", at_us in charged, f"{words}: no fixed charge for {day}")
            charged.discard(at_us)
    case.v.see("no more", not charged, f"{words}: fixed charges at {sorted(charged)[:5]} for no day")


def judge_stay(case, contract, stay, energy):
    """From its first reading to its last: nothing left out, nothing twice.  Its first reading, if there is one."""
    address, until = stay["meter"], case.end_of(stay) if stay["to"] is not None else case.end + 2_000_000
    reads = [t for a, t in case.reads_of.get(address, []) if (stay["from"] or 0) <= t <= until]
    mine = [c for c in energy if c["meter"] == address and (stay["from"] or 0) <= c["from"] and c["to"] <= until]
    if not reads:
        return None, mine
    last = (reads[0], case.read[address, reads[0]])
    for c in mine:
        judge_interval(case, contract, c, stay, last)
        last = (c["to"], c["to_wh"])
    case.v.see("upto", last[1][0] == case.read[address, reads[-1]][0],
               f"{stay['account']}: {address} charged up to {last}, read {case.read[address, reads[-1]]} at {reads[-1]}")
    return reads[0], mine


def judge_account(case, number, found, posted):
    account = case.facts["accounts"][number]
    contract = price.Contract(case.times_of(account["tariff"]))
    left = [c for c in found if c["kind"] == "energy"]
    for k, tenancy in enumerate(account["tenancies"]):
        contract.enter(tenancy)
        ids, firsts = {case.tenancies.get((number, stay["meter"])) for stay in account["meters"] if stay["tenancy"] == k}, []
        for stay in (dict(x, account=number) for x in account["meters"] if x["tenancy"] == k):
            first_us, mine = judge_stay(case, contract, stay, left)
            taken = {id(c) for c in mine}
            left = [c for c in left if id(c) not in taken]
            firsts.append(first_us)
        case.v.see("tenancy", len(ids) == 1 and firsts[0] is not None, f"{number}: tenancies {ids} by the books, one by contract")
        if firsts[0] is not None:
            charged = {c["from"] for c in found if c["kind"] == "fixed" and c["tenancy"] in ids}
            judge_fixed(case, contract, number, charged, firsts[0], tenancy["to"] or case.end + 2_000_000)
    case.v.see("no other", not left, f"{number}: charges for a meter it did not have then: {left[:2]}")
    case.v.see("account", contract.due == posted, f"{number}: posted {posted}, due {contract.due}")
    if number in case.trued_up:
        case.v.see("trued up", contract.due == posted, f"{number}: posted {posted}, due {contract.due}")
    if len({stay["meter"] for stay in account["meters"] if stay["from"] is None}) > 1:
        case.v.see("pair", contract.due == posted, f"{number}: posted {posted}, due {contract.due}")
    case.due[number] = contract.due


def judge_charges(case):
    found, case.reads_of = charges(case), {}
    for address, at_us in sorted(case.read):
        case.reads_of.setdefault(address, []).append((address, at_us))
    case.tenancies = {(number, address): tenancy for number, address, tenancy in case.rows(
        "SELECT a.number, m.address, i.tenancy_id FROM powergate.installation i JOIN powergate.tenancy y ON y.id = i.tenancy_id "
        "JOIN powergate.account a ON a.id = y.account_id JOIN powergate.meter m ON m.id = i.meter_id")}
    posted = {number: int(minor) for number, minor in case.rows(
        "SELECT a.number, sum(p.amount_minor) FROM powergate.posting p JOIN powergate.journal j ON j.id = p.journal_id "
        "JOIN powergate.account a ON a.id = p.account_id WHERE j.kind IN ('charge', 'fixed', 'trueup', 'rebill') "
        "AND p.ledger IN ('prepaid', 'loaded') GROUP BY 1")}
    case.trued_up = {number for number, in case.rows(
        "SELECT DISTINCT a.number FROM powergate.posting p JOIN powergate.journal j ON j.id = p.journal_id "
        "JOIN powergate.account a ON a.id = p.account_id WHERE j.kind = 'trueup'")}
    for number in case.facts["accounts"]:
        judge_account(case, number, found.get(number, []), posted.get(number, 0))
    return found


# --- other meters, other tenants ------------------------------------------------------------------

def judge_change(case, found, what, before, after):
    """before, after: whose meter it was, which, and when somebody read it."""
    account, address, at_us = before
    ends = [c["to_wh"] for c in found.get(account, []) if c["meter"] == address and c["kind"] == "energy" and c["to"] <= at_us]
    account, address, at_us = after
    begins = [c["from_wh"] for c in found.get(account, []) if c["meter"] == address and c["kind"] == "energy" and c["from"] >= at_us]
    shown = [case.display(address, at_us)[0] for _, address, at_us in (before, after)]
    case.v.see(what, [wh[0] for wh in ends[-1:] + begins[:1]] == shown,
               f"{before}, {after}: up to {ends[-1:]}, on from {begins[:1]}, shown {shown}")


def judge_changes(case, found):
    """Up to what the old one showed, and on from what the new one did; not a Wh between belongs to anybody."""
    for x in case.facts["swaps"]:
        judge_change(case, found, "swap", (x["account"], x["old"], x["at"]), (x["account"], x["new"], x["at"]))
    for x in case.facts["moves"]:
        judge_change(case, found, "move", (x["account"], x["meter"], x["out"]), (x["heir"], x["meter"], x["in"]))


# --- supply and books -----------------------------------------------------------------------------

def judge_trips(case):
    """Nobody is cut off by night, on a rest day, on a holiday or the day before one."""
    sites = {stay["meter"]: case.facts["accounts"][stay["account"]]["site"] for stay in case.stays}
    for address, site in sites.items():
        calendar, zone = case.facts["calendars"].get(site, {}), truth.zoneinfo.ZoneInfo(case.zones[address])
        for at_us, by in case.true.meters[address].opened:
            when = datetime.datetime.fromtimestamp(at_us / 1000000, zone)
            day, next_day = (str(when.date() + datetime.timedelta(n)) for n in (0, 1))
            works = when.weekday() < 5 or calendar.get(day) == "makeup"
            good = works and "holiday" not in (calendar.get(day), calendar.get(next_day)) and 8 <= when.hour < 18
            case.v.see("trip", good or not by.startswith("1C"), f"{address} cut off at {when}")


def judge_balances(case):
    """What was paid, less what must have been charged, is what each account has; who has gone has it back, or owes it."""
    gone = {x["account"] for x in case.facts["moves"]}
    for number, kept, owed, paid, back in case.rows(
            "SELECT a.number, s.prepaid_minor, s.arrears_minor, COALESCE((SELECT sum(amount_minor) FROM powergate.payment q "
            "WHERE q.account_id = a.id), 0), COALESCE((SELECT sum(p.amount_minor) FROM powergate.posting p JOIN powergate.journal j "
            "ON j.id = p.journal_id WHERE p.account_id = a.id AND p.ledger = 'prepaid' AND j.kind = 'refund'), 0) "
            "FROM powergate.account a JOIN powergate.account_state s ON s.account_id = a.id ORDER BY 1"):
        left = int(paid) - case.due[number]
        case.v.see("balance", int(kept) == left - int(back) + int(owed),
                   f"{number}: has {kept} and owes {owed}, paid {paid}, due {case.due[number]}, paid back {back}")
        if number in gone:
            case.v.see("settle", (int(kept), int(back), int(owed)) == (0, max(left, 0), max(-left, 0)),
                       f"{number} left with {left}: has {kept}, was paid back {back}, owes {owed}")


def judge_history(case):
    """Balances that were written down for a midnight, of accounts and of sites, are those of the journals up to then."""
    of = {}
    for site, number, ledger, at_us, minor in case.rows(
            "SELECT t.name, a.number, p.ledger, j.at_us, -p.amount_minor FROM powergate.posting p "
            "JOIN powergate.journal j ON j.id = p.journal_id JOIN powergate.account a ON a.id = p.account_id "
            "JOIN powergate.site t ON t.id = a.site_id ORDER BY j.at_us"):
        for whose in [("site", site)] + [("account", number)] * (ledger == "prepaid"):
            when, sums = of.setdefault(whose, ([], [0]))
            when.append(int(at_us))
            sums.append(sums[-1] + int(minor))

    def up_to(whose, at_us):
        when, sums = of.get(whose, ([], [0]))
        return sums[bisect.bisect_right(when, at_us)]

    stays = {}
    for stay in case.stays:
        stays.setdefault(stay["meter"], []).append(stay)
    for address, at_us, minor in case.rows(
            "SELECT m.address, f.at_us, f.balance_minor FROM powergate.freeze_record f JOIN powergate.meter m ON m.id = f.meter_id "
            "WHERE f.balance_quality = 'ledger'"):
        stay = stays[address][0]
        if len(stays[address]) == 1 and stay["to"] is None:
            want = up_to(("account", stay["account"]), int(at_us))
            case.v.see("midnight", int(minor) == want, f"{stay['account']}: at {at_us} it had {minor}, by the journals {want}")
    for site, day, *figures in case.rows("SELECT t.name, r.day, r.figures ->> 'opening_minor', r.figures ->> 'closing_minor' "
                                         "FROM powergate.recon_run r JOIN powergate.site t ON t.id = r.site_id"):
        day = datetime.datetime.strptime(day, "%Y%m%d").replace(tzinfo=truth.zoneinfo.ZoneInfo(case.facts["sites"][site]))
        midnights = [(day + datetime.timedelta(n)).astimezone(price.UTC) for n in (0, 1)]
        want = [up_to(("site", site), price.us(midnight) - 1) for midnight in midnights]
        case.v.see("day", list(map(int, figures)) == want, f"{site} on {day:%F}: from and to {figures}, by the journals {want}")


def judge(directory, rows):
    case = Case(directory, rows)
    judge_reads(case)
    judge_changes(case, judge_charges(case))
    judge_trips(case)
    judge_balances(case)
    judge_history(case)
    problems = rows("SELECT problem FROM door.ledger_check()")
    case.v.see("check", not problems, str(problems[:3]))
    return case.v
