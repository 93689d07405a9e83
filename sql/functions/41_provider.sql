-- What providers tell beside payments: kept in the same transaction as the bytes, and whatever
-- follows from it.  Money that a provider has taken already is taken out of where it is, and the
-- rest is owed (44_correction.sql); a refund that was asked for here has been taken before, and is
-- paid now.  What cannot be posted is an item of work that says how.

-- What a person does about a refund or a chargeback, posted by a correction or not.
CREATE OR REPLACE FUNCTION powergate.refund_todo(ev provider_event, q payment, c correction, p_amount bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE a text := (SELECT x.number FROM account x WHERE x.id = q.account_id);
BEGIN
    IF c.id IS NOT NULL THEN
        RETURN format('it is posted by journal %s: %s out of the balance, %s is owed now; %s', c.posted_id, powergate.money_text(c.balance_minor),
            powergate.money_text(c.owed_minor), CASE ev.kind WHEN 'chargeback' THEN format('dispute it with %s, or tell the customer', ev.source)
                ELSE 'see that it is right, then resolve' END);
    END IF;
    RETURN format('it is not posted: compare powergatectl refund list --payment=%s with what %s says; then powergatectl debt add %s --kind=accumulated'
        ' --amount=%s --reference="%s %s" --reason="..."', q.id, ev.source, COALESCE(a, 'ACCOUNT'), powergate.money_text(p_amount), ev.kind, ev.payment_no);
END $$;

-- What has gone back now: some providers tell all that went back so far.
CREATE OR REPLACE FUNCTION powergate.provider_fresh(ev provider_event) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ev.amount_minor - CASE WHEN ev.cumulative THEN COALESCE((SELECT max(x.amount_minor) FROM provider_event x
        WHERE x.source = ev.source AND x.payment_no = ev.payment_no AND x.kind = ev.kind AND x.id <> ev.id), 0) ELSE 0 END;
END $$;

-- One of ours that nobody will pay out: its number is used up.
CREATE OR REPLACE FUNCTION powergate.refund_closed(ev provider_event, q payment, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c correction;
BEGIN
    SELECT * INTO c FROM correction x WHERE x.payment_id = q.id AND x.number = ev.refund_no AND x.state IN ('offset', 'payable');
    IF c.id IS NOT NULL AND ev.kind = 'refund' AND ev.state = 'CLOSED' THEN
        PERFORM powergate.work_add('closed:' || c.id, 'REFUND', format('%s closed refund %s of %s: it is not paid out', ev.source, c.number,
                powergate.money_text(c.amount_minor)),
            format('powergatectl refund withdraw %s --reason "..."; then request it again, or pay it another way: powergatectl refund paid %s', c.id, c.id),
            c.account_id, NULL, q.id, NULL, p_now);
    END IF;
END $$;

-- The same fact told in other bytes makes no second item.  A refund without a number of its own
-- has that of the event, which stands before the ~.
CREATE OR REPLACE FUNCTION powergate.provider_follow(ev provider_event, q payment, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c correction; fresh bigint := powergate.provider_fresh(ev); amount text := powergate.money_text(fresh); what text; todo text;
    no text := CASE WHEN ev.kind = 'refund' AND ev.refund_no = '' THEN split_part(ev.event_id, '~', 1) ELSE ev.refund_no END;
BEGIN
    IF ev.kind NOT IN ('payment', 'refund', 'chargeback', 'conflict')
       OR EXISTS (SELECT FROM provider_event x WHERE x.source = ev.source AND x.payment_no = ev.payment_no AND x.kind = ev.kind
                  AND x.refund_no = ev.refund_no AND (no = ev.refund_no OR split_part(x.event_id, '~', 1) = no) AND x.amount_minor = ev.amount_minor AND x.state = ev.state AND x.id <> ev.id)
       OR (ev.kind = 'payment' AND q.id IS NOT NULL)
       OR (ev.kind = 'refund' AND (ev.state = 'CLOSED' OR fresh <= 0)) THEN -- closed: nothing went back
        PERFORM powergate.refund_closed(ev, q, p_now);
        RETURN;
    END IF;
    IF ev.kind = 'chargeback' AND q.id IS NOT NULL THEN
        c := powergate.provider_took(ev, q, fresh, p_now);
    ELSIF ev.kind = 'refund' AND ev.state <> 'ABNORMAL' AND q.id IS NOT NULL THEN
        c := powergate.refund_told(ev, q, fresh, p_now);
        IF c.number = ev.refund_no THEN RETURN; END IF; -- it was asked for here: nobody has to look
    END IF;
    what := format(CASE ev.kind WHEN 'refund' THEN '%s refunded %s of payment %s' WHEN 'chargeback' THEN '%s took %s back of payment %s'
        WHEN 'conflict' THEN '%s told of %s for payment %s, which was told otherwise before'
        ELSE '%s told of %s as payment %s, which is no payment' END, ev.source, amount, ev.payment_no)
        || CASE WHEN ev.why <> '' THEN ': ' || ev.why ELSE '' END || CASE WHEN ev.state <> '' THEN ' (' || ev.state || ')' ELSE '' END;
    todo := CASE
        WHEN ev.kind = 'conflict' THEN format('compare with what %s says of it; what was told first stands: powergatectl payment show --payment-no %s', ev.source, ev.payment_no)
        WHEN ev.kind = 'refund' AND ev.state = 'ABNORMAL' THEN format('the money is with neither: see to it at %s, then as for any refund', ev.source)
        WHEN q.id IS NULL THEN format('this payment is not in the books: look it up at %s, or wait for its statement', ev.source)
        ELSE powergate.refund_todo(ev, q, c, fresh) END;
    PERFORM powergate.work_add(format('%s:%s:%s:%s', ev.kind, ev.source, ev.payment_no, no),
        CASE ev.kind WHEN 'refund' THEN 'REFUND' WHEN 'chargeback' THEN 'CHARGEBACK' ELSE 'PROVIDER' END,
        what, todo, q.account_id, NULL, q.id, NULL, p_now);
END $$;

-- 'kept', 'duplicate', or 'conflict': the same event with other bytes.
CREATE OR REPLACE FUNCTION door.provider_told(p_source text, p_provider text, p_event text, p_sha bytea, p_body bytea, p_kind text,
    p_type text, p_payment_no text, p_refund_no text, p_order_no text, p_amount bigint, p_currency text, p_cumulative boolean,
    p_state text, p_why text, p_trace text, p_happened bigint, p_evidence text, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ev provider_event; q payment;
BEGIN
    INSERT INTO inbox (source, event_id, body_sha256, body, received_us, evidence) VALUES (p_source, p_event, p_sha, p_body, p_now, p_evidence)
    ON CONFLICT (source, event_id) DO NOTHING;
    IF NOT FOUND THEN
        UPDATE inbox i SET deliveries = i.deliveries + 1 WHERE i.source = p_source AND i.event_id = p_event AND i.body_sha256 = p_sha;
        RETURN CASE WHEN FOUND THEN 'duplicate' ELSE 'conflict' END;
    END IF;
    -- before the event, whose foreign key would hold the payment; and so the next one sees this one
    q := powergate.payment_first((SELECT x.id FROM payment x WHERE x.source = p_source AND x.payment_no = p_payment_no), NULL);
    INSERT INTO provider_event (source, event_id, provider, kind, type, payment_no, refund_no, order_no, amount_minor, currency, cumulative,
        state, why, trace, happened_us, received_us, payment_id)
    VALUES (p_source, p_event, p_provider, p_kind, p_type, p_payment_no, p_refund_no, p_order_no, p_amount, p_currency, p_cumulative,
        p_state, p_why, p_trace, p_happened, p_now, q.id) RETURNING * INTO ev;
    PERFORM powergate.provider_follow(ev, q, p_now);
    RETURN 'kept';
END $$;

-- Something that is refused again and again until somebody mends it.
CREATE OR REPLACE FUNCTION door.provider_alarm(p_source text, p_code text, p_why text, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.work_add(format('provider:%s:%s', p_source, p_code), 'PROVIDER',
        format('notifications by %s are refused, %s: %s', p_source, p_code, p_why),
        CASE p_code WHEN 'stale' THEN 'see that the clock here is right: chronyc tracking'
            WHEN 'unknown_key' THEN 'get the new key from the provider, add it to the keys file and reload'
            WHEN 'sealed' THEN 'the key for what is sealed is another one there: compare the keys file with the provider''s pages'
            WHEN 'wrong_merchant' THEN 'compare the merchant and the app in the keys file with the provider''s pages: who sends these here?'
            WHEN 'not_allowed' THEN CASE WHEN p_why LIKE 'our question%' THEN 'compare the key and the serial that we ask with, and the clock'
                ELSE 'see whether the provider has new addresses; a proxy of our own must stand in hooks.proxies' END
            WHEN 'unsupported' THEN 'the provider signs in another way now: see its pages'
            ELSE 'forged, or signed with a key that the keys file has not: compare with the provider''s pages' END,
        NULL, NULL, NULL, NULL, p_now);
END $$;

-- For a terminal that lost its answer; NULL: no such payment.
CREATE OR REPLACE FUNCTION door.payment_state(p_source text, p_no text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('payment_no', q.payment_no, 'receipt_id', q.id::text, 'state', q.state, 'amount_minor', q.amount_minor,
        'currency', q.currency, 'account', (SELECT a.number FROM account a WHERE a.id = q.account_id),
        'delivery', (SELECT d.state FROM credit_delivery d WHERE d.payment_id = q.id AND d.kind = 'recharge' ORDER BY d.part DESC LIMIT 1))
        FROM payment q WHERE q.source = p_source AND q.payment_no = p_no);
END $$;
