#!/bin/sh
# Debts and payments: what is owed is paid first, once, in order and under its caps, whatever dies
# in between, and what a debt takes never travels to a meter.
#   tests/it/debt.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import concurrent.futures
import json
import random
import subprocess
import sys
import time

import desk as desks
import field
import gate
from desk import FIRST_WH
from field import CLOSE

BUILD = sys.argv[1]
METERS = {"G": "202600005001", "K": "202600005002", "N": "202600005003"}
WALLET = "202600005101"


def is_off(sim, account):
    return sim.state(METERS[account])["relay"] == "open"


# --- the example of the rules -----------------------------------------------------------------

def gv10(desk, use):
    d = desk.d
    desk.offer("G", 500)
    desk.activate("G")
    use.until("G", -500)
    gate.until(lambda: desk.emergency("G")["state"] == "exhausted", 5, "the end of the emergency credit")
    use.until("G", -620)
    first, second = desk.shared("G"), desk.debt("G", "accumulated", 350, "standing charges")
    gate.ok(desk.balance("G") == -120 and desk.emergency("G")["used_minor"] == 500,
            "the balance is -1.20, and 5.00 of emergency credit are used", desk.emergency("G"))
    code, seen, _ = d.ctl("payment", "preview", "--account", "G", "--amount", "100.00", "--json")
    before = desk.db.counts()
    shown = [(s["for"], s["amount_minor"]) for s in json.loads(seen)["split"]]
    expected = [("payment", 2000), ("accumulated", 350), ("balance", 120), ("emergency", 500), ("credit", 7030)]
    gate.ok(code == 0 and shown == expected and before == desk.db.counts(),
            "GV10, shown before it is paid: 20.00 / 3.50 / 1.20 / 5.00 / 70.30", seen)
    gate.ok(desk.pays("G", 10000, "G-1") == expected, "GV10, paid by a signed webhook: the same on the receipt",
            desk.receipt("G-1"))
    notices = gate.until(lambda: [n for n in sink.refused if n["type"] == "notice.paid"], 10, "the notice")
    shown = [n["data"].get("split") for n in notices[:1]]
    gate.ok(shown == [[{"to": to, "amount_minor": a} for to, a in zip(("debt", "accumulated", "threshold", "emergency", "credit"),
                                                                     (2000, 350, 120, 500, 7030))]],
            "the notice of the payment says the same", shown)
    gate.ok(desk.lines("payment", "G") == [("clearing", "app", 10000), ("prepaid", "", -10000)],
            "the payment's own journal is as everybody's", desk.lines("payment", "G"))
    gate.ok(desk.lines("waterfall", "G") == [("prepaid", "", 2850), ("arrears", f"debt:{first}", -2000),
                                             ("arrears", f"debt:{second}", -350), ("arrears", "emergency", -500)],
            "a second one takes 28.50 to the debts and the emergency credit, line by line", desk.lines("waterfall", "G"))
    gate.ok((desk.balance("G"), desk.owed(first), desk.owed(second)) == (7030, 58000, 0)
            and desk.emergency("G")["state"] == "none", "70.30 are credit, 580.00 are owed, nothing else",
            (desk.balance("G"), desk.owed(first), desk.owed(second), desk.emergency("G")))
    code, text, _ = d.ctl("payment", "show", "--payment-no", "G-1")
    gate.ok(code == 0 and all(word in text for word in ("contract 1", "20.00", "3.50", "1.20", "5.00", "70.30")),
            "payment show prints the split", text)


# --- the cap of a week -------------------------------------------------------------------------

def week_cap(desk):
    debt = desk.shared("W")
    gate.ok(desk.pays("W", 6000, "W-1") == [("payment", 1500), ("credit", 4500)], "a quarter of 60.00", desk.receipt("W-1"))
    gate.ok(desk.pays("W", 6000, "W-2") == [("payment", 500), ("credit", 5500)],
            "of the second 60.00 only what the week's cap has left", desk.receipt("W-2"))
    gate.ok(desk.pays("W", 6000, "W-3") == [("credit", 6000)], "of the third nothing", desk.receipt("W-3"))
    desk.db.run("SET session_replication_role = replica; UPDATE powergate.debt_taking SET week = week - 1 "
                f"WHERE debt_id = {debt}")
    gate.ok(desk.pays("W", 6001, "W-4") == [("payment", 1500), ("credit", 4501)],
            "the next week takes again, rounded down to a cent", desk.receipt("W-4"))
    gate.ok(desk.owed(debt) == 60000 - 3500, "and all of it is off the debt", desk.owed(debt))
    gate.ok(desk.d.pay("F", 5000, "F-0").status == 200 and desk.db.value("SELECT count(*) FROM powergate.waterfall w JOIN powergate.payment p ON p.id = w.payment_id "
                              "WHERE p.payment_no = 'F-0'") == 0, "who owes nothing has no row and no pass")


