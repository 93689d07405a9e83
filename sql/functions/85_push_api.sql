-- Behind the API: what is wanted of the meters' own settings.

CREATE OR REPLACE FUNCTION powergate.push_json(r meter_parameter) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('meter', (SELECT address FROM meter m WHERE m.id = r.meter_id), 'set', r.set_name, 'version', r.version,
        'state', r.state, 'why', r.why, 'switch_us', NULLIF(r.switch_us, 0), 'by', r.wanted_by, 'wanted_us', r.wanted_us, 'sent_us', r.sent_us,
        'acknowledged_us', r.acknowledged_us, 'active_us', r.active_us, 'checked_us', r.checked_us, 'rewrites', r.rewrites,
        'command', (SELECT max(c.id) FROM command c WHERE c.meter_id = r.meter_id AND c.kind = 'push' AND c.task ->> 'set' = r.set_name));
$$;
CREATE OR REPLACE FUNCTION door.api_push_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.push_json(r) ORDER BY r.wanted_us DESC, r.meter_id, r.set_name))
    FROM (SELECT * FROM meter_parameter q WHERE (NOT p ? 'meter' OR q.meter_id = powergate.meter_id(p)) AND (NOT p ? 'state' OR q.state = p ->> 'state')
          AND (NOT p ? 'set' OR q.set_name = p ->> 'set') ORDER BY q.wanted_us DESC LIMIT powergate.limited(p)) r;
$$;
CREATE OR REPLACE FUNCTION door.api_push_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.push_json(r) || jsonb_build_object('generation', r.generation, 'failures', r.failures,
        'look_us', r.look_us, 'wanted', r.wanted) FROM meter_parameter r
        WHERE r.meter_id = powergate.meter_id(p) AND r.set_name = COALESCE(p ->> 'set', 'tariff')),
        powergate.api_error(404, 'nothing is wanted of this meter'));
$$;
-- How much a meter lets be drawn at once; null for no limit.
CREATE OR REPLACE FUNCTION door.api_meter_limit(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n bigint; m meter; watts bigint;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' AND state = 'active';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF COALESCE(p ->> 'watts', '') !~ '^([1-9][0-9]{0,4}|none)$' THEN
        RETURN powergate.api_error(400, 'watts is 1 to 99999, or none');
    END IF;
    watts := CASE WHEN p ->> 'watts' <> 'none' THEN (p ->> 'watts')::bigint END;
    n := powergate.push_wish(m.id, 'limit', jsonb_build_object('watts', watts), COALESCE(powergate.watts_text(watts), 'none'), p_who, p_now);
    PERFORM powergate.event_add('limit', m.id, m.account_id, format('limit wanted %s by %s: %s', COALESCE(powergate.watts_text(watts), 'none'),
        p_who, p ->> 'reason'), p_now);
    PERFORM powergate.audited(p_who, 'meter.limit', p, 'generation ' || n, p_now);
    RETURN jsonb_build_object('meter', m.address, 'set', 'limit', 'watts', watts, 'generation', n, 'look', m.endpoint_id);
END $$;
-- Once more, or only a look when it is done.
CREATE OR REPLACE FUNCTION door.api_push_retry(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n bigint; refitted bigint; m bigint := powergate.meter_id(p);
BEGIN
    IF p ? 'meter' AND m IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    -- what did not fit is worked out again
    UPDATE meter_parameter r SET version = '' WHERE r.wanted ? 'unfit' AND (m IS NULL OR r.meter_id = m) AND (NOT p ? 'set' OR r.set_name = p ->> 'set');
    GET DIAGNOSTICS refitted = ROW_COUNT;
    WITH again AS (
        UPDATE meter_parameter r SET look_us = p_now, failures = 0, rewrites = 0,
            state = CASE WHEN r.state = 'refused' THEN 'wanted' ELSE r.state END
        WHERE NOT r.wanted ? 'unfit' AND (m IS NULL OR r.meter_id = m) AND (NOT p ? 'set' OR r.set_name = p ->> 'set') AND (m IS NOT NULL OR r.state = 'refused')
          AND NOT EXISTS (SELECT FROM command c WHERE c.meter_id = r.meter_id AND c.kind = 'push' AND c.state = 'sent' AND c.task ->> 'set' = r.set_name)
        RETURNING 1) SELECT count(*) + refitted INTO n FROM again;
    PERFORM powergate.audited(p_who, 'push.retry', p, n || ' again', p_now);
    RETURN jsonb_build_object('again', n);
END $$;
CREATE OR REPLACE FUNCTION door.api_push_want(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n bigint; m bigint := powergate.meter_id(p); by_tariff text;
BEGIN
    IF m IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    IF COALESCE(p ->> 'set', '') NOT IN ('tariff', 'alarm') THEN RETURN powergate.api_error(400, 'set is tariff or alarm'); END IF;
    -- else the next look at the account would want the other one back
    SELECT t.name INTO by_tariff FROM meter x JOIN account a ON a.id = x.account_id JOIN tariff t ON t.id = a.tariff_id
    WHERE x.id = m AND a.fee_mode = 'local' AND EXISTS (SELECT FROM price_version v WHERE v.tariff_id = t.id AND v.state IN ('scheduled', 'active'));
    IF p ->> 'set' = 'tariff' AND by_tariff IS NOT NULL THEN
        RETURN powergate.api_error(409, format('its account is on tariff %s, whose versions it gets: powergatectl tariff load', by_tariff));
    END IF;
    n := door.push_want(m, p ->> 'set', (p ->> 'wanted')::jsonb, COALESCE(p ->> 'version', ''), p_who, p_now);
    PERFORM powergate.audited(p_who, 'push.want', p, 'generation ' || n, p_now);
    RETURN jsonb_build_object('meter', p ->> 'meter', 'set', p ->> 'set', 'generation', n);
END $$;
