-- Behind the API: statements, breaks, closing of days.

CREATE OR REPLACE FUNCTION powergate.statement_json(s statement) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('statement', s.id, 'source', s.source, 'provider', s.provider, 'what', s.what, 'merchant', s.merchant, 'day', s.day,
        'version', s.version, 'rows', s.row_count, 'payments', s.paid_count, 'paid_minor', s.paid_minor, 'refunds', s.refund_count,
        'refunded_minor', s.refund_minor, 'file', s.file_name, 'sha256', s.sha256, 'by', s.imported_by, 'imported_us', s.imported_us,
        'current', s.version IS NOT NULL AND s.id = powergate.recon_statement(s.source, s.day));
END $$;

-- Begins one, or finds the one of that hash: sealed, or to be gone on with.
CREATE OR REPLACE FUNCTION door.api_statement_begin(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s statement;
BEGIN
    IF COALESCE(p ->> 'source', '') !~ '^[a-z0-9_-]{1,31}$' THEN RETURN powergate.api_error(400, 'a source is 1 to 31 of a-z 0-9 _ -'); END IF;
    IF NOT powergate.is_day(p ->> 'day') THEN RETURN powergate.api_error(400, 'a day is one like 20261201'); END IF;
    IF p ? 'zone' AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = p ->> 'zone') THEN
        RETURN powergate.api_error(400, format('no time zone "%s"', p ->> 'zone'));
    END IF;
    IF p ? 'fee' AND COALESCE(p ->> 'fee', '') !~ '^([0-9]{1,4}|10000)$' THEN RETURN powergate.api_error(400, 'a fee is 0.00 to 100.00 per cent'); END IF;
    PERFORM pg_advisory_xact_lock(hashtext('powergate statement ' || (p ->> 'source')));
    SELECT * INTO s FROM statement q WHERE q.source = p ->> 'source' AND q.sha256 = p ->> 'sha256';
    IF s.sealed_us IS NOT NULL THEN
        RETURN powergate.statement_json(s) || jsonb_build_object('status', 'duplicate');
    END IF;
    IF s.id IS NOT NULL AND s.day <> (p ->> 'day')::int THEN RETURN powergate.api_error(409, format('it was begun for %s', s.day)); END IF;
    IF s.id IS NULL THEN
        INSERT INTO statement (source, provider, what, merchant, day, sha256, file_name, row_count, paid_count, paid_minor, refund_count, refund_minor,
            imported_by, imported_us)
        VALUES (p ->> 'source', p ->> 'provider', p ->> 'what', COALESCE(p ->> 'merchant', ''), (p ->> 'day')::int, p ->> 'sha256',
            COALESCE(p ->> 'file_name', ''), (p ->> 'row_count')::bigint, (p ->> 'paid_count')::bigint, (p ->> 'paid_minor')::bigint,
            (p ->> 'refund_count')::bigint, (p ->> 'refund_minor')::bigint, p_who, p_now) RETURNING * INTO s;
        PERFORM powergate.audited(p_who, 'statement.import', p, 'statement ' || s.id, p_now);
    END IF;
    IF p ? 'zone' OR p ? 'fee' THEN
        INSERT INTO recon_source AS x (source, zone, fee_ppm) VALUES (p ->> 'source', p ->> 'zone', (p ->> 'fee')::int * 100)
        ON CONFLICT (source) DO UPDATE SET zone = COALESCE(EXCLUDED.zone, x.zone), fee_ppm = COALESCE(EXCLUDED.fee_ppm, x.fee_ppm);
    END IF;
    RETURN powergate.statement_json(s) || jsonb_build_object('status', 'begun');
END $$;

