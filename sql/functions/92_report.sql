-- The day of a site as it was at its end.
--
-- A report is a list of sections, each with a name, its columns and rows; what makes files and
-- pages of them does not know what they are.  The end of a column's name says what it holds: _minor
-- money, _wh energy, _us an instant, _ms a time that something took.  To add a section: a function,
-- its line in report_body(), and words for its headings in codec/report_words.c.
--
-- Money stands in the day in which it was posted, energy between the midnights by the meters'
-- freezes, and what was charged for it by the charges that were priced in the day: nothing is
-- priced here.

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
-- A column of a section added up; NULL where nothing is in it.
CREATE OR REPLACE FUNCTION powergate.report_sum(p_section jsonb, p_column text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE i int := (SELECT c.n - 1 FROM jsonb_array_elements_text(p_section -> 'columns') WITH ORDINALITY c(name, n) WHERE c.name = p_column);
BEGIN
    RETURN (SELECT sum((r ->> i)::numeric) FROM jsonb_array_elements(p_section -> 'rows') r);
END $$;

-- --- accounts and meters ----------------------------------------------------------------------------

-- close = open + received - charged - loaded + other.  The ledger is walked back from the balances
-- that are kept, so that a day costs what was posted since and not all there ever was.
CREATE OR REPLACE FUNCTION powergate.report_accounts(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN powergate.report_section('accounts', ARRAY['account', 'customer', 'mode', 'open_minor', 'payments', 'received_minor',
        'charged_minor', 'loaded_minor', 'other_minor', 'close_minor', 'in_meter_open_minor', 'meter_charged_minor', 'in_meter_minor', 'arrears_minor',
        'billed_wh', 'unpriced_wh'],
        (WITH moved AS (
            SELECT p.account_id,
                -COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us >= p_to), 0) AS after,
                -COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_to), 0) AS within,
                count(*) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_to AND j.kind IN ('payment', 'assign')) AS payments,
                -COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_to AND j.kind IN ('payment', 'assign')), 0) AS received,
                COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_to AND j.kind IN ('charge', 'fixed', 'rebill', 'trueup')), 0) AS charged,
                COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'prepaid' AND j.at_us < p_to AND j.kind = 'delivery'), 0) AS loaded,
                -COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'loaded' AND j.at_us >= p_to), 0) AS meter_after,
                -COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'loaded' AND j.at_us < p_to), 0) AS meter_within,
                COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'loaded' AND j.at_us < p_to AND j.kind IN ('charge', 'fixed', 'rebill', 'trueup')), 0) AS meter_charged,
                COALESCE(sum(p.amount_minor) FILTER (WHERE p.ledger = 'arrears' AND j.at_us >= p_to), 0) AS arrears_after
            FROM journal j JOIN posting p ON p.journal_id = j.id AND p.account_id IS NOT NULL
            WHERE j.at_us >= p_from GROUP BY p.account_id),
        used AS (
            SELECT y.account_id, sum(c.wh) FILTER (WHERE c.replaces IS NULL) AS wh, sum(c.wh) FILTER (WHERE c.replaces IS NULL AND c.names = '{}') AS unpriced
            FROM charge c JOIN tenancy y ON y.id = c.tenancy_id
            WHERE c.rated_us >= p_from AND c.rated_us < p_to AND c.kind = 'energy' GROUP BY y.account_id)
        SELECT jsonb_agg(jsonb_build_array(a.number, a.customer, a.fee_mode, b.close - COALESCE(m.within, 0), COALESCE(m.payments, 0),
            COALESCE(m.received, 0), COALESCE(m.charged, 0), COALESCE(m.loaded, 0),
            COALESCE(m.within - m.received + m.charged + m.loaded, 0), b.close, b.in_meter - COALESCE(m.meter_within, 0),
            COALESCE(m.meter_charged, 0), b.in_meter, s.arrears_minor - COALESCE(m.arrears_after, 0),
            COALESCE(u.wh, 0), COALESCE(u.unpriced, 0)) ORDER BY a.number)
        FROM account a JOIN account_state s ON s.account_id = a.id LEFT JOIN moved m ON m.account_id = a.id LEFT JOIN used u ON u.account_id = a.id
        CROSS JOIN LATERAL (SELECT s.prepaid_minor - COALESCE(m.after, 0) AS close, s.loaded_minor - COALESCE(m.meter_after, 0) AS in_meter) b
        WHERE a.site_id = p_site AND a.created_us < p_to));
