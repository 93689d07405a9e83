#!/bin/sh
# Payments that are taken back: out of a balance, off a delivery, against the next recharge, to
# another account, by two people; and what a provider takes without asking.
#   tests/it/refunds.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import concurrent.futures, hashlib, hmac, json, os, shutil, subprocess, sys, time
import field, gate

BUILD = sys.argv[1]
SECOND_UID = 54321
IN, AWAY, OTHER = "202600000401", "202600000402", "202600000403"
MONEY = ("inbox", "payment", "journal", "posting", "credit_delivery", "command", "work")


class Desk:
    """powergatectl by two people; the second has a uid of its own, which takes root."""

    def __init__(self, db, d):
        self.db, self.d = db, d
        self.program = shutil.copy(os.path.join(BUILD, "powergatectl"), os.path.join(d.dir, "ctl"))
        os.chmod(d.socket, 0o666)
        db.run(f"INSERT INTO powergate.principal VALUES ({SECOND_UID}, 'second', 'approver', 0)")

    def run(self, *words, second=False):
        who = ["setpriv", f"--reuid={SECOND_UID}", "--clear-groups"] if second else []
        p = subprocess.run([*who, self.program, "--socket", self.d.socket, "--json", *map(str, words)],
                           capture_output=True, text=True, check=False)
        return p.returncode, json.loads(p.stdout) if p.returncode == 0 else p.stdout + p.stderr

    def does(self, *words, second=False):
        code, told = self.run(*words, second=second)
        if code != 0:
            raise RuntimeError(f"{words}: {told}")
        return told

    def counts(self):
        seen = self.db.counts()
        return {k: seen[k] for k in MONEY} | {"correction": self.db.value("SELECT count(*) FROM powergate.correction")}

    def refuses(self, words, sentence, *command, second=False):
        before = self.counts()
        code, told = self.run(*command, second=second)
        gate.ok(code != 0 and words in str(told) and self.counts() == before, f"refused, and no row anywhere: {sentence}", f"{code} {told}")

    def pay(self, account, minor, number, **more):
        return self.d.pay(account, minor, number, **more).json["receipt_id"]

    def held(self, account):
        """Prepaid, loaded and owed of an account."""
        return [int(n) for n in self.db.rows("SELECT s.prepaid_minor, s.loaded_minor, s.arrears_minor FROM powergate.account_state s "
                                             "JOIN powergate.account a ON a.id = s.account_id WHERE a.number = :'a'", a=account)[0]]

    def book(self, ledger, owner="%"):
        return self.db.value("SELECT COALESCE(sum(amount_minor), 0) FROM powergate.posting WHERE ledger = :'l' AND owner LIKE :'o'", l=ledger, o=owner)

    def work(self, key):
        return self.db.rows("SELECT cause, text, todo FROM powergate.work WHERE key = :'k' AND state <> 'resolved'", k=key)

    def told(self, kind):
        return self.db.rows("SELECT n.body->>'amount_minor', n.body->>'owed_minor' FROM powergate.notice n WHERE n.kind = :'k' AND n.recipient = 'customer' "
                            "ORDER BY n.id", k=kind)

    def close(self, chapter):
        """The end of each chapter."""
        sum_of_all = self.db.value("SELECT COALESCE(sum(amount_minor), 0) FROM powergate.posting")
        gate.ok(sum_of_all == 0 and not self.db.ledger_problems() and self.d.running(), f"{chapter}: the books balance and agree",
                f"{sum_of_all} {self.db.ledger_problems()}")

    # -- the providers' side

    def paystack(self, event, **data):
        body = json.dumps({"event": event, "data": {"currency": "CNY", "domain": "live", **data}}).encode()
        return gate.request(self.d.hooks_port, "POST", "/hooks/v1/naira", body,
                            {"x-paystack-signature": hmac.new(b"sk_test_key", body, hashlib.sha512).hexdigest()})

    def charge(self, number, minor, account):
        a = self.paystack("charge.success", id="1" + number, reference=number, status="success", amount=minor, paid_at="2026-11-20T08:00:00Z",
                          channel="card", metadata={"account_no": account})
        return self.db.value("SELECT id FROM powergate.payment WHERE source = 'naira' AND payment_no = :'n'", n=number), a

    def refunded(self, number, minor, refund="", n=0):
        return self.paystack("refund.processed", id=f"9{n}", transaction_reference=number, status="processed", amount=minor, refund_reference=refund)

    def dispute(self, number, payment, minor):
        body = json.dumps({"id": "evt_" + number, "created": 1795000000, "livemode": True, "type": "charge.dispute.created", "data": {"object": {
            "id": number, "payment_intent": payment, "amount": minor, "currency": "cny", "status": "needs_response"}}}).encode()
        stamp = str(int(time.time()))
        mac = hmac.new(b"whsec_card", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return gate.request(self.d.hooks_port, "POST", "/hooks/v1/card", body, {"Stripe-Signature": f"t={stamp},v1={mac}"})

    def card(self, number, minor, account):
        body = json.dumps({"id": "evt_" + number, "created": 1795000000, "livemode": True, "type": "payment_intent.succeeded", "data": {"object": {
            "id": number, "status": "succeeded", "currency": "cny", "amount_received": minor, "metadata": {"account_no": account}}}}).encode()
        stamp = str(int(time.time()))
        mac = hmac.new(b"whsec_card", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return gate.request(self.d.hooks_port, "POST", "/hooks/v1/card", body, {"Stripe-Signature": f"t={stamp},v1={mac}"})


def balance(desk, d):
    q, _ = desk.charge("REF-1", 5000, "R1")
    r = desk.does("refund", "request", q, "--amount=20.00", "--refund-no=OUT-0001", "--reason=paid too much")
    gate.ok(r["state"] == "payable" and desk.held("R1") == [3000, 0, 0] and desk.book("payable") == -2000 and desk.book("clearing", "naira") == 5000,
            "a refund goes out of the balance, and is to be paid: nothing has left yet", f"{r} {desk.held('R1')}")
    w = desk.work(f"payout:{r['refund']}")
    gate.ok(len(w) == 1 and "OUT-0001" in w[0][2], "an item of work says under which number to pay it", w)
    before = desk.counts()
    again = desk.does("refund", "request", q, "--amount=20.00", "--refund-no=OUT-0001", "--reason=paid too much")
    gate.ok(again["refund"] == r["refund"] and desk.counts() == before, "the same number once more is the same refund", again)
    desk.refuses("other data", "that number with another amount", "refund", "request", q, "--amount=21.00", "--refund-no=OUT-0001", "--reason=x")
    desk.refuses("30.00", "more than is left of the payment", "refund", "request", q, "--amount=30.01", "--reason=x")
    desk.refuses("reason", "without a reason", "refund", "request", q, "--amount=1.00", "--reason=")
    desk.refuses("no such", "of a payment nobody knows", "refund", "request", 999999, "--amount=1.00", "--reason=x")
    a = desk.refunded("REF-1", 2000, "OUT-0001", 1)
    shown = desk.does("refund", "show", r["refund"])
    gate.ok(a.status == 200 and shown["state"] == "paid" and desk.book("payable") == 0 and desk.book("clearing", "naira") == 3000 and
            not desk.work(f"payout:{r['refund']}"), "the provider tells that it paid: paid, and nobody has to", f"{a} {shown}")
    gate.ok([s["step"] for s in shown["steps"]] == ["requested", "payable", "paid"] and desk.told("refunded") == [["2000", ""]],
            "step by step; and the customer hears of it", f"{shown['steps']} {desk.told('refunded')}")
    before = desk.counts()
    a = desk.refunded("REF-1", 2000, "OUT-0001", 2)
    gate.ok(a.status == 200 and {**desk.counts(), "inbox": before["inbox"]} == before, "told once more in other bytes it moves nothing", a)
    r = desk.does("refund", "request", q, "--reason=the rest")
    gate.ok(r["amount_minor"] == 3000 and desk.held("R1")[0] == 0, "without an amount it is all that is left", r)
    done = desk.does("refund", "paid", r["refund"], "--reference=transfer 77")
    again = desk.does("refund", "paid", r["refund"], "--reference=transfer 77")
    gate.ok(done["state"] == "paid" and done == again and desk.book("clearing", "naira") == 0, "a person who paid says by what", done)
    desk.refuses("0.00", "a third time: nothing is left", "refund", "request", q, "--amount=0.01", "--reason=x")
    code, out, err = d.ctl("recharge", "prove", str(q), "--conf", d.conf)
    gate.ok(code == 1 and "taken back" in out, "what was refunded is not proven to have arrived", out + err)
    q = desk.pay("R1", 5000, "P-used")
    desk.db.run("SET search_path = powergate; SELECT powergate.journal_post('test:used', 'test', 'spent', 'test', NULL, ARRAY['prepaid', 'energy'], ARRAY['', ''], "
                "ARRAY[(SELECT id FROM account WHERE number = 'R1'), NULL], ARRAY[3500, -3500]::bigint[], 'CNY', 0)")
    desk.refuses("15.00 can be paid back at most", "what is used is used", "refund", "request", q, "--amount=50.00", "--reason=x")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: desk.run("refund", "request", q, "--amount=4.00", "--reason=a race")[0], range(8)))
    gate.ok(codes.count(0) == 3 and desk.held("R1") == [300, 0, 0], "eight at once for what is enough for three: three", f"{codes} {desk.held('R1')}")
    r = desk.does("refund", "list", "--account=R1", "--state=payable")["rows"]
    back = desk.does("refund", "withdraw", r[0]["refund"], "--reason=he keeps it")
    gate.ok(len(r) == 3 and back["state"] == "withdrawn" and desk.held("R1") == [700, 0, 0], "one that is withdrawn is his balance again", back)
    q = desk.pay("NOBODY", 1200, "P-nobody")
    r = desk.does("refund", "request", q, "--reason=nobody knows him")
    gate.ok(r["state"] == "payable" and desk.book("suspense") == 0 and not desk.work(f"suspense:{q}"), "a payment of nobody goes back out of suspense", r)
    desk.refuses("refunded", "it is assigned to nobody any more", "payment", "assign", q, "R1", "--reason=x")
    q = desk.pay("NOBODY", 1300, "P-nobody-2")
    r = desk.does("refund", "request", q, "--reason=nobody knows him")
    gate.ok(not desk.work(f"suspense:{q}"), "one more of nobody")
    desk.does("refund", "withdraw", r["refund"], "--reason=he called")
    w = desk.work(f"suspense:{q}")
    gate.ok(desk.book("suspense") == -1300 and len(w) == 1 and "he called" in w[0][1], "that is not paid back after all is in suspense again, and somebody's work", w)
    before = desk.held("R1")[0]
    desk.does("payment", "assign", q, "R1", "--reason=it is his")
    gate.ok(desk.book("suspense") == 0 and desk.held("R1")[0] == before + 1300 and not desk.work(f"suspense:{q}"), "and is assigned to whom it belongs", desk.held("R1"))
    desk.close("out of a balance")


