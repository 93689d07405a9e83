-- What flows at a meter.

-- In batches, each value in the order of the columns; the same batch twice is the same batch.
CREATE OR REPLACE FUNCTION door.line_ingest(p_meter bigint[], p_at bigint[], p_voltage_a bigint[], p_voltage_b bigint[], p_voltage_c bigint[],
    p_current_a bigint[], p_current_b bigint[], p_current_c bigint[], p_power bigint[], p_factor bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO line_value SELECT * FROM unnest(p_at, p_meter, p_voltage_a, p_voltage_b, p_voltage_c,
        p_current_a, p_current_b, p_current_c, p_power, p_factor)
    ON CONFLICT DO NOTHING;
END $$;

-- The newest of a meter; backwards month by month, and no further than asked for.
CREATE OR REPLACE FUNCTION door.api_line_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m bigint := powergate.meter_id(p); since bigint := COALESCE((p ->> 'since')::bigint, p_now - 7 * 86400000000);
BEGIN
    IF m IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    RETURN powergate.rows_json((SELECT jsonb_agg(to_jsonb(v) - 'meter_id' ORDER BY v.at_us DESC) FROM (
        SELECT * FROM line_value x WHERE x.meter_id = m AND x.at_us >= since AND x.at_us <= p_now
        ORDER BY x.at_us DESC LIMIT powergate.limited(p)) v));
END $$;

-- Full hours of which nothing is known, the newest first.
CREATE OR REPLACE FUNCTION door.hour_gaps(p_meter bigint, p_from bigint, p_to bigint, p_limit int) RETURNS SETOF bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT h FROM generate_series(p_from, p_to, 3600000000) h
    WHERE NOT EXISTS (SELECT FROM hour_value v WHERE v.at_us = h AND v.meter_id = p_meter AND v.at_us >= p_from AND v.at_us <= p_to)
    ORDER BY h DESC LIMIT p_limit;
END $$;

-- What its records say; NULL where it has none, which a record that comes after all replaces.
CREATE OR REPLACE FUNCTION door.hour_ingest(p_meter bigint, p_at bigint[], p_wh bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hour_value AS v SELECT DISTINCT ON (at) at, p_meter, wh FROM unnest(p_at, p_wh) AS t(at, wh) ORDER BY at, wh
    ON CONFLICT (at_us, meter_id) DO UPDATE SET total_wh = excluded.total_wh WHERE v.total_wh IS NULL AND excluded.total_wh IS NOT NULL;
END $$;

-- doubt: its clock was off by so much that this was another hour of ours.
CREATE OR REPLACE FUNCTION door.api_hour_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m bigint := powergate.meter_id(p); since bigint := COALESCE((p ->> 'since')::bigint, p_now - 7 * 86400000000);
BEGIN
    IF m IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    RETURN powergate.rows_json((SELECT jsonb_agg(jsonb_build_object('at_us', v.at_us, 'total_wh', v.total_wh, 'doubt', powergate.clock_off(m, v.at_us))
        ORDER BY v.at_us DESC) FROM (
        SELECT * FROM hour_value x WHERE x.meter_id = m AND x.at_us >= since AND x.at_us <= p_now
        ORDER BY x.at_us DESC LIMIT powergate.limited(p)) v));
END $$;
