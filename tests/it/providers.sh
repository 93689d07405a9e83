#!/bin/sh
# Payment providers at the door of the daemon, each with keys made here and openssl as its pen.
# What is refused leaves no row of money; what is taken is durable, and taken once.
#   tests/it/providers.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import concurrent.futures, json, os, signal, sys, time
import gate, pens
from pens import CONFIRM, VALIDATE

BUILD = sys.argv[1]
METER = "202600000201"
MONEY = ("inbox", "payment", "journal", "posting", "credit_delivery", "command")


# --- the providers ---------------------------------------------------------------------------

class Door(pens.Senders):
    def __init__(self, db, d, keys):
        super().__init__(d, keys)
        self.db = db

    # -- what must hold

    def counts(self):
        seen = self.db.counts()
        return {k: seen[k] for k in MONEY}

    def refuses(self, status, sentence, send):
        before = self.counts()
        a = send()
        gate.ok(a.status == status and self.counts() == before and self.d.running(),
                f"{status}, and no row anywhere: {sentence}", f"{a}\n{before}\n{self.counts()}")
        return a

    def takes(self, body, sentence, send, payment=1, **grown):
        before = self.counts()
        a = send()
        after = self.counts()
        seen = {k: after[k] - before[k] for k in after if after[k] != before[k]}
        wanted = {"inbox": 1, **({"payment": 1, "journal": 1, "posting": 2} if payment else {}), **grown}
        gate.ok(a.status == 200 and a.body == body and seen == wanted, sentence, f"{a}\n{seen}, not {wanted}")
        before = self.counts()
        a = self.send(*self.last)
        gate.ok(a.status == 200 and a.body == body and self.counts() == before, "and once more it is taken and adds nothing", a)

    def state(self, source, number):
        return self.db.rows("SELECT q.state, q.amount_minor, COALESCE(a.number, '-'), COALESCE(j.memo, '') FROM powergate.payment q "
                            "LEFT JOIN powergate.account a ON a.id = q.account_id JOIN powergate.journal j ON j.key = "
                            "'pay:' || q.source || ':' || q.payment_no WHERE q.source = :'s' AND q.payment_no = :'n'", s=source, n=number)

    def work(self, key):
        return self.db.rows("SELECT cause, text, todo FROM powergate.work WHERE key = :'k' AND state <> 'resolved'", k=key)


def order(d, account, amount, source, **more):
    return d.order("orders", account=account, amount_minor=str(amount), source=source, **more)


# --- each provider ----------------------------------------------------------------------------

OK_WX, OK_ALI, OK_CARD = b'{"code":"SUCCESS","message":"OK"}', b"success", b'{"received":true}'
OK_TILL = b'{"ResultCode":"0","ResultDesc":"Accepted"}'