def instalments(desk):
    today = time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600))
    debt = desk.debt("F", "instalment", 10000, "kitchen", instalment_minor="1000", every="month", first=today)
    later = desk.debt("F", "instalment", 10000, "bath", instalment_minor="1000", every="month", first="20990101")
    gate.ok(desk.pays("F", 5000, "F-1") == [("instalment", 1000), ("credit", 4000)],
            "an instalment that is due is paid, one that is not is not", desk.receipt("F-1"))
    gate.ok(desk.pays("F", 5000, "F-2") == [("credit", 5000)] and desk.owed(debt) == 9000 and desk.owed(later) == 10000,
            "and once", desk.receipt("F-2"))


def daily(desk):
    """Instalments that wait for no payment: what is due is taken from the balance, once a day."""
    today = time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600))
    before = time.strftime("%Y%m%d", time.gmtime(time.time() - 16 * 3600))
    debt = desk.debt("D", "instalment", 1000, "heater", instalment_minor="300", every="day", first=today, daily="true")
    time.sleep(2)
    gate.ok(desk.owed(debt) == 1000 and desk.balance("D") == 0, "of a balance without money nothing is taken", desk.balance("D"))
    gate.ok(desk.pays("D", 5000, "D-1") == [("instalment", 300), ("credit", 4700)], "a payment pays what is due", desk.receipt("D-1"))

    def next_day():
        desk.db.run(f"UPDATE powergate.debt SET looked_day = 0, first_day = {before} WHERE id = {debt}")

    next_day()
    gate.ok(gate.comes(lambda: desk.owed(debt) == 400, 10) and desk.balance("D") == 4400,
            "on the next day, without one, the balance does", (desk.owed(debt), desk.balance("D")))
    gate.ok(desk.lines("instalment", "D") == [("prepaid", "", 300), ("arrears", f"debt:{debt}", -300)], "with a journal of its own",
            desk.lines("instalment", "D"))
    time.sleep(2)
    next_day()
    time.sleep(2)
    gate.ok(desk.owed(debt) == 400, "once a day, whoever asks again", desk.owed(debt))
    desk.d.pay("E", 200, "E-1")
    gate.until(lambda: desk.balance("E") == 200, 10, "the money")
    small = desk.debt("E", "instalment", 1000, "boiler", instalment_minor="300", every="day", first=today, daily="true")
    gate.ok(gate.comes(lambda: desk.balance("E") == 1, 10) and desk.owed(small) == 801, "never so much that power would go for it",
            (desk.balance("E"), desk.owed(small)))
    answer = desk.post("debt/add", account="D", kind="accumulated", amount_minor="100", reference="x", reason="x", daily="true")
    gate.ok(answer.status == 400, "other debts have no such thing", answer)
    journal = desk.db.value("SELECT id FROM powergate.journal WHERE kind = 'instalment' AND key LIKE :'k'", k=f"instalment:{small}:%")
    desk.d.order("ledger/reverse", journal=journal, reason="he has come to terms")
    gate.ok(desk.balance("E") == 200 and desk.owed(small) == 1000, "and it can be given back", (desk.balance("E"), desk.owed(small)))


def own_order(desk):
    desk.d.order("debt/order", account="O", order="accumulated,emergency,balance,instalment,payment", reason="a test")
    desk.debt("O", "payment", 300, "all of it", percent="10000")
    desk.debt("O", "accumulated", 400, "charges")
    gate.ok(desk.pays("O", 500, "O-1") == [("accumulated", 400), ("payment", 100)], "an account may have an order of its own",
            desk.receipt("O-1"))
    answer = desk.post("debt/order", account="O", order="payment,balance", reason="a test")
    gate.ok(answer.status == 400, "which must have every step", answer)


