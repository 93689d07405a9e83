-- Money coming in.  One call settles all payments that have gathered; each row answers for
-- itself.  Within a call every (source, event) and every (source, payment) stands once; the
-- caller sees to that and sorts by key, so that two nodes lock in the same order.
--
-- A connection keeps a plan for as long as it lives, also one made while the tables were nearly
-- empty.  So every look into a table that grows is one index probe a row, by its shape (LATERAL
-- with LIMIT, = ANY), and the planner is not free to read the whole of it instead.  For the same
-- reason there is one plan for all sizes of a batch: planning costs more than settling.
--
-- Inbox, payment, journal and postings of a batch are one statement over one look at what is
-- there; the ledger's triggers see all of it at its end.  The accounts follow, in their order.

CREATE OR REPLACE FUNCTION door.payment_settle(p_source text[], p_event text[], p_sha bytea[], p_body bytea[],
    p_received bigint[], p_no text[], p_account text[], p_meter text[], p_amount bigint[], p_currency text[],
    p_paid bigint[], p_method text[], p_terminal text[], p_payer text[], p_order text[], p_note text[],
    p_hold text[], p_evidence text[], p_actor text, p_now bigint)
RETURNS TABLE (n int, outcome text, payment_id bigint, state text, batch_id bigint, endpoint_id bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    r record; batch bigint := nextval('payment_batch_id_seq');
    again bigint[]; again_source text[]; again_event text[]; ordered bigint[]; order_paid bigint[];
    paid bigint[]; paid_amount bigint[]; local bigint[]; local_meter bigint[]; lost bigint[]; lost_why text[];
BEGIN
    BEGIN
        FOR r IN
            WITH t AS MATERIALIZED (
                SELECT t.*, o.outcome, w.why,
                    CASE o.outcome WHEN 'accepted' THEN batch ELSE p.batch_id END AS batch,
                    CASE WHEN o.outcome <> 'accepted' THEN p.state WHEN w.why IS NULL THEN 'settled' ELSE 'suspense' END AS state,
                    CASE o.outcome WHEN 'accepted' THEN nextval('payment_id_seq') ELSE p.id END AS payment,
                    CASE o.outcome WHEN 'accepted' THEN nextval('journal_id_seq') END AS journal,
                    CASE WHEN w.why IS NULL THEN a.id END AS account_id, a.fee_mode, COALESCE(m.id, am.id) AS meter_id,
                    CASE WHEN o.outcome = 'accepted' AND w.why IS NULL THEN po.id END AS order_id,
                    CASE a.fee_mode WHEN 'local' THEN COALESCE(m.endpoint_id, am.endpoint_id) END AS endpoint
                FROM unnest(p_source, p_event, p_sha, p_body, p_received, p_no, p_account, p_meter, p_amount, p_currency,
                        p_paid, p_method, p_terminal, p_payer, p_order, p_note, p_hold, p_evidence) WITH ORDINALITY
                    AS t(source, event, sha, body, received, no, account, meter, amount, currency, paid, method, terminal,
                        payer, ord, note, hold, evidence, n)
                LEFT JOIN LATERAL (SELECT x.body_sha256 FROM inbox x
                    WHERE x.source = t.source AND x.event_id = t.event LIMIT 1) i ON true
                LEFT JOIN LATERAL (SELECT x.* FROM payment x
                    WHERE x.source = t.source AND x.payment_no = t.no LIMIT 1) p ON true
                LEFT JOIN LATERAL (SELECT x.id, x.source, x.account_id, x.amount_minor, x.currency, x.payment_id, x.meter_no FROM pay_order x
                    WHERE t.ord <> '' AND x.number = t.ord LIMIT 1) po ON true
                LEFT JOIN LATERAL (SELECT x.id, x.account_id, x.endpoint_id FROM meter x
                    WHERE t.meter <> '' AND x.address = t.meter LIMIT 1) m ON true
                LEFT JOIN LATERAL (SELECT x.id, x.number, x.fee_mode, x.state, s.currency FROM account x
                    JOIN site s ON s.id = x.site_id
                    WHERE x.number = CASE WHEN po.id IS NOT NULL THEN (SELECT y.number FROM account y WHERE y.id = po.account_id)
                        WHEN t.account = '' THEN (SELECT y.number FROM account y WHERE y.id = m.account_id)
                        ELSE t.account END LIMIT 1) a ON true
                LEFT JOIN LATERAL (SELECT x.id FROM account x
                    WHERE po.id IS NOT NULL AND t.account <> '' AND x.number = t.account LIMIT 1) ta ON true
                LEFT JOIN LATERAL (SELECT x.id, x.endpoint_id FROM meter x
                    WHERE t.meter = '' AND a.fee_mode = 'local' AND x.account_id = a.id AND x.state = 'active'
                    ORDER BY (x.address = po.meter_no) IS TRUE DESC, x.id LIMIT 1) am ON true
                CROSS JOIN LATERAL (SELECT
                    CASE WHEN i.body_sha256 <> t.sha THEN 'conflict_event'
                         WHEN p.amount_minor <> t.amount OR p.currency <> t.currency OR
                              ((p.account_no <> t.account OR p.meter_no <> t.meter) AND NOT (po.id IS NOT NULL AND p.order_no = t.ord
                                  AND '' IN (p.account_no, t.account) AND '' IN (p.meter_no, t.meter))) THEN 'conflict_payment'
                         WHEN i.body_sha256 IS NOT NULL OR p.id IS NOT NULL THEN 'duplicate'
                         ELSE 'accepted' END AS outcome) o
                CROSS JOIN LATERAL (SELECT
                    CASE WHEN t.hold <> '' THEN t.hold
                         WHEN po.source <> t.source THEN 'order ' || t.ord || ' is to be paid by ' || po.source
                         WHEN po.payment_id IS NOT NULL THEN 'order ' || t.ord || ' is paid already'
                         WHEN po.amount_minor <> t.amount OR po.currency <> t.currency THEN 'order ' || t.ord || ' is of '
                              || powergate.money_text(po.amount_minor) || ' ' || po.currency
                         WHEN ta.id <> po.account_id THEN 'order ' || t.ord || ' is not of account ' || t.account
                         WHEN t.account = '' AND t.meter = '' AND po.id IS NULL THEN CASE t.ord WHEN '' THEN 'it names nobody'
                              ELSE 'no order ' || t.ord END
                         WHEN t.account <> '' AND a.id IS NULL THEN 'no account ' || t.account
                         WHEN t.meter <> '' AND m.id IS NULL THEN 'no meter ' || t.meter
                         WHEN a.id IS NULL THEN 'meter ' || t.meter || ' has no account'
                         WHEN (t.account <> '' OR po.id IS NOT NULL) AND m.id IS NOT NULL AND m.account_id IS DISTINCT FROM a.id
                              THEN 'meter ' || t.meter || ' is not of account ' || a.number
                         WHEN a.state <> 'active' THEN 'account ' || a.number || ' is closed'
                         WHEN a.currency <> t.currency
                              THEN 'paid in ' || t.currency || ', the account is in ' || a.currency END AS why) w
            ), new AS MATERIALIZED (
                SELECT * FROM t WHERE t.outcome = 'accepted'
            ), b AS (
                INSERT INTO payment_batch (id, sent_us) OVERRIDING SYSTEM VALUE
                SELECT batch, p_now WHERE EXISTS (SELECT FROM new)
            ), i AS (
                INSERT INTO inbox (source, event_id, body_sha256, body, received_us, evidence)
                SELECT source, event, sha, body, received, evidence FROM new ORDER BY source, event
            ), p AS (
                INSERT INTO payment (id, source, payment_no, event_id, account_no, meter_no, amount_minor, currency, paid_us,
                    received_us, batch_id, method, terminal, payer, order_no, note, account_id, state) OVERRIDING SYSTEM VALUE
                SELECT payment, source, no, event, account, meter, amount, currency, paid,
                    received, batch, method, terminal, payer, ord, note, account_id, state FROM new
            ), j AS (
                INSERT INTO journal (id, key, kind, at_us, memo, actor) OVERRIDING SYSTEM VALUE
                SELECT journal, 'pay:' || source || ':' || no, 'payment', p_now, COALESCE(why, ''), p_actor FROM new
            ), l AS (
                INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
                SELECT journal, 1, 'clearing', source, NULL, amount, currency FROM new
                UNION ALL
                SELECT journal, 2, CASE WHEN why IS NULL THEN 'prepaid' ELSE 'suspense' END, '', account_id, -amount, currency FROM new
            )
            SELECT t.n, t.outcome, t.payment, t.state, t.batch, t.endpoint, t.source, t.event, t.amount, t.why, t.account_id,
                t.fee_mode, t.meter_id, t.order_id, t.no, t.account, t.meter, t.terminal FROM t
        LOOP
            n := r.n; outcome := r.outcome; payment_id := r.payment; state := r.state; batch_id := r.batch; endpoint_id := r.endpoint;
            RETURN NEXT;
            IF r.outcome = 'accepted' AND r.source = 'cash' THEN
                PERFORM powergate.cash_audited(p_actor, r.no, r.account, r.meter, r.terminal, r.payment, r.amount, r.account_id, r.state, p_now);
            END IF;
            IF r.outcome = 'duplicate' THEN
                again := again || r.payment; again_source := again_source || r.source; again_event := again_event || r.event;
            ELSIF r.outcome = 'accepted' AND r.why IS NOT NULL THEN
                lost := lost || r.payment; lost_why := lost_why || r.why;
            ELSIF r.outcome = 'accepted' THEN
                IF r.order_id IS NOT NULL THEN
                    ordered := ordered || r.order_id; order_paid := order_paid || r.payment;
                END IF;
                paid := paid || r.account_id; paid_amount := paid_amount || r.amount;
                IF r.fee_mode = 'local' THEN
                    local := local || r.payment; local_meter := local_meter || r.meter_id;
                END IF;
            END IF;
        END LOOP;
    EXCEPTION WHEN unique_violation THEN
        -- another node settled the same payment between our look and our write: look again
        RAISE EXCEPTION 'raced with another node' USING ERRCODE = '40001';
    END;
    IF paid IS NOT NULL THEN
        PERFORM powergate.settle_paid(paid, paid_amount, p_now);
        PERFORM powergate.waterfall_due(batch, paid, p_now);
    END IF;
    IF again IS NOT NULL THEN
        PERFORM powergate.settle_again(again, again_source, again_event);
    END IF;
    IF ordered IS NOT NULL THEN
        PERFORM powergate.orders_paid(ordered, order_paid);
    END IF;
    IF local IS NOT NULL THEN
        PERFORM powergate.delivery_add(p.id, p.account_id, x.meter, p.amount_minor, p.paid_us, p_actor, p_now)
        FROM unnest(local, local_meter) AS x(payment, meter)
        JOIN LATERAL (SELECT q.* FROM payment q WHERE q.id = x.payment LIMIT 1) p ON true ORDER BY p.account_id;
    END IF;
    IF lost IS NOT NULL THEN
        PERFORM powergate.suspense_add(p.whole, x.why, p_now) FROM unnest(lost, lost_why) AS x(payment, why)
        JOIN LATERAL (SELECT q AS whole FROM payment q WHERE q.id = x.payment LIMIT 1) p ON true;
    END IF;
END $$;

-- What a person took at a desk; others' payments are in the inbox as they were signed.
CREATE OR REPLACE FUNCTION powergate.cash_audited(p_who text, p_no text, p_account text, p_meter text, p_terminal text, p_payment bigint, p_amount bigint,
    p_account_id bigint, p_state text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, p_who, 'payment.cash',
        jsonb_build_object('payment_no', p_no, 'account', p_account, 'meter', p_meter, 'terminal', p_terminal, 'amount_minor', p_amount), p_state, '{}',
        jsonb_build_object('payment', jsonb_build_array(jsonb_build_object('id', p_payment, 'account_id', p_account_id, 'amount_minor', p_amount, 'state', p_state))));
END $$;

-- Nobody's money: somebody looks for whose it is.
CREATE OR REPLACE FUNCTION powergate.suspense_add(q payment, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.work_add('suspense:' || q.id, 'SUSPENSE',
        format('payment %s of %s by %s: %s', q.payment_no, powergate.money_text(q.amount_minor), q.source, p_why),
        format('find the payer, then: powergatectl payment assign %s ACCOUNT --reason "..."', q.id), NULL, NULL, q.id, NULL, p_now);
END $$;

-- An order is paid once; whoever comes second looks again and finds it paid.
CREATE OR REPLACE FUNCTION powergate.orders_paid(p_order bigint[], p_payment bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
    UPDATE pay_order o SET payment_id = x.payment FROM unnest(p_order, p_payment) AS x(id, payment)
    WHERE o.id = x.id AND o.payment_id IS NULL;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n < cardinality(p_order) THEN
        RAISE EXCEPTION 'raced with another payment of the order' USING ERRCODE = '40001';
    END IF;
END $$;

-- A repeat writes too: its answer must not be quicker than the durability of the first.
CREATE OR REPLACE FUNCTION powergate.settle_again(p_payment bigint[], p_source text[], p_event text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT x.source, array_agg(x.event) AS events FROM unnest(p_source, p_event) AS x(source, event) GROUP BY x.source LOOP
        UPDATE inbox i SET deliveries = i.deliveries + 1 WHERE i.source = r.source AND i.event_id = ANY (r.events);
    END LOOP;
    UPDATE payment p SET deliveries = p.deliveries + 1 WHERE p.id = ANY (p_payment);
END $$;

-- The accounts that were paid, each once and locked in their order.
CREATE OR REPLACE FUNCTION powergate.settle_paid(p_account bigint[], p_amount bigint[], p_now bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.accounts_lock(p_account);
    UPDATE account_state a SET prepaid_minor = a.prepaid_minor + d.amount, version = a.version + 1,
        dirty_us = COALESCE(a.dirty_us, p_now)
    FROM (SELECT x.account, sum(x.amount)::bigint AS amount FROM unnest(p_account, p_amount) AS x(account, amount)
          GROUP BY x.account) d
    WHERE a.account_id = d.account;
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
    INSERT INTO credit_delivery (kind, payment_id, part, account_id, amount_minor, created_us)
    SELECT 'recharge', p_payment, count(*), p_account, p_amount, p_now FROM credit_delivery x WHERE x.payment_id = p_payment RETURNING id INTO d;
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
    IF NOT s.account_open AND powergate.opens(p_meter) AND NOT EXISTS (SELECT FROM credit_delivery d JOIN command c ON c.delivery_id = d.id
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
