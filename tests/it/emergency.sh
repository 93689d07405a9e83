#!/bin/sh
# Emergency credit is offered below a balance, used once, and repaid before supply returns; limits
# are asked before money is taken, and money that was taken is never refused.
#   tests/it/emergency.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import time

import desk as desks
import field
import gate
from desk import FIRST_WH, NOTICE_S
from field import CLOSE

BUILD = sys.argv[1]
METERS = {"E": "202600005201", "A": "202600005202", "B": "202600005203"}


def is_off(sim, account):
    return sim.state(METERS[account])["relay"] == "open"


# --- emergency credit --------------------------------------------------------------------------

def emergency(desk, use, sim, sink):
    d = desk.d
    desk.offer("E", 300, below="100")
    gate.ok(desk.emergency("E")["state"] == "none" and desk.activate("E").status == 409,
            "above its balance emergency credit is not to be had", desk.emergency("E"))
    use.until("E", 100)
    gate.ok(gate.comes(lambda: desk.emergency("E")["state"] == "offered", 5), "at it, it is offered", desk.emergency("E"))
    gate.ok(gate.comes(lambda: [n for n in sink.told("emergency", "E") if n["data"]["state"] == "offered"], 10),
            "and the customer hears of it")
    gate.ok(desk.post("emergency/activate", account="E").status == 400, "nobody activates it without a reason")
    answer = desk.activate("E")
    gate.ok(answer.status == 200 and answer.json["left_minor"] == 300 and desk.activate("E").status == 409,
            "a person activates it, once", answer)
    use.until("E", -200)
    gate.until(lambda: desk.emergency("E")["used_minor"] == 200, 5, "its use")
    time.sleep(NOTICE_S + 3)
    gate.ok(not is_off(sim, "E") and not sink.told("final", "E") and desk.balance("E") == 0
            and desk.emergency("E")["left_minor"] == 100,
            "2.00 of 3.00 used: the balance stays at nothing, and nobody is cut off", desk.emergency("E"))
    answer = desk.post("emergency/offer", account="E", limit_minor="9900", reason="more")
    gate.ok(answer.status == 409, "its terms do not change while it is used", answer)
    use.until("E", -300)
    gate.ok(gate.comes(lambda: is_off(sim, "E"), NOTICE_S + 12) and sink.told("final", "E")
            and desk.emergency("E")["state"] == "exhausted", "all of it used: a final notice, and the end", desk.emergency("E"))
    got = desk.pays("E", 200, "E-1")
    time.sleep(2)
    gate.ok(got == [("emergency", 200)] and is_off(sim, "E") and not field.orders(sim, METERS["E"], CLOSE),
            "who repays a part has no supply", (got, desk.emergency("E")))
    answer = desk.activate("E")
    gate.ok(answer.status == 409 and "used up" in answer.json["error"], "nor emergency credit anew", answer)
    got = desk.pays("E", 200, "E-2")
    gate.ok(gate.comes(lambda: not is_off(sim, "E"), 10) and got == [("emergency", 100), ("credit", 100)]
            and desk.emergency("E")["used_minor"] == 0, "when all is repaid supply returns", (got, desk.emergency("E")))
    gate.ok(gate.comes(lambda: desk.emergency("E")["state"] == "offered", 5), "and it may be had again", desk.emergency("E"))
    code, text, _ = d.ctl("emergency", "show", "E")
    gate.ok(code == 0 and "offered" in text and "3.00" in text, "emergency show", text)


def by_policy(desk, use, sim):
    desk.offer("A", 200, automatic="true")
    use.until("A", -100)
    gate.ok(gate.comes(lambda: desk.emergency("A")["used_minor"] == 100, 5) and desk.emergency("A")["state"] == "active",
            "where the policy says so it is active by itself", desk.emergency("A"))
    time.sleep(NOTICE_S + 2)
    gate.ok(not is_off(sim, "A"), "and supply goes on")
    preview = desk.post("payment/preview", account="A", amount_minor="1000").json["split"]
    gate.ok([(s["for"], s["amount_minor"]) for s in preview] == [("emergency", 100), ("credit", 900)],
            "a preview knows of it", preview)


def dark_then_lit(desk, use, sim):
    desk.offer("B", 500)
    use.until("B", 0)
    gate.ok(gate.comes(lambda: is_off(sim, "B"), NOTICE_S + 12), "who does not take it is cut off", desk.emergency("B"))
    desk.activate("B")
    gate.ok(gate.comes(lambda: not is_off(sim, "B"), 10), "who takes it then has power again", desk.emergency("B"))