# --- many at once, and a daemon that dies ------------------------------------------------------

def at_once(desk):
    shared, charges = desk.shared("T"), desk.debt("T", "accumulated", 350, "standing charges")
    numbers = [f"T-{i}" for i in range(12)]
    with concurrent.futures.ThreadPoolExecutor(len(numbers)) as pool:
        answers = list(pool.map(lambda n: desk.d.pay("T", 10000, n).status, numbers))
    receipts = [desk.split(n) for n in numbers]
    gate.ok(answers == [200] * 12 and all(sum(a for _, a in r) == 10000 for r in receipts),
            "twelve payments at once: each is split, and its lines add up", receipts)
    taken = sum(a for r in receipts for kind, a in r if kind == "payment")
    gate.ok(taken == 2000 and desk.owed(shared) == 58000 and desk.owed(charges) == 0,
            "together they take the cap of the week, and the charges once", receipts)
    gate.ok(desk.balance("T") == 120000 - 2350, "the rest is credit", desk.balance("T"))


class Held:
    """Somebody else holds a table: what wants to write there waits."""

    def __init__(self, db, table):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-t", db.conninfo], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"BEGIN; LOCK TABLE powergate.{table} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n")
        self.psql.stdin.flush()
        while "held" not in self.psql.stdout.readline():
            pass

    def let_go(self):
        self.psql.stdin.close()
        self.psql.wait()


def by_hand(desk, payment, lines, facts=None):
    """door.waterfalls_split as the daemon calls it: the outcome."""
    kinds, debts, amounts = ",".join(k for k, _, _ in lines), ",".join(str(d or "NULL") for _, d, _ in lines), \
        ",".join(str(a) for _, _, a in lines)
    facts = facts or desk.db.value("SELECT DISTINCT facts FROM door.waterfalls_due(100) WHERE payment_id = :p", p=payment)
    of = ",".join([str(payment)] * len(lines))
    return desk.db.value("SELECT outcome FROM door.waterfalls_split(:'p'::bigint[], :'f'::text[], '{202647}', :'o'::bigint[], "
                         ":'k'::text[], :'d'::bigint[], :'a'::bigint[], 1)", p=f"{{{payment}}}", f=f"{{{facts}}}",
                         o=f"{{{of}}}", k=f"{{{kinds}}}", d=f"{{{debts}}}", a=f"{{{amounts}}}")


def refused_by_the_database(desk, payment, debt, charges):
    def refuses(sentence, lines, word="refused", facts=None):
        said = by_hand(desk, payment, lines, facts)
        gate.ok(said.startswith(word), f"{word}: {sentence}", said)

    refuses("more than is owed", [("accumulated", charges, 351), ("credit", None, 9649)])
    refuses("more than the share of a payment", [("payment", debt, 2501), ("credit", None, 7499)])
    refuses("more than the cap of the week", [("payment", debt, 2001), ("credit", None, 7999)])
    refuses("lines that are more than the payment", [("accumulated", charges, 350), ("credit", None, 10000)])
    refuses("lines that are less", [("credit", None, 9999)])
    refuses("a line below zero", [("accumulated", charges, -350), ("credit", None, 10350)])
    refuses("one debt twice", [("accumulated", charges, 350), ("accumulated", charges, 350), ("credit", None, 9300)])
    refuses("a debt as one of another kind", [("instalment", charges, 350), ("credit", None, 9650)])
    refuses("emergency credit nobody used", [("emergency", None, 100), ("credit", None, 9900)])
    refuses("another account's debt", [("payment", 1, 2000), ("credit", None, 8000)])
    refuses("right lines on facts of another time", [("credit", None, 10000)], "stale", "0" * 32)
    refuses("too much, though it was just refused", [("credit", None, 10001)])


def off_for_arrears(desk, account):
    """As a trip for arrears leaves it; a real one would spend the site's budget of trips."""
    desk.db.run("""WITH m AS (SELECT id FROM powergate.meter WHERE address = :'a'), s AS (
        UPDATE powergate.meter_state SET relay_wanted = 'open', wanted_for = 'ARREARS', wanted_why = 'credit is used up', generation = generation + 1,
            relay_seen = 'open' WHERE meter_id = (SELECT id FROM m) RETURNING generation)
        INSERT INTO powergate.command (key, meter_id, kind, priority, order_us, task, cause, created_by, generation, reason,
            state, due_us, created_us, ended_us)
        SELECT 'trip:' || id, id, 'relay', 2, 0, '{"relay": "open"}', 'test', 'tester', s.generation, 'ARREARS', 'done', 0, 0, 0
        FROM m, s""", a=METERS[account])