-- A portion of its rows, column by column; the same lines again change nothing.
CREATE OR REPLACE FUNCTION door.api_statement_rows(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s statement; n int;
BEGIN
    SELECT * INTO s FROM statement q WHERE q.id = (p ->> 'statement')::bigint;
    IF s.id IS NULL THEN RETURN powergate.api_error(404, 'no such statement'); END IF;
    IF s.sealed_us IS NOT NULL THEN RETURN powergate.api_error(409, 'it is sealed'); END IF;
    INSERT INTO statement_row (statement_id, line, kind, payment_no, order_no, refund_no, at_us, amount_minor, settled_minor, fee_micro, currency, raw)
    SELECT s.id, x.* FROM unnest((p ->> 'line')::bigint[], (p ->> 'kind')::text[], (p ->> 'payment_no')::text[], (p ->> 'order_no')::text[],
        (p ->> 'refund_no')::text[], (p ->> 'at_us')::bigint[], (p ->> 'amount_minor')::bigint[], (p ->> 'settled_minor')::bigint[],
        (p ->> 'fee_micro')::bigint[], (p ->> 'currency')::text[], (p ->> 'raw')::text[]) x
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN jsonb_build_object('rows', n);
END $$;

-- Its rows make what its head says, or it stays what it is and never counts.
CREATE OR REPLACE FUNCTION door.api_statement_seal(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
DECLARE s statement; t record;
BEGIN
    SELECT * INTO s FROM statement q WHERE q.id = (p ->> 'statement')::bigint;
    IF s.id IS NULL THEN RETURN powergate.api_error(404, 'no such statement'); END IF;
    PERFORM pg_advisory_xact_lock(hashtext('powergate statement ' || s.source));
    SELECT * INTO s FROM statement q WHERE q.id = s.id FOR UPDATE;
    IF s.sealed_us IS NOT NULL THEN RETURN powergate.statement_json(s) || jsonb_build_object('status', 'duplicate'); END IF;
    SELECT count(*) AS n, count(*) FILTER (WHERE q.kind = 'payment') AS paid, COALESCE(sum(q.amount_minor) FILTER (WHERE q.kind = 'payment'), 0) AS paid_minor,
        count(*) FILTER (WHERE q.kind = 'refund') AS refunds, COALESCE(sum(q.amount_minor) FILTER (WHERE q.kind = 'refund'), 0) AS refund_minor
    INTO t FROM statement_row q WHERE q.statement_id = s.id;
    IF (t.n, t.paid, t.paid_minor, t.refunds, t.refund_minor) <> (s.row_count, s.paid_count, s.paid_minor, s.refund_count, s.refund_minor) THEN
        RETURN powergate.api_error(409, format('its head says %s rows and %s paid, its rows make %s and %s', s.row_count,
            powergate.money_text(s.paid_minor), t.n, powergate.money_text(t.paid_minor::bigint)));
    END IF;
    UPDATE statement q SET sealed_us = p_now, version = 1 + COALESCE((SELECT max(x.version) FROM statement x
        WHERE x.source = s.source AND x.what = s.what AND x.day = s.day), 0) WHERE q.id = s.id RETURNING * INTO s;
    DELETE FROM recon_job q WHERE q.target = 'source:' || s.source AND q.day = s.day; -- to be looked at again
    PERFORM powergate.audited(p_who, 'statement.seal', p, 'version ' || s.version, p_now);
    RETURN powergate.statement_json(s) || jsonb_build_object('status', 'imported');
END $$;

CREATE OR REPLACE FUNCTION door.api_statement_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.statement_json(s) ORDER BY s.day DESC, s.source, s.version DESC))
    FROM (SELECT * FROM statement x WHERE x.sealed_us IS NOT NULL AND (NOT p ? 'source' OR x.source = p ->> 'source')
            AND (NOT p ? 'day' OR x.day = (p ->> 'day')::int) ORDER BY x.day DESC, x.source, x.version DESC LIMIT powergate.limited(p)) s;
$$;

-- --- breaks -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.break_json(b recon_break, p_now bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('break', b.id, 'rule', b.rule, 'kind', b.kind, 'state', b.state, 'day', b.day, 'source', b.source,
        'site', (SELECT name FROM site WHERE id = b.site_id), 'account', (SELECT number FROM account WHERE id = b.account_id),
        'meter', (SELECT address FROM meter WHERE id = b.meter_id), 'payment', b.payment_id, 'delivery', b.delivery_id, 'line', b.line,
        'amount_minor', b.amount_minor, 'currency', b.currency, 'text', b.text, 'first_us', b.first_us,
        'age_s', (COALESCE(b.ended_us, p_now) - b.first_us) / 1000000, 'owner', b.owner, 'note', b.note, 'journal', b.journal_id, 'why', b.why,
        'ended_us', b.ended_us, 'ended_by', b.ended_by, 'reopened', b.reopened);
END $$;
CREATE OR REPLACE FUNCTION door.api_recon_breaks(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.break_json(b, p_now) ORDER BY b.id))
    FROM (SELECT * FROM recon_break x WHERE (p ? 'all' OR x.state IN ('open', 'carried')) AND (NOT p ? 'source' OR x.source = p ->> 'source')
            AND (NOT p ? 'site' OR x.site_id = (SELECT id FROM site WHERE name = p ->> 'site')) AND (NOT p ? 'day' OR x.day = (p ->> 'day')::int)
            AND (NOT p ? 'kind' OR x.kind = upper(p ->> 'kind')) ORDER BY x.id LIMIT powergate.limited(p)) b;
