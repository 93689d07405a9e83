-- The way back: as long as nothing has happened on what an import made.
--
-- Nothing is deleted.  Money goes back by journals; accounts, meters, points and places stay for
-- what names them, withdrawn, and their numbers and names are free to be imported again.

-- What stands in the way, a row each.
CREATE OR REPLACE FUNCTION powergate.import_hindrances(p_import bigint) RETURNS TABLE (what text, text text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY WITH a AS NOT MATERIALIZED (SELECT k.id, k.number, k.state FROM import_made d JOIN account k ON k.id = d.id WHERE d.import_id = p_import AND d.what = 'account'),
    m AS NOT MATERIALIZED (SELECT q.id, q.address, q.state, q.endpoint_id FROM import_made d JOIN meter q ON q.id = d.id WHERE d.import_id = p_import AND d.what = 'meter'),
    s AS NOT MATERIALIZED (SELECT q.id, q.name FROM import_made d JOIN site q ON q.id = d.id WHERE d.import_id = p_import AND d.what = 'site')
    SELECT 'account', format('account %s is %s', a.number, a.state) FROM a WHERE a.state <> 'active'
    UNION ALL SELECT 'payment', format('account %s has payment %s', a.number, q.payment_no) FROM a JOIN payment q ON q.account_id = a.id
    UNION ALL SELECT 'order', format('account %s has order %s', a.number, o.number) FROM a JOIN pay_order o ON o.account_id = a.id
    UNION ALL SELECT 'journal', format('account %s has journal %s, %s', a.number, j.id, j.kind)
        FROM a JOIN posting l ON l.account_id = a.id JOIN journal j ON j.id = l.journal_id
        WHERE NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'journal' AND o.id = j.id)
    UNION ALL SELECT 'journal', format('journal %s was reversed by %s', v.reverses, v.id) FROM import_made o JOIN journal v ON v.reverses = o.id WHERE o.import_id = p_import AND o.what = 'journal'
    UNION ALL SELECT 'charge', format('account %s has charge %s', a.number, c.id) FROM a JOIN tenancy y ON y.account_id = a.id JOIN charge c ON c.tenancy_id = y.id
    UNION ALL SELECT 'debt', format('account %s has debt %s', a.number, b.reference) FROM a JOIN debt b ON b.account_id = a.id
        WHERE NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'debt' AND o.id = b.id)
    UNION ALL SELECT 'credit', format('account %s has emergency credit', a.number) FROM a JOIN emergency e ON e.account_id = a.id
    UNION ALL SELECT 'override', format('account %s pays for override %s', a.number, o.id) FROM a JOIN supply_override o ON o.charged_account_id = a.id
    UNION ALL SELECT 'tenancy', format('account %s has moved since', a.number) FROM a JOIN tenancy y ON y.account_id = a.id
        WHERE y.to_us IS NOT NULL OR NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'point' AND o.id = y.point_id)
    UNION ALL SELECT 'meter', format('meter %s is %s', m.address, m.state) FROM m WHERE m.state <> 'active'
    UNION ALL SELECT 'meter', format('meter %s was added to account %s', q.address, a.number) FROM a JOIN meter q ON q.account_id = a.id
        WHERE NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'meter' AND o.id = q.id)
    UNION ALL SELECT 'command', format('meter %s had command %s, %s', m.address, c.id, c.kind) FROM m JOIN command c ON c.meter_id = m.id
        WHERE NOT (c.kind = 'push' AND c.state IN ('waiting', 'cancelled'))
    UNION ALL SELECT 'delivery', format('meter %s had delivery %s', m.address, c.id) FROM m JOIN credit_delivery c ON c.meter_id = m.id
    UNION ALL SELECT 'hold', format('meter %s had hold %s', m.address, h.kind) FROM m JOIN hold h ON h.meter_id = m.id
    UNION ALL SELECT 'override', format('meter %s had override %s', m.address, o.id) FROM m JOIN supply_override o ON o.meter_id = m.id
    UNION ALL SELECT 'installation', format('meter %s was taken away', m.address) FROM m JOIN installation i ON i.meter_id = m.id
        WHERE i.to_us IS NOT NULL
    UNION ALL SELECT 'installation', format('another meter was at %s', p.name) FROM import_made o JOIN service_point p ON p.id = o.id
        JOIN installation i ON i.point_id = o.id AND NOT EXISTS (SELECT FROM import_made x WHERE x.import_id = p_import AND x.what = 'meter' AND x.id = i.meter_id)
        WHERE o.import_id = p_import AND o.what = 'point'
    UNION ALL SELECT 'master', format('meter %s is a master, or below one', m.address) FROM m
        WHERE EXISTS (SELECT FROM master_meter x WHERE x.meter_id = m.id) OR EXISTS (SELECT FROM submeter x WHERE x.meter_id = m.id)
    UNION ALL SELECT 'site', format('%s lies within %s', q.name, s.name) FROM s JOIN site q ON q.parent_id = s.id WHERE NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'site' AND o.id = q.id)
    UNION ALL SELECT 'site', format('account %s is at %s', q.number, s.name) FROM s JOIN account q ON q.site_id = s.id
        WHERE q.state <> 'withdrawn' AND NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'account' AND o.id = q.id)
    UNION ALL SELECT 'site', format('meter %s is at %s', q.address, s.name) FROM s JOIN meter q ON q.site_id = s.id
        WHERE q.state <> 'withdrawn' AND NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'meter' AND o.id = q.id)
    UNION ALL SELECT 'site', format('%s is for %s', q.name, s.name) FROM s JOIN principal_site x ON x.site_id = s.id JOIN principal q ON q.uid = x.uid
    UNION ALL SELECT 'site', format('day %s of %s is closed', q.day, s.name) FROM s JOIN recon_day q ON q.site_id = s.id
    UNION ALL SELECT 'gateway', format('meter %s is behind %s', q.address, e.identity) FROM import_made o JOIN endpoint e ON e.id = o.id
        JOIN meter q ON q.endpoint_id = e.id WHERE o.import_id = p_import AND o.what = 'endpoint' AND NOT EXISTS (SELECT FROM import_made o WHERE o.import_id = p_import AND o.what = 'meter' AND o.id = q.id);
