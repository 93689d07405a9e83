-- Sessions, endpoints, what meters were seen to be.

-- The newest connection becomes the session: the epoch rises, and whatever the old one had on
-- the wire is unsure from now on.  One call for all that have said who they are, each identity
-- once.  One row a meter; one row without meter when there is none; n counts from 1.  waited_for:
-- somebody's power or credit is on its way to it.
CREATE OR REPLACE FUNCTION door.session_open(p_identity text[], p_kind text[], p_peer text[], p_node text, p_now bigint)
RETURNS TABLE (n int, endpoint_id bigint, epoch bigint, state text, meter_id bigint, address text,
    protocol text, profile text, customer text, password bytea, zone text, live boolean, limited boolean, overloads bigint,
    alarm_counts text, report_stuck boolean, waited_for boolean, logged_until bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE ids bigint[]; taken bigint[];
BEGIN
    LOOP
        SELECT array_agg(e.id), array_agg(e.id) FILTER (WHERE e.epoch > 0 AND e.closed_us IS NULL) INTO ids, taken
        FROM (SELECT x.* FROM endpoint x WHERE x.identity = ANY (p_identity) ORDER BY x.id FOR UPDATE) e;
        EXIT WHEN cardinality(ids) = cardinality(p_identity);
        INSERT INTO endpoint (identity, kind, why)      -- strangers
        SELECT t.identity, t.kind, 'unknown identity' FROM unnest(p_identity, p_kind) AS t(identity, kind)
        ORDER BY t.identity ON CONFLICT (identity) DO NOTHING;
    END LOOP;
    IF taken IS NOT NULL THEN
        PERFORM pg_notify('node_' || e.node, format('taken %s %s', e.id, e.epoch + 1))
        FROM endpoint e WHERE e.id = ANY (taken) AND e.node <> p_node;
        UPDATE endpoint e SET
            takeovers = CASE WHEN p_now - e.flap_us > 600000000 THEN 1 ELSE e.takeovers + 1 END,
            flap_us = CASE WHEN p_now - e.flap_us > 600000000 THEN p_now ELSE e.flap_us END
        WHERE e.id = ANY (taken);
        UPDATE endpoint e SET held_until_us = p_now + 900000000 WHERE e.id = ANY (taken) AND e.takeovers > 5;
        PERFORM powergate.event_add('flapping', NULL, NULL, format(
            '%s was taken over %s times within ten minutes: no money and no trips for fifteen', e.identity, e.takeovers), p_now)
        FROM endpoint e WHERE e.id = ANY (taken) AND e.takeovers > 5;
        PERFORM powergate.work_add('session:' || e.id, 'FLAPPING', format('%s was taken over %s times within ten minutes, last by %s from %s',
                e.identity, e.takeovers, t.peer, e.peer), 'a bad line, or two meters that say the same address: look who they are '
                '(powergatectl meter log), and exchange the one that is wrong; meanwhile neither money nor a trip leaves',
            NULL, (SELECT min(m.id) FROM meter m WHERE m.endpoint_id = e.id AND m.state = 'active'), NULL, NULL, p_now)
        FROM unnest(p_identity, p_peer) AS t(identity, peer) JOIN endpoint e ON e.identity = t.identity
        WHERE e.id = ANY (taken) AND e.takeovers > 5;
    END IF;
    UPDATE endpoint e SET node = p_node, epoch = e.epoch + 1, opened_us = p_now, seen_us = p_now, closed_us = NULL,
        peer = t.peer, doubt_until_us = CASE WHEN e.id = ANY (taken) THEN p_now + 5000000 ELSE 0 END
    FROM unnest(p_identity, p_peer) AS t(identity, peer) WHERE e.identity = t.identity;
    PERFORM powergate.commands_unsure(ids, ARRAY['the session that sent it is gone'], p_now);
    PERFORM powergate.push_connected(ids, p_now);
    RETURN QUERY SELECT t.n::int, e.id, e.epoch, e.state, m.id, m.address, m.protocol, m.profile,
        m.customer, m.password, m.zone, m.mode = 'live', m.limited, m.overloads,
        array_to_string(m.alarm_counts, ' ', '-1'), m.report_stuck,
        EXISTS (SELECT FROM command c WHERE c.meter_id = m.id AND c.state IN ('waiting', 'unsure') AND c.priority <= 1), COALESCE(m.logged_until_us, 0)
    FROM unnest(p_identity) WITH ORDINALITY AS t(identity, n)
    JOIN LATERAL (SELECT x.* FROM endpoint x WHERE x.identity = t.identity LIMIT 1) e ON true
    LEFT JOIN LATERAL (SELECT x.*, s.zone, s.mode, q.limit_watts IS NOT NULL AS limited, q.overloads, q.alarm_counts, q.report_stuck
        FROM meter x JOIN site s ON s.id = x.site_id JOIN meter_state q ON q.meter_id = x.id
        WHERE x.endpoint_id = e.id AND x.state = 'active' AND e.state = 'claimed' ORDER BY x.id OFFSET 0) m ON true
    ORDER BY t.n, m.id;
END $$;

-- The old connection turned out to be dead: the new one is believed from now on.
CREATE OR REPLACE FUNCTION door.session_trusted(p_endpoint bigint, p_epoch bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE endpoint SET doubt_until_us = 0 WHERE id = p_endpoint AND epoch = p_epoch;
$$;

CREATE OR REPLACE FUNCTION door.session_close(p_endpoint bigint[], p_epoch bigint[], p_why text[], p_now bigint)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE ids bigint[]; words text[];
BEGIN
    PERFORM 1 FROM endpoint e WHERE e.id = ANY (p_endpoint) ORDER BY e.id FOR UPDATE;
    WITH gone AS (
        UPDATE endpoint e SET closed_us = p_now, why = CASE WHEN e.state = 'claimed' THEN t.why ELSE e.why END
        FROM unnest(p_endpoint, p_epoch, p_why) AS t(id, epoch, why) WHERE e.id = t.id AND e.epoch = t.epoch
        RETURNING e.id, t.why AS words)
    SELECT array_agg(g.id), array_agg(g.words) INTO ids, words FROM gone g;
    PERFORM powergate.commands_unsure(ids, words, p_now);
END $$;

-- A node that starts anew holds no session, whatever it left behind.
CREATE OR REPLACE FUNCTION door.node_start(p_node text, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE ids bigint[];
BEGIN
    WITH gone AS (UPDATE endpoint SET closed_us = p_now WHERE node = p_node AND closed_us IS NULL RETURNING id)
    SELECT array_agg(id) INTO ids FROM gone;
    PERFORM powergate.commands_unsure(ids, ARRAY['the daemon was started anew'], p_now);
    RETURN COALESCE(cardinality(ids), 0);
END $$;

-- What these endpoints had on the wire is unsure, for the reason given for each or the one for
-- all; and what was waiting for another try is tried at once when there is somebody to ask.
CREATE OR REPLACE FUNCTION powergate.commands_unsure(p_endpoint bigint[], p_why text[], p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE live bigint[]; words text[]; accounts bigint[];
BEGIN
    SELECT array_agg(c.id), array_agg(COALESCE(t.why, p_why[1])), array_agg(m.account_id) INTO live, words, accounts
    FROM unnest(p_endpoint, p_why) AS t(endpoint, why)
    JOIN LATERAL (SELECT x.id, x.account_id FROM meter x WHERE x.endpoint_id = t.endpoint OFFSET 0) m ON true
    JOIN LATERAL (SELECT x.id, x.state, x.due_us FROM command x
        WHERE x.meter_id = m.id AND x.state IN ('waiting', 'sent', 'unsure') OFFSET 0) c ON true
    WHERE c.state = 'sent' OR c.due_us > p_now;
    IF live IS NULL THEN RETURN; END IF;
    PERFORM powergate.accounts_lock(accounts);
    UPDATE command c SET due_us = p_now WHERE c.id = ANY (live) AND c.state IN ('waiting', 'unsure') AND c.due_us > p_now;
    WITH moved AS (
        UPDATE command c SET state = 'unsure', due_us = p_now WHERE c.id = ANY (live) AND c.state = 'sent' RETURNING c.id)
    INSERT INTO command_history (command_id, at_us, step, text)
    SELECT x.id, p_now, 'unsure', x.why FROM unnest(live, words) AS x(id, why) JOIN moved USING (id);
END $$;

-- Who is logging in or out at this moment is seen anyway: nobody waits here.
CREATE OR REPLACE FUNCTION door.session_seen(p_ids bigint[], p_at bigint[]) RETURNS void LANGUAGE sql AS $$
    WITH free AS MATERIALIZED (SELECT e.id FROM endpoint e WHERE e.id = ANY (p_ids) FOR UPDATE SKIP LOCKED)
    UPDATE endpoint e SET seen_us = t.at FROM free f JOIN unnest(p_ids, p_at) AS t(id, at) ON t.id = f.id WHERE e.id = f.id;
$$;

-- Work for meters that talk to other nodes: those look at once instead of at their next sweep.
CREATE OR REPLACE FUNCTION door.endpoint_hint(p_endpoints bigint[], p_node text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('node_' || e.node, 'look ' || e.id) FROM endpoint e
    WHERE e.id = ANY (p_endpoints) AND e.node <> p_node AND e.closed_us IS NULL;
END $$;

-- Whoever else holds it has it log in again; the epoch keeps that from the session that comes then.
CREATE OR REPLACE FUNCTION door.endpoint_refresh(p_endpoint bigint, p_node text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('node_' || e.node, format('refresh %s %s', e.id, e.epoch)) FROM endpoint e
    WHERE e.id = p_endpoint AND e.node <> p_node AND e.closed_us IS NULL;
END $$;

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
DECLARE was text; kept bigint; account bigint;
BEGIN
    PERFORM powergate.account_of_first(p_meter);
    SELECT relay_seen, status INTO was, kept FROM meter_state WHERE meter_id = p_meter FOR UPDATE;
    UPDATE meter_state SET status = p_status, relay_seen = p_relay, seen_us = p_at,
        closed_us = CASE WHEN p_relay = 'closed' AND was <> 'closed' THEN p_at ELSE closed_us END,
        off_us = CASE WHEN p_relay <> 'closed' THEN COALESCE(off_us, p_at) END
    WHERE meter_id = p_meter AND COALESCE(seen_us, 0) <= p_at;
    IF NOT FOUND OR (was = p_relay AND (COALESCE(kept, 0) # p_status) & 4096 = 0) THEN RETURN; END IF;
    SELECT account_id INTO account FROM meter WHERE id = p_meter;
    IF was <> p_relay THEN
        PERFORM powergate.event_add('relay', p_meter, account, format('relay %s -> %s', was, p_relay), p_at);
        PERFORM powergate.alarm_relay(p_meter, was, p_relay, p_at);
    END IF;
    PERFORM powergate.mark_dirty(ARRAY[account], p_at);     -- also when its power-keep has begun or ended
END $$;
