-- Behind the API: refunds, moves to another account, reversals; what is above the limit is asked for
-- by one person and approved by another.

CREATE OR REPLACE FUNCTION powergate.correction_json(c correction) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('refund', c.id, 'number', c.number, 'kind', c.kind, 'state', c.state, 'payment', c.payment_id,
        'payment_no', (SELECT q.payment_no FROM payment q WHERE q.id = c.payment_id), 'source', (SELECT q.source FROM payment q WHERE q.id = c.payment_id),
        'journal', c.journal_id, 'account', (SELECT a.number FROM account a WHERE a.id = c.account_id),
        'to', (SELECT a.number FROM account a WHERE a.id = c.to_account), 'amount_minor', c.amount_minor, 'currency', c.currency,
        'balance_minor', c.balance_minor, 'owed_minor', c.owed_minor, 'reason', c.reason, 'needs', CASE WHEN c.state = 'requested' THEN 1 ELSE 0 END,
        'requested_by', c.requested_by, 'requested_us', c.requested_us, 'expires_us', c.expires_us, 'approved_by', c.approved_by,
        'posted', c.posted_id, 'paid_us', c.paid_us, 'paid_by', c.paid_by, 'reference', c.reference, 'why', c.why,
        'reversed_by', CASE WHEN c.state = 'done' AND c.kind IN ('reversal', 'void') THEN c.posted_id END);
END $$;