def undelivered(desk, d):
    q = desk.pay("L2", 5000, "P-away")
    r = desk.does("refund", "request", q, "--reason=the meter is away")
    state = desk.db.rows("SELECT state FROM powergate.credit_delivery WHERE payment_id = :q", q=q)
    gate.ok(r["state"] == "payable" and state == [["CANCELLED"]] and desk.held("L2") == [0, 0, 0],
            "what has not left for the meter is cancelled, and to be paid back", f"{r} {state}")
    p = desk.pay("L2", 5000, "P-part")
    r = desk.does("refund", "request", p, "--amount=30.00", "--reason=too much")
    parts = desk.db.rows("SELECT state, amount_minor FROM powergate.credit_delivery WHERE payment_id = :q ORDER BY id", q=p)
    gate.ok(parts == [["CANCELLED", "5000"], ["QUEUED", "2000"]] and r["balance_minor"] == 3000, "of a part the rest travels anew", parts)
    s = desk.pay("L2", 1000, "P-back")
    r = desk.does("refund", "request", s, "--reason=x")
    back = desk.does("refund", "withdraw", r["refund"], "--reason=he wants it after all")
    gate.ok(back["state"] == "withdrawn" and desk.held("L2") == [3000, 0, 0], "one that is withdrawn travels again", back)
    desk.close("not delivered")


