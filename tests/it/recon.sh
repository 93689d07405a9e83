#!/bin/sh
# Reconciliation: errors are drawn by seed and written down before a statement is made of them;
# what is found is what was planted, no less and no more.  A closed day stays as it was closed.
#   tests/it/recon.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../year:$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import collections, concurrent.futures, datetime, hashlib, json, random, subprocess, sys
import gate, letters

BUILD = sys.argv[1]
SEEDS = range(1, 21)
EAST = datetime.timezone(datetime.timedelta(hours=8))
WALLET, DARK, LIT = "202600000201", "202600000202", "202600000203"
TODAY = datetime.datetime.now(EAST).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - datetime.timedelta(days=1)
LONG_AGO = TODAY - datetime.timedelta(days=90)

Paid = collections.namedtuple("Paid", "no amount at")


def day_of(t):
    return t.strftime("%Y%m%d")


def yuan(minor):
    return f"{minor // 100}.{minor % 100:02d}"


def day_end(day, rows, source="app", count=None, total=None):
    """The file of a day, with its own totals."""
    lines = [f"powergate-day-end,1,{source},{day.strftime('%Y-%m-%d')},CNY", "kind,payment_no,refund_no,paid_at,amount"]
    lines += [f"payment,{r.no},,{r.at.isoformat()},{yuan(r.amount)}" for r in rows]
    lines.append(f"total,{len(rows) if count is None else count},"
                 f"{yuan(sum(r.amount for r in rows) if total is None else total)},0.00")
    return "\n".join(lines) + "\n"


def ctl(d, *words):
    code, out, err = d.ctl("--json", *words)
    if code != 0:
        raise RuntimeError(f"{words}: {code} {err}")
    return json.loads(out)


def take_in(d, name, text):
    return ctl(d, "statement", "import", d.write(name, text), "--source", "app")


def breaks(d, **which):
    words = [f"--{k}={v}" for k, v in which.items()]
    return ctl(d, "recon", "breaks", "--all", "--limit=1000", *words)["rows"]


# --- R1: what is planted ----------------------------------------------------------------------

