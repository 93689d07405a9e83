-- Deciding: what an account and its meters look like, and what was decided about them.

-- One row a meter, one without meter for an account that has none; accounts rising.
CREATE OR REPLACE FUNCTION door.accounts_dirty(p_limit int, p_now bigint)
RETURNS TABLE (account_id bigint, version bigint, fee_mode text, live boolean, site_id bigint, zone text, prepaid bigint,
    estimate bigint, spent bigint, spent_days text, warned bigint, warn_minor text, days_warned boolean, trip_minor bigint, below_us bigint,
    final_sent_us bigint, final_state text, unrated boolean, payment_id bigint, untold boolean, paid_open boolean,
    meter_id bigint, wanted text, seen text, wanted_for text, relay_pending boolean, refused boolean, holds text, temporary boolean, spared boolean,
    permit_only boolean, reading_us bigint, closed_us bigint, off_us bigint, credit bigint, days text,
    kept boolean, exposed boolean, overloads text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.id, s.version, a.fee_mode, t.mode = 'live', t.id, t.zone, s.prepaid_minor, s.estimate_minor, powergate.spent(a.id),
        array_to_string(s.spent_days, ' '),
        s.warned_level, array_to_string(a.warn_minor, ' '), s.days_warned, a.trip_minor - s.extra_minor, s.below_us,
        n.sent_us, n.state, s.unrated_why IS NOT NULL,
        y.id, y.id > s.told_payment,
        EXISTS (SELECT FROM credit_delivery d WHERE d.account_id = a.id AND d.kind = 'recharge' AND d.state NOT IN ('APPLIED', 'CANCELLED')),
        m.id, x.relay_wanted, x.relay_seen, x.wanted_for,
        EXISTS (SELECT FROM command c WHERE c.meter_id = m.id AND c.kind = 'relay' AND NOT c.task ? 'keep' AND c.state IN ('waiting', 'sent', 'unsure')),
        EXISTS (SELECT FROM work w WHERE w.meter_id = m.id AND w.cause = 'REFUSED' AND w.state <> 'resolved'),
        powergate.holds_of(m.id), powergate.temporary(m.id, p_now), powergate.spared(m.id, t.id, p_now),
        t.permit_only, CASE WHEN a.fee_mode = 'local' THEN x.credit_us ELSE x.total_us END, x.closed_us, x.off_us, x.credit_minor,
        -- the days only where somebody may be cut off
        CASE WHEN s.prepaid_minor <= a.trip_minor - s.extra_minor OR EXISTS (SELECT FROM hold h WHERE h.meter_id = m.id AND h.released_us IS NULL)
             THEN powergate.days_ahead(t.id, t.zone, p_now) END,
        powergate.kept(m.id, x.status, p_now), EXISTS (SELECT FROM exposure q WHERE q.meter_id = m.id AND q.ended_us IS NULL),
        CASE WHEN x.overloads > 0 THEN powergate.overloads_of(m.id) END
    -- while a payment waits for its split nothing is decided; the split marks the account
    FROM (SELECT account_id FROM (
              (SELECT account_id FROM account_state WHERE dirty_us IS NOT NULL AND NOT split_pending LIMIT p_limit)
              UNION (SELECT account_id FROM account_state WHERE look_again_us <= p_now AND NOT split_pending LIMIT p_limit)) e
          LIMIT p_limit) d
    JOIN account_state s ON s.account_id = d.account_id
    JOIN account a ON a.id = s.account_id JOIN site t ON t.id = a.site_id
    LEFT JOIN meter m ON m.account_id = a.id AND m.state = 'active'
    LEFT JOIN meter_state x ON x.meter_id = m.id
    LEFT JOIN notice n ON n.id = s.final_notice
    LEFT JOIN LATERAL (SELECT p.id FROM payment p WHERE p.account_id = a.id ORDER BY p.id DESC LIMIT 1) y ON true
    ORDER BY a.id, m.id;
END $$;

-- A batch of decisions.  An account that moved underneath (another version) is skipped and
-- stays dirty; it does not fail its neighbours.  Those with nothing to do but to note that they
-- were decided go together.  Returns the endpoints that now have work.
CREATE OR REPLACE FUNCTION door.accounts_decided(p_account bigint[], p_version bigint[], p_look_again bigint[], p_below boolean[], p_day bigint[],
    p_deeds jsonb, p_now bigint)
RETURNS TABLE (account_id bigint, endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r record; s account_state;
BEGIN
    PERFORM 1 FROM account_state q WHERE q.account_id = ANY (p_account) ORDER BY q.account_id FOR UPDATE;
    FOR r IN SELECT x.* FROM jsonb_to_recordset(p_deeds) AS x(account bigint, version bigint, payment bigint, notice text,
            level bigint, urgent boolean, balance bigint, rearm boolean, days_rearm boolean, meters jsonb) ORDER BY account LOOP
        SELECT * INTO s FROM account_state q WHERE q.account_id = r.account AND q.version = r.version;
        CONTINUE WHEN NOT FOUND;
        PERFORM powergate.decided_told(s, r.payment, r.notice, r.level, r.urgent, r.balance, r.rearm, r.days_rearm, p_now);
        RETURN QUERY SELECT r.account, e FROM powergate.decided_meters(r.account, r.payment, r.balance, r.meters, p_now) e;
    END LOOP;
    UPDATE account_state q SET dirty_us = NULL, look_again_us = t.look_again,
        below_us = CASE WHEN t.below THEN COALESCE(q.below_us, p_now) END,
        spent_days = CASE WHEN q.spent_days[1] = t.day THEN q.spent_days
            ELSE (ARRAY[t.day, powergate.spent(t.account)] || q.spent_days)[1:16] END
    FROM unnest(p_account, p_version, p_look_again, p_below, p_day) AS t(account, version, look_again, below, day)
    WHERE q.account_id = t.account AND q.version = t.version;
END $$;

-- What the customer is told: receipts of payments, warnings, the final notice.
CREATE OR REPLACE FUNCTION powergate.decided_told(s account_state, p_payment bigint, p_notice text, p_level bigint, p_urgent boolean,
    p_balance bigint, p_rearm boolean, p_days_rearm boolean, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE told bigint;
BEGIN
    IF p_payment > s.told_payment THEN      -- "paid" is said when it is posted, "on the meter" when that is proven
        PERFORM powergate.customer_notice('paid:' || q.id, 'paid', s.account_id, NULL,
            jsonb_build_object('payment', q.id, 'payment_no', q.payment_no, 'amount_minor', q.amount_minor)
            || powergate.paid_split(q.id) || powergate.still_held(s.account_id), p_now, 86400000000)
        FROM payment q WHERE q.account_id = s.account_id AND q.id > s.told_payment AND q.id <= p_payment;
    END IF;
    IF p_notice IS NOT NULL THEN
        told := powergate.customer_notice(format('%s:%s:%s:%s', p_notice, s.account_id, COALESCE(p_level::text, '-'), s.version),
            p_notice, s.account_id, p_payment, jsonb_build_object('balance_minor', p_balance,
                CASE WHEN p_notice = 'days_left' THEN 'days' ELSE 'level_minor' END, p_level, 'urgent', p_urgent), p_now,
            CASE WHEN p_notice = 'final' THEN 86400000000 ELSE 43200000000 END);
    END IF;
    UPDATE account_state q SET told_payment = greatest(q.told_payment, COALESCE(p_payment, 0)),
        warned_level = CASE WHEN p_rearm THEN NULL WHEN p_notice IN ('low', 'final') THEN p_level ELSE q.warned_level END,
        days_warned = CASE WHEN p_days_rearm THEN false WHEN p_notice = 'days_left' THEN true ELSE q.days_warned END,
        final_notice = CASE WHEN p_rearm THEN NULL WHEN p_notice = 'final' THEN COALESCE(told, q.final_notice) ELSE q.final_notice END
    WHERE q.account_id = s.account_id;
END $$;

-- What it was used for, of an account that owed: arrears, unpaid charges, what was below the
-- threshold, emergency credit, credit.  Nothing is told of one that a reversal gave back.
CREATE OR REPLACE FUNCTION powergate.paid_split(p_payment bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('split', jsonb_agg(jsonb_build_object('to', t.word, 'amount_minor', t.minor) ORDER BY t.line))
        FROM (SELECT CASE l.kind WHEN 'payment' THEN 'debt' WHEN 'instalment' THEN 'debt' WHEN 'balance' THEN 'threshold' ELSE l.kind END AS word,
                  sum(l.amount_minor) AS minor, min(l.line) AS line FROM waterfall_line l JOIN waterfall w ON w.payment_id = l.payment_id
              WHERE l.payment_id = p_payment AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id)
              GROUP BY 1) t HAVING count(*) > 0), '{}');
END $$;

-- Who pays and stays off all the same is told why (GV16).
CREATE OR REPLACE FUNCTION powergate.still_held(p_account bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('still_off', string_agg(h.kind || ': ' || h.reason, '; ' ORDER BY h.id))
        FROM hold h JOIN meter m ON m.id = h.meter_id WHERE m.account_id = p_account AND h.released_us IS NULL HAVING count(*) > 0), '{}');
