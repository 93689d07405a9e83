"""bends -- errors as a head-end or a careless hand could make them, each so that its books still agree.

of(life) gives (words, how to ask with it in place, what the judge must at least object to).
"""
import contextlib

# A charge in the middle of a story, of a meter with others around it.
MIDDLE = ("SELECT c.* FROM powergate.charge c WHERE c.state = 'posted' AND c.kind = 'energy' AND c.minor > 1 AND "
          "c.quality = 'actual' AND c.journal_id IS NOT NULL ORDER BY c.id OFFSET 40 LIMIT 1")
# Triggers and keys would not let it happen.
BEGIN = f"BEGIN; SET LOCAL session_replication_role = replica; CREATE TEMP TABLE x ON COMMIT DROP AS {MIDDLE}; "

CENT = BEGIN + """
    UPDATE powergate.account_state SET prepaid_minor = prepaid_minor - 1 WHERE account_id = (
        SELECT p.account_id FROM powergate.posting p, x WHERE p.journal_id = x.journal_id AND p.ledger = 'prepaid');
    UPDATE powergate.posting p SET amount_minor = p.amount_minor + CASE p.ledger WHEN 'prepaid' THEN 1 ELSE -1 END
    FROM x WHERE p.journal_id = x.journal_id AND p.ledger IN ('prepaid', 'energy');"""
LOST = BEGIN + """
    UPDATE powergate.account_state s SET prepaid_minor = s.prepaid_minor + p.amount_minor
    FROM powergate.posting p, x WHERE p.journal_id = x.journal_id AND p.ledger = 'prepaid' AND s.account_id = p.account_id;
    DELETE FROM powergate.posting p USING x WHERE p.journal_id = x.journal_id;
    DELETE FROM powergate.journal j USING x WHERE j.id = x.journal_id;
    DELETE FROM powergate.charge c USING x WHERE c.id = x.id;"""
WATT_HOURS = BEGIN + """
    UPDATE powergate.reading r SET value = r.value + 10 FROM x JOIN powergate.installation i ON i.id = x.installation_id
    WHERE r.meter_id = i.meter_id AND r.at_us = x.to_us AND r.reg = 'total_wh';
    UPDATE powergate.freeze_record f SET total_wh = f.total_wh + 10
    FROM x JOIN powergate.installation i ON i.id = x.installation_id
    WHERE f.meter_id = i.meter_id AND f.at_us = x.to_us;"""


@contextlib.contextmanager
def in_books(life, bend):
    """Undone after each question."""
    yield lambda sql: life.rows(f"{bend}\n{sql};\nROLLBACK;")


@contextlib.contextmanager
def in_tariff(life, name, was, becomes):
    path = life.facts()["tariffs"][name][0]
    with open(path, encoding="ascii") as f:
        text = f.read()
    with open(path, "w", encoding="ascii") as f:
        f.write(text.replace(was, becomes))
    try:
        yield life.rows
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write(text)


def of(life):
    return [("a cent too much in one posting", in_books(life, CENT), {"account", "balance"}),
            ("a charge and its journal lost", in_books(life, LOST), {"chain"}),
            ("a reading 10 Wh off", in_books(life, WATT_HOURS), {"between"}),
            ("told a tier that ends 1 kWh later", in_tariff(life, "A-steps", "100 kWh", "101 kWh"), {"charge", "account"}),
            ("told a price 0.0001 off", in_tariff(life, "A-steps", "0.5583", "0.5584"), {"charge", "account"})]
