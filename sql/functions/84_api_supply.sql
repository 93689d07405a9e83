-- Behind the API: holds, overrides, the calendar of a site, halts, exposure, and why.

-- The meters an order is for: a list of them, one, or all of an account.
CREATE OR REPLACE FUNCTION powergate.meters_meant(p jsonb) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT COALESCE(array_agg(m.id ORDER BY m.id), '{}') FROM meter m
    WHERE m.state = 'active' AND CASE WHEN p ? 'meters' THEN m.address = ANY (powergate.meters_listed(p))
        WHEN p ? 'meter' THEN m.address = p ->> 'meter'
        ELSE m.account_id = (SELECT a.id FROM account a WHERE a.number = p ->> 'account') END;
$$;
-- Of a list that has one that is not there, the first such.
CREATE OR REPLACE FUNCTION powergate.meter_missing(p jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT x.address FROM unnest(powergate.meters_listed(p)) AS x(address)
        WHERE NOT EXISTS (SELECT FROM meter m WHERE m.address = x.address AND m.state = 'active') ORDER BY 1 LIMIT 1);
END $$;
CREATE OR REPLACE FUNCTION powergate.accounts_of(p_meters bigint[]) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(DISTINCT account_id) FROM meter WHERE id = ANY (p_meters) AND account_id IS NOT NULL;
$$;

