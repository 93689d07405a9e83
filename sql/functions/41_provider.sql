-- What providers tell beside payments: kept in the same transaction as the bytes, and whatever
-- follows from it.  Money goes back only where a provider has taken it already: a chargeback is
-- owed by its account (arrears against clearing).  A refund is a person's or the reconciliation's
-- decision: the item of work says how.

-- How the money of a payment can be taken back, in words for whoever has to do it.
CREATE OR REPLACE FUNCTION powergate.refund_todo(q payment, p_amount bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE j bigint; a text;
BEGIN
    SELECT id INTO j FROM journal WHERE key = 'pay:' || q.source || ':' || q.payment_no;
    SELECT number INTO a FROM account WHERE id = q.account_id;
    IF EXISTS (SELECT FROM journal WHERE reverses = j) THEN
        RETURN 'the payment is reversed already: compare, then resolve';
    ELSIF EXISTS (SELECT FROM credit_delivery d WHERE d.payment_id = q.id AND d.state <> 'CANCELLED') THEN
        RETURN format('the credit is in the meter or on its way: the next payments make up for it: powergatectl debt add %s'
            ' --kind=accumulated --amount=%s --reference="refund %s" --reason="..."; then resolve',
            a, powergate.money_text(p_amount), q.payment_no);
    ELSIF p_amount = q.amount_minor THEN
        RETURN format('see that the refund is right, then: powergatectl ledger reverse %s --reason "refunded by %s"; then resolve', j, q.source);
    END IF;
    RETURN format('a part went back: powergatectl debt add %s --kind=accumulated --amount=%s --reference="refund %s" --reason="..."; then resolve',
        COALESCE(a, 'ACCOUNT'), powergate.money_text(p_amount), q.payment_no);
END $$;

-- What was charged back is owed; 0 when it cannot be posted without a person.
CREATE OR REPLACE FUNCTION powergate.chargeback_post(ev provider_event, q payment, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE d bigint; done bigint; name text := 'chargeback ' || COALESCE(NULLIF(ev.refund_no, ''), ev.payment_no);
BEGIN
    IF q.account_id IS NULL OR ev.amount_minor NOT BETWEEN 1 AND q.amount_minor OR ev.currency NOT IN ('', q.currency)
       OR octet_length(name) > 79
       OR EXISTS (SELECT FROM journal j JOIN journal r ON r.reverses = j.id WHERE j.key = 'pay:' || q.source || ':' || q.payment_no) THEN
        RETURN 0;
    END IF;
    PERFORM powergate.account_first(q.account_id);
    IF (SELECT count(*) FROM debt x WHERE x.account_id = q.account_id AND x.closed_us IS NULL) >= 24 THEN RETURN 0; END IF;
    INSERT INTO debt (account_id, kind, reference, amount_minor, created_us, created_by)
    VALUES (q.account_id, 'accumulated', name, ev.amount_minor, p_now, ev.source)
    ON CONFLICT (account_id, reference) DO NOTHING RETURNING id INTO d;
    IF d IS NULL THEN RETURN 0; END IF;
    done := powergate.journal_post(format('chargeback:%s:%s', ev.source, name), 'chargeback', 'payment ' || ev.payment_no, ev.source, NULL,
        ARRAY['arrears', 'clearing'], ARRAY['debt:' || d, ev.source], ARRAY[q.account_id, NULL],
        ARRAY[ev.amount_minor, -ev.amount_minor], q.currency, p_now);
    PERFORM powergate.event_add('debt', NULL, q.account_id,
        format('%s is owed: %s', powergate.money_text(ev.amount_minor), name), p_now);
    PERFORM powergate.debts_refresh(q.account_id);
    PERFORM powergate.mark_dirty(ARRAY[q.account_id], p_now);
    RETURN done;
END $$;

-- What has gone back now: some providers tell all that went back so far.
CREATE OR REPLACE FUNCTION powergate.provider_fresh(ev provider_event) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ev.amount_minor - CASE WHEN ev.cumulative THEN COALESCE((SELECT max(x.amount_minor) FROM provider_event x
        WHERE x.source = ev.source AND x.payment_no = ev.payment_no AND x.kind = ev.kind AND x.id <> ev.id), 0) ELSE 0 END;
END $$;

-- The same fact told in other bytes makes no second item.  A refund without a number of its own
-- has that of the event, which stands before the ~.
CREATE OR REPLACE FUNCTION powergate.provider_follow(ev provider_event, q payment, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE owed bigint := 0; fresh bigint := powergate.provider_fresh(ev); amount text := powergate.money_text(fresh); what text; todo text;
    no text := CASE WHEN ev.kind = 'refund' AND ev.refund_no = '' THEN split_part(ev.event_id, '~', 1) ELSE ev.refund_no END;
BEGIN
    IF ev.kind NOT IN ('payment', 'refund', 'chargeback', 'conflict')
       OR EXISTS (SELECT FROM provider_event x WHERE x.source = ev.source AND x.payment_no = ev.payment_no AND x.kind = ev.kind
                  AND x.refund_no = ev.refund_no AND (no = ev.refund_no OR split_part(x.event_id, '~', 1) = no) AND x.amount_minor = ev.amount_minor AND x.state = ev.state AND x.id <> ev.id)
       OR (ev.kind = 'payment' AND q.id IS NOT NULL)
       OR (ev.kind = 'refund' AND (ev.state = 'CLOSED' OR fresh <= 0)) THEN -- closed: nothing went back
        RETURN;
    END IF;
    IF ev.kind = 'chargeback' AND q.id IS NOT NULL THEN
        owed := powergate.chargeback_post(ev, q, p_now);
    END IF;
    what := format(CASE ev.kind WHEN 'refund' THEN '%s refunded %s of payment %s' WHEN 'chargeback' THEN '%s took %s back of payment %s'
        WHEN 'conflict' THEN '%s told of %s for payment %s, which was told otherwise before'
        ELSE '%s told of %s as payment %s, which is no payment' END, ev.source, amount, ev.payment_no)
        || CASE WHEN ev.why <> '' THEN ': ' || ev.why ELSE '' END || CASE WHEN ev.state <> '' THEN ' (' || ev.state || ')' ELSE '' END;
    todo := CASE
        WHEN ev.kind = 'conflict' THEN format('compare with what %s says of it; what was told first stands: powergatectl payment show --payment-no %s', ev.source, ev.payment_no)
        WHEN ev.kind = 'refund' AND ev.state = 'ABNORMAL' THEN format('the money is with neither: see to it at %s, then as for any refund', ev.source)
        WHEN q.id IS NULL THEN format('this payment is not in the books: look it up at %s, or wait for its statement', ev.source)
        WHEN owed <> 0 THEN format('the account owes it now, by journal %s: dispute it with %s, or tell the customer', owed, ev.source)
        WHEN ev.kind = 'chargeback' THEN format('it is not posted: see whose it is, then powergatectl debt add ACCOUNT --kind=accumulated --amount=%s --reference="chargeback %s" --reason="..."', amount, ev.payment_no)
        ELSE powergate.refund_todo(q, fresh) END;
    PERFORM powergate.work_add(format('%s:%s:%s:%s', ev.kind, ev.source, ev.payment_no, no),
        CASE ev.kind WHEN 'refund' THEN 'REFUND' WHEN 'chargeback' THEN 'CHARGEBACK' ELSE 'PROVIDER' END,
        what, todo, q.account_id, NULL, q.id, NULL, p_now);
END $$;

-- 'kept', 'duplicate', or 'conflict': the same event with other bytes.
CREATE OR REPLACE FUNCTION door.provider_told(p_source text, p_provider text, p_event text, p_sha bytea, p_body bytea, p_kind text,
    p_type text, p_payment_no text, p_refund_no text, p_order_no text, p_amount bigint, p_currency text, p_cumulative boolean,
    p_state text, p_why text, p_trace text, p_happened bigint, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ev provider_event; q payment;
BEGIN
    INSERT INTO inbox (source, event_id, body_sha256, body, received_us) VALUES (p_source, p_event, p_sha, p_body, p_now)
    ON CONFLICT (source, event_id) DO NOTHING;
    IF NOT FOUND THEN
        UPDATE inbox i SET deliveries = i.deliveries + 1 WHERE i.source = p_source AND i.event_id = p_event AND i.body_sha256 = p_sha;
        RETURN CASE WHEN FOUND THEN 'duplicate' ELSE 'conflict' END;
    END IF;
    SELECT * INTO q FROM payment x WHERE x.source = p_source AND x.payment_no = p_payment_no;
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
            WHEN 'not_allowed' THEN 'see whether the provider has new addresses; a proxy of our own must stand in hooks.proxies'
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
