-- Behind the API: debts, emergency credit, limits of a recharge.  Every write has its reason in the audit.

-- An amount of the arguments, in minor units; NULL when it is not given.
CREATE OR REPLACE FUNCTION powergate.minor_arg(p jsonb, p_name text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p ->> p_name !~ '^-?[0-9]{1,16}$' OR abs((p ->> p_name)::numeric) > 9007199254740991 THEN
        RAISE EXCEPTION '% is a whole number of minor units', p_name USING ERRCODE = '22023';
    END IF;
    RETURN (p ->> p_name)::bigint;
END $$;

-- --- debts --------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.debt_json(d debt) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('debt', d.id, 'account', (SELECT number FROM account WHERE id = d.account_id), 'kind', d.kind,
        'reference', d.reference, 'owed_minor', powergate.debt_owed(d), 'agreed_minor', d.amount_minor,
        'percent', CASE WHEN d.percent_bp IS NOT NULL THEN powergate.money_text(d.percent_bp) END, 'week_cap_minor', d.week_cap_minor,
        'instalment_minor', d.instalment_minor, 'from_balance', d.from_balance, 'every', d.every, 'first_day', d.first_day, 'created_us', d.created_us,
        'created_by', d.created_by, 'closed_us', d.closed_us);
END $$;

-- Why these arguments make no debt; NULL when they do.
CREATE OR REPLACE FUNCTION powergate.debt_fault(a account, d debt, p jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN COALESCE(d.kind, '') NOT IN ('payment', 'instalment', 'accumulated') THEN 'a debt is payment, instalment or accumulated'
        WHEN COALESCE(d.reference, '') = '' THEN 'a reference is needed: the contract or invoice it stands on'
        WHEN octet_length(d.reference) > 79 THEN 'a reference has 79 bytes at most'
        WHEN COALESCE(p ->> 'reason', '') = '' THEN 'a reason is needed'
        WHEN COALESCE(d.amount_minor, 0) <= 0 THEN 'an amount above 0 is needed'
        WHEN (d.kind = 'payment') <> (d.percent_bp IS NOT NULL) THEN 'a percentage belongs to a debt of kind payment, and it needs one'
        WHEN d.percent_bp NOT BETWEEN 1 AND 10000 THEN 'a percentage is 0.01 to 100.00'
        WHEN d.kind <> 'payment' AND d.week_cap_minor IS NOT NULL THEN 'a cap of the week belongs to a debt of kind payment'
        WHEN d.week_cap_minor <= 0 OR d.instalment_minor <= 0 THEN 'an amount is above 0'
        WHEN (d.kind = 'instalment') <> (d.instalment_minor IS NOT NULL AND d.every IS NOT NULL AND d.first_day IS NOT NULL)
            THEN 'a debt of kind instalment needs the instalment, every day, week or month, and its first day'
        WHEN d.every NOT IN ('day', 'week', 'month') THEN 'an instalment is due every day, week or month'
        WHEN d.first_day IS NOT NULL AND NOT powergate.is_day(d.first_day::text) THEN 'the first day is one like 20261201'
        WHEN d.from_balance AND d.kind <> 'instalment' THEN 'only instalments are taken from the balance'
        WHEN d.from_balance AND a.fee_mode = 'local' THEN 'a local account has no balance here to take from'
        WHEN COALESCE(p ->> 'from', 'fees') NOT IN ('fees', 'balance') THEN 'it is owed from fees or from the balance'
        WHEN p ->> 'from' = 'balance' AND a.fee_mode = 'local' THEN 'a local account has no balance here that could be owed'
        WHEN p ->> 'from' = 'balance' AND d.amount_minor > (SELECT a.trip_minor - s.prepaid_minor FROM account_state s WHERE s.account_id = a.id)
            THEN 'the balance is not that far below its threshold'
        WHEN p ->> 'from' = 'balance' AND (SELECT s.split_pending FROM account_state s WHERE s.account_id = a.id)
            THEN 'a payment is being split: try again' END;
END $$;

CREATE OR REPLACE FUNCTION door.api_debt_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; d debt; fault text; made bigint;
BEGIN
    SELECT * INTO a FROM account WHERE number = p ->> 'account' AND state = 'active';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such active account'); END IF;
    PERFORM powergate.account_first(a.id);
    d.account_id := a.id; d.kind := p ->> 'kind'; d.reference := p ->> 'reference'; d.created_by := p_who;
    d.amount_minor := powergate.minor_arg(p, 'amount_minor'); d.percent_bp := powergate.minor_arg(p, 'percent');
    d.week_cap_minor := powergate.minor_arg(p, 'week_cap_minor'); d.instalment_minor := powergate.minor_arg(p, 'instalment_minor');
    d.from_balance := COALESCE((p ->> 'daily')::boolean, false);
    d.every := p ->> 'every'; d.first_day := powergate.minor_arg(p, 'first');
    fault := powergate.debt_fault(a, d, p);
    IF fault IS NOT NULL THEN RETURN powergate.api_error(400, fault); END IF;
    IF EXISTS (SELECT FROM debt q WHERE q.account_id = a.id AND q.reference = d.reference) THEN
        RETURN powergate.api_error(409, 'a debt of that reference is there already');
    END IF;
    IF (SELECT count(*) FROM debt q WHERE q.account_id = a.id AND q.closed_us IS NULL) >= 24 THEN
        RETURN powergate.api_error(409, 'an account has at most 24 open debts');
    END IF;
    made := powergate.debt_charge(d, format('debt:%s:%s', a.id, d.reference), CASE WHEN p ->> 'from' = 'balance' THEN 'prepaid' ELSE 'fees' END,
        d.reference || ': ' || (p ->> 'reason'), p_now);
    PERFORM powergate.audited(p_who, 'debt.add', p, 'debt ' || made, p_now);
    RETURN (SELECT powergate.debt_json(q) FROM debt q WHERE q.id = made);
END $$;
CREATE OR REPLACE FUNCTION door.api_debt_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.debt_json(d) ORDER BY d.id))
    FROM (SELECT * FROM debt x WHERE (NOT p ? 'account' OR x.account_id = powergate.account_id(p)) AND (p ? 'all' OR x.closed_us IS NULL)
          ORDER BY x.id LIMIT powergate.limited(p)) d;