-- Danger does not wait, but it has a budget of its own: as many within an hour as the head-end says,
-- whoever orders them, one by one or all at once.  Beyond that another approves this very list, and
-- the staff are told.
CREATE OR REPLACE FUNCTION powergate.safety_waits(p_meters bigint[], p_reason text, p_who text, p_uid bigint, p_now bigint, OUT waits jsonb, OUT approved boolean) LANGUAGE plpgsql AS $$
DECLARE most int; n int;
BEGIN
    approved := false;
    SELECT safety_trips INTO most FROM headend FOR UPDATE; -- counted by one order at a time
    SELECT count(*) INTO n FROM hold h WHERE h.kind = 'SAFETY' AND h.placed_us > p_now - 3600000000 AND h.placed_by <> 'powergated' AND NOT h.approved;
    IF n + cardinality(p_meters) <= most THEN RETURN; END IF;
    waits := powergate.approval_needed('safety', jsonb_build_object('meters', (SELECT jsonb_agg(x.address ORDER BY x.address) FROM meter x WHERE x.id = ANY (p_meters))),
        p_reason, p_who, p_uid, p_now);
    approved := waits IS NULL;
    IF waits IS NOT NULL THEN
        PERFORM powergate.work_add('safety:' || (waits ->> 'approval'), 'APPROVAL', format('%s wants to switch off %s meters for SAFETY (%s), and %s an hour is what one person may',
            p_who, cardinality(p_meters), p_reason, most), format('another person, at once: powergatectl approval give %s --reason "..."', waits ->> 'approval'),
            NULL, p_meters[1], NULL, NULL, p_now);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION door.api_hold_add(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE meters bigint[] := powergate.meters_meant(p); m bigint; n int := 0; waits jsonb; twice boolean := false;
BEGIN
    IF COALESCE(p ->> 'hold', '') NOT IN ('ADMIN', 'MOVE_OUT', 'FRAUD', 'MAINTENANCE', 'SAFETY') THEN
        RETURN powergate.api_error(400, 'a hold is ADMIN, MOVE_OUT, FRAUD, MAINTENANCE or SAFETY; ARREARS is what the balance says');
    END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF cardinality(meters) = 0 THEN RETURN powergate.api_error(404, 'no such meter, or an account without one'); END IF;
    IF powergate.meter_missing(p) IS NOT NULL THEN RETURN powergate.api_error(404, format('no meter "%s"', powergate.meter_missing(p))); END IF;
    IF p ->> 'hold' = 'SAFETY' THEN
        SELECT s.waits, s.approved INTO waits, twice FROM powergate.safety_waits(meters, p ->> 'reason', p_who, p_uid, p_now) s;
        IF waits IS NOT NULL THEN RETURN waits; END IF;
    -- more than these at once go dark only when two want it
    ELSIF cardinality(meters) > 10 THEN
        waits := powergate.approval_needed('hold.add', jsonb_build_object('hold', p ->> 'hold', 'at_once', COALESCE((p ->> 'at_once')::boolean, false),
            'meters', (SELECT jsonb_agg(x.address ORDER BY x.address) FROM meter x WHERE x.id = ANY (meters))), p ->> 'reason', p_who, p_uid, p_now);
        IF waits IS NOT NULL THEN RETURN waits; END IF;
    END IF;
    PERFORM powergate.accounts_lock(powergate.accounts_of(meters));
    FOREACH m IN ARRAY meters LOOP
        n := n + (powergate.hold_place(m, p ->> 'hold', p ->> 'reason', COALESCE((p ->> 'at_once')::boolean, false), p_who, p_now) IS NOT NULL)::int;
    END LOOP;
    IF n = 0 THEN RETURN powergate.api_error(409, 'this hold is in force already'); END IF;
    UPDATE hold SET approved = true WHERE twice AND meter_id = ANY (meters) AND kind = p ->> 'hold' AND released_us IS NULL;
    PERFORM powergate.audited(p_who, 'hold.add', p, n || ' placed', p_now);
    RETURN jsonb_build_object('hold', p ->> 'hold', 'meters', n);
END $$;
CREATE OR REPLACE FUNCTION door.api_hold_release(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE meters bigint[] := powergate.meters_meant(p); m bigint; n int := 0;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF cardinality(meters) = 0 THEN RETURN powergate.api_error(404, 'no such meter, or an account without one'); END IF;
    IF powergate.meter_missing(p) IS NOT NULL THEN RETURN powergate.api_error(404, format('no meter "%s"', powergate.meter_missing(p))); END IF;
    PERFORM powergate.accounts_lock(powergate.accounts_of(meters));
    FOREACH m IN ARRAY meters LOOP
        n := n + powergate.hold_release(m, p ->> 'hold', p ->> 'reason', p_who, p_now)::int;
    END LOOP;
    IF n = 0 THEN RETURN powergate.api_error(409, 'no such hold is in force'); END IF;
    PERFORM powergate.audited(p_who, 'hold.release', p, n || ' released', p_now);
    RETURN jsonb_build_object('hold', p ->> 'hold', 'meters', n);
END $$;
CREATE OR REPLACE FUNCTION door.api_hold_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('meter', m.address, 'account', (SELECT number FROM account WHERE id = m.account_id),
        'hold', h.kind, 'cause', h.cause, 'reason', h.reason, 'by', h.placed_by, 'placed_us', h.placed_us, 'released_us', h.released_us,
        'release_reason', h.release_reason) ORDER BY h.id DESC))
    FROM (SELECT * FROM hold x WHERE (p ? 'all' OR x.released_us IS NULL) AND (NOT p ? 'meter' OR x.meter_id = powergate.meter_id(p))
          ORDER BY x.id DESC LIMIT powergate.limited(p)) h JOIN meter m ON m.id = h.meter_id;
$$;

