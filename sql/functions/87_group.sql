-- One order to many meters: chosen, shown, started, worked off at a pace, stopped and resumed.
--
-- It is all in the database: whichever node looks next has the group's row for the length of a
-- turn, takes what the pace allows since the last turn, and lets go; one that dies in between has
-- done nothing.  What a member is ordered goes the way of any such order: the queue, its lanes, the
-- budgets of trips, the kill switch.

-- A site with all that lies within it.
CREATE OR REPLACE FUNCTION powergate.sites_within(p_site text) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH RECURSIVE within AS (
        SELECT s.id FROM site s WHERE s.name = p_site
        UNION SELECT s.id FROM site s JOIN within w ON s.parent_id = w.id
    ) SELECT COALESCE(array_agg(id), '{}') FROM within);
END $$;

-- Who is meant: a site, a list, filters, all at once where several are given.
CREATE OR REPLACE FUNCTION powergate.group_chosen(p jsonb) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE sites bigint[] := CASE WHEN p ? 'site' THEN powergate.sites_within(p ->> 'site') END;
BEGIN
    RETURN (SELECT COALESCE(array_agg(m.id ORDER BY m.address), '{}') FROM meter m JOIN meter_state s ON s.meter_id = m.id
        LEFT JOIN account_state t ON t.account_id = m.account_id LEFT JOIN endpoint e ON e.id = m.endpoint_id
        WHERE m.state = 'active' AND (sites IS NULL OR m.site_id = ANY (sites))
          AND (NOT p ? 'meters' OR m.address = ANY (powergate.meters_listed(p)))
          AND (NOT p ? 'profile' OR m.profile = p ->> 'profile')
          AND (NOT p ? 'relay' OR s.relay_seen = p ->> 'relay')
          AND (NOT p ? 'online' OR (e.closed_us IS NULL AND e.epoch > 0) = (p ->> 'online' = 'yes'))
          AND (NOT p ? 'below_minor' OR COALESCE(s.credit_minor, t.prepaid_minor) < powergate.minor_arg(p, 'below_minor')));
END $$;

CREATE OR REPLACE FUNCTION powergate.group_disconnects(g meter_group) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN g.action IN ('open', 'hold');
END $$;
-- Why this member is left out now; NULL: it is not.
CREATE OR REPLACE FUNCTION powergate.group_spares(g meter_group, p_meter bigint, p_now bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE m meter; s meter_state;
BEGIN
    SELECT * INTO m FROM meter WHERE id = p_meter;
    SELECT * INTO s FROM meter_state WHERE meter_id = p_meter;
    RETURN CASE WHEN m.state <> 'active' THEN 'it is no longer in service'
        WHEN powergate.group_disconnects(g) AND powergate.spared(m.id, m.site_id, p_now) THEN 'it is protected'
        WHEN g.action = 'open' AND s.relay_seen = 'open' AND s.relay_wanted = 'open' THEN 'it is off already'
        WHEN g.action = 'hold' AND EXISTS (SELECT FROM hold h WHERE h.meter_id = m.id AND h.kind = g.args ->> 'hold' AND h.released_us IS NULL)
            THEN 'this hold is in force already'
        WHEN g.action = 'release' AND NOT EXISTS (SELECT FROM hold h WHERE h.meter_id = m.id AND h.kind = g.args ->> 'hold' AND h.released_us IS NULL)
            THEN 'no such hold is in force'
        WHEN g.action IN ('close', 'permit') AND s.relay_seen = 'closed' AND s.relay_wanted = 'closed' THEN 'it is on already' END;
END $$;

CREATE OR REPLACE FUNCTION powergate.group_json(g meter_group) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE n jsonb := (SELECT jsonb_object_agg(x.state, x.n) FROM (SELECT m.state, count(*) AS n FROM group_member m WHERE m.group_id = g.id GROUP BY m.state) x);
    ended bigint := COALESCE((n ->> 'done')::bigint, 0) + COALESCE((n ->> 'failed')::bigint, 0) + COALESCE((n ->> 'skipped')::bigint, 0);
BEGIN
    RETURN jsonb_build_object('group', g.id, 'action', g.action, 'state', g.state, 'meters', g.meters, 'ended', ended,
        'percent', CASE WHEN g.meters > 0 THEN ended * 100 / g.meters ELSE 100 END,
        'waiting', COALESCE((n ->> 'waiting')::bigint, 0), 'ordered', COALESCE((n ->> 'ordered')::bigint, 0), 'done', COALESCE((n ->> 'done')::bigint, 0),
        'failed', COALESCE((n ->> 'failed')::bigint, 0), 'skipped', COALESCE((n ->> 'skipped')::bigint, 0), 'pace', g.pace,
        'reason', g.reason, 'by', g.created_by, 'created_us', g.created_us, 'started_us', g.started_us, 'ended_us', g.ended_us,
        'sha256', encode(g.sha256, 'hex'), 'chosen', g.chosen);
END $$;
CREATE OR REPLACE FUNCTION powergate.members_json(p jsonb, p_group bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object('n', m.n, 'meter', m.address, 'state', m.state, 'why', m.why, 'command', m.command_id, 'at_us', m.at_us) ORDER BY m.n), '[]')
        FROM (SELECT * FROM group_member x WHERE x.group_id = p_group AND (NOT p ? 'state' OR x.state = p ->> 'state')
              AND x.n > COALESCE(powergate.id_arg(p, 'after'), 0) ORDER BY x.n LIMIT powergate.limited(p)) m);