$$;
CREATE OR REPLACE FUNCTION door.api_debt_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.debt_json(d) || jsonb_build_object('postings', (SELECT COALESCE(jsonb_agg(jsonb_build_object(
            'at_us', j.at_us, 'journal', j.id, 'kind', j.kind, 'amount_minor', l.amount_minor, 'payment', t.payment_id,
            'week', t.week, 'by', j.actor, 'memo', j.memo) ORDER BY j.id), '[]')
        FROM posting l JOIN journal j ON j.id = l.journal_id LEFT JOIN debt_taking t ON t.debt_id = d.id AND t.journal_id = j.id
        WHERE l.ledger = 'arrears' AND l.account_id = d.account_id AND l.owner = 'debt:' || d.id))
        FROM debt d WHERE d.id = (p ->> 'debt')::bigint), powergate.api_error(404, 'no such debt'));
$$;
-- What will not be asked for any more; ledger reverse of the journal asks for it again.
CREATE OR REPLACE FUNCTION door.api_debt_write_off(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE d debt; owed bigint; part bigint; n bigint; money text;
BEGIN
    SELECT * INTO d FROM debt WHERE id = (p ->> 'debt')::bigint;
    IF d.id IS NULL THEN RETURN powergate.api_error(404, 'no such debt'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM powergate.account_first(d.account_id);
    owed := powergate.debt_owed(d);
    part := COALESCE(powergate.minor_arg(p, 'amount_minor'), owed);
    IF owed = 0 THEN RETURN powergate.api_error(409, 'nothing is owed any more'); END IF;
    IF part NOT BETWEEN 1 AND owed THEN RETURN powergate.api_error(409, format('%s is owed', powergate.money_text(owed))); END IF;
    SELECT count(*) INTO n FROM posting l WHERE l.ledger = 'arrears' AND l.account_id = d.account_id AND l.owner = 'debt:' || d.id;
    SELECT t.currency INTO money FROM account a JOIN site t ON t.id = a.site_id WHERE a.id = d.account_id;
    PERFORM powergate.journal_post(format('write-off:%s:%s', d.id, n), 'write-off', p ->> 'reason', p_who, NULL,
        ARRAY['fees', 'arrears'], ARRAY['write-off:' || d.id, 'debt:' || d.id], ARRAY[NULL, d.account_id], ARRAY[part, -part], money, p_now);
    UPDATE debt SET closed_us = p_now WHERE id = d.id AND part = owed;
    PERFORM powergate.debts_refresh(d.account_id);
    PERFORM powergate.mark_dirty(ARRAY[d.account_id], p_now);
    PERFORM powergate.event_add('debt', NULL, d.account_id, format('%s of %s is written off', powergate.money_text(part), d.reference), p_now);
    PERFORM powergate.audited(p_who, 'debt.write-off', p, powergate.money_text(part), p_now);
    RETURN (SELECT powergate.debt_json(q) FROM debt q WHERE q.id = d.id);
END $$;

-- The order in which payments are used, of a site or of one account; an account without its own has the site's.
CREATE OR REPLACE FUNCTION door.api_debt_order(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE steps text[] := regexp_split_to_array(NULLIF(trim(p ->> 'order'), ''), '[ ,]+');
    all_of_them CONSTANT text[] := '{payment,instalment,accumulated,balance,emergency}';
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF (p ? 'site') = (p ? 'account') THEN RETURN powergate.api_error(400, 'one of site and account is needed'); END IF;
    IF (steps IS NULL AND p ? 'site') OR NOT (cardinality(steps) = 5 AND steps @> all_of_them) THEN
        RETURN powergate.api_error(400, 'an order has payment, instalment, accumulated, balance and emergency, each once');
    END IF;
    UPDATE site SET waterfall = steps WHERE name = p ->> 'site';
    IF NOT FOUND THEN UPDATE account SET waterfall = steps WHERE number = p ->> 'account'; END IF;
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such site or account'); END IF;
    PERFORM powergate.audited(p_who, 'debt.order', p, 'done', p_now);
    RETURN p - 'reason';
END $$;

-- --- emergency credit -----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.emergency_json(e emergency) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE s account_state;
BEGIN
    SELECT * INTO s FROM account_state q WHERE q.account_id = e.account_id;
    RETURN jsonb_build_object('account', (SELECT number FROM account WHERE id = e.account_id), 'state', e.state,
        'limit_minor', e.limit_minor, 'below_minor', e.below_minor, 'automatic', e.automatic, 'pays_debts', e.pays_debts, 'balance_minor', s.prepaid_minor,
        'used_minor', powergate.emergency_used(e.account_id), 'left_minor', s.extra_minor, 'times', e.grants,
        'activated_us', e.activated_us, 'activated_by', e.activated_by, 'since_us', e.moved_us);
END $$;
CREATE OR REPLACE FUNCTION door.api_emergency_offer(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; most bigint; below bigint;
BEGIN
    SELECT * INTO a FROM account WHERE number = p ->> 'account' AND state = 'active';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such active account'); END IF;
    IF a.fee_mode = 'local' THEN RETURN powergate.api_error(409, 'a local meter has an overdraft of its own'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    most := powergate.minor_arg(p, 'limit_minor');
    below := COALESCE(powergate.minor_arg(p, 'below'), a.trip_minor);
    IF COALESCE(most, 0) <= 0 THEN RETURN powergate.api_error(400, 'a limit above 0 is needed'); END IF;
    IF below < a.trip_minor THEN RETURN powergate.api_error(400, 'it is of no use below the balance at which power is cut'); END IF;
    PERFORM powergate.account_first(a.id);
    IF EXISTS (SELECT FROM emergency e WHERE e.account_id = a.id AND e.state IN ('active', 'exhausted')) THEN
        RETURN powergate.api_error(409, 'it is in use: its terms change when it is cleared');
    END IF;
    INSERT INTO emergency (account_id, below_minor, limit_minor, automatic, pays_debts, moved_us)
    VALUES (a.id, below, most, COALESCE((p ->> 'automatic')::boolean, false), COALESCE((p ->> 'pays_debts')::boolean, false), p_now)
    ON CONFLICT (account_id) DO UPDATE SET below_minor = EXCLUDED.below_minor, limit_minor = EXCLUDED.limit_minor,
        automatic = EXCLUDED.automatic, pays_debts = EXCLUDED.pays_debts;
    PERFORM powergate.emergency_walk(a.id, p_now);
    UPDATE emergency SET due = true WHERE account_id = a.id AND (SELECT q.split_pending FROM account_state q WHERE q.account_id = a.id);
    PERFORM powergate.audited(p_who, 'emergency.offer', p, 'done', p_now);
    RETURN (SELECT powergate.emergency_json(e) FROM emergency e WHERE e.account_id = a.id);
END $$;
CREATE OR REPLACE FUNCTION door.api_emergency_withdraw(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE id bigint := powergate.account_id(p);
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM powergate.account_first(id);
    IF EXISTS (SELECT FROM emergency e WHERE e.account_id = id AND e.state IN ('active', 'exhausted')) THEN
        RETURN powergate.api_error(409, 'it is in use: it ends when it is cleared');
    END IF;
    DELETE FROM emergency e WHERE e.account_id = id;
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no emergency credit of such an account'); END IF;
    UPDATE account_state s SET emergency_at_minor = NULL WHERE s.account_id = id;
    PERFORM powergate.audited(p_who, 'emergency.withdraw', p, 'done', p_now);
    RETURN jsonb_build_object('account', p ->> 'account', 'emergency', 'none');
END $$;
CREATE OR REPLACE FUNCTION door.api_emergency_activate(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE e emergency; id bigint := powergate.account_id(p);
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM powergate.account_first(id);
    PERFORM powergate.emergency_walk(id, p_now);
    SELECT * INTO e FROM emergency q WHERE q.account_id = id FOR UPDATE;
    IF e.account_id IS NULL THEN RETURN powergate.api_error(404, 'no emergency credit of such an account'); END IF;
    IF e.state <> 'offered' THEN
        RETURN powergate.api_error(409, CASE e.state WHEN 'active' THEN 'it is active already'
            WHEN 'exhausted' THEN 'it is used up: what was used is to be repaid first'
            ELSE format('it is offered at %s and below', powergate.money_text(e.below_minor)) END);
    END IF;
    UPDATE emergency SET state = 'active', moved_us = p_now, activated_us = p_now, activated_by = p_who, grants = grants + 1
    WHERE account_id = id RETURNING * INTO e;
    PERFORM powergate.emergency_told(e, (SELECT s.prepaid_minor FROM account_state s WHERE s.account_id = id), p_now);
    UPDATE account_state s SET owes = true, extra_minor = e.limit_minor WHERE s.account_id = id;
    PERFORM powergate.emergency_walk(id, p_now);
    PERFORM powergate.mark_dirty(ARRAY[id], p_now);
    PERFORM powergate.audited(p_who, 'emergency.activate', p, 'done', p_now);
    RETURN (SELECT powergate.emergency_json(q) FROM emergency q WHERE q.account_id = id);
END $$;
CREATE OR REPLACE FUNCTION door.api_emergency_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.emergency_json(e) FROM emergency e WHERE e.account_id = powergate.account_id(p)),
        powergate.api_error(404, 'no emergency credit of such an account'));
$$;

-- --- limits of a recharge ---------------------------------------------------------------------------

-- Of a site or of one account; what is not given is no limit, for an account the site's.
CREATE OR REPLACE FUNCTION door.api_topup_limits(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE least_m bigint := powergate.minor_arg(p, 'least_minor'); most_m bigint := powergate.minor_arg(p, 'most_minor');
    credit_m bigint := powergate.minor_arg(p, 'most_credit_minor');
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF (p ? 'site') = (p ? 'account') THEN RETURN powergate.api_error(400, 'one of site and account is needed'); END IF;
    IF least_m <= 0 OR most_m <= 0 OR credit_m <= 0 OR least_m > most_m OR least_m > credit_m THEN
        RETURN powergate.api_error(400, 'limits are above 0, and the least is not above the most');
    END IF;
    UPDATE site SET topup_least_minor = least_m, topup_most_minor = most_m, credit_most_minor = credit_m WHERE name = p ->> 'site';
    IF NOT FOUND THEN
        UPDATE account SET topup_least_minor = least_m, topup_most_minor = most_m, credit_most_minor = credit_m WHERE number = p ->> 'account';
    END IF;
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such site or account'); END IF;
    PERFORM powergate.audited(p_who, 'topup.limits', p, 'done', p_now);
    RETURN p - 'reason';
END $$;

-- For a payment yet to come: whom it is for, the limits, the credit before it, and what the rule
-- looks at, a row a debt.  `status` is 0, or why there is nothing to look at; a payment that is
-- there already needs no limits.
CREATE OR REPLACE FUNCTION door.topup_view(p_account text, p_meter text, p_currency text, p_source text, p_payment_no text)
RETURNS TABLE (status int, why text, account text, currency text, pay_least bigint, pay_most bigint, credit_most bigint, credit bigint,
    zone text, steps text, balance bigint, threshold bigint, used bigint, debt_id bigint, kind text, reference text, owed bigint,
    percent_bp int, week_cap bigint, weeks text, agreed bigint, instalment bigint, every text, first_day int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE a account; t site; m meter;
BEGIN
    status := 0;
    SELECT * INTO m FROM meter q WHERE q.address = p_meter;
    SELECT * INTO a FROM account q WHERE CASE WHEN p_account <> '' THEN q.number = p_account ELSE q.id = m.account_id END;
    SELECT * INTO t FROM site q WHERE q.id = a.site_id;
    IF a.id IS NULL OR a.state <> 'active' THEN
        status := 404; why := 'no such active account or meter';
    ELSIF p_currency <> '' AND p_currency <> t.currency THEN
        status := 409; why := 'the account is in ' || t.currency;
    ELSIF EXISTS (SELECT FROM payment q WHERE q.source = p_source AND q.payment_no = p_payment_no) THEN
        status := 409; why := 'this payment has been taken';
    END IF;
    IF status <> 0 THEN RETURN NEXT; RETURN; END IF;
    IF m.id IS NULL THEN SELECT * INTO m FROM meter q WHERE q.account_id = a.id AND q.state = 'active' ORDER BY q.id LIMIT 1; END IF;
    RETURN QUERY SELECT 0, NULL::text, a.number, t.currency, COALESCE(a.topup_least_minor, t.topup_least_minor),
        COALESCE(a.topup_most_minor, t.topup_most_minor), COALESCE(a.credit_most_minor, t.credit_most_minor),
        v.balance + CASE WHEN a.fee_mode = 'local' THEN
            COALESCE((SELECT x.credit_minor FROM meter_state x WHERE x.meter_id = m.id), 0) ELSE 0 END, v.*
    FROM powergate.waterfall_view(a.id, NULL) v;
END $$;