END $$;

-- One band of a charge: what its register moved, also where it went over its end.
CREATE OR REPLACE FUNCTION powergate.report_band(c charge, p_wraps bigint, p_band int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN c.multiplier * (c.to_wh[p_band] - c.from_wh[p_band] + CASE WHEN c.to_wh[p_band] < c.from_wh[p_band] THEN p_wraps ELSE 0 END);
END $$;

-- Registers at both midnights and what moved between them; what was charged for it, in the meter's
-- own account too where the balance is in the meter; and the meter's last word of the day.  What was
-- read after the day was closed is not of it: it is LATE.
CREATE OR REPLACE FUNCTION powergate.report_meters(p_site bigint, p_day int, p_next int, p_from bigint, p_to bigint, p_closed bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN powergate.report_section('meters', ARRAY['meter', 'account', 'from_wh', 'to_wh', 'used_wh', 't1_wh', 't2_wh', 't3_wh', 't4_wh',
        'quality', 'billed_wh', 'billed_t1_wh', 'billed_t2_wh', 'billed_t3_wh', 'billed_t4_wh', 'estimated_wh', 'unpriced_wh', 'charged_minor',
        'recharges', 'recharged_minor', 'balance_minor', 'balance_quality', 'purchases', 'relay', 'relay_us'],
        (WITH billed AS (
            SELECT i.meter_id, sum(c.wh) AS wh, sum(powergate.report_band(c, m.wraps_wh, 2)) AS t1, sum(powergate.report_band(c, m.wraps_wh, 3)) AS t2,
                sum(powergate.report_band(c, m.wraps_wh, 4)) AS t3, sum(powergate.report_band(c, m.wraps_wh, 5)) AS t4,
                sum(c.wh) FILTER (WHERE c.quality = 'estimate') AS estimated, sum(c.wh) FILTER (WHERE c.names = '{}') AS unpriced, sum(c.minor) AS minor
            FROM charge c JOIN installation i ON i.id = c.installation_id JOIN meter m ON m.id = i.meter_id AND m.site_id = p_site
            WHERE c.rated_us >= p_from AND c.rated_us < p_to AND c.replaces IS NULL GROUP BY i.meter_id),
        bought AS (
            SELECT d.meter_id, count(*) AS n, sum(d.amount_minor) AS minor FROM credit_delivery d
            WHERE d.state = 'APPLIED' AND d.kind = 'recharge' AND d.applied_us >= p_from AND d.applied_us < p_to GROUP BY d.meter_id)
        SELECT jsonb_agg(jsonb_build_array(m.address, a.number, f.total_wh, t.total_wh, t.total_wh - f.total_wh, t.t1_wh - f.t1_wh,
            t.t2_wh - f.t2_wh, t.t3_wh - f.t3_wh, t.t4_wh - f.t4_wh, t.quality, COALESCE(b.wh, 0), b.t1, b.t2, b.t3, b.t4, COALESCE(b.estimated, 0),
            COALESCE(b.unpriced, 0), COALESCE(b.minor, 0), COALESCE(g.n, 0), COALESCE(g.minor, 0), t.balance_minor, t.balance_quality,
            COALESCE(t.purchases, n.value),
            CASE WHEN r.value IS NULL THEN 'unknown' WHEN r.value & 16 = 0 THEN 'closed' WHEN r.value & 64 = 0 THEN 'permitted' ELSE 'open' END,
            r.at_us) ORDER BY m.address)
        FROM meter m LEFT JOIN account a ON a.id = m.account_id
        LEFT JOIN freeze_record f ON f.meter_id = m.id AND f.day = p_day AND f.read_us < p_closed
        LEFT JOIN freeze_record t ON t.meter_id = m.id AND t.day = p_next AND t.read_us < p_closed
        LEFT JOIN billed b ON b.meter_id = m.id LEFT JOIN bought g ON g.meter_id = m.id
        LEFT JOIN LATERAL (SELECT x.value, x.at_us FROM reading x WHERE x.meter_id = m.id AND x.reg = 'status' AND x.at_us < p_to AND x.heard_us < p_closed
            ORDER BY x.at_us DESC LIMIT 1) r ON true
        LEFT JOIN LATERAL (SELECT x.value FROM reading x WHERE x.meter_id = m.id AND x.reg = 'purchases' AND x.at_us < p_to AND x.heard_us < p_closed
            ORDER BY x.at_us DESC LIMIT 1) n ON true
        WHERE m.site_id = p_site AND m.created_us < p_to));
END $$;

-- What was charged, by what it was for: the lines of the journals, and corrections by themselves.
CREATE OR REPLACE FUNCTION powergate.report_charges(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN powergate.report_section('charges', ARRAY['account', 'mode', 'posted_as', 'ledger', 'component', 'charged_minor'],
        (SELECT jsonb_agg(jsonb_build_array(x.number, x.fee_mode, x.kind, x.ledger, x.owner, x.minor) ORDER BY x.number, x.kind, x.ledger, x.owner)
        FROM (SELECT a.number, a.fee_mode, j.kind, l.ledger, l.owner, -sum(l.amount_minor) AS minor
            FROM journal j JOIN posting w ON w.journal_id = j.id AND w.account_id IS NOT NULL JOIN account a ON a.id = w.account_id AND a.site_id = p_site
            JOIN posting l ON l.journal_id = j.id AND l.account_id IS NULL
            WHERE j.at_us >= p_from AND j.at_us < p_to AND j.kind IN ('charge', 'fixed', 'rebill', 'trueup')
            GROUP BY a.number, a.fee_mode, j.kind, l.ledger, l.owner) x));
END $$;

-- --- payments -----------------------------------------------------------------------------------------

-- From the payment to power.
CREATE OR REPLACE FUNCTION powergate.report_payments(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('payments', ARRAY['payment', 'source', 'payment_no', 'account', 'mode', 'amount_minor', 'received_us',
        'committed_us', 'dispatched_us', 'acknowledged_us', 'done_us', 'notified_us', 'total_ms'],
        (SELECT jsonb_agg(jsonb_build_array(q.id, q.source, q.payment_no, a.number, a.fee_mode, q.amount_minor, q.received_us,
            powergate.until((t.o ->> 'committed_us')::bigint, p_to), powergate.until((t.o ->> 'dispatched_us')::bigint, p_to),
            powergate.until((t.o ->> 'acknowledged_us')::bigint, p_to), powergate.until((t.o ->> 'done_us')::bigint, p_to),
            powergate.until((t.o ->> 'notified_us')::bigint, p_to),
            (powergate.until((t.o ->> 'done_us')::bigint, p_to) - q.received_us) / 1000) ORDER BY q.id)
        FROM payment q JOIN account a ON a.id = q.account_id CROSS JOIN LATERAL (SELECT powergate.payment_timeline(q) AS o) t
        WHERE a.site_id = p_site AND q.received_us >= p_from AND q.received_us < p_to));
END $$;

-- How long each step took, counted from the payment's arrival.
CREATE OR REPLACE FUNCTION powergate.report_payment_times(p_payments jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN powergate.report_section('payment_times', ARRAY['step', 'payments', 'p50_ms', 'p95_ms', 'p99_ms', 'most_ms'],
        (SELECT jsonb_agg(jsonb_build_array(x.step, x.count, x.ms[1], x.ms[2], x.ms[3], x.ms[4]) ORDER BY x.n)
        FROM (SELECT s.n, s.step, count(*), percentile_disc(ARRAY[0.5, 0.95, 0.99, 1]) WITHIN GROUP (ORDER BY
                ((r ->> s.i)::bigint - (r ->> 6)::bigint) / 1000) AS ms
            FROM jsonb_array_elements(p_payments -> 'rows') r,
                (VALUES (1, 'committed', 7), (2, 'dispatched', 8), (3, 'acknowledged', 9), (4, 'done', 10), (5, 'notified', 11)) s(n, step, i)
            WHERE r ->> s.i IS NOT NULL GROUP BY s.n, s.step) x));
END $$;

-- --- what a person has to know ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.report_exposure(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('exposure', ARRAY['meter', 'account', 'cause', 'since_us', 'from_wh', 'from_minor', 'exposed_wh', 'exposed_minor', 'ended_us'],
        (SELECT jsonb_agg(jsonb_build_array(m.address, a.number, x.cause, x.since_us, x.from_wh, x.from_minor, x.wh, x.minor,
            powergate.until(x.ended_us, p_to)) ORDER BY x.since_us, x.id)
        FROM exposure x JOIN meter m ON m.id = x.meter_id JOIN account a ON a.id = x.account_id
        WHERE m.site_id = p_site AND x.since_us < p_to AND (x.ended_us IS NULL OR x.ended_us >= p_from)));
END $$;
CREATE OR REPLACE FUNCTION powergate.report_exposure_causes(p_exposure jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN powergate.report_section('exposure_causes', ARRAY['cause', 'meters', 'exposed_wh', 'exposed_minor'],
        (SELECT jsonb_agg(jsonb_build_array(x.cause, x.meters, x.wh, x.minor) ORDER BY x.minor DESC, x.cause)
        FROM (SELECT r ->> 2 AS cause, count(DISTINCT r ->> 0) AS meters, sum((r ->> 6)::numeric) AS wh, sum((r ->> 7)::numeric) AS minor
            FROM jsonb_array_elements(p_exposure -> 'rows') r GROUP BY 1) x));
END $$;

-- What happened to a meter or an account besides its daily round, and what the staff were told.
CREATE OR REPLACE FUNCTION powergate.report_alarms(p_site bigint, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN powergate.report_section('alarms', ARRAY['at_us', 'alarm', 'meter', 'account', 'text'],
        (SELECT jsonb_agg(jsonb_build_array(x.at_us, x.kind, m.address, a.number, x.text) ORDER BY x.at_us, x.rank, x.id)
        FROM (SELECT e.at_us, 1 AS rank, e.id, e.kind, e.meter_id, e.account_id, e.text FROM event e
              WHERE e.at_us >= p_from AND e.at_us < p_to AND e.kind IN ('alarm', 'emergency', 'flapping', 'halt', 'hold', 'multiplier', 'override', 'parameters', 'swapped')
              UNION ALL SELECT x.since_us + h.hours * 3600000000, 2, x.id, 'exposure', x.meter_id, x.account_id, format('%s hours: %s', h.hours, x.cause)
              FROM exposure x CROSS JOIN (VALUES (1, 1), (2, 24), (3, 72)) h(n, hours)
              WHERE x.alarms >= h.n AND x.since_us + h.hours * 3600000000 >= p_from AND x.since_us + h.hours * 3600000000 < p_to) x
        LEFT JOIN meter m ON m.id = x.meter_id LEFT JOIN account a ON a.id = x.account_id
        WHERE COALESCE(m.site_id, a.site_id, p_site) = p_site));
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

-- --- reconciliation, as the day was closed: what the close record says, and nothing learnt since ------

CREATE OR REPLACE FUNCTION powergate.report_closing(d recon_day) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN powergate.report_section('closing', ARRAY['closed_us', 'by', 'reason', 'breaks', 'open_sources', 'open_minor', 'close_minor', 'before_sha256', 'sha256'],
        jsonb_build_array(jsonb_build_array(d.closed_us, d.closed_by, d.reason, d.open_breaks, array_to_string(d.open_sources, ' '),
            d.figures -> 'opening_minor', d.figures -> 'closing_minor', d.before_sha256, d.sha256)));
END $$;
CREATE OR REPLACE FUNCTION powergate.report_reconciliation(d recon_day) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN powergate.report_section('reconciliation', ARRAY['rule', 'breaks', 'amount_minor', 'state', 'open_sources'],
        (SELECT jsonb_agg(jsonb_build_array(r.rule, x.n, x.minor, CASE WHEN r.rule = 'R1' AND d.open_sources <> '{}' THEN 'open'
                WHEN x.n > 0 THEN 'signed' ELSE 'agrees' END, CASE r.rule WHEN 'R1' THEN array_to_string(d.open_sources, ' ') END) ORDER BY r.rule)
        FROM unnest('{R1,R2,R3,R4,R5,R6,R7,R8,R9}'::text[]) r(rule)
        CROSS JOIN LATERAL (SELECT count(*) AS n, sum((b ->> 'amount_minor')::numeric) AS minor
            FROM jsonb_array_elements(COALESCE(d.figures -> 'open', '[]')) b WHERE b ->> 'rule' = r.rule) x));
END $$;
CREATE OR REPLACE FUNCTION powergate.report_breaks(d recon_day) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN powergate.report_section('breaks', ARRAY['break', 'rule', 'break_kind', 'state', 'account', 'meter', 'payment', 'amount_minor', 'since_us', 'owner', 'note', 'text'],
        (SELECT jsonb_agg(jsonb_build_array(b -> 'break', b ->> 'rule', b ->> 'kind', b ->> 'state', b ->> 'account', b ->> 'meter', b -> 'payment',
            b -> 'amount_minor', b -> 'first_us', b ->> 'owner', b ->> 'note', b ->> 'text') ORDER BY (b ->> 'break')::bigint)
        FROM jsonb_array_elements(COALESCE(d.figures -> 'open', '[]')) b));
END $$;

-- What came on this day for one that was closed by then.
CREATE OR REPLACE FUNCTION powergate.report_late(t site, p_day int, p_from bigint, p_to bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN powergate.report_section('late', ARRAY['late', 'of_day', 'account', 'meter', 'reference', 'amount_minor', 'at_us', 'text'],
        (WITH closed AS (SELECT d.day, d.closed_us, powergate.report_midnight(d.day, t.zone) AS starts,
                powergate.report_midnight(powergate.day_beside(d.day, 1), t.zone) AS ends
            FROM recon_day d WHERE d.site_id = t.id AND d.day < p_day AND d.closed_us < p_to),
        past AS MATERIALIZED ( -- use is of the day in which it ended, a fixed charge of the day that it names
            SELECT j.id, j.kind, j.key, j.memo, j.at_us, j.value_us + (j.kind = 'fixed')::int AS last_us
            FROM journal j WHERE j.at_us >= p_from AND j.at_us < p_to AND j.value_us <= p_from),
        tardy AS MATERIALIZED (
            SELECT p.* FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = t.id
            WHERE p.received_us >= p_from AND p.received_us < p_to AND p.paid_us < p_from),
        found AS (
            SELECT 1 AS rank, 'payment' AS what, d.day, p.account_id, NULL::bigint AS meter_id, p.payment_no AS reference, p.amount_minor,
                p.received_us AS at_us, p.source AS text, p.id
            FROM tardy p JOIN closed d ON p.paid_us >= d.starts AND p.paid_us < d.ends AND p.received_us >= d.closed_us
            UNION ALL
            SELECT 2, j.kind, d.day, l.account_id, NULL, j.key, -sum(l.amount_minor)::bigint, j.at_us, j.memo, j.id
            FROM past j JOIN closed d ON j.last_us > d.starts AND j.last_us <= d.ends AND j.at_us >= d.closed_us
            JOIN posting l ON l.journal_id = j.id JOIN account a ON a.id = l.account_id AND a.site_id = t.id
            GROUP BY j.id, j.kind, j.key, j.at_us, j.memo, d.day, l.account_id
            UNION ALL
            SELECT 3, 'freeze', d.day, k.account_id, k.meter_id, NULL, NULL, f.read_us, f.quality, k.id
            FROM closed d JOIN recon_break k ON k.site_id = t.id AND k.kind = 'FREEZE' AND k.day = d.day
            JOIN freeze_record f ON f.meter_id = k.meter_id AND f.day = powergate.day_beside(d.day, 1)
                AND f.read_us >= greatest(p_from, d.closed_us) AND f.read_us < p_to)
        SELECT jsonb_agg(jsonb_build_array(x.what, to_char(to_date(x.day::text, 'YYYYMMDD'), 'YYYY-MM-DD'), a.number, m.address, x.reference, x.amount_minor, x.at_us, x.text)
            ORDER BY x.at_us, x.rank, x.id)
        FROM found x LEFT JOIN account a ON a.id = x.account_id LEFT JOIN meter m ON m.id = x.meter_id));
END $$;