def wechat(door):
    o = order(door.d, "A1", 5000, "wx")["order_no"]
    door.takes(OK_WX, "WeChat Pay: a sealed payment of an order is money", lambda: door.wechat("WX1", 5000, o))
    gate.ok(door.state("wx", "WX1") == [["settled", "5000", "A1", ""]], "of the order's account", door.state("wx", "WX1"))
    before = door.counts()
    a = door.wechat("WX1", 5000, o)
    gate.ok(a.status == 200 and door.counts() == before, "sealed and signed anew it is still the same money", a)
    door.refuses(401, "signed with another key", lambda: door.wechat("WXF", 5000, o, key="other"))
    door.refuses(401, "signed 301 s ago", lambda: door.wechat("WXF", 5000, o, at=time.time() - 301))
    door.refuses(500, "signed with a key that is not in the file: it is to come again", lambda: door.wechat("WXF", 5000, o, serial="PUB_KEY_ID_2"))
    door.refuses(403, "for another merchant", lambda: door.wechat("WXF", 5000, o, mchid="1900000002"))
    door.refuses(500, "sealed with another key", lambda: door.wechat("WXF", 5000, o, seal=False))
    for code in ("bad_signature", "stale", "unknown_key", "wrong_merchant", "sealed"):
        gate.ok(len(door.work(f"provider:wx:{code}")) == 1, f"there is one item of work: {code}", door.work(f"provider:wx:{code}"))
    door.refuses(401, "a probe", lambda: door.wechat("WXF", 5000, o, probe=True))
    gate.ok(not door.work("provider:wx:probe") and "refused=probe" in door.d.log(), "which is counted, and nobody is woken")
    door.wechat("WXF", 5000, o, key="other")
    gate.ok(door.db.value("SELECT count(*) FROM powergate.work WHERE key = 'provider:wx:bad_signature'") == 1, "a second forgery is no second item")
    o = order(door.d, "A1", 5000, "wx")["order_no"]
    door.takes(OK_WX, "an amount that is not the order's is taken", lambda: door.wechat("WX2", 4999, o))
    gate.ok(door.state("wx", "WX2") == [["suspense", "4999", "-", f"order {o} is of 50.00 CNY"]], "into suspense, with the reason", door.state("wx", "WX2"))
    door.takes(OK_WX, "then the right amount", lambda: door.wechat("WX3", 5000, o))
    gate.ok(door.state("wx", "WX3")[0][0] == "settled", "settles it", door.state("wx", "WX3"))
    door.takes(OK_WX, "a second payment of an order that is paid is taken", lambda: door.wechat("WX4", 5000, o))
    gate.ok(door.state("wx", "WX4")[0][3] == f"order {o} is paid already", "into suspense", door.state("wx", "WX4"))
    door.takes(OK_WX, "an order nobody knows, with the account written along", lambda: door.wechat("WX5", 700, "FOREIGN-1", attach="A2"))
    gate.ok(door.state("wx", "WX5")[0][:3] == ["settled", "700", "A2"], "is that account's", door.state("wx", "WX5"))
    door.takes(OK_WX, "one without is taken", lambda: door.wechat("WX6", 700, "FOREIGN-2"))
    gate.ok(door.state("wx", "WX6")[0][3] == "no order FOREIGN-2", "into suspense", door.state("wx", "WX6"))
    before = door.counts()
    a = door.wechat("WX1", 5001, "PG-OTHER", event="EV-again")
    gate.ok(a.body == OK_WX and door.counts() == {**before, "inbox": before["inbox"] + 1} and door.work("conflict:wx:WX1:"),
            "the same number with another amount is kept, is no money, and somebody looks", a)
    door.takes(OK_WX, "a refund nobody asked for here is posted", lambda: door.wechat("WX1", 5000, o, kind="REFUND.SUCCESS", event="EV-R1"), payment=0,
               journal=1, posting=2)
    w = door.work("refund:wx:WX1:RF-1")
    gate.ok(len(w) == 1 and "50.00 out of the balance" in w[0][2], "the item of work says where it was taken from", w)
    door.takes(OK_WX, "a refund that was closed is kept", lambda: door.wechat("WX3", 5000, o, kind="REFUND.CLOSED", event="EV-R2", refund="RF-2"), payment=0)
    gate.ok(not door.work("refund:wx:WX3:RF-2"), "and is nobody's work: nothing went back")
    body = json.dumps({"id": "EV-other", "event_type": "PAYSCORE.USER_OPEN_SERVICE"}).encode()
    door.takes(OK_WX, "an event that is none of ours is kept and answered", lambda: door.wechat_body(body), payment=0)


