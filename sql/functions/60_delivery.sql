-- Credit into a local meter, exactly once (reliability.md B, model/recharge.pml).

-- What protects a purchase in this meter from being loaded twice: what was shown by a meter of its
-- profile and model, and where none was, at most the standard's count, which only one profile sends.
CREATE OR REPLACE FUNCTION powergate.capability(m meter) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT q.class FROM qualification q WHERE q.profile = m.profile AND q.model = m.model AND q.class IS NOT NULL
                     ORDER BY q.ended_us DESC, q.id DESC LIMIT 1),
        CASE WHEN m.capability = 'counted' AND m.profile = 'wallet-esam' THEN 'counted' ELSE 'none' END);
END $$;

CREATE OR REPLACE FUNCTION powergate.keeps_balance(m meter) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN m.capability <> 'none' OR m.profile IN ('wallet-plain', 'east');
END $$;

-- Whether there is an account in it that has to be opened before it takes credit.
CREATE OR REPLACE FUNCTION powergate.opens(p_meter bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT m.profile NOT IN ('wallet-plain', 'east') FROM meter m WHERE m.id = p_meter);
END $$;

-- Reserves the purchase count.  Committed before the first byte leaves; the only way to INTENT.
CREATE OR REPLACE FUNCTION door.delivery_plan(p_delivery bigint, p_command bigint, p_epoch bigint, p_count bigint,
    p_bought bigint, p_settle bigint, p_now bigint)
