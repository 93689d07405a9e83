-- What is known of a meter's clock, and what that means for its registers.

CREATE OR REPLACE FUNCTION powergate.clock_words(p_skew bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE s bigint := round(abs(p_skew) / 1000000.0);
BEGIN
    RETURN CASE WHEN s < 600 THEN s || ' s' WHEN s < 86400 THEN s / 60 || ' min' ELSE s / 3600 || ' h' END
        || CASE WHEN p_skew < 0 THEN ' behind' ELSE ' ahead' END;
END $$;

-- One look at a clock: its state, the span in which its registers are not believed, and a person.
CREATE OR REPLACE FUNCTION powergate.clock_seen(p_meter bigint, p_skew bigint, p_alarm bigint, p_doubt bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE c meter_clock; m meter;
BEGIN
    SELECT * INTO c FROM meter_clock q WHERE q.meter_id = p_meter FOR UPDATE;
    IF abs(p_skew) > p_doubt THEN
        INSERT INTO clock_span AS s VALUES (p_meter, COALESCE(c.good_us, p_now), NULL, p_skew)
        ON CONFLICT (meter_id) WHERE to_us IS NULL DO UPDATE SET most_us = excluded.most_us WHERE abs(s.most_us) < abs(excluded.most_us);
    ELSE
        UPDATE clock_span s SET to_us = p_now WHERE s.meter_id = p_meter AND s.to_us IS NULL;
    END IF;
    INSERT INTO meter_clock AS q (meter_id, read_us, skew_us, good_us) VALUES (p_meter, p_now, p_skew, CASE WHEN abs(p_skew) <= p_doubt THEN p_now END)
    ON CONFLICT (meter_id) DO UPDATE SET read_us = excluded.read_us, skew_us = excluded.skew_us, good_us = COALESCE(excluded.good_us, q.good_us);
    IF abs(p_skew) > p_alarm THEN
        SELECT * INTO m FROM meter q WHERE q.id = p_meter;
        PERFORM powergate.work_add('clock:' || p_meter, 'CLOCK', format('the clock of meter %s is %s', m.address, powergate.clock_words(p_skew)),
            'it is put right by itself when its rules allow; if that does not last, look at its battery', m.account_id, p_meter, NULL, NULL, p_now);
    ELSIF abs(c.skew_us) > p_alarm THEN
        UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', 'powergated', 'reason', 'it is right again')
        WHERE w.key = 'clock:' || p_meter AND w.state <> 'resolved';
    END IF;
END $$;

-- What sessions read; and what may be done about it: a row each, in their order.
CREATE OR REPLACE FUNCTION door.clock_notes(p_meters bigint[], p_skews bigint[], p_alarm bigint, p_doubt bigint, p_now bigint)
RETURNS TABLE (cast_day int, failed int, may_write boolean) LANGUAGE plpgsql AS $$
DECLARE x record;
BEGIN
    FOR x IN SELECT t.meter, t.skew FROM unnest(p_meters, p_skews) WITH ORDINALITY AS t(meter, skew, n) ORDER BY t.meter, t.n LOOP
        PERFORM powergate.clock_seen(x.meter, x.skew, p_alarm, p_doubt, p_now);
    END LOOP;
    RETURN QUERY SELECT c.cast_day, c.failed, NOT c.refused AND c.again_us <= p_now
    FROM unnest(p_meters) WITH ORDINALITY AS t(meter, n) JOIN meter_clock c ON c.meter_id = t.meter ORDER BY t.n;
END $$;

-- What became of putting it right.  p_skew: as it was read back; NULL: it was not.
CREATE OR REPLACE FUNCTION door.clock_set(p_meter bigint, p_by text, p_day int, p_from bigint, p_skew bigint, p_right boolean, p_refused boolean,
    p_again bigint, p_alarm bigint, p_doubt bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m meter;
BEGIN
    UPDATE meter_clock c SET cast_day = CASE WHEN p_by = 'broadcast' THEN p_day ELSE c.cast_day END,
        failed = CASE WHEN p_right THEN 0 WHEN p_by = 'broadcast' THEN c.failed + 1 ELSE c.failed END,
        refused = c.refused OR p_refused, again_us = CASE WHEN p_by = 'write' AND NOT p_right THEN p_again ELSE c.again_us END,
        set_us = CASE WHEN p_right THEN p_now ELSE c.set_us END, set_by = CASE WHEN p_right THEN p_by ELSE c.set_by END,
        set_from_us = CASE WHEN p_right THEN p_from ELSE c.set_from_us END
    WHERE c.meter_id = p_meter;
    IF p_skew IS NOT NULL THEN
        PERFORM powergate.clock_seen(p_meter, p_skew, p_alarm, p_doubt, p_now);
    END IF;
    SELECT * INTO m FROM meter q WHERE q.id = p_meter;
    IF p_right THEN
        PERFORM powergate.event_add('clock', p_meter, m.account_id, format('its clock was %s and is right now, by %s', powergate.clock_words(p_from),
            CASE p_by WHEN 'write' THEN 'a write' ELSE 'broadcast' END), p_now);
    ELSIF p_refused THEN
        PERFORM powergate.work_add('clock-password:' || p_meter, 'CLOCK', format('meter %s refuses to have its clock set: its password is another', m.address),
            format('powergatectl meter password %s; it is not tried again before', m.address), m.account_id, p_meter, NULL, NULL, p_now);
    END IF;
END $$;

-- Whether the tariff registers read then are to be believed.
CREATE OR REPLACE FUNCTION powergate.clock_off(p_meter bigint, p_at bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM clock_span s WHERE s.meter_id = p_meter AND s.from_us < p_at AND (s.to_us IS NULL OR s.to_us >= p_at));
END $$;
-- A reading without them, when they are not: then our own hours decide what its energy costs.
CREATE OR REPLACE FUNCTION powergate.believed(p_meter bigint, p_at bigint, p_wh bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_wh[2] IS NOT NULL AND powergate.clock_off(p_meter, p_at) THEN
        RETURN ARRAY[p_wh[1], NULL, NULL, NULL, NULL];
    END IF;
    RETURN p_wh;
END $$;