def alipay(door):
    o = order(door.d, "A1", 100, "ali")["order_no"]
    door.takes(OK_ALI, "Alipay: a trade that waits for its buyer is no money",
               lambda: door.alipay("AL1", "1.00", o, "WAIT_BUYER_PAY", "NW"), payment=0)
    door.takes(OK_ALI, "a trade that succeeded is, and the answer is exactly success", lambda: door.alipay("AL1", "1.00", o))
    gate.ok(door.state("ali", "AL1") == [["settled", "100", "A1", ""]], "of the order's account", door.state("ali", "AL1"))
    door.takes(OK_ALI, "a partial refund comes as a success once more, and recharges nothing",
               lambda: door.alipay("AL1", "1.00", o, notify="NR", refund_fee="0.40", gmt_refund="2026-11-20 17:00:00", out_biz_no="B1"), payment=0,
               journal=1, posting=2)
    w = door.work("refund:ali:AL1:B1")
    gate.ok(len(w) == 1 and "0.40" in w[0][1] and "0.40 out of the balance" in w[0][2], "the item of work says how much, and from where", w)
    door.takes(OK_ALI, "the next partial refund tells all that went back so far",
               lambda: door.alipay("AL1", "1.00", o, notify="NR2", refund_fee="0.90", gmt_refund="2026-11-20 18:00:00", out_biz_no="B2"), payment=0,
               journal=1, posting=2)
    w = door.work("refund:ali:AL1:B2")
    gate.ok(len(w) == 1 and "refunded 0.50 " in w[0][1] and "0.50 out of the balance" in w[0][2], "the item of work is about what is new", w)
    o = order(door.d, "A1", 100, "ali")["order_no"]
    door.alipay("AL3", "1.00", o)
    jobs = []
    for n in range(1, 9):
        door.send, send = (lambda *w: jobs.append(w) or gate.Answer(0)), door.send
        door.alipay("AL3", "1.00", o, notify=f"NM{n}", refund_fee=f"0.{n}0", gmt_refund="2026-11-20 17:00:00", out_biz_no=f"M{n}")
        door.send = send
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = [a.status for a in pool.map(lambda w: door.send(*w), jobs)]
    back = door.db.value("SELECT sum(c.amount_minor) FROM powergate.correction c JOIN powergate.payment q ON q.id = c.payment_id WHERE q.payment_no = 'AL3'")
    gate.ok(told == [200] * 8 and back == 80, "eight partial refunds told at once are what the largest of them says", f"{told} {back}")
    door.takes(OK_ALI, "that the trade is finished neither", lambda: door.alipay("AL1", "1.00", o, "TRADE_FINISHED", "NF"), payment=0)
    door.takes(OK_ALI, "an order that ran out is kept", lambda: door.alipay("AL2", "1.00", "X-1", "TRADE_CLOSED", "NC"), payment=0)
    a = door.refuses(401, "another amount than was signed", lambda: door.alipay("ALF", "1.00", o, spoil=True))
    gate.ok(not a.body.startswith(b"success"), "and is not told success", a)
    door.refuses(403, "for another app", lambda: door.alipay("ALF", "1.00", o, app="2020"))


def stripe(door):
    meta = {"metadata": {"account_no": "A2"}}
    door.takes(OK_CARD, "Stripe: a payment for an account in its metadata", lambda: door.stripe("pi_1", 2500, **meta))
    gate.ok(door.state("card", "pi_1") == [["settled", "2500", "A2", ""]], "is that account's", door.state("card", "pi_1"))
    door.refuses(401, "signed with a secret nobody has", lambda: door.stripe("pi_F", 2500, secret="whsec_x"))
    door.refuses(401, "signed six minutes ago", lambda: door.stripe("pi_F", 2500, at=time.time() - 360))
    door.refuses(400, "without its signature", lambda: door.send("/hooks/v1/card", b"{}"))
    door.refuses(404, "with something behind the path", lambda: door.send("/hooks/v1/card/x", *door.last[1:]))
    door.takes(OK_CARD, "a test is no money", lambda: door.stripe("pi_T", 2500, livemode=False, **meta), payment=0)
    before = door.db.value("SELECT arrears_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id WHERE number = 'A2'")
    dispute = {"payment_intent": "pi_1", "amount": 2500, "status": "needs_response"}
    door.takes(OK_CARD, "a chargeback is owed from then on",
               lambda: door.stripe("dp_1", 0, "charge.dispute.created", **dispute), payment=0, journal=1, posting=2)
    owed = door.db.value("SELECT arrears_minor FROM powergate.account_state s JOIN powergate.account a ON a.id = s.account_id WHERE number = 'A2'")
    w = door.work("chargeback:card:pi_1:dp_1")
    gate.ok(owed - before == 2500 and len(w) == 1 and "is owed now" in w[0][2] and not door.db.ledger_problems(),
            "by its account, a person hears of it, and the books agree", f"{before} {owed} {w} {door.db.ledger_problems()}")
    door.takes(OK_CARD, "told in other bytes it is not owed twice",
               lambda: door.stripe("dp_1", 0, "charge.dispute.created", event="evt_more", **dispute), payment=0)
    door.takes(OK_CARD, "of a payment nobody knows", lambda: door.stripe("dp_9", 0, "charge.dispute.created", **{**dispute, "payment_intent": "pi_9"}), payment=0)
    gate.ok("not in the books" in door.work("chargeback:card:pi_9:dp_9")[0][2], "it is only work")


