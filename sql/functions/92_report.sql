-- The day of a site as it was at its end: the same for ever, as long as nothing is learnt later.
--
-- A report is a list of sections, each with a name, its columns and rows; powergatectl makes files
-- and pages of them without knowing what they are.  The end of a column's name says what it holds:
-- _minor money, _wh energy, _us an instant.  To add a section: a function, and its line in
-- api_report_day().

CREATE OR REPLACE FUNCTION powergate.report_midnight(p_day int, p_zone text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (extract(epoch FROM to_date(p_day::text, 'YYYYMMDD')::timestamp AT TIME ZONE p_zone) * 1000000)::bigint;
END $$;
CREATE OR REPLACE FUNCTION powergate.report_section(p_name text, p_columns text[], p_rows jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('name', p_name, 'columns', p_columns, 'rows', COALESCE(p_rows, '[]'));
$$;
-- What was not yet so at the end of the day is not told.
CREATE OR REPLACE FUNCTION powergate.until(p_at bigint, p_end bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_at < p_end THEN p_at END;
$$;

-- Registers at both midnights, what moved between them, and the meter's last word of the day.
CREATE OR REPLACE FUNCTION powergate.report_meters(p_site bigint, p_day int, p_next int, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('meters', ARRAY['meter', 'account', 'from_wh', 'to_wh', 'used_wh', 't1_wh', 't2_wh', 't3_wh', 't4_wh',
        'quality', 'balance_minor', 'balance_quality', 'purchases', 'relay', 'relay_us'],
        (SELECT jsonb_agg(jsonb_build_array(m.address, a.number, f.total_wh, t.total_wh, t.total_wh - f.total_wh, t.t1_wh - f.t1_wh,
            t.t2_wh - f.t2_wh, t.t3_wh - f.t3_wh, t.t4_wh - f.t4_wh, t.quality, t.balance_minor, t.balance_quality, t.purchases,
            CASE WHEN r.value IS NULL THEN 'unknown' WHEN r.value & 16 = 0 THEN 'closed' WHEN r.value & 64 = 0 THEN 'permitted' ELSE 'open' END,
            r.at_us) ORDER BY m.address)
        FROM meter m LEFT JOIN account a ON a.id = m.account_id
        LEFT JOIN freeze_record f ON f.meter_id = m.id AND f.day = p_day
        LEFT JOIN freeze_record t ON t.meter_id = m.id AND t.day = p_next
        LEFT JOIN LATERAL (SELECT x.value, x.at_us FROM reading x WHERE x.meter_id = m.id AND x.reg = 'status' AND x.at_us < p_to
            ORDER BY x.at_us DESC LIMIT 1) r ON true
        WHERE m.site_id = p_site AND m.created_us < p_to));
END $$;

-- close = open + received - charged + other, line by line from the ledger.
CREATE OR REPLACE FUNCTION powergate.report_accounts(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('accounts', ARRAY['account', 'customer', 'mode', 'open_minor', 'payments', 'received_minor',
        'charged_minor', 'loaded_minor', 'other_minor', 'close_minor', 'in_meter_minor', 'arrears_minor'],
        (SELECT jsonb_agg(jsonb_build_array(a.number, a.customer, a.fee_mode, s.opening, s.payments, s.received, s.charged, s.loaded,
            s.closing - s.opening - s.received + s.charged + s.loaded, s.closing, s.in_meter, s.arrears) ORDER BY a.number)
        FROM account a CROSS JOIN LATERAL (SELECT
            COALESCE(sum(-p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_from), 0)::bigint AS opening,
            COALESCE(sum(-p.amount_minor) FILTER (WHERE p.ledger = 'prepaid'), 0)::bigint AS closing,
            count(*) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us >= p_from AND j.kind IN ('payment', 'assign')) AS payments,
            COALESCE(sum(-p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us >= p_from AND j.kind IN ('payment', 'assign')), 0)::bigint AS received,
            COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us >= p_from AND j.kind = 'charge'), 0)::bigint AS charged,
            COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us >= p_from AND j.kind = 'delivery'), 0)::bigint AS loaded,
            COALESCE(sum(-p.amount_minor) FILTER (WHERE p.ledger = 'loaded'), 0)::bigint AS in_meter,
            COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'arrears'), 0)::bigint AS arrears
            FROM posting p JOIN journal j ON j.id = p.journal_id WHERE p.account_id = a.id AND j.at_us < p_to) s
        WHERE a.site_id = p_site AND a.created_us < p_to));
END $$;

