-- Money coming in.  One call settles all payments that have gathered; each row answers for
-- itself.  Within a call every (source, event) and every (source, payment) stands once; the
-- caller sees to that and sorts by key, so that two nodes lock in the same order.
--
-- A connection keeps a plan for as long as it lives, also one made while the tables were nearly
-- empty.  So every look into a table that grows is one index probe a row, by its shape (LATERAL
-- with LIMIT, = ANY), and the planner is not free to read the whole of it instead.

CREATE OR REPLACE FUNCTION door.payment_settle(p_source text[], p_event text[], p_sha bytea[], p_body bytea[],
    p_received bigint[], p_no text[], p_account text[], p_meter text[], p_amount bigint[], p_currency text[],
    p_paid bigint[], p_method text[], p_terminal text[], p_payer text[], p_order text[], p_note text[],
    p_actor text, p_now bigint)
RETURNS TABLE (n int, outcome text, payment_id bigint, state text, batch_id bigint, endpoint_id bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE r record;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS settling (n int, source text, event text, sha bytea, body bytea, received bigint,
        no text, account text, meter text, amount bigint, currency text, paid bigint, method text, terminal text,
        payer text, ord text, note text, outcome text, payment_id bigint, journal_id bigint, account_id bigint, meter_id bigint,
        fee_mode text, state text, endpoint_id bigint, why text, batch_id bigint) ON COMMIT DELETE ROWS;
    INSERT INTO settling
    SELECT t.n, t.source, t.event, t.sha, t.body, t.received, t.no, t.account, t.meter, t.amount, t.currency, t.paid,
        t.method, t.terminal, t.payer, t.ord, t.note, o.outcome,
        CASE o.outcome WHEN 'accepted' THEN nextval('payment_id_seq') ELSE p.id END,
        CASE o.outcome WHEN 'accepted' THEN nextval('journal_id_seq') END,
        a.id, COALESCE(m.id, am.id), a.fee_mode, p.state, COALESCE(m.endpoint_id, am.endpoint_id), w.why, p.batch_id
    FROM unnest(p_source, p_event, p_sha, p_body, p_received, p_no, p_account, p_meter, p_amount, p_currency, p_paid,
            p_method, p_terminal, p_payer, p_order, p_note) WITH ORDINALITY
        AS t(source, event, sha, body, received, no, account, meter, amount, currency, paid, method, terminal, payer, ord, note, n)
    LEFT JOIN LATERAL (SELECT x.source, x.body_sha256 FROM inbox x
        WHERE x.source = t.source AND x.event_id = t.event LIMIT 1) i ON true
    LEFT JOIN LATERAL (SELECT x.* FROM payment x WHERE x.source = t.source AND x.payment_no = t.no LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT x.id FROM account x WHERE x.number = t.account LIMIT 1) na ON true
    LEFT JOIN LATERAL (SELECT x.id, x.account_id, x.endpoint_id FROM meter x WHERE x.address = t.meter LIMIT 1) m ON true
    LEFT JOIN LATERAL (SELECT x.id, x.number, x.fee_mode, x.state, x.site_id FROM account x
        WHERE x.id = COALESCE(na.id, CASE WHEN t.account = '' THEN m.account_id END) LIMIT 1) a ON true
    LEFT JOIN LATERAL (SELECT x.currency FROM site x WHERE x.id = a.site_id LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT x.id, x.endpoint_id FROM meter x
        WHERE x.account_id = a.id AND x.state = 'active' AND t.meter = '' ORDER BY x.id LIMIT 1) am ON true
    CROSS JOIN LATERAL (SELECT
        CASE WHEN i.source IS NOT NULL AND i.body_sha256 <> t.sha THEN 'conflict_event'
             WHEN p.id IS NOT NULL AND (p.amount_minor <> t.amount OR p.currency <> t.currency OR
                  p.account_no <> t.account OR p.meter_no <> t.meter) THEN 'conflict_payment'
             WHEN i.source IS NOT NULL OR p.id IS NOT NULL THEN 'duplicate'
             ELSE 'accepted' END AS outcome) o
    CROSS JOIN LATERAL (SELECT
        CASE WHEN t.account <> '' AND na.id IS NULL THEN 'no account ' || t.account
             WHEN t.meter <> '' AND m.id IS NULL THEN 'no meter ' || t.meter
             WHEN a.id IS NULL THEN 'meter ' || t.meter || ' has no account'
             WHEN t.account <> '' AND m.id IS NOT NULL AND m.account_id IS DISTINCT FROM na.id
                  THEN 'meter ' || t.meter || ' is not of account ' || t.account
             WHEN a.state <> 'active' THEN 'account ' || a.number || ' is closed'
             WHEN s.currency <> t.currency THEN 'paid in ' || t.currency || ', the account is in ' || s.currency END AS why) w;

    -- A repeat writes too: its answer must not be quicker than the durability of the first.
    FOR r IN SELECT t.source, array_agg(t.event) AS events, array_agg(t.payment_id) AS payments
        FROM settling t WHERE t.outcome = 'duplicate' GROUP BY t.source LOOP
        UPDATE inbox i SET deliveries = i.deliveries + 1 WHERE i.source = r.source AND i.event_id = ANY (r.events);
        UPDATE payment p SET deliveries = p.deliveries + 1 WHERE p.id = ANY (r.payments);
    END LOOP;

    IF EXISTS (SELECT FROM settling t WHERE t.outcome = 'accepted') THEN
        BEGIN
            PERFORM powergate.settle_new(p_actor, p_now);
        EXCEPTION WHEN unique_violation THEN
            -- another node settled the same payment between our look and our write: look again
            RAISE EXCEPTION 'raced with another node' USING ERRCODE = '40001';
        END;
    END IF;
    RETURN QUERY SELECT t.n, t.outcome, t.payment_id, t.state, t.batch_id, t.endpoint_id FROM settling t ORDER BY t.n;
END $$;

-- The new ones: inbox, payment, journal with two postings, the account's mark, the delivery.
CREATE OR REPLACE FUNCTION powergate.settle_new(p_actor text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE batch bigint; s record;
BEGIN
    INSERT INTO payment_batch (sent_us) VALUES (p_now) RETURNING id INTO batch;
    INSERT INTO inbox (source, event_id, body_sha256, body, received_us)
    SELECT source, event, sha, body, received FROM settling WHERE outcome = 'accepted' ORDER BY source, event;
    UPDATE settling t SET batch_id = batch, state = CASE WHEN t.why IS NULL THEN 'settled' ELSE 'suspense' END
    WHERE t.outcome = 'accepted';
    INSERT INTO payment (id, source, payment_no, event_id, account_no, meter_no, amount_minor, currency, paid_us,
        received_us, batch_id, method, terminal, payer, order_no, note, account_id, state) OVERRIDING SYSTEM VALUE
    SELECT payment_id, source, no, event, account, meter, amount, currency, paid, received, batch, method, terminal, payer,
        ord, note, CASE WHEN why IS NULL THEN account_id END, state
    FROM settling WHERE outcome = 'accepted' ORDER BY source, no;
    WITH j AS (
        INSERT INTO journal (id, key, kind, at_us, memo, actor) OVERRIDING SYSTEM VALUE
        SELECT journal_id, 'pay:' || source || ':' || no, 'payment', p_now, COALESCE(why, ''), p_actor
        FROM settling WHERE outcome = 'accepted' ORDER BY source, no)
    INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
    SELECT t.journal_id, l.line, l.ledger, l.owner, l.account, l.amount, t.currency
    FROM settling t
    CROSS JOIN LATERAL (VALUES
        (1, 'clearing', t.source, NULL::bigint, t.amount),
        (2, CASE WHEN t.why IS NULL THEN 'prepaid' ELSE 'suspense' END, '',
            CASE WHEN t.why IS NULL THEN t.account_id END, -t.amount)) AS l(line, ledger, owner, account, amount)
    WHERE t.outcome = 'accepted';
    PERFORM 1 FROM account_state a WHERE a.account_id = ANY (ARRAY(
        SELECT t.account_id FROM settling t WHERE t.outcome = 'accepted' AND t.why IS NULL)) ORDER BY a.account_id FOR UPDATE;
    UPDATE account_state a SET prepaid_minor = a.prepaid_minor + d.amount, version = a.version + 1,
        dirty_us = COALESCE(a.dirty_us, p_now)
    FROM (SELECT account_id, sum(amount)::bigint AS amount FROM settling
          WHERE outcome = 'accepted' AND why IS NULL GROUP BY account_id) d
    WHERE a.account_id = d.account_id;
    PERFORM powergate.waterfall_due(batch, ARRAY(SELECT t.account_id FROM settling t WHERE t.outcome = 'accepted' AND t.why IS NULL), p_now);
    PERFORM powergate.delivery_add(t.payment_id, t.account_id, t.meter_id, t.amount, t.paid, p_actor, p_now)
    FROM settling t WHERE t.outcome = 'accepted' AND t.why IS NULL AND t.fee_mode = 'local' ORDER BY t.account_id;
    FOR s IN SELECT * FROM settling WHERE outcome = 'accepted' AND why IS NOT NULL LOOP
        PERFORM powergate.work_add('suspense:' || s.payment_id, 'SUSPENSE',
            format('payment %s of %s by %s: %s', s.no, powergate.money_text(s.amount), s.source, s.why),
            format('find the payer, then: powergatectl payment assign %s ACCOUNT --reason "..."', s.payment_id),
            NULL, NULL, s.payment_id, NULL, p_now);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION door.payment_committed(p_batch bigint[], p_at bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE payment_batch b SET committed_us = t.at FROM unnest(p_batch, p_at) AS t(id, at)
    WHERE b.id = t.id AND b.committed_us IS NULL;
$$;

-- A local account's money must travel into its meter.  The first delivery of a meter whose
-- account is not open is preceded by one that opens it.
CREATE OR REPLACE FUNCTION powergate.delivery_add(p_payment bigint, p_account bigint, p_meter bigint, p_amount bigint,
    p_order_us bigint, p_actor text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE d bigint; opened boolean;
BEGIN
    p_amount := powergate.delivery_part(p_payment, p_account, p_meter, p_amount, p_now);
    IF p_amount = 0 THEN RETURN; END IF; -- it is split first, or the meter has no room
    INSERT INTO credit_delivery (kind, payment_id, account_id, amount_minor, created_us)
    VALUES ('recharge', p_payment, p_account, p_amount, p_now) RETURNING id INTO d;
    IF p_meter IS NULL THEN
        PERFORM powergate.work_add('nometer:' || d, 'NO_METER', 'money waits for an account without a meter',
            'attach a meter: powergatectl meter attach', p_account, NULL, p_payment, d, p_now);
        RETURN;
    END IF;
    PERFORM powergate.delivery_command(d, p_payment, p_meter, p_order_us, p_actor, p_now);
END $$;

CREATE OR REPLACE FUNCTION powergate.delivery_command(p_delivery bigint, p_payment bigint, p_meter bigint,
    p_order_us bigint, p_actor text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE opening bigint; s meter_state; a bigint; again int;
BEGIN
    SELECT * INTO s FROM meter_state WHERE meter_id = p_meter;
    SELECT account_id INTO a FROM credit_delivery WHERE id = p_delivery;
    IF s.base_count IS NULL THEN
        PERFORM powergate.work_add('commission:' || p_meter, 'NOT_COMMISSIONED',
            'money waits: nobody has adopted this meter''s purchase count yet',
            format('powergatectl meter commission %s', (SELECT address FROM meter WHERE id = p_meter)),
            a, p_meter, p_payment, p_delivery, p_now);
    END IF;
    IF NOT s.account_open AND NOT EXISTS (SELECT FROM credit_delivery d JOIN command c ON c.delivery_id = d.id
        WHERE d.kind = 'open' AND c.meter_id = p_meter AND d.state <> 'CANCELLED') THEN
        INSERT INTO credit_delivery (kind, account_id, amount_minor, created_us)
        VALUES ('open', a, 0, p_now) RETURNING id INTO opening;
        INSERT INTO command (key, meter_id, kind, priority, order_us, task, cause, created_by, delivery_id, due_us, created_us)
        VALUES ('deliver:' || opening, p_meter, 'credit', 1, 0, '{}', 'open the account in the meter', p_actor, opening, p_now, p_now);
    END IF;
    SELECT count(*) INTO again FROM command WHERE delivery_id = p_delivery;
    INSERT INTO command (key, meter_id, kind, priority, order_us, task, cause, created_by, delivery_id, payment_id, due_us, created_us)
    VALUES ('deliver:' || p_delivery || CASE WHEN again > 0 THEN ':' || again ELSE '' END, p_meter, 'credit', 1,
        p_order_us, '{}', 'payment ' || COALESCE(p_payment::text, '-'), p_actor, p_delivery, p_payment, p_now, p_now);
END $$;