-- Overrides.  Temporary supply ends by itself: by time, by energy.
CREATE OR REPLACE FUNCTION door.api_override_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; s site; paying bigint; until bigint := (p ->> 'until_us')::bigint; o bigint; c bigint;
BEGIN
    IF COALESCE(p ->> 'kind', '') NOT IN ('PROTECTED', 'TEMP_SUPPLY', 'KEEP_ON', 'NO_DISCONNECT') THEN
        RETURN powergate.api_error(400, 'an override is PROTECTED, TEMP_SUPPLY, KEEP_ON or NO_DISCONNECT');
    END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF p ? 'hours' THEN until := p_now + (p ->> 'hours')::bigint * 3600000000; END IF;
    IF until <= p_now THEN RETURN powergate.api_error(400, 'it would be over already'); END IF;
    IF p ? 'site' THEN
        SELECT * INTO s FROM site WHERE name = p ->> 'site';
        IF s.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
        IF p ->> 'kind' <> 'NO_DISCONNECT' THEN RETURN powergate.api_error(400, 'only NO_DISCONNECT is for a whole site'); END IF;
    ELSE
        SELECT * INTO m FROM meter WHERE address = p ->> 'meter' AND state = 'active';
        IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    END IF;
    IF p ->> 'kind' = 'TEMP_SUPPLY' AND until IS NULL THEN RETURN powergate.api_error(400, 'temporary supply needs an end: --hours'); END IF;
    IF p ? 'charge_to' THEN
        SELECT id INTO paying FROM account WHERE number = p ->> 'charge_to' AND state = 'active';
        IF paying IS NULL THEN RETURN powergate.api_error(404, 'no such account to charge'); END IF;
    END IF;
    PERFORM powergate.account_first(m.account_id);
    INSERT INTO supply_override (kind, meter_id, site_id, reason, from_us, until_us, until_wh, from_wh, until_minor, charged_account_id, placed_by, placed_us)
    VALUES (p ->> 'kind', m.id, s.id, p ->> 'reason', p_now, until, (p ->> 'wh')::bigint, (SELECT total_wh FROM meter_state WHERE meter_id = m.id),
        (p ->> 'amount_minor')::bigint, paying, p_who, p_now) RETURNING id INTO o;
    PERFORM powergate.event_add('override', m.id, m.account_id, format('%s by %s: %s', p ->> 'kind', p_who, p ->> 'reason'), p_now);
    IF p ->> 'kind' = 'KEEP_ON' THEN
        c := powergate.keep_want(m.id, true, p ->> 'reason', p_who, p_now);
    END IF;
    PERFORM powergate.mark_dirty(ARRAY(SELECT x.account_id FROM meter x WHERE (x.id = m.id OR x.site_id = s.id) AND x.account_id IS NOT NULL), p_now);
    PERFORM powergate.audited(p_who, 'override.add', p, 'override ' || o, p_now);
    RETURN jsonb_build_object('override', o, 'kind', p ->> 'kind', 'until_us', until) ||
        CASE WHEN c IS NULL THEN '{}' ELSE jsonb_build_object('command', c, 'look', m.endpoint_id) END;
END $$;
CREATE OR REPLACE FUNCTION door.api_override_end(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF NOT EXISTS (SELECT FROM supply_override WHERE id = (p ->> 'override')::bigint AND ended_us IS NULL) THEN
        RETURN powergate.api_error(404, 'no such override in force');
    END IF;
    PERFORM powergate.override_end((p ->> 'override')::bigint, p ->> 'reason', p_who, p_now);
    PERFORM powergate.audited(p_who, 'override.end', p, 'done', p_now);
    RETURN jsonb_build_object('override', (p ->> 'override')::bigint, 'state', 'ended');
END $$;
CREATE OR REPLACE FUNCTION door.api_override_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('override', o.id, 'kind', o.kind, 'meter', (SELECT address FROM meter WHERE id = o.meter_id),
        'site', (SELECT name FROM site WHERE id = o.site_id), 'reason', o.reason, 'by', o.placed_by, 'from_us', o.from_us, 'until_us', o.until_us,
        'until_wh', o.until_wh, 'charged', (SELECT number FROM account WHERE id = o.charged_account_id), 'charged_minor', o.charged_minor, 'ended_us', o.ended_us,
        'ended_why', o.ended_why) ORDER BY o.id DESC))
    FROM (SELECT * FROM supply_override x WHERE p ? 'all' OR x.ended_us IS NULL ORDER BY x.id DESC LIMIT powergate.limited(p)) o;
$$;