-- What nobody approved in time can be asked for again.
CREATE OR REPLACE FUNCTION powergate.corrections_expire(p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    FOR c IN UPDATE correction x SET state = 'expired', why = 'nobody approved it in time' WHERE x.state = 'requested' AND x.expires_us <= p_now RETURNING x.* LOOP
        PERFORM powergate.correction_step(c.id, 'expired', 'powergated', c.why, p_now);
        PERFORM powergate.work_resolve('approve:' || c.id, jsonb_build_object('by', 'powergated', 'reason', c.why), p_now);
    END LOOP;
END $$;

-- All that the second person says yes to.
CREATE OR REPLACE FUNCTION powergate.correction_subject(c correction) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('number', c.number, 'payment', c.payment_id, 'journal', c.journal_id, 'to', c.to_account, 'amount_minor', c.amount_minor, 'currency', c.currency);
END $$;
-- Asked for; approved at once where one person is enough.  Small ones of one payment count together.
CREATE OR REPLACE FUNCTION powergate.correction_ask(c correction, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS correction LANGUAGE plpgsql AS $$
DECLARE before bigint := (SELECT COALESCE(sum(x.amount_minor), 0) FROM correction x WHERE x.payment_id = c.payment_id AND x.kind <> 'chargeback'
        AND x.requested_uid IS NOT NULL AND x.state NOT IN ('withdrawn', 'expired'));
BEGIN
    c.id := nextval(pg_get_serial_sequence('powergate.correction', 'id'));
    INSERT INTO correction (id, number, kind, payment_id, journal_id, to_account, amount_minor, currency, reason, second,
        requested_us, requested_by, requested_uid, expires_us) OVERRIDING SYSTEM VALUE
    VALUES (c.id, COALESCE(c.number, powergate.paper_number('PGR', c.id, p_now)), c.kind, c.payment_id, c.journal_id, c.to_account, c.amount_minor, c.currency,
        c.reason, before + c.amount_minor > p_limit, p_now, p_who, p_uid, p_now + p_life) RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, 'requested', p_who, c.reason, p_now);
    IF NOT c.second THEN
        UPDATE correction x SET state = 'approved', approved_us = p_now, approved_by = p_who, approved_uid = p_uid WHERE x.id = c.id RETURNING * INTO c;
        RETURN c;
    END IF;
    PERFORM powergate.approval_ask('refund.' || c.kind, powergate.correction_subject(c), c.reason, p_who, p_uid, p_life, p_now);
    PERFORM powergate.work_add('approve:' || c.id, 'APPROVAL', format('%s asks for a %s of %s, %s: %s', p_who, c.kind, powergate.money_text(c.amount_minor),
            CASE WHEN c.payment_id IS NULL THEN 'journal ' || c.journal_id ELSE 'payment ' || c.payment_id END, c.reason),
        format('another person: powergatectl refund show %s; then powergatectl refund approve %s, or withdraw %s --reason "..."', c.id, c.id, c.id),
        (SELECT q.account_id FROM payment q WHERE q.id = c.payment_id), NULL, c.payment_id, NULL, p_now);
    RETURN c;
END $$;

CREATE OR REPLACE FUNCTION powergate.correction_waits(c correction) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.correction_json(c) || jsonb_build_object('text', format('above the limit: another person must approve it, powergatectl refund approve %s', c.id));
END $$;

-- The locks of a payment's accounts, in their order; the payment as it is then.
CREATE OR REPLACE FUNCTION powergate.payment_first(p_payment bigint, p_other bigint) RETURNS payment LANGUAGE plpgsql AS $$
DECLARE q payment;
BEGIN
    PERFORM powergate.accounts_lock(ARRAY[(SELECT x.account_id FROM payment x WHERE x.id = p_payment), p_other]);
    SELECT * INTO q FROM payment x WHERE x.id = p_payment FOR UPDATE;
    RETURN q;
END $$;

-- --- refunds ----------------------------------------------------------------------------------------

-- Why it cannot be paid back now; NULL when it can.  What is used is used: only credit goes back.
CREATE OR REPLACE FUNCTION powergate.refund_bars(q payment, t powergate.take_plan, p_amount bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN t.why IS NOT NULL THEN t.why
        WHEN q.account_id IS NULL THEN NULL
        WHEN EXISTS (SELECT FROM account a JOIN account_state s ON s.account_id = a.id WHERE a.id = q.account_id AND a.fee_mode = 'remote' AND s.rate_us IS NOT NULL)
            THEN 'not all of what was used is charged yet: try again'
        WHEN t.owed > 0 AND (SELECT a.fee_mode FROM account a WHERE a.id = q.account_id) = 'remote'
            THEN format('%s can be paid back at most: the rest is used', powergate.money_text(p_amount - t.owed))
        WHEN t.owed > 0 AND NOT powergate.debts_room(q.account_id) THEN 'the account has 24 open debts: close some first' END;
END $$;

-- What takes money back is called in one form, TAKES_BACK in api_routes.c: also where neither the
-- limit nor the life of a question matters.
CREATE OR REPLACE FUNCTION door.api_refund_request(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q payment; c correction; t powergate.take_plan; amount bigint := powergate.minor_arg(p, 'amount_minor'); rest bigint; no text := NULLIF(p ->> 'refund_no', '');
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF no !~ '^[A-Za-z0-9_-]{6,32}$' THEN RETURN powergate.api_error(400, 'a refund number is 6 to 32 of A-Z a-z 0-9 _ -'); END IF;
    PERFORM powergate.corrections_expire(p_now);
    q := powergate.payment_first(powergate.minor_arg(p, 'payment'), NULL);
    IF q.id IS NULL THEN RETURN powergate.api_error(404, 'no such payment'); END IF;
    SELECT * INTO c FROM correction x WHERE x.number = no;
    IF c.id IS NOT NULL THEN
        IF (c.kind, c.payment_id) IS DISTINCT FROM ('refund', q.id) OR c.amount_minor <> COALESCE(amount, c.amount_minor) THEN
            RETURN powergate.api_error(409, 'a refund of that number is there with other data');
        END IF;
        RETURN powergate.correction_json(c);
    END IF;
    rest := powergate.payment_left(q);
    amount := COALESCE(amount, rest);
    IF rest = 0 OR amount NOT BETWEEN 1 AND rest THEN
        RETURN powergate.api_error(409, format('%s of this payment can be refunded', powergate.money_text(rest)));
    END IF;
    t := powergate.take_from(q, amount);
    IF powergate.refund_bars(q, t, amount) IS NOT NULL THEN RETURN powergate.api_error(409, powergate.refund_bars(q, t, amount)); END IF;
    c := NULL;
    c.kind := 'refund'; c.number := no; c.payment_id := q.id; c.amount_minor := amount; c.currency := q.currency; c.reason := p ->> 'reason';
    c := powergate.correction_ask(c, p_who, p_uid, p_limit, p_life, p_now);
    PERFORM powergate.audited(p_who, 'refund.request', p, c.number, p_now);
    IF c.state = 'requested' THEN RETURN powergate.correction_waits(c); END IF;
    RETURN powergate.correction_json(powergate.refund_take(c, q, t, p_who, p_now));
END $$;

-- By a person, where the provider says nothing, with what proves it.
CREATE OR REPLACE FUNCTION door.api_refund_paid(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    IF COALESCE(p ->> 'reference', '') = '' THEN RETURN powergate.api_error(400, 'a reference is needed: by what the payer was paid'); END IF;
    SELECT * INTO c FROM correction x WHERE x.id = powergate.minor_arg(p, 'refund') AND x.kind = 'refund';
    IF c.id IS NULL THEN RETURN powergate.api_error(404, 'no such refund'); END IF;
    PERFORM powergate.payment_first(c.payment_id, c.account_id);
    SELECT * INTO c FROM correction x WHERE x.id = c.id FOR UPDATE;
    IF c.state = 'paid' AND c.reference = p ->> 'reference' THEN RETURN powergate.correction_json(c); END IF;
    IF c.state = 'offset' THEN RETURN powergate.api_error(409, 'money leaves last: the credit is in the meter, and the account has not paid for it yet'); END IF;
    IF c.state <> 'payable' THEN RETURN powergate.api_error(409, format('this refund is %s', c.state)); END IF;
    IF p ? 'terminal' THEN
        IF (SELECT q.source FROM payment q WHERE q.id = c.payment_id) <> 'cash' THEN
            RETURN powergate.api_error(409, 'it was not paid in cash: its provider pays it back');
        END IF;
        PERFORM FROM shift s WHERE s.terminal = p ->> 'terminal' AND s.currency = c.currency AND s.closed_us IS NULL FOR SHARE;
        IF NOT FOUND THEN RETURN powergate.api_error(409, format('no shift in %s is open at that desk', c.currency)); END IF;
        UPDATE correction x SET terminal = p ->> 'terminal' WHERE x.id = c.id RETURNING * INTO c;
    END IF;
    c := powergate.refund_left(c, p ->> 'reference', p_who, p_now);
    PERFORM powergate.audited(p_who, 'refund.paid', p, c.number, p_now);
    RETURN powergate.correction_json(c);
END $$;

CREATE OR REPLACE FUNCTION door.api_refund_withdraw(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO c FROM correction x WHERE x.id = powergate.minor_arg(p, 'refund');
    IF c.id IS NULL THEN RETURN powergate.api_error(404, 'no such refund'); END IF;
    PERFORM powergate.payment_first(c.payment_id, c.account_id);
    SELECT * INTO c FROM correction x WHERE x.id = c.id FOR UPDATE;
    IF c.state IN ('payable', 'offset') THEN
        c := powergate.refund_undo(c, p ->> 'reason', p_who, p_now);
    ELSIF c.state = 'requested' THEN
        UPDATE correction x SET state = 'withdrawn', why = p ->> 'reason' WHERE x.id = c.id RETURNING * INTO c;
        UPDATE approval x SET withdrawn_us = p_now WHERE x.sha256 = powergate.approval_hash('refund.' || c.kind, powergate.correction_subject(c)) AND x.used_us IS NULL;
        PERFORM powergate.correction_step(c.id, 'withdrawn', p_who, c.why, p_now);
    ELSE
        RETURN powergate.api_error(409, format('it is %s', c.state));
    END IF;
    UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', p_who, 'reason', c.why)
    WHERE w.key IN ('approve:' || c.id, 'closed:' || c.id) AND w.state <> 'resolved';
    PERFORM powergate.audited(p_who, 'refund.withdraw', p, c.number, p_now);
    RETURN powergate.correction_json(c);
END $$;

CREATE OR REPLACE FUNCTION door.api_refund_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.correction_json(c) ORDER BY c.id DESC))
        FROM (SELECT * FROM correction x WHERE (NOT p ? 'payment' OR x.payment_id = (p ->> 'payment')::bigint) AND (NOT p ? 'state' OR x.state = p ->> 'state')
              AND (NOT p ? 'account' OR x.account_id = powergate.account_id(p) OR x.to_account = powergate.account_id(p))
              ORDER BY x.id DESC LIMIT powergate.limited(p)) c);
END $$;
CREATE OR REPLACE FUNCTION door.api_refund_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT powergate.correction_json(c) || jsonb_build_object('steps', (SELECT COALESCE(jsonb_agg(jsonb_build_object(
            'at_us', s.at_us, 'step', s.step, 'by', s.by, 'text', s.text) ORDER BY s.id), '[]') FROM correction_step s WHERE s.correction_id = c.id))
        FROM correction c WHERE c.id = (p ->> 'refund')::bigint), powergate.api_error(404, 'no such refund'));