def delivered(desk, d, sim):
    q = desk.pay("L1", 5000, "P-in")
    gate.until(lambda: sim.truth("credit", IN), 20, "the credit")
    gate.until(lambda: desk.held("L1") == [0, 5000, 0], 20, "the read-back")
    sent = len(desk.db.rows("SELECT FROM powergate.command"))
    r = desk.does("refund", "request", q, "--amount=20.00", "--reason=paid twice")
    gate.ok(r["state"] == "offset" and desk.held("L1") == [0, 5000, 2000] and desk.book("payable", f"refund:{r['refund']}") == -2000 and
            len(desk.db.rows("SELECT FROM powergate.command")) == sent,
            "what is in the meter stays there: the account owes it, and nothing is sent", f"{r} {desk.held('L1')}")
    desk.refuses("money leaves last", "to pay it out before", "refund", "paid", r["refund"], "--reference=x")
    desk.pay("L1", 3000, "P-next")
    gate.until(lambda: desk.does("refund", "show", r["refund"])["state"] == "payable", 10, "the next payment")
    gate.until(lambda: desk.held("L1") == [0, 6000, 0], 20, "the rest of it")
    credits = [t["amount_minor"] for t in sim.truth("credit", IN)]
    gate.ok(desk.work(f"payout:{r['refund']}") and credits[-2:] == [5000, 1000], "the next recharge pays it, only its rest goes into the meter, and then it is to be paid out", credits)
    journal = desk.db.value("SELECT id FROM powergate.journal WHERE kind = 'waterfall' ORDER BY id DESC LIMIT 1")
    desk.refuses("a refund waited for this", "what paid for it the other way round", "ledger", "reverse", journal, "--reason=x")
    desk.does("refund", "paid", r["refund"], "--reference=over the counter")
    gate.ok(desk.book("payable", f"refund:{r['refund']}") == 0, "and is")
    desk.close("delivered")


