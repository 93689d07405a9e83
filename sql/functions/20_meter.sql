-- Sessions, endpoints, what meters were seen to be.

-- The newest connection becomes the session: the epoch rises, and whatever the old one had on
-- the wire is unsure from now on.  One row a meter; one row without meter when there is none.
CREATE OR REPLACE FUNCTION door.session_open(p_identity text, p_kind text, p_node text, p_peer text, p_now bigint)
RETURNS TABLE (endpoint_id bigint, epoch bigint, state text, held_until_us bigint, took_over boolean,
    meter_id bigint, address text, protocol text, profile text, account_id bigint, customer text,
    password bytea, zone text, live boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE e endpoint; over boolean;
BEGIN
    INSERT INTO endpoint (identity, kind, why) VALUES (p_identity, p_kind, 'unknown identity')
    ON CONFLICT (identity) DO NOTHING;
    SELECT * INTO e FROM endpoint t WHERE t.identity = p_identity FOR UPDATE;
    over := e.epoch > 0 AND e.closed_us IS NULL;
    IF over AND p_now - e.flap_us > 600000000 THEN
        e.flap_us := p_now; e.takeovers := 0;
    END IF;
    IF over THEN
        e.takeovers := e.takeovers + 1;
        IF e.takeovers > 5 THEN
            e.held_until_us := p_now + 900000000;
            PERFORM powergate.event_add('flapping', NULL, NULL, format(
                '%s was taken over %s times within ten minutes: no money and no trips for fifteen', p_identity, e.takeovers), p_now);
        END IF;
    END IF;
    UPDATE endpoint t SET node = p_node, epoch = t.epoch + 1, peer = p_peer, opened_us = p_now, seen_us = p_now,
        closed_us = NULL, takeovers = e.takeovers, flap_us = e.flap_us, held_until_us = e.held_until_us,
        doubt_until_us = CASE WHEN over THEN p_now + 5000000 ELSE 0 END
    WHERE t.id = e.id RETURNING t.epoch INTO e.epoch;
    PERFORM powergate.commands_unsure(e.id, 'the session that sent it is gone', p_now);
    IF over AND e.node <> p_node THEN
        PERFORM pg_notify('node_' || e.node, 'taken ' || e.id);
    END IF;
    RETURN QUERY SELECT e.id, e.epoch, e.state, e.held_until_us, over, m.id, m.address, m.protocol, m.profile,
        m.account_id, m.customer, m.password, s.zone, s.mode = 'live'
    FROM (SELECT 1) one LEFT JOIN meter m ON m.endpoint_id = e.id AND m.state = 'active' AND e.state = 'claimed'
    LEFT JOIN site s ON s.id = m.site_id ORDER BY m.id;
END $$;

-- The old connection turned out to be dead: the new one is believed from now on.
CREATE OR REPLACE FUNCTION door.session_trusted(p_endpoint bigint, p_epoch bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE endpoint SET doubt_until_us = 0 WHERE id = p_endpoint AND epoch = p_epoch;
$$;

CREATE OR REPLACE FUNCTION door.session_close(p_endpoint bigint, p_epoch bigint, p_why text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE endpoint SET closed_us = p_now, why = CASE WHEN state = 'claimed' THEN p_why ELSE why END
    WHERE id = p_endpoint AND epoch = p_epoch;
    IF FOUND THEN
        PERFORM powergate.commands_unsure(p_endpoint, p_why, p_now);
    END IF;
END $$;

-- A node that starts anew holds no session, whatever it left behind.
CREATE OR REPLACE FUNCTION door.node_start(p_node text, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE e bigint; n int := 0;
BEGIN
    FOR e IN UPDATE endpoint SET closed_us = p_now WHERE node = p_node AND closed_us IS NULL RETURNING id LOOP
        PERFORM powergate.commands_unsure(e, 'the daemon was started anew', p_now);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

CREATE OR REPLACE FUNCTION powergate.commands_unsure(p_endpoint bigint, p_why text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.push_connected(p_endpoint, p_now);
    -- what was waiting for another try is tried at once when there is somebody to ask
    UPDATE command c SET due_us = p_now
    FROM meter m WHERE m.id = c.meter_id AND m.endpoint_id = p_endpoint AND c.state IN ('waiting', 'unsure') AND c.due_us > p_now;
    WITH moved AS (
        UPDATE command c SET state = 'unsure', due_us = p_now
        FROM meter m WHERE m.id = c.meter_id AND m.endpoint_id = p_endpoint AND c.state = 'sent'
        RETURNING c.id)
    INSERT INTO command_history (command_id, at_us, step, text) SELECT id, p_now, 'unsure', p_why FROM moved;
END $$;

CREATE OR REPLACE FUNCTION door.session_seen(p_ids bigint[], p_at bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE endpoint e SET seen_us = t.at FROM unnest(p_ids, p_at) AS t(id, at) WHERE e.id = t.id;
$$;

CREATE OR REPLACE FUNCTION door.endpoint_quarantine(p_endpoint bigint, p_why text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE endpoint SET state = 'quarantined', why = p_why WHERE id = p_endpoint;
    PERFORM powergate.work_add('quarantine:' || p_endpoint, 'QUARANTINE',
        format('connection %s is quarantined: %s', identity, p_why),
        'find out which device is real, then: powergatectl endpoint claim ' || identity,
        NULL, NULL, NULL, NULL, p_now) FROM endpoint WHERE id = p_endpoint;
END $$;

-- What the meter's status word said; powergate's own wish is not touched.
CREATE OR REPLACE FUNCTION powergate.relay_noted(p_meter bigint, p_status bigint, p_relay text, p_at bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE was text; account bigint;
BEGIN
    PERFORM powergate.account_of_first(p_meter);
    SELECT relay_seen INTO was FROM meter_state WHERE meter_id = p_meter FOR UPDATE;
    UPDATE meter_state SET status = p_status, relay_seen = p_relay, seen_us = p_at,
        closed_us = CASE WHEN p_relay = 'closed' AND was <> 'closed' THEN p_at ELSE closed_us END,
        off_us = CASE WHEN p_relay <> 'closed' THEN COALESCE(off_us, p_at) END
    WHERE meter_id = p_meter AND COALESCE(seen_us, 0) <= p_at;
    IF FOUND AND was <> p_relay THEN
        SELECT account_id INTO account FROM meter WHERE id = p_meter;
        PERFORM powergate.event_add('relay', p_meter, account, format('relay %s -> %s', was, p_relay), p_at);
        PERFORM powergate.mark_dirty(ARRAY[account], p_at);
    END IF;
END $$;