def paystack(door):
    o = order(door.d, "A1", 900, "naira", order_no="REF-0001")["order_no"]
    door.takes(OK_CARD, "Paystack: the reference is the order's number", lambda: door.paystack(o, 900))
    gate.ok(door.state("naira", o) == [["settled", "900", "A1", ""]], "and finds its account", door.state("naira", o))
    for n in (1, 2):
        door.takes(OK_CARD, f"refund {n} of two of the same amount, without numbers", lambda: door.paystack(o, 300, "refund.processed",
                   id=80 + n, transaction_reference=o, status="processed"), payment=0, journal=1, posting=2)
    gate.ok(all(door.work(f"refund:naira:{o}:refund.processed:{80 + n}") for n in (1, 2)), "each is an item of work")
    door.refuses(401, "signed with another key", lambda: door.paystack("REF-F", 900, secret="sk_else"))


def mpesa(door):
    def says(a, code):
        return a.status == 200 and a.json["ResultCode"] == code

    ask = lambda *w, **m: door.mpesa(*w, path=VALIDATE, **m)
    a = door.refuses(200, "M-Pesa asks whether it may be paid", lambda: ask("MP0", "50.00", "2026 0000 0201"))
    gate.ok(says(a, "0"), "and it may", a)
    a = door.refuses(200, "for a meter nobody has", lambda: ask("MP0", "50.00", "999999999999"))
    gate.ok(says(a, "C2B00012"), "it may not", a)
    a = door.refuses(200, "above the limit", lambda: ask("MP0", "900000.00", METER))
    gate.ok(says(a, "C2B00013"), "it may not", a)
    door.takes(OK_TILL, "a confirmation is money", lambda: door.mpesa("MP1", "50.00", " 2026 0000 0201"),
               credit_delivery=2, command=2)
    gate.ok(door.state("till", "MP1") == [["settled", "5000", "K1", ""]], "of the meter's account", door.state("till", "MP1"))
    door.takes(OK_TILL, "for a meter nobody has it is money all the same", lambda: door.mpesa("MP2", "50.00", "202600000999"))
    gate.ok(door.state("till", "MP2") == [["suspense", "5000", "-", "no meter 202600000999"]], "in suspense", door.state("till", "MP2"))
    door.takes(OK_TILL, "for what nobody can read too", lambda: door.mpesa("MP3", "50.00", "mama njeri!"))
    gate.ok(door.state("till", "MP3")[0][3] == "it names nobody", "in suspense", door.state("till", "MP3"))
    door.takes(OK_TILL, "an account's number will do", lambda: door.mpesa("MP4", "50.00", "k1"), credit_delivery=1, command=1)
    gate.ok(door.state("till", "MP4")[0][2] == "K1", "in any case of letters", door.state("till", "MP4"))
    door.takes(OK_TILL, "above what is believed without a signature", lambda: door.mpesa("MP5", "5000.01", METER))
    gate.ok(door.state("till", "MP5")[0][0] == "suspense" and "without a signature" in door.state("till", "MP5")[0][3],
            "a person looks first", door.state("till", "MP5"))
    door.refuses(403, "from an address that is none of theirs", lambda: door.mpesa("MPF", "50.00", METER, peer="192.0.2.1"))
    door.refuses(403, "from one that only says so", lambda: door.mpesa("MPF", "50.00", METER, peer="196.201.214.200, 192.0.2.1"))
    door.refuses(403, "on another path", lambda: door.mpesa("MPF", "50.00", METER, path="/hooks/v1/till/guess/confirmation"))
    door.refuses(403, "for another short code", lambda: door.mpesa("MPF", "50.00", METER, code="600639"))
    gate.ok("9f1c2a7e55d0b3" not in door.d.log(), "the secret path is not in the log")


# --- orders, questions, and the sudden end ------------------------------------------------------