def killed_between(desk, sim):
    """The split cannot be posted while a table is held; then the daemon is gone."""
    d, db = desk.d, desk.db
    debt, charges = desk.shared("K"), desk.debt("K", "accumulated", 350, "standing charges")
    d.order("payment/limits", account="L", reason="none again")
    before = loaded(sim)
    held = Held(db, "waterfall_line")
    answers = [d.pay("K", 10000, "K-1").status, d.pay("L", 3000, "L-9").status]
    gate.ok(answers == [200, 200], "payments are taken while their split must wait", answers)
    payment, local_one = (db.value("SELECT id FROM powergate.payment WHERE payment_no = :'n'", n=n) for n in ("K-1", "L-9"))
    time.sleep(1.5)
    gate.ok(desk.balance("K") == 10000 and is_off(sim, "K") and not field.orders(sim, METERS["K"], CLOSE),
            "until then the money is there and restores nothing", desk.balance("K"))
    d.kill()
    # the server would finish what was asked of it
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%waterfalls_split%' "
           "AND pid <> pg_backend_pid()")
    gate.until(lambda: db.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0, 10, "the end of its last statement")
    held.let_go()
    gate.ok(desk.lines("waterfall", "K") == [] and loaded(sim) == before
            and db.value("SELECT count(*) FROM powergate.credit_delivery WHERE payment_id = :p", p=local_one) == 0,
            "the daemon is killed: neither half a split is there nor a delivery", desk.lines("waterfall", "K"))
    refused_by_the_database(desk, payment, debt, charges)
    d.start()
    got = desk.split("K-1")
    gate.ok(got == [("payment", 2000), ("accumulated", 350), ("credit", 7650)] and desk.balance("K") == 7650,
            "the next one splits it", got)
    gate.ok(gate.comes(lambda: loaded(sim) == [*before, 3000], 20), "and delivers", loaded(sim))
    time.sleep(1.2)
    gate.ok(len(desk.lines("waterfall", "K")) == 3 and (desk.owed(debt), desk.owed(charges)) == (58000, 0)
            and loaded(sim) == [*before, 3000], "once", desk.lines("waterfall", "K"))
    gate.ok(gate.comes(lambda: not is_off(sim, "K"), 15), "and now there is power again")


def nothing_left(desk, sim):
    desk.debt("N", "payment", 3000, "all of it", percent="10000")
    got = desk.pays("N", 3000, "N-1")
    time.sleep(1.5)
    gate.ok(got == [("payment", 3000)] and is_off(sim, "N") and not field.orders(sim, METERS["N"], CLOSE),
            "a payment that a debt takes whole restores nothing", got)
    began = time.time()
    desk.d.pay("N", 3000, "N-2")
    on = gate.comes(lambda: not is_off(sim, "N"), 10)
    gate.ok(on, f"the next is all credit, and restores in {time.time() - began:.1f} s", desk.receipt("N-2"))


def killed_often(desk):
    """At any moment after the answer; the same notifications come again."""
    d, chance = desk.d, random.Random(5)
    debt, charges = desk.debt("S", "payment", 1000000, "a loan", percent="1234"), desk.debt("S", "accumulated", 777, "charges")
    numbers = []
    for round_ in range(8):
        numbers += [f"S-{round_}-{i}" for i in range(3)]
        for n in numbers[-3:]:
            d.pay("S", 4321, n, timeout=3)
        time.sleep(chance.random() * 0.03)
        d.kill()
        d.start()
        for n in numbers[-3:]:
            gate.until(lambda n=n: d.pay("S", 4321, n).status == 200, 10, f"{n} taken")
    receipts = [desk.split(n) for n in numbers]
    share = 4321 * 1234 // 10000
    gate.ok(all(sum(a for _, a in r) == 4321 for r in receipts)
            and [a for r in receipts for k, a in r if k == "payment"] == [share] * 24
            and sum(a for r in receipts for k, a in r if k == "accumulated") == 777,
            "killed eight times among 24 payments, each is split once", receipts)
    gate.ok(desk.owed(debt) == 1000000 - 24 * share and desk.owed(charges) == 0
            and desk.balance("S") == 24 * (4321 - share) - 777, "to the cent", (desk.owed(debt), desk.balance("S")))