class Plan:
    """Two days of payments, and what is wrong with their statements."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.seed = seed
        self.days = [YESTERDAY - datetime.timedelta(days=3 * seed + 1), YESTERDAY - datetime.timedelta(days=3 * seed)]
        self.paid, self.rows, self.expected, self.cut = [[], []], [[], []], collections.Counter(), set()
        for n, day in enumerate(self.days):
            for i in range(self.r.randint(6, 10)):
                at = day + datetime.timedelta(seconds=self.r.randint(7200, 79200))
                self.paid[n].append(Paid(f"S{seed}-{n}-{i}", self.r.randint(100, 99999), at))
            self.rows[n] = list(self.paid[n])
        for plant in (self.not_in_statement, self.not_in_ledger, self.amount, self.twice, self.near_midnight):
            for _ in range(self.r.randint(0, 2)):
                plant()
        for rows in self.rows:
            self.r.shuffle(rows)

    def sound(self, n):
        """A payment nothing was done to yet."""
        touched = {no for _, no in self.expected} | self.cut
        return self.r.choice([p for p in self.paid[n] if p.no not in touched] or [None])

    def expect(self, kind, no):
        self.expected[kind, no] += 1

    def not_in_statement(self):
        n = self.r.randint(0, 1)
        if (p := self.sound(n)):
            self.rows[n].remove(p)
            self.expect("MISSING_STATEMENT", p.no)

    def not_in_ledger(self):
        n = self.r.randint(0, 1)
        p = Paid(f"S{self.seed}-x{len(self.rows[n])}-{n}", self.r.randint(100, 9999),
                 self.days[n] + datetime.timedelta(hours=9))
        self.rows[n].append(p)
        self.expect("MISSING_PAYMENT", p.no)

    def amount(self):
        n = self.r.randint(0, 1)
        if (p := self.sound(n)):
            self.rows[n][self.rows[n].index(p)] = p._replace(amount=p.amount + self.r.choice((-1, 1, 100)))
            self.expect("AMOUNT", p.no)

    def twice(self):
        if (p := self.sound(0)):
            self.rows[1].append(p)
            self.expect("DUPLICATE", p.no)

    def near_midnight(self):
        """Paid at the end of the one day, in the list of the next."""
        p = Paid(f"S{self.seed}-m{len(self.paid[0])}", self.r.randint(100, 9999),
                 self.days[1] - datetime.timedelta(seconds=self.r.randint(1, 600)))
        self.paid[0].append(p)
        self.rows[1].append(p)
        self.cut.add(p.no)


def named(found):
    """(kind, payment number) of what is open."""
    return collections.Counter((b["kind"], next(w for w in b["text"].split() if w.startswith("S") and "-" in w).rstrip(":"))
                               for b in found if b["state"] in ("open", "carried"))


def statements(d, db):
    plans = [Plan(seed) for seed in SEEDS]
    gate.ok(sum(sum(p.expected.values()) for p in plans) > 50, "errors are planted and written down before a statement is there")
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda p: d.pay("R1", p.amount, p.no, paid_at=p.at.isoformat()),
                                 [p for plan in plans for day in plan.paid for p in day]))
    gate.ok({a.status for a in answers} == {200}, f"{len(answers)} payments are taken", {a.status for a in answers})
    wrong = []
    carried = 0
    for plan in plans:
        for n, day in enumerate(plan.days):
            take_in(d, f"s{plan.seed}-{n}.csv", day_end(day, plan.rows[n]))
            ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
            if n == 0:
                early = breaks(d, day=day_of(day))
                carried += sum(b["state"] == "carried" for b in early)
                if {b["state"] for b in early if any(no in b["text"] for no in plan.cut)} - {"carried"}:
                    wrong.append((plan.seed, "not carried", early))
        both = [b for day in plan.days for b in breaks(d, day=day_of(day))]
        if named(both) != plan.expected:
            wrong.append((plan.seed, "planted, not found", plan.expected - named(both), "found, not planted", named(both) - plan.expected))
        cut = {no for no in plan.cut if any(b["kind"] == "CUTOFF" and b["state"] == "auto" and f" {no} " in b["text"] for b in both)}
        if cut != plan.cut:
            wrong.append((plan.seed, "cut-offs", plan.cut, cut))
    gate.ok(not wrong, f"in {len(plans)} seeds found = planted, both ways", wrong)
    gate.ok(carried > 0 and db.value("SELECT count(*) FROM powergate.recon_break WHERE state = 'carried'") == 0 and db.value(
        "SELECT count(*) FROM powergate.recon_break WHERE kind = 'MISSING_STATEMENT' AND state = 'auto' AND why LIKE 'a cut-off%'") == carried,
        f"{carried} near midnight were carried, and closed with the reason when the next statement came")
    gate.ok(db.value("SELECT count(*) FROM powergate.work WHERE cause = 'RECON' AND state = 'open'") ==
            sum(sum(p.expected.values()) for p in plans), "each break of money is a work item, and none is left of those that explained themselves")
    return plans


def imports(d, db, plan):
    day = plan.days[0]
    text = day_end(day, plan.rows[0])
    count = "SELECT count(*) FROM powergate.statement_row"
    before = db.value(count)
    again = take_in(d, "again.csv", text)
    gate.ok(again["status"] == "duplicate" and again["version"] == 1 and db.value(count) == before,
            "the same file again is the same statement", again)
    raw = [x[0] for x in db.rows("SELECT raw FROM powergate.statement_row WHERE statement_id = :id ORDER BY line", id=again["statement"])]
    lines = text.splitlines()
    gate.ok(raw == lines[2:-1] and [int(x[0]) for x in db.rows(
        "SELECT line FROM powergate.statement_row WHERE statement_id = :id ORDER BY line", id=again["statement"])] == list(range(3, len(lines))),
        "its rows are kept verbatim, with their line numbers", raw[:3])
    for name, bad in (("a sum that its rows do not make", day_end(day, plan.rows[0], total=1)),
                      ("a count that is not theirs", day_end(day, plan.rows[0], count=99)),
                      ("half of it", text[:len(text) // 2])):
        code, _, err = d.ctl("statement", "import", d.write("bad.csv", bad), "--source", "app")
        gate.ok(code == 1 and db.value(count) == before, f"refused whole: {name}", (code, err))
    whole = sorted(plan.paid[0])
    newer = take_in(d, "newer.csv", day_end(day, whole))
    listed = ctl(d, "statement", "list", f"--day={day_of(day)}")["rows"]
    gate.ok(newer["version"] == 2 and [(s["version"], s["current"]) for s in listed] == [(2, True), (1, False)] and
            db.value(count) == before + len(whole), "another file of the same day is version 2, and version 1 is still there", listed)
    ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
    left = [b for b in breaks(d, day=day_of(day)) if b["state"] == "open"]
    gate.ok(not left, "with it everything agrees, and the breaks of that day close by themselves", left)
    for sentence, sql in (("a row of a statement", "UPDATE powergate.statement_row SET amount_minor = 1"),
                          ("a statement", "UPDATE powergate.statement SET paid_minor = 1"),
                          ("statements", "TRUNCATE powergate.statement_row"),
                          ("a row of a sealed one", "INSERT INTO powergate.statement_row SELECT statement_id, 99999, kind, payment_no, "
                           "order_no, refund_no, at_us, amount_minor, settled_minor, fee_micro, currency, raw FROM powergate.statement_row LIMIT 1")):
        try:
            db.run(sql)
            gate.ok(False, f"nobody adds or changes {sentence}")
        except RuntimeError as why:
            gate.ok("refused" in str(why) or "sealed" in str(why), f"nobody adds or changes {sentence}", why)


def reopening(d, plan):
    day = plan.days[1]
    extra = Paid("S99-back", 500, day + datetime.timedelta(hours=3))
    rows = plan.rows[1]
    take_in(d, "with.csv", day_end(day, [*rows, extra]))
    ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
    take_in(d, "without.csv", day_end(day, rows[::-1]))
    ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
    gone = [b for b in breaks(d, day=day_of(day)) if "S99-back" in b["text"]]
    take_in(d, "back.csv", day_end(day, [extra, *rows]))
    ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
    back = ctl(d, "recon", "show", str(gone[0]["break"]))
    gate.ok(gone[0]["state"] == "auto" and back["state"] == "open" and back["reopened"] == 1 and "S99-back" in back["statement_line"] and
            [s["step"] for s in back["steps"]] == ["found", "closed", "reopened"],
            "what is gone closes, what is back opens again, step by step", back)
    code, _, err = d.ctl("recon", "resolve", str(back["break"]))
    gate.ok(code == 2, "a break is not resolved without a reason", err)
    mine = ctl(d, "recon", "resolve", str(back["break"]), "--owner=finance", "--reason=asks the provider")
    done = ctl(d, "recon", "resolve", str(back["break"]), "--reason=the provider takes it back")
    ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=app")
    still = ctl(d, "recon", "show", str(back["break"]))
    gate.ok(mine["state"] == "open" and mine["owner"] == "finance" and done["state"] == still["state"] == "resolved",
            "what a person has resolved stays so while it is the same", still)


def costs(d, db):
    """What a provider kept is an expense: of each day's newest statement, and once."""
    day = LONG_AGO

    def bill(name, *rows):
        rows = [{"kind": kind, "no": no, "order": no, "at": day + datetime.timedelta(hours=9), "minor": 5000, "fee_micro": fee, "refund": "R" + no}
                for kind, no, fee in rows]
        data = letters.wechat_bill(rows, random.Random(1))
        with open(f"{d.dir}/{name}", "wb") as f:
            f.write(data)
        ctl(d, "statement", "import", f"{d.dir}/{name}", "--source=wx", "--provider=wechat", f"--day={day_of(day)}", "--sha1=" + hashlib.sha1(data).hexdigest())
        ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=wx")
        ctl(d, "recon", "run", f"--day={day_of(day)}", "--source=wx")
        return [(x, y, int(minor)) for x, y, minor in db.rows(
            "SELECT l.ledger, l.owner, sum(l.amount_minor) FROM powergate.posting l JOIN powergate.journal j ON j.id = l.journal_id "
            "WHERE j.kind = 'costs' GROUP BY 1, 2 ORDER BY 1")]

    first = bill("w1", ("payment", "W1", 300000), ("payment", "W2", 304990))
    gate.ok(first == [("clearing", "wx", -60), ("costs", "wx", 60)], "what a provider keeps of a day is posted in whole cents, and once", first)
    second = bill("w2", ("payment", "W1", 300000), ("payment", "W2", 304990), ("refund", "W2", -304990))
    gate.ok(second == [("clearing", "wx", -30), ("costs", "wx", 30)], "of a newer statement the difference: a refund gives its fee back", second)
    nothing = bill("w3", ("payment", "W1", 0))
    gate.ok(nothing == [("clearing", "wx", 0), ("costs", "wx", 0)] and not db.ledger_problems(), "and nothing where nothing was kept", nothing)