-- The calendar of a site.
CREATE OR REPLACE FUNCTION door.api_calendar_set(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s bigint; d int;
BEGIN
    SELECT id INTO s FROM site WHERE name = p ->> 'site';
    IF s IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    IF COALESCE(p ->> 'kind', '') NOT IN ('holiday', 'makeup', 'extreme', 'plain') THEN RETURN powergate.api_error(400, 'a day is holiday, makeup, extreme or plain'); END IF;
    BEGIN
        d := to_char((p ->> 'day')::date, 'YYYYMMDD')::int;
    EXCEPTION WHEN others THEN
        RETURN powergate.api_error(400, format('"%s" is no day (2026-10-01)', p ->> 'day'));
    END;
    IF d IS NULL THEN RETURN powergate.api_error(400, 'a day is needed (2026-10-01)'); END IF;
    DELETE FROM site_day WHERE site_id = s AND day = d AND (p ->> 'kind' = 'plain' OR kind = p ->> 'kind');
    IF p ->> 'kind' <> 'plain' THEN INSERT INTO site_day VALUES (s, d, p ->> 'kind', p_who, p_now); END IF;
    PERFORM powergate.mark_dirty(ARRAY(SELECT t.account_id FROM account a JOIN account_state t ON t.account_id = a.id
        WHERE a.site_id = s AND (t.look_again_us IS NOT NULL OR t.below_us IS NOT NULL)), p_now);
    PERFORM powergate.audited(p_who, 'calendar.set', p, 'done', p_now);
    RETURN jsonb_build_object('site', p ->> 'site', 'day', d, 'kind', p ->> 'kind');
END $$;
CREATE OR REPLACE FUNCTION door.api_calendar_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('site', s.name, 'day', d.day, 'kind', d.kind, 'by', d.placed_by) ORDER BY s.name, d.day))
    FROM site_day d JOIN site s ON s.id = d.site_id WHERE NOT p ? 'site' OR s.name = p ->> 'site';
$$;

-- Halts and exposure.
CREATE OR REPLACE FUNCTION door.api_halt_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('cause', h.cause, 'why', h.why, 'since_us', h.since_us, 'released_us', h.released_us,
        'released_by', h.released_by, 'release_reason', h.release_reason) ORDER BY h.id DESC))
    FROM (SELECT * FROM trip_halt x WHERE p ? 'all' OR x.released_us IS NULL ORDER BY x.id DESC LIMIT powergate.limited(p)) h;
$$;
CREATE OR REPLACE FUNCTION door.api_halt_release(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE trip_halt SET released_us = p_now, released_by = p_who, release_reason = p ->> 'reason' WHERE cause = p ->> 'cause' AND released_us IS NULL;
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such halt is in force'); END IF;
    PERFORM powergate.work_resolve('halt:' || (p ->> 'cause'), p || jsonb_build_object('by', p_who), p_now);
    PERFORM powergate.mark_dirty(ARRAY(SELECT t.account_id FROM account_state t WHERE t.below_us IS NOT NULL ORDER BY 1), p_now);
    PERFORM powergate.audited(p_who, 'halt.release', p, 'done', p_now);
    RETURN jsonb_build_object('cause', p ->> 'cause', 'state', 'released');
END $$;
CREATE OR REPLACE FUNCTION door.api_exposure_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('meter', m.address, 'account', (SELECT number FROM account WHERE id = x.account_id),
        'cause', x.cause, 'since_us', x.since_us, 'wh', x.wh, 'minor', x.minor, 'ended_us', x.ended_us) ORDER BY x.since_us))
    FROM (SELECT * FROM exposure q WHERE p ? 'all' OR q.ended_us IS NULL ORDER BY q.id DESC LIMIT powergate.limited(p)) x
    JOIN meter m ON m.id = x.meter_id;
$$;

