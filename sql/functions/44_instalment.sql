-- Instalments that do not wait for a payment: what has fallen due is taken from the balance, once a
-- day of the site.  model/waterfall.c says what is due; here is seen to that it is taken once, and
-- never so that power goes for it.

-- What debts may take: what is above the threshold, less the one minor unit without which power
-- would be cut; emergency credit only while it is active and its terms say so.
CREATE OR REPLACE FUNCTION powergate.balance_free(p_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT s.prepaid_minor - a.trip_minor - 1 + CASE WHEN EXISTS (SELECT FROM emergency e WHERE e.account_id = a.id
            AND e.state = 'active' AND e.pays_debts) THEN s.extra_minor ELSE 0 END
        FROM account a JOIN account_state s ON s.account_id = a.id WHERE a.id = p_account);
END $$;

-- Those not looked at today, one an account: the next one finds the balance as this one left it.
CREATE OR REPLACE FUNCTION door.instalments_due(p_limit int, p_now bigint)
RETURNS TABLE (debt_id bigint, zone text, owed bigint, free bigint, agreed bigint, instalment bigint, every text, first_day int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM debt WHERE from_balance AND closed_us IS NULL) THEN RETURN; END IF;
    RETURN QUERY SELECT DISTINCT ON (d.account_id) d.id, t.zone, powergate.debt_owed(d), powergate.balance_free(d.account_id),
        d.amount_minor, d.instalment_minor, d.every, d.first_day
    FROM debt d JOIN account a ON a.id = d.account_id JOIN account_state s ON s.account_id = a.id JOIN site t ON t.id = a.site_id
    WHERE d.from_balance AND d.closed_us IS NULL AND d.looked_day < powergate.day_of(p_now, t.zone)
      AND NOT s.split_pending AND a.state = 'active' AND a.fee_mode = 'remote' AND t.mode = 'live'
    ORDER BY d.account_id, d.id LIMIT p_limit;
END $$;

-- One of them.  False: the facts have moved, it is asked again.
CREATE OR REPLACE FUNCTION powergate.instalment_take(p_debt bigint, p_day int, p_amount bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE d debt; a account; money text;
BEGIN
    PERFORM powergate.account_first((SELECT q.account_id FROM debt q WHERE q.id = p_debt));
    SELECT * INTO d FROM debt q WHERE q.id = p_debt FOR UPDATE;
    IF NOT d.from_balance OR d.closed_us IS NOT NULL OR d.looked_day >= p_day THEN RETURN false; END IF;
    IF p_amount > 0 THEN
        IF p_amount > least(powergate.debt_owed(d), powergate.balance_free(d.account_id))
           OR (SELECT s.split_pending FROM account_state s WHERE s.account_id = d.account_id) THEN
            RETURN false;
        END IF;
        SELECT t.currency INTO money FROM account q JOIN site t ON t.id = q.site_id WHERE q.id = d.account_id;
        PERFORM powergate.journal_post(format('instalment:%s:%s', d.id, p_day), 'instalment', d.reference, 'powergated', NULL,
            ARRAY['prepaid', 'arrears'], ARRAY['', 'debt:' || d.id], ARRAY[d.account_id, d.account_id], ARRAY[p_amount, -p_amount], money, p_now);
        PERFORM powergate.event_add('debt', NULL, d.account_id, format('%s is taken from the balance: %s', powergate.money_text(p_amount), d.reference), p_now);
        UPDATE debt SET closed_us = p_now WHERE id = d.id AND powergate.debt_owed(d) = 0;
        PERFORM powergate.emergency_walk(d.account_id, p_now);
        PERFORM powergate.debts_refresh(d.account_id);
        PERFORM powergate.mark_dirty(ARRAY[d.account_id], p_now);
    END IF;
    UPDATE debt SET looked_day = p_day WHERE id = d.id;
    RETURN true;
END $$;
CREATE OR REPLACE FUNCTION door.instalments_take(p_debt bigint[], p_day int[], p_amount bigint[], p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0;
BEGIN
    FOR r IN SELECT t.debt, t.day, t.amount FROM unnest(p_debt, p_day, p_amount) AS t(debt, day, amount)
        JOIN debt d ON d.id = t.debt ORDER BY d.account_id LOOP
        n := n + powergate.instalment_take(r.debt, r.day, r.amount, p_now)::int;
    END LOOP;
    RETURN n;
END $$;