# --- R2 to R10 ---------------------------------------------------------------------------------

def site(d, db, sim):
    """Planted at the meters and in the books; the meters are as old as yesterday."""
    d.order("meter/relay", meter=DARK, relay="open", reason="nobody lives there")
    d.pay("L1", 5000, "LOCAL-1")
    good = gate.comes(lambda: sim.state(WALLET)["bought_minor"] == 5000 and db.value(
        "SELECT count(*) FROM powergate.credit_delivery WHERE state = 'APPLIED' AND kind = 'recharge'") == 1, 30)
    ctl(d, "recon", "run", f"--day={day_of(YESTERDAY)}", "--site=here")
    gate.ok(good and not breaks(d, site="here"), "credit that went into a meter by us is no break", breaks(d, site="here"))
    sim.do(f"topup {WALLET} 300")  # by a stranger; the daily reading of the counts is not waited for
    d.ctl("meter", "read", WALLET, "--regs=purchases,bought", "--wait=10")
    db.run("UPDATE powergate.account_state SET prepaid_minor = prepaid_minor + 777 WHERE account_id = "
           "(SELECT id FROM powergate.account WHERE number = 'R2')")
    db.run("SET search_path = powergate; UPDATE meter SET created_us = created_us - 2 * 86400000000")
    planted = {("FOREIGN_CREDIT", WALLET), ("KEPT", "R2"), ("FREEZE", DARK), ("SUPPLY", DARK)}
    # meters that began today have no record of last midnight: two are given theirs, one is not
    db.run("SELECT door.freeze_store(id, :day, :at, '{0,0,0,0,0}', :at) FROM powergate.meter WHERE address <> :'dark'",
           day=day_of(TODAY), at=int(TODAY.timestamp()) * 1000000, dark=DARK)
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.meter_state WHERE relay_wanted = 'open' AND wanted_us < "
                                "extract(epoch FROM now()) * 1000000 - 1200000") == 1, 10, "a second")
    run = ctl(d, "recon", "run", f"--day={day_of(YESTERDAY)}", "--site=here")["rows"][0]
    found = {(b["kind"], b["account"] if b["kind"] == "KEPT" else b["meter"]) for b in breaks(d, site="here") if b["state"] == "open"}
    gate.ok(found == planted, "a foreign credit, a balance that drifted, a missing freeze and a relay that is not as wanted: found = planted",
            f"not found {planted - found}\nnot planted {found - planted}\n{run}")
    gate.ok([b["amount_minor"] for kind in ("KEPT", "FOREIGN_CREDIT") for b in breaks(d, kind=kind)] == [777, 300], "and by how much, to the cent")
    again = ctl(d, "recon", "run", f"--day={day_of(YESTERDAY)}", "--site=here")["rows"][0]
    gate.ok((again["opened"], again["closed"], again["reopened"]) == (0, 0, 0) and again["figures"] == run["figures"],
            "a second run finds the same and changes nothing", again)
    everything = ctl(d, "recon", "run", f"--day={day_of(YESTERDAY)}")["rows"]
    gate.ok([r["target"] for r in everything] == ["books", "site"] and everything[0]["open"] == 0,
            "the books themselves balance, and clearing is what was paid", everything)