END $$;

-- Wishes and exposure, meter by meter.  Returns the endpoints to look at.
CREATE OR REPLACE FUNCTION powergate.decided_meters(p_account bigint, p_payment bigint, p_balance bigint, p_meters jsonb, p_now bigint)
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE w record;
BEGIN
    FOR w IN SELECT x.*, (SELECT m.endpoint_id FROM meter m WHERE m.id = x.meter) AS endpoint_id
        FROM jsonb_to_recordset(p_meters) AS x(meter bigint, wanted text, hold text, why text,
            expires bigint, hindrance text, lock text) ORDER BY x.meter LOOP
        IF w.wanted IS NOT NULL THEN
            PERFORM powergate.relay_want(w.meter, w.wanted, w.hold, w.why, p_payment, 'powergated', p_now, w.expires);
            IF w.wanted = 'open' AND w.hold = 'ARREARS' THEN PERFORM powergate.flapping_noted(w.meter, p_account, p_now); END IF;
            RETURN NEXT w.endpoint_id;
        END IF;
        IF w.lock IS NOT NULL THEN PERFORM powergate.overload_lock(w.meter, p_account, w.lock, p_now); END IF;
        PERFORM powergate.exposure_note(w.meter, p_account, w.hindrance, p_balance, p_now);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION powergate.flapping_noted(p_meter bigint, p_account bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    SELECT count(*) INTO n FROM trip_log WHERE meter_id = p_meter AND at_us > p_now - 86400000000;
    IF n >= 3 THEN      -- and this one
        PERFORM powergate.work_add('flapping:' || p_meter, 'FLAPPING',
            format('meter %s was cut off %s times within a day', (SELECT address FROM meter WHERE id = p_meter), n + 1),
            'talk to the customer: small payments, or a load that drains them', p_account, p_meter, NULL, NULL, p_now);
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
    SELECT problem FROM powergate.debt_problems()
    UNION ALL
    SELECT format('delivery %s is applied and not posted', d.id) FROM credit_delivery d
    LEFT JOIN journal j ON j.key = 'deliver:' || d.id
    WHERE d.kind = 'recharge' AND (d.state = 'APPLIED') <> (j.id IS NOT NULL);
$$;
