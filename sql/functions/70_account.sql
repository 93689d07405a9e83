-- Deciding: what an account looks like, and what was decided about it.

CREATE OR REPLACE FUNCTION door.accounts_dirty(p_limit int, p_now bigint)
RETURNS TABLE (account_id bigint, version bigint, fee_mode text, live boolean, zone text, prepaid bigint, carry bigint,
    period int, period_wh bigint, warned bigint, warn_minor text, trip_minor bigint, tariff_id bigint,
    final_sent_us bigint, final_state text, unrated text, payment_id bigint, paid_open boolean,
    meter_id bigint, profile text, wanted text, seen text, closed_us bigint, total_wh bigint, total_us bigint,
    billed_wh bigint, billed_us bigint, credit bigint, credit_us bigint, wraps_wh bigint, most_watts bigint,
    wanted_reason text, relay_pending boolean)
LANGUAGE sql AS $$
    SELECT a.id, s.version, a.fee_mode, t.mode = 'live', t.zone, s.prepaid_minor, s.carry_nano, s.period, s.period_wh,
        s.warned_level, array_to_string(a.warn_minor, ' '), a.trip_minor, a.tariff_id, n.sent_us, n.state, s.unrated_why,
        (SELECT max(p.id) FROM payment p WHERE p.account_id = a.id),
        EXISTS (SELECT FROM credit_delivery d WHERE d.account_id = a.id AND d.kind = 'recharge' AND d.state NOT IN ('APPLIED', 'CANCELLED')),
        m.id, m.profile, x.relay_wanted, x.relay_seen, x.closed_us, x.total_wh, x.total_us, x.billed_wh, x.billed_us,
        x.credit_minor, x.credit_us, m.wraps_wh, m.most_watts,
        (SELECT c.reason FROM command c WHERE c.meter_id = m.id AND c.kind = 'relay' AND c.generation = x.generation),
        EXISTS (SELECT FROM command c WHERE c.meter_id = m.id AND c.kind = 'relay' AND c.state IN ('waiting', 'sent', 'unsure'))
    FROM (SELECT account_id FROM account_state WHERE dirty_us IS NOT NULL
          UNION SELECT account_id FROM account_state WHERE look_again_us <= p_now LIMIT p_limit) d
    JOIN account_state s ON s.account_id = d.account_id
    JOIN account a ON a.id = s.account_id JOIN site t ON t.id = a.site_id
    LEFT JOIN LATERAL (SELECT q.* FROM meter q WHERE q.account_id = a.id AND q.state = 'active' ORDER BY q.id LIMIT 1) m ON true
    LEFT JOIN meter_state x ON x.meter_id = m.id
    LEFT JOIN notice n ON n.id = s.final_notice;
$$;