def orders(db, d, door):
    code, out, err = d.ctl("--json", "order", "create", "--account=A1", "--amount=12.00", "--source=wx", "--order-no=DESK-01", "--minutes=1")
    o = json.loads(out) if code == 0 else {}
    gate.ok(code == 0 and o["state"] == "open" and o["amount"] == "12.00" and o["currency"] == "CNY" and
            o["split"][0]["amount_minor"] == 1200, "an order shows its number, and what the payment would become", out + err)
    code, again, err = d.ctl("--json", "order", "create", "--account=A1", "--amount=12.00", "--source=wx", "--order-no=DESK-01", "--minutes=1")
    gate.ok(code == 0 and json.loads(again)["created_us"] == o["created_us"] and
            db.value("SELECT count(*) FROM powergate.pay_order WHERE number = 'DESK-01'") == 1, "the same once more is the same order", again + err)
    tries = [d.ctl("order", "create", "--account=A1", "--amount=13.00", "--source=wx", "--order-no=DESK-01")[0],
             d.ctl("order", "create", "--account=A1", "--amount=12.00", "--source=nobody")[0],
             d.ctl("order", "create", "--account=A9", "--amount=12.00", "--source=wx")[0],
             d.ctl("order", "create", "--account=A1", "--amount=12.00", "--source=wx", "--order-no=x y")[0],
             d.ctl("order", "create", "--account=A1", "--amount=90000.00", "--source=wx")[0]]
    gate.ok(all(tries), "no order: other data, a source or an account nobody has, a bad number, above the limit", tries)
    db.run("UPDATE powergate.pay_order SET expires_us = created_us + 1 WHERE number = 'DESK-01'")
    gate.ok(json.loads(d.ctl("--json", "order", "show", "DESK-01")[1])["state"] == "expired", "it expires")
    door.takes(OK_WX, "a late payment of it is still money", lambda: door.wechat("WXL", 1200, "DESK-01"))
    shown = json.loads(d.ctl("--json", "order", "show", "DESK-01")[1])
    gate.ok(door.state("wx", "WXL")[0][0] == "settled" and shown["state"] == "paid", "and settles it", shown)
    code, out, err = d.ctl("order", "list", "--account=A1", "--state=paid")
    gate.ok(code == 0 and "DESK-01" in out, "the list shows it", out + err)
    o = order(d, "A1", 800, "ali")["order_no"]
    door.takes(OK_WX, "an order that another provider was to collect", lambda: door.wechat("WXO", 800, o))
    gate.ok(door.state("wx", "WXO")[0][3] == f"order {o} is to be paid by ali", "is for a person to look at", door.state("wx", "WXO"))
    o = order(d, "A1", 700, "app")["order_no"]
    a = d.pay("A2", 700, "APP-1", order_no=o)
    gate.ok(a.json["state"] == "suspense" and door.state("app", "APP-1")[0][3] == f"order {o} is not of account A2",
            "an order of another account than the payment says too", a)
    o = order(d, "A1", 300, "wx")["order_no"]
    bodies = []
    for n in range(8):
        door.send, send = (lambda *w: bodies.append(w) or gate.Answer(0)), door.send
        door.wechat(f"WXR{n}", 300, o)
        door.send = send
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda w: door.send(*w), bodies))
    seen = [door.state("wx", f"WXR{n}")[0][0] for n in range(8)]
    gate.ok([a.status for a in told] == [200] * 8 and sorted(seen) == ["settled"] + ["suspense"] * 7,
            "eight payments of one order at once: one settles it", f"{[str(a) for a in told]} {seen}")


def cash_back(d, door, shift):
    """Cash that is given back."""
    def refund(*words):
        code, out, err = d.ctl("--json", "refund", *words)
        return json.loads(out) if code == 0 else {"error": err}

    d.order("payment/cash", account="A1", amount_minor="2500", payment_no="K-6", terminal="till-3")
    paid = str(door.db.value("SELECT id FROM powergate.payment WHERE payment_no = 'K-6'"))
    back = refund("request", paid, "--amount=10.00", "--reason=too much")
    shut = refund("paid", str(back["refund"]), "--reference=slip 1", "--terminal=till-3")
    gate.ok("no shift" in shut.get("error", ""), "cash is given back out of a drawer that is open", shut)
    shift("open", "till-3", "--float=50.00")
    done = refund("paid", str(back["refund"]), "--reference=slip 1", "--terminal=till-3")
    s = shift("close", "till-3", "--counted=40.00")
    gate.ok(done["state"] == "paid" and (s["taken_minor"], s["refunds"], s["difference_minor"]) == (-1000, 1, 0), "and is counted in its shift", f"{done} {s}")
    shown = shift("show", str(s["shift"]))
    gate.ok([r["amount_minor"] for r in shown["refunded"]] == [1000] and not door.db.ledger_problems(), "which shows it; and the books agree", shown)


