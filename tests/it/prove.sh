#!/bin/sh
# The proof of a recharge: it holds for what happened, and for nothing that was written into the
# tables afterwards.
#   tests/it/prove.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import json, sys, time
import field, gate, pens

BUILD = sys.argv[1]
WALLET, REMOTE, SILENT = "202600000301", "202600000302", "202600000303"


class Bench:
    """Changes behind everybody's back: as the owner, with the triggers off, and put back after."""

    def __init__(self, db, d):
        self.db, self.d = db, d
        self.conf = None

    def proof(self, payment):
        code, out, err = self.d.ctl("recharge", "prove", str(payment), "--json", "--conf", self.conf or self.d.conf)
        return code, {} if not out else json.loads(out), err

    def holds(self, payment):
        code, told, _ = self.proof(payment)
        return code == 0 and told["proven"]

    def broken(self, payment):
        """The names of the links that do not hold."""
        code, told, err = self.proof(payment)
        return code, [x["name"] for x in told.get("links", []) if not x["proven"]], f"{told}\n{err}"

    def tampered(self, payment, sentence, link, table, change):
        keep = f"CREATE TABLE powergate.kept AS SELECT * FROM powergate.{table};"
        quiet = "SET session_replication_role = replica;"
        self.db.run(keep + quiet + change)
        try:
            code, names, told = self.broken(payment)
            gate.ok(code == 1 and link in names, f"found in \"{link}\": {sentence}", f"{code} {told}")
        finally:
            self.db.run(quiet + f"DELETE FROM powergate.{table}; INSERT INTO powergate.{table} OVERRIDING SYSTEM VALUE "
                        f"SELECT * FROM powergate.kept; DROP TABLE powergate.kept;")
        if not self.holds(payment):
            gate.ok(False, "and holds again when it is put back", self.proof(payment))


def flip(column, at):
    return f"set_byte({column}, {at}, get_byte({column}, {at}) # 1)"


def local(bench, payment):
    q = payment
    frame = ("UPDATE powergate.command_history SET frame = {} WHERE (command_id, n) = (SELECT h.command_id, h.n "
             "FROM powergate.command_history h JOIN powergate.command c ON c.id = h.command_id "
             f"WHERE c.payment_id = {q} AND h.step = '{{}}' AND length(h.frame) > 30 ORDER BY h.n LIMIT 1);")
    evidence = f"WHERE delivery_id = (SELECT id FROM powergate.credit_delivery WHERE payment_id = {q})"

    bench.tampered(q, "a byte of the recharge that was sent", "frames", "command_history",
                   frame.format(flip("frame", 25), "sent"))
    bench.tampered(q, "a byte of what the meter answered", "frames", "command_history",
                   frame.format(flip("frame", 25), "heard"))
    for n, what in ((1, "count"), (2, "record")):
        bench.tampered(q, f"a byte of the {what} as it was read back", "count", "credit_evidence",
                       f"UPDATE powergate.credit_evidence SET frames[{n}] = {flip(f'frames[{n}]', 22)} {evidence};")
    bench.tampered(q, "frames of another read-back, whole but never heard by this order", "count", "credit_evidence",
                   f"UPDATE powergate.credit_evidence SET frames[1] = decode('68' || '010300002620' || '68' || '8304' || "
                   f"'B2B334B5' || '00' || '16', 'hex') {evidence};")
    bench.tampered(q, "no frames at all, whatever the verdict says", "count", "credit_evidence",
                   f"UPDATE powergate.credit_evidence SET frames = '{{}}', verdict = 'applied' {evidence};")
    bench.tampered(q, "no read-back at all", "count", "credit_evidence", f"DELETE FROM powergate.credit_evidence {evidence};")
    bench.tampered(q, "the history of its orders is gone", "frames out", "command_history",
                   f"DELETE FROM powergate.command_history WHERE command_id IN (SELECT id FROM powergate.command WHERE payment_id = {q});")
    bench.tampered(q, "another amount on the delivery", "frames out", "credit_delivery",
                   f"UPDATE powergate.credit_delivery SET amount_minor = amount_minor + 1 WHERE payment_id = {q};")
    bench.tampered(q, "another purchase count on the delivery", "count", "credit_delivery",
                   f"UPDATE powergate.credit_delivery SET purchase = purchase + 7 WHERE payment_id = {q};")
    bench.tampered(q, "the journal of the delivery is gone", "delivered", "journal",
                   f"DELETE FROM powergate.journal WHERE key = (SELECT 'deliver:' || id FROM powergate.credit_delivery WHERE payment_id = {q});")


