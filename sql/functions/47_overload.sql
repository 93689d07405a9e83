-- A meter that draws more than it may switches itself off.  It is given power again so many times,
-- as the settings say; then it is held off until a person has seen to it.

-- Kilowatts for people: "5 kW", "3.68 kW".
CREATE OR REPLACE FUNCTION powergate.watts_text(p_watts bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(p_watts / 1000.0)::text || ' kW';
$$;

-- What counts against a meter, the newest first: "1795158000000000 1795157000000000".
CREATE OR REPLACE FUNCTION powergate.overloads_of(p_meter bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(o.at_us::text, ' ' ORDER BY o.at_us DESC) FROM (SELECT x.at_us FROM overload_trip x
        WHERE x.meter_id = p_meter AND NOT x.forgiven ORDER BY x.at_us DESC LIMIT 11) o);
END $$;

-- It is off and nobody wanted it so, or its newest trip is new and was ordered by none of our
-- commands.  A meter without such a record is believed when it is off.
CREATE OR REPLACE FUNCTION powergate.overload_tripped(s meter_state, p_trip bigint, p_operator bigint, p_off boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_trip IS NOT NULL AND EXISTS (SELECT FROM command c WHERE c.id = p_operator AND c.meter_id = s.meter_id AND c.kind = 'relay') THEN
        RETURN false;
    END IF;
    RETURN (p_off AND s.relay_wanted <> 'open') OR COALESCE(p_trip > COALESCE(s.overloads_us, 0) - 60000000, false);
END $$;

CREATE OR REPLACE FUNCTION powergate.overload_tell(m meter, s meter_state, p_count bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE today bigint; words text;
BEGIN
    SELECT count(*) INTO today FROM overload_trip o WHERE o.meter_id = m.id AND NOT o.forgiven AND o.at_us > p_now - 86400000000;
    words := format('it switched itself off for overload%s', COALESCE(', its limit is ' || powergate.watts_text(s.limit_watts), ''));
    PERFORM powergate.event_add('overload', m.id, m.account_id, words, p_now);
    IF m.account_id IS NOT NULL THEN
        PERFORM powergate.customer_notice(format('overload:%s:%s', m.id, p_count), 'overload', m.account_id, NULL,
            jsonb_strip_nulls(jsonb_build_object('meter', m.address, 'limit', powergate.watts_text(s.limit_watts), 'count', today::text,
                'why', words)), p_now, 86400000000);
    END IF;
END $$;

-- The meter's own count, as a poll found it.  Told before the relay that was found open: who
-- decides about that must know this.  Returns how many trips it comes to.
CREATE OR REPLACE FUNCTION door.overload_noted(p_meter bigint, p_count bigint, p_trip bigint, p_operator bigint, p_off boolean,
    p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE m meter; s meter_state; n bigint;
BEGIN
    SELECT * INTO m FROM meter WHERE id = p_meter;
    PERFORM powergate.account_first(m.account_id);
    SELECT * INTO s FROM meter_state WHERE meter_id = p_meter FOR UPDATE;
    IF p_count = s.overloads THEN RETURN 0; END IF;
    UPDATE meter_state SET overloads = p_count, overloads_us = p_now WHERE meter_id = p_meter;
    IF s.overloads IS NULL OR p_count < s.overloads THEN RETURN 0; END IF;   -- it begins to count, or was cleared
    IF NOT powergate.overload_tripped(s, p_trip, p_operator, p_off) THEN
        PERFORM powergate.event_add('overload', m.id, m.account_id, 'an overload that did not switch it off', p_now);
        PERFORM powergate.alarm_raise(p_meter, 'overload', 'counter', 'more was drawn than it allows; it did not switch itself off',
            false, p_count - s.overloads, NULL, s.total_wh, p_now);
        RETURN 0;
    END IF;
    n := least(p_count - s.overloads, 11);
    INSERT INTO overload_trip (meter_id, count, at_us, noted_us)
    SELECT p_meter, c, greatest(least(COALESCE(p_trip, p_now), p_now), COALESCE(s.closed_us, 0) + 1), p_now
    FROM generate_series(p_count - n + 1, p_count) AS c ON CONFLICT DO NOTHING;
    PERFORM powergate.overload_tell(m, s, p_count, p_now);
    PERFORM powergate.alarm_raise(p_meter, 'overload', 'counter', 'more was drawn than it allows, and it switched itself off', false,
        p_count - s.overloads, least(p_trip, p_now), s.total_wh, p_now);
    IF m.account_id IS NOT NULL THEN PERFORM powergate.mark_dirty(ARRAY[m.account_id], p_now); END IF;
    RETURN n;
END $$;

-- Too often: it stays off, and paying does not change that.
CREATE OR REPLACE FUNCTION powergate.overload_lock(p_meter bigint, p_account bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h bigint; address text;
BEGIN
    h := powergate.hold_place(p_meter, 'SAFETY', p_why, true, 'powergated', p_now);
    IF h IS NULL THEN RETURN; END IF;
    UPDATE hold SET cause = 'overload' WHERE id = h;
    SELECT m.address INTO address FROM meter m WHERE m.id = p_meter;
    PERFORM powergate.work_add('overload:' || p_meter, 'OVERLOAD', format('meter %s stays off: %s', address, p_why),
        format('have the customer switch off what is too much, or raise the limit; then: powergatectl hold release SAFETY --meter=%s --reason=...', address),
        p_account, p_meter, NULL, NULL, p_now);
END $$;

-- A person has seen to it: what was counted is forgiven.
CREATE OR REPLACE FUNCTION powergate.overload_released(h hold, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF h.kind <> 'SAFETY' THEN RETURN; END IF;
    UPDATE overload_trip SET forgiven = true WHERE meter_id = h.meter_id AND NOT forgiven;
    PERFORM powergate.work_resolve('overload:' || h.meter_id, jsonb_build_object('by', h.released_by, 'reason', h.release_reason), p_now);
END $$;
