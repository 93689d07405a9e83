-- A payment is taken back: where its money is, and how it gets out of there (domain.md 5.8).
--
--     nobody's              out of suspense
--     remote                out of the balance; what is used is used
--     local, not delivered  the delivery is cancelled, the rest of it travels anew
--     local, delivered      it stays in the meter: no profile has a qualified refund command, and
--                           070103FF would erase the count that is the evidence.  The account
--                           owes it, and the next payments pay that first.
--
-- All of it is one journal, from there to whoever gets it: payable, another account's prepaid, or
-- the provider's clearing when the money has left already.  What is owed is a debt as any other:
-- no balance goes below zero in silence.

-- How much of a payment is not taken back yet; a reversal takes all of it.
CREATE OR REPLACE FUNCTION powergate.payment_left(q payment) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM journal j JOIN journal r ON r.reverses = j.id WHERE j.key = 'pay:' || q.source || ':' || q.payment_no) THEN
        RETURN 0;
    END IF;
    RETURN q.amount_minor - (SELECT COALESCE(sum(c.amount_minor), 0) FROM correction c
        WHERE c.payment_id = q.id AND c.kind IN ('refund', 'chargeback') AND c.state NOT IN ('withdrawn', 'expired'));
END $$;


CREATE OR REPLACE FUNCTION powergate.take_local(q payment, p_amount bigint) RETURNS powergate.take_plan LANGUAGE plpgsql STABLE AS $$
DECLARE t powergate.take_plan; held bigint; queued bigint; flying bigint; applied bigint; rest bigint := p_amount; credit bigint;
BEGIN
    SELECT COALESCE(sum(d.amount_minor) FILTER (WHERE d.state = 'QUEUED'), 0),
        COALESCE(sum(d.amount_minor) FILTER (WHERE d.state IN ('INTENT', 'VERIFYING', 'REVIEW')), 0),
        COALESCE(sum(d.amount_minor) FILTER (WHERE d.state = 'APPLIED'), 0) INTO queued, flying, applied
    FROM credit_delivery d WHERE d.payment_id = q.id AND d.account_id = q.account_id;
    held := COALESCE((SELECT u.held_minor FROM surplus u WHERE u.payment_id = q.id AND u.account_id = q.account_id), 0);
    credit := q.amount_minor - COALESCE((SELECT sum(l.amount_minor) FROM waterfall w JOIN posting l ON l.journal_id = w.journal_id
            AND l.ledger = 'prepaid' WHERE w.payment_id = q.id AND w.account_id = q.account_id
            AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id)), 0)
        - COALESCE((SELECT sum(CASE WHEN c.account_id = q.account_id THEN c.balance_minor ELSE c.amount_minor END) FROM correction c
            WHERE c.payment_id = q.id AND c.kind IN ('refund', 'chargeback') AND c.posted_id IS NOT NULL AND c.state <> 'withdrawn'), 0);
    t.free := least(rest, greatest(credit - queued - flying - applied - held, 0)); rest := rest - t.free;
    t.held := least(rest, held); rest := rest - t.held;
    t.queued := least(rest, queued); rest := rest - t.queued;
    t.owed := rest;
    IF rest > 0 AND flying > 0 THEN
        t.why := 'a credit is on its way into the meter: wait until it is known whether it arrived';
    ELSIF rest > applied THEN
        t.why := 'a part of it has paid debts: reverse that journal first (powergatectl ledger list)';
    END IF;
    RETURN t;
END $$;

CREATE OR REPLACE FUNCTION powergate.take_from(q payment, p_amount bigint) RETURNS powergate.take_plan LANGUAGE plpgsql STABLE AS $$
DECLARE t powergate.take_plan; s account_state;
BEGIN
    IF q.account_id IS NULL THEN
        t := (NULL, p_amount, 0, 0, 0);
        RETURN t;
    END IF;
    SELECT * INTO s FROM account_state x WHERE x.account_id = q.account_id;
    IF (SELECT a.fee_mode FROM account a WHERE a.id = q.account_id) = 'local' THEN
        t := powergate.take_local(q, p_amount);
    ELSE    -- what was used since the last reading is charged with the next one
        t.free := least(p_amount, greatest(s.prepaid_minor - greatest(s.estimate_minor, 0), 0));
        t.held := 0; t.queued := 0; t.owed := p_amount - t.free;
    END IF;
    IF EXISTS (SELECT FROM waterfall w WHERE w.payment_id = q.id AND w.split_us IS NULL) THEN
        t.why := 'this payment is being split: try again';
    END IF;
    RETURN t;