END $$;

CREATE OR REPLACE FUNCTION powergate.group_wrong(p jsonb, p_uid bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN COALESCE(p ->> 'action', '') NOT IN ('open', 'close', 'permit', 'hold', 'release', 'read', 'freeze', 'tariff')
            THEN 'the action is open, close, permit, hold, release, read, freeze or tariff'
        WHEN COALESCE(p ->> 'reason', '') = '' THEN 'a reason is needed'
        WHEN NOT p ?| '{site,meters,profile,relay,online,below_minor}' THEN 'who? a site, meters, or a filter'
        WHEN p ? 'site' AND NOT EXISTS (SELECT FROM site s WHERE s.name = p ->> 'site') THEN 'no such site'
        WHEN p ->> 'action' IN ('hold', 'release') AND COALESCE(p ->> 'hold', '') NOT IN ('ADMIN', 'MOVE_OUT', 'FRAUD', 'MAINTENANCE')
            THEN 'a hold of a group is ADMIN, MOVE_OUT, FRAUD or MAINTENANCE; SAFETY does not wait for a pace'
        WHEN p ->> 'action' = 'freeze' AND COALESCE(p ->> 'day', '') !~ '^20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$' THEN 'which day? such as 20261121'
        WHEN p ->> 'action' = 'tariff' AND NOT (p ? 'wanted' AND p ? 'profile') THEN 'prices are for meters of one profile: which, and which prices?'
        WHEN p ->> 'action' = 'tariff' AND (SELECT q.role FROM principal q WHERE q.uid = p_uid) <> 'admin' THEN 'prices into meters are for an admin'
        WHEN COALESCE(p ->> 'pace', '10') !~ '^\d{1,4}$' OR COALESCE(p ->> 'pace', '10')::int NOT BETWEEN 1 AND 1000 THEN 'the pace is 1 to 1000 a second'
        WHEN p ? 'meters' AND powergate.meter_missing(p) IS NOT NULL THEN format('no meter "%s"', powergate.meter_missing(p)) END;
END $$;

-- Whom it would hit: written down, and nothing done.
CREATE OR REPLACE FUNCTION door.api_group_preview(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE g meter_group; ids bigint[]; wrong text := powergate.group_wrong(p, p_uid);
BEGIN
    IF wrong IS NOT NULL THEN RETURN powergate.api_error(400, wrong); END IF;
    ids := powergate.group_chosen(p);
    IF cardinality(ids) = 0 THEN RETURN powergate.api_error(404, 'it would hit no meter'); END IF;
    IF cardinality(ids) > 20000 THEN RETURN powergate.api_error(409, format('it would hit %s meters: 20000 at once are the most, take a part', cardinality(ids))); END IF;
    g.id := nextval(pg_get_serial_sequence('powergate.meter_group', 'id'));
    INSERT INTO meter_group (id, action, args, chosen, meters, sha256, pace, reason, created_us, created_by, created_uid, expires_us) OVERRIDING SYSTEM VALUE
    SELECT g.id, p ->> 'action', jsonb_strip_nulls(jsonb_build_object('hold', p -> 'hold', 'day', p -> 'day', 'wanted', (p ->> 'wanted')::jsonb, 'version', p -> 'version')),
        p - '{action,hold,day,wanted,version,pace,reason}'::text[], cardinality(ids), sha256(convert_to(string_agg(m.address, E'\n' ORDER BY m.address), 'UTF8')),
        COALESCE(p ->> 'pace', '10')::int, p ->> 'reason', p_now, p_who, p_uid, p_now + 86400000000 FROM meter m WHERE m.id = ANY (ids);
    INSERT INTO group_member (group_id, n, meter_id, address) SELECT g.id, row_number() OVER (ORDER BY m.address), m.id, m.address FROM meter m WHERE m.id = ANY (ids);
    SELECT * INTO g FROM meter_group x WHERE x.id = g.id;
    PERFORM powergate.audited(p_who, 'group.preview', p - '{wanted}'::text[] || jsonb_build_object('group', g.id, 'meters', g.meters, 'sha256', encode(g.sha256, 'hex')), 'shown', p_now);
    RETURN powergate.group_json(g) || jsonb_build_object('rows', powergate.members_json(p, g.id),
        'spared', (SELECT count(*) FROM group_member m WHERE m.group_id = g.id AND powergate.group_spares(g, m.meter_id, p_now) IS NOT NULL),
        'online', (SELECT count(*) FROM group_member m JOIN meter x ON x.id = m.meter_id JOIN endpoint e ON e.id = x.endpoint_id WHERE m.group_id = g.id AND e.closed_us IS NULL AND e.epoch > 0));
END $$;

-- A disconnection is approved for exactly the list of the preview; the list as it is in the
-- database now, and not what was once computed of it.
CREATE OR REPLACE FUNCTION powergate.group_waits(g meter_group, p_action text, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT powergate.group_disconnects(g) THEN RETURN NULL; END IF;
    RETURN powergate.approval_needed(p_action, jsonb_build_object('group', g.id, 'action', g.action, 'args', g.args, 'pace', g.pace, 'meters', g.meters, 'sha256',
        (SELECT encode(sha256(convert_to(string_agg(m.address, E'\n' ORDER BY m.address), 'UTF8')), 'hex') FROM group_member m WHERE m.group_id = g.id)),
        g.reason, p_who, p_uid, p_now);
END $$;
CREATE OR REPLACE FUNCTION powergate.group_meant(p jsonb) RETURNS meter_group LANGUAGE plpgsql AS $$
DECLARE g meter_group;
BEGIN
    SELECT * INTO g FROM meter_group x WHERE x.id = powergate.id_arg(p, 'group') FOR UPDATE;
    RETURN g;
END $$;
CREATE OR REPLACE FUNCTION door.api_group_start(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE g meter_group := powergate.group_meant(p); waits jsonb;
BEGIN
    IF g.id IS NULL THEN RETURN powergate.api_error(404, 'no such group'); END IF;
    IF g.state <> 'preview' THEN RETURN powergate.api_error(409, format('it is %s', g.state)); END IF;
    IF g.expires_us <= p_now THEN RETURN powergate.api_error(409, 'the preview is a day old: look again whom it hits'); END IF;
    IF g.action = 'tariff' AND (SELECT q.role FROM principal q WHERE q.uid = p_uid) <> 'admin' THEN RETURN powergate.api_error(403, 'prices into meters are for an admin'); END IF;
    waits := powergate.group_waits(g, 'group.start', p_who, p_uid, p_now);
    IF waits IS NOT NULL THEN RETURN waits || jsonb_build_object('group', g.id); END IF;
    UPDATE meter_group SET state = 'running', started_us = p_now, started_by = p_who, paced_us = p_now WHERE id = g.id RETURNING * INTO g;
    PERFORM powergate.event_add('group', NULL, NULL, format('group %s is started by %s: %s %s meters: %s', g.id, p_who, g.action, g.meters, g.reason), p_now);
    PERFORM powergate.audited(p_who, 'group.start', p || jsonb_build_object('action', g.action, 'meters', g.meters, 'sha256', encode(g.sha256, 'hex'), 'reason', g.reason), 'running', p_now);
    RETURN powergate.group_json(g);
END $$;
-- What is ordered goes its way; nothing more is.
CREATE OR REPLACE FUNCTION door.api_group_stop(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE g meter_group := powergate.group_meant(p);
BEGIN
    IF g.id IS NULL THEN RETURN powergate.api_error(404, 'no such group'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF g.state <> 'running' THEN RETURN powergate.api_error(409, format('it is %s', g.state)); END IF;
    UPDATE meter_group SET state = 'stopped', stopped_us = p_now WHERE id = g.id RETURNING * INTO g;
    PERFORM powergate.audited(p_who, 'group.stop', p, 'stopped', p_now);
    RETURN powergate.group_json(g);
END $$;
-- Soon after, by the approval it was started with; an hour later it is another question.
CREATE OR REPLACE FUNCTION door.api_group_resume(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE g meter_group := powergate.group_meant(p); waits jsonb;
BEGIN
    IF g.id IS NULL THEN RETURN powergate.api_error(404, 'no such group'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF g.state <> 'stopped' THEN RETURN powergate.api_error(409, format('it is %s', g.state)); END IF;
    IF g.action = 'tariff' AND (SELECT q.role FROM principal q WHERE q.uid = p_uid) <> 'admin' THEN RETURN powergate.api_error(403, 'prices into meters are for an admin'); END IF;
    IF g.stopped_us < p_now - 3600000000 THEN
        waits := powergate.group_waits(g, 'group.resume', p_who, p_uid, p_now);
        IF waits IS NOT NULL THEN RETURN waits || jsonb_build_object('group', g.id); END IF;
    END IF;
    UPDATE meter_group SET state = 'running', paced_us = p_now WHERE id = g.id RETURNING * INTO g;
    PERFORM powergate.audited(p_who, 'group.resume', p, 'running', p_now);
    RETURN powergate.group_json(g);
END $$;
CREATE OR REPLACE FUNCTION door.api_group_status(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT powergate.group_json(g) FROM meter_group g WHERE g.id = powergate.id_arg(p, 'group')), powergate.api_error(404, 'no such group'));
END $$;
CREATE OR REPLACE FUNCTION door.api_group_members(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object('rows', powergate.members_json(p, powergate.id_arg(p, 'group')));
END $$;
CREATE OR REPLACE FUNCTION door.api_group_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.group_json(g) ORDER BY g.id DESC))
        FROM (SELECT * FROM meter_group x WHERE p ? 'all' OR x.state IN ('running', 'stopped') ORDER BY x.id DESC LIMIT powergate.limited(p)) g);
END $$;

-- --- working it off -----------------------------------------------------------------------------

-- What has become of what was ordered.
CREATE OR REPLACE FUNCTION powergate.group_settle(g meter_group, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF g.action IN ('open', 'close', 'permit', 'read') THEN
        UPDATE group_member m SET state = CASE c.state WHEN 'done' THEN 'done' ELSE 'failed' END, at_us = p_now,
            why = CASE c.state WHEN 'done' THEN COALESCE(c.outcome, '') ELSE c.state || COALESCE(': ' || c.outcome, '') END
        FROM command c WHERE m.group_id = g.id AND m.state = 'ordered' AND c.id = m.command_id AND c.state IN ('done', 'refused', 'expired', 'cancelled');
    ELSIF g.action = 'freeze' THEN
        UPDATE group_member m SET state = CASE WHEN f.meter_id IS NOT NULL THEN 'done' ELSE 'failed' END, at_us = p_now,
            why = CASE WHEN f.meter_id IS NOT NULL THEN '' WHEN a.meter_id IS NOT NULL THEN 'the meter has no record of that day' ELSE 'it was not there to be asked within an hour' END
        FROM group_member q LEFT JOIN freeze_record f ON f.meter_id = q.meter_id AND f.day = (g.args ->> 'day')::int
            LEFT JOIN freeze_absent a ON a.meter_id = q.meter_id AND a.day = (g.args ->> 'day')::int
        WHERE m.group_id = g.id AND m.state = 'ordered' AND q.group_id = g.id AND q.n = m.n
            AND (f.meter_id IS NOT NULL OR a.meter_id IS NOT NULL OR m.at_us < p_now - 3600000000);
    ELSIF g.action = 'tariff' THEN
        UPDATE group_member m SET at_us = p_now,
            state = CASE WHEN r.generation = m.generation AND r.state IN ('acknowledged', 'active') THEN 'done' ELSE 'failed' END,
            why = CASE WHEN r.generation <> m.generation THEN 'other prices are wanted meanwhile' WHEN r.state = 'acknowledged' THEN 'in its spare set, until the switch'
                WHEN r.state = 'active' THEN '' WHEN r.state = 'refused' THEN 'refused: ' || r.why ELSE 'not written within a day; it is tried further' END
        FROM meter_parameter r WHERE m.group_id = g.id AND m.state = 'ordered' AND r.meter_id = m.meter_id AND r.set_name = 'tariff'
            AND (r.generation <> m.generation OR r.state IN ('acknowledged', 'active', 'refused') OR m.at_us < p_now - 86400000000);
    END IF;
END $$;

-- How many may be ordered now.  No catching up for a time when nobody looked; and trips that wait
-- for their budget wait here, not in the queue where they would run out.
CREATE OR REPLACE FUNCTION powergate.group_allowance(g meter_group, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE since bigint := greatest(g.paced_us, p_now - 2000000); n bigint := least((p_now - since) * g.pace / 1000000, 500); hindered int;
BEGIN
    IF g.action = 'open' THEN
        SELECT count(*) INTO hindered FROM group_member m JOIN command c ON c.id = m.command_id
        WHERE m.group_id = g.id AND m.state = 'ordered' AND c.state = 'waiting' AND c.outcome LIKE 'wait:%';
        IF hindered >= 5 THEN n := 0; ELSE n := least(n, 20); END IF;
    END IF;
    IF n > 0 THEN UPDATE meter_group SET paced_us = since + n * 1000000 / g.pace WHERE id = g.id; END IF;
    RETURN n;
END $$;

CREATE OR REPLACE FUNCTION powergate.group_relay(g meter_group, m meter, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE others text; wanted text := CASE g.action WHEN 'open' THEN 'open' WHEN 'close' THEN 'closed' ELSE 'permitted' END;
BEGIN
    IF g.action = 'open' THEN
        PERFORM powergate.hold_place(m.id, 'ADMIN', g.reason, true, g.created_by, p_now);
    ELSE
        SELECT string_agg(h.kind || ' (' || h.reason || ')', ', ' ORDER BY h.id) INTO others FROM hold h WHERE h.meter_id = m.id AND h.released_us IS NULL AND h.kind <> 'ADMIN';
        IF others IS NOT NULL THEN RAISE EXCEPTION 'it is held off: %', others USING ERRCODE = '22023'; END IF;
        PERFORM powergate.hold_release(m.id, 'ADMIN', g.reason, g.created_by, p_now);
    END IF;
    RETURN powergate.relay_want(m.id, wanted, 'ADMIN', format('group %s: %s', g.id, g.reason), NULL, g.created_by, p_now, p_now + 7200000000);
END $$;
-- One member.  What goes wrong with it is its own result, and the others go on.
CREATE OR REPLACE FUNCTION powergate.group_do(g meter_group, x group_member, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m meter; spares text := powergate.group_spares(g, x.meter_id, p_now); c bigint; version bigint;
BEGIN
    IF spares IS NOT NULL THEN
        UPDATE group_member SET state = 'skipped', why = spares, at_us = p_now WHERE group_id = x.group_id AND n = x.n;
        RETURN;
    END IF;
    SELECT * INTO m FROM meter WHERE id = x.meter_id;
    BEGIN
        IF g.action IN ('open', 'close', 'permit') THEN
            c := powergate.group_relay(g, m, p_now);
        ELSIF g.action = 'read' THEN
            c := door.command_add(format('group:%s:%s', g.id, x.n), m.id, 'read', 4, '{"regs": ["total_wh", "status"]}', format('group %s: %s', g.id, g.reason),
                g.created_by, p_now + 3600000000, p_now);
        ELSIF g.action = 'freeze' THEN
            DELETE FROM freeze_absent a WHERE a.meter_id = m.id AND a.day = (g.args ->> 'day')::int;
        ELSIF g.action = 'tariff' THEN
            version := door.push_want(m.id, 'tariff', g.args -> 'wanted', COALESCE(g.args ->> 'version', ''), g.created_by, p_now);
        ELSIF g.action = 'hold' THEN
            PERFORM powergate.hold_place(m.id, g.args ->> 'hold', g.reason, false, g.created_by, p_now);
        ELSE
            PERFORM powergate.hold_release(m.id, g.args ->> 'hold', g.reason, g.created_by, p_now);
        END IF;
        UPDATE group_member SET state = CASE WHEN g.action IN ('hold', 'release') THEN 'done' ELSE 'ordered' END, command_id = c, generation = version, at_us = p_now
        WHERE group_id = x.group_id AND n = x.n;
    EXCEPTION WHEN invalid_parameter_value OR check_violation OR unique_violation OR foreign_key_violation THEN
        UPDATE group_member SET state = 'failed', why = SQLERRM, at_us = p_now WHERE group_id = x.group_id AND n = x.n;
    END;
END $$;

-- One turn of all that run; the endpoints that have something to do now.
CREATE OR REPLACE FUNCTION door.groups_turn(p_now bigint) RETURNS TABLE (endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE g meter_group; x group_member; next_ones int[];
BEGIN
    FOR g IN SELECT * FROM meter_group q WHERE q.state = 'running' OR (q.state = 'stopped' AND EXISTS (
            SELECT FROM group_member y WHERE y.group_id = q.id AND y.state = 'ordered')) ORDER BY q.id FOR UPDATE SKIP LOCKED LOOP
        PERFORM powergate.group_settle(g, p_now);
        CONTINUE WHEN g.state = 'stopped';
        next_ones := ARRAY(SELECT y.n FROM group_member y WHERE y.group_id = g.id AND y.state = 'waiting' ORDER BY y.n LIMIT powergate.group_allowance(g, p_now));
        PERFORM powergate.accounts_lock(ARRAY(SELECT DISTINCT m.account_id FROM group_member y JOIN meter m ON m.id = y.meter_id
            WHERE y.group_id = g.id AND y.n = ANY (next_ones) AND m.account_id IS NOT NULL));
        FOR x IN SELECT * FROM group_member y WHERE y.group_id = g.id AND y.n = ANY (next_ones) ORDER BY y.n LOOP
            PERFORM powergate.group_do(g, x, p_now);
            RETURN QUERY SELECT m.endpoint_id FROM meter m WHERE m.id = x.meter_id AND m.endpoint_id IS NOT NULL;
        END LOOP;
        IF NOT EXISTS (SELECT FROM group_member y WHERE y.group_id = g.id AND y.state IN ('waiting', 'ordered')) THEN
            UPDATE meter_group SET state = 'done', ended_us = p_now WHERE id = g.id RETURNING * INTO g;
            PERFORM powergate.event_add('group', NULL, NULL, format('group %s is done: %s', g.id, g.reason), p_now);
            INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, 'powergated', 'group.done', jsonb_build_object('group', g.id), 'done',
                '{"state": "running"}', powergate.group_json(g) - '{chosen,created_us,started_us}'::text[]);
        END IF;
    END LOOP;
END $$;
