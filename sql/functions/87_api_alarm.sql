-- Behind the API: alarms.

CREATE OR REPLACE FUNCTION powergate.alarm_json(a alarm) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('alarm', a.id, 'meter', m.address, 'site', t.name,
        'account', (SELECT number FROM account WHERE id = m.account_id), 'kind', a.kind, 'severity', a.severity, 'state', a.state,
        'lasting', a.lasting, 'count', a.count, 'first_us', a.first_us, 'last_us', a.last_us, 'at_us', a.at_us, 'at_wh', a.at_wh,
        'cleared_us', a.cleared_us, 'source', a.source, 'text', a.text,
        'notified_us', (SELECT min(n.sent_us) FROM notice n WHERE n.key IN ('alarm:' || a.id, 'meter_alarm:' || a.id)),
        'hold', (SELECT h.kind FROM hold h WHERE h.id = a.hold_id AND h.released_us IS NULL),
        'acknowledged_us', a.acknowledged_us, 'acknowledged_by', a.acknowledged_by,
        'resolved_us', a.resolved_us, 'resolved_by', a.resolved_by, 'resolution', a.resolution)
        FROM meter m JOIN site t ON t.id = m.site_id WHERE m.id = a.meter_id);
END $$;

CREATE OR REPLACE FUNCTION door.api_alarm_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.alarm_json(x) ORDER BY x.id DESC)) FROM (
        SELECT a.* FROM alarm a JOIN meter m ON m.id = a.meter_id
        WHERE CASE WHEN p ? 'state' THEN a.state = p ->> 'state' WHEN p ? 'all' THEN true ELSE a.state <> 'resolved' END
          AND (NOT p ? 'kind' OR a.kind = p ->> 'kind') AND (NOT p ? 'severity' OR a.severity = p ->> 'severity')
          AND (NOT p ? 'meter' OR m.address = p ->> 'meter') AND (NOT p ? 'account' OR m.account_id = powergate.account_id(p))
          AND (NOT p ? 'site' OR m.site_id = (SELECT s.id FROM site s WHERE s.name = p ->> 'site')) AND powergate.shown(p, m.site_id)
        ORDER BY a.id DESC LIMIT powergate.limited(p)) x);
END $$;

CREATE OR REPLACE FUNCTION door.api_alarm_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a alarm;
BEGIN
    SELECT * INTO a FROM alarm x WHERE x.id = powergate.id_arg(p, 'alarm');
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such alarm'); END IF;
    RETURN powergate.alarm_json(a) || jsonb_build_object('history', (SELECT jsonb_agg(jsonb_build_object('at_us', s.at_us, 'step', s.step,
        'by', s.actor, 'text', s.text) ORDER BY s.n) FROM alarm_step s WHERE s.alarm_id = a.id));
END $$;

-- Somebody is on it; what it holds stays held.
CREATE OR REPLACE FUNCTION door.api_alarm_ack(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a alarm;
BEGIN
    SELECT * INTO a FROM alarm x WHERE x.id = powergate.id_arg(p, 'alarm') FOR UPDATE;
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such alarm'); END IF;
    IF a.state <> 'raised' THEN RETURN powergate.api_error(409, 'it is ' || a.state || ' already'); END IF;
    UPDATE alarm SET state = 'acknowledged', acknowledged_us = p_now, acknowledged_by = p_who WHERE id = a.id;
    PERFORM powergate.alarm_note(a.id, 'acknowledged', p_who, p ->> 'reason', p_now);
    PERFORM powergate.audited(p_who, 'alarm.ack', p, 'acknowledged', p_now);
    RETURN jsonb_build_object('alarm', a.id, 'state', 'acknowledged');
END $$;

-- What the meter still shows is not resolved by a word, unless it hangs there no more.  A hold is released for itself.
CREATE OR REPLACE FUNCTION door.api_alarm_resolve(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a alarm; held text;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed: what was found, and done'); END IF;
    SELECT * INTO a FROM alarm x WHERE x.id = powergate.id_arg(p, 'alarm') FOR UPDATE;
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such alarm'); END IF;
    IF a.state = 'resolved' THEN RETURN powergate.api_error(409, 'it is resolved already'); END IF;
    IF a.lasting AND EXISTS (SELECT FROM meter m WHERE m.id = a.meter_id AND m.state = 'active') THEN RETURN powergate.api_error(409, 'the meter shows it still'); END IF;
    UPDATE alarm SET state = 'resolved', lasting = false, resolved_us = p_now, resolved_by = p_who, resolution = p ->> 'reason' WHERE id = a.id;
    PERFORM powergate.alarm_note(a.id, 'resolved', p_who, p ->> 'reason', p_now);
    PERFORM powergate.audited(p_who, 'alarm.resolve', p, 'resolved', p_now);
    SELECT format('the hold for SAFETY stands: powergatectl hold release SAFETY --meter=%s --reason=...', m.address) INTO held
        FROM hold h JOIN meter m ON m.id = h.meter_id WHERE h.id = a.hold_id AND h.released_us IS NULL;
    RETURN jsonb_strip_nulls(jsonb_build_object('alarm', a.id, 'state', 'resolved', 'text', held));
END $$;
