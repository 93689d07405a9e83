-- The prices of an account's tariff, wanted of its local meters.

-- Meters of which another version is wanted than was asked of them: the one in force; once the meter
-- has that, or from a day before it begins, the one scheduled next.  A meter that is not adopted
-- yet is not written to.
CREATE OR REPLACE FUNCTION door.push_missing(p_version bigint, p_profile text, p_meter bigint, p_limit int, p_now bigint) RETURNS TABLE (meter_id bigint, version_id bigint, profile text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY WITH there AS (
        SELECT t.id AS tariff_id, v.id AS now_id, t.name || '/' || v.n AS now_name, x.id AS next_id, t.name || '/' || x.n AS next_name, x.effective_from_us
        FROM tariff t LEFT JOIN price_version v ON v.tariff_id = t.id AND v.state = 'active'
        LEFT JOIN LATERAL (SELECT * FROM price_version y WHERE y.tariff_id = t.id AND y.state = 'scheduled' ORDER BY y.effective_from_us LIMIT 1) x ON true
        WHERE v.id IS NOT NULL OR x.id IS NOT NULL),
    wanted AS (
        SELECT m.id AS meter_id, m.profile, r.version AS asked, w.*, w.next_id IS NOT NULL AND (w.now_id IS NULL OR w.effective_from_us <= p_now + 86400000000
            OR r.version = w.next_name OR (r.version = w.now_name AND r.state = 'active')) AS next
        FROM there w JOIN account a ON a.tariff_id = w.tariff_id AND a.fee_mode = 'local' AND a.state = 'active'
        JOIN meter m ON m.account_id = a.id AND m.state = 'active'
        JOIN meter_state s ON s.meter_id = m.id AND s.base_us IS NOT NULL
        LEFT JOIN meter_parameter r ON r.meter_id = m.id AND r.set_name = 'tariff')
    SELECT w.meter_id, CASE WHEN w.next THEN w.next_id ELSE w.now_id END, w.profile FROM wanted w
    WHERE w.asked IS DISTINCT FROM CASE WHEN w.next THEN w.next_name ELSE w.now_name END
      AND (CASE WHEN w.next THEN w.next_id ELSE w.now_id END, w.profile, w.meter_id) > (p_version, p_profile, p_meter)
    ORDER BY 2, 3, 1 LIMIT p_limit;
END $$;

CREATE OR REPLACE FUNCTION door.push_wants(p_meters bigint[], p_wanted jsonb, p_version text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m bigint;
BEGIN
    FOREACH m IN ARRAY p_meters LOOP
        PERFORM powergate.push_wish(m, 'tariff', p_wanted, p_version, 'powergated', p_now);
        PERFORM powergate.work_resolve('unfit:' || m, jsonb_build_object('by', 'powergated', 'reason', p_version || ' fits'), p_now);
    END LOOP;
END $$;

-- It goes on with what it has; asked again when there is another version, or with push retry.
CREATE OR REPLACE FUNCTION door.push_unfit(p_meters bigint[], p_version text, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m meter;
BEGIN
    FOR m IN SELECT * FROM meter x WHERE x.id = ANY (p_meters) ORDER BY x.id LOOP
        PERFORM powergate.push_wish(m.id, 'tariff', '{"unfit": true}', p_version, 'powergated', p_now);
        UPDATE meter_parameter SET state = 'refused', why = p_why, look_us = NULL WHERE meter_id = m.id AND set_name = 'tariff' AND version = p_version;
        PERFORM powergate.work_add('unfit:' || m.id, 'UNFIT_PRICES',
            format('meter %s cannot hold %s: %s; it goes on charging by what it has', m.address, p_version, p_why),
            'give its account a tariff the meter can hold, or a meter that can', m.account_id, m.id, NULL, NULL, p_now);
    END LOOP;
END $$;
