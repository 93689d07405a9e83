-- Rating, what goes out: accounts that are marked, and what their meters counted since.

-- Registers as they stood at an instant: total, T1 to T4; NULL when the total was not read then.
CREATE OR REPLACE FUNCTION powergate.registers_at(p_meter bigint, p_at bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE wh bigint[];
BEGIN
    SELECT ARRAY[max(r.value) FILTER (WHERE r.reg = 'total_wh'), max(r.value) FILTER (WHERE r.reg = 't1_wh'),
        max(r.value) FILTER (WHERE r.reg = 't2_wh'), max(r.value) FILTER (WHERE r.reg = 't3_wh'), max(r.value) FILTER (WHERE r.reg = 't4_wh')]
    INTO wh FROM reading r WHERE r.at_us = p_at AND r.meter_id = p_meter AND r.reg = ANY ('{total_wh,t1_wh,t2_wh,t3_wh,t4_wh}');
    RETURN CASE WHEN wh[1] IS NOT NULL THEN wh END;
END $$;

-- What was read between two instants, the bounds left out, by the meter's own records and by us.
CREATE OR REPLACE FUNCTION powergate.reads_within(p_meter bigint, p_from bigint, p_to bigint)
RETURNS TABLE (at_us bigint, wh bigint[]) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT f.at_us, powergate.believed(p_meter, f.at_us, ARRAY[f.total_wh, f.t1_wh, f.t2_wh, f.t3_wh, f.t4_wh]) FROM freeze_record f
    WHERE f.meter_id = p_meter AND f.quality = 'meter' AND f.at_us > p_from AND f.at_us < p_to AND NOT powergate.clock_off(p_meter, f.at_us)
      AND f.day >= to_char(to_timestamp(p_from / 1000000 - 172800), 'YYYYMMDD')::int
    UNION SELECT r.at_us, powergate.believed(p_meter, r.at_us, powergate.registers_at(p_meter, r.at_us)) FROM reading r
    WHERE r.meter_id = p_meter AND r.reg = 'total_wh' AND r.at_us > p_from AND r.at_us < p_to;
END $$;

-- From when on must a tenancy's charges be rated again?  NULL: they stand.
CREATE OR REPLACE FUNCTION powergate.repair_from(y tenancy, p_mark bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE since bigint;
BEGIN
    SELECT min(c.from_us) INTO since FROM charge c LEFT JOIN installation i ON i.id = c.installation_id
    WHERE c.tenancy_id = y.id AND (c.state = 'unrated' OR (c.state = 'posted' AND c.quality = 'estimate'))
      AND CASE c.state WHEN 'unrated' THEN c.tried IS DISTINCT FROM p_mark
          ELSE (SELECT count(*) FROM powergate.reads_within(i.meter_id, c.from_us, c.to_us)) > COALESCE(c.tried, 0) END;
    since := least(since, (SELECT b.from_us FROM rebill b WHERE b.account_id = y.account_id AND b.done_us IS NULL));
    IF y.to_us IS NOT NULL AND NOT y.reviewed THEN
        since := least(since, y.period_us);
    END IF;
    RETURN since;
END $$;

-- A row a reading that is to be billed, at least one a tenancy; in the order in which it is.
CREATE OR REPLACE FUNCTION door.rating_due(p_limit int, p_mark bigint, p_silent bigint, p_now bigint)
RETURNS TABLE (account_id bigint, version bigint, local boolean, unrated text, standing text, zone text, currency text, tariff_id bigint, sums text, rebill_id bigint,
    tenancy_id bigint, tenant_from bigint, tenant_to bigint, extra_wh bigint, fixed_us bigint, rests text,
    period_us bigint, used_wh bigint, band_wh bigint[], repair_from bigint,
    installation_id bigint, meter_id bigint, address text, multiplier int, to_us bigint, billed_us bigint, billed_wh bigint[],
    moved_us bigint, wraps_wh bigint, most_watts bigint, relay text, day_wh bigint,
    read_us bigint, read_wh bigint[], off boolean, decision text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT a.id, s.rate_version, a.fee_mode = 'local', s.unrated_why,
        COALESCE((SELECT c.why FROM tenancy q JOIN charge c ON c.tenancy_id = q.id AND c.state = 'unrated' WHERE q.account_id = a.id LIMIT 1),
            (SELECT 'it was rebilled: see work ' || w.id FROM work w WHERE w.key = 'rebill:' || a.id AND w.state <> 'resolved')),
        t.zone, t.currency, a.tariff_id,
        (SELECT string_agg(concat_ws(' ', q.tax_inclusive::int, q.tax_ppm, q.base_nano, q.base_parts, q.gross_femto, q.net_femto,
            q.gross_minor, q.net_minor, q.name), E'\n' ORDER BY q.n) FROM account_sum q WHERE q.account_id = a.id),
        (SELECT b.id FROM rebill b WHERE b.account_id = a.id AND b.done_us IS NULL),
        y.id, y.from_us, y.to_us, p.extra_wh, y.fixed_us,
        (SELECT string_agg(h.placed_us || ' ' || COALESCE(h.released_us, 9223372036854775807), ' ') FROM installation q JOIN hold h ON h.meter_id = q.meter_id
         WHERE q.tenancy_id = y.id AND NOT h.charges AND (h.released_us IS NULL OR h.released_us > y.fixed_us)),
        y.period_us, y.used_wh, y.band_wh,
        CASE WHEN (y.to_us IS NOT NULL AND NOT y.reviewed) OR EXISTS (SELECT FROM rebill b WHERE b.account_id = a.id AND b.done_us IS NULL)
            OR EXISTS (SELECT FROM charge c WHERE c.tenancy_id = y.id AND (c.state = 'unrated' OR (c.state = 'posted' AND c.quality = 'estimate')))
            THEN powergate.repair_from(y, p_mark) END,
        i.id, i.meter_id, m.address, i.multiplier, i.to_us, i.billed_us, i.billed_wh, i.moved_us, m.wraps_wh, m.most_watts, x.relay_seen,
        CASE WHEN i.to_us IS NULL AND i.billed_us < p_now - p_silent THEN powergate.day_wh(i.meter_id) END,
        r.at_us, CASE WHEN o.off THEN ARRAY[r.wh[1], NULL, NULL, NULL, NULL] ELSE r.wh END, o.off, (SELECT h.decision FROM reading_held h WHERE h.installation_id = i.id AND h.at_us = r.at_us AND h.at_us IS DISTINCT FROM i.to_us)
    FROM (SELECT u.account_id FROM (
              (SELECT q.account_id FROM account_state q WHERE q.rate_us IS NOT NULL ORDER BY q.rate_us LIMIT p_limit) UNION
              (SELECT q.account_id FROM account_state q WHERE q.rate_again_us <= p_now ORDER BY q.rate_again_us LIMIT p_limit)) u LIMIT p_limit) d
    JOIN account_state s ON s.account_id = d.account_id
    JOIN account a ON a.id = s.account_id JOIN site t ON t.id = a.site_id
    LEFT JOIN tenancy y ON y.account_id = a.id AND NOT y.settled
    LEFT JOIN service_point p ON p.id = y.point_id
    LEFT JOIN installation i ON i.tenancy_id = y.id AND NOT i.settled
    LEFT JOIN meter m ON m.id = i.meter_id
    LEFT JOIN meter_state x ON x.meter_id = i.meter_id
    LEFT JOIN LATERAL (
        -- the first reading of all begins an installation
        SELECT q.at_us, powergate.registers_at(i.meter_id, q.at_us) AS wh FROM (SELECT z.at_us FROM reading z WHERE z.meter_id = i.meter_id
            AND z.reg = 'total_wh' AND z.at_us >= y.from_us AND i.billed_us IS NULL ORDER BY z.at_us LIMIT 1) q
        UNION ALL
        SELECT f.at_us, ARRAY[f.total_wh, f.t1_wh, f.t2_wh, f.t3_wh, f.t4_wh] FROM freeze_record f
        WHERE f.meter_id = i.meter_id AND f.quality = 'meter' AND f.at_us > i.billed_us AND (i.to_us IS NULL OR f.at_us < i.to_us)
          AND NOT powergate.clock_off(f.meter_id, f.at_us) -- its midnight was not ours
          AND f.day >= to_char(to_timestamp(i.billed_us / 1000000 - 172800), 'YYYYMMDD')::int
        UNION ALL
        SELECT x.total_us, powergate.registers_at(i.meter_id, x.total_us) WHERE i.to_us IS NULL AND x.total_us > i.billed_us
        UNION ALL
        -- a clock that was ahead must not hide what came before its time
        SELECT q.at_us, powergate.registers_at(i.meter_id, q.at_us) FROM (SELECT z.at_us FROM reading z WHERE x.total_us > p_now AND i.to_us IS NULL
            AND z.meter_id = i.meter_id AND z.reg = 'total_wh' AND z.at_us > i.billed_us AND z.at_us <= p_now ORDER BY z.at_us DESC LIMIT 1) q
        UNION ALL
        SELECT i.to_us, i.close_wh WHERE i.to_us > i.billed_us
    ) r ON r.wh IS NOT NULL
    LEFT JOIN LATERAL (SELECT true AS off FROM clock_span k WHERE k.meter_id = i.meter_id AND k.from_us < r.at_us
        AND (k.to_us IS NULL OR k.to_us >= r.at_us) LIMIT 1) o ON r.wh[2] IS NOT NULL
    ORDER BY a.id, y.from_us, y.id, i.from_us NULLS LAST, i.id, r.at_us;
END $$;

-- The energy charges of tenancies from an instant on, for a rebill the fixed ones too, with what
-- has been read within those that are not certain: "at total t1 t2 t3 t4" a line, "-" where there is none.
CREATE OR REPLACE FUNCTION door.rating_chain(p_tenancies bigint[], p_from bigint[])
RETURNS TABLE (tenancy_id bigint, id bigint, installation_id bigint, kind text, from_us bigint, to_us bigint, from_wh bigint[], to_wh bigint[],
    multiplier int, wh bigint, tenant_to bigint, extra_wh bigint, period_us bigint, used_wh bigint, band_wh bigint[], quality text,
    state text, names text, exact bigint[], tried bigint, wraps_wh bigint, reads text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.tenancy_id, c.id, c.installation_id, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, c.multiplier, c.wh, c.tenant_to_us,
        c.extra_wh, c.period_us, c.used_wh, c.band_wh, c.quality, c.state, array_to_string(c.names, E'\n'), c.exact, c.tried, m.wraps_wh,
        CASE WHEN c.quality = 'estimate' THEN (SELECT string_agg(q.at_us || ' ' || array_to_string(q.wh, ' ', '-'), E'\n' ORDER BY q.at_us)
            FROM powergate.reads_within(i.meter_id, c.from_us, c.to_us) q WHERE NOT EXISTS (
                SELECT FROM reading_held h WHERE h.installation_id = i.id AND h.at_us = q.at_us AND h.decision = 'refused')) END
    FROM unnest(p_tenancies, p_from) AS t(tenancy, since)
    JOIN tenancy y ON y.id = t.tenancy
    JOIN charge c ON c.tenancy_id = t.tenancy AND c.to_us > t.since AND c.state <> 'replaced' AND (c.kind = 'energy' OR
        EXISTS (SELECT FROM rebill b WHERE b.account_id = y.account_id AND b.done_us IS NULL AND c.from_us >= b.from_us))
    LEFT JOIN installation i ON i.id = c.installation_id LEFT JOIN meter m ON m.id = i.meter_id
    ORDER BY c.tenancy_id, c.from_us, c.kind;
END $$;

-- Prices are others than they were: what could not be rated is tried again.
CREATE OR REPLACE FUNCTION door.rating_prices_changed(p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.mark_rate(ARRAY(SELECT s.account_id FROM account_state s WHERE s.unrated_why IS NOT NULL ORDER BY s.account_id FOR UPDATE), p_now);
END $$;

-- One account that cannot be rated for a reason nobody foresaw must not stop its neighbours.
CREATE OR REPLACE FUNCTION door.rating_failed(p_account bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_state s SET rate_us = NULL, rate_again_us = p_now + 3600000000, unrated_why = 'rating failed: ' || p_why,
        version = s.version + 1, dirty_us = COALESCE(s.dirty_us, p_now) WHERE s.account_id = p_account;
    PERFORM powergate.work_add('rating:' || p_account, 'RATING', 'charges cannot be posted: ' || p_why,
        'nothing is tripped on this account meanwhile; it is tried again every hour', p_account, NULL, NULL, NULL, p_now);
END $$;