def desk(db, d, door):
    def cash(amount, number, terminal="till-1"):
        return d.ctl("payment", "cash", "--account=A1", f"--amount={amount}", f"--payment-no={number}", f"--terminal={terminal}")[0]

    def shift(*words):
        code, out, err = d.ctl("--json", "shift", *words)
        return json.loads(out) if code == 0 else {"error": err}

    s = shift("open", "till-1", "--float=100.00")
    gate.ok(s.get("state") == "open" and "error" in shift("open", "till-1"), "a desk is opened with its change, and not twice", s)
    taken = [cash("20.00", "K-1"), cash("30.00", "K-2"), cash("40.00", "K-3", "till-2")]
    first = str(db.value("SELECT id FROM powergate.payment WHERE payment_no = 'K-1'"))
    s = shift("close", "till-1", "--counted=150.00")
    gate.ok(taken == [0, 0, 0] and (s["taken_minor"], s["difference_minor"], s["payments"]) == (5000, 0, 2) and
            not door.work(f"shift:{s['shift']}"), "its count is the change and what was taken there", s)
    shift("open", "till-1")
    code, out, err = d.ctl("payment", "void", first, "--reason", "typed for somebody else")
    gate.ok(code == 0 and d.ctl("payment", "void", first, "--reason", "again")[0] != 0 and not db.ledger_problems(),
            "a receipt is voided, once, and the books agree", out + err)
    cash("5.00", "K-4")
    s = shift("close", "till-1", "--counted=1.00")
    w = door.work(f"shift:{s.get('shift')}")
    gate.ok((s["taken_minor"], s["voided"], s["difference_minor"]) == (-1500, 1, 1600) and len(w) == 1 and "16.00 too much" in w[0][1],
            "what was voided went out of the next shift's drawer, and a difference is work", f"{s} {w}")
    gate.ok([r["payment_no"] for r in shift("show", str(s["shift"]))["receipts"]] == ["K-1", "K-4"] and len(shift("list")["rows"]) == 2,
            "a shift shows its receipts")
    gate.ok("error" in shift("close", "till-1", "--counted=1.00"), "what is not open is not closed")
    lines = db.rows("SELECT ledger, owner, amount_minor FROM powergate.posting WHERE journal_id = " + str(s["journal"]) + " ORDER BY line")
    gate.ok(lines == [["clearing", "cash", "1600"], ["adjustment", "till-1", "-1600"]] and not db.ledger_problems(),
            "what was too much is in the books, against the desk", lines)
    cash_back(d, door, shift)
    s = shift("open", "till-2", "--float=0.00")
    gate.ok(s.get("state") == "open" and s["float_minor"] == 0 and "error" in shift("open", "till-4", "--float=-1.00"),
            "a drawer may be empty at first, and has no debts", s)
    s = shift("close", "till-2", "--counted=0.00")
    gate.ok(s.get("difference_minor") == 0 and s["journal"] is None, "and at last, with nothing to post", s)
    other = str(db.value("SELECT id FROM powergate.payment WHERE payment_no = 'pi_1'"))
    before = door.counts()
    d.order("payment/cash", account="K1", amount_minor="1000", payment_no="K-5", currency="KES")
    local = str(db.value("SELECT id FROM powergate.payment WHERE payment_no = 'K-5'"))
    tries = [d.ctl("payment", "void", n, "--reason", "x")[0] for n in (other, local, "999999")]
    gate.ok(all(tries) and door.counts()["journal"] == before["journal"] + 1, "not voided: a card's payment, what is on its way into a meter, nothing", tries)


def questions(d, door):
    def ask(path, **more):
        return gate.request(d.hooks_port, "GET", path, headers=gate.sign(more.get("secret", d.secret), "msg_q", more.get("over", path).encode(), more.get("at")))

    paid = d.pay("A1", 640, "T-1").json["receipt_id"]
    a = ask("/hooks/v1/app/payments/T-1")
    gate.ok(a.status == 200 and a.json["receipt_id"] == paid and a.json["state"] == "settled" and a.json["amount_minor"] == 640,
            "a terminal that lost its answer asks for the receipt", a)
    gate.ok(ask("/hooks/v1/app/payments/T-2").status == 404, "404: a payment that never came is to be sent again")
    door.refuses(401, "signed with another secret", lambda: ask("/hooks/v1/app/payments/T-1", secret=gate.new_secret()))
    door.refuses(401, "signed for another payment", lambda: ask("/hooks/v1/app/payments/T-1", over="/hooks/v1/app/payments/T-2"))
    door.refuses(401, "signed long ago", lambda: ask("/hooks/v1/app/payments/T-1", at=time.time() - 301))
    door.refuses(404, "of a source nobody has", lambda: ask("/hooks/v1/none/payments/T-1"))
    door.refuses(400, "without a signature", lambda: gate.request(d.hooks_port, "GET", "/hooks/v1/app/payments/T-1"))
    gate.ok(ask("/hooks/v1/card/payments/pi_1").status == 400, "a provider asks nothing")


