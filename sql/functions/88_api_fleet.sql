-- Behind the API: the fleet as a table, as it would be imported elsewhere.

CREATE OR REPLACE FUNCTION powergate.minor_out(p_minor bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_minor < 0 THEN '-' ELSE '' END || (abs(p_minor) / 100)::text || '.' || lpad((abs(p_minor) % 100)::text, 2, '0');
$$;
CREATE OR REPLACE FUNCTION powergate.kwh_out(p_wh bigint[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg((v / 1000)::text || CASE WHEN v % 1000 > 0 THEN '.' || rtrim(lpad((v % 1000)::text, 3, '0'), '0') ELSE '' END, ' ' ORDER BY n)
    FROM unnest(p_wh) WITH ORDINALITY AS t(v, n) WHERE v IS NOT NULL;
$$;
CREATE OR REPLACE FUNCTION powergate.instant_out(p_us bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(to_timestamp(p_us / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '.' || lpad((p_us % 1000000)::text, 6, '0') || 'Z';
$$;
-- Its name within the one above; whole with a slash in front where it does not begin with that.
CREATE OR REPLACE FUNCTION powergate.place_part(p_above text, p_name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN starts_with(p_name, p_above || '/') AND substr(p_name, length(p_above) + 2, 1) NOT IN ('/', '') THEN substr(p_name, length(p_above) + 2)
        ELSE '/' || p_name END;
$$;
CREATE OR REPLACE FUNCTION powergate.fleet_places() RETURNS TABLE (id bigint, depth int, site text, building text, floor text, unit text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE at AS (
        SELECT s.id, s.name, 0 AS depth, s.name AS site, NULL::text AS building, NULL::text AS floor, NULL::text AS unit
        FROM site s WHERE s.parent_id IS NULL AND s.kind = 'site' AND NOT s.withdrawn
        UNION ALL
        SELECT s.id, s.name, a.depth + 1, a.site, CASE s.kind WHEN 'building' THEN x.part ELSE a.building END, CASE s.kind WHEN 'floor' THEN x.part ELSE a.floor END,
            CASE s.kind WHEN 'unit' THEN x.part END
        FROM at a JOIN site s ON s.parent_id = a.id AND NOT s.withdrawn CROSS JOIN LATERAL (SELECT powergate.place_part(a.name, s.name) AS part) x)
    SELECT id, depth, site, building, floor, unit FROM at;
$$;

-- A row a place, then the accounts with a row for each meter and each debt, then meters of nobody.
-- What stands in an account's first row alone is said there.
CREATE OR REPLACE FUNCTION door.api_fleet_export(p jsonb, p_tariffs bigint[], p_periods bigint[]) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM set_config('statement_timeout', '30s', false); -- as it was before fleet_tariffs()
    RETURN (WITH at AS MATERIALIZED (SELECT * FROM powergate.fleet_places()),
    meters AS MATERIALIZED (
        SELECT m.id, m.account_id, m.site_id, m.address, row_number() OVER (PARTITION BY m.account_id ORDER BY m.address) AS n, jsonb_build_object(
            'meter', m.address, 'profile', m.profile, 'capability', m.capability, 'customer_number', NULLIF(m.customer, m.address), 'most_watts', m.most_watts::text,
            'gateway', CASE WHEN e.kind = 'dtu' THEN e.identity END, 'link', e.link, 'sealed', encode(m.password, 'hex'),
            'service_point', q.name, 'extra_wh', q.extra_wh::text, 'multiplier', i.multiplier::text,
            'opening_read', powergate.kwh_out(i.billed_wh), 'opening_at', powergate.instant_out(i.billed_us),
            'used_kwh', CASE WHEN y.period_us = d.period_us THEN powergate.kwh_out(y.used_wh || y.band_wh) END,
            'purchases', g.count_ours::text, 'bought', powergate.minor_out(x.base_bought + g.sum)) AS j
        FROM meter m JOIN meter_state x ON x.meter_id = m.id LEFT JOIN account a ON a.id = m.account_id LEFT JOIN endpoint e ON e.id = m.endpoint_id
        LEFT JOIN installation i ON i.meter_id = m.id AND i.to_us IS NULL LEFT JOIN service_point q ON q.id = i.point_id
        LEFT JOIN tenancy y ON y.id = i.tenancy_id LEFT JOIN unnest(p_tariffs, p_periods) AS d(tariff, period_us) ON d.tariff = a.tariff_id
        LEFT JOIN LATERAL (SELECT greatest(x.base_count, COALESCE(max(c.purchase), 0)) AS count_ours, COALESCE(sum(c.amount_minor), 0)::bigint AS sum
            FROM credit_delivery c WHERE c.meter_id = m.id AND c.incarnation = x.incarnation AND c.state = 'APPLIED' AND c.purchase > x.base_count) g
            ON x.base_count IS NOT NULL
        WHERE m.state = 'active' AND powergate.shown(p, m.site_id)),
    debts AS MATERIALIZED (
        SELECT d.account_id, row_number() OVER (PARTITION BY d.account_id ORDER BY d.id) AS n, jsonb_build_object('debt', powergate.minor_out(powergate.debt_owed(d)),
            'debt_reference', d.reference, 'debt_percent', powergate.minor_out(d.percent_bp), 'debt_week_cap', powergate.minor_out(d.week_cap_minor)) AS j
        FROM debt d WHERE d.closed_us IS NULL AND d.kind <> 'instalment'),
    accounts AS (
        SELECT a.id, a.number, a.site_id, jsonb_build_object('customer', NULLIF(a.customer, ''), 'contact', NULLIF(a.contact, ''), 'fee_mode', a.fee_mode,
            'tariff', (SELECT t.name FROM tariff t WHERE t.id = a.tariff_id), 'trip', powergate.minor_out(a.trip_minor),
            'warn', (SELECT string_agg(powergate.minor_out(v), ' ' ORDER BY n) FROM unnest(a.warn_minor) WITH ORDINALITY AS w(v, n)),
            'balance', CASE WHEN a.fee_mode = 'remote' THEN powergate.minor_out(s.prepaid_minor) END) AS j
        FROM account a JOIN account_state s ON s.account_id = a.id WHERE a.state = 'active' AND powergate.shown(p, a.site_id)),
    rows AS (
        SELECT 1 AS part, at.depth AS k1, '' AS k2, s.name AS k3, 0::bigint AS k4, at.id AS site_id, jsonb_build_object('site_mode', s.mode,
            'zone', CASE WHEN at.depth = 0 THEN s.zone END, 'currency', CASE WHEN at.depth = 0 THEN s.currency END) AS j
        FROM at JOIN site s ON s.id = at.id WHERE powergate.shown(p, s.id)
        UNION ALL
        SELECT 2, 0, a.number, '', n.n, a.site_id, jsonb_build_object('account', a.number) || CASE WHEN n.n = 1 THEN a.j ELSE '{}' END || COALESCE(m.j, '{}') || COALESCE(b.j, '{}')
        FROM accounts a CROSS JOIN LATERAL generate_series(1, greatest(1, (SELECT max(m.n) FROM meters m WHERE m.account_id = a.id),
            (SELECT max(b.n) FROM debts b WHERE b.account_id = a.id))) AS n(n)
        LEFT JOIN meters m ON m.account_id = a.id AND m.n = n.n LEFT JOIN debts b ON b.account_id = a.id AND b.n = n.n
        UNION ALL
        SELECT 3, 0, '', m.address, 0, m.site_id, m.j FROM meters m WHERE m.account_id IS NULL)
    SELECT powergate.rows_json(jsonb_agg(jsonb_strip_nulls(r.j || jsonb_build_object('site', at.site, 'building', at.building, 'floor', at.floor, 'unit', at.unit))
        ORDER BY r.part, r.k1, r.k2 COLLATE "C", r.k3 COLLATE "C", r.k4))
    FROM rows r JOIN at ON at.id = r.site_id);
END $$;
