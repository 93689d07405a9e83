-- The life of an alarm: raised and told, perhaps a hold for SAFETY, gone by itself or resolved by a
-- person.  A meter's alarms are written behind the lock of its state.

-- What the settings say of the kinds; they are the same on every node.  What is ignored from now on
-- will not be told to end.
CREATE OR REPLACE FUNCTION door.alarm_policy(p_holds text[], p_ignored text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alarm_kind k SET holds = k.kind = ANY (p_holds), ignored = k.kind = ANY (p_ignored)
    WHERE (k.holds, k.ignored) IS DISTINCT FROM (k.kind = ANY (p_holds), k.kind = ANY (p_ignored));
    UPDATE alarm a SET lasting = false WHERE a.lasting AND a.kind = ANY (p_ignored);
END $$;

CREATE OR REPLACE FUNCTION powergate.alarm_note(p_alarm bigint, p_step text, p_by text, p_text text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO alarm_step (alarm_id, at_us, step, actor, text) VALUES (p_alarm, p_now, p_step, p_by, COALESCE(p_text, ''));
END $$;

-- The administrators hear of it at once; who lives there once, and not on the word of a report alone,
-- whose bits are not the same in all meters (dlt645.md 2.7).
CREATE OR REPLACE FUNCTION powergate.alarm_tell(a alarm, m meter, k alarm_kind, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE words jsonb := jsonb_build_object('alarm', a.kind, 'meter', m.address, 'why', a.text, 'urgent', k.severity = 'critical');
BEGIN
    PERFORM powergate.staff_notice('alarm:' || a.id, 'alarm', m.account_id,
        words || jsonb_build_object('number', a.id, 'severity', a.severity), p_now, 86400000000);
    IF k.customer AND m.account_id IS NOT NULL AND a.source <> 'report' THEN
        PERFORM powergate.customer_notice('meter_alarm:' || a.id, 'meter_alarm', m.account_id, NULL, words, p_now, 86400000000);
    END IF;
END $$;

-- As many within an hour as a person may order alone: of more it is rather how they are read that is
-- wrong, and a person decides.
CREATE OR REPLACE FUNCTION powergate.alarm_holds_many(m meter, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    SELECT count(*) INTO n FROM hold h WHERE h.kind = 'SAFETY' AND h.placed_us > p_now - 3600000000 AND h.placed_by = 'powergated'
        AND h.cause IN (SELECT k.kind FROM alarm_kind k WHERE k.kind <> 'overload');
    IF n < (SELECT h.safety_trips FROM headend h) OR EXISTS (SELECT FROM hold h WHERE h.meter_id = m.id AND h.kind = 'SAFETY' AND h.released_us IS NULL) THEN
        RETURN false;
    END IF;
    PERFORM powergate.work_add('alarms', 'ALARMS', format('%s meters are held off for their alarms within an hour, and no more are', n),
        'see powergatectl alarm list; who is in danger: powergatectl hold add SAFETY --meters=...; who says it without reason: alarms.ignore',
        NULL, NULL, NULL, NULL, p_now);
    RETURN true;
END $$;

-- Off until a person has looked, where the settings want that; one hold serves all alarms of a meter.
-- On the word of a report alone nobody is cut off: the counter behind it decides, and that is read at
-- once.
CREATE OR REPLACE FUNCTION powergate.alarm_hold(a alarm, m meter, k alarm_kind, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h bigint;
BEGIN
    IF NOT k.holds OR a.source = 'report' THEN RETURN; END IF;
    IF powergate.alarm_holds_many(m, p_now) THEN
        PERFORM powergate.alarm_note(a.id, 'spared', 'powergated', 'too many at once are held off for their alarms: a person decides', p_now);
        RETURN;
    END IF;
    h := powergate.hold_place(m.id, 'SAFETY', k.words, true, 'powergated', p_now);
    IF h IS NULL THEN
        SELECT x.id INTO h FROM hold x WHERE x.meter_id = m.id AND x.kind = 'SAFETY' AND x.released_us IS NULL;
    ELSE
        UPDATE hold SET cause = a.kind WHERE id = h;
    END IF;
    UPDATE alarm SET hold_id = h WHERE id = a.id;
    PERFORM powergate.alarm_note(a.id, 'held', 'powergated', 'it stays off until a person releases the hold for SAFETY', p_now);
END $$;

-- One that went by itself a short while ago and is there again is the same one.
CREATE OR REPLACE FUNCTION powergate.alarm_returned(p_meter bigint, p_kind text, p_now bigint) RETURNS alarm LANGUAGE plpgsql AS $$
DECLARE a alarm;
BEGIN
    SELECT * INTO a FROM alarm x WHERE x.meter_id = p_meter AND x.kind = p_kind ORDER BY x.id DESC LIMIT 1;
    IF a.resolved_by IS DISTINCT FROM 'powergated' OR a.resolved_us < p_now - 3600000000 THEN RETURN NULL; END IF;
    UPDATE alarm SET state = CASE WHEN acknowledged_us IS NULL THEN 'raised' ELSE 'acknowledged' END, resolved_us = NULL, resolved_by = NULL,
        resolution = NULL WHERE id = a.id RETURNING * INTO a;
    PERFORM powergate.alarm_note(a.id, 'returned', 'powergated', '', p_now);
    RETURN a;
END $$;

-- p_lasting: it is there now, and its end will be told; else it happened, p_times times more.  Of
-- what lasts, more of the same is no news.  The caller has locked the account.
CREATE OR REPLACE FUNCTION powergate.alarm_raise(p_meter bigint, p_kind text, p_source text, p_text text, p_lasting boolean, p_times bigint,
    p_at bigint, p_wh bigint, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE m meter; k alarm_kind; a alarm; news boolean;
BEGIN
    SELECT * INTO k FROM alarm_kind WHERE kind = p_kind;
    SELECT * INTO m FROM meter WHERE id = p_meter;
    IF k.kind IS NULL OR k.ignored OR m.id IS NULL THEN RETURN NULL; END IF;
    PERFORM 1 FROM meter_state s WHERE s.meter_id = p_meter FOR UPDATE;
    SELECT * INTO a FROM alarm x WHERE x.meter_id = p_meter AND x.kind = p_kind AND x.state <> 'resolved';
    IF a.id IS NULL AND p_lasting THEN a := powergate.alarm_returned(p_meter, p_kind, p_now); END IF;
    IF a.id IS NULL THEN
        INSERT INTO alarm (meter_id, kind, severity, source, text, count, first_us, last_us, at_us, at_wh, lasting)
        VALUES (p_meter, p_kind, k.severity, p_source, p_text, greatest(p_times, 1), p_now, p_now, p_at, p_wh, p_lasting) RETURNING * INTO a;
        PERFORM powergate.alarm_note(a.id, 'raised', 'powergated', p_text, p_now);
        PERFORM powergate.event_add('alarm', m.id, m.account_id, format('%s: %s', a.kind, a.text), p_now);
        PERFORM powergate.alarm_tell(a, m, k, p_now);
        PERFORM powergate.alarm_hold(a, m, k, p_now);
        RETURN a.id;
    END IF;
    news := NOT (p_lasting AND a.lasting);
    -- the meter's own count knows better how often than who looks now and then
    UPDATE alarm SET last_us = p_now, lasting = lasting OR p_lasting, cleared_us = CASE WHEN p_lasting THEN NULL ELSE cleared_us END,
        count = CASE WHEN NOT news OR (a.source = 'counter' AND p_source <> 'counter') THEN count
            WHEN p_source = 'counter' AND a.source <> 'counter' THEN greatest(count, p_times) ELSE count + p_times END,
        source = CASE WHEN p_source = 'counter' THEN p_source ELSE source END,
        text = CASE WHEN p_source = 'counter' THEN p_text ELSE text END,
        at_us = COALESCE(p_at, at_us), at_wh = COALESCE(p_wh, at_wh) WHERE id = a.id RETURNING * INTO a;
    IF news THEN
        PERFORM powergate.alarm_note(a.id, 'again', 'powergated', p_text, p_now);
        PERFORM powergate.alarm_tell(a, m, k, p_now);
        PERFORM powergate.alarm_hold(a, m, k, p_now);
    END IF;
    RETURN a.id;
END $$;

-- It is there no more.  What only lasted is over; what a person has to look at waits for him.
CREATE OR REPLACE FUNCTION powergate.alarm_clear(p_meter bigint, p_kind text, p_text text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE a alarm; over boolean;
BEGIN
    PERFORM 1 FROM meter_state s WHERE s.meter_id = p_meter FOR UPDATE;
    SELECT * INTO a FROM alarm x WHERE x.meter_id = p_meter AND x.kind = p_kind AND x.state <> 'resolved' AND x.lasting;
    IF a.id IS NULL THEN RETURN; END IF;
    SELECT k.lasts AND k.severity <> 'critical' AND a.hold_id IS NULL INTO over FROM alarm_kind k WHERE k.kind = a.kind;
    UPDATE alarm SET lasting = false, cleared_us = p_now WHERE id = a.id;
    PERFORM powergate.alarm_note(a.id, 'cleared', 'powergated', p_text, p_now);
    IF over THEN
        UPDATE alarm SET state = 'resolved', resolved_us = p_now, resolved_by = 'powergated', resolution = p_text WHERE id = a.id;
    END IF;
END $$;

-- --- the relay ----------------------------------------------------------------------------------

-- Seen where nobody wanted it, with no order of ours under way.  A meter that keeps its own balance
-- moves it by right, and at a site that is only observed others do.
CREATE OR REPLACE FUNCTION powergate.alarm_relay(p_meter bigint, p_was text, p_relay text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s meter_state;
BEGIN
    SELECT * INTO s FROM meter_state WHERE meter_id = p_meter;
    IF NOT ((p_was = 'closed' AND p_relay = 'open' AND s.relay_wanted <> 'open')
            OR (p_was IN ('open', 'permitted') AND p_relay = 'closed' AND s.relay_wanted = 'open'))
       OR EXISTS (SELECT FROM command c WHERE c.meter_id = p_meter AND c.kind = 'relay' AND c.state IN ('waiting', 'sent', 'unsure'))
       OR EXISTS (SELECT FROM overload_trip o WHERE o.meter_id = p_meter AND o.noted_us > p_now - 600000000)
       OR EXISTS (SELECT FROM meter m JOIN site t ON t.id = m.site_id LEFT JOIN account a ON a.id = m.account_id
                  WHERE m.id = p_meter AND (t.mode <> 'live' OR a.fee_mode = 'local')) THEN RETURN; END IF;
    PERFORM powergate.alarm_raise(p_meter, 'relay_moved', 'relay', format('its relay is %s without an order of ours; it is wanted %s',
        p_relay, s.relay_wanted), false, 1, NULL, s.total_wh, p_now);
END $$;

-- --- what a meter shows -------------------------------------------------------------------------

-- Of the kinds it can tell, those it shows now.
CREATE OR REPLACE FUNCTION door.alarm_seen(p_meter bigint, p_shown text[], p_known text[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE k alarm_kind;
BEGIN
    -- at each login of a meter that has nothing to tell
    IF cardinality(p_shown) = 0 AND NOT EXISTS (SELECT FROM alarm a WHERE a.meter_id = p_meter AND a.state <> 'resolved' AND a.lasting) THEN RETURN; END IF;
    PERFORM powergate.account_of_first(p_meter);
    FOR k IN SELECT * FROM alarm_kind x WHERE x.kind = ANY (p_known) ORDER BY x.kind LOOP
        IF k.kind = ANY (p_shown) THEN
            PERFORM powergate.alarm_raise(p_meter, k.kind, CASE WHEN k.kind IN ('relay_welded', 'neutral_current') THEN 'current' ELSE 'status' END,
                k.words, true, 1, NULL, (SELECT s.total_wh FROM meter_state s WHERE s.meter_id = p_meter), p_now);
        ELSE
            PERFORM powergate.alarm_clear(p_meter, k.kind, 'the meter shows it no more', p_now);
        END IF;
    END LOOP;
END $$;

-- What its report had of new.
CREATE OR REPLACE FUNCTION door.alarm_reported(p_meter bigint, p_kinds text[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE k alarm_kind;
BEGIN
    PERFORM powergate.account_of_first(p_meter);
    FOR k IN SELECT * FROM alarm_kind x WHERE x.kind = ANY (p_kinds) ORDER BY x.kind LOOP
        PERFORM powergate.alarm_raise(p_meter, k.kind, 'report', k.words || ', by its report', false, 1, NULL, NULL, p_now);
    END LOOP;
END $$;

-- It goes on repeating its report; a wrong password must not be tried again by ourselves.
CREATE OR REPLACE FUNCTION door.alarm_stuck(p_meter bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE m meter;
BEGIN
    SELECT * INTO m FROM meter WHERE id = p_meter;
    UPDATE meter_state SET report_stuck = true WHERE meter_id = p_meter;
    PERFORM powergate.work_add('report:' || p_meter, 'REFUSED', format('meter %s refuses to have its report of alarms reset: %s', m.address, p_why),
        format('give its password anew: powergatectl meter password %s --file=...', m.address), m.account_id, m.id, NULL, NULL, p_now);
END $$;

-- Its relay moved by this record: not by an order of ours, nor as it has a right to.  Without a
-- record there is nothing to be said.
CREATE OR REPLACE FUNCTION powergate.alarm_strange(p_meter bigint, p_open boolean, p_at bigint, p_operator bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE s meter_state;
BEGIN
    SELECT * INTO s FROM meter_state WHERE meter_id = p_meter;
    RETURN p_at IS NOT NULL AND (p_open OR s.relay_wanted = 'open')
        -- not every meter notes whose order it was: one about that time is taken for it
        AND NOT EXISTS (SELECT FROM command c WHERE c.meter_id = p_meter AND c.kind = 'relay' AND (c.id = p_operator OR
            ((c.task ->> 'relay' = 'open') = p_open AND c.state <> 'waiting' AND c.created_us < p_at + 300000000
             AND COALESCE(c.ended_us, p_at) > p_at - 300000000)))
        AND NOT EXISTS (SELECT FROM overload_trip o WHERE o.meter_id = p_meter AND o.noted_us > p_at - 300000000)
        AND NOT EXISTS (SELECT FROM meter m JOIN site t ON t.id = m.site_id LEFT JOIN account a ON a.id = m.account_id
            WHERE m.id = p_meter AND (t.mode <> 'live' OR a.fee_mode = 'local'));
END $$;

-- A counter that moved, or was read for the first time, with the newest record behind it.
CREATE OR REPLACE FUNCTION door.alarm_counted(p_meter bigint, p_counter int, p_kind text, p_count bigint, p_at bigint, p_wh bigint,
    p_open boolean, p_operator bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE was bigint; k alarm_kind; a alarm; times bigint;
BEGIN
    PERFORM powergate.account_of_first(p_meter);
    SELECT s.alarm_counts[p_counter] INTO was FROM meter_state s WHERE s.meter_id = p_meter FOR UPDATE;
    UPDATE meter_state SET alarm_counts[p_counter] = p_count WHERE meter_id = p_meter;
    IF was IS NULL OR p_count <= was THEN RETURN; END IF;    -- it begins to count, or was cleared
    times := p_count - was;
    IF p_kind = 'relay_moved' THEN
        IF NOT powergate.alarm_strange(p_meter, p_open, p_at, p_operator) THEN RETURN; END IF;
        times := 1; -- of the others it is not known whose they were
    END IF;
    SELECT * INTO k FROM alarm_kind WHERE kind = p_kind;
    -- its status words have told this one, and that it was over
    SELECT * INTO a FROM alarm x WHERE x.meter_id = p_meter AND x.kind = p_kind ORDER BY x.id DESC LIMIT 1;
    IF k.lasts AND a.state = 'resolved' AND COALESCE(p_at BETWEEN a.first_us - 300000000 AND a.last_us + 300000000, a.last_us > p_now - 86400000000) THEN
        UPDATE alarm SET count = greatest(count, times), at_us = COALESCE(p_at, at_us), at_wh = COALESCE(p_wh, at_wh) WHERE id = a.id;
        RETURN;
    END IF;
    PERFORM powergate.alarm_raise(p_meter, p_kind, 'counter', k.words || CASE WHEN p_kind = 'relay_moved'
        THEN CASE WHEN p_open THEN ': it was opened' ELSE ': it was closed' END ELSE format(', its own count is %s', p_count) END,
        false, times, p_at, p_wh, p_now);
END $$;
