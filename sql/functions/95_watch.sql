-- What is watched from outside: facts of the whole head-end, as service/watch.c names them.

CREATE OR REPLACE FUNCTION door.watch_facts(p_now bigint) RETURNS TABLE (name text, labels text, value bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT 'powergate_endpoints', format('{open="%s"}', (e.closed_us IS NULL AND e.opened_us IS NOT NULL)::text), count(*)
        FROM endpoint e WHERE e.state = 'claimed' GROUP BY 2;
    -- only what could leave now: who sleeps or is away waits rightly
    RETURN QUERY WITH live AS (
        SELECT c.kind, c.priority, c.task, c.due_us, c.created_us, c.late_told, c.state, e.closed_us IS NULL AND e.opened_us IS NOT NULL AS open
        FROM command c JOIN meter m ON m.id = c.meter_id LEFT JOIN endpoint e ON e.id = m.endpoint_id
        WHERE c.state IN ('waiting', 'sent', 'unsure'))
        SELECT 'powergate_commands_live', format('{kind="%s"}', k.kind), (SELECT count(*) FROM live l WHERE l.kind = k.kind)
            FROM unnest('{read,relay,credit,commission,push,qualify}'::text[]) k(kind)
        UNION ALL
        SELECT 'powergate_command_oldest_seconds', format('{kind="%s"}', k.kind), COALESCE((SELECT max(p_now - l.created_us) / 1000000
            FROM live l WHERE l.kind = k.kind AND l.open AND l.due_us <= p_now AND NOT (l.kind = 'relay' AND l.task ->> 'relay' = 'open')), 0)
            FROM unnest('{relay,credit}'::text[]) k(kind)
        UNION ALL
        SELECT 'powergate_restores_late', '', count(*) FROM live l WHERE l.late_told;
    RETURN QUERY SELECT 'powergate_deliveries_open', format('{state="%s"}', s.state),
        (SELECT count(*) FROM credit_delivery d WHERE d.state = s.state AND d.state NOT IN ('APPLIED', 'CANCELLED'))
        FROM unnest('{QUEUED,INTENT,VERIFYING,REVIEW}'::text[]) s(state);
    RETURN QUERY SELECT 'powergate_work_open', format('{cause="%s"}', w.cause), count(*) FROM work w WHERE w.state <> 'resolved' GROUP BY w.cause;
    RETURN QUERY SELECT 'powergate_alarms_open', format('{kind="%s",severity="%s"}', a.kind, a.severity), count(*)
        FROM alarm a WHERE a.state <> 'resolved' GROUP BY a.kind, a.severity;
    RETURN QUERY SELECT 'powergate_messages_waiting', '', count(*) FROM message m WHERE m.state = 'waiting' AND m.due_us <= p_now;
    RETURN QUERY SELECT 'powergate_recon_breaks_open', format('{rule="%s"}', b.rule), count(*) FROM recon_break b WHERE b.state = 'open' GROUP BY b.rule;
    RETURN QUERY SELECT 'powergate_recon_break_oldest_seconds', '', COALESCE(max(p_now - b.first_us) / 1000000, 0) FROM recon_break b WHERE b.state = 'open';
    RETURN QUERY SELECT 'powergate_exposure_minor', format('{cause="%s",currency="%s"}', x.cause, s.currency), sum(x.minor)::bigint
        FROM exposure x JOIN account a ON a.id = x.account_id JOIN site s ON s.id = a.site_id WHERE x.ended_us IS NULL GROUP BY 2;
    RETURN QUERY SELECT 'powergate_trips_halted', '', count(*) FROM trip_halt h WHERE h.released_us IS NULL;
    RETURN QUERY SELECT 'powergate_headend_held', '', h.held::int::bigint FROM headend h;
    RETURN QUERY SELECT 'powergate_trips_stopped', '', h.trips_stopped::int::bigint FROM headend h;
END $$;

-- How long each payment took that got its power, or its credit, within this time.
CREATE OR REPLACE FUNCTION door.watch_power(p_after bigint, p_until bigint) RETURNS TABLE (fee_mode text, took_us bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT 'remote', c.ended_us - p.received_us FROM command c JOIN payment p ON p.id = c.payment_id
        WHERE c.payment_id IS NOT NULL AND c.state = 'done' AND c.kind = 'relay' AND c.ended_us > p_after AND c.ended_us <= p_until
          AND NOT EXISTS (SELECT FROM credit_delivery d WHERE d.payment_id = p.id) LIMIT 10000;
    RETURN QUERY SELECT 'local', d.applied_us - p.received_us FROM credit_delivery d JOIN payment p ON p.id = d.payment_id
        WHERE d.payment_id IS NOT NULL AND d.state = 'APPLIED' AND d.applied_us > p_after AND d.applied_us <= p_until LIMIT 10000;
END $$;