# --- a local account ---------------------------------------------------------------------------

def loaded(sim):
    return [c["amount_minor"] for c in sim.truth("credit", WALLET) if c["amount_minor"]]


def local(desk, sim):
    d = desk.d
    d.commission(WALLET)
    debt = desk.shared("L")
    got = desk.pays("L", 10000, "L-1")
    gate.ok(gate.comes(lambda: sum(loaded(sim)) == 8000, 20) and loaded(sim) == [8000] and got == [("payment", 2000), ("credit", 8000)],
            "a local account: what the debt takes never travels to the meter", (loaded(sim), got))
    gate.until(lambda: desk.balance("L") == 0, 10, "the delivery")
    gate.ok(desk.owed(debt) == 58000 and sim.state(WALLET)["credit_minor"] == 8000, "the meter has 80.00, the debt 580.00",
            sim.state(WALLET))
    desk.debt("L", "payment", 5000, "all of it", percent="10000")
    got = desk.pays("L", 5000, "L-2")
    time.sleep(1)
    gate.ok(got == [("payment", 5000)] and loaded(sim) == [8000]
            and d.ask("account/deliveries", account="L").json["rows"][-1]["payment"] != d.ask(
                "payment/show", payment_no="L-2").json["payment"], "of what a debt takes whole no delivery is made", got)


def too_full(desk, sim):
    """At most 100.00 in the meter, which has 80.00."""
    d = desk.d
    d.order("payment/limits", account="L", most_credit_minor="10000", reason="a test")
    gate.until(lambda: d.ask("meter/show", meter=WALLET).json["credit_minor"] == 8000, 10, "the meter's credit")
    answer = desk.post("payment/cash", account="L", amount_minor="7000", payment_no="L-cash")
    gate.ok(answer.status == 422 and "100.00" in answer.json["error"], "cash that the meter has no room for is refused", answer)
    gate.ok(d.pay("L", 7000, "L-3").status == 200, "a webhook is not: the money has been paid")
    gate.ok(gate.comes(lambda: loaded(sim) == [8000, 2000], 20), "the meter gets what it has room for", loaded(sim))
    held = gate.until(lambda: d.ask("payment/show", payment_no="L-3").json.get("held_minor"), 5, "what is held")
    items = field.work(d, "SURPLUS")
    gate.ok(held == 5000 and len(items) == 1 and "50.00" in items[0]["text"], "the rest is held, and a person knows", items)
    sim.do(f"set {WALLET} credit 6000")
    time.sleep(11)
    gate.ok(loaded(sim) == [8000, 2000], "with room for 40.00 it waits: the meter is not written to for cents", loaded(sim))
    sim.do(f"set {WALLET} credit 3000")
    gate.ok(gate.comes(lambda: loaded(sim) == [8000, 2000, 5000], 30), "as credit is used it follows", loaded(sim))
    gate.until(lambda: desk.balance("L") == 0, 10, "the last delivery")
    gate.ok(not field.work(d, "SURPLUS") and sim.state(WALLET)["credit_minor"] == 8000
            and "held_minor" not in d.ask("payment/show", payment_no="L-3").json, "and nothing is open any more",
            field.work(d, "SURPLUS"))


# --- corrections ---------------------------------------------------------------------------------

