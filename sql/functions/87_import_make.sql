-- Fleets from a file: what is made of rows with which nothing is wrong, in one transaction.
--
-- A statement a kind of thing, from the places down to the money; each writes into the rows what
-- it led to, and into import_made what was not there before.

CREATE OR REPLACE FUNCTION powergate.import_make_places(p_import bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE level text;
BEGIN
    FOREACH level IN ARRAY '{site,building,floor,unit}'::text[] LOOP
        WITH fresh AS (
            INSERT INTO site (name, zone, currency, mode, kind, parent_id)
            SELECT p.name, COALESCE(a.zone, p.zone), COALESCE(a.currency, p.currency, 'CNY'), COALESCE(p.mode, 'observe'), level, a.id
            FROM (SELECT q.name, max(q.above) AS above, max(q.zone) AS zone, max(q.currency) AS currency, max(q.mode) AS mode
                  FROM powergate.import_places(p_import) q WHERE q.field = level GROUP BY q.name) p
            LEFT JOIN site a ON a.name = p.above WHERE NOT EXISTS (SELECT FROM site s WHERE s.name = p.name) ORDER BY p.name
            RETURNING id)
        INSERT INTO import_made SELECT p_import, 'site', f.id FROM fresh f;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION powergate.import_make_accounts(p_import bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH fresh AS (
        INSERT INTO account (number, customer, contact, site_id, fee_mode, tariff_id, warn_minor, trip_minor, created_us)
        SELECT a.number, COALESCE(a.customer, ''), COALESCE(a.contact, ''), s.id, a.fee_mode, t.id,
            COALESCE((SELECT array_agg(powergate.minor_in(v) ORDER BY n) FROM unnest(string_to_array(a.warn, ' ')) WITH ORDINALITY AS w(v, n)), '{5000,2000,1000}'),
            COALESCE(powergate.minor_in(a.trip), 0), p_now
        FROM powergate.import_accounts(p_import) a JOIN site s ON s.name = a.place LEFT JOIN tariff t ON t.name = a.tariff
        WHERE NOT EXISTS (SELECT FROM account k WHERE k.number = a.number) ORDER BY a.line
        RETURNING id), state AS (
        INSERT INTO account_state (account_id) SELECT f.id FROM fresh f)
    INSERT INTO import_made SELECT p_import, 'account', f.id FROM fresh f;
END $$;

CREATE OR REPLACE FUNCTION powergate.import_make_endpoints(p_import bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH fresh AS (
        INSERT INTO endpoint (identity, kind, link, state)
        SELECT COALESCE(r.gateway, r.meter), CASE WHEN max(r.gateway) IS NULL THEN 'meter' ELSE 'dtu' END,
            COALESCE(max(r.link), CASE WHEN max(r.gateway) IS NULL THEN '4g' ELSE 'rs485' END), 'claimed'
        FROM import_row r WHERE r.import_id = p_import AND r.meter IS NOT NULL GROUP BY 1 ORDER BY 1
        ON CONFLICT (identity) DO NOTHING RETURNING id)
    INSERT INTO import_made SELECT p_import, 'endpoint', f.id FROM fresh f;
    -- what the rows lead to, once for all three: a row is long and is written as a whole
    UPDATE import_row r SET place_id = x.place_id, account_id = x.account_id, endpoint_id = x.endpoint_id
    FROM (SELECT q.line, s.id AS place_id, k.id AS account_id, e.id AS endpoint_id
          FROM import_row q JOIN site s ON s.name = q.place LEFT JOIN account k ON k.number = q.account
          LEFT JOIN endpoint e ON q.meter IS NOT NULL AND e.identity = COALESCE(q.gateway, q.meter) WHERE q.import_id = p_import) x
    WHERE r.import_id = p_import AND r.line = x.line;
    -- a stranger becomes ours with its first meter; what was quarantined since stays so
    UPDATE endpoint e SET state = 'claimed', why = '', link = COALESCE((SELECT max(r.link) FROM import_row r WHERE r.import_id = p_import AND r.endpoint_id = e.id), e.link)
    WHERE e.state = 'quarantined' AND e.id IN (SELECT r.endpoint_id FROM import_row r WHERE r.import_id = p_import)
      AND NOT EXISTS (SELECT FROM meter q WHERE q.endpoint_id = e.id AND q.state = 'active');
END $$;

CREATE OR REPLACE FUNCTION powergate.import_make_meters(p_import bigint, p_who text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH fresh AS (
        INSERT INTO meter (address, profile, capability, site_id, account_id, endpoint_id, customer, password, most_watts, created_us)
        SELECT r.meter, r.profile, COALESCE(r.capability, 'none'), COALESCE(k.site_id, r.place_id), r.account_id, r.endpoint_id, COALESCE(r.customer_number, r.meter),
            decode(r.sealed, 'hex'), COALESCE(r.most_watts::bigint, 100000), p_now
        FROM import_row r LEFT JOIN account k ON k.id = r.account_id WHERE r.import_id = p_import AND r.meter IS NOT NULL ORDER BY r.line RETURNING id)
    INSERT INTO import_made SELECT p_import, 'meter', f.id FROM fresh f;
    UPDATE import_row r SET meter_id = m.id, sealed = NULL FROM meter m WHERE r.import_id = p_import AND m.address = r.meter;
    -- an account that has bought before is open in its meter, and what was bought is not ours
    INSERT INTO meter_state (meter_id, base_count, base_bought, base_us, base_by, account_open)
    SELECT r.meter_id, r.purchases::bigint, powergate.minor_in(r.bought), CASE WHEN r.purchases IS NOT NULL THEN p_now END,
        CASE WHEN r.purchases IS NOT NULL THEN p_who END, r.purchases IS NOT NULL
    FROM import_row r WHERE r.import_id = p_import AND r.meter_id IS NOT NULL;
    PERFORM powergate.push_alarm(r.meter_id, 'imported', p_now) FROM import_row r WHERE r.import_id = p_import AND r.meter_id IS NOT NULL AND r.purchases IS NOT NULL;
END $$;

-- Where it counts: a point, a tenancy since ever with its place in the tiers, and an installation
-- that begins with the opening read, or else with the first.
CREATE OR REPLACE FUNCTION powergate.import_make_points(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH fresh AS (
        INSERT INTO service_point (site_id, name, extra_wh, created_us)
        SELECT m.site_id, COALESCE(r.service_point, r.meter), COALESCE(r.extra_wh::bigint, 0), p_now
        FROM import_row r JOIN meter m ON m.id = r.meter_id WHERE r.import_id = p_import AND r.account_id IS NOT NULL ORDER BY r.line RETURNING id)
    INSERT INTO import_made SELECT p_import, 'point', f.id FROM fresh f;
    UPDATE import_row r SET point_id = p.id FROM meter m, service_point p
    WHERE r.import_id = p_import AND r.account_id IS NOT NULL AND m.id = r.meter_id AND p.site_id = m.site_id AND p.name = COALESCE(r.service_point, r.meter);
    INSERT INTO tenancy (point_id, account_id, from_us, period_us, used_wh, band_wh)
    SELECT r.point_id, r.account_id, -9223372036854775808, CASE WHEN r.used_kwh IS NOT NULL THEN p_periods[array_position(p_tariffs, k.tariff_id)] ELSE 0 END,
        COALESCE(x.wh[1], 0), COALESCE(x.wh[2:], '{}')
    FROM import_row r JOIN account k ON k.id = r.account_id CROSS JOIN LATERAL (SELECT powergate.kwh_in(r.used_kwh) AS wh) x WHERE r.import_id = p_import AND r.point_id IS NOT NULL;
    INSERT INTO installation (point_id, tenancy_id, meter_id, multiplier, from_us, open_wh, billed_us, billed_wh, moved_us)
    SELECT r.point_id, y.id, r.meter_id, COALESCE(r.multiplier::int, 1), x.us, x.wh, x.us, x.wh, x.us
    FROM import_row r JOIN tenancy y ON y.point_id = r.point_id AND y.to_us IS NULL CROSS JOIN LATERAL (SELECT powergate.instant_in(r.opening_at) AS us,
        CASE WHEN r.opening_read IS NOT NULL THEN powergate.registers_kwh(r.opening_read) END AS wh) x
    WHERE r.import_id = p_import AND r.point_id IS NOT NULL;
END $$;

-- What the accounts had and owed where they come from.
CREATE OR REPLACE FUNCTION powergate.import_make_money(p_import bigint, p_who text, p_now bigint) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = off AS $$ -- how many are due nobody can guess beforehand
BEGIN
    UPDATE import_row r SET debt_id = nextval(pg_get_serial_sequence('powergate.debt', 'id')) WHERE r.import_id = p_import AND r.debt IS NOT NULL;
    INSERT INTO debt (id, account_id, kind, reference, amount_minor, percent_bp, week_cap_minor, created_us, created_by) OVERRIDING SYSTEM VALUE
    SELECT r.debt_id, r.account_id, CASE WHEN r.debt_percent IS NULL THEN 'accumulated' ELSE 'payment' END, COALESCE(r.debt_reference, 'adopted'),
        powergate.minor_in(r.debt), powergate.minor_in(r.debt_percent), powergate.minor_in(r.debt_week_cap), p_now, p_who
    FROM import_row r WHERE r.import_id = p_import AND r.debt_id IS NOT NULL;
    INSERT INTO import_made SELECT p_import, 'debt', r.debt_id FROM import_row r WHERE r.import_id = p_import AND r.debt_id IS NOT NULL;
    WITH due AS (
        SELECT format('opening:%s', k.id) AS key, k.id AS account_id, 'prepaid' AS ledger, '' AS owner, -powergate.minor_in(a.balance) AS minor, k.site_id
        FROM powergate.import_accounts(p_import) a JOIN account k ON k.number = a.number WHERE powergate.minor_in(a.balance) <> 0
        UNION ALL
        SELECT format('opening:%s:debt:%s', r.account_id, r.debt_id), r.account_id, 'arrears', 'debt:' || r.debt_id, powergate.minor_in(r.debt), r.place_id
        FROM import_row r WHERE r.import_id = p_import AND r.debt_id IS NOT NULL),
    j AS (
        INSERT INTO journal (key, kind, at_us, memo, actor)
        SELECT d.key, 'opening', p_now, 'taken over by import ' || p_import, p_who FROM due d ORDER BY d.account_id, d.key RETURNING id, key),
    posted AS (
        INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
        SELECT j.id, l.line, l.ledger, l.owner, l.account_id, l.minor, s.currency
        FROM due d JOIN j ON j.key = d.key JOIN site s ON s.id = d.site_id CROSS JOIN LATERAL (VALUES
            (1, d.ledger, d.owner, d.account_id, d.minor), (2, 'opening', '', NULL, -d.minor)) l(line, ledger, owner, account_id, minor)),
    kept AS (
        UPDATE account_state s SET prepaid_minor = s.prepaid_minor + x.prepaid, arrears_minor = s.arrears_minor + x.arrears, owes = s.owes OR x.arrears > 0
        FROM (SELECT d.account_id, -COALESCE(sum(d.minor) FILTER (WHERE d.ledger = 'prepaid'), 0)::bigint AS prepaid,
                COALESCE(sum(d.minor) FILTER (WHERE d.ledger = 'arrears'), 0)::bigint AS arrears FROM due d GROUP BY 1) x
        WHERE s.account_id = x.account_id)
    INSERT INTO import_made SELECT p_import, 'journal', j.id FROM j;
    PERFORM powergate.mark_dirty(array_agg(d.id), p_now) FROM import_made d WHERE d.import_id = p_import AND d.what = 'account';
END $$;

CREATE OR REPLACE FUNCTION powergate.import_make(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_who text, p_now bigint) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM powergate.import_make_places(p_import);
    PERFORM powergate.import_make_accounts(p_import, p_now);
    PERFORM powergate.import_make_endpoints(p_import);
    PERFORM powergate.import_make_meters(p_import, p_who, p_now);
    PERFORM powergate.import_make_points(p_import, p_tariffs, p_periods, p_now);
    PERFORM powergate.import_make_money(p_import, p_who, p_now);
    RETURN (SELECT jsonb_build_object('sites', count(*) FILTER (WHERE d.what = 'site'), 'accounts', count(*) FILTER (WHERE d.what = 'account'),
            'meters', count(*) FILTER (WHERE d.what = 'meter'), 'gateways', count(e.id), 'debts', count(*) FILTER (WHERE d.what = 'debt'),
            'balance_minor', COALESCE((SELECT -sum(l.amount_minor) FROM import_made q JOIN posting l ON l.journal_id = q.id AND l.ledger = 'prepaid'
                WHERE q.import_id = p_import AND q.what = 'journal'), 0),
            'debt_minor', COALESCE((SELECT sum(l.amount_minor) FROM import_made q JOIN posting l ON l.journal_id = q.id AND l.ledger = 'arrears'
                WHERE q.import_id = p_import AND q.what = 'journal'), 0),
            'live_meters', (SELECT count(*) FROM import_row r JOIN meter m ON m.id = r.meter_id JOIN site s ON s.id = m.site_id
                WHERE r.import_id = p_import AND s.mode = 'live'))
        FROM import_made d LEFT JOIN endpoint e ON d.what = 'endpoint' AND e.id = d.id AND e.kind = 'dtu' WHERE d.import_id = p_import);
END $$;