END $$;

-- --- a payment that was somebody else's ---------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.move_bars(q payment, a account, t powergate.take_plan) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN q.account_id IS NULL THEN format('it is nobody''s: powergatectl payment assign %s %s', q.id, a.number)
        WHEN q.account_id = a.id THEN 'it is of this account'
        WHEN q.currency <> (SELECT s.currency FROM site s WHERE s.id = a.site_id) THEN 'the account is in another currency'
        WHEN powergate.payment_left(q) = 0 THEN 'it is reversed or refunded'
        WHEN t.why IS NOT NULL THEN t.why
        WHEN EXISTS (SELECT FROM waterfall w WHERE w.payment_id = q.id AND w.journal_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id)) THEN
            format('it has paid debts: powergatectl ledger reverse %s first', (SELECT w.journal_id FROM waterfall w WHERE w.payment_id = q.id))
        WHEN EXISTS (SELECT FROM waterfall w WHERE w.payment_id = q.id) AND (SELECT s.owes FROM account_state s WHERE s.account_id = a.id)
            THEN 'both accounts owe: refund it instead'
        WHEN t.owed > 0 AND NOT powergate.debts_room(q.account_id) THEN 'the account has 24 open debts: close some first' END;
END $$;

-- Out of the one and into the other, in one journal; what the one has used of it he owes.
CREATE OR REPLACE FUNCTION powergate.move_take(c correction, q payment, t powergate.take_plan, p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE a account; meter bigint;
BEGIN
    SELECT * INTO a FROM account x WHERE x.id = c.to_account;
    c := powergate.correction_post(c, q, t, 'prepaid', '', a.id, p_who, p_now);
    UPDATE correction x SET state = 'done' WHERE x.id = c.id RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, 'done', p_who, array_to_string(powergate.take_words(q, t), '; '), p_now);
    UPDATE payment x SET account_id = a.id, state = 'assigned' WHERE x.id = q.id;
    PERFORM powergate.waterfall_add(q.id, a.id, p_now);
    IF a.fee_mode = 'local' THEN
        SELECT m.id INTO meter FROM meter m WHERE m.account_id = a.id AND m.state = 'active' ORDER BY m.id LIMIT 1;
        PERFORM powergate.delivery_add(q.id, a.id, meter, c.amount_minor, q.paid_us, p_who, p_now);
    END IF;
    PERFORM powergate.event_add('move', NULL, a.id, format('%s came from account %s: payment %s, %s', powergate.money_text(c.amount_minor),
        (SELECT x.number FROM account x WHERE x.id = q.account_id), q.payment_no, c.reason), p_now);
    PERFORM powergate.emergency_walk(a.id, p_now);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    RETURN c;