def corrections(desk):
    d = desk.d
    for path, values in (("debt/add", {"account": "C", "kind": "accumulated", "amount_minor": "100", "reference": "x"}),
                         ("debt/write-off", {"debt": "1"}), ("debt/order", {"account": "C", "order": "x"}),
                         ("emergency/offer", {"account": "C", "limit_minor": "100"}),
                         ("payment/limits", {"account": "C", "least_minor": "100"})):
        answer = desk.post(path, **values)
        gate.ok(answer.status == 400 and "reason" in answer.json["error"], f"{path} wants a reason", answer)
    debt = desk.debt("C", "accumulated", 1000, "invoice 7")
    gate.ok(desk.post("debt/add", account="C", kind="accumulated", amount_minor="1000", reference="invoice 7",
                      reason="again").status == 409, "one reference is one debt")
    code, text, _ = d.ctl("debt", "write-off", str(debt), "--amount", "4.00", "--reason", "agreed")
    gate.ok(code == 0 and desk.owed(debt) == 600, "4.00 are written off", text)
    got = desk.pays("C", 5000, "C-1")
    gate.ok(got == [("accumulated", 600), ("credit", 4400)], "the rest is paid", got)
    paid, split = (desk.db.value("SELECT id FROM powergate.journal WHERE key = :'k'", k=k) for k in (
        "pay:app:C-1", "waterfall:" + str(d.ask("payment/show", payment_no="C-1").json["payment"])))
    answer = desk.post("ledger/reverse", journal=paid, reason="wrong account")
    gate.ok(answer.status == 409 and str(split) in answer.json["error"],
            "a payment that paid debts is reversed after its split", answer)
    d.order("ledger/reverse", journal=split, reason="wrong account")
    gate.ok(desk.owed(debt) == 600 and d.ask("payment/show", payment_no="C-1").json["split_reversed"],
            "then the debt is owed again", desk.owed(debt))
    d.order("ledger/reverse", journal=paid, reason="wrong account")
    gate.ok(desk.balance("C") == 0, "and the payment can go", desk.balance("C"))
    gate.ok(desk.pays("C", 700, "C-2") == [("accumulated", 600), ("credit", 100)], "the next one pays the debt", desk.receipt("C-2"))
    d.pay("nobody", 900, "C-3")
    desk.debt("C", "accumulated", 500, "invoice 8")
    stray = d.ask("payment/show", payment_no="C-3").json["payment"]
    d.order("payment/assign", payment=stray, account="C", reason="found")
    gate.ok(desk.split("C-3") == [("accumulated", 500), ("credit", 400)], "a payment that is assigned is split as well",
            desk.receipt("C-3"))
    actions = {r[0] for r in desk.db.rows("SELECT DISTINCT action FROM powergate.audit WHERE args ->> 'reason' <> ''")}
    gate.ok({"debt.add", "debt.write-off", "debt.order", "emergency.offer", "emergency.activate", "topup.limits"} <= actions,
            "every write is in the audit, with its reason", actions)


def from_balance(desk, use):
    """A balance below nothing becomes a debt by agreement."""
    use.until("K", -400)
    answer = desk.post("debt/add", account="K", kind="payment", amount_minor="500", percent="5000", reference="agreed",
                       reason="a plan", **{"from": "balance"})
    gate.ok(answer.status == 400, "no more than the balance lies below", answer)
    debt = desk.debt("K", "payment", 400, "agreed", percent="5000", **{"from": "balance"})
    gate.ok(desk.balance("K") == 0 and desk.owed(debt) == 400, "what is missing becomes a debt, and the balance nothing",
            (desk.balance("K"), desk.owed(debt)))
    gate.ok(desk.pays("K", 100, "K-9")[0] == ("payment", 50), "that is paid by and by", desk.receipt("K-9"))


# --- the story ----------------------------------------------------------------------------------

sink = field.Sink()
sink.statuses["G"] = 400  # is never told that the end is near, so it does not come
with gate.Cluster(BUILD) as db:
    desk = desks.start(BUILD, db, sink)
    d = desk.d
    for account in (*METERS, *"WFOTSCDE"):
        d.remote(account, METERS.get(account))
    d.local("L", WALLET)
    for account in "KN":
        off_for_arrears(desk, account)
    meters = [{"address": m, "watts": 0, "energy_wh": FIRST_WH, "relay": "closed" if a == "G" else "open"}
              for a, m in METERS.items()]
    meters.append({"address": WALLET, "profile": "wallet-esam", "watts": 0, "customer": WALLET, "opened": "yes"})
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        desks.first_readings(d, sim, METERS, 1)
        use = desks.Use(desk, sim, METERS)
        gv10(desk, use)
        field.together(lambda: (local(desk, sim), too_full(desk, sim)),
                       lambda: (week_cap(desk), instalments(desk), own_order(desk), at_once(desk)),
                       lambda: daily(desk))
        corrections(desk)
        nothing_left(desk, sim)
        killed_between(desk, sim)
        from_balance(desk, use)
        killed_often(desk)
    desks.books(desk)
sink.close()
sys.exit(gate.done())
PY