END $$;

-- Each opening journal the other way round.
CREATE OR REPLACE FUNCTION powergate.import_undo_money(p_import bigint, p_reason text, p_who text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH due AS (SELECT d.id FROM import_made d WHERE d.import_id = p_import AND d.what = 'journal'),
    j AS (
        INSERT INTO journal (key, kind, at_us, reverses, memo, actor)
        SELECT 'opening-undone:' || d.id, 'opening', p_now, d.id, p_reason, p_who FROM due d ORDER BY d.id RETURNING id, reverses)
    INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
    SELECT j.id, l.line, l.ledger, l.owner, l.account_id, -l.amount_minor, l.currency FROM j JOIN posting l ON l.journal_id = j.reverses;
    UPDATE debt d SET closed_us = p_now FROM import_made x WHERE x.import_id = p_import AND x.what = 'debt' AND d.id = x.id;
    UPDATE account_state s SET prepaid_minor = p.prepaid, arrears_minor = p.arrears, owes = false, version = version + 1, rate_version = rate_version + 1,
        dirty_us = NULL, look_again_us = NULL, rate_us = NULL, rate_again_us = NULL
    FROM import_made x CROSS JOIN LATERAL (SELECT -COALESCE(sum(l.amount_minor) FILTER (WHERE l.ledger = 'prepaid'), 0)::bigint AS prepaid,
            COALESCE(sum(l.amount_minor) FILTER (WHERE l.ledger = 'arrears'), 0)::bigint AS arrears FROM posting l WHERE l.account_id = x.id) p
    WHERE x.import_id = p_import AND x.what = 'account' AND s.account_id = x.id;
    IF EXISTS (SELECT FROM import_made x JOIN account_state s ON s.account_id = x.id WHERE x.import_id = p_import AND x.what = 'account'
        AND (s.prepaid_minor, s.loaded_minor, s.arrears_minor) <> (0, 0, 0)) THEN
        RAISE EXCEPTION 'an account of the import would keep money' USING ERRCODE = '23514';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION powergate.import_undo_things(p_import bigint, p_reason text, p_who text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE mark text := '~' || p_import;
BEGIN
    UPDATE command c SET state = 'cancelled', ended_us = p_now, outcome = 'its meter was withdrawn' FROM import_made x
    WHERE x.import_id = p_import AND x.what = 'meter' AND c.meter_id = x.id AND c.state = 'waiting';
    DELETE FROM meter_parameter q USING import_made x WHERE x.import_id = p_import AND x.what = 'meter' AND q.meter_id = x.id;
    UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', p_who, 'reason', p_reason)
    WHERE w.state <> 'resolved' AND (w.meter_id IN (SELECT x.id FROM import_made x WHERE x.import_id = p_import AND x.what = 'meter')
        OR w.account_id IN (SELECT x.id FROM import_made x WHERE x.import_id = p_import AND x.what = 'account'));
    UPDATE installation i SET to_us = p_now, close_wh = open_wh, close_quality = 'estimate', settled = true FROM import_made x
    WHERE x.import_id = p_import AND x.what = 'meter' AND i.meter_id = x.id;
    UPDATE tenancy y SET to_us = p_now, settled = true, reviewed = true FROM import_made x
    WHERE x.import_id = p_import AND x.what = 'point' AND y.point_id = x.id AND y.to_us IS NULL;
    UPDATE service_point p SET name = p.name || mark FROM import_made x WHERE x.import_id = p_import AND x.what = 'point' AND p.id = x.id;
    UPDATE endpoint e SET state = 'quarantined', why = format('import %s was undone', p_import)
    WHERE e.id IN (SELECT m.endpoint_id FROM import_made x JOIN meter m ON m.id = x.id WHERE x.import_id = p_import AND x.what = 'meter')
      AND NOT EXISTS (SELECT FROM meter m WHERE m.endpoint_id = e.id AND m.state = 'active'
          AND NOT EXISTS (SELECT FROM import_made x WHERE x.import_id = p_import AND x.what = 'meter' AND x.id = m.id));
    UPDATE meter m SET state = 'withdrawn', address = m.address || mark, account_id = NULL, endpoint_id = NULL, password = NULL
    FROM import_made x WHERE x.import_id = p_import AND x.what = 'meter' AND m.id = x.id;
    UPDATE account k SET state = 'withdrawn', number = k.number || mark FROM import_made x WHERE x.import_id = p_import AND x.what = 'account' AND k.id = x.id;
    UPDATE site s SET withdrawn = true, name = s.name || mark FROM import_made x WHERE x.import_id = p_import AND x.what = 'site' AND s.id = x.id;
END $$;

-- Above the limit another has to agree, as with any money that is taken back.
CREATE OR REPLACE FUNCTION door.api_import_undo(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE b import_batch; n bigint; money numeric; sessions jsonb; waits jsonb; listed jsonb;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM pg_advisory_xact_lock(hashtext('powergate import'));
    SELECT * INTO b FROM import_batch q WHERE q.id = powergate.id_arg(p, 'import') FOR UPDATE;
    IF b.id IS NULL THEN RETURN powergate.api_error(404, 'no such import'); END IF;
    IF b.state <> 'done' THEN RETURN powergate.api_error(409, CASE b.state WHEN 'open' THEN 'this import was never done' ELSE 'this import is undone already' END); END IF;
    -- from here on nothing happens on its accounts and meters
    PERFORM 1 FROM account_state s JOIN import_made d ON d.import_id = b.id AND d.what = 'account' AND d.id = s.account_id ORDER BY s.account_id FOR UPDATE OF s;
    PERFORM 1 FROM meter_state s JOIN import_made d ON d.import_id = b.id AND d.what = 'meter' AND d.id = s.meter_id ORDER BY s.meter_id FOR UPDATE OF s;
    SELECT count(*), COALESCE(jsonb_agg(jsonb_build_object('what', h.what, 'text', h.text)) FILTER (WHERE h.n <= 1000), '[]') INTO n, listed
    FROM (SELECT q.what, q.text, row_number() OVER (ORDER BY q.what, q.text) AS n FROM powergate.import_hindrances(b.id) q) h;
    IF n > 0 THEN
        INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, p_who, 'import.undo', p, 'refused',
            '{"state": "done"}', jsonb_build_object('state', 'done', 'hindrances', n));
        RETURN jsonb_build_object('import', b.id, 'state', 'refused', 'hindrances', n, 'rows', listed);
    END IF;
    SELECT COALESCE(sum(l.amount_minor), 0) INTO money FROM import_made d JOIN posting l ON l.journal_id = d.id
    WHERE d.import_id = b.id AND d.what = 'journal' AND l.amount_minor > 0;
    IF money > p_limit THEN
        waits := powergate.approval_needed('import.undo', jsonb_build_object('import', b.id, 'sha256', b.sha256, 'money_minor', money), p ->> 'reason', p_who, p_uid, p_now);
        IF waits IS NOT NULL THEN RETURN waits || jsonb_build_object('import', b.id); END IF;
    END IF;
    SELECT COALESCE(jsonb_agg(DISTINCT e.id), '[]') INTO sessions FROM import_made d JOIN meter m ON m.id = d.id JOIN endpoint e ON e.id = m.endpoint_id
    WHERE d.import_id = b.id AND d.what = 'meter' AND e.epoch > 0 AND e.closed_us IS NULL;
    PERFORM powergate.import_undo_money(b.id, p ->> 'reason', p_who, p_now);
    PERFORM powergate.import_undo_things(b.id, p ->> 'reason', p_who, p_now);
    UPDATE import_batch q SET state = 'undone', undone_us = p_now, undone_by = p_who, reason = p ->> 'reason' WHERE q.id = b.id RETURNING * INTO b;
    INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, p_who, 'import.undo', p, 'done',
        jsonb_build_object('state', 'done', 'money_minor', money), powergate.import_json(b));
    RETURN powergate.import_json(b) || jsonb_build_object('refresh', sessions);
END $$;