END $$;

-- In words, a line each, for who wants to know before.
CREATE OR REPLACE FUNCTION powergate.take_words(q payment, t powergate.take_plan) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE a text := (SELECT x.number FROM account x WHERE x.id = q.account_id);
BEGIN
    RETURN array_remove(ARRAY[
        CASE WHEN a IS NULL THEN format('%s is taken out of suspense', powergate.money_text(t.free))
            WHEN t.free > 0 THEN format('%s is taken out of the balance of account %s', powergate.money_text(t.free), a) END,
        CASE WHEN t.held > 0 THEN format('%s that is held for the meter of account %s is taken', powergate.money_text(t.held), a) END,
        CASE WHEN t.queued > 0 THEN format('%s on its way into the meter of account %s is cancelled', powergate.money_text(t.queued), a) END,
        CASE WHEN t.owed > 0 THEN format('%s is used or in the meter: account %s owes it, and its next payments pay that first',
            powergate.money_text(t.owed), a) END], NULL);
END $$;

-- Nothing of it leaves for the meter any more; what is not taken of a delivery travels as a new one.
CREATE OR REPLACE FUNCTION powergate.take_deliveries(q payment, t powergate.take_plan, p_who text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE d record; rest bigint := -t.queued; meter bigint; again bigint;
BEGIN
    UPDATE surplus u SET held_minor = u.held_minor - t.held WHERE u.payment_id = q.id AND t.held > 0;
    UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', p_who, 'reason', 'the payment is taken back')
    WHERE t.held > 0 AND w.key = 'surplus:' || q.account_id AND w.state <> 'resolved'
        AND NOT EXISTS (SELECT FROM surplus u WHERE u.account_id = q.account_id AND u.held_minor > 0);
    IF t.queued = 0 THEN RETURN; END IF;
    FOR d IN UPDATE credit_delivery x SET state = 'CANCELLED', why = 'the payment is taken back by ' || p_who
        WHERE x.payment_id = q.id AND x.account_id = q.account_id AND x.state = 'QUEUED' RETURNING x.id, x.amount_minor LOOP
        rest := rest + d.amount_minor;
        UPDATE command c SET state = 'cancelled', ended_us = p_now, outcome = 'the payment is taken back'
        WHERE c.delivery_id = d.id AND c.state = 'waiting' RETURNING c.meter_id INTO meter;
        UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', p_who, 'reason', 'the payment is taken back')
        WHERE w.delivery_id = d.id AND w.cause = 'NO_METER' AND w.state <> 'resolved';
    END LOOP;
    IF rest > 0 THEN
        INSERT INTO credit_delivery (kind, payment_id, part, account_id, amount_minor, created_us)
        SELECT 'recharge', q.id, count(*), q.account_id, rest, p_now FROM credit_delivery x WHERE x.payment_id = q.id RETURNING id INTO again;
        meter := COALESCE(meter, (SELECT m.id FROM meter m WHERE m.account_id = q.account_id AND m.state = 'active' ORDER BY m.id LIMIT 1));
        IF meter IS NOT NULL THEN
            PERFORM powergate.delivery_command(again, q.id, meter, q.paid_us, p_who, p_now);
        END IF;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION powergate.correction_step(p_id bigint, p_step text, p_by text, p_text text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO correction_step (correction_id, at_us, step, by, text) VALUES (p_id, p_now, p_step, p_by, p_text);
END $$;

CREATE OR REPLACE FUNCTION powergate.debts_room(p_account bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_account IS NULL OR (SELECT count(*) FROM debt x WHERE x.account_id = p_account AND x.closed_us IS NULL) < 24;
END $$;

-- The journal of an approved correction: from where the money is to whoever gets it.  Called with
-- the accounts locked.
CREATE OR REPLACE FUNCTION powergate.correction_post(c correction, q payment, t powergate.take_plan, p_to text, p_owner text, p_to_account bigint,
    p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE d bigint; taken bigint := t.free + t.held + t.queued; j bigint;
BEGIN
    PERFORM powergate.take_deliveries(q, t, p_who, p_now);
    IF t.owed > 0 THEN
        INSERT INTO debt (account_id, kind, reference, amount_minor, created_us, created_by)
        VALUES (q.account_id, 'accumulated', format('%s %s', c.kind, COALESCE(NULLIF(left(c.refund_no, 60), ''), c.number)), t.owed, p_now, p_who)
        ON CONFLICT (account_id, reference) DO UPDATE SET amount_minor = debt.amount_minor + EXCLUDED.amount_minor, closed_us = NULL
        RETURNING id INTO d;
    END IF;
    j := powergate.journal_post('back:' || c.id, c.kind, format('payment %s: %s', q.payment_no, c.reason), p_who, NULL,
        array_cat(CASE WHEN taken > 0 THEN ARRAY[CASE WHEN q.account_id IS NULL THEN 'suspense' ELSE 'prepaid' END] ELSE '{}' END,
            CASE WHEN t.owed > 0 THEN ARRAY['arrears'] ELSE '{}' END) || p_to,
        array_cat(CASE WHEN taken > 0 THEN ARRAY[''] ELSE '{}' END, CASE WHEN t.owed > 0 THEN ARRAY['debt:' || d] ELSE '{}' END) || p_owner,
        array_cat(CASE WHEN taken > 0 THEN ARRAY[q.account_id] ELSE '{}' END, CASE WHEN t.owed > 0 THEN ARRAY[q.account_id] ELSE '{}' END) || p_to_account,
        array_cat(CASE WHEN taken > 0 THEN ARRAY[taken] ELSE '{}' END, CASE WHEN t.owed > 0 THEN ARRAY[t.owed] ELSE '{}' END) || -c.amount_minor,
        c.currency, p_now);
    UPDATE correction x SET posted_id = j, balance_minor = taken, owed_minor = t.owed, account_id = q.account_id, debt_id = d
    WHERE x.id = c.id RETURNING * INTO c;
    IF q.account_id IS NOT NULL THEN
        PERFORM powergate.event_add(c.kind, NULL, q.account_id, array_to_string(powergate.take_words(q, t), '; ')
            || format(': payment %s, %s', q.payment_no, c.reason), p_now);
        PERFORM powergate.emergency_walk(q.account_id, p_now);
        PERFORM powergate.debts_refresh(q.account_id);
        PERFORM powergate.mark_dirty(ARRAY[q.account_id], p_now);
    END IF;
    RETURN c;
END $$;

-- --- refunds --------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.refund_due(c correction, q payment, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.work_add('payout:' || c.id, 'PAYOUT', format('%s is to be paid back: payment %s by %s', powergate.money_text(c.amount_minor),
            q.payment_no, q.source),
        format('pay it back%s; what the provider tells of it ends this by itself, else: powergatectl refund paid %s --reference "..."',
            CASE WHEN q.source = 'cash' THEN ' over the counter' ELSE format(' at %s under the refund number %s', q.source, c.number) END, c.id),
        c.account_id, NULL, q.id, NULL, p_now);
END $$;

-- It is approved: the money goes out of where it is.
CREATE OR REPLACE FUNCTION powergate.refund_take(c correction, q payment, t powergate.take_plan, p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
BEGIN
    c := powergate.correction_post(c, q, t, 'payable', 'refund:' || c.id, NULL, p_who, p_now);
    UPDATE correction x SET state = CASE WHEN c.owed_minor > 0 THEN 'offset' ELSE 'payable' END WHERE x.id = c.id RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, c.state, p_who, array_to_string(powergate.take_words(q, t), '; '), p_now);
    UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', p_who, 'reason', 'refund ' || c.number)
    WHERE w.payment_id = q.id AND w.cause = 'SUSPENSE' AND w.state <> 'resolved' AND powergate.payment_left(q) = 0;
    IF c.state = 'payable' THEN PERFORM powergate.refund_due(c, q, p_now); END IF;
    RETURN c;
END $$;

CREATE OR REPLACE FUNCTION powergate.correction_offset_paid(p_debt bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    UPDATE correction x SET state = 'payable' WHERE x.debt_id = p_debt AND x.state = 'offset' RETURNING * INTO c;
    IF c.id IS NULL THEN RETURN; END IF;
    PERFORM powergate.correction_step(c.id, 'payable', 'powergated', 'what was owed for it is paid', p_now);
    PERFORM powergate.refund_due(c, (SELECT q FROM payment q WHERE q.id = c.payment_id), p_now);
END $$;

-- The money has left.
CREATE OR REPLACE FUNCTION powergate.refund_left(c correction, p_reference text, p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE q payment; j bigint;
BEGIN
    SELECT * INTO q FROM payment x WHERE x.id = c.payment_id;
    j := powergate.journal_post('back-paid:' || c.id, 'refund', format('payment %s: %s', q.payment_no, p_reference), p_who, NULL,
        ARRAY['payable', 'clearing'], ARRAY['refund:' || c.id, q.source], ARRAY[NULL, NULL]::bigint[], ARRAY[c.amount_minor, -c.amount_minor], c.currency, p_now);
    UPDATE correction x SET state = 'paid', paid_us = p_now, paid_by = p_who, reference = p_reference, paid_id = j WHERE x.id = c.id RETURNING * INTO c;
    PERFORM powergate.correction_step(c.id, 'paid', p_who, p_reference, p_now);
    PERFORM powergate.work_resolve('payout:' || c.id, jsonb_build_object('by', p_who, 'reason', 'paid: ' || p_reference), p_now);
    IF c.account_id IS NOT NULL THEN
        PERFORM powergate.customer_notice('refunded:' || c.id, 'refunded', c.account_id, q.id, jsonb_build_object('amount_minor', c.amount_minor,
            'payment_no', q.payment_no, 'currency', c.currency), p_now, 7 * 86400000000);
    END IF;
    RETURN c;
END $$;

-- It is not paid out after all: the account has it back, and what of it was not in the meter travels anew.
CREATE OR REPLACE FUNCTION powergate.refund_undo(c correction, p_reason text, p_who text, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE q payment; a account; owed bigint := 0; back bigint; j bigint; meter bigint;
BEGIN
    SELECT * INTO q FROM payment x WHERE x.id = c.payment_id;
    SELECT * INTO a FROM account x WHERE x.id = c.account_id;
    IF c.debt_id IS NOT NULL THEN
        owed := least((SELECT powergate.debt_owed(d) FROM debt d WHERE d.id = c.debt_id), c.owed_minor);
    END IF;
    back := c.amount_minor - owed;
    UPDATE correction x SET state = 'withdrawn', why = p_reason WHERE x.id = c.id RETURNING * INTO c;
    j := powergate.journal_post('back-undone:' || c.id, c.kind, p_reason, p_who, NULL,
        ARRAY['payable'] || array_cat(CASE WHEN back > 0 THEN ARRAY[CASE WHEN a.id IS NULL THEN 'suspense' ELSE 'prepaid' END] ELSE '{}' END,
            CASE WHEN owed > 0 THEN ARRAY['arrears'] ELSE '{}' END),
        ARRAY['refund:' || c.id] || array_cat(CASE WHEN back > 0 THEN ARRAY[''] ELSE '{}' END, CASE WHEN owed > 0 THEN ARRAY['debt:' || c.debt_id] ELSE '{}' END),
        ARRAY[NULL::bigint] || array_cat(CASE WHEN back > 0 THEN ARRAY[a.id] ELSE '{}' END, CASE WHEN owed > 0 THEN ARRAY[a.id] ELSE '{}' END),
        ARRAY[c.amount_minor] || array_cat(CASE WHEN back > 0 THEN ARRAY[-back] ELSE '{}' END, CASE WHEN owed > 0 THEN ARRAY[-owed] ELSE '{}' END), c.currency, p_now);
    UPDATE debt d SET closed_us = p_now WHERE d.id = c.debt_id AND d.closed_us IS NULL AND powergate.debt_owed(d) = 0;
    PERFORM powergate.work_resolve('payout:' || c.id, jsonb_build_object('by', p_who, 'reason', p_reason), p_now);
    PERFORM powergate.correction_step(c.id, 'withdrawn', p_who, p_reason, p_now);
    IF a.id IS NULL THEN
        PERFORM powergate.suspense_add(q, 'what was to be paid back is not: ' || p_reason, p_now);
        RETURN c;
    END IF;
    IF a.fee_mode = 'local' AND back > 0 THEN
        SELECT m.id INTO meter FROM meter m WHERE m.account_id = a.id AND m.state = 'active' ORDER BY m.address = q.meter_no DESC, m.id LIMIT 1;
        PERFORM powergate.delivery_add(q.id, a.id, meter, back, q.paid_us, p_who, p_now);
    END IF;
    PERFORM powergate.emergency_walk(a.id, p_now);
    PERFORM powergate.debts_refresh(a.id);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    RETURN c;
END $$;

-- --- what a provider has taken already ----------------------------------------------------------------

-- Money that has gone back without our asking: out of where it is, and the rest is owed.  A
-- chargeback is owed by a remote account as a whole.  NULL when it cannot be posted without a person.
CREATE OR REPLACE FUNCTION powergate.provider_took(ev provider_event, q payment, p_amount bigint, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE c correction; t powergate.take_plan; n bigint := nextval(pg_get_serial_sequence('powergate.correction', 'id'));
BEGIN
    PERFORM powergate.corrections_expire(p_now);
    PERFORM powergate.account_first(q.account_id);
    SELECT * INTO q FROM payment x WHERE x.id = q.id FOR UPDATE;
    IF p_amount NOT BETWEEN 1 AND powergate.payment_left(q) OR ev.currency NOT IN ('', q.currency) OR NOT powergate.debts_room(q.account_id) THEN
        RETURN NULL;
    END IF;
    t := powergate.take_from(q, p_amount);
    IF ev.kind = 'chargeback' AND (SELECT a.fee_mode FROM account a WHERE a.id = q.account_id) = 'remote' THEN
        t := (NULL, 0, 0, 0, p_amount);
    END IF;
    INSERT INTO correction (id, number, kind, payment_id, refund_no, amount_minor, currency, reason, second, requested_us, requested_by, expires_us)
    OVERRIDING SYSTEM VALUE
    VALUES (n, powergate.paper_number('PGR', n, p_now), ev.kind, q.id, ev.refund_no, p_amount, q.currency, format('told by %s, event %s', ev.source, ev.event_id),
        false, p_now, ev.source, p_now + 1);
    UPDATE correction x SET state = 'approved', approved_us = p_now, approved_by = ev.source WHERE x.id = n RETURNING * INTO c;
    c := powergate.correction_post(c, q, t, 'clearing', ev.source, NULL, ev.source, p_now);
    UPDATE correction x SET state = 'payable' WHERE x.id = n;
    UPDATE correction x SET state = 'paid', paid_us = p_now, paid_by = ev.source, reference = COALESCE(NULLIF(ev.refund_no, ''), ev.event_id), paid_id = c.posted_id
    WHERE x.id = n RETURNING * INTO c;
    PERFORM powergate.correction_step(n, 'paid', ev.source, array_to_string(powergate.take_words(q, t), '; '), p_now);
    IF q.account_id IS NOT NULL THEN
        PERFORM powergate.customer_notice('taken_back:' || n, 'taken_back', q.account_id, q.id, jsonb_build_object('amount_minor', p_amount, 'currency', q.currency,
            'payment_no', q.payment_no, 'owed_minor', NULLIF(c.owed_minor, 0)), p_now, 7 * 86400000000);
    END IF;
    RETURN c;
END $$;

-- What becomes of an event of a refund; NULL: it is for a person alone.
CREATE OR REPLACE FUNCTION powergate.refund_told(ev provider_event, q payment, p_amount bigint, p_now bigint) RETURNS correction LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    PERFORM powergate.account_first(q.account_id);
    SELECT * INTO c FROM correction x WHERE x.payment_id = q.id AND x.kind = 'refund' AND x.number = ev.refund_no FOR UPDATE;
    IF c.id IS NULL THEN RETURN powergate.provider_took(ev, q, p_amount, p_now); END IF;
    IF c.state NOT IN ('payable', 'offset') OR c.amount_minor <> p_amount THEN RETURN NULL; END IF;
    RETURN powergate.refund_left(c, format('%s, event %s', ev.source, ev.event_id), ev.source, p_now);
END $$;

-- Of a payment, for who looks at it; {} of most.
CREATE OR REPLACE FUNCTION powergate.corrections_json(p_payment bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('corrections', jsonb_agg(jsonb_build_object('refund', c.id, 'kind', c.kind, 'state', c.state,
        'amount_minor', c.amount_minor, 'number', c.number) ORDER BY c.id)) FROM correction c WHERE c.payment_id = p_payment HAVING count(*) > 0), '{}');
END $$;
