-- Holds, overrides, the storm guard and exposure.

-- --- what is in force ---------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.holds_of(p_meter bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(kind || CASE WHEN at_once THEN '!' ELSE '' END, ' ') FROM hold WHERE meter_id = p_meter AND released_us IS NULL);
END $$;
CREATE OR REPLACE FUNCTION powergate.in_force(o supply_override, p_now bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT o.ended_us IS NULL AND o.from_us <= p_now AND (o.until_us IS NULL OR o.until_us > p_now);
$$;
-- Protected, kept on, or a no-disconnect time of its site.
CREATE OR REPLACE FUNCTION powergate.spared(p_meter bigint, p_site bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM supply_override o WHERE o.meter_id = p_meter AND o.ended_us IS NULL
            AND o.kind <> 'TEMP_SUPPLY' AND powergate.in_force(o, p_now))
        OR EXISTS (SELECT FROM supply_override o WHERE o.site_id = p_site AND o.ended_us IS NULL AND powergate.in_force(o, p_now));
END $$;
-- Temporary supply that is not used up: by time, by energy, by money.
CREATE OR REPLACE FUNCTION powergate.temporary(p_meter bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM supply_override o WHERE o.meter_id = p_meter AND o.ended_us IS NULL
        AND o.kind = 'TEMP_SUPPLY' AND powergate.in_force(o, p_now) AND NOT powergate.used_up(o));
END $$;
CREATE OR REPLACE FUNCTION powergate.used_up(o supply_override) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT s.total_wh - o.from_wh >= o.until_wh FROM meter_state s WHERE s.meter_id = o.meter_id), false)
        OR (o.until_minor IS NOT NULL AND powergate.temporary_spent(o) >= o.until_minor);
END $$;
CREATE OR REPLACE FUNCTION powergate.kept_on(p_meter bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM supply_override o WHERE o.meter_id = p_meter AND o.ended_us IS NULL
        AND o.kind = 'KEEP_ON' AND powergate.in_force(o, p_now));
END $$;
CREATE OR REPLACE FUNCTION powergate.trips_halted() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(why, '; ' ORDER BY since_us) FROM trip_halt WHERE released_us IS NULL);
END $$;

-- The unlike days of a site from today on: "20261001 holiday 20261010 makeup".
CREATE OR REPLACE FUNCTION powergate.days_ahead(p_site bigint, p_zone text, p_now bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(day || ' ' || kind, ' ' ORDER BY day, kind) FROM (SELECT d.day, d.kind FROM site_day d
        WHERE d.site_id = p_site AND d.day >= to_char(to_timestamp(p_now / 1000000) AT TIME ZONE p_zone, 'YYYYMMDD')::int
        ORDER BY d.day LIMIT 40) n);
END $$;

