-- What is kept of a payment from its notification to the meter's read-back, as it is kept: bodies,
-- lines and frames.  Nobody's judgement is among it, neither a state nor a verdict: whoever proves
-- something from these must come to one alone (codec/prove).

CREATE OR REPLACE FUNCTION powergate.prove_journals(p_keys text[]) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('journal', j.id, 'key', j.key, 'at_us', j.at_us,
            'reversed_by', (SELECT r.id FROM journal r WHERE r.reverses = j.id),
            'lines', (SELECT COALESCE(jsonb_agg(jsonb_build_object('line', p.line, 'ledger', p.ledger, 'owner', p.owner,
                'account', (SELECT a.number FROM account a WHERE a.id = p.account_id),
                'amount_minor', p.amount_minor, 'currency', p.currency) ORDER BY p.line), '[]')
                FROM posting p WHERE p.journal_id = j.id)) ORDER BY j.id), '[]')
        FROM journal j WHERE j.key = ANY (p_keys));
END $$;

CREATE OR REPLACE FUNCTION powergate.prove_commands(p_delivery bigint, p_payment bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('command', c.id, 'kind', c.kind,
            'meter', (SELECT m.address FROM meter m WHERE m.id = c.meter_id),
            'frames', (SELECT COALESCE(jsonb_agg(jsonb_build_object('n', h.n, 'at_us', h.at_us,
                'way', CASE h.step WHEN 'sent' THEN 'out' ELSE 'in' END, 'frame', upper(encode(h.frame, 'hex'))) ORDER BY h.n), '[]')
                FROM command_history h WHERE h.command_id = c.id AND h.step IN ('sent', 'heard') AND h.frame IS NOT NULL)) ORDER BY c.id), '[]')
        FROM command c
        WHERE CASE WHEN p_delivery IS NULL THEN c.payment_id = p_payment AND c.kind = 'relay' ELSE c.delivery_id = p_delivery END);
END $$;

CREATE OR REPLACE FUNCTION powergate.prove_deliveries(p_payment bigint, p_account bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('delivery', d.id, 'amount_minor', d.amount_minor,
            'meter', (SELECT m.address FROM meter m WHERE m.id = d.meter_id), 'purchase', d.purchase, 'customer', d.customer,
            'base_bought', d.base_bought, 'planned_us', d.planned_us,
            'journals', powergate.prove_journals(ARRAY['deliver:' || d.id]),
            'commands', powergate.prove_commands(d.id, NULL),
            'evidence', (SELECT COALESCE(jsonb_agg(jsonb_build_object('evidence', x.id, 'at_us', x.at_us, 'frames',
                (SELECT COALESCE(jsonb_agg(upper(encode(f.frame, 'hex')) ORDER BY f.n), '[]')
                 FROM unnest(x.frames) WITH ORDINALITY AS f(frame, n))) ORDER BY x.id), '[]')
                FROM credit_evidence x WHERE x.delivery_id = d.id)) ORDER BY d.id), '[]')
        FROM credit_delivery d WHERE d.payment_id = p_payment AND d.account_id = p_account);
END $$;

CREATE OR REPLACE FUNCTION door.api_recharge_facts(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q payment; a account;
BEGIN
    SELECT * INTO q FROM payment WHERE id = (p ->> 'payment')::bigint;
    IF q.id IS NULL THEN RETURN powergate.api_error(404, 'no such payment'); END IF;
    SELECT * INTO a FROM account WHERE id = q.account_id;
    RETURN jsonb_build_object(
        'payment', jsonb_build_object('payment', q.id, 'source', q.source, 'payment_no', q.payment_no, 'event_id', q.event_id,
            'account_no', q.account_no, 'meter_no', q.meter_no, 'amount_minor', q.amount_minor, 'currency', q.currency,
            'paid_us', q.paid_us, 'received_us', q.received_us, 'account', a.number, 'mode', a.fee_mode,
            'zone', (SELECT s.zone FROM site s WHERE s.id = a.site_id),
            'meters', (SELECT COALESCE(jsonb_agg(m.address ORDER BY m.id), '[]') FROM meter m WHERE m.account_id = a.id)),
        'inbox', (SELECT jsonb_build_object('body', upper(encode(i.body, 'hex')), 'sha256', upper(encode(i.body_sha256, 'hex')),
                'evidence', i.evidence, 'received_us', i.received_us)
            FROM inbox i WHERE i.source = q.source AND i.event_id = q.event_id),
        'journals', powergate.prove_journals(ARRAY['pay:' || q.source || ':' || q.payment_no, 'assign:' || q.id, 'waterfall:' || q.id] || ARRAY(SELECT x || c.id FROM correction c,
            unnest(ARRAY['back:', 'back-undone:']) x WHERE c.payment_id = q.id AND c.posted_id IS NOT NULL ORDER BY c.id)),
        'balance', (SELECT jsonb_build_object('kept_minor', s.prepaid_minor, 'posted_minor',
            (SELECT -COALESCE(sum(x.amount_minor), 0) FROM posting x WHERE x.account_id = s.account_id AND x.ledger = 'prepaid'))
            FROM account_state s WHERE s.account_id = a.id),
        'commands', powergate.prove_commands(NULL, q.id),
        'deliveries', powergate.prove_deliveries(q.id, q.account_id));
END $$;
