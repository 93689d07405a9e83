-- Behind the API: fleets that come as a file, the way back, and the same file out of what is there.

CREATE OR REPLACE FUNCTION door.api_import_begin(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    IF COALESCE(p ->> 'sha256', '') !~ '^[0-9a-f]{64}$' OR COALESCE(p ->> 'row_count', '') !~ '^[1-9]\d{0,6}$' OR COALESCE(p ->> 'file_name', '') = '' THEN
        RETURN powergate.api_error(400, 'file_name, sha256 and row_count are needed');
    END IF;
    INSERT INTO import_batch (file_name, sha256, row_count, begun_us, begun_by)
    VALUES (p ->> 'file_name', p ->> 'sha256', (p ->> 'row_count')::bigint, p_now, p_who) RETURNING id INTO n;
    PERFORM powergate.audited(p_who, 'import.begin', p || jsonb_build_object('import', n), 'done', p_now);
    RETURN jsonb_build_object('import', n);
END $$;

-- A portion of rows; the same one again changes nothing.  `faults` is what was wrong with them
-- before they came here, as passwords that are none.
CREATE OR REPLACE FUNCTION door.api_import_rows(p jsonb, p_rows jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE b import_batch; n int;
BEGIN
    SELECT * INTO b FROM import_batch q WHERE q.id = powergate.id_arg(p, 'import') FOR UPDATE;
    IF b.id IS NULL THEN RETURN powergate.api_error(404, 'no such import'); END IF;
    IF b.state <> 'open' THEN RETURN powergate.api_error(409, 'this import is ' || b.state); END IF;
    WITH fresh AS (
        INSERT INTO import_row (import_id, line, site, building, floor, unit, zone, currency, site_mode, service_point, extra_wh, account, customer, contact,
            fee_mode, tariff, warn, trip, settlement_day, balance, used_kwh, debt, debt_reference, debt_percent, debt_week_cap, meter, profile, capability,
            customer_number, multiplier, most_watts, gateway, link, opening_read, opening_at, purchases, bought, sealed)
        SELECT b.id, x.line, x.site, x.building, x.floor, x.unit, x.zone, x.currency, x.site_mode, x.service_point, x.extra_wh, x.account, x.customer, x.contact,
            x.fee_mode, x.tariff, x.warn, x.trip, x.settlement_day, x.balance, x.used_kwh, x.debt, x.debt_reference, x.debt_percent, x.debt_week_cap, x.meter,
            x.profile, x.capability, x.customer_number, x.multiplier, x.most_watts, x.gateway, x.link, x.opening_read, x.opening_at, x.purchases, x.bought, x.sealed
        FROM jsonb_populate_recordset(NULL::import_row, p_rows) x ORDER BY x.line
        ON CONFLICT (import_id, line) DO NOTHING RETURNING line)
    INSERT INTO import_fault (import_id, line, field, text, given)
    SELECT b.id, f.line, t.field, t.text, true FROM fresh f JOIN jsonb_to_recordset(p_rows) AS x(line bigint, faults jsonb) ON x.line = f.line
    CROSS JOIN LATERAL jsonb_to_recordset(x.faults) AS t(field text, text text) WHERE x.faults IS NOT NULL;
    SELECT count(*) INTO n FROM import_row r WHERE r.import_id = b.id;
    RETURN jsonb_build_object('import', b.id, 'rows', n);
END $$;

-- The tariffs whose periods have to be known; of all of them, when no import is named.
CREATE OR REPLACE FUNCTION door.fleet_tariffs(p jsonb) RETURNS TABLE (tariff_id bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('statement_timeout', '120s', false); -- of what follows: a large fleet takes its time
    RETURN QUERY SELECT t.id FROM tariff t WHERE NOT p ? 'import' OR EXISTS (SELECT FROM import_row r WHERE r.import_id = powergate.id_arg(p, 'import') AND r.tariff = t.name)
        OR EXISTS (SELECT FROM import_row r JOIN account a ON a.number = r.account WHERE r.import_id = powergate.id_arg(p, 'import') AND a.tariff_id = t.id)
    ORDER BY t.id;
END $$;

-- A dry run does all of it and takes it back: what only the tables know is found as well.
CREATE OR REPLACE FUNCTION powergate.import_try(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_dry boolean, p_who text, p_now bigint,
    OUT made jsonb, OUT fault text) LANGUAGE plpgsql AS $$
BEGIN
    made := powergate.import_make(p_import, p_tariffs, p_periods, p_who, p_now);
    IF p_dry THEN RAISE EXCEPTION 'only tried' USING ERRCODE = 'PGDRY'; END IF;
EXCEPTION
    WHEN SQLSTATE 'PGDRY' THEN NULL;
    WHEN integrity_constraint_violation OR data_exception THEN fault := SQLERRM; made := NULL;
END $$;
CREATE OR REPLACE FUNCTION powergate.import_json(b import_batch) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('import', b.id, 'file', b.file_name, 'state', b.state, 'rows', b.row_count, 'begun_us', b.begun_us, 'done_us', b.done_us,
        'by', COALESCE(b.done_by, b.begun_by), 'undone_us', b.undone_us, 'undone_by', b.undone_by, 'reason', b.reason,
        'meters', (SELECT count(*) FROM import_made d WHERE d.import_id = b.id AND d.what = 'meter'));
END $$;
CREATE OR REPLACE FUNCTION door.api_import_run(p jsonb, p_who text, p_tariffs bigint[], p_periods bigint[], p_days int[], p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE b import_batch; dry boolean := COALESCE((p ->> 'dry_run')::boolean, false); wrong bigint; r record; answer jsonb;
BEGIN
    PERFORM set_config('statement_timeout', '30s', false); -- as it was
    PERFORM pg_advisory_xact_lock(hashtext('powergate import'));
    SELECT * INTO b FROM import_batch q WHERE q.id = powergate.id_arg(p, 'import') FOR UPDATE;
    IF b.id IS NULL THEN RETURN powergate.api_error(404, 'no such import'); END IF;
    IF b.state <> 'open' THEN RETURN powergate.api_error(409, 'this import is ' || b.state); END IF;
    IF (SELECT count(*) FROM import_row q WHERE q.import_id = b.id) <> b.row_count THEN
        RETURN powergate.api_error(409, 'not all of its rows are here');
    END IF;
    ANALYZE import_row; -- or it would be joined as if it had a row
    wrong := powergate.import_check(b.id, p_tariffs, p_periods, p_days, p_now);
    IF wrong = 0 THEN
        SELECT * INTO r FROM powergate.import_try(b.id, p_tariffs, p_periods, dry, p_who, p_now);
        IF r.fault IS NOT NULL THEN
            INSERT INTO import_fault VALUES (b.id, 0, '', r.fault);
            wrong := 1;
        END IF;
    END IF;
    answer := jsonb_build_object('import', b.id, 'state', CASE WHEN wrong > 0 THEN 'refused' WHEN dry THEN 'tried' ELSE 'done' END, 'rows_read', b.row_count, 'faults', wrong);
    IF wrong > 0 THEN
        answer := answer || jsonb_build_object('rows', (SELECT jsonb_agg(jsonb_build_object('line', f.line, 'field', f.field, 'text', f.text) ORDER BY f.line, f.field, f.text)
            FROM (SELECT * FROM import_fault q WHERE q.import_id = b.id ORDER BY q.line, q.field, q.text LIMIT 1000) f));
    ELSE
        answer := answer || r.made;
    END IF;
    IF wrong = 0 AND NOT dry THEN
        UPDATE import_batch q SET state = 'done', done_us = p_now, done_by = p_who WHERE q.id = b.id;
        answer := answer || jsonb_build_object('refresh', (SELECT COALESCE(jsonb_agg(DISTINCT e.id), '[]') FROM import_row q JOIN endpoint e ON e.id = q.endpoint_id
            WHERE q.import_id = b.id AND e.epoch > 0 AND e.closed_us IS NULL));
    ELSE    -- nothing of it stays, a password least of all
        DELETE FROM import_fault q WHERE q.import_id = b.id;
        DELETE FROM import_row q WHERE q.import_id = b.id;
    END IF;
    INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, p_who, 'import.run',
        p || jsonb_build_object('file', b.file_name, 'sha256', b.sha256), answer ->> 'state', '{"state": "open"}', answer - '{rows,refresh}'::text[]);
    RETURN answer;
END $$;
CREATE OR REPLACE FUNCTION door.api_import_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.import_json(b) ORDER BY b.id DESC))
        FROM (SELECT * FROM import_batch q WHERE p ? 'all' OR q.state <> 'open' ORDER BY q.id DESC LIMIT powergate.limited(p)) b);
END $$;