def two_people(desk, d):
    if os.getuid() != 0:
        gate.skip("two people need two uids: run as root")
        return
    start = desk.held("R2")[0]
    q = desk.pay("R2", 250000, "P-big")
    r = desk.does("refund", "request", q, "--amount=2000.00", "--reason=moved out")
    gate.ok(r["state"] == "requested" and r["needs"] == 1 and desk.held("R2")[0] == start + 250000 and desk.work(f"approve:{r['refund']}"),
            "above the limit nothing moves: a second person is asked", r)
    desk.refuses("another person", "the same person approves", "refund", "approve", r["refund"])
    desk.refuses("2000.00 is asked for", "another amount is approved", "refund", "approve", r["refund"], "--amount=200.00", second=True)
    for sql in ("state = 'approved', approved_us = 1, approved_by = 'me', approved_uid = requested_uid", "amount_minor = 1", "payment_id = 1", "second = false",
                "state = 'payable'", "requested_uid = 7"):
        try:
            desk.db.run(f"UPDATE powergate.correction SET {sql} WHERE id = {r['refund']}")
            gate.ok(False, f"the database refuses: {sql}")
        except RuntimeError:
            continue
    gate.ok(desk.does("refund", "show", r["refund"])["state"] == "requested", "nor does the database take it past one person, with another amount or payment")
    done = desk.does("refund", "approve", r["refund"], "--amount=2000.00", second=True)
    gate.ok(done["state"] == "payable" and done["approved_by"] == "second" and desk.held("R2")[0] == start + 50000 and not desk.work(f"approve:{r['refund']}"),
            "the second person approves it", done)
    desk.refuses("it is payable", "once more", "refund", "approve", r["refund"], second=True)
    r = desk.does("refund", "request", q, "--amount=1.00", "--reason=a small one more")
    gate.ok(r["state"] == "requested", "small ones of one payment count together", r)
    desk.does("refund", "withdraw", r["refund"], "--reason=no")
    journal = desk.db.value("SELECT id FROM powergate.journal WHERE key = 'pay:app:P-big'")
    desk.refuses("refunded or moved", "the journal of a refunded payment the other way round", "ledger", "reverse", journal, "--reason=x")
    q = desk.pay("R2", 150000, "P-wrong")
    journal = desk.db.value("SELECT id FROM powergate.journal WHERE key = 'pay:app:P-wrong'")
    r = desk.does("ledger", "reverse", journal, "--reason=typed wrongly")
    gate.ok(r["state"] == "requested" and desk.held("R2")[0] == start + 200000, "a reversal above the limit waits too", r)
    d.configure({"refunds": {"approval": "1s"}})
    desk.does("refund", "approve", r["refund"], second=True)
    gate.ok(desk.held("R2")[0] == start + 50000, "and is done when another person approves it", desk.held("R2"))
    seen = len(d.log())
    d.signal(1)
    d.says("settings read anew", since=seen)
    q = desk.pay("R2", 150000, "P-late")
    r = desk.does("refund", "request", q, "--reason=x")
    time.sleep(1.1)
    code, told = desk.run("refund", "approve", r["refund"], second=True)
    gate.ok(code != 0 and "expired" in str(told) and desk.held("R2")[0] == start + 200000 and not desk.work(f"approve:{r['refund']}"),
            "an approval that comes too late is none", told)
    desk.refuses("two people", "to pay as much back without naming a payment", "account", "refund", "R2", "--amount=1000.01", "--reason=x")
    gate.ok(desk.run("account", "refund", "R2", "--amount=600.00", "--reason=x")[0] == 0 and
            desk.run("account", "refund", "R2", "--amount=600.00", "--reason=x")[0] != 0, "nor in two halves")
    acts = {x[0] for x in desk.db.rows("SELECT action FROM powergate.audit WHERE actor IN ('tester', 'second')")}
    gate.ok({"refund.request", "refund.approve", "refund.withdraw", "refund.paid", "ledger.reverse"} <= acts, "the audit knows who did what", acts)
    desk.close("two people")