def closing(d, db):
    day = day_of(YESTERDAY)
    late_day = YESTERDAY + datetime.timedelta(hours=12)
    code, _, err = d.ctl("recon", "close", "here", day_of(TODAY))
    gate.ok(code == 1 and "not over" in err, "a day is not closed before its end", err)
    tries = [d.ctl(*words) for words in (("recon", "close", "here", "20260231"), ("recon", "run", "--day=20260431"),
                                         ("ledger", "export", "--from=20260229", "--to=20260301"))]
    gate.ok(all(code == 1 and "a day is one like" in err for code, out, err in tries), "nor one that the calendar has not", tries)
    code, _, err = d.ctl("recon", "close", "here", day)
    gate.ok(code == 1 and "breaks are open" in err, "with open breaks it is not closed without a reason", err)
    gate.ok(d.pay("R1", 4321, "NEXT-1", paid_at=late_day.isoformat()).status == 200, "a payment of that day comes before it is closed")
    closed = ctl(d, "recon", "close", "here", day, "--reason=known, the meters are visited on Monday")
    gate.ok(closed["open_breaks"] == 4 and closed["by"] == "tester" and closed["open_sources"] == "app" and len(closed["sha256"]) == 64,
            "with a reason it is, and names who, how many breaks, and the source whose statement is missing", closed)
    code, _, err = d.ctl("recon", "close", "here", day, "--reason=again")
    gate.ok(code == 1, "it is closed once", err)
    for sql in ("UPDATE powergate.recon_day SET reason = 'x'", "DELETE FROM powergate.recon_day", "TRUNCATE powergate.recon_day"):
        try:
            db.run(sql)
            gate.ok(False, f"a closed day stays: {sql.split()[0]}")
        except RuntimeError as why:
            gate.ok("append-only" in str(why), f"a closed day stays: {sql.split()[0]}", why)
    gate.ok(d.pay("R1", 1234, "LATE-1", paid_at=late_day.isoformat()).status == 200, "a payment of a closed day is still money")
    ctl(d, "recon", "run", f"--day={day_of(TODAY)}", "--site=here")
    late = [b for b in breaks(d, kind="LATE")]
    gate.ok([(b["amount_minor"], b["state"], str(b["day"])) for b in late] == [(1234, "auto", day_of(TODAY))],
            "it posts to the open day and appears there as LATE", late)
    gate.ok(ctl(d, "recon", "days")["rows"][0]["sha256"] == closed["sha256"] and not [b for b in breaks(d, kind="CHAIN")],
            "the closed day is what it was")