-- A batch of decisions.  An account that moved underneath (another version) is skipped and
-- stays dirty; it does not fail its neighbours.  Returns the endpoints that now have work.
CREATE OR REPLACE FUNCTION door.accounts_decided(p_rows jsonb, p_now bigint)
RETURNS TABLE (account_id bigint, endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r record; s account_state; money text; level_id bigint; e bigint;
BEGIN
    FOR r IN SELECT * FROM jsonb_to_recordset(p_rows) AS x(account bigint, version bigint, meter bigint, charge bigint,
            wh bigint, carry bigint, period int, period_wh bigint, billed_wh bigint, billed_us bigint,
            wanted text, reason text, why text, expires bigint, payment bigint, notice text, level bigint, balance bigint,
            warned bigint, rearm boolean, look_again bigint, unrated text)
        ORDER BY account LOOP
        SELECT * INTO s FROM account_state q WHERE q.account_id = r.account AND q.version = r.version FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        e := NULL;
        SELECT t.currency INTO money FROM account a JOIN site t ON t.id = a.site_id WHERE a.id = r.account;
        IF r.charge <> 0 THEN
            PERFORM powergate.journal_post(format('charge:%s:%s:%s', r.account, r.meter, r.billed_us), 'charge',
                format('%s Wh to register %s', r.wh, r.billed_wh), 'powergated', NULL,
                ARRAY['prepaid', 'energy'], ARRAY['', ''], ARRAY[r.account, NULL], ARRAY[r.charge, -r.charge], money, p_now);
        END IF;
        IF r.billed_wh IS NOT NULL THEN
            UPDATE meter_state SET billed_wh = r.billed_wh, billed_us = r.billed_us WHERE meter_id = r.meter;
        END IF;
        IF r.wanted IS NOT NULL THEN
            PERFORM powergate.relay_want(r.meter, r.wanted, r.reason, r.why, r.payment, 'powergated', p_now, r.expires);
            SELECT m.endpoint_id INTO e FROM meter m WHERE m.id = r.meter;
        END IF;
        IF r.payment > s.told_payment THEN      -- "paid" is said when it is posted, "on the meter" when that is proven
            PERFORM powergate.customer_notice('paid:' || q.id, 'paid', r.account, NULL,
                jsonb_build_object('payment', q.id, 'payment_no', q.payment_no, 'amount_minor', q.amount_minor), p_now, 86400000000)
            FROM payment q WHERE q.account_id = r.account AND q.id > s.told_payment AND q.id <= r.payment;
        END IF;
        level_id := NULL;
        IF r.notice IS NOT NULL THEN
            level_id := powergate.customer_notice(format('%s:%s:%s:%s', r.notice, r.account, COALESCE(r.level::text, '-'), r.version),
                r.notice, r.account, r.payment, jsonb_build_object('balance_minor', r.balance, 'level_minor', r.level), p_now,
                CASE WHEN r.notice = 'low' THEN 43200000000 ELSE 86400000000 END);
        END IF;
        IF r.unrated IS NOT NULL AND s.unrated_why IS DISTINCT FROM r.unrated THEN
            PERFORM powergate.work_add('unrated:' || r.account, 'UNRATED', r.unrated,
                'mend the price or the meter; nothing is tripped on this account meanwhile', r.account, r.meter, NULL, NULL, p_now);
        END IF;
        UPDATE account_state SET dirty_us = NULL, look_again_us = r.look_again,
            carry_nano = COALESCE(r.carry, carry_nano), period = COALESCE(r.period, period),
            told_payment = greatest(told_payment, COALESCE(r.payment, 0)),
            period_wh = COALESCE(r.period_wh, period_wh), unrated_why = r.unrated,
            warned_level = CASE WHEN r.rearm THEN NULL ELSE COALESCE(r.warned, warned_level) END,
            final_notice = CASE WHEN r.rearm THEN NULL WHEN r.notice = 'final' THEN COALESCE(level_id, final_notice) ELSE final_notice END
        WHERE account_id = r.account;
        account_id := r.account; endpoint_id := e;
        RETURN NEXT;
    END LOOP;
END $$;

-- Notices: claimed with a lease, then told how it went.
CREATE OR REPLACE FUNCTION door.notice_claim(p_limit int, p_lease bigint, p_now bigint)
RETURNS TABLE (id bigint, key text, kind text, recipient text, body jsonb, attempts int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- too old, or no longer true: who has paid meanwhile is not told that he will be cut off
    UPDATE notice n SET state = 'expired' WHERE n.state = 'waiting' AND n.due_us <= p_now AND (n.expires_us < p_now OR EXISTS (
        SELECT FROM account_state s WHERE s.account_id = n.account_id AND
            ((n.kind = 'final' AND s.final_notice IS DISTINCT FROM n.id) OR (n.kind = 'low' AND s.warned_level IS NULL))));
    RETURN QUERY UPDATE notice n SET due_us = p_now + p_lease, attempts = n.attempts + 1
    WHERE n.id IN (SELECT q.id FROM notice q WHERE q.state = 'waiting' AND q.due_us <= p_now
                   ORDER BY q.due_us LIMIT p_limit FOR UPDATE SKIP LOCKED)
    RETURNING n.id, n.key, n.kind, n.recipient, n.body, n.attempts;
END $$;
CREATE OR REPLACE FUNCTION door.notice_told(p_id bigint, p_sent boolean, p_final boolean, p_due bigint, p_error text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE n notice;
BEGIN
    UPDATE notice SET state = CASE WHEN p_sent THEN 'sent' WHEN p_final THEN 'failed' ELSE 'waiting' END,
        sent_us = CASE WHEN p_sent THEN p_now END, due_us = p_due, last_error = p_error
    WHERE id = p_id AND state = 'waiting' RETURNING * INTO n;
    IF n.kind = 'final' AND p_sent THEN
        PERFORM powergate.mark_dirty(ARRAY[n.account_id], p_now);
    ELSIF n.state = 'failed' AND n.recipient = 'customer' THEN
        PERFORM powergate.work_add('notice:' || n.account_id, 'NOTICE', format('notice "%s" cannot be delivered: %s', n.kind, p_error),
            'check the contact of the account and the channel', n.account_id, NULL, NULL, NULL, p_now);
    END IF;
END $$;

-- The books against themselves; empty when all is well.
CREATE OR REPLACE FUNCTION door.ledger_check() RETURNS TABLE (problem text) LANGUAGE sql AS $$
    SELECT format('journal %s does not balance', journal_id) FROM posting GROUP BY journal_id, currency HAVING sum(amount_minor) <> 0
    UNION ALL
    SELECT format('account %s: kept %s/%s/%s, posted %s/%s/%s', a.number, s.prepaid_minor, s.loaded_minor, s.arrears_minor, p.prepaid, p.loaded, p.arrears)
    FROM account_state s JOIN account a ON a.id = s.account_id
    CROSS JOIN LATERAL (SELECT
        -COALESCE(sum(amount_minor) FILTER (WHERE ledger = 'prepaid'), 0) AS prepaid,
        -COALESCE(sum(amount_minor) FILTER (WHERE ledger = 'loaded'), 0) AS loaded,
        COALESCE(sum(amount_minor) FILTER (WHERE ledger = 'arrears'), 0) AS arrears
        FROM posting WHERE account_id = s.account_id) p
    WHERE (s.prepaid_minor, s.loaded_minor, s.arrears_minor) <> (p.prepaid, p.loaded, p.arrears)
    UNION ALL
    SELECT format('payment %s has %s journals', p.id, count(j.id)) FROM payment p
    LEFT JOIN journal j ON j.key = 'pay:' || p.source || ':' || p.payment_no GROUP BY p.id HAVING count(j.id) <> 1
    UNION ALL
    SELECT format('delivery %s is applied and not posted', d.id) FROM credit_delivery d
    LEFT JOIN journal j ON j.key = 'deliver:' || d.id
    WHERE d.kind = 'recharge' AND (d.state = 'APPLIED') <> (j.id IS NOT NULL);
$$;