def money(bench, payment, what):
    q = payment
    inbox = f"WHERE event_id = (SELECT event_id FROM powergate.payment WHERE id = {q})"
    journal = f"(SELECT j.id FROM powergate.journal j JOIN powergate.payment p ON j.key = 'pay:' || p.source || ':' || p.payment_no WHERE p.id = {q})"
    other = "convert_to(replace(convert_from(body, 'UTF8'), '\"amount_minor\": 5000', '\"amount_minor\": 9000'), 'UTF8')"

    bench.tampered(q, f"{what}: another amount in the body", "webhook", "inbox",
                   f"UPDATE powergate.inbox SET body = {other} {inbox};")
    bench.tampered(q, f"{what}: another amount in the body, and its hash made to fit", "webhook", "inbox",
                   f"UPDATE powergate.inbox SET body = {other}, body_sha256 = sha256({other}) {inbox};")
    bench.tampered(q, f"{what}: the headers it was signed with are gone", "webhook", "inbox",
                   f"UPDATE powergate.inbox SET evidence = '' {inbox};")
    bench.tampered(q, f"{what}: another signature", "webhook", "inbox",
                   f"UPDATE powergate.inbox SET evidence = replace(evidence, 'v1,', 'v1,AAAA') {inbox};")
    bench.tampered(q, f"{what}: the body is gone", "webhook", "inbox", f"DELETE FROM powergate.inbox {inbox};")
    bench.tampered(q, f"{what}: another amount on the payment", "payment", "payment",
                   f"UPDATE powergate.payment SET amount_minor = 9000 WHERE id = {q};")
    bench.tampered(q, f"{what}: a posting is missing", "journal", "posting",
                   f"DELETE FROM powergate.posting WHERE journal_id = {journal} AND line = 2;")
    bench.tampered(q, f"{what}: a posting to somebody else", "journal", "posting",
                   f"UPDATE powergate.posting SET account_id = account_id + 1 WHERE journal_id = {journal} AND line = 2;")
    bench.tampered(q, f"{what}: the journal is gone", "journal", "journal",
                   f"DELETE FROM powergate.journal WHERE id = {journal};")


def remote(bench, payment):
    q = payment
    frames = f"WHERE command_id IN (SELECT id FROM powergate.command WHERE kind = 'relay' AND payment_id = {q})"
    bench.tampered(q, "a byte of the relay's read-back", "frames", "command_history",
                   f"UPDATE powergate.command_history SET frame = {flip('frame', 14)} {frames} AND step = 'heard' "
                   f"AND n = (SELECT max(n) FROM powergate.command_history {frames} AND step = 'heard');")
    bench.tampered(q, "the read-backs are gone", "supply", "command_history",
                   f"DELETE FROM powergate.command_history {frames} AND step = 'heard';")
    bench.tampered(q, "a balance that nobody posted", "balance", "account_state",
                   "UPDATE powergate.account_state SET prepaid_minor = prepaid_minor + 100;")


def never_sent(db, d, bench):
    """The meter has no connection; somebody writes that it has the money."""
    q = d.pay("L2", 4000, "P-silent").json["receipt_id"]
    time.sleep(1)
    gate.ok(not bench.holds(q), "a payment whose meter is away is not proven", bench.proof(q))
    db.run("SET session_replication_role = replica;"
           f"UPDATE powergate.credit_delivery SET state = 'APPLIED', purchase = 1, incarnation = 1, applied_us = planned_us, "
           f"meter_id = (SELECT id FROM powergate.meter WHERE address = '{SILENT}') WHERE payment_id = {q};"
           f"UPDATE powergate.command SET state = 'done', outcome = 'credit is in the meter' WHERE payment_id = {q};"
           "INSERT INTO powergate.credit_evidence (delivery_id, at_us, node, epoch, incarnation, meter_count, record, frames, verdict)"
           "SELECT id, 0, 'a', 1, 1, 1, '{\"count\": 1, \"amount\": 4000}', '{}', 'applied' FROM powergate.credit_delivery "
           f"WHERE payment_id = {q};")
    code, names, told = bench.broken(q)
    gate.ok(code == 1 and {"frames out", "count", "balance"} <= set(names),
            "and neither is it when state, outcome, verdict and record all say that the money is in the meter", told)


