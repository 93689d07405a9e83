#!/bin/sh
# Payments at the door: what is refused leaves nothing behind, what is taken is taken once, and
# the ledger can be added to and nothing else.
#   tests/it/payments.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import collections, concurrent.futures, glob, json, math, os, shutil, signal, sys, time
import gate

BUILD = sys.argv[1]
WALLET = "202600000101"
OTHERS = "202600000102"
NOBODYS = "202600000103"


# --- what is refused ------------------------------------------------------------------------

class Doorkeeper:
    """After every refusal the tables of money must have as many rows as before."""

    def __init__(self, db, d):
        self.db, self.d, self.n = db, d, 0

    def refuses(self, status, sentence, send):
        before = self.db.counts()
        answer = send()
        after = self.db.counts()
        gate.ok(answer.status == status and before == after and self.d.running(),
                f"{status}, and no row anywhere: {sentence}", f"{answer}\n{before}\n{after}")

    def body(self, status, sentence, body):
        self.n += 1
        event_id = f"msg_bad_{self.n}"
        self.refuses(status, sentence, lambda: self.d.post(body, event_id))

    def with_amount(self, sentence, amount):
        good = gate.payment_body("R1", 424242, "P-amount")
        self.body(400, sentence, good.replace(b"424242", amount))


def forgeries(d, keeper):
    body = gate.payment_body("R1", 5000, "P-forged")

    def at(stamp):
        return lambda: d.post(body, "msg_forged", at=stamp)

    def lacking(name):
        headers = gate.sign(d.secret, "msg_forged", body)
        del headers[name]
        return lambda: gate.request(d.hooks_port, "POST", "/hooks/v1/app", body, headers)

    def signed(words):
        return lambda: d.post(body, "msg_forged", headers={"webhook-signature": words})

    def other_body():
        return d.post(body.replace(b"5000", b"9000"), "msg_forged",
                      headers=gate.sign(d.secret, "msg_forged", body))

    def other_id():
        return d.post(body, "msg_forged", headers={**gate.sign(d.secret, "msg_else", body),
                                                   "webhook-id": "msg_forged"})

    right = gate.sign(d.secret, "msg_forged", body)["webhook-signature"]
    keeper.refuses(401, "signed with another secret", lambda: d.post(body, "msg_forged", secret=gate.new_secret()))
    keeper.refuses(401, "signed, and the body changed afterwards", other_body)
    keeper.refuses(401, "signed for another id", other_id)
    keeper.refuses(401, "signed 301 s ago", lambda: at(time.time() - 301)())
    keeper.refuses(401, "signed 301 s ahead", lambda: at(math.ceil(time.time()) + 301)())
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        keeper.refuses(400, f"without {name}", lacking(name))
    keeper.refuses(401, "a signature that is one letter short", signed(right[:-1]))
    keeper.refuses(401, "a signature with a letter that is not base64", signed(right[:10] + "!" + right[11:]))
    keeper.refuses(401, "the right signature under another version", signed(right.replace("v1,", "v2,")))
    keeper.refuses(400, "a signature of no version", signed("nonsense"))
    keeper.refuses(400, "a time that is no number", lambda: d.post(
        body, "msg_forged", headers={"webhook-timestamp": "now"}))
    keeper.refuses(404, "a source nobody has", lambda: d.post(body, "msg_forged", source="nobody"))
    keeper.refuses(404, "a source nobody has, and no headers",
                   lambda: gate.request(d.hooks_port, "POST", "/hooks/v1/nobody", body))
    keeper.refuses(405, "asked for, not sent", lambda: gate.request(d.hooks_port, "GET", "/hooks/v1/app"))