def refunds(d, db):
    """What the provider says went back, what it told, and what the books took back."""
    n = [Paid(f"B-{i}", 1000 + i, LONG_AGO + datetime.timedelta(hours=9 + i)) for i in range(5)]
    for p in n:
        d.pay("R1", p.amount, p.no, paid_at=p.at.isoformat())

    def tell(i, minor):
        d.post(json.dumps({"type": "payment.refunded", "data": {"refund_no": f"REF-00{i}", "payment_no": f"B-{i}", "amount_minor": minor, "currency": "CNY"}}).encode(),
               f"msg_REF-00{i}")

    def give_back(i):
        payment = db.value("SELECT id FROM powergate.payment WHERE payment_no = :'n'", n=f"B-{i}")
        refund = d.order("refund/request", payment=str(payment), refund_no=f"REF-00{i}", reason="given back")["refund"]
        d.order("refund/paid", refund=str(refund), reference=f"REF-00{i}")

    for i in (0, 2, 3):  # what is told is taken back
        tell(i, 400 if i == 2 else n[i].amount)
    # they were told today and are in today's list: all of 0, what nobody told of 1, more than was told of 2, nothing of 3, and twice of 4
    rows = "".join(f"refund,B-{i},{no},{TODAY.isoformat()},{yuan(minor)}\n" for i, no, minor in (
        (0, "REF-000", n[0].amount), (1, "REF-001", n[1].amount), (2, "REF-002", n[2].amount), (4, "REF-004a", 300), (4, "REF-004b", 301)))
    total = n[0].amount + n[1].amount + n[2].amount + 601
    text = (f"powergate-day-end,1,app,{TODAY.strftime('%Y-%m-%d')},CNY\nkind,payment_no,refund_no,paid_at,amount\n{rows}total,5,0.00,{yuan(total)}\n")
    name = d.write("refunds.csv", text)
    code, _, err = d.ctl("statement", "import", name, "--source=app", "--sha1=" + 40 * "0")
    gate.ok(code == 1 and "its SHA-1 is" in err and not ctl(d, "statement", "list", f"--day={day_of(TODAY)}")["rows"],
            "a file that has not the sum that was told beside it is not taken in", err)
    ctl(d, "statement", "import", name, "--source=app", "--sha1=" + hashlib.sha1(text.encode()).hexdigest())
    ctl(d, "recon", "run", f"--day={day_of(TODAY)}", "--source=app")
    found = sorted((b["kind"], b["text"].split()[1], b["amount_minor"]) for b in breaks(d, day=day_of(TODAY), source="app")
                   if b["text"].startswith("refund"))
    gate.ok(found == [("AMOUNT", "REF-002", n[2].amount - 400), ("REFUND", "REF-001", n[1].amount), ("REFUND", "REF-004a", 300), ("REFUND", "REF-004b", 301),
                      ("REFUND_MISSING", "REF-003", n[3].amount)],
            "a refund that nobody took back, one of another amount than was told, one that is in no list: each is found, and no other", found)
    give_back(1)
    ctl(d, "recon", "run", f"--day={day_of(TODAY)}", "--source=app")
    gone = [b["why"] for b in breaks(d, day=day_of(TODAY), source="app") if b["text"].startswith("refund REF-001 ")]
    gate.ok(gone == ["it is gone"], "and is gone when the books have taken it back", gone)


