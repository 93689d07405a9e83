-- How well the ways to the meters serve (features.md A8, A11, A12).

-- Of whichever node comes first, every quarter of an hour: who is there?  And what is old goes.
CREATE OR REPLACE FUNCTION powergate.way_look(p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE today date := (to_timestamp(p_now / 1000000) AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM 1 FROM way_look WHERE at_us <= p_now - 900000000 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE way_look SET at_us = p_now;
    INSERT INTO way_day AS l (endpoint_id, day, looked, online)
    SELECT e.id, today, 1, (e.closed_us IS NULL AND e.epoch > 0)::int FROM endpoint e WHERE e.state = 'claimed' ORDER BY e.id
    ON CONFLICT (endpoint_id, day) DO UPDATE SET looked = l.looked + 1, online = l.online + EXCLUDED.online;
    DELETE FROM way_day WHERE day < today - 100;
    DELETE FROM frame_log f USING meter m WHERE m.id = f.meter_id AND m.logged_until_us < p_now - 7 * 86400000000;
END $$;

-- in_ms has twelve numbers of each endpoint, one after the other.
CREATE OR REPLACE FUNCTION door.way_note(p_ids bigint[], p_answered int[], p_silent int[], p_in int[], p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE today date := (to_timestamp(p_now / 1000000) AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM powergate.way_look(p_now);  -- first: whoever looks takes the rows of every node
    INSERT INTO way_day AS l (endpoint_id, day, answered, silent, in_ms)
    SELECT t.id, today, t.answered, t.silent, p_in[12 * t.n - 11:12 * t.n]
    FROM unnest(p_ids, p_answered, p_silent) WITH ORDINALITY AS t(id, answered, silent, n) JOIN endpoint e ON e.id = t.id ORDER BY t.id
    ON CONFLICT (endpoint_id, day) DO UPDATE SET answered = l.answered + EXCLUDED.answered, silent = l.silent + EXCLUDED.silent,
        in_ms = (SELECT array_agg(a + b ORDER BY i) FROM unnest(l.in_ms, EXCLUDED.in_ms) WITH ORDINALITY AS x(a, b, i));
END $$;

CREATE OR REPLACE FUNCTION door.frame_log_add(p_meter bigint[], p_at bigint[], p_dir text[], p_frame bytea[], p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO frame_log (meter_id, at_us, dir, frame)
    SELECT t.m, t.at, t.dir, t.frame FROM unnest(p_meter, p_at, p_dir, p_frame) WITH ORDINALITY AS t(m, at, dir, frame, n)
    JOIN meter m ON m.id = t.m AND m.logged_until_us > t.at ORDER BY t.n;
    DELETE FROM frame_log f USING (SELECT DISTINCT unnest(p_meter) AS id) m WHERE f.meter_id = m.id AND f.n <=
        (SELECT x.n FROM frame_log x WHERE x.meter_id = m.id ORDER BY x.n DESC OFFSET 2000 LIMIT 1);
END $$;

-- So many of a hundred answers came within so many ms; 20000 stands for longer than 8 s.
CREATE OR REPLACE FUNCTION powergate.way_percentile(p_in bigint[], p_percent int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE bounds int[] := '{50,100,200,300,500,800,1300,2000,3000,5000,8000,20000}'; total bigint := 0; sum bigint := 0;
BEGIN
    FOR i IN 1..12 LOOP total := total + p_in[i]; END LOOP;
    IF total = 0 THEN RETURN NULL; END IF;
    FOR i IN 1..12 LOOP
        sum := sum + p_in[i];
        IF sum * 100 >= total * p_percent THEN RETURN bounds[i]; END IF;
    END LOOP;
    RETURN 20000;
END $$;

-- One sentence for people who have to choose: by signal, by wiring, by upkeep.
CREATE OR REPLACE FUNCTION powergate.way_advice(p_link text, p_carrier text, p_online_bp bigint, p_silent_bp bigint, p_p95 int, p_dbm int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE who text := CASE WHEN p_carrier = '' THEN 'its carrier' ELSE p_carrier END;
    weak boolean := COALESCE(p_dbm, 0) < -100; away boolean := COALESCE(p_online_bp, 10000) < 9800; deaf boolean := COALESCE(p_silent_bp, 0) > 200;
BEGIN
    IF p_p95 IS NULL AND p_online_bp IS NULL THEN
        RETURN 'nothing was measured yet: ask again in a day';
    ELSIF p_link = 'rs485' THEN
        RETURN CASE WHEN away THEN 'the converter itself is away too often: its supply and antenna first, the wires behind it are not to blame'
            WHEN deaf THEN 'meters on the wire stay silent: look at ends, length, shielding and two meters of one address before any radio is bought'
            ELSE 'the wires serve: keep RS485, one converter and one card to look after' END;
    ELSIF weak OR (away AND deaf) THEN
        RETURN format('the signal of %s does not reach there: try another carrier or an antenna outside, or wire the meters by RS485 to one converter where it does', who);
    ELSIF away THEN
        RETURN format('it hears well but is away too often: have %s look at idle time-outs and cards, or wire the meters to one converter', who);
    ELSIF p_link = 'nbiot' AND p_p95 > 5000 THEN
        RETURN 'NB-IoT is too slow for a customer who waits for power: fit for reading, take 4G or RS485 where credit is loaded';
    ELSIF deaf OR p_p95 > 5000 THEN
        RETURN format('answers are lost or late: ask %s about the cell, and compare a few meters with another carrier before more are fitted', who);
    END IF;
    RETURN CASE p_link WHEN 'nbiot' THEN 'NB-IoT serves here: fewest parts to look after' ELSE '4G serves here: no wires to lay, each meter by itself' END;
END $$;