def bodies(keeper):
    good = gate.payment_body("R1", 5000, "P-body")
    keeper.body(400, "no body at all", b"")
    keeper.body(400, "half a body", good[:len(good) // 2])
    keeper.body(400, "text behind the object", good + b"x")
    keeper.body(400, "a second object behind the first", good + good)
    keeper.body(400, "a NUL behind the object", good + b"\0")
    keeper.body(400, "a NUL in a text", good.replace(b"P-body", b"P-\0body"))
    keeper.body(400, "a NUL in a text, escaped", good.replace(b"P-body", b"P-\\u0000body"))
    keeper.body(400, "a key twice", good.replace(b'"amount_minor"', b'"amount_minor": 1, "amount_minor"'))
    keeper.body(400, "a key twice, once escaped",
                good.replace(b'"amount_minor"', b'"amount_min\\u006fr": 1, "amount_minor"'))
    keeper.body(400, "bytes that are not UTF-8", good.replace(b"P-body", b"P-\xff\xfe"))
    keeper.body(400, "a list instead of an object", b"[" + good + b"]")
    keeper.body(400, "a comma too many", good.replace(b'"app"', b'"app",'))
    keeper.body(400, "brackets without end", b"[" * 30000)
    keeper.body(400, "neither account nor meter", gate.payment_body(None, 5000, "P-body"))
    keeper.body(400, "no number of the payment", gate.payment_body("R1", 5000, None))
    keeper.body(400, "no amount", gate.payment_body("R1", None, "P-body"))
    keeper.body(400, "a currency that is none", gate.payment_body("R1", 5000, "P-body", currency="yuan"))
    keeper.body(400, "a day that does not exist", gate.payment_body("R1", 5000, "P-body", "2026-02-30T00:00:00Z"))
    for sentence, amount in (("0", b"0"), ("below 0", b"-5000"), ("a fraction", b"50.5"), ("2^53", b"9007199254740992"),
                             ("2^53+1", b"9007199254740993"), ("10^400", b"1" + 400 * b"0"), ("1e400", b"1e400"),
                             ("a text", b'"5000"'), ("true", b"true"), ("null", b"null"), ("NaN", b"NaN"),
                             ("with a leading 0", b"05000"), ("with a sign", b"+5000")):
        keeper.with_amount(f"an amount {sentence}", amount)
    keeper.body(422, "an event of another type", good.replace(b"payment.succeeded", b"payment.failed"))
    keeper.body(413, "a body of 64 KiB and 1", good + b" " * (65537 - len(good)))


def conflicts(d, keeper):
    a = d.pay("R1", 5000, "P-1")
    gate.ok(a.status == 200 and a.json["status"] == "accepted" and a.json["state"] == "settled",
            "200, accepted: a signed payment", a)
    first = a.json["receipt_id"]
    a = d.pay("R1", 5000, "P-1")
    gate.ok(a.status == 200 and a.json["status"] == "duplicate" and a.json["receipt_id"] == first,
            "200, duplicate: the same notification, with the same receipt", a)
    a = d.pay("R1", 5000, "P-1", event_id="msg_again")
    gate.ok(a.status == 200 and a.json["status"] == "duplicate" and a.json["receipt_id"] == first,
            "200, duplicate: another notification of the same payment", a)
    keeper.refuses(409, "the same id with another body", lambda: d.pay("R1", 5001, "P-2", event_id="msg_P-1"))
    keeper.refuses(409, "the same payment with another amount", lambda: d.pay("R1", 5001, "P-1", event_id="msg_c1"))
    keeper.refuses(409, "the same payment for another account", lambda: d.pay("R2", 5000, "P-1", event_id="msg_c2"))
    keeper.refuses(409, "the same payment in another currency",
                   lambda: d.pay("R1", 5000, "P-1", event_id="msg_c3", currency="USD"))
    keeper.refuses(409, "the same payment for a meter as well",
                   lambda: d.pay("R1", 5000, "P-1", event_id="msg_c4", meter_no=WALLET))


# --- what is taken --------------------------------------------------------------------------

def edges(d):
    body = gate.payment_body("R1", 100, "P-64k")
    a = d.post(body + b" " * (65536 - len(body)), "msg_64k")
    gate.ok(a.status == 200, "a body of exactly 64 KiB is taken", a)
    a = d.post(gate.payment_body("R1", 1, "P-old"), "msg_old", at=time.time() - 295)
    gate.ok(a.status == 200, "signed 295 s ago is taken, and an amount of 1", a)
    a = d.post(gate.payment_body("R1", 100, "P-ahead"), "msg_ahead", at=time.time() + 299)
    gate.ok(a.status == 200, "signed 299 s ahead is taken", a)
    a = d.pay("R3", 2**53 - 1, "P-most")
    gate.ok(a.status == 200, "an amount of 2^53-1 is taken", a)


def rotation(d):
    old, new = d.secret, gate.new_secret()

    def pays(secret, number):
        return d.post(gate.payment_body("R1", 100, number), "msg_" + number, secret=secret).status

    def reload(text):
        seen = len(d.log())
        d.write("app.secret", text)
        d.signal(signal.SIGHUP)
        return d.says("settings read anew", since=seen)

    gate.ok(pays(new, "P-new") == 401, "a secret that is not in the file yet is none")
    took = reload(f"{old}\n{new}\n")
    seen = (pays(old, "P-both1"), pays(new, "P-both2"))
    gate.ok(took and seen == (200, 200), "while two secrets stand in the file, both are good", seen)
    took = reload(f"{new}\n")
    seen = (pays(old, "P-late"), pays(new, "P-new"))
    gate.ok(took and seen == (401, 200), "when only the new one stands there, the old one is none", seen)
    d.secret = new
    seen = len(d.log())
    d.write("app.secret", "whsec_short\n")
    d.signal(signal.SIGHUP)
    said = d.says("settings stay as they were", since=seen)
    gate.ok(said and pays(new, "P-kept") == 200, "a file that is no good changes nothing")
    d.write("app.secret", new + "\n")


def suspense(db, d):
    cases = [("an account nobody has", "R99", {}), ("a meter nobody has", None, {"meter_no": "999999999999"}),
             ("the meter of another account", "R1", {"meter_no": OTHERS}),
             ("a meter without account", None, {"meter_no": NOBODYS}), ("another currency", "R1", {"currency": "USD"})]
    receipts = {}
    held_in = "SELECT -COALESCE(sum(amount_minor), 0) FROM powergate.posting WHERE ledger = 'suspense'"
    for n, (sentence, account, more) in enumerate(cases):
        before, held = db.counts(), db.value(held_in)
        a = d.pay(account, 7000 + n, f"S-{n}", **more)
        after = db.counts()
        grown = {k: after[k] - before[k] for k in after if after[k] != before[k]}
        posted = db.value(held_in) - held
        gate.ok(a.status == 200 and a.json["state"] == "suspense" and posted == 7000 + n and
                grown == {"inbox": 1, "payment": 1, "journal": 1, "posting": 2, "work": 1},
                f"200 and suspense, with one item of work: {sentence}", f"{a}\n{grown}\n{posted}")
        again = d.pay(account, 7000 + n, f"S-{n}", **more)
        gate.ok(again.status == 200 and again.json["status"] == "duplicate" and db.counts() == after,
                f"once more is a duplicate and no second item: {sentence}", again)
        receipts[n] = a.json["receipt_id"]
    gate.ok(db.value("SELECT count(*) FROM powergate.notice n JOIN powergate.work w ON n.key = 'work:' || w.id "
                     "WHERE w.cause = 'SUSPENSE' AND n.recipient = 'staff'") == len(cases), "the staff hear of each")
    return receipts


def assigning(db, d, sim, receipts):
    before = db.counts()
    tries = [d.ctl("payment", "assign", receipts[0], "nobody", "--reason", "x")[0],
             d.ctl("payment", "assign", receipts[0], "L1")[0], d.ctl("payment", "assign", "999999", "L1", "--reason", "x")[0],
             d.ctl("payment", "assign", receipts[4], "L1", "--reason", "it is in dollars")[0]]
    gate.ok(all(tries) and db.counts() == before,
            "not assigned: to nobody, without a reason, a payment nobody made, to another currency", tries)
    code, out, err = d.ctl("payment", "assign", receipts[0], "L1", "--reason", "the payer wrote R99 for L1")
    gate.ok(code == 0, "powergatectl assigns a payment to a local account", err)
    came = gate.comes(lambda: sim.truth("credit", WALLET), 15)
    gate.ok(came and [c["amount_minor"] for c in sim.truth("credit", WALLET)] == [7000],
            "and it goes into the meter, once", sim.truth(meter=WALLET))
    gate.ok(d.ctl("payment", "assign", receipts[0], "L1", "--reason", "again")[0] != 0, "it cannot be assigned twice")
    code, out, err = d.ctl("payment", "assign", receipts[1], "R2", "--reason", "a letter")
    state = db.rows("SELECT p.state, w.state, s.prepaid_minor FROM powergate.payment p JOIN powergate.work w ON w.payment_id = p.id "
                    "JOIN powergate.account_state s ON s.account_id = p.account_id WHERE p.id = :id", id=receipts[1])
    gate.ok(code == 0 and state == [["assigned", "resolved", "7001"]],
            "assigned to a remote account, it is in the balance and the work is done", state)


# --- many at once, and the database away ------------------------------------------------------

def crowd(db, d):
    """64 connections at a time, every payment twice, in any order."""
    numbers = [f"C-{n}" for n in range(200)] * 2

    def send(job):
        i, number = job
        return number, d.pay("R4", 100, number, event_id=f"msg_{number}" + ("_b" if i % 3 == 0 else ""), timeout=30)

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        told = list(pool.map(send, enumerate(numbers)))
    took = time.monotonic() - began
    kinds = collections.defaultdict(list)
    for number, a in told:
        kinds[number].append((a.status, a.json.get("status"), a.json.get("receipt_id")))
    good = all(sorted(k[1] for k in v) == ["accepted", "duplicate"] and len({k[2] for k in v}) == 1 for v in kinds.values())
    gate.ok(good, "GV14: 200 senders over 64 connections, each twice: one accepted, one duplicate, the same receipt",
            [v for v in kinds.values() if sorted(k[1] for k in v) != ["accepted", "duplicate"]][:5])
    seen = db.rows("SELECT count(*), count(DISTINCT payment_no), sum(amount_minor) FROM powergate.payment WHERE account_no = 'R4'")
    held = db.value("SELECT s.prepaid_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id WHERE number = 'R4'")
    gate.ok(seen == [["200", "200", "20000"]] and held == 20000, f"each is in the books exactly once ({len(told) / took:.0f} a second)", seen)

    def rival(n):
        return d.pay("R4", 100 + n, "C-rival", event_id=f"msg_rival{n}").status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        told = sorted(pool.map(rival, range(16)))
    gate.ok(told == [200] + [409] * 15, "of 16 that claim the same payment with 16 amounts one is right", told)


def database_away(db, d):
    before = db.counts()
    db.down()
    began = time.monotonic()
    a = d.pay("R5", 300, "D-1")
    took = time.monotonic() - began
    gate.ok(a.status == 503 and took < 11 * gate.SLOW, "503 while the database is down", f"{a} {took:.1f} s")
    gate.ok(gate.request(d.hooks_port, "GET", "/healthz").status == 503, "and /healthz says so")
    db.up()
    gate.ok(db.counts() == before, "nothing of it was kept")
    gate.ok(gate.comes(lambda: d.pay("R5", 300, "D-1").status == 200, 15), "it comes back, and the repeat is accepted")

    # A crash in the midst of it: what the sender was not told to be settled, it sends again.
    answers, lost = collections.Counter(), []

    def until_told(n):
        for _ in range(40):
            a = d.pay("R5", 300, f"D-crash{n}", timeout=15)
            answers[a.status] += 1
            if a.status == 200:
                return
            time.sleep(0.3)
        lost.append(n)

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(until_told, n) for n in range(150)]
        while answers[200] < 10:
            time.sleep(0.01)
        db.down("immediate")
        db.up()
        concurrent.futures.wait(jobs)
    seen = db.rows("SELECT count(*), sum(amount_minor) FROM powergate.payment WHERE account_no = 'R5'")
    gate.ok(not lost and seen == [["151", str(151 * 300)]],
            "the database crashes under 150 payments: each repeated until 200, each there once", f"{seen} {lost} {answers}")
    gate.ok(set(answers) <= {200, 503}, "and nobody heard anything but 200 and 503", answers)


def crash_while_committing(db, d):
    """The server dies with the rows ready and the commit not yet on its disk."""
    if not shutil.which("strace"):
        gate.skip("strace is not installed (tools/deps check)")
        return
    unsaid = told = 0
    for n in range(4):
        with open(db.base + "/data/postmaster.pid", encoding="utf-8") as f:
            master = f.readline().strip()
        with open(f"/proc/{master}/task/{master}/children", encoding="utf-8") as f:
            servers = [word for pid in f.read().split() for word in ("-p", pid)]
        log = [word for path in glob.glob(db.base + "/data/pg_wal/0*") for word in ("-P", path)]
        slow = gate.Process(["strace", *log, "-e", "inject=pwrite64,fdatasync:delay_enter=3000000", *servers], db.dir + "/slow")
        with open(slow.log_path, encoding="utf-8") as f:
            gate.until(lambda: f.read().count("attached") or False, 5, "strace's start")
        time.sleep(0.2)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            job = pool.submit(d.pay, "R7", 500, f"D-commit{n}", timeout=30)
            time.sleep(0.4)
            db.down("immediate")
            slow.stop()
            early = job.done() and job.result().status == 200
            db.up()
            kept = db.value("SELECT count(*) FROM powergate.payment WHERE payment_no = :'no'", no=f"D-commit{n}")
            told += early
            unsaid += early and kept == 0
            job.result()
        gate.until(d.healthy, 15)
    gate.ok(not told, "while the commit is not on the disk nobody is told 200",
            f"{told} of 4 were, and {unsaid} of those payments are gone")
    gate.ok(gate.comes(lambda: all(d.pay("R7", 500, f"D-commit{n}").status == 200 for n in range(4)), 15) and
            db.value("SELECT sum(amount_minor) FROM powergate.payment WHERE account_no = 'R7'") == 2000,
            "sent again, each is there once")


def not_confirmed(db, d):
    """A standby that does not confirm: a commit that was not waited for is none."""
    db.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    db.run("SELECT pg_reload_conf()")
    time.sleep(0.3)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(d.pay, "R8", 600, "D-standby", timeout=20)
        waits = gate.comes(lambda: db.rows("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
                                           "AND query LIKE '%payment_settle%'"), 5)
        first = job.result()
        again = d.pay("R8", 600, "D-standby", timeout=20)
    db.run("SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names")
    db.run("SELECT pg_reload_conf()")
    gate.ok(waits and (first.status, again.status) == (503, 503),
            "503 while the standby does not confirm, to the repeat as well", f"{first}, {again}")
    gate.ok(gate.comes(lambda: d.pay("R8", 600, "D-standby").status == 200, 15) and
            db.value("SELECT count(*) FROM powergate.payment WHERE account_no = 'R8'") == 1, "then it is a 200, once")


def database_stopped(db, d):
    """Not dead but stopped: no error comes from it, only no answer."""
    pids = [int(r[0]) for r in db.rows("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                       "AND pid <> pg_backend_pid()")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        a = d.pay("R6", 400, "D-stop", timeout=20)
        took = time.monotonic() - began
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    gate.ok(a.status == 503, "503 while the database does not answer", f"{a} after {took:.1f} s")
    gate.ok(gate.comes(lambda: d.pay("R6", 400, "D-stop").status == 200, 15), "it answers again, and the repeat is a 200")
    seen = db.rows("SELECT count(*), sum(amount_minor) FROM powergate.payment WHERE account_no = 'R6'")
    gate.ok(seen == [["1", "400"]], "once, not twice", seen)


# --- the desk, and the books ------------------------------------------------------------------

def desk(db, d):
    words = ("--json", "payment", "cash", "--account", "R2", "--amount", "50.00", "--payment-no", "CASH-1")
    code, out, err = d.ctl(*words)
    first = json.loads(out) if code == 0 else {}
    gate.ok(code == 0 and first.get("receipt_id"), "cash is taken and has a receipt", f"{code} {out} {err}")
    before = db.counts()
    code, out, err = d.ctl(*words)
    again = json.loads(out) if code == 0 else {}
    gate.ok(code == 0 and again.get("receipt_id") == first.get("receipt_id") and again.get("status") == "duplicate" and
            db.counts() == before, "the same number once more gives the same receipt and takes nothing", f"{out} {err}")
    code, out, err = d.ctl("payment", "cash", "--account", "R2", "--amount", "51.00", "--payment-no", "CASH-1")
    gate.ok(code != 0 and db.counts() == before, "the same number with another amount is refused", f"{code} {out} {err}")
    for amount in ("0.00", "-5.00", "50", "1.234", "1e3", "1,00", "99999999999999999999.00"):
        code, out, err = d.ctl("payment", "cash", "--account", "R2", f"--amount={amount}", "--payment-no", "CASH-2")
        gate.ok(code != 0 and db.counts() == before, f"{amount} is no amount", f"{code} {out} {err}")
    code, out, err = d.ctl("payment", "cash", "--account", "R2", "--amount", "20.00")
    gate.ok(code == 0 and "receipt" in (out + err).lower(), "without a number it gets one, and prints a receipt", out + err)
    code, out, err = d.ctl("payment", "show", "--payment-no", "CASH-1")
    gate.ok(code == 0 and "50.00" in out, "the receipt can be looked up by its number", out + err)


def refuses_sql(db, sentence, sql):
    try:
        db.run(sql)
        said = ""
    except RuntimeError as why:
        said = str(why)
    gate.ok("ERROR" in said, sentence, "it was done")


def ledger(db, d):
    gate.ok(db.value("SELECT sum(amount_minor) FROM powergate.posting") == 0 and
            db.value("SELECT count(*) FROM (SELECT 1 FROM powergate.posting GROUP BY journal_id, currency HAVING sum(amount_minor) <> 0) x") == 0,
            "every journal sums to zero, and so does the whole")
    gate.ok(not db.ledger_problems(), "the books agree with themselves", db.ledger_problems())
    code, out, err = d.ctl("ledger", "check")
    gate.ok(code == 0, "powergatectl says so too", out + err)
    old = db.value("SELECT min(id) FROM powergate.journal")
    before = db.rows("SELECT count(*), sum(id) FROM powergate.journal") + db.rows("SELECT count(*), sum(abs(amount_minor)) FROM powergate.posting")
    lines = "INSERT INTO powergate.posting (journal_id, line, ledger, owner, account_id, amount_minor, currency) VALUES "
    refuses_sql(db, "a later line to an old journal is refused", f"{lines} ({old}, 9, 'fees', '', NULL, 5, 'CNY')")
    refuses_sql(db, "two later lines that balance are refused",
                f"{lines} ({old}, 8, 'fees', '', NULL, 5, 'CNY'), ({old}, 9, 'tax', '', NULL, -5, 'CNY')")
    refuses_sql(db, "a journal that does not balance is refused", "BEGIN; WITH j AS (INSERT INTO powergate.journal (key, kind, at_us) "
                "VALUES ('t:1', 'test', 0) RETURNING id) INSERT INTO powergate.posting (journal_id, line, ledger, amount_minor, currency) "
                "SELECT id, n, 'fees', n, 'CNY' FROM j, generate_series(1, 2) n; COMMIT")
    refuses_sql(db, "a journal of two currencies that only sum to zero together is refused",
                "WITH j AS (INSERT INTO powergate.journal (key, kind, at_us) VALUES ('t:2', 'test', 0) RETURNING id) INSERT INTO "
                "powergate.posting (journal_id, line, ledger, amount_minor, currency) SELECT id, l, 'fees', a, c FROM j, "
                "(VALUES (1, 5, 'CNY'), (2, -5, 'USD')) v(l, a, c)")
    refuses_sql(db, "a journal without lines is refused",
                "INSERT INTO powergate.journal (key, kind, at_us) VALUES ('t:3', 'test', 0)")
    refuses_sql(db, "a key twice is refused", "WITH j AS (INSERT INTO powergate.journal (key, kind, at_us) SELECT key, 'test', 0 FROM "
                f"powergate.journal WHERE id = {old} RETURNING id) INSERT INTO powergate.posting (journal_id, line, ledger, amount_minor, "
                "currency) SELECT id, l, 'fees', a, 'CNY' FROM j, (VALUES (1, 5), (2, -5)) v(l, a)")
    refuses_sql(db, "lines of a journal that is not there are refused",
                f"{lines} (999999, 1, 'fees', '', NULL, 5, 'CNY'), (999999, 2, 'tax', '', NULL, -5, 'CNY')")
    refuses_sql(db, "a line of an account that is not there is refused", "WITH j AS (INSERT INTO powergate.journal (key, kind, at_us) VALUES "
                "('t:4', 'test', 0) RETURNING id) INSERT INTO powergate.posting (journal_id, line, ledger, account_id, amount_minor, currency) "
                "SELECT id, l, g, o, a, 'CNY' FROM j, (VALUES (1, 'prepaid', 999999, -5), (2, 'fees', NULL, 5)) v(l, g, o, a)")
    for column in ("account_id", "batch_id"):
        refuses_sql(db, f"a payment with a {column} that is not there is refused",
                    f"UPDATE powergate.payment SET {column} = 999999 WHERE payment_no = 'P-1'")
    for table in ("account", "payment_batch"):
        refuses_sql(db, f"DELETE FROM {table} is refused, whoever names its rows", f"DELETE FROM powergate.{table}")
        refuses_sql(db, f"{table} keeps its numbers", f"UPDATE powergate.{table} SET id = DEFAULT")
    for table, column in (("journal", "memo = 'x'"), ("posting", "amount_minor = amount_minor + 1")):
        refuses_sql(db, f"UPDATE {table} is refused, to the superuser too", f"UPDATE powergate.{table} SET {column}")
        refuses_sql(db, f"DELETE FROM {table} is refused", f"DELETE FROM powergate.{table}")
        refuses_sql(db, f"TRUNCATE {table} is refused", f"TRUNCATE powergate.{table} CASCADE")
    refuses_sql(db, "TRUNCATE of what journals hang on is refused", "TRUNCATE powergate.account CASCADE")
    after = db.rows("SELECT count(*), sum(id) FROM powergate.journal") + db.rows("SELECT count(*), sum(abs(amount_minor)) FROM powergate.posting")
    gate.ok(before == after, "and not one line has changed", f"{before} {after}")


def reversing(db, d, receipts):
    def journal(key):
        return str(db.value("SELECT id FROM powergate.journal WHERE key = :'k'", k=key))

    def reverse(key):
        return d.ctl("ledger", "reverse", journal(key), "--reason", "charged back")[0]

    before = db.counts()
    tries = [d.ctl("ledger", "reverse", journal("pay:app:P-1"))[0], reverse(db.value("SELECT key FROM powergate.journal WHERE kind = 'delivery' LIMIT 1")), d.ctl("ledger", "reverse", "999999", "--reason", "x")[0],
             reverse("pay:app:S-0"), reverse(f"assign:{receipts[0]}"), reverse("pay:app:S-1")]
    gate.ok(all(tries) and db.counts() == before, "not reversed: without a reason, what nobody posted, what is in a meter, what was assigned since", tries)
    gate.ok(reverse("pay:app:S-2") == 0 and d.ctl("payment", "assign", receipts[2], "R2", "--reason", "x")[0] != 0,
            "a payment that was reversed in suspense is nobody's any more")
    gate.ok(reverse("pay:app:D-1") == 0 and reverse("pay:app:D-1") != 0 and not db.ledger_problems(),
            "powergatectl reverses a journal, once", db.ledger_problems())
    paid = "SELECT j.id FROM powergate.journal j WHERE j.key = 'pay:app:P-1'"
    held = ("SELECT s.prepaid_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id WHERE number = 'R1'")
    post = """SET search_path = powergate; SELECT powergate.journal_post(:'key', 'reversal', 'charged back', 'tester', j.id, array_agg(p.ledger ORDER BY line),
        array_agg(p.owner ORDER BY line), array_agg(p.account_id ORDER BY line), array_agg(-p.amount_minor ORDER BY line), 'CNY', 1)
        FROM powergate.journal j JOIN powergate.posting p ON p.journal_id = j.id WHERE j.key = 'pay:app:P-1' GROUP BY j.id"""
    before = db.value(held)
    first = db.value(post, key="reverse:1")
    gate.ok(db.value(held) == before - 5000 and db.value(f"SELECT reverses FROM powergate.journal WHERE id = {first}") == db.value(paid),
            "a journal is corrected by its reverse, and the balance follows")
    gate.ok(db.value(post, key="reverse:1") == 0 and db.value(held) == before - 5000, "the same reversal once more does nothing")
    try:
        db.value(post, key="reverse:2")
        again = True
    except RuntimeError:
        again = False
    gate.ok(not again and db.value(held) == before - 5000, "a journal cannot be reversed twice")
    gate.ok(not db.ledger_problems(), "and the books still agree", db.ledger_problems())


def currencies(d):
    """What has not two digits behind the point."""
    codes = ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF BHD IQD JOD KWD LYD OMR TND").split()
    bodies = [("site/add", {"name": "far", "zone": "Asia/Tokyo", "currency": code}) for code in codes]
    bodies += [("shift/open", {"terminal": "T-far", "currency": "JPY"})]
    answers = [gate.request(d.socket, "POST", f"/v1/{path}", json.dumps(body).encode()) for path, body in bodies]
    gate.ok(all(a.status == 400 and "two digits" in a.json["error"] for a in answers), "no site and no drawer has another money",
            [str(a) for a in answers])
    tries = [d.ctl(*words, "--currency", "JPY") for words in
             (("payment", "cash", "J-1", "--account", "R1", "--amount", "5000.00"), ("site", "add", "far", "--zone", "Asia/Tokyo"))]
    gate.ok(all(code == 2 and "two digits" in err for code, out, err in tries), "nor does powergatectl write an amount of it", tries)
    for code, shown in (("JPY", "5000"), ("KWD", "5.000"), ("USD", "50.00")):
        a = d.pay("R1", 5000, f"C-{code}", currency=code)
        out = d.ctl("payment", "show", a.json["receipt_id"])[1]
        listed = d.ctl("payment", "list", "--csv")[1]
        gate.ok(a.json["state"] == "suspense" and shown in out.split() and f",{shown},{code}," in listed,
                f"what comes in all the same waits for a person, and reads {shown} {code}", (a, out, listed[:500]))


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db) as d:
    for n in range(1, 9):
        d.remote(f"R{n}")
    d.local("L1", WALLET)
    d.remote("R9", OTHERS)
    d.order("meter/add", meter=NOBODYS, profile="remote", site="here")
    with gate.Sim(BUILD, d, [{"address": WALLET, "profile": "wallet-esam", "opened": "yes", "customer": WALLET, "watts": 0}]) as sim:
        sim.online(1)
        d.commission(WALLET)
        keeper = Doorkeeper(db, d)
        forgeries(d, keeper)
        bodies(keeper)
        conflicts(d, keeper)
        edges(d)
        rotation(d)
        receipts = suspense(db, d)
        assigning(db, d, sim, receipts)
    crowd(db, d)
    desk(db, d)
    database_away(db, d)
    crash_while_committing(db, d)
    not_confirmed(db, d)
    database_stopped(db, d)
    ledger(db, d)
    reversing(db, d, receipts)
    currencies(d)
    gate.ok(d.running(), "the daemon is still the same process")
sys.exit(gate.done())
PY
