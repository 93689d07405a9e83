"""month_judge -- was what was found what was planted, both ways?  And the books, and the transcript.

    case = month_judge.judge(life.dir, life.rows)
    case.against                                      # {} when all is well: what -> [words]

It reads plan.json, the answers in told.log, the truth of the meters and the tables.
"""
import collections
import hashlib
import json
import os
import re
import subprocess


class Case:
    def __init__(self, directory, rows, plan=None):
        self.dir, self.rows, self.against, self.sums = directory, rows, {}, collections.Counter()
        with open(os.path.join(directory, "plan.json"), "rb") as f:
            self.plan_bytes = f.read()
        self.plan = plan or json.loads(self.plan_bytes)
        with open(os.path.join(directory, "told.log"), encoding="utf-8") as f:
            self.told = [line.rstrip("\n").split(" ", 2) for line in f]

    def see(self, what, good, words):
        self.sums[what] += 1
        if not good:
            self.against.setdefault(what, []).append(words)

    def same(self, what, planned, found):
        """Counters: nothing missed, nothing more."""
        self.sums[what] += sum(planned.values())
        for words, left in (("planted, not found", planned - found), ("found, not planted", found - planned)):
            self.against.setdefault(what, []).extend(f"{words}: {x}" for x in sorted(left.elements(), key=str))
        if not self.against.get(what):
            self.against.pop(what, None)


WHO = (re.compile(r"^refund (?P<refund>\S+) of payment (?P<no>[^\s,:]+)"), re.compile(r"payment (?P<no>[^\s,:]+)"), re.compile(r"meter (?P<meter>\d{12})"))


def who(text):
    for pattern in WHO:
        m = pattern.search(text)
        if m:
            g = m.groupdict()
            return f"{g['no']}/{g['refund']}" if "refund" in g else g.get("no") or g["meter"]
    return text


def judge_breaks(case):
    """All of them, with those that explained themselves: kind, day, whose, what became of it, how much."""
    planned = collections.Counter((b["kind"], b["day"], b["who"], b["state"], b["minor"]) for b in case.plan["breaks"])
    amounts = {(b["kind"], b["day"], b["who"]) for b in case.plan["breaks"] if b["minor"] is not None}
    found = collections.Counter()
    for kind, day, state, minor, text in case.rows("SELECT kind, day, state, COALESCE(amount_minor::text, ''), text FROM powergate.recon_break"):
        key = (kind, day, who(text))
        found[(*key, state, int(minor) if key in amounts else None)] += 1
    case.same("breaks", planned, found)


def judge_hooks(case):
    """Each notification was answered as it had to be; what was refused left nothing."""
    planned = collections.Counter({(name, status): statuses.count(status) for name, statuses in case.plan["hooks"].items() for status in set(statuses)})
    found = collections.Counter((words.split()[0], int(words.split()[1])) for _, what, words in case.told if what == "hook")
    case.same("notifications", planned, found)
    paid = collections.Counter({(*key.split(), minor): 1 for key, minor in case.plan["payments"].items()})
    case.same("payments", paid, collections.Counter((source, no, int(minor)) for source, no, minor in case.rows(
        "SELECT source, payment_no, amount_minor FROM powergate.payment")))
    case.same("suspense", collections.Counter(case.plan["suspense"]), collections.Counter(no for no, in case.rows(
        "SELECT q.payment_no FROM powergate.payment q JOIN powergate.journal j ON j.key = 'pay:' || q.source || ':' || q.payment_no "
        "JOIN powergate.posting l ON l.journal_id = j.id WHERE l.ledger = 'suspense'")))
    case.same("given back", collections.Counter(case.plan["given_back"]), collections.Counter(no for no, in case.rows(
        "SELECT q.payment_no FROM powergate.correction c JOIN powergate.payment q ON q.id = c.payment_id WHERE c.state = 'paid'")))