def sudden_end(db, d, door):
    """kill -9 while notifications come: whoever heard 200 is in the books, and each is there once."""
    jobs = []
    send = door.send
    door.send = lambda *w: jobs.append(w) or gate.Answer(0)
    for n in range(60):
        if n % 3 == 2:
            door.stripe(f"pk_{n}", 10, "charge.dispute.created", payment_intent="pi_1", amount=10, status="lost")
        else:
            door.stripe(f"pk_{n}", 100 + n, metadata={"account_no": "A3"})
    door.send = send
    told = {}

    def one(n):
        a = door.send(*jobs[n])
        if a.status == 200:
            told[n] = a
        return a.status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = [pool.submit(one, n) for n in range(60)]
        gate.until(lambda: len(told) >= 5, 10)
        d.kill()
        concurrent.futures.wait(first)
    d.start()
    kept = {r[0] for r in db.rows("SELECT payment_no FROM powergate.payment WHERE source = 'card'")} | \
        {r[0] for r in db.rows("SELECT refund_no FROM powergate.provider_event WHERE source = 'card' AND refund_no <> ''")}
    lost = [n for n in told if f"pk_{n}" not in kept]
    gate.ok(told and not lost, f"kill -9 after {len(told)} answers: each of them is in the books", lost)
    again = [door.send(*w).status for w in jobs]
    seen = db.rows("SELECT count(*), count(DISTINCT payment_no) FROM powergate.payment WHERE payment_no LIKE 'pk%'")
    gone = db.rows("SELECT count(*), count(DISTINCT refund_no) FROM powergate.provider_event WHERE refund_no LIKE 'pk%'")
    gate.ok(set(again) == {200} and seen == [["40", "40"]] and gone == [["20", "20"]] and not db.ledger_problems(),
            "all of them sent again: each is there once, and the books agree", f"{again} {seen} {gone} {db.ledger_problems()}")


def settings(d, door):
    def reload(text, **mode):
        seen = len(d.log())
        d.write("stripe", text, **mode)
        os.chmod(door.pens.at("stripe"), mode.get("mode", 0o600))
        d.signal(signal.SIGHUP)
        return d.log, seen

    log, seen = reload("whsec_next\n")
    gate.ok(d.says("settings read anew", since=seen) and door.stripe("pi_k", 100, secret="whsec_next").status == 200 and
            door.stripe("pi_k2", 100).status == 401, "a new key counts after a reload, the old one no more")
    log, seen = reload("whsec_bad\n", mode=0o644)
    gate.ok(d.says("settings stay as they were", since=seen) and door.stripe("pi_k3", 100, secret="whsec_next").status == 200,
            "a file of secrets that others may read is not taken, and the old keys stay")
    reload("whsec_next\n")
    seen = len(d.log())
    with open(door.pens.keys, encoding="utf-8") as f:
        text = f.read()
    d.write("keys.yaml", text.replace("secrets_file: paystack", "secrets: sk_in_the_open"))
    os.chmod(door.pens.keys, 0o644)
    d.signal(signal.SIGHUP)
    gate.ok(d.says("settings stay as they were", since=seen) and "sk_in_the_open" not in d.log(), "nor a secret that stands open in the keys file")


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, start=False) as d:
    keys = pens.Pens(d)
    sources = d.settings["hooks"]["sources"] + keys.sources()
    d.configure({"hooks": {"sources": sources, "proxies": "127.0.0.1 ::1"}})
    d.start()
    for n in range(1, 4):
        d.remote(f"A{n}")
    d.order("site/add", name="coast", zone="Africa/Nairobi", currency="KES")
    d.order("account/add", account="K1", mode="local", site="coast", warn="1000,500")
    d.order("meter/add", meter=METER, profile="wallet-esam", capability="counted", account="K1", most_watts="2000000")
    d.order("payment/limits", site="here", most_minor="5000000", reason="test")
    d.order("payment/limits", site="coast", most_minor="5000000", reason="test")
    door = Door(db, d, keys)
    wechat(door)
    alipay(door)
    stripe(door)
    paystack(door)
    mpesa(door)
    orders(db, d, door)
    questions(d, door)
    desk(db, d, door)
    sudden_end(db, d, door)
    settings(d, door)
    gate.ok(not db.ledger_problems(), "the books agree with themselves", db.ledger_problems())
sys.exit(gate.done())
PY