-- The meter keeps power on by itself, or was promised to: it would refuse to trip for anything but
-- SAFETY, which ends that first.
CREATE OR REPLACE FUNCTION powergate.kept(p_meter bigint, p_status bigint, p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE(p_status, 0) & 4096 <> 0 OR powergate.kept_on(p_meter, p_now);
END $$;

-- What has been charged to an account in all, under its present tax.
CREATE OR REPLACE FUNCTION powergate.spent(p_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(sum(q.gross_minor), 0) FROM account_sum q WHERE q.account_id = p_account);
END $$;

-- --- holds and overrides ------------------------------------------------------------------------

-- What the customer is told of it.
CREATE OR REPLACE FUNCTION powergate.hold_words(p_meter bigint, p_kind text, p_reason text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('meter', m.address, 'hold', p_kind, 'reason', p_kind, 'why', p_reason) FROM meter m WHERE m.id = p_meter;
$$;
-- Returns the hold, NULL when one of its kind is there already.
CREATE OR REPLACE FUNCTION powergate.hold_place(p_meter bigint, p_kind text, p_reason text, p_at_once boolean, p_by text, p_now bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE h bigint; a bigint;
BEGIN
    INSERT INTO hold (meter_id, kind, reason, at_once, placed_by, placed_us) VALUES (p_meter, p_kind, p_reason, p_at_once, p_by, p_now)
    ON CONFLICT (meter_id, kind) WHERE released_us IS NULL DO NOTHING RETURNING id INTO h;
    IF h IS NULL THEN RETURN NULL; END IF;
    SELECT account_id INTO a FROM meter WHERE id = p_meter;
    PERFORM powergate.event_add('hold', p_meter, a, format('hold %s by %s: %s', p_kind, p_by, p_reason), p_now);
    IF a IS NOT NULL THEN
        PERFORM powergate.customer_notice('hold:' || h, 'hold', a, NULL, powergate.hold_words(p_meter, p_kind, p_reason), p_now, 86400000000);
        PERFORM powergate.mark_dirty(ARRAY[a], p_now);
    END IF;
    RETURN h;
END $$;
CREATE OR REPLACE FUNCTION powergate.hold_release(p_meter bigint, p_kind text, p_reason text, p_by text, p_now bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE a bigint; h hold;
BEGIN
    UPDATE hold SET released_us = p_now, released_by = p_by, release_reason = p_reason
    WHERE meter_id = p_meter AND kind = p_kind AND released_us IS NULL RETURNING * INTO h;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM powergate.overload_released(h, p_now);
    SELECT account_id INTO a FROM meter WHERE id = p_meter;
    PERFORM powergate.event_add('hold', p_meter, a, format('hold %s released by %s: %s', p_kind, p_by, p_reason), p_now);
    -- the trip for SAFETY has ended the meter's power-keep
    IF p_kind = 'SAFETY' AND powergate.kept_on(p_meter, p_now) THEN
        PERFORM powergate.keep_want(p_meter, true, 'KEEP_ON stands, and SAFETY is released', p_by, p_now);
    END IF;
    IF a IS NOT NULL THEN
        PERFORM powergate.customer_notice('release:' || h.id, 'release', a, NULL, powergate.hold_words(p_meter, p_kind, p_reason), p_now, 86400000000);
        PERFORM powergate.mark_dirty(ARRAY[a], p_now);
    END IF;
    RETURN true;
END $$;
-- Those whose supply it decides, and who pays for it.
CREATE OR REPLACE FUNCTION powergate.override_accounts(p_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT m.account_id FROM supply_override o JOIN meter m ON m.id = o.meter_id WHERE o.id = ANY (p_ids) AND m.account_id IS NOT NULL
        UNION SELECT m.account_id FROM supply_override o JOIN meter m ON m.site_id = o.site_id WHERE o.id = ANY (p_ids) AND m.account_id IS NOT NULL
        UNION SELECT powergate.temporary_own(o) FROM supply_override o WHERE o.id = ANY (p_ids) AND o.charged_account_id IS NOT NULL
        UNION SELECT o.charged_account_id FROM supply_override o WHERE o.id = ANY (p_ids) AND o.charged_account_id IS NOT NULL);
END $$;
CREATE OR REPLACE FUNCTION powergate.override_end(p_id bigint, p_why text, p_by text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE o supply_override;
BEGIN
    PERFORM powergate.accounts_lock(powergate.override_accounts(ARRAY[p_id]));
    UPDATE supply_override SET ended_us = p_now, ended_by = p_by, ended_why = p_why WHERE id = p_id AND ended_us IS NULL RETURNING * INTO o;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM powergate.event_add('override', o.meter_id, (SELECT account_id FROM meter WHERE id = o.meter_id),
        format('%s ended by %s: %s', o.kind, p_by, p_why), p_now);
    IF o.kind = 'KEEP_ON' AND NOT powergate.kept_on(o.meter_id, p_now) THEN
        PERFORM powergate.keep_want(o.meter_id, false, p_why, p_by, p_now);
    END IF;
    PERFORM powergate.mark_dirty(powergate.override_accounts(ARRAY[p_id]), p_now);
END $$;

-- --- the storm guard ----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.trips_halt(p_cause text, p_why text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE h bigint;
BEGIN
    INSERT INTO trip_halt (cause, why, since_us) VALUES (p_cause, p_why, p_now)
    ON CONFLICT (cause) WHERE released_us IS NULL DO NOTHING RETURNING id INTO h;
    IF h IS NULL THEN RETURN false; END IF;
    PERFORM powergate.staff_notice('storm:' || h, 'storm', NULL, jsonb_build_object('cause', p_cause, 'why', p_why), p_now, 86400000000);
    PERFORM powergate.event_add('halt', NULL, NULL, 'automatic trips are halted: ' || p_why, p_now);
    PERFORM powergate.work_add('halt:' || p_cause, 'HALTED', 'automatic trips are halted: ' || p_why,
        format('see that all is well, then: powergatectl halt release %s --reason "..."', p_cause), NULL, NULL, NULL, NULL, p_now);
    RETURN true;
END $$;
CREATE OR REPLACE FUNCTION door.trips_halt(p_cause text, p_why text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.trips_halt(p_cause, p_why, p_now);
END $$;

-- So many are due that the budget is spent: once, while its work item is open.
CREATE OR REPLACE FUNCTION powergate.budget_spent(p_meter bigint, p_site bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE w bigint; span bigint := CASE WHEN p_why LIKE '%minute%' THEN 60000000 ELSE 3600000000 END; spent bigint; oldest bigint; due bigint;
BEGIN
    w := powergate.work_add('budget', 'TRIP_BUDGET', p_why, 'look at powergatectl command list; trips go on by themselves',
        NULL, p_meter, NULL, NULL, p_now);
    IF w IS NULL THEN RETURN; END IF;
    SELECT count(*), min(l.at_us) INTO spent, oldest FROM trip_log l WHERE l.at_us > p_now - span AND (p_why NOT LIKE '%site%' OR l.site_id = p_site);
    SELECT count(*) INTO due FROM command c WHERE c.kind = 'relay' AND c.state = 'waiting' AND c.task ->> 'relay' = 'open';
    PERFORM powergate.staff_notice('storm:budget:' || w, 'storm', NULL, jsonb_build_object('cause', 'budget', 'why', p_why,
        'limit', spent::text, 'count', spent + due, 'until_us', oldest + span), p_now, 86400000000);
END $$;

-- Nobody can pay: nothing has come in for far longer than the last thousand payments would have it.
CREATE OR REPLACE FUNCTION powergate.payments_stopped(p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE newest bigint; oldest bigint; n int;
BEGIN
    SELECT max(received_us), min(received_us), count(*) INTO newest, oldest, n
    FROM (SELECT received_us FROM payment WHERE source <> 'cash' ORDER BY id DESC LIMIT 1000) p;
    RETURN n >= 100 AND p_now - newest > greatest(7200000000, 50 * (newest - oldest) / n);
END $$;
-- Of the connections that were there in the last half hour, so many per cent are gone.
CREATE OR REPLACE FUNCTION powergate.silence_percent(p_now bigint, OUT gone int, OUT percent int) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*) FILTER (WHERE closed_us IS NOT NULL),
        count(*) FILTER (WHERE closed_us IS NOT NULL) * 100 / greatest(count(*), 1)
    INTO gone, percent FROM endpoint
    WHERE state = 'claimed' AND link <> 'nbiot' AND epoch > 0 AND (closed_us IS NULL OR closed_us > p_now - 1800000000);
END $$;

-- What time alone brings about: overrides that end, halts, alarms by age.  Returns what was done.
CREATE OR REPLACE FUNCTION door.supply_sweep(p_silence int, p_restore_slo bigint, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0; s record; moved bigint[] := powergate.temporary_due(p_now); over bigint[] := ARRAY(SELECT x.id FROM supply_override x
    WHERE x.ended_us IS NULL AND (x.until_us <= p_now OR powergate.used_up(x)) ORDER BY x.id LIMIT 200);
BEGIN
    PERFORM powergate.accounts_lock(powergate.override_accounts(over || moved));
    FOR r IN SELECT x.id, x.until_us FROM supply_override x WHERE x.id = ANY (over) ORDER BY x.id LOOP
        PERFORM powergate.override_end(r.id, CASE WHEN r.until_us <= p_now THEN 'its time is over' ELSE 'it is used up' END, 'powergated', p_now);
        n := n + 1;
    END LOOP;
    n := n + powergate.temporary_settled(moved, p_now);
    IF powergate.payments_stopped(p_now) THEN
        n := n + powergate.trips_halt('provider', 'no payment has come in for long: people may be unable to pay', p_now)::int;
    END IF;
    IF p_silence > 0 THEN
        s := powergate.silence_percent(p_now);
        IF s.gone >= 10 AND s.percent >= p_silence THEN
            n := n + powergate.trips_halt('silence', format('%s meters, %s %%, fell silent within half an hour', s.gone, s.percent), p_now)::int;
        END IF;
    END IF;
    FOR r IN SELECT x.id, x.meter_id, x.account_id, x.cause, x.alarms, x.wh, x.minor, (p_now - x.since_us) / 3600000000 AS hours, m.address
        FROM exposure x JOIN meter m ON m.id = x.meter_id
        WHERE x.ended_us IS NULL AND x.alarms < 3 AND x.since_us <= p_now - (ARRAY[1, 24, 72])[x.alarms + 1] * 3600000000
        ORDER BY x.id LIMIT 200 LOOP
        UPDATE exposure SET alarms = r.alarms + 1 WHERE id = r.id;
        PERFORM powergate.work_add('exposure:' || r.meter_id, 'EXPOSURE',
            format(CASE r.cause WHEN 'kept' THEN 'meter %s is held off and uses power for %s h already: its power-keep stands'
                ELSE 'meter %s uses power without credit for %s h already: ' || r.cause END, r.address, r.hours),
            'powergatectl exposure list; reach the meter or the customer', r.account_id, r.meter_id, NULL, NULL, p_now);
        PERFORM powergate.staff_notice(format('exposure:%s:%s', r.id, r.alarms + 1), 'exposure', r.account_id, jsonb_build_object('meter', r.address,
            'energy_wh', r.wh, 'amount_minor', r.minor, 'hours', r.hours, 'count', r.alarms + 1, 'why', r.cause,
            'balance_minor', (SELECT prepaid_minor FROM account_state WHERE account_id = r.account_id)), p_now, 86400000000);
        n := n + 1;
    END LOOP;
    FOR r IN SELECT c.id, c.meter_id, c.payment_id, m.account_id, m.address, a.customer, a.number
        FROM command c JOIN meter m ON m.id = c.meter_id JOIN account a ON a.id = m.account_id
        WHERE c.kind = 'relay' AND c.state IN ('waiting', 'sent', 'unsure') AND c.priority = 1 AND c.task ->> 'relay' <> 'open'
          AND c.created_us <= p_now - p_restore_slo AND NOT c.late_told ORDER BY c.id LIMIT 200 LOOP
        UPDATE command SET late_told = true WHERE id = r.id;
        PERFORM powergate.work_add('late:' || r.id, 'LATE_RESTORE',
            format('meter %s should have power again and has none: account %s, %s', r.address, r.number, r.customer),
            'call the customer; the button at the meter or an emergency code may help; it is tried at every contact',
            r.account_id, r.meter_id, r.payment_id, NULL, p_now);
        PERFORM powergate.customer_notice('late:' || r.id, 'late', r.account_id, NULL, jsonb_build_object('meter', r.address), p_now, 86400000000);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;

-- --- exposure -----------------------------------------------------------------------------------

-- A trip is due and cannot be: by what, since when, and what it costs.  NULL: it is over.
CREATE OR REPLACE FUNCTION powergate.exposure_note(p_meter bigint, p_account bigint, p_cause text, p_balance bigint, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE x exposure; register bigint;
BEGIN
    SELECT * INTO x FROM exposure WHERE meter_id = p_meter AND ended_us IS NULL;
    IF x.id IS NULL AND p_cause IS NULL THEN RETURN; END IF;
    SELECT total_wh INTO register FROM meter_state WHERE meter_id = p_meter;
    IF x.id IS NOT NULL THEN
        UPDATE exposure e SET from_wh = COALESCE(e.from_wh, register),   -- of a meter that had not been read yet
            wh = greatest(COALESCE(register - e.from_wh, 0), 0), minor = greatest(e.from_minor - p_balance, 0),
            ended_us = CASE WHEN x.cause IS DISTINCT FROM p_cause THEN p_now END WHERE e.id = x.id;
        IF x.cause = p_cause THEN RETURN; END IF;
    END IF;
    IF p_cause IS NOT NULL THEN
        INSERT INTO exposure (meter_id, account_id, cause, since_us, from_wh, from_minor)
        VALUES (p_meter, p_account, p_cause, p_now, register, p_balance);
    END IF;
END $$;