-- A person's order for a relay.  Off is a hold, or nobody would know why it stays off; on lifts it.
CREATE OR REPLACE FUNCTION door.api_relay(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; c bigint; kind text := CASE WHEN p ->> 'cause' = 'SAFETY' THEN 'SAFETY' ELSE 'ADMIN' END; others text; waits jsonb; twice boolean := false;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    IF COALESCE(p ->> 'relay', '') NOT IN ('open', 'permitted', 'closed') THEN RETURN powergate.api_error(400, 'relay is open, permitted or closed'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF p ->> 'relay' = 'open' AND kind = 'SAFETY' THEN
        SELECT s.waits, s.approved INTO waits, twice FROM powergate.safety_waits(ARRAY[m.id], p ->> 'reason', p_who, p_uid, p_now) s;
        IF waits IS NOT NULL THEN RETURN waits; END IF;
    END IF;
    PERFORM powergate.account_first(m.account_id);
    IF p ->> 'relay' = 'open' THEN
        PERFORM powergate.hold_place(m.id, kind, p ->> 'reason', true, p_who, p_now);
        UPDATE hold SET approved = true WHERE twice AND meter_id = m.id AND hold.kind = 'SAFETY' AND released_us IS NULL;
    ELSE
        SELECT string_agg(h.kind || ' (' || h.reason || ')', ', ' ORDER BY h.id) INTO others FROM hold h
        WHERE h.meter_id = m.id AND h.released_us IS NULL AND h.kind <> 'ADMIN';
        IF others IS NOT NULL THEN
            RETURN powergate.api_error(409, format('it is held off: %s; release that first: powergatectl hold release', others));
        END IF;
        PERFORM powergate.hold_release(m.id, 'ADMIN', p ->> 'reason', p_who, p_now);
    END IF;
    c := powergate.relay_want(m.id, p ->> 'relay', kind, p ->> 'reason', NULL, p_who, p_now, p_now + 3600000000);
    PERFORM powergate.audited(p_who, 'meter.relay', p, 'command ' || c, p_now);
    RETURN jsonb_build_object('command', c, 'look', m.endpoint_id);
END $$;

-- --- why ----------------------------------------------------------------------------------------

-- It has switched itself off since it was seen on.
CREATE OR REPLACE FUNCTION powergate.why_overload(p_meter bigint, s meter_state) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE newest bigint; n bigint;
BEGIN
    SELECT max(o.at_us), count(*) INTO newest, n FROM overload_trip o WHERE o.meter_id = p_meter AND NOT o.forgiven
        AND o.at_us > (SELECT max(q.at_us) FROM overload_trip q WHERE q.meter_id = p_meter) - 86400000000;
    IF newest IS NULL OR newest < COALESCE(s.closed_us, 0) THEN RETURN NULL; END IF;
    RETURN format(': it switched itself off for overload%s, %s times within a day; it is given power again after a rest, and held off when that is too often',
        COALESCE(', its limit is ' || powergate.watts_text(s.limit_watts), ''), n);
END $$;

-- What keeps it off or on, strongest first, and what would change it.
CREATE OR REPLACE FUNCTION powergate.why_supply(m meter, s meter_state, a account, t account_state, p_now bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE h hold; o supply_override; x exposure; over text; local boolean := a.fee_mode = 'local';
BEGIN
    SELECT * INTO h FROM hold q WHERE q.meter_id = m.id AND q.released_us IS NULL
    ORDER BY array_position('{SAFETY,MAINTENANCE,FRAUD,MOVE_OUT,ADMIN}', q.kind) LIMIT 1;
    SELECT * INTO o FROM supply_override q WHERE (q.meter_id = m.id OR q.site_id = m.site_id) AND powergate.in_force(q, p_now)
    ORDER BY array_position('{TEMP_SUPPLY,PROTECTED,KEEP_ON,NO_DISCONNECT}', q.kind) LIMIT 1;
    IF h.id IS NOT NULL AND (o.kind IS DISTINCT FROM 'TEMP_SUPPLY' OR h.kind IN ('SAFETY', 'MAINTENANCE', 'FRAUD')) THEN
        RETURN format(': it is held off (%s, by %s): %s; a person must release that, paying does not', h.kind, h.placed_by, h.reason)
            || CASE WHEN h.kind <> 'SAFETY' AND s.relay_seen <> 'open' AND powergate.kept(m.id, s.status, p_now) THEN
                '; the meter keeps power on and would refuse, so the order goes out when its power-keep ends' ELSE '' END;
    END IF;
    over := CASE WHEN s.overloads > 0 AND s.relay_seen <> 'closed' AND s.relay_wanted <> 'open' THEN powergate.why_overload(m.id, s) END;
    IF over IS NOT NULL THEN
        RETURN over;
    ELSIF local THEN
        RETURN format(': it keeps its own balance, last read %s', COALESCE(powergate.money_text(s.credit_minor), 'never'))
            || CASE WHEN t.prepaid_minor > 0 THEN format(', and %s more is on its way into it', powergate.money_text(t.prepaid_minor)) ELSE '' END;
    ELSIF s.relay_wanted = 'open' AND s.wanted_for = 'ARREARS' THEN
        RETURN format(': it should be off because %s; paying %s brings it back%s', s.wanted_why,
            powergate.money_text(greatest(a.trip_minor - t.prepaid_minor + 1, 1)),
            CASE WHEN t.owes THEN ', after what debts and emergency credit take first' ELSE '' END);
    ELSIF s.relay_wanted = 'open' THEN
        RETURN format(': it should be off because %s', s.wanted_why);
    ELSIF a.id IS NULL THEN
        RETURN '';
    ELSIF o.id IS NOT NULL AND t.prepaid_minor <= a.trip_minor - t.extra_minor THEN
        RETURN format(': it should be on, the balance is %s and %s (%s)', powergate.money_text(t.prepaid_minor), o.kind, o.reason);
    END IF;
    SELECT * INTO x FROM exposure q WHERE q.meter_id = m.id AND q.ended_us IS NULL;
    IF x.id IS NOT NULL THEN
        RETURN format(': it should be on, the balance is %s; it would be cut off but for: %s', powergate.money_text(t.prepaid_minor),
            CASE x.cause WHEN 'notice' THEN 'the final notice is not old enough' WHEN 'grace' THEN 'the time of grace'
                WHEN 'hours' THEN 'these are not the hours' WHEN 'spared' THEN 'it is spared' WHEN 'reading' THEN 'its reading is too old'
                WHEN 'payment' THEN 'money is on its way' WHEN 'unrated' THEN 'a price is missing' WHEN 'observed' THEN 'the site is only observed' WHEN 'refused' THEN 'it refuses, see the work list'
                ELSE 'it has not obeyed yet' END);
    END IF;
    RETURN format(': it should be on, the balance is %s', powergate.money_text(t.prepaid_minor));
END $$;

CREATE OR REPLACE FUNCTION door.api_why(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; s meter_state; e endpoint; a account; t account_state; c command; w text; st site; halted text; o supply_override;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    SELECT * INTO s FROM meter_state WHERE meter_id = m.id;
    SELECT * INTO e FROM endpoint WHERE id = m.endpoint_id;
    SELECT * INTO a FROM account WHERE id = m.account_id;
    SELECT * INTO t FROM account_state WHERE account_id = a.id;
    SELECT * INTO st FROM site WHERE id = m.site_id;
    SELECT * INTO c FROM command q WHERE q.meter_id = m.id AND q.kind = 'relay' AND NOT q.task ? 'keep' AND q.state IN ('waiting', 'sent', 'unsure') ORDER BY q.id DESC LIMIT 1;
    w := format('Meter %s %s', m.address, CASE s.relay_seen WHEN 'closed' THEN 'is on' WHEN 'open' THEN 'is off'
        WHEN 'permitted' THEN 'is off and waits for the customer''s button' ELSE 'has not been read yet' END)
        || powergate.why_supply(m, s, a, t, p_now);
    IF c.id IS NOT NULL THEN
        w := w || format('; command %s to have it %s is %s%s', c.id, c.task ->> 'relay', c.state, COALESCE(', ' || c.outcome, ''));
    ELSIF s.relay_seen <> s.relay_wanted AND a.fee_mode = 'remote' AND s.relay_seen <> 'unknown' AND NOT (s.relay_seen = 'permitted' AND s.relay_wanted = 'closed') THEN
        w := w || format('; it is wanted %s and was not seen so yet', s.relay_wanted);
    END IF;
    halted := powergate.trips_halted();
    IF halted IS NOT NULL AND t.below_us IS NOT NULL AND s.relay_seen = 'closed' THEN w := w || '; automatic trips are halted: ' || halted; END IF;
    SELECT * INTO o FROM supply_override q WHERE q.meter_id = m.id AND q.kind = 'KEEP_ON' AND powergate.in_force(q, p_now) ORDER BY q.id DESC LIMIT 1;
    IF o.id IS NOT NULL THEN
        w := w || format('; KEEP_ON (%s): the meter itself %s', o.reason,
            CASE WHEN COALESCE(s.status, 0) & 4096 <> 0 THEN 'keeps power on' ELSE 'does not keep it on yet' END);
    END IF;
    IF st.mode = 'observe' THEN w := w || '; its site is in observe mode, nothing is switched'; END IF;
    IF t.unrated_why IS NOT NULL THEN w := w || '; its energy cannot be priced: ' || t.unrated_why; END IF;
    IF e.closed_us IS NOT NULL OR e.epoch = 0 THEN w := w || '; it is not connected now'; END IF;
    RETURN jsonb_build_object('meter', m.address, 'relay', s.relay_seen, 'wanted', s.relay_wanted, 'why', w || '.');
END $$;