def masters(d):
    code, _, err = d.ctl("meter", "master", LIT, f"--subs={DARK},{WALLET}", "--loss=5.00", "--multiplier=40")
    gate.ok(code == 0, "a meter stands in front of two others", err)
    for sentence, words in (("itself", [LIT, f"--subs={LIT}"]), ("one behind another", [WALLET, f"--subs={DARK}"]), ("one that is none", [LIT, "--subs=202600009999"])):
        code, _, err = d.ctl("meter", "master", *words)
        gate.ok(code == 1 and "stands behind another" in err, f"and not in front of {sentence}", err)
    code, out, err = d.ctl("meter", "master", LIT, "--json")
    gate.ok(code == 0 and json.loads(out)["subs"] == 0, "and of nobody any more", err)


class Stuck:
    """Nobody begins a run while this lasts."""

    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.psql = subprocess.Popen(["psql", "-X", "-q", self.db.conninfo], stdin=subprocess.PIPE, text=True)
        self.psql.stdin.write("BEGIN; LOCK TABLE powergate.recon_run IN EXCLUSIVE MODE;\n")
        self.psql.stdin.flush()
        gate.until(lambda: self.db.value("SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'powergate.recon_run'::regclass") == 1,
                   5, "the lock")

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait()


def takeover(db):
    """The node that has a piece of work dies over it."""
    db.run("DELETE FROM powergate.recon_job")
    quick = {"recon": {"at": "00:00", "sweep": "100ms", "lease": "3s"}}
    mine = "SELECT target, day, lease_us, node FROM powergate.recon_job WHERE done_us IS NULL"
    with Stuck(db), gate.Daemon(BUILD, db, quick, node="e") as holder:
        gate.until(lambda: db.rows(mine), 10, "a piece of work is taken")
        target, day, lease_us, node = db.rows(mine)[0]
        holder.kill()
        db.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE '%recon_do%' AND pid <> pg_backend_pid()")
    runs = "SELECT at_us FROM powergate.recon_run WHERE id > {} AND actor = 'powergated' AND day = {} AND target || COALESCE(':' || source, ':' || site_id, '') = '{}'"
    before = db.value("SELECT COALESCE(max(id), 0) FROM powergate.recon_run")
    with gate.Daemon(BUILD, db, quick, node="f"):
        good = gate.comes(lambda: db.value("SELECT count(*) FROM powergate.recon_job WHERE done_us IS NULL") == 0 and
                          db.value(f"SELECT count(*) FROM powergate.recon_job WHERE day = {day} AND target = '{target}'") == 1, 20)
    seen = db.rows(runs.format(before, day, target))
    by = db.rows(f"SELECT node FROM powergate.recon_job WHERE day = {day} AND target = '{target}'")
    gate.ok(good and node == "e" and by == [["f"]] and len(seen) == 1, "the holder is killed over a piece of work: another node does it, once", f"{by} {seen}")
    gate.ok(seen and int(seen[0][0]) >= int(lease_us), "and not before the lease has run out", f"{seen} {lease_us}")