def moved(desk, d, sim):
    q = desk.pay("R1", 4000, "P-mine")
    start, before = desk.held("R1")[0], desk.counts()
    plan = desk.does("payment", "move", q, "--to=R2", "--reason=typed the wrong number", "--dry-run")
    gate.ok(len(plan["steps"]) == 2 and "40.00" in plan["steps"][0] and desk.counts() == before, "a move says first what it will do, and does nothing", plan)
    to = desk.held("R2")[0]
    done = desk.does("payment", "move", q, "--to=R2", "--reason=typed the wrong number")
    gate.ok(done["state"] == "done" and desk.held("R1")[0] == start - 4000 and desk.held("R2")[0] == to + 4000, "then it does: out of the one, into the other", done)
    desk.refuses("of this account", "once more", "payment", "move", q, "--to=R2", "--reason=x")
    desk.refuses("no such", "to an account nobody has", "payment", "move", q, "--to=R9", "--reason=x")
    code, out, err = d.ctl("recharge", "prove", str(q), "--conf", d.conf)
    gate.ok(code == 0 and "came from another account" in out, "and is proven, the move among its links", out + err)
    journal = desk.db.value("SELECT id FROM powergate.journal WHERE key = 'pay:app:P-mine'")
    desk.refuses("refunded or moved", "its journal the other way round", "ledger", "reverse", journal, "--reason=x")
    q = desk.pay("L2", 2500, "P-neighbour")
    away = desk.held("L2")[0]
    desk.does("payment", "move", q, "--to=L3", "--reason=the neighbour's meter")
    there = gate.comes(lambda: desk.held("L3") == [0, 2500, 0], 20)
    gate.ok(there and desk.held("L2")[0] == away - 2500 and [t["amount_minor"] for t in sim.truth("credit", OTHER)][-1] == 2500,
            "what was on its way into the wrong meter is cancelled and reaches the right one", f"{desk.held('L2')} {desk.held('L3')}")
    q = desk.pay("L1", 1500, "P-in-wrong")
    gate.until(lambda: desk.held("L1")[1] == 7500, 20, "the wrong meter")
    plan = desk.does("payment", "move", q, "--to=R1", "--reason=wrong meter", "--dry-run")
    mine = desk.held("R1")[0]
    done = desk.does("payment", "move", q, "--to=R1", "--reason=wrong meter")
    gate.ok("owes it" in plan["steps"][0] and done["owed_minor"] == 1500 and desk.held("L1") == [0, 7500, 1500] and desk.held("R1")[0] == mine + 1500,
            "what is in the wrong meter its account owes, and the right one has it at once", f"{plan} {desk.held('L1')}")
    desk.pay("L1", 1500, "P-pays-it")
    gate.ok(gate.comes(lambda: desk.held("L1") == [0, 7500, 0], 20), "its next payment pays that, and none of it reaches the meter", desk.held("L1"))
    desk.close("moved")