END $$;

CREATE OR REPLACE FUNCTION powergate.move_json(c correction) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.correction_json(c) || jsonb_build_object('look', (SELECT m.endpoint_id FROM meter m WHERE m.account_id = c.to_account
        AND m.state = 'active' ORDER BY m.id LIMIT 1));
END $$;

CREATE OR REPLACE FUNCTION door.api_payment_move(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q payment; a account; c correction; t powergate.take_plan;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM powergate.corrections_expire(p_now);
    SELECT * INTO a FROM account x WHERE x.number = p ->> 'to' AND x.state = 'active';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such active account'); END IF;
    q := powergate.payment_first(powergate.minor_arg(p, 'payment'), a.id);
    IF q.id IS NULL THEN RETURN powergate.api_error(404, 'no such payment'); END IF;
    IF EXISTS (SELECT FROM correction x WHERE x.payment_id = q.id AND x.state = 'requested') THEN
        RETURN powergate.api_error(409, 'something is asked for with this payment already: powergatectl refund list');
    END IF;
    t := powergate.take_from(q, powergate.payment_left(q));
    IF powergate.move_bars(q, a, t) IS NOT NULL THEN RETURN powergate.api_error(409, powergate.move_bars(q, a, t)); END IF;
    IF p ? 'dry_run' THEN
        RETURN jsonb_build_object('payment', q.id, 'amount_minor', powergate.payment_left(q), 'to', a.number, 'done', false,
            'second_person', powergate.payment_left(q) > p_limit,
            'steps', to_jsonb(powergate.take_words(q, t) || format('%s is credited to account %s%s', powergate.money_text(powergate.payment_left(q)), a.number,
                CASE WHEN a.fee_mode = 'local' THEN ' and travels into its meter' ELSE '' END)));
    END IF;
    c.kind := 'move'; c.payment_id := q.id; c.to_account := a.id; c.amount_minor := powergate.payment_left(q); c.currency := q.currency; c.reason := p ->> 'reason';
    c := powergate.correction_ask(c, p_who, p_uid, p_limit, p_life, p_now);
    PERFORM powergate.audited(p_who, 'payment.move', p, c.number, p_now);
    IF c.state = 'requested' THEN RETURN powergate.correction_waits(c); END IF;
    RETURN powergate.move_json(powergate.move_take(c, q, t, p_who, p_now));
END $$;

-- --- journals the other way round ---------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.reverse_bars(j journal) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN j.reverses IS NOT NULL THEN 'this is a reversal itself'
        WHEN EXISTS (SELECT FROM journal WHERE reverses = j.id) THEN 'it is reversed already'
        WHEN j.key LIKE 'back%' THEN 'a correction is not reversed: a refund is withdrawn, a payment is moved again'
        WHEN EXISTS (SELECT FROM payment x JOIN correction c ON c.payment_id = x.id AND c.state NOT IN ('withdrawn', 'expired') AND c.posted_id IS NOT NULL
            WHERE j.key IN ('pay:' || x.source || ':' || x.payment_no, 'assign:' || x.id)) THEN 'this payment is refunded or moved: powergatectl refund list'
        WHEN EXISTS (SELECT FROM posting l JOIN correction c ON l.ledger = 'arrears' AND l.owner = 'debt:' || c.debt_id AND c.kind = 'refund'
            AND c.paid_id IS DISTINCT FROM c.posted_id AND c.state IN ('payable', 'paid') WHERE l.journal_id = j.id)
            THEN 'a refund waited for this: it is to be paid out, or has been'
        WHEN j.kind = 'delivery' OR EXISTS (SELECT FROM payment x JOIN credit_delivery d ON d.payment_id = x.id
            WHERE j.key IN ('pay:' || x.source || ':' || x.payment_no, 'assign:' || x.id) AND d.state <> 'CANCELLED')
            THEN 'this money is in a meter, or on its way there'
        WHEN EXISTS (SELECT FROM payment x JOIN journal a ON a.key = 'assign:' || x.id WHERE j.key = 'pay:' || x.source || ':' || x.payment_no
            AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = a.id)) THEN 'this payment has been assigned: reverse that first'
        ELSE powergate.waterfall_bars(j) END;