def job(d, db):
    """Two nodes, and each piece of work is done by one of them."""
    db.run("DELETE FROM powergate.recon_job")
    db.run("UPDATE powergate.account SET created_us = created_us - 2 * 86400000000")
    runs = "SELECT count(*) FROM powergate.recon_run WHERE actor = 'powergated'"
    quick = {"recon": {"at": "00:00", "sweep": "100ms", "supply": "1s"}}
    with gate.Daemon(BUILD, db, quick, node="b"), gate.Daemon(BUILD, db, quick, node="c"):
        good = gate.comes(lambda: db.value("SELECT count(*) FROM powergate.recon_job WHERE done_us IS NOT NULL AND target LIKE 'site:%'") >= 1 and
                          db.value("SELECT count(*) FROM powergate.recon_job WHERE done_us IS NULL") == 0, 20)
        rows = db.rows("SELECT target, site_id, source, day, count(*) FROM powergate.recon_run WHERE actor = 'powergated' GROUP BY 1, 2, 3, 4")
        gate.ok(good and rows and all(r[-1] == "1" for r in rows), "at the hour the job does what is due, each once among two nodes", rows)
        before = db.value(runs)
        gate.ok(not gate.comes(lambda: db.value(runs) != before, 1), "and then rests")


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, {"recon": {"at": "", "supply": "1s"}}) as d:
    d.remote("R1", LIT)
    d.remote("R2", DARK)
    d.local("L1", WALLET)
    meters = [{"address": WALLET, "profile": "wallet-esam", "opened": "yes", "customer": WALLET, "watts": 0},
              {"address": LIT, "profile": "remote", "watts": 0}]
    with gate.Sim(BUILD, d, meters) as sim:
        sim.online(2)
        d.commission(WALLET)
        plans = statements(d, db)
        imports(d, db, plans[0])
        costs(d, db)
        reopening(d, plans[1])
        site(d, db, sim)
        closing(d, db)
        refunds(d, db)
        masters(d)
        job(d, db)
        takeover(db)
    gate.ok(d.running(), "the daemon is still the same process")
sys.exit(gate.done())
PY