def providers(db, d, bench, senders):
    """A notification of each provider, verified again by what was kept of it."""
    d.order("site/add", name="coast", zone="Africa/Nairobi", currency="KES")
    order = d.order("orders", account="R1", amount_minor="5000", source="wx")["order_no"]
    other = d.order("orders", account="R1", amount_minor="300", source="ali")["order_no"]
    told = [("wx", "WX1", senders.wechat("WX1", 5000, order)), ("ali", "AL1", senders.alipay("AL1", "3.00", other)),
            ("card", "pi_1", senders.stripe("pi_1", 2500, metadata={"account_no": "R1"})),
            ("naira", "REF-1", senders.paystack("REF-1", 900, metadata={"account_no": "R1"}))]
    for source, number, a in told:
        q = db.value("SELECT id FROM powergate.payment WHERE source = :'s' AND payment_no = :'n'", s=source, n=number)
        inbox = f"WHERE event_id = (SELECT event_id FROM powergate.payment WHERE id = {q})"
        links = {x["name"]: x for x in bench.proof(q)[1]["links"]}
        gate.ok(a.status == 200 and gate.comes(lambda: bench.holds(q), 10) and "signature verified again" in links["webhook"]["text"],
                f"a payment by {source} is proven, its signature verified again", f"{a} {bench.proof(q)}")
        bench.tampered(q, f"{source}: a byte of the body, and its hash made to fit", "webhook", "inbox",
                       f"UPDATE powergate.inbox SET body = {flip('body', 70)}, body_sha256 = sha256({flip('body', 70)}) {inbox};")
        if source != "ali":
            bench.tampered(q, f"{source}: the signature of another", "webhook", "inbox",
                           f"UPDATE powergate.inbox SET evidence = (SELECT x.evidence FROM powergate.inbox x WHERE x.source = 'app' LIMIT 1) {inbox};")
    a = senders.mpesa("MP1", "50.00", "nobody", path=pens.CONFIRM)
    q = db.value("SELECT id FROM powergate.payment WHERE payment_no = 'MP1'")
    links = {x["name"]: x for x in bench.proof(q)[1]["links"]}
    gate.ok(a.status == 200 and links["webhook"]["proven"] and "unsigned" in links["webhook"]["text"] and
            "9f1c2a7e55d0b3" not in str(db.rows("SELECT evidence FROM powergate.inbox")),
            "one that nobody signs says so; the secret path is not kept", f"{a} {links['webhook']}")
    with open(d.conf, encoding="utf-8") as f:
        bench.conf = d.write("nobody.yaml", f.read().replace(d.secret_file, "/nonexistent"))
    q = db.value("SELECT id FROM powergate.payment WHERE source = 'app' ORDER BY id LIMIT 1")
    code, names, told = bench.broken(q)
    gate.ok(code == 1 and names == ["webhook", "payment"] and "nonexistent" in told, "who may not read the keys proves nothing of a notification", told)
    bench.conf = None


def story(db, d, sim, senders):
    bench = Bench(db, d)
    d.local("L1", WALLET)
    d.remote("R1", REMOTE)
    d.local("L2", SILENT)
    sim.online(2)
    d.commission(WALLET)
    q = d.pay("L1", 5000, "P-local").json["receipt_id"]
    in_meter = gate.comes(lambda: sim.truth("credit", WALLET), 20)
    done = gate.comes(lambda: bench.holds(q), 20)
    gate.ok(in_meter and done, "a local recharge is proven when it is in the meter", bench.proof(q))
    code, out, _ = d.ctl("recharge", "prove", str(q), "--conf", d.conf)
    gate.ok(code == 0 and out.startswith(" 1  OK") and "NOT" not in out and len(out.splitlines()) == 10,
            "as a chain of ten links, a line each", out)
    print(out)
    local(bench, q)
    money(bench, q, "local")
    gate.until(lambda: sim.state(REMOTE)["relay"] == "open", 40, "the trip of an account without money")
    r = d.pay("R1", 5000, "P-remote").json["receipt_id"]
    gate.until(lambda: sim.state(REMOTE)["relay"] == "closed", 20, "power")
    on = gate.comes(lambda: bench.holds(r), 20) and "supply" in [x["name"] for x in bench.proof(r)[1]["links"]]
    gate.ok(on, "a remote payment is proven, down to the relay that was read back", bench.proof(r))
    print(d.ctl("recharge", "prove", str(r), "--conf", d.conf)[1])
    money(bench, r, "remote")
    remote(bench, r)
    cash = d.order("payment/cash", account="R1", amount_minor="700", payment_no="C-1")["receipt_id"]
    gate.ok(gate.comes(lambda: bench.holds(int(cash)), 10), "so is cash over the counter", bench.proof(cash))
    nobody = d.pay("R9", 100, "P-nobody").json["receipt_id"]
    gate.ok(not bench.holds(nobody), "money of nobody we know is not", bench.proof(nobody))
    d.order("payment/assign", payment=nobody, account="R1", reason="a test")
    gate.ok(bench.holds(nobody), "until it is assigned", bench.proof(nobody))
    gate.ok(bench.proof(987654)[0] == 1, "and no such payment is not either")
    providers(db, d, bench, senders)
    never_sent(db, d, bench)


def main():
    meters = [{"address": WALLET, "profile": "wallet-esam"}, {"address": REMOTE, "energy_wh": 1000}]
    sink = field.Sink()
    with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db, start=False) as d:
        d.configure(sink.settings(d))
        keys = pens.Pens(d)
        d.configure({"hooks": {"sources": d.settings["hooks"]["sources"] + keys.sources(), "proxies": "127.0.0.1 ::1"}})
        d.start()
        with gate.Sim(BUILD, d, meters) as sim:
            story(db, d, sim, pens.Senders(d, keys))
    sink.close()
    return gate.done()


sys.exit(main())
PY
