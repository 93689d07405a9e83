-- Emergency credit (domain.md 5.6-3): offered below a balance, once, until what was used is repaid.
--
-- Emergency credit is used by going below the threshold.  What was used is moved from the balance
-- to arrears, by the walk below or just before a split; balance and extra_minor change by the
-- same, so that it makes no difference to a decision when.

CREATE OR REPLACE FUNCTION powergate.emergency_used(p_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.arrears_of(p_account, 'emergency');
END $$;

-- Emergency credit that is left: by so much the trip threshold lies lower.
CREATE OR REPLACE FUNCTION powergate.extra_minor(p_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT s.extra_minor FROM account_state s WHERE s.account_id = p_account);
END $$;

-- Moves what was used of it from the balance to arrears.  Called with the account's row locked.
CREATE OR REPLACE FUNCTION powergate.emergency_draw(p_account bigint, p_balance bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e emergency; a account; fresh bigint; money text;
BEGIN
    SELECT * INTO e FROM emergency q WHERE q.account_id = p_account AND q.state = 'active' FOR UPDATE;
    SELECT * INTO a FROM account q WHERE q.id = p_account;
    fresh := least(powergate.threshold_of(a) - p_balance, e.limit_minor - powergate.emergency_used(p_account));
    IF e.account_id IS NULL OR fresh <= 0 THEN RETURN; END IF;
    SELECT t.currency INTO money FROM site t WHERE t.id = a.site_id;
    UPDATE emergency SET drawn = drawn + 1 WHERE account_id = p_account RETURNING * INTO e;
    PERFORM powergate.journal_post(format('emergency:%s:%s', p_account, e.drawn), 'emergency', 'emergency credit used', 'powergated',
        NULL, ARRAY['arrears', 'prepaid'], ARRAY['emergency', ''], ARRAY[p_account, p_account], ARRAY[fresh, -fresh], money, p_now);
    -- what was used past the threshold is measured on the balance, and that has just been lifted
    UPDATE exposure x SET from_minor = x.from_minor + fresh FROM meter m
    WHERE m.account_id = p_account AND x.meter_id = m.id AND x.ended_us IS NULL;
END $$;

CREATE OR REPLACE FUNCTION powergate.emergency_told(e emergency, p_balance bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.event_add('emergency', NULL, e.account_id, CASE e.state
        WHEN 'offered' THEN format('emergency credit of %s is offered', powergate.money_text(e.limit_minor))
        WHEN 'active' THEN format('emergency credit of %s is active: %s', powergate.money_text(e.limit_minor), e.activated_by)
        WHEN 'exhausted' THEN format('emergency credit of %s is used up', powergate.money_text(e.limit_minor))
        ELSE 'emergency credit is cleared' END, p_now);
    IF e.state <> 'none' THEN
        PERFORM powergate.customer_notice(format('emergency:%s:%s:%s:%s', e.account_id, e.grants, e.state, p_now), 'emergency',
            e.account_id, NULL, jsonb_build_object('state', e.state, 'limit_minor', e.limit_minor, 'balance_minor', p_balance),
            p_now, 86400000000);
    END IF;
END $$;

-- From where the emergency credit is to where the balance says it should be; walking twice gives
-- the same.  While a split is pending the balance says nothing.
CREATE OR REPLACE FUNCTION powergate.emergency_walk(p_account bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e emergency; a account; s account_state; next_state text; used bigint; extra bigint;
BEGIN
    SELECT * INTO s FROM account_state q WHERE q.account_id = p_account FOR UPDATE;
    SELECT * INTO e FROM emergency q WHERE q.account_id = p_account FOR UPDATE;
    IF e.account_id IS NULL OR s.split_pending THEN RETURN; END IF;
    SELECT * INTO a FROM account q WHERE q.id = p_account;
    LOOP
        PERFORM powergate.emergency_draw(p_account, s.prepaid_minor, p_now);
        SELECT * INTO s FROM account_state q WHERE q.account_id = p_account;
        used := powergate.emergency_used(p_account);
        next_state := CASE
            WHEN e.state IN ('none', 'offered') AND used > 0 THEN 'exhausted' -- what repaid it was reversed
            WHEN e.state = 'none' AND s.prepaid_minor <= e.below_minor THEN 'offered'
            WHEN e.state = 'offered' AND s.prepaid_minor > e.below_minor THEN 'none'
            WHEN e.state = 'offered' AND e.automatic THEN 'active'
            WHEN e.state = 'active' AND used >= e.limit_minor THEN 'exhausted'
            WHEN e.state = 'active' AND used <= 0 AND s.prepaid_minor > e.below_minor THEN 'none'
            WHEN e.state = 'exhausted' AND used <= 0 THEN 'none'
            ELSE e.state END;
        EXIT WHEN next_state = e.state;
        UPDATE emergency SET state = next_state, moved_us = p_now,
            grants = grants + CASE WHEN next_state = 'active' THEN 1 ELSE 0 END,
            activated_us = CASE WHEN next_state = 'active' THEN p_now ELSE activated_us END,
            activated_by = CASE WHEN next_state = 'active' THEN 'by itself' ELSE activated_by END
        WHERE account_id = p_account RETURNING * INTO e;
        PERFORM powergate.emergency_told(e, s.prepaid_minor, p_now);
    END LOOP;
    UPDATE emergency SET due = false WHERE account_id = p_account AND due;
    extra := CASE WHEN e.state = 'active' THEN e.limit_minor - used ELSE 0 END;
    UPDATE account_state q SET extra_minor = extra, emergency_at_minor = CASE e.state WHEN 'active' THEN a.trip_minor - 1
        WHEN 'exhausted' THEN NULL ELSE e.below_minor END WHERE q.account_id = p_account;
    PERFORM powergate.debts_refresh(p_account);
    IF extra <> s.extra_minor THEN
        PERFORM powergate.mark_dirty(ARRAY[p_account], p_now);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION door.emergencies_walk(p_limit int, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE id bigint; n int := 0;
BEGIN
    FOR id IN SELECT e.account_id FROM emergency e WHERE e.due ORDER BY e.account_id LIMIT p_limit LOOP
        PERFORM powergate.emergency_walk(id, p_now);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
