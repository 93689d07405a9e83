#!/bin/sh
# What the database itself refuses about the delivery of credit, whoever asks: I3 to I7 of
# reliability.md, as the superuser and without a daemon in the way.
#   tests/it/guards.sh BUILD-DIR
PYTHONPATH=$(dirname "$0")/../lib PYTHONDONTWRITEBYTECODE=1 exec python3 - "$@" <<'PY'
import sys
import gate

BUILD = sys.argv[1]
METER, OTHER = "202600000011", "202600000012"


def refused(db, statements):
    """What the database says to each of them."""
    tries = "".join(f"BEGIN {sql}; said := said || 'it was done'::text; EXCEPTION WHEN OTHERS THEN said := said || SQLERRM; END; " for sql in statements)
    return [r[0] for r in db.rows(f"""SET search_path = powergate; CREATE TEMP TABLE told (words text[]);
        DO $do$ DECLARE said text[] := ARRAY[]::text[]; BEGIN {tries} INSERT INTO told VALUES (said); END $do$;
        SELECT unnest(words) FROM told""")]


class Delivery:
    """One by its place in the order of payments."""

    def __init__(self, db, n):
        self.db, self.id = db, db.value(f"SELECT id FROM powergate.credit_delivery WHERE kind = 'recharge' ORDER BY id OFFSET {n} LIMIT 1")

    def change(self, what):
        self.db.run(f"SET search_path = powergate; UPDATE credit_delivery SET {what} WHERE id = {self.id}")

    def state(self):
        return self.db.value(f"SELECT state FROM powergate.credit_delivery WHERE id = {self.id}")

    def refuses(self, *cases):
        """Each (words, sentence, change) in the same session: the words are the database's answer."""
        said = refused(self.db, [f"UPDATE credit_delivery SET {what} WHERE id = {self.id}" for _, _, what in cases])
        for (words, sentence, _), answer in zip(cases, said):
            gate.ok(words in answer, sentence, answer)

    def plan(self, purchase):
        return (f"state = 'INTENT', meter_id = (SELECT id FROM powergate.meter WHERE address = '{METER}'), incarnation = 1, "
                f"purchase = {purchase}, customer = '{METER}', planned_us = 1")

    def prove(self, verdict, incarnation):
        self.db.run("INSERT INTO powergate.credit_evidence (delivery_id, at_us, node, epoch, incarnation, meter_count, frames, verdict) "
                    f"VALUES ({self.id}, 1, 'a', 1, {incarnation}, 1, '{{}}', '{verdict}')")


def frozen(first, state):
    first.refuses(*[("frozen", f"{state}: its {column} stays (I6)", f"{column} = {value}") for column, value in (
        ("meter_id", f"(SELECT id FROM meter WHERE address = '{OTHER}')"), ("incarnation", "2"), ("purchase", "7"),
        ("customer", "'000000000000'"))])


def owed(first):
    first.refuses(*[("never changes", f"its {column} never changes", f"{column} = {value}") for column, value in (
        ("amount_minor", "amount_minor + 1"), ("account_id", "(SELECT max(id) FROM account)"), ("payment_id", "NULL"), ("kind", "'open'"))])


def arrows(first, state, *allowed):
    first.refuses(*[("no arrow", f"no arrow leads from {state} to {to} (I3)", f"state = '{to}'") for to in (
        "QUEUED", "INTENT", "VERIFYING", "APPLIED", "REVIEW", "CANCELLED") if to != state and to not in allowed])


def life(first, second):
    owed(first)
    arrows(first, "QUEUED", "INTENT", "REVIEW", "CANCELLED")
    first.refuses(("check constraint", "without a meter and a count there is no INTENT", "state = 'INTENT'"))
    first.change(first.plan(1))
    second.refuses(("delivery_one_in_flight", "INTENT: no second one to the same meter is planned (I4)", second.plan(2)))
    frozen(first, "INTENT")
    arrows(first, "INTENT", "VERIFYING")
    first.change("state = 'VERIFYING'")
    second.refuses(("delivery_one_in_flight", "VERIFYING: nor now (I4)", second.plan(2)))
    frozen(first, "VERIFYING")
    arrows(first, "VERIFYING", "APPLIED", "REVIEW")
    for sentence, evidence in (("APPLIED needs evidence (I7)", None), ("evidence of the contrary is none", ("absent", 1)),
                               ("nor is that of the meter that was there before", ("applied", 2))):
        if evidence:
            first.prove(*evidence)
        first.refuses(("nothing proves", sentence, "state = 'APPLIED'"))
    first.prove("applied", 1)
    first.change("state = 'APPLIED'")
    gate.ok(first.state() == "APPLIED", "with evidence of the present meter it is APPLIED", first.state())
    frozen(first, "APPLIED")
    owed(first)
    arrows(first, "APPLIED")
    second.refuses(("delivery_one_a_count", "its count is not reserved for another (I5)", second.plan(1)))
    second.change(second.plan(2))
    gate.ok(second.state() == "INTENT", "the next one is", second.state())


def kept(db):
    cases = [(f"{word} {table}", f"{word.split()[0]} of {table} is refused") for table in ("credit_delivery", "credit_evidence")
             for word in ("DELETE FROM", "TRUNCATE")]
    cases = [(sql + " CASCADE" * sql.startswith("TRUNCATE"), sentence) for sql, sentence in cases]
    cases += [("UPDATE credit_evidence SET verdict = 'applied'", "evidence is not written over"),
              ("INSERT INTO credit_delivery (kind, payment_id, account_id, amount_minor, created_us) SELECT kind, payment_id, account_id, "
               "amount_minor, 1 FROM credit_delivery WHERE kind = 'recharge' LIMIT 1", "one payment has one delivery (I1)")]
    for (_, sentence), answer in zip(cases, refused(db, [sql for sql, _ in cases])):
        gate.ok(answer != "it was done", sentence, answer)


with gate.Cluster(BUILD) as db, gate.Daemon(BUILD, db) as d:
    d.local("L1", METER)
    d.local("L2", OTHER)
    for n in (1, 2):
        gate.ok(d.pay("L1", 5000, f"G-{n}").status == 200, "a payment for a meter that is away")
    gate.until(lambda: db.value("SELECT count(*) FROM powergate.credit_delivery WHERE kind = 'recharge'") == 2, 10, "two deliveries")
    d.stop()
    life(Delivery(db, 0), Delivery(db, 1))
    kept(db)
sys.exit(gate.done())
PY