def taken(desk):
    """What providers take without asking: nobody's balance sinks below zero in silence."""
    desk.card("pi_1", 6000, "R3")
    a = desk.dispute("dp_1", "pi_1", 6000)
    w = desk.work("chargeback:card:pi_1:dp_1")
    gate.ok(a.status == 200 and desk.held("R3") == [6000, 0, 6000] and w and "owed now" in w[0][2] and desk.told("taken_back") == [["6000", "6000"]],
            "a chargeback is owed, the customer hears of it, and somebody disputes it", f"{a} {desk.held('R3')} {w} {desk.told('taken_back')}")
    before = desk.counts()
    desk.dispute("dp_2", "pi_1", 6000)
    gate.ok(desk.counts()["journal"] == before["journal"] and desk.work("chargeback:card:pi_1:dp_2"), "a second one of the same money is not posted: a person looks")
    q, _ = desk.charge("REF-2", 4000, "R4")
    desk.db.run("SET search_path = powergate; SELECT powergate.journal_post('test:used4', 'test', 'spent', 'test', NULL, ARRAY['prepaid', 'energy'], ARRAY['', ''], "
                "ARRAY[(SELECT id FROM account WHERE number = 'R4'), NULL], ARRAY[3000, -3000]::bigint[], 'CNY', 0)")
    a = desk.refunded("REF-2", 4000, "THEIRS-1", 3)
    gate.ok(a.status == 200 and desk.held("R4") == [0, 0, 3000] and desk.told("taken_back")[-1] == ["4000", "3000"],
            "a refund nobody asked for takes what is left, and the rest is owed", f"{desk.held('R4')} {desk.told('taken_back')}")
    gate.ok(desk.work("refund:naira:REF-2:THEIRS-1"), "and a person sees whether it is right")
    before = desk.counts()
    desk.refunded("REF-2", 100, "THEIRS-2", 4)
    gate.ok(desk.counts()["journal"] == before["journal"] and "not posted" in desk.work("refund:naira:REF-2:THEIRS-2")[0][2],
            "more than was ever paid is not posted", desk.work("refund:naira:REF-2:THEIRS-2"))
    q, _ = desk.charge("REF-3", 1000, "L2")
    state = desk.held("L2")
    desk.refunded("REF-3", 1000, "THEIRS-3", 5)
    gate.ok(desk.held("L2") == [state[0] - 1000, 0, 0], "one of what has not left for its meter cancels the delivery", desk.held("L2"))
    desk.close("taken")


def main():
    sink = field.Sink()
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, start=False) as d:
        sources = d.settings["hooks"]["sources"]
        d.write("paystack", "sk_test_key\n")
        d.write("stripe", "whsec_card\n")
        d.write("keys.yaml", "paystack:\n  secrets_file: paystack\nstripe:\n  secrets_file: stripe\n")
        keys = os.path.join(d.dir, "keys.yaml")
        d.configure({"hooks": {"sources": sources + [{"name": "naira", "provider": "paystack", "keys_file": keys},
                                                     {"name": "card", "provider": "stripe", "keys_file": keys}]}})
        d.configure(sink.settings(d))
        d.start()
        for n in range(1, 5):
            d.remote(f"R{n}")
        for n, meter in ((1, IN), (2, AWAY), (3, OTHER)):
            d.local(f"L{n}", meter)
        desk = Desk(db, d)
        with gate.Sim(BUILD, d, [{"address": IN, "profile": "wallet-esam"}, {"address": OTHER, "profile": "wallet-esam"}]) as sim:
            sim.online(2)
            d.commission(IN)
            d.commission(OTHER)
            balance(desk, d)
            undelivered(desk, d)
            delivered(desk, d, sim)
            moved(desk, d, sim)
            taken(desk)
            two_people(desk, d)
    sink.close()
    return gate.done()


sys.exit(main())
PY