def judge_days(case):
    """Each is closed, in order, with a reason when something of the site stood open, and by whom."""
    site = ("BALANCE_DRIFT", "FREEZE", "LOSS")
    standing = collections.Counter(b["day"] for b in case.plan["breaks"] if b["kind"] in site)
    adopted = {b["day"] for b in case.plan["breaks"] if b["kind"] == "FOREIGN_CREDIT"}
    days = case.rows("SELECT day, open_breaks, closed_by, reason, before_sha256, sha256 FROM powergate.recon_day ORDER BY day")
    case.see("days", len(days) == case.plan["days"] + 2, f"{len(days)} days are closed")
    before = ""
    for day, opened, by, reason, last, sha in days:
        by_hand = standing[day] > 0 or day in adopted
        case.see("days", (int(opened), by, last) == (standing[day], "tester" if by_hand else "powergated", before) and (reason != "") == by_hand,
                 f"{day}: {opened} open, closed by {by} because \"{reason}\", planned {standing[day]}")
        before = sha


def judge_wallets(case):
    """What went into the meters is what was paid for them, and what somebody else put in."""
    put = collections.Counter()
    with open(os.path.join(case.dir, "truth.log"), encoding="ascii") as f:
        for line in f:
            event = json.loads(line)
            if event["event"] == "credit":
                put[event["meter"]] += event["amount_minor"]
    ours = {meter: int(minor) for meter, minor in case.rows(
        "SELECT m.address, COALESCE(sum(q.amount_minor), 0) FROM powergate.meter m JOIN powergate.account a ON a.id = m.account_id AND a.fee_mode = 'local' "
        "LEFT JOIN powergate.payment q ON q.account_id = a.id GROUP BY 1")}
    for meter, minor in ours.items():
        foreign = case.plan["topups"].get(meter, 0)
        case.see("wallets", put[meter] == minor + foreign, f"{meter}: {put[meter]} went in, {minor} paid, {foreign} foreign")


def judge_books(case):
    problems = case.rows("SELECT problem FROM door.ledger_check()")
    case.see("balanced", not problems, str(problems[:3]))
    total = case.rows("SELECT COALESCE(sum(amount_minor), 0) FROM powergate.posting")[0][0]
    case.see("balanced", total == "0", f"all postings make {total}")
    path = os.path.join(case.dir, "ledger.beancount")
    p = subprocess.run(["bean-check", path], capture_output=True, text=True, check=False)
    with open(path, encoding="utf-8") as f:
        n = f.read().count('* "payment"')
    case.see("bean-check", p.returncode == 0 and n == len(case.plan["payments"]), f"{n} payments in it; {p.stderr}{p.stdout}"[:2000])


def judge_costs(case):
    """What the bills say a provider kept is posted, each day's once."""
    posted = collections.Counter({key: int(minor) for key, minor in case.rows(
        "SELECT j.key, l.amount_minor FROM powergate.posting l JOIN powergate.journal j ON j.id = l.journal_id WHERE l.ledger = 'costs'")})
    case.same("costs", collections.Counter(case.plan["costs"]), posted)


def judge_plan(case):
    """It was there first: the transcript begins with its sum."""
    first = next(words for _, what, words in case.told if what == "|")
    case.see("plan first", first.split()[0] == hashlib.sha256(case.plan_bytes).hexdigest(), first)


def judge_words(case):
    """What was typed went well, but for closing a day that the head-end had closed itself."""
    codes = collections.Counter(words for _, what, words in case.told if what == "sh")
    case.see("typed", set(codes) <= {"0", "1"}, str(codes))
    refused = [words for _, what, words in case.told if what == "|" and words.startswith("powergatectl:")]
    case.see("typed", len(refused) == codes["1"] and all("days are closed in their order" in w for w in refused),
             f"{codes}: " + "\n".join(w for w in refused if "in their order" not in w))


PARTS = (judge_plan, judge_words, judge_hooks, judge_breaks, judge_days, judge_wallets, judge_books, judge_costs)


def judge(directory, rows, plan=None, parts=PARTS):
    case = Case(directory, rows, plan)
    for part in parts:
        part(case)
    return case