$$;
CREATE OR REPLACE FUNCTION door.api_recon_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.break_json(b, p_now) || jsonb_build_object(
            'statement_line', (SELECT r.raw FROM statement_row r WHERE b.line IS NOT NULL AND r.statement_id = powergate.recon_statement(b.source, b.day) AND r.line = b.line),
            'steps', (SELECT COALESCE(jsonb_agg(jsonb_build_object('at_us', s.at_us, 'step', s.step, 'by', s.by, 'text', s.text) ORDER BY s.id), '[]')
                FROM recon_step s WHERE s.break_id = b.id))
        FROM recon_break b WHERE b.id = (p ->> 'break')::bigint), powergate.api_error(404, 'no such break'));
$$;

-- Taken by somebody with --owner alone; else it is accepted with a reason, or by the journal that put it right.
CREATE OR REPLACE FUNCTION door.api_recon_resolve(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE b recon_break; j bigint;
BEGIN
    SELECT * INTO b FROM recon_break q WHERE q.id = (p ->> 'break')::bigint FOR UPDATE;
    IF b.id IS NULL THEN RETURN powergate.api_error(404, 'no such break'); END IF;
    IF b.state NOT IN ('open', 'carried') THEN RETURN powergate.api_error(409, format('it is %s already', b.state)); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF p ? 'journal' THEN
        SELECT q.id INTO j FROM journal q WHERE q.id = (p ->> 'journal')::bigint;
        IF j IS NULL THEN RETURN powergate.api_error(404, 'no such journal'); END IF;
    END IF;
    UPDATE recon_break q SET note = p ->> 'reason', owner = COALESCE(p ->> 'owner', q.owner, p_who), journal_id = j,
        state = CASE WHEN p ? 'owner' THEN q.state ELSE 'resolved' END, ended_us = CASE WHEN NOT p ? 'owner' THEN p_now END,
        ended_by = CASE WHEN NOT p ? 'owner' THEN p_who END WHERE q.id = b.id RETURNING * INTO b;
    INSERT INTO recon_step (break_id, at_us, step, by, text)
    VALUES (b.id, p_now, CASE WHEN p ? 'owner' THEN 'assigned' ELSE 'resolved' END, p_who, concat_ws(' ', p ->> 'owner', p ->> 'reason', 'journal ' || j));
    IF b.state = 'resolved' THEN
        PERFORM powergate.work_resolve('recon:' || b.id, p || jsonb_build_object('by', p_who), p_now);
    END IF;
    PERFORM powergate.audited(p_who, 'recon.resolve', p, b.state, p_now);
    RETURN powergate.break_json(b, p_now);
END $$;

-- --- runs and days ------------------------------------------------------------------------------------

-- By hand: one source's day, one site's, or all that have one.
CREATE OR REPLACE FUNCTION door.api_recon_run(p jsonb, p_who text, p_zone text, p_cutoff bigint, p_undelivered bigint, p_supply bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE d int; x record; r recon_run; rows jsonb := '[]';
BEGIN
    IF NOT powergate.is_day(p ->> 'day') THEN RETURN powergate.api_error(400, 'a day is one like 20261201'); END IF;
    d := (p ->> 'day')::int;
    IF p ? 'site' AND NOT EXISTS (SELECT FROM site WHERE name = p ->> 'site') THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    PERFORM powergate.audited(p_who, 'recon.run', p, 'begun', p_now);
    FOR x IN SELECT 1 AS rank, 'source' AS target, s.source, NULL::bigint AS site, s.source AS name FROM (
                 SELECT DISTINCT q.source FROM statement q WHERE q.day = d AND q.version IS NOT NULL
                 UNION SELECT p ->> 'source' WHERE p ? 'source') s
             WHERE NOT p ? 'site' AND (NOT p ? 'source' OR s.source = p ->> 'source')
             UNION ALL SELECT 2, 'books', NULL, NULL, 'books' WHERE NOT p ? 'source' AND NOT p ? 'site'
             UNION ALL SELECT 3, 'site', NULL, t.id, t.name FROM site t WHERE NOT p ? 'source' AND (NOT p ? 'site' OR t.name = p ->> 'site')
             ORDER BY 1, 5 LOOP
        r := powergate.recon_run_one(x.target, x.source, x.site, d, p_zone, p_cutoff, p_undelivered, p_supply, p_who, p_now);
        rows := rows || jsonb_build_object('run', r.id, 'target', x.target, 'name', x.name, 'day', d, 'opened', r.opened, 'closed', r.closed,
            'reopened', r.reopened, 'open', (SELECT count(*) FROM recon_break b WHERE b.state IN ('open', 'carried') AND
                (b.scope = format('source:%s:%s', x.source, d) OR b.scope IN (format('site:%s', x.site), format('site:%s:%s', x.site, d))
                 OR b.scope = CASE x.target WHEN 'books' THEN 'books' END)), 'figures', r.figures);
    END LOOP;
    RETURN jsonb_build_object('rows', rows);
END $$;

CREATE OR REPLACE FUNCTION powergate.recon_day_json(d recon_day) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('site', (SELECT name FROM site WHERE id = d.site_id), 'day', d.day, 'closed_us', d.closed_us, 'by', d.closed_by,
        'reason', d.reason, 'open_breaks', d.open_breaks, 'open_sources', array_to_string(d.open_sources, ' '), 'figures', d.figures,
        'before_sha256', d.before_sha256, 'sha256', d.sha256);
END $$;
CREATE OR REPLACE FUNCTION door.api_recon_close(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t site; d int; fault text; open_now int; made recon_day;
BEGIN
    SELECT * INTO t FROM site WHERE name = p ->> 'site' FOR UPDATE;
    IF t.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    IF NOT powergate.is_day(p ->> 'day') THEN RETURN powergate.api_error(400, 'a day is one like 20261201'); END IF;
    d := (p ->> 'day')::int;
    SELECT count(*) INTO open_now FROM recon_break b WHERE b.state IN ('open', 'carried') AND b.scope IN (format('site:%s', t.id), format('site:%s:%s', t.id, d));
    fault := powergate.recon_close_fault(t, d, COALESCE(p ->> 'reason', ''), open_now, p_now);
    IF fault IS NOT NULL THEN RETURN powergate.api_error(409, fault); END IF;
    made := powergate.recon_close(t, d, COALESCE(p ->> 'reason', ''), p_who, open_now, p_now);
    PERFORM powergate.audited(p_who, 'recon.close', p, made.sha256, p_now);
    RETURN powergate.recon_day_json(made);
END $$;
CREATE OR REPLACE FUNCTION door.api_recon_days(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.recon_day_json(d) ORDER BY d.day DESC, d.site_id))
    FROM (SELECT * FROM recon_day x WHERE NOT p ? 'site' OR x.site_id = (SELECT id FROM site WHERE name = p ->> 'site')
          ORDER BY x.day DESC, x.site_id LIMIT powergate.limited(p)) d;
$$;

-- --- meters in front of meters --------------------------------------------------------------------------

-- All that stand behind it, told at once; none: it is in front of nobody any more.
CREATE OR REPLACE FUNCTION door.api_meter_master(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; subs text[] := string_to_array(NULLIF(p ->> 'subs', ''), ','); bad text;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' FOR UPDATE;
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    SELECT x INTO bad FROM unnest(subs) x LEFT JOIN meter y ON y.address = x
    WHERE y.id IS NULL OR y.site_id <> m.site_id OR y.id = m.id OR EXISTS (SELECT FROM submeter q WHERE q.meter_id = y.id AND q.master_id <> m.id) LIMIT 1;
    IF bad IS NOT NULL THEN RETURN powergate.api_error(409, format('meter %s is none of this site, or stands behind another', bad)); END IF;
    DELETE FROM master_meter k WHERE k.meter_id = m.id;
    IF subs IS NOT NULL THEN
        INSERT INTO master_meter VALUES (m.id, COALESCE((p ->> 'multiplier')::int, 1), COALESCE((p ->> 'loss')::int, 500) * 100);
        INSERT INTO submeter SELECT DISTINCT y.id, m.id FROM meter y WHERE y.address = ANY (subs);
    END IF;
    PERFORM powergate.audited(p_who, 'meter.master', p, COALESCE(cardinality(subs), 0) || ' behind it', p_now);
    RETURN jsonb_build_object('meter', m.address, 'subs', COALESCE(cardinality(subs), 0));
END $$;