END $$;

-- Of a receipt: nothing of it in a meter or on its way, and none of it used.
CREATE OR REPLACE FUNCTION powergate.void_bars(q payment, j journal) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN q.source <> 'cash' THEN 'only cash is voided at the desk'
        WHEN q.account_id IS NOT NULL AND (SELECT a.fee_mode FROM account a WHERE a.id = q.account_id) = 'remote'
             AND (SELECT s.prepaid_minor FROM account_state s WHERE s.account_id = q.account_id) < q.amount_minor THEN 'some of it is used'
        ELSE powergate.reverse_bars(j) END;
END $$;

-- What was posted wrongly is posted the other way round; money that has travelled is not undone here.
CREATE OR REPLACE FUNCTION powergate.reverse_take(c correction, p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE j journal; r bigint;
BEGIN
    SELECT * INTO j FROM journal WHERE id = c.journal_id;
    PERFORM powergate.waterfall_reversed(j, powergate.journal_post('reverse:' || j.id, 'reversal', c.reason, p_who, j.id,
        array_agg(l.ledger ORDER BY l.line), array_agg(l.owner ORDER BY l.line), array_agg(l.account_id ORDER BY l.line),
        array_agg(-l.amount_minor ORDER BY l.line), min(l.currency), p_now), p_now) FROM posting l WHERE l.journal_id = j.id;
    SELECT id INTO r FROM journal WHERE reverses = j.id;
    PERFORM powergate.mark_dirty(array_agg(DISTINCT l.account_id), p_now) FROM posting l WHERE l.journal_id = j.id AND l.account_id IS NOT NULL;
    UPDATE correction x SET posted_id = r, state = 'done' WHERE x.id = c.id RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, 'done', p_who, format('journal %s is reversed by %s', j.id, r), p_now);
    RETURN c;