-- From the payment to power.
CREATE OR REPLACE FUNCTION powergate.report_payments(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('payments', ARRAY['payment', 'source', 'payment_no', 'account', 'mode', 'amount_minor', 'received_us',
        'committed_us', 'dispatched_us', 'acknowledged_us', 'done_us', 'notified_us'],
        (SELECT jsonb_agg(jsonb_build_array(q.id, q.source, q.payment_no, a.number, a.fee_mode, q.amount_minor, q.received_us,
            powergate.until((t.o ->> 'committed_us')::bigint, p_to), powergate.until((t.o ->> 'dispatched_us')::bigint, p_to),
            powergate.until((t.o ->> 'acknowledged_us')::bigint, p_to), powergate.until((t.o ->> 'done_us')::bigint, p_to),
            powergate.until((t.o ->> 'notified_us')::bigint, p_to)) ORDER BY q.id)
        FROM payment q JOIN account a ON a.id = q.account_id CROSS JOIN LATERAL (SELECT powergate.payment_timeline(q) AS o) t
        WHERE a.site_id = p_site AND q.received_us >= p_from AND q.received_us < p_to));
END $$;

CREATE OR REPLACE FUNCTION powergate.report_exposure(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('exposure', ARRAY['meter', 'account', 'cause', 'since_us', 'from_wh', 'from_minor', 'ended_us'],
        (SELECT jsonb_agg(jsonb_build_array(m.address, a.number, x.cause, x.since_us, x.from_wh, x.from_minor,
            powergate.until(x.ended_us, p_to)) ORDER BY x.since_us, x.id)
        FROM exposure x JOIN meter m ON m.id = x.meter_id JOIN account a ON a.id = x.account_id
        WHERE m.site_id = p_site AND x.since_us < p_to AND (x.ended_us IS NULL OR x.ended_us >= p_from)));
END $$;

CREATE OR REPLACE FUNCTION powergate.report_work(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('work', ARRAY['work', 'cause', 'account', 'meter', 'payment', 'text', 'opened_us', 'resolved_us'],
        (SELECT jsonb_agg(jsonb_build_array(w.id, w.cause, a.number, m.address, w.payment_id, w.text, w.opened_us,
            powergate.until(w.resolved_us, p_to)) ORDER BY w.id)
        FROM work w LEFT JOIN account a ON a.id = w.account_id LEFT JOIN meter m ON m.id = w.meter_id
        WHERE w.opened_us < p_to AND (w.resolved_us IS NULL OR w.resolved_us >= p_from)
          AND COALESCE(m.site_id, a.site_id, p_site) = p_site)); -- nobody's is everybody's
END $$;

-- Nothing is reconciled yet.
CREATE OR REPLACE FUNCTION powergate.report_reconciliation(p_site bigint, p_day int) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('reconciliation', ARRAY['rule', 'items', 'breaks', 'state'], NULL);
END $$;

CREATE OR REPLACE FUNCTION door.api_report_day(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s site; d int; n int; f bigint; t bigint;
BEGIN
    SELECT * INTO s FROM site WHERE name = p ->> 'site';
    IF s.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    d := (p ->> 'day')::int;
    n := to_char(to_date(d::text, 'YYYYMMDD') + 1, 'YYYYMMDD')::int;
    f := powergate.report_midnight(d, s.zone);
    t := powergate.report_midnight(n, s.zone);
    IF p_now < t THEN RETURN powergate.api_error(409, 'this day is not over'); END IF;
    RETURN jsonb_build_object('site', s.name, 'zone', s.zone, 'currency', s.currency, 'day', d, 'from_us', f, 'to_us', t,
        'sections', jsonb_build_array(
            powergate.report_accounts(s.id, f, t),
            powergate.report_meters(s.id, d, n, f, t),
            powergate.report_payments(s.id, f, t),
            powergate.report_exposure(s.id, f, t),
            powergate.report_work(s.id, f, t),
            powergate.report_reconciliation(s.id, d)));
END $$;

-- --- the ledger for others -----------------------------------------------------------------------

-- All postings of some days, in the zone of a site or UTC; a journal of nobody is of every site.
CREATE OR REPLACE FUNCTION door.api_ledger_export(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s site; z text; f bigint; t bigint;
BEGIN
    SELECT * INTO s FROM site WHERE name = p ->> 'site';
    IF p ? 'site' AND s.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    z := COALESCE(s.zone, 'UTC');
    f := powergate.report_midnight((p ->> 'from')::int, z);
    t := powergate.report_midnight(to_char(to_date(p ->> 'to', 'YYYYMMDD') + 1, 'YYYYMMDD')::int, z);
    IF t <= f THEN RETURN powergate.api_error(400, 'the days end before they begin'); END IF;
    IF p_now < t THEN RETURN powergate.api_error(409, 'the last day is not over'); END IF;
    RETURN jsonb_build_object('zone', z, 'from', (p ->> 'from')::int, 'to', (p ->> 'to')::int, 'rows', COALESCE((
        SELECT jsonb_agg(jsonb_build_object('journal', j.id, 'at_us', j.at_us, 'kind', j.kind, 'key', j.key, 'memo', j.memo,
            'line', l.line, 'ledger', l.ledger, 'owner', l.owner, 'account', a.number, 'customer', COALESCE(a.customer, ''),
            'amount_minor', l.amount_minor, 'currency', l.currency) ORDER BY j.id, l.line)
        FROM journal j JOIN posting l ON l.journal_id = j.id LEFT JOIN account a ON a.id = l.account_id
        WHERE j.at_us >= f AND j.at_us < t AND (s.id IS NULL OR COALESCE((SELECT min(b.site_id) FROM posting x
            JOIN account b ON b.id = x.account_id WHERE x.journal_id = j.id), s.id) = s.id)), '[]'));
END $$;

-- --- receipts ----------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_payment_receipt(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('payment', q.id, 'source', q.source, 'payment_no', q.payment_no, 'method', q.method,
            'terminal', q.terminal, 'payer', q.payer, 'account', a.number, 'customer', a.customer, 'site', s.name,
            'zone', COALESCE(s.zone, 'UTC'), 'amount_minor', q.amount_minor, 'currency', q.currency, 'received_us', q.received_us,
            'reversed', EXISTS (SELECT FROM journal j JOIN journal r ON r.reverses = j.id WHERE j.key = 'pay:' || q.source || ':' || q.payment_no))
            || powergate.receipt_json(q.id)
        FROM payment q LEFT JOIN account a ON a.id = q.account_id LEFT JOIN site s ON s.id = a.site_id
        WHERE q.id = (p ->> 'payment')::bigint), powergate.api_error(404, 'no such payment'));
END $$;
