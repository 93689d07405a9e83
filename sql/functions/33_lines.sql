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