RETURNS TABLE (outcome text, purchase bigint, order_no bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE d credit_delivery; c command; s meter_state; m meter; known bigint; number bigint;
BEGIN
    PERFORM powergate.account_first((SELECT q.account_id FROM credit_delivery q WHERE q.id = p_delivery));
    SELECT * INTO c FROM command q WHERE q.id = p_command AND q.epoch = p_epoch AND q.state IN ('sent', 'unsure') FOR UPDATE;
    SELECT * INTO d FROM credit_delivery q WHERE q.id = p_delivery FOR UPDATE;
    IF c.id IS NULL OR d.state <> 'QUEUED' OR (SELECT held FROM headend) THEN
        RETURN QUERY SELECT 'gone', NULL::bigint, NULL::bigint; RETURN;
    END IF;
    SELECT * INTO m FROM meter q WHERE q.id = c.meter_id;
    SELECT * INTO s FROM meter_state q WHERE q.meter_id = c.meter_id FOR UPDATE;
    SELECT greatest(s.base_count, max(q.purchase)) INTO known FROM credit_delivery q
    WHERE q.meter_id = c.meter_id AND q.incarnation = s.incarnation AND q.state = 'APPLIED';
    IF p_count <> known OR d.amount_minor > 99999999 THEN -- I11: a count nobody can explain; or no record has room for it
        UPDATE credit_delivery SET state = 'REVIEW', meter_id = c.meter_id, incarnation = s.incarnation,
            why = CASE WHEN p_count <> known THEN format('the meter counts %s purchases, we know of %s', p_count, known)
                ELSE 'it is more than a meter can take at once' END WHERE id = p_delivery;
        PERFORM powergate.review_add(p_delivery, p_now);
        RETURN QUERY SELECT 'review', NULL::bigint, NULL::bigint; RETURN;
    END IF;
    -- It knows the last order again and none before: what was sent more than once must have come out
    -- of the line before another order makes the meter forget it.
    IF powergate.capability(m) = 'order_no' AND EXISTS (SELECT FROM credit_delivery q
        WHERE q.meter_id = m.id AND q.id <> d.id AND q.applied_us > p_now - p_settle
          AND EXISTS (SELECT FROM credit_evidence x WHERE x.delivery_id = q.id AND x.verdict = 'absent')) THEN
        RETURN QUERY SELECT 'settling', NULL::bigint, NULL::bigint; RETURN;
    END IF;
    -- Sixteen digits, never given to another: milliseconds and the end of our own number.  What people
    -- queue again keeps its own, so that a copy that was late after all is refused.
    number := COALESCE(d.order_no, p_now / 1000 * 1000 + d.id % 1000);
    UPDATE credit_delivery SET state = 'INTENT', meter_id = c.meter_id, incarnation = s.incarnation,
        purchase = p_count + 1, customer = m.customer, base_bought = p_bought, planned_us = p_now, order_no = number
    WHERE id = p_delivery;
    PERFORM powergate.history(p_command, 'planned', format('purchase count %s reserved', p_count + 1), p_now);
    RETURN QUERY SELECT 'intent', p_count + 1, number;
END $$;

CREATE OR REPLACE FUNCTION powergate.review_add(p_delivery bigint, p_now bigint) RETURNS void LANGUAGE sql AS $$
    SELECT powergate.work_add('review:' || d.id, 'REVIEW',
        format('delivery %s of %s: %s', d.id, powergate.money_text(d.amount_minor), d.why),
        format('compare with the meter (powergatectl account deliveries %s), then two people: powergatectl work resolve N applied|requeue|refund --reason "..." --evidence "..."', a.number),
        d.account_id, d.meter_id, d.payment_id, d.id, p_now)
    FROM credit_delivery d JOIN account a ON a.id = d.account_id WHERE d.id = p_delivery;
$$;

-- Something was sent and something, or nothing, came back: a hint, nothing more.
CREATE OR REPLACE FUNCTION door.delivery_sent(p_delivery bigint, p_epoch bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credit_delivery d SET sends = d.sends + 1, sent_us = p_now,
        state = CASE WHEN d.state = 'INTENT' THEN 'VERIFYING' ELSE d.state END
    FROM endpoint e JOIN meter m ON m.endpoint_id = e.id
    WHERE d.id = p_delivery AND d.state IN ('INTENT', 'VERIFYING') AND m.id = d.meter_id AND e.epoch = p_epoch;
    RETURN FOUND;
END $$;

-- A complete read-back and what it was judged to mean.  The database checks the facts again:
-- nothing becomes APPLIED unless count and amount of the meter's own record are ours.
CREATE OR REPLACE FUNCTION door.delivery_evidence(p_delivery bigint, p_command bigint, p_epoch bigint, p_node text,
    p_count bigint, p_record jsonb, p_frames bytea[], p_verdict text, p_why text, p_now bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE d credit_delivery; e endpoint; m meter; s meter_state; verdict text := p_verdict; words text := p_why;
BEGIN
    PERFORM powergate.account_first((SELECT q.account_id FROM credit_delivery q WHERE q.id = p_delivery));
    SELECT * INTO d FROM credit_delivery WHERE id = p_delivery FOR UPDATE;
    IF d.state NOT IN ('INTENT', 'VERIFYING') THEN RETURN d.state; END IF;
    SELECT * INTO m FROM meter WHERE id = d.meter_id;
    SELECT * INTO e FROM endpoint WHERE id = m.endpoint_id;
    SELECT * INTO s FROM meter_state WHERE meter_id = d.meter_id FOR UPDATE;
    -- I7, I13: only from the present session of a trusted endpoint, and the same meter as planned
    IF e.epoch <> p_epoch OR e.node <> p_node OR e.state <> 'claimed' OR e.held_until_us > p_now OR e.doubt_until_us > p_now THEN RETURN NULL; END IF;
    IF s.incarnation <> d.incarnation THEN verdict := 'contradictory'; END IF;
    -- Only a meter type that was proven to refuse a count twice may be sent one twice; and a crash may
    -- hide that it was sent, so what was planned counts as sent.
    IF verdict = 'absent' AND powergate.capability(m) = 'none' THEN
        verdict := 'contradictory';
        words := p_why || ', and this type is not qualified to be sent the same twice';
    END IF;
    IF verdict = 'applied' AND d.kind <> 'open' AND NOT COALESCE(
        (p_record ->> 'count')::bigint = d.purchase % 10000 AND (p_record ->> 'amount')::bigint = d.amount_minor
        AND p_count >= d.purchase, false) THEN
        RAISE EXCEPTION 'delivery %: the record is not ours', d.id USING ERRCODE = '23514';
    END IF;
    INSERT INTO credit_evidence (delivery_id, at_us, node, epoch, incarnation, meter_count, record, frames, verdict)
    VALUES (d.id, p_now, p_node, p_epoch, s.incarnation, p_count, p_record, p_frames, verdict);
    IF d.state = 'INTENT' THEN
        UPDATE credit_delivery SET state = 'VERIFYING' WHERE id = d.id;
    END IF;
    UPDATE meter_state SET purchases = p_count WHERE meter_id = d.meter_id;
    IF verdict = 'applied' THEN
        UPDATE credit_delivery SET state = 'APPLIED', applied_us = p_now, why = words WHERE id = d.id;
        PERFORM powergate.delivery_done(d, p_record, p_now);
        RETURN 'APPLIED';
    ELSIF verdict IN ('burnt', 'contradictory') THEN
        UPDATE credit_delivery SET state = 'REVIEW', why = words WHERE id = d.id;
        PERFORM powergate.review_add(d.id, p_now);
        RETURN 'REVIEW';
    END IF;
    RETURN 'VERIFYING';
END $$;

-- The money is in the meter: prepaid becomes loaded, the customer hears of it.
CREATE OR REPLACE FUNCTION powergate.delivery_done(d credit_delivery, p_record jsonb, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF d.kind = 'open' THEN
        UPDATE meter_state SET account_open = true WHERE meter_id = d.meter_id;
        PERFORM powergate.event_add('opened', d.meter_id, d.account_id, 'account opened in the meter', p_now);
    ELSE
        PERFORM powergate.journal_post('deliver:' || d.id, 'delivery', 'credit is in the meter', 'powergated', NULL,
            ARRAY['prepaid', 'loaded'], ARRAY['', ''], ARRAY[d.account_id, d.account_id],
            ARRAY[d.amount_minor, -d.amount_minor],
            (SELECT s.currency FROM account a JOIN site s ON s.id = a.site_id WHERE a.id = d.account_id), p_now);
        -- what the record says is in the meter now; or the customer would be warned of the old balance
        UPDATE meter_state SET bought_minor = COALESCE((p_record ->> 'bought')::bigint, bought_minor),
            credit_minor = COALESCE((p_record ->> 'after')::bigint, credit_minor), credit_us = p_now WHERE meter_id = d.meter_id;
        PERFORM powergate.event_add('credited', d.meter_id, d.account_id,
            format('%s is in the meter, purchase %s', powergate.money_text(d.amount_minor), d.purchase), p_now);
        PERFORM powergate.customer_notice('credited:' || d.id, 'credited', d.account_id, d.payment_id,
            jsonb_build_object('amount_minor', d.amount_minor, 'purchase', d.purchase, 'balance_minor', p_record -> 'after'),
            p_now, 86400000000);
    END IF;
    PERFORM powergate.mark_dirty(ARRAY[d.account_id], p_now);
END $$;

-- A person adopts the meter's count and cumulative amount as ours.
CREATE OR REPLACE FUNCTION door.meter_commissioned(p_command bigint, p_epoch bigint, p_count bigint, p_bought bigint,
    p_open boolean, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE c command;
BEGIN
    SELECT * INTO c FROM command WHERE id = p_command AND epoch = p_epoch AND kind = 'commission' FOR UPDATE;
    IF c.id IS NULL THEN RETURN 'gone'; END IF;
    IF EXISTS (SELECT FROM credit_delivery WHERE meter_id = c.meter_id AND state IN ('INTENT', 'VERIFYING')) THEN
        RETURN 'a credit is on its way to this meter';
    END IF;
    PERFORM door.audit_begin();
    UPDATE meter_state SET base_count = p_count, base_bought = p_bought, base_us = p_now, base_by = c.created_by,
        purchases = p_count, bought_minor = COALESCE(p_bought, bought_minor), account_open = p_open WHERE meter_id = c.meter_id;
    INSERT INTO audit (at_us, actor, action, args, outcome) VALUES (p_now, c.created_by, 'meter.commission',
        jsonb_build_object('meter', c.meter_id, 'count', p_count, 'bought_minor', p_bought, 'open', p_open), 'adopted');
    PERFORM powergate.event_add('commissioned', c.meter_id, NULL,
        format('purchase count %s adopted by %s', p_count, c.created_by), p_now);
    PERFORM powergate.push_alarm(c.meter_id, 'commissioned', p_now);
    PERFORM powergate.work_resolve('commission:' || c.meter_id, jsonb_build_object('by', c.created_by, 'commissioned', p_count), p_now);
    RETURN 'adopted';
END $$;
