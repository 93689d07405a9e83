-- The queue: add, claim, move.

CREATE OR REPLACE FUNCTION powergate.history(p_command bigint, p_step text, p_text text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO command_history (command_id, at_us, step, text) VALUES (p_command, p_now, p_step, p_text);
END $$;

-- A new wish for a relay supersedes the older ones; commands exist only to close the gap.
CREATE OR REPLACE FUNCTION powergate.relay_want(p_meter bigint, p_relay text, p_reason text, p_why text, p_payment bigint,
    p_by text, p_now bigint, p_expires bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE g bigint; c bigint; ordered bigint;
BEGIN
    UPDATE meter_state SET relay_wanted = p_relay, wanted_why = p_why, wanted_us = p_now, generation = generation + 1,
        wanted_for = CASE WHEN p_relay = 'open' THEN p_reason ELSE '' END
    WHERE meter_id = p_meter RETURNING generation INTO g;
    FOR c IN UPDATE command SET state = 'cancelled', ended_us = p_now, outcome = 'superseded: ' || p_why
        WHERE meter_id = p_meter AND kind = 'relay' AND NOT task ? 'keep' AND state IN ('waiting', 'unsure') RETURNING id LOOP
        PERFORM powergate.history(c, 'cancelled', 'superseded: ' || p_why, p_now);
    END LOOP;
    SELECT paid_us INTO ordered FROM payment WHERE id = p_payment;
    INSERT INTO command (key, meter_id, kind, priority, order_us, rank, task, cause, created_by, generation, reason,
        payment_id, due_us, expires_us, created_us)
    VALUES ('relay:' || p_meter || ':' || g, p_meter, 'relay',
        CASE WHEN p_relay = 'open' AND p_reason = 'SAFETY' THEN 0 WHEN p_relay = 'open' THEN 2 ELSE 1 END,
        COALESCE(ordered, p_now), 1, jsonb_build_object('relay', p_relay) ||
        CASE WHEN p_relay = 'open' AND p_reason = 'SAFETY' THEN '{"ends_keep":true}'::jsonb ELSE '{}' END, p_why, p_by, g, p_reason,
        p_payment, p_now, CASE WHEN p_relay = 'open' THEN p_expires END, p_now)
    RETURNING id INTO c;
    PERFORM powergate.event_add('wish', p_meter, (SELECT account_id FROM meter WHERE id = p_meter),
        format('relay wanted %s: %s', p_relay, p_why), p_now);
    RETURN c;
END $$;

-- The meter's own power-keep, on or off: while it keeps, it refuses to trip and does not trip by itself.
CREATE OR REPLACE FUNCTION powergate.keep_want(p_meter bigint, p_on boolean, p_why text, p_by text, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c bigint; word text := CASE WHEN p_on THEN 'on' ELSE 'off' END;
BEGIN
    FOR c IN UPDATE command SET state = 'cancelled', ended_us = p_now, outcome = 'superseded: ' || p_why
        WHERE meter_id = p_meter AND kind = 'relay' AND task ? 'keep' AND state IN ('waiting', 'unsure') RETURNING id LOOP
        PERFORM powergate.history(c, 'cancelled', 'superseded: ' || p_why, p_now);
    END LOOP;
    INSERT INTO command (key, meter_id, kind, priority, order_us, rank, task, cause, created_by, reason, due_us, created_us)
    VALUES ('keep:' || gen_random_uuid(), p_meter, 'relay', 1, p_now, 1, jsonb_build_object('keep', word), p_why, p_by, 'KEEP_ON', p_now, p_now)
    RETURNING id INTO c;
    PERFORM powergate.event_add('wish', p_meter, (SELECT account_id FROM meter WHERE id = p_meter),
        format('power-keep wanted %s: %s', word, p_why), p_now);
    RETURN c;
END $$;

CREATE OR REPLACE FUNCTION door.command_add(p_key text, p_meter bigint, p_kind text, p_priority int, p_task jsonb,
    p_cause text, p_by text, p_expires bigint, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c bigint;
BEGIN
    INSERT INTO command (key, meter_id, kind, priority, order_us, task, cause, created_by, due_us, expires_us, created_us)
    VALUES (p_key, p_meter, p_kind, p_priority, p_now, p_task, p_cause, p_by, p_now, p_expires, p_now)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO c;
    IF c IS NULL THEN
        SELECT id INTO c FROM command WHERE key = p_key;
    END IF;
    RETURN c;
END $$;

-- The wish of a trip that did not leave lapses with it, or nobody would decide anew; a person's
-- order that came to nothing is for a person to know.
CREATE OR REPLACE FUNCTION powergate.wish_lapsed(c command, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF c.kind <> 'relay' OR c.task ->> 'relay' IS DISTINCT FROM 'open' THEN RETURN; END IF;
    UPDATE meter_state s SET relay_wanted = 'closed', wanted_why = p_why, wanted_for = ''
    WHERE s.meter_id = c.meter_id AND s.generation = c.generation AND s.relay_wanted = 'open';
    IF FOUND AND c.reason <> 'ARREARS' AND p_why LIKE 'expire:%' AND
        -- a hold of an account's meter stands, and is decided anew
        NOT EXISTS (SELECT FROM meter m WHERE m.id = c.meter_id AND m.account_id IS NOT NULL) THEN
        PERFORM powergate.work_add('lapsed:' || c.id, 'LAPSED', format('the order to cut meter %s off (%s) could not be given in time',
            (SELECT m.address FROM meter m WHERE m.id = c.meter_id), c.cause), 'order it again if it is still wanted',
            (SELECT m.account_id FROM meter m WHERE m.id = c.meter_id), c.meter_id, NULL, NULL, p_now);
    END IF;
END $$;

-- A power-keep: the newest word counts, and SAFETY does not want one.
CREATE OR REPLACE FUNCTION powergate.keep_hindrance(c command, p_live boolean) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM command n WHERE n.meter_id = c.meter_id AND n.kind = 'relay' AND n.task ? 'keep' AND n.id > c.id) THEN
        RETURN 'cancel: superseded by a newer wish';
    ELSIF NOT p_live THEN
        RETURN 'wait: the site is in observe mode';
    ELSIF c.task ->> 'keep' = 'on' AND c.state <> 'unsure' AND EXISTS (
        SELECT FROM hold h WHERE h.meter_id = c.meter_id AND h.kind = 'SAFETY' AND h.released_us IS NULL) THEN
        RETURN 'wait: the meter is held off for SAFETY';
    END IF;
    RETURN NULL;
END $$;

-- May this one leave now?  'cancel: why', 'expire: why', 'wait: why', or NULL: it may.
CREATE OR REPLACE FUNCTION powergate.command_hindrance(c command, p_site bigint, p_live boolean, p_held_until bigint,
    p_doubt_until bigint, p_trips_ok boolean, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE h headend; s meter_state; trip boolean; fleet bigint; n bigint; a record; why text;
BEGIN
    IF c.kind = 'push' THEN
        RETURN powergate.push_hindrance(c, p_live, p_held_until, p_doubt_until, p_now);
    ELSIF c.kind = 'qualify' AND EXISTS (SELECT FROM meter m WHERE m.id = c.meter_id AND m.account_id IS NOT NULL) THEN
        RETURN 'cancel: the meter has an account by now';
    ELSIF c.kind NOT IN ('relay', 'credit') THEN
        RETURN CASE WHEN c.expires_us < p_now THEN 'expire: nobody waits for it any more' END;
    END IF;
    SELECT * INTO h FROM headend;
    IF c.kind = 'credit' THEN
        RETURN CASE WHEN h.held THEN 'wait: the head-end is held: ' || h.why
                    WHEN NOT p_live THEN 'wait: the site is in observe mode'
                    WHEN p_held_until > p_now THEN 'wait: the connection is flapping' END;
    END IF;
    IF c.task ? 'keep' THEN
        RETURN powergate.keep_hindrance(c, p_live);
    END IF;
    SELECT * INTO s FROM meter_state WHERE meter_id = c.meter_id;
    IF c.generation <> s.generation THEN
        RETURN 'cancel: superseded by a newer wish';
    END IF;
    trip := c.task ->> 'relay' = 'open';
    IF NOT p_live THEN
        RETURN 'wait: the site is in observe mode';
    ELSIF NOT trip OR c.state = 'unsure' THEN
        RETURN NULL;        -- a restore is never held up; reading back moves nothing
    END IF;
    IF c.expires_us < p_now THEN
        RETURN 'expire: a trip must not come late; it is decided anew';
    ELSIF h.trips_stopped OR NOT p_trips_ok THEN
        RETURN 'wait: trips are stopped: ' || CASE WHEN NOT h.trips_stopped THEN 'kill file, or the clock is not synchronised' ELSE h.why END;
    ELSIF h.held THEN
        RETURN 'wait: the head-end is held: ' || h.why;
    ELSIF p_held_until > p_now THEN
        RETURN 'wait: the connection is flapping';
    ELSIF p_doubt_until > p_now THEN
        RETURN 'wait: the connection was just taken over';
    END IF;
    IF c.reason = 'ARREARS' THEN
        why := powergate.trips_halted();
        IF why IS NOT NULL THEN
            RETURN 'wait: automatic trips are halted: ' || why;
        END IF;
        SELECT t.prepaid_minor, x.trip_minor - t.extra_minor AS trip_minor,
            t.split_pending OR EXISTS (SELECT FROM credit_delivery d WHERE d.account_id = x.id AND d.state NOT IN ('APPLIED', 'CANCELLED') AND d.kind = 'recharge') AS paid
        INTO a FROM meter m JOIN account x ON x.id = m.account_id JOIN account_state t ON t.account_id = x.id WHERE m.id = c.meter_id;
        IF a.paid THEN
            RETURN 'cancel: a paid recharge is not settled yet';
        ELSIF a.prepaid_minor > a.trip_minor THEN
            RETURN 'cancel: the account has been paid';
        ELSIF powergate.spared(c.meter_id, p_site, p_now) OR powergate.temporary(c.meter_id, p_now) THEN
            RETURN 'cancel: the meter is spared now';
        END IF;
    ELSIF c.reason = ANY ('{ADMIN,MOVE_OUT,FRAUD,MAINTENANCE,SAFETY}') AND NOT EXISTS (
        SELECT FROM hold h2 WHERE h2.meter_id = c.meter_id AND h2.kind = c.reason AND h2.released_us IS NULL) THEN
        RETURN 'cancel: the hold is lifted';
    END IF;
    IF c.reason = 'SAFETY' THEN
        -- who orders has been counted already (safety_waits); this is for whatever comes another way
        IF s.relay_seen = 'open' OR EXISTS (SELECT FROM trip_log WHERE command_id = c.id)
            OR EXISTS (SELECT FROM hold h3 WHERE h3.meter_id = c.meter_id AND h3.kind = 'SAFETY' AND h3.released_us IS NULL AND h3.approved) THEN RETURN NULL; END IF;
        SELECT count(*) INTO n FROM trip_log l JOIN command q ON q.id = l.command_id WHERE l.at_us > p_now - 3600000000 AND q.reason = 'SAFETY';
        IF n >= h.safety_trips THEN RETURN 'wait: trip budget of SAFETY for this hour is spent'; END IF;
    ELSE
        IF powergate.kept(c.meter_id, s.status, p_now) THEN
            RETURN 'wait: the meter keeps power on and would refuse';
        END IF;
        -- a trip that is in the log already has been counted
        IF EXISTS (SELECT FROM trip_log WHERE command_id = c.id) THEN RETURN NULL; END IF;
        SELECT COALESCE(sum(meters), 0) INTO fleet FROM site;
        SELECT count(*) INTO n FROM trip_log WHERE at_us > p_now - 60000000;
        IF n >= greatest(20, fleet / 500) THEN RETURN 'wait: trip budget of this minute is spent'; END IF;
        SELECT count(*) INTO n FROM trip_log WHERE at_us > p_now - 3600000000;
        IF n >= greatest(20, fleet / 100) THEN RETURN 'wait: trip budget of this hour is spent'; END IF;
        SELECT meters INTO fleet FROM site WHERE id = p_site;
        SELECT count(*) INTO n FROM trip_log WHERE at_us > p_now - 3600000000 AND site_id = p_site;
        IF n >= greatest(10, fleet / 50) THEN RETURN 'wait: trip budget of this site is spent'; END IF;
    END IF;
    RETURN NULL;
END $$;

-- The next command of each free session: waiting -> sent is written before the bytes leave, so
-- what a crash leaves behind is always unsure and never forgotten.  A session that has been
-- replaced has another epoch and claims nothing.
CREATE OR REPLACE FUNCTION door.command_claim(p_endpoints bigint[], p_epochs bigint[], p_quiet bigint[], p_node text,
    p_trips_ok boolean, p_now bigint)
RETURNS TABLE (id bigint, endpoint_id bigint, epoch bigint, meter_id bigint, kind text, state text, attempts int,
    task jsonb, generation bigint, delivery_id bigint, d_state text, d_kind text, d_amount bigint, d_purchase bigint,
    d_customer text, d_base_bought bigint, d_planned bigint, refusal int, d_order bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE e record; c command; why text; d credit_delivery; was text; trip_locked boolean := false;
BEGIN
    -- The meters as an array: a join may begin with every live command there is.  Most endpoints
    -- have nothing to do, above all those that just logged in.
    FOR e IN SELECT t.id, t.epoch, t.held_until_us, t.doubt_until_us, n.meters FROM unnest(p_endpoints, p_epochs) AS p(id, epoch)
        JOIN endpoint t ON t.id = p.id AND t.epoch = p.epoch AND t.node = p_node AND t.state = 'claimed'
        CROSS JOIN LATERAL (SELECT ARRAY(SELECT m.id FROM meter m WHERE m.endpoint_id = t.id AND m.state = 'active'
            AND m.id <> ALL (p_quiet)) AS meters OFFSET 0) n
        WHERE (SELECT q.id FROM command q WHERE q.meter_id = ANY (n.meters) AND q.state IN ('waiting', 'unsure')
               AND q.due_us <= p_now LIMIT 1) IS NOT NULL LOOP
      FOR i IN 1..20 LOOP
        SELECT q.* INTO c FROM command q JOIN meter_state s ON s.meter_id = q.meter_id
        WHERE q.meter_id = ANY (e.meters) AND q.state IN ('waiting', 'unsure') AND q.due_us <= p_now
          AND (q.kind <> 'credit' OR (s.base_count IS NOT NULL AND NOT EXISTS (
               SELECT FROM credit_delivery o WHERE o.meter_id = q.meter_id AND o.id <> q.delivery_id
               AND o.state IN ('INTENT', 'VERIFYING', 'REVIEW')) AND (s.account_open OR EXISTS (
               SELECT FROM credit_delivery o WHERE o.id = q.delivery_id AND o.kind = 'open'))))
        ORDER BY q.priority, q.order_us, q.rank, q.id LIMIT 1 FOR UPDATE OF q SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        -- The delivery was decided and the daemon died before it could say so: nothing is left to ask.
        IF c.kind = 'credit' AND (SELECT o.state FROM credit_delivery o WHERE o.id = c.delivery_id) IN ('APPLIED', 'REVIEW', 'CANCELLED') THEN
            UPDATE command q SET state = CASE WHEN c.state = 'unsure' THEN 'done' ELSE 'cancelled' END, ended_us = p_now,
                outcome = 'its delivery is decided' WHERE q.id = c.id RETURNING q.* INTO c;
            PERFORM powergate.history(c.id, c.state, c.outcome, p_now);
            CONTINUE;
        END IF;
        IF c.kind = 'relay' AND c.task ->> 'relay' = 'open' AND NOT trip_locked THEN
            PERFORM pg_advisory_xact_lock(645);  -- the budget is counted by one claim at a time
            trip_locked := true;
        END IF;
        SELECT powergate.command_hindrance(c, m.site_id, t.mode = 'live', e.held_until_us, e.doubt_until_us, p_trips_ok, p_now) INTO why
        FROM meter m JOIN site t ON t.id = m.site_id WHERE m.id = c.meter_id;
        -- what follows locks more than this command: with its account first, or later
        EXIT WHEN why IS NOT NULL AND NOT powergate.account_free(c.meter_id);
        IF why LIKE 'wait:%' THEN
            -- all of its kind wait together, or a younger payment would overtake an older one
            UPDATE command q SET due_us = p_now + 5000000, outcome = CASE WHEN q.id = c.id THEN why ELSE q.outcome END
            WHERE q.meter_id = c.meter_id AND q.state = 'waiting' AND q.kind = c.kind AND q.task ? 'keep' = c.task ? 'keep' AND (q.id = c.id OR q.due_us <= p_now + 5000000);
            IF c.outcome IS DISTINCT FROM why THEN PERFORM powergate.history(c.id, 'waits', substr(why, 7), p_now); END IF;
            IF why LIKE '%budget%' THEN
                PERFORM powergate.budget_spent(c.meter_id, (SELECT m.site_id FROM meter m WHERE m.id = c.meter_id), substr(why, 7), p_now);
            END IF;
            CONTINUE;
        ELSIF why IS NOT NULL THEN
            UPDATE command q SET state = CASE WHEN why LIKE 'expire:%' THEN 'expired' ELSE 'cancelled' END,
                ended_us = p_now, outcome = why WHERE q.id = c.id;
            PERFORM powergate.history(c.id, split_part(why, ':', 1), why, p_now);
            PERFORM powergate.wish_lapsed(c, why, p_now);
            PERFORM powergate.mark_dirty(ARRAY[m.account_id], p_now) FROM meter m WHERE m.id = c.meter_id AND m.account_id IS NOT NULL;
            CONTINUE;
        END IF;
        was := c.state;
        UPDATE command q SET state = CASE WHEN was = 'waiting' THEN 'sent' ELSE was END, attempts = q.attempts + 1,
            node = p_node, epoch = e.epoch, outcome = NULL,
            due_us = CASE WHEN was = 'unsure' THEN p_now + 120000000 ELSE q.due_us END
        WHERE q.id = c.id RETURNING q.* INTO c;
        PERFORM powergate.history(c.id, CASE WHEN was = 'waiting' THEN 'dispatched' ELSE 'asked back' END, '', p_now);
        IF was = 'waiting' AND c.kind = 'relay' AND c.task ->> 'relay' = 'open' THEN
            INSERT INTO trip_log SELECT c.id, p_now, m.site_id, m.id FROM meter m JOIN meter_state s ON s.meter_id = m.id
            WHERE m.id = c.meter_id AND s.relay_seen <> 'open' ON CONFLICT DO NOTHING;     -- one that is off already costs nobody his supply
        END IF;
        d := NULL;
        IF c.delivery_id IS NOT NULL THEN
            SELECT * INTO d FROM credit_delivery WHERE credit_delivery.id = c.delivery_id;
        END IF;
        RETURN QUERY SELECT c.id, e.id, e.epoch, c.meter_id, c.kind, was, c.attempts,
            CASE c.kind WHEN 'push' THEN powergate.push_task(c) WHEN 'qualify' THEN powergate.qualify_task(c) ELSE c.task END, c.generation, c.delivery_id,
            d.state, d.kind, d.amount_minor, d.purchase,
            COALESCE(d.customer, (SELECT m.customer FROM meter m WHERE m.id = c.meter_id)), d.base_bought, d.planned_us, c.refusal, d.order_no;
        EXIT;
      END LOOP;
    END LOOP;
END $$;

-- One arrow.  Only the holder of the epoch may move it; moving twice moves once.  Returns the
-- state it is in now, NULL when there was no such arrow or the epoch is another's.
CREATE OR REPLACE FUNCTION door.command_move(p_id bigint, p_epoch bigint, p_event text, p_due bigint, p_outcome text,
    p_refusal int, p_status bigint, p_relay text, p_now bigint, p_at bigint[], p_step text[], p_text text[], p_frame bytea[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE c command; t text; account bigint;
BEGIN
    PERFORM powergate.account_of_first((SELECT q.meter_id FROM command q WHERE q.id = p_id));
    SELECT q.* INTO c FROM command q JOIN meter m ON m.id = q.meter_id JOIN endpoint e ON e.id = m.endpoint_id
    WHERE q.id = p_id AND q.epoch = p_epoch AND e.epoch = p_epoch FOR UPDATE OF q;
    IF NOT FOUND THEN RETURN NULL; END IF;
    INSERT INTO command_history (command_id, at_us, step, text, frame)
    SELECT p_id, at, step, words, frame FROM unnest(p_at, p_step, p_text, p_frame) AS x(at, step, words, frame);
    SELECT account_id INTO account FROM meter WHERE id = c.meter_id;
    IF p_status IS NOT NULL THEN
        PERFORM powergate.relay_noted(c.meter_id, p_status, p_relay, p_now);
    END IF;
    SELECT to_state INTO t FROM arrow WHERE machine = 'command' AND from_state = c.state AND on_event = p_event;
    IF t IS NULL THEN       -- still unsure: asked back again later
        UPDATE command SET due_us = COALESCE(p_due, due_us) WHERE id = p_id AND state = 'unsure';
        RETURN NULL;
    END IF;
    UPDATE command SET state = t, due_us = COALESCE(p_due, due_us), outcome = p_outcome,
        refusal = COALESCE(p_refusal, refusal),
        ended_us = CASE WHEN t IN ('done', 'refused', 'expired', 'cancelled') THEN p_now END WHERE id = p_id;
    PERFORM powergate.history(p_id, t, COALESCE(p_outcome, ''), p_now);
    IF t = 'refused' THEN
        -- a limit that it does not take is no reason not to switch it; a wrong password is (3)
        PERFORM powergate.work_add('refused:' || p_id, CASE WHEN c.task ->> 'set' = 'limit' AND COALESCE(p_refusal, c.refusal) <> 3 THEN 'LIMIT' ELSE 'REFUSED' END, format('the meter refuses %s: %s', CASE WHEN c.task ? 'keep' THEN 'power-keep' ELSE c.kind END, p_outcome),
            'see powergatectl command show ' || p_id || '; mend the cause, then ask again', account, c.meter_id, NULL, c.delivery_id, p_now);
    ELSIF t = 'done' AND c.kind = 'relay' AND NOT c.task ? 'keep' AND account IS NOT NULL THEN
        PERFORM powergate.customer_notice('relay:' || p_id,
            CASE WHEN c.task ->> 'relay' = 'open' THEN 'tripped' WHEN p_relay = 'permitted' THEN 'permitted' ELSE 'restored' END,
            account, c.payment_id, jsonb_build_object('why', c.cause, 'reason', c.reason), p_now, 86400000000);
        PERFORM powergate.mark_dirty(ARRAY[account], p_now);
    ELSIF t IN ('expired', 'cancelled', 'refused') AND account IS NOT NULL THEN
        PERFORM powergate.mark_dirty(ARRAY[account], p_now);
    END IF;
    RETURN t;
END $$;

-- Which sessions of this node have something to do now?  Commands this node sent and knows
-- nothing of (the answer to its claim was lost with a connection) become unsure first.
CREATE OR REPLACE FUNCTION door.command_due(p_node text, p_working bigint[], p_now bigint)
RETURNS TABLE (endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM powergate.push_due(p_node, p_now);
    WITH lost AS (
        UPDATE command SET state = 'unsure', due_us = p_now
        WHERE state = 'sent' AND node = p_node AND id <> ALL (p_working) RETURNING id)
    INSERT INTO command_history (command_id, at_us, step, text) SELECT id, p_now, 'unsure', 'the daemon lost sight of it' FROM lost;
    RETURN QUERY SELECT DISTINCT m.endpoint_id FROM command c JOIN meter m ON m.id = c.meter_id
    JOIN endpoint e ON e.id = m.endpoint_id AND e.node = p_node AND e.closed_us IS NULL
    WHERE c.state IN ('waiting', 'unsure') AND c.due_us <= p_now;
END $$;
