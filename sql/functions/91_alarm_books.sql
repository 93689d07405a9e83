-- Alarms that no meter raises: what is in the books does not fit together.

-- What was used by meters that have been off for a while, since soon after they went off.
CREATE OR REPLACE FUNCTION powergate.used_while_off(p_least bigint, p_now bigint)
RETURNS TABLE (meter_id bigint, kind text, lasting boolean, words text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.meter_id, 'used_while_off', true, format('%s kWh were used since it went off', round((s.total_wh - f.value) / 1000.0, 2))
    FROM meter_state s JOIN meter m ON m.id = s.meter_id AND m.state = 'active'
    CROSS JOIN LATERAL (SELECT r.value FROM reading r WHERE r.meter_id = s.meter_id AND r.reg = 'total_wh'
        AND r.at_us > s.off_us AND r.at_us <= p_now ORDER BY r.at_us LIMIT 1) f
    WHERE s.relay_seen <> 'closed' AND s.off_us IS NOT NULL AND s.total_wh - f.value >= p_least;
END $$;

-- On all the time, somebody lives there, and the register is where it was so many midnights ago.
CREATE OR REPLACE FUNCTION powergate.unused(p_days int, p_now bigint)
RETURNS TABLE (meter_id bigint, kind text, lasting boolean, words text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT m.id, 'unused', true, format('nothing was used for %s days where somebody lives', p_days)
    FROM site t JOIN meter m ON m.site_id = t.id AND m.state = 'active' AND m.account_id IS NOT NULL
    JOIN freeze_record f ON f.meter_id = m.id
        AND f.day = to_char(to_timestamp(p_now / 1000000) AT TIME ZONE t.zone - p_days * interval '1 day', 'YYYYMMDD')::int
    JOIN meter_state s ON s.meter_id = m.id AND s.total_wh = f.total_wh AND s.relay_seen = 'closed' AND COALESCE(s.closed_us, 0) < f.at_us
    WHERE p_days > 0;
END $$;

-- The credit in a meter rose by more than what was on its way into it.  What is not settled yet, and
-- what was applied about the time of either reading, may be in it.
CREATE OR REPLACE FUNCTION powergate.credit_unexplained(p_since bigint, p_now bigint)
RETURNS TABLE (meter_id bigint, kind text, lasting boolean, words text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT x.meter_id, 'credit_unexplained', false,
        format('its credit rose from %s to %s, %s of it was bought', powergate.money_text(x.before), powergate.money_text(x.value), powergate.money_text(d.minor))
    FROM account a JOIN meter m ON m.account_id = a.id AND m.state = 'active'
    CROSS JOIN LATERAL (SELECT r.meter_id, r.at_us, r.value, lag(r.value) OVER w AS before, lag(r.at_us) OVER w AS before_us
        FROM reading r WHERE r.meter_id = m.id AND r.reg = 'credit' AND r.at_us > p_since - 7200000000 AND r.at_us <= p_now WINDOW w AS (ORDER BY r.at_us)) x
    CROSS JOIN LATERAL (SELECT COALESCE(sum(q.amount_minor), 0)::bigint AS minor, COALESCE(bool_or(q.state <> 'APPLIED'), false) AS open FROM credit_delivery q
        WHERE q.meter_id = x.meter_id AND q.state <> 'CANCELLED' AND q.planned_us <= x.at_us AND COALESCE(q.applied_us, p_now) > x.before_us - 600000000) d
    WHERE a.fee_mode = 'local' AND x.at_us > p_since AND x.value > x.before + d.minor AND NOT d.open;
END $$;

-- What the reconciliation of a day found and nobody has explained.
CREATE OR REPLACE FUNCTION powergate.breaks_found(p_since bigint, p_now bigint)
RETURNS TABLE (meter_id bigint, kind text, lasting boolean, words text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT DISTINCT ON (b.meter_id) b.meter_id, 'loss', true, b.text FROM recon_break b
        WHERE b.state = 'open' AND b.kind = 'LOSS' AND b.meter_id IS NOT NULL ORDER BY b.meter_id, b.id DESC;
    RETURN QUERY SELECT b.meter_id, 'credit_unexplained', false, b.text FROM recon_break b
        WHERE b.state = 'open' AND b.kind = 'BALANCE_DRIFT' AND b.amount_minor > 0 AND b.first_us > p_since AND b.first_us <= p_now;
END $$;

-- Once in p_every, by one node; returns how many are new.  Hundreds at once are rather a fault of ours
-- than of so many meters: of those that last, the rest comes the next time.
CREATE OR REPLACE FUNCTION door.alarm_books(p_every bigint, p_days int, p_least bigint, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE since bigint; found int := 0; r record; ids bigint[]; kinds text[]; lasts boolean[]; texts text[];
BEGIN
    SELECT a.until_us INTO since FROM alarm_analysis a WHERE a.until_us <= p_now - p_every FOR UPDATE SKIP LOCKED;
    IF since IS NULL THEN RETURN 0; END IF;
    since := greatest(since, p_now - 86400000000);
    UPDATE alarm_analysis SET until_us = p_now;
    SELECT array_agg(x.meter_id), array_agg(x.kind), array_agg(x.lasting), array_agg(x.words) INTO ids, kinds, lasts, texts FROM (
        SELECT * FROM powergate.used_while_off(p_least, p_now) UNION ALL SELECT * FROM powergate.unused(p_days, p_now)
        UNION ALL SELECT * FROM powergate.credit_unexplained(since, p_now) UNION ALL SELECT * FROM powergate.breaks_found(since, p_now)) x;
    PERFORM 1 FROM account_state s WHERE s.account_id IN (SELECT m.account_id FROM meter m WHERE m.id = ANY (ids)) ORDER BY s.account_id FOR UPDATE;
    FOR r IN SELECT x.* FROM unnest(ids, kinds, lasts, texts) AS x(meter_id, kind, lasting, words) WHERE NOT x.lasting OR NOT EXISTS (
            SELECT FROM alarm a WHERE a.meter_id = x.meter_id AND a.kind = x.kind AND a.state <> 'resolved' AND a.lasting) ORDER BY x.meter_id, x.kind LOOP
        found := found + 1;
        CONTINUE WHEN found > 500;
        PERFORM powergate.alarm_raise(r.meter_id, r.kind, 'books', r.words, r.lasting, 1, NULL, NULL, p_now);
    END LOOP;
    IF found > 500 THEN
        PERFORM powergate.event_add('alarm', NULL, NULL, format('%s alarms are in the books at once, 500 were raised', found), p_now);
    END IF;
    FOR r IN SELECT a.meter_id, a.kind FROM alarm a WHERE a.state <> 'resolved' AND a.lasting AND a.source = 'books'
        AND NOT EXISTS (SELECT FROM unnest(ids, kinds) AS x(meter_id, kind) WHERE x.meter_id = a.meter_id AND x.kind = a.kind) ORDER BY a.meter_id LOOP
        PERFORM powergate.alarm_clear(r.meter_id, r.kind, 'it is no longer so', p_now);
    END LOOP;
    RETURN found;
END $$;