def pays_debts(desk):
    """The switch: whether the instalments of debts are taken from it too."""
    today = time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600))
    debts = {}
    for account, switch in (("P", "true"), ("Q", "false")):
        desk.offer(account, 500, pays_debts=switch)
        gate.until(lambda: desk.emergency(account)["state"] == "offered", 5, "the offer")
        desk.activate(account)
        debts[account] = desk.debt(account, "instalment", 1000, "heater", instalment_minor="300", every="day", first=today, daily="true")
    gate.ok(gate.comes(lambda: desk.emergency("P")["used_minor"] == 300, 10) and desk.owed(debts["P"]) == 700 and desk.balance("P") == 0,
            "where its terms say so, debts are taken from emergency credit", (desk.emergency("P"), desk.owed(debts["P"])))
    gate.ok(desk.emergency("Q")["used_minor"] == 0 and desk.owed(debts["Q"]) == 1000, "and else not", desk.emergency("Q"))
    gate.ok(desk.pays("P", 400, "P-1") == [("emergency", 300), ("credit", 100)], "it is repaid like any other use", desk.receipt("P-1"))


# --- limits ---------------------------------------------------------------------------------------

def limits(desk):
    d, db = desk.d, desk.db
    d.order("payment/limits", account="M", least_minor="1000", most_minor="50000", most_credit_minor="60000", reason="a test")

    def cash(amount, number):
        return desk.post("payment/cash", account="M", amount_minor=str(amount), payment_no=number)

    for amount, word in ((999, "at least 10.00"), (50001, "at most 500.00")):
        before, answer = db.counts(), cash(amount, f"M-{amount}")
        gate.ok(answer.status == 422 and word in answer.json["error"] and before == db.counts(),
                f"422 and no row anywhere: {amount / 100:.2f} in cash", answer)
    gate.ok(cash(50000, "M-1").status == 200, "what is within them is taken")
    before, answer = db.counts(), cash(10001, "M-2")
    gate.ok(answer.status == 422 and "600.00" in answer.json["error"] and before == db.counts(),
            "422: the credit would be above what is allowed", answer)
    answer = cash(50000, "M-1")
    gate.ok(answer.status == 200 and answer.json["status"] == "duplicate", "the same again is the receipt of before", answer)
    before = db.counts()
    code, out, _ = d.ctl("payment", "preview", "--account", "M", "--amount", "500.01")
    gate.ok(code == 1 and "at most 500.00" in out and "above 600.00" in out and before == db.counts(),
            "a preview says each limit that is passed, and takes nothing", out)
    gate.ok(d.ctl("payment", "preview", "--account", "M", "--amount", "100.00")[0] == 0, "and when all is well")
    gate.ok(desk.post("payment/preview", account="nobody", amount_minor="1000").status == 404, "404 for nobody")
    gate.ok(d.pay("M", 99900, "M-web").status == 200 and desk.balance("M") == 149900, "a webhook is never refused")
    d.order("payment/limits", site="here", least_minor="500", reason="a test")
    answers = [desk.post("payment/cash", account=a, amount_minor="700", payment_no=f"{a}-7").status for a in ("F", "M")]
    gate.ok(answers == [200, 422], "an account's own limit goes before the site's", answers)
    d.order("payment/limits", site="here", reason="none again")


# --- the story ----------------------------------------------------------------------------------

sink = field.Sink()
with gate.Cluster(BUILD) as db:
    desk = desks.start(BUILD, db, sink)
    d = desk.d
    for account in (*METERS, *"FMPQ"):
        d.remote(account, METERS.get(account))
    for account, money in (("E", 500), ("A", 100), ("B", 100)):
        field.cash(d, account, money)
    meters = [{"address": m, "watts": 0, "energy_wh": FIRST_WH} for m in METERS.values()]
    limits(desk)
    pays_debts(desk)
    with gate.Sim(BUILD, d, meters, "--truth-frames") as sim:
        desks.first_readings(d, sim, METERS)
        use = desks.Use(desk, sim, METERS)
        field.together(lambda: emergency(desk, use, sim, sink), lambda: by_policy(desk, use, sim),
                       lambda: dark_then_lit(desk, use, sim))
    desks.books(desk)
sink.close()
sys.exit(gate.done())
PY
