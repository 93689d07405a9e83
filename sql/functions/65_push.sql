-- A meter's own settings: what is wanted, by which command, what was found.
-- Locks: a row of meter_parameter before commands.

-- A wish; the same once more is none.  Returns its generation.  The command follows with
-- push_due(), so a whole fleet may be wished for at once.
CREATE OR REPLACE FUNCTION powergate.push_wish(p_meter bigint, p_set text, p_wanted jsonb, p_version text, p_by text,
    p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r meter_parameter;
BEGIN
    SELECT * INTO r FROM meter_parameter WHERE meter_id = p_meter AND set_name = p_set FOR UPDATE;
    IF r.meter_id IS NULL THEN
        INSERT INTO meter_parameter (meter_id, set_name, wanted, version, wanted_by, wanted_us, look_us)
        VALUES (p_meter, p_set, p_wanted, p_version, p_by, p_now, p_now)
        ON CONFLICT (meter_id, set_name) DO NOTHING;
        IF FOUND THEN RETURN 1; END IF;
        SELECT * INTO r FROM meter_parameter WHERE meter_id = p_meter AND set_name = p_set FOR UPDATE;
    END IF;
    IF r.wanted = p_wanted AND r.version = p_version AND r.state <> 'refused' THEN
        RETURN r.generation;
    END IF;
    UPDATE meter_parameter SET generation = generation + 1, wanted = p_wanted, version = p_version, wanted_by = p_by, state = 'wanted',
        why = '', switch_us = 0, failures = 0, rewrites = 0, wanted_us = p_now, look_us = p_now, sent_us = NULL,
        acknowledged_us = NULL, active_us = NULL
    WHERE meter_id = p_meter AND set_name = p_set;
    RETURN r.generation + 1;
END $$;

-- For whoever has new prices (set 'tariff': JSON of codec/push_json.c, its zone that of the
-- meter's site) or levels ('alarm') for a meter.
CREATE OR REPLACE FUNCTION door.push_want(p_meter bigint, p_set text, p_wanted jsonb, p_version text, p_by text,
    p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE zone text;
BEGIN
    SELECT s.zone INTO zone FROM meter m JOIN site s ON s.id = m.site_id WHERE m.id = p_meter AND m.state = 'active';
    IF zone IS NULL THEN
        RAISE EXCEPTION 'no such meter' USING ERRCODE = '22023';
    ELSIF p_set = 'tariff' AND p_wanted ->> 'zone' IS DISTINCT FROM zone THEN
        RAISE EXCEPTION 'the prices are for %, the meter is in %', p_wanted ->> 'zone', zone USING ERRCODE = '22023';
    END IF;
    RETURN powergate.push_wish(p_meter, p_set, p_wanted, p_version, p_by, p_now);
END $$;

-- The two registers at which a meter with money warns take the two highest levels of its
-- account, and how far it may go below zero follows from where the account is cut off.
CREATE OR REPLACE FUNCTION powergate.push_alarm(p_meter bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE a account; levels bigint[];
BEGIN
    SELECT q.* INTO a FROM meter m JOIN account q ON q.id = m.account_id JOIN meter_state s ON s.meter_id = m.id
    WHERE m.id = p_meter AND m.state = 'active' AND q.fee_mode = 'local' AND s.base_us IS NOT NULL;
    IF a.id IS NULL THEN RETURN; END IF;
    levels := ARRAY(SELECT l FROM unnest(a.warn_minor) AS l WHERE l BETWEEN 1 AND 99999999 ORDER BY l DESC LIMIT 2);
    PERFORM powergate.push_wish(p_meter, 'alarm', jsonb_build_object(
        'warn_minor', jsonb_build_array(COALESCE(levels[1], 0), COALESCE(levels[2], 0)),
        'overdraft_minor', least(greatest(-a.trip_minor, 0), 99999999)), p_why, 'powergated', p_now);
END $$;
CREATE OR REPLACE FUNCTION door.push_alarms(p_account bigint, p_now bigint) RETURNS void LANGUAGE sql AS $$
    SELECT powergate.push_alarm(m.id, 'asked for', p_now) FROM meter m WHERE m.account_id = p_account;
$$;

CREATE OR REPLACE FUNCTION powergate.push_command(r meter_parameter, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c bigint;
BEGIN
    FOR c IN UPDATE command SET state = 'cancelled', ended_us = p_now, outcome = 'superseded by a newer wish'
        WHERE meter_id = r.meter_id AND kind = 'push' AND state IN ('waiting', 'unsure') AND task ->> 'set' = r.set_name RETURNING id LOOP
        PERFORM powergate.history(c, 'cancelled', 'superseded by a newer wish', p_now);
    END LOOP;
    INSERT INTO command (key, meter_id, kind, priority, order_us, task, cause, created_by, generation, due_us, created_us)
    VALUES (format('push:%s:%s:%s:%s', r.meter_id, r.set_name, r.generation, p_now), r.meter_id, 'push', 5, p_now,
        jsonb_build_object('set', r.set_name),
        CASE r.state WHEN 'wanted' THEN format('%s %s', r.set_name, r.version) ELSE 'is it still so?' END,
        r.wanted_by, r.generation, p_now, p_now) RETURNING id INTO c;
    RETURN c;
END $$;

-- Commands for what is due, for meters that are there, and only so many at a time: neither
-- money nor the encryption machine waits behind a fleet that gets new prices.
CREATE OR REPLACE FUNCTION powergate.push_due(p_node text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r meter_parameter; place text; room bigint := 64;
BEGIN
    IF NOT EXISTS (SELECT FROM meter_parameter WHERE look_us <= p_now) THEN RETURN; END IF;
    SELECT room - count(*) INTO room FROM command c JOIN meter m ON m.id = c.meter_id JOIN endpoint e ON e.id = m.endpoint_id
    WHERE c.kind = 'push' AND c.state IN ('waiting', 'sent', 'unsure') AND e.closed_us IS NULL;
    FOR r IN SELECT * FROM meter_parameter WHERE look_us <= p_now ORDER BY look_us LIMIT 500 FOR UPDATE SKIP LOCKED LOOP
        EXIT WHEN room <= 0;
        place := NULL;
        SELECT CASE WHEN e.closed_us IS NOT NULL OR e.epoch = 0 OR e.state <> 'claimed' THEN 'nowhere' ELSE e.node END INTO place
        FROM meter m JOIN endpoint e ON e.id = m.endpoint_id WHERE m.id = r.meter_id AND m.state = 'active';
        CONTINUE WHEN place NOT IN ('nowhere', p_node);     -- another node has it in hand
        IF place = p_node THEN
            PERFORM powergate.push_command(r, p_now);
            room := room - 1;
        END IF;
        UPDATE meter_parameter SET look_us = CASE WHEN place = 'nowhere' THEN p_now + 60000000 END,
            wanted_us = CASE WHEN wanted_us = 0 THEN p_now ELSE wanted_us END     -- a trigger has no time
        WHERE meter_id = r.meter_id AND set_name = r.set_name;
    END LOOP;
END $$;

-- Whoever has just connected is not looked at a minute later.
CREATE OR REPLACE FUNCTION powergate.push_connected(p_endpoints bigint[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meter_parameter p SET look_us = p_now WHERE p.state IN ('wanted', 'sent') AND p.look_us > p_now AND p.meter_id = ANY (ARRAY(
        SELECT m.id FROM unnest(p_endpoints) AS e(id) JOIN LATERAL (SELECT x.id FROM meter x WHERE x.endpoint_id = e.id OFFSET 0) m ON true));
END $$;

-- As command_hindrance(), for a push: prices are money, and not for a connection in doubt.
CREATE OR REPLACE FUNCTION powergate.push_hindrance(c command, p_live boolean, p_held_until bigint, p_doubt_until bigint,
    p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE h headend;
BEGIN
    IF NOT EXISTS (SELECT FROM meter_parameter r WHERE r.meter_id = c.meter_id AND r.set_name = c.task ->> 'set'
        AND r.generation = c.generation) THEN
        RETURN 'cancel: superseded by a newer wish';
    END IF;
    SELECT * INTO h FROM headend;
    RETURN CASE WHEN h.held THEN 'wait: the head-end is held: ' || h.why
                WHEN NOT p_live THEN 'wait: the site is in observe mode'
                WHEN p_held_until > p_now THEN 'wait: the connection is flapping'
                WHEN p_doubt_until > p_now THEN 'wait: the connection was just taken over' END;
END $$;

-- What the daemon needs to know of it, with the claim.
CREATE OR REPLACE FUNCTION powergate.push_task(c command) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('set', r.set_name, 'wanted', r.wanted, 'state', r.state, 'switch_us', r.switch_us,
        'failures', r.failures, 'rewrites', r.rewrites, 'why', r.why)
        FROM meter_parameter r WHERE r.meter_id = c.meter_id AND r.set_name = c.task ->> 'set');
END $$;

-- How far it has got.  p_found: it was done, and the meter was found otherwise.  p_failed: how
-- many refusals it counts for.  False when it is no longer this command's to say.
CREATE OR REPLACE FUNCTION door.push_note(p_command bigint, p_epoch bigint, p_state text, p_why text, p_switch bigint,
    p_look bigint, p_failed int, p_found text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE c command; r meter_parameter; account bigint; address text;
BEGIN
    SELECT * INTO c FROM command WHERE id = p_command;
    SELECT q.* INTO r FROM meter_parameter q JOIN meter m ON m.id = q.meter_id JOIN endpoint e ON e.id = m.endpoint_id
    WHERE q.meter_id = c.meter_id AND q.set_name = c.task ->> 'set' AND q.generation = c.generation AND e.epoch = p_epoch FOR UPDATE OF q;
    IF NOT FOUND THEN RETURN false; END IF;
    SELECT m.account_id, m.address INTO account, address FROM meter m WHERE m.id = c.meter_id;
    IF p_found IS NOT NULL THEN
        PERFORM powergate.work_add(format('parameters:%s:%s', c.meter_id, r.set_name), 'PARAMETERS',
            format('meter %s was found with other settings than wanted: %s', address, p_found),
            'they are written again; find out who changed them (the meter keeps a programming record), then resolve',
            account, c.meter_id, NULL, NULL, p_now);
    END IF;
    UPDATE meter_parameter SET state = p_state, why = COALESCE(p_why, ''), switch_us = COALESCE(p_switch, switch_us), look_us = p_look,
        failures = CASE WHEN p_failed > 0 THEN failures + p_failed WHEN p_state IN ('acknowledged', 'active') THEN 0 ELSE failures END,
        rewrites = CASE WHEN p_found IS NOT NULL THEN rewrites + 1 ELSE rewrites END,
        sent_us = CASE WHEN p_state = 'sent' THEN COALESCE(sent_us, p_now) ELSE sent_us END,
        acknowledged_us = CASE WHEN p_state = 'acknowledged' AND r.state <> 'acknowledged' THEN p_now ELSE acknowledged_us END,
        active_us = CASE WHEN p_state = 'active' AND r.state <> 'active' THEN p_now ELSE active_us END,
        checked_us = CASE WHEN p_state IN ('acknowledged', 'active') THEN p_now ELSE checked_us END
    WHERE meter_id = r.meter_id AND set_name = r.set_name;
    IF r.set_name = 'limit' AND p_state = 'active' THEN
        UPDATE meter_state SET limit_watts = (r.wanted ->> 'watts')::bigint WHERE meter_id = r.meter_id;
    END IF;
    IF p_state <> r.state AND p_state IN ('acknowledged', 'active', 'refused') THEN
        PERFORM powergate.event_add('parameters', c.meter_id, account,
            format('%s %s: %s%s', r.set_name, r.version, p_state, CASE WHEN p_why <> '' THEN ', ' || p_why ELSE '' END), p_now);
    END IF;
    RETURN true;
END $$;