END $$;

-- The locks of all accounts in a journal, in their order.
CREATE OR REPLACE FUNCTION powergate.journal_first(p_journal bigint) RETURNS journal LANGUAGE plpgsql AS $$
DECLARE j journal;
BEGIN
    PERFORM powergate.accounts_lock(ARRAY(SELECT l.account_id FROM posting l WHERE l.journal_id = p_journal));
    SELECT * INTO j FROM journal x WHERE x.id = p_journal;
    RETURN j;
END $$;

CREATE OR REPLACE FUNCTION powergate.reverse_ask(p_kind text, q payment, j journal, p_reason text, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS correction LANGUAGE plpgsql AS $$
DECLARE c correction; waiting correction;
BEGIN
    SELECT * INTO waiting FROM correction x WHERE x.journal_id = j.id AND x.state = 'requested';
    IF waiting.id IS NOT NULL THEN RETURN waiting; END IF; -- asked for twice is asked for once
    c.kind := p_kind; c.payment_id := q.id; c.journal_id := j.id; c.reason := p_reason;
    SELECT sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0), min(l.currency) INTO c.amount_minor, c.currency FROM posting l WHERE l.journal_id = j.id;
    RETURN powergate.correction_ask(c, p_who, p_uid, p_limit, p_life, p_now);
END $$;

