"""desk -- what tests of debts, emergency credit and limits share: a daemon that is asked about
money, and energy that is used to the cent.
"""
import json

import field
import gate

FIRST_WH = 50000
NOTICE_S = 2


class Desk:
    """One daemon and what is asked of it here."""

    def __init__(self, db, d):
        self.db, self.d = db, d

    def balance(self, account):
        return self.d.ask("account/show", account=account).json["prepaid_minor"]

    def debt(self, account, kind, amount, reference, **more):
        return self.d.order("debt/add", account=account, kind=kind, amount_minor=str(amount), reference=reference,
                            reason="a test", **more)["debt"]

    def shared(self, account, amount=60000, percent="2500", cap="2000", reference="contract 1"):
        return self.debt(account, "payment", amount, reference, percent=percent, week_cap_minor=cap)

    def owed(self, debt):
        return self.d.ask("debt/show", debt=debt).json["owed_minor"]

    def receipt(self, payment_no):
        """What a payment was split into, when it has been."""
        shown = self.d.ask("payment/show", payment_no=payment_no).json
        return [(s["for"], s["amount_minor"]) for s in shown["split"]] if shown.get("split_us") else None

    def split(self, payment_no, seconds=10):
        return gate.until(lambda: self.receipt(payment_no), seconds, f"the split of {payment_no}", every=0.02)

    def pays(self, account, amount, payment_no):
        a = self.d.pay(account, amount, payment_no)
        if a.status != 200:
            raise RuntimeError(f"{payment_no}: {a}")
        return self.split(payment_no)

    def lines(self, kind, account):
        """The postings of an account's journals of a kind, in order: (ledger, owner, amount)."""
        rows = self.db.rows("SELECT p.ledger, p.owner, p.amount_minor FROM powergate.posting p "
                            "JOIN powergate.journal j ON j.id = p.journal_id WHERE j.kind = :'k' AND j.id IN (SELECT "
                            "journal_id FROM powergate.posting WHERE account_id = (SELECT id FROM powergate.account "
                            "WHERE number = :'a')) ORDER BY j.id, p.line", k=kind, a=account)
        return [(ledger, owner, int(amount)) for ledger, owner, amount in rows]

    def post(self, path, **values):
        return gate.request(self.d.socket, "POST", f"/v1/{path}", json.dumps(values).encode())

    def emergency(self, account):
        return self.d.ask("emergency/show", account=account).json

    def offer(self, account, limit, **more):
        return self.d.order("emergency/offer", account=account, limit_minor=str(limit), reason="a test", **more)

    def activate(self, account):
        return self.post("emergency/activate", account=account, reason="the customer asked")


class Use:
    """Energy at 10.00 a kWh: a cent is a watt-hour, and the register shows tens."""

    def __init__(self, desk, sim, meters):
        self.desk, self.sim, self.meters = desk, sim, meters
        self.wh = dict.fromkeys(meters, FIRST_WH)

    def until(self, account, balance, seconds=15):
        """Uses so much that the account, debts of emergency credit taken off, is worth this."""
        desk = self.desk
        used = desk.emergency(account).get("used_minor", 0)
        more = desk.balance(account) - used - balance
        assert more >= 0 and more % 10 == 0, (account, more)
        self.wh[account] += more
        self.sim.do(f"set {self.meters[account]} energy_wh {self.wh[account]}")
        gate.until(lambda: desk.balance(account) - desk.emergency(account).get("used_minor", 0) == balance, seconds,
                   f"{account} at {balance}")


def start(build, db, sink):
    """A daemon that keeps its ports when it dies, and cuts off soon after its word."""
    d = gate.Daemon(build, db, {"meters": {"listen": f"127.0.0.1:{gate.free_port()}"}, "commands": {"sweep": "200ms"},
                                "hooks": {"listen": f"127.0.0.1:{gate.free_port()}"},
                                "reading": {"poll_interval": "500ms"},
                                "supply": {"final_notice": f"{NOTICE_S}s", "after_close": "1s"}}, start=False)
    d.configure(sink.settings(d))
    return Desk(db, d.start())


def first_readings(d, sim, meters, others=0):
    sim.online(len(meters) + others)
    gate.until(lambda: all(d.ask("meter/show", meter=m).json["total_wh"] == FIRST_WH for m in meters.values()), 15,
               "readings")


def books(desk):
    gate.ok(desk.db.ledger_problems() == [], "the books balance, debts included", desk.db.ledger_problems())
    gate.ok(not field.work(desk.d, "SPLIT"), "and no split was given up")