CREATE OR REPLACE FUNCTION door.api_ledger_reverse(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE j journal; q payment; c correction;
BEGIN
    PERFORM powergate.corrections_expire(p_now);
    j := powergate.journal_first(powergate.minor_arg(p, 'journal'));
    IF j.id IS NULL THEN RETURN powergate.api_error(404, 'no such journal'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF powergate.reverse_bars(j) IS NOT NULL THEN RETURN powergate.api_error(409, powergate.reverse_bars(j)); END IF;
    SELECT * INTO q FROM payment x WHERE j.key IN ('pay:' || x.source || ':' || x.payment_no, 'assign:' || x.id);
    c := powergate.reverse_ask('reversal', q, j, p ->> 'reason', p_who, p_uid, p_limit, p_life, p_now);
    PERFORM powergate.audited(p_who, 'ledger.reverse', p, c.state, p_now);
    IF c.state = 'requested' THEN RETURN powergate.correction_waits(c) || jsonb_build_object('journal', j.id); END IF;
    c := powergate.reverse_take(c, p_who, p_now);
    RETURN jsonb_build_object('journal', j.id, 'reversed_by', c.posted_id);
END $$;

CREATE OR REPLACE FUNCTION powergate.void_json(c correction) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('payment', q.id, 'payment_no', q.payment_no, 'voided', true, 'amount_minor', q.amount_minor, 'currency', q.currency)
        FROM payment q WHERE q.id = c.payment_id);
END $$;
CREATE OR REPLACE FUNCTION door.api_payment_void(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q payment; j journal; c correction;
BEGIN
    PERFORM powergate.corrections_expire(p_now);
    q := powergate.payment_first(powergate.minor_arg(p, 'payment'), NULL);
    IF q.id IS NULL THEN RETURN powergate.api_error(404, 'no such payment'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO j FROM journal x WHERE x.key = 'pay:' || q.source || ':' || q.payment_no;
    IF powergate.void_bars(q, j) IS NOT NULL THEN RETURN powergate.api_error(409, powergate.void_bars(q, j)); END IF;
    c := powergate.reverse_ask('void', q, j, p ->> 'reason', p_who, p_uid, p_limit, p_life, p_now);
    PERFORM powergate.audited(p_who, 'payment.void', p, c.state, p_now);
    IF c.state = 'requested' THEN RETURN powergate.correction_waits(c); END IF;
    RETURN powergate.void_json(powergate.reverse_take(c, p_who, p_now));
END $$;

-- --- the second person ----------------------------------------------------------------------------------

-- What speaks against it is asked again: what was asked for may lie hours back.
CREATE OR REPLACE FUNCTION powergate.approve_bars(c correction, q payment, t powergate.take_plan, p_uid bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE j journal;
BEGIN
    SELECT * INTO j FROM journal x WHERE x.id = c.journal_id;
    RETURN CASE WHEN c.state <> 'requested' THEN format('it is %s', c.state)
        WHEN c.requested_uid = p_uid THEN format('%s asked for it: another person must approve it', c.requested_by)
        WHEN c.kind = 'refund' THEN powergate.refund_bars(q, t, c.amount_minor)
        WHEN c.kind = 'move' AND powergate.payment_left(q) <> c.amount_minor THEN 'some of it is refunded meanwhile: ask again'
        WHEN c.kind = 'move' THEN powergate.move_bars(q, (SELECT a FROM account a WHERE a.id = c.to_account), t)
        WHEN c.kind = 'void' THEN powergate.void_bars(q, j)
        ELSE powergate.reverse_bars(j) END;
END $$;

CREATE OR REPLACE FUNCTION door.api_refund_approve(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE c correction; q payment; t powergate.take_plan; why text;
BEGIN
    PERFORM powergate.corrections_expire(p_now);
    SELECT * INTO c FROM correction x WHERE x.id = powergate.minor_arg(p, 'refund');
    IF c.id IS NULL THEN RETURN powergate.api_error(404, 'no such refund'); END IF;
    IF powergate.minor_arg(p, 'amount_minor') <> c.amount_minor THEN
        RETURN powergate.api_error(409, format('%s is asked for', powergate.money_text(c.amount_minor)));
    END IF;
    IF c.kind IN ('reversal', 'void') THEN PERFORM powergate.journal_first(c.journal_id); END IF;
    q := powergate.payment_first(c.payment_id, c.to_account);
    SELECT * INTO c FROM correction x WHERE x.id = c.id FOR UPDATE;
    IF c.kind IN ('refund', 'move') AND c.state = 'requested' THEN t := powergate.take_from(q, c.amount_minor); END IF;
    why := powergate.approve_bars(c, q, t, p_uid);
    IF why IS NULL THEN
        -- one that was asked for before there was such a record
        IF NOT EXISTS (SELECT FROM approval x WHERE x.sha256 = powergate.approval_hash('refund.' || c.kind, powergate.correction_subject(c))) THEN
            PERFORM powergate.approval_ask('refund.' || c.kind, powergate.correction_subject(c), c.reason, c.requested_by, c.requested_uid, c.expires_us - p_now, p_now);
        END IF;
        why := powergate.approval_take('refund.' || c.kind, powergate.correction_subject(c), p ->> 'note', p_who, p_uid, p_now);
    END IF;
    IF why IS NOT NULL THEN RETURN powergate.api_error(409, why); END IF;
    UPDATE correction x SET state = 'approved', approved_us = p_now, approved_by = p_who, approved_uid = p_uid WHERE x.id = c.id RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, 'approved', p_who, COALESCE(p ->> 'note', ''), p_now);
    PERFORM powergate.work_resolve('approve:' || c.id, jsonb_build_object('by', p_who, 'reason', 'approved'), p_now);
    PERFORM powergate.audited(p_who, 'refund.approve', p, c.number, p_now);
    IF c.kind = 'refund' THEN RETURN powergate.correction_json(powergate.refund_take(c, q, t, p_who, p_now)); END IF;
    IF c.kind = 'move' THEN RETURN powergate.move_json(powergate.move_take(c, q, t, p_who, p_now)); END IF;
    c := powergate.reverse_take(c, p_who, p_now);
    RETURN powergate.correction_json(c) || CASE WHEN c.kind = 'void' THEN powergate.void_json(c) ELSE '{}' END;
END $$;
