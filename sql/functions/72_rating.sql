-- Rating: what an account's meters counted since its last charge, and the charge that came of it.

CREATE OR REPLACE FUNCTION door.rating_due(p_limit int)
RETURNS TABLE (account_id bigint, version bigint, local boolean, zone text, tariff_id bigint, carry bigint, period int,
    period_wh bigint, meter_id bigint, total_wh bigint, total_us bigint, billed_wh bigint, billed_us bigint,
    wraps_wh bigint, most_watts bigint)
LANGUAGE sql AS $$
    SELECT a.id, s.rate_version, a.fee_mode = 'local', t.zone, a.tariff_id, s.carry_nano, s.period, s.period_wh,
        m.id, x.total_wh, x.total_us, x.billed_wh, x.billed_us, m.wraps_wh, m.most_watts
    FROM (SELECT account_id FROM account_state WHERE rate_us IS NOT NULL LIMIT p_limit) d
    JOIN account_state s ON s.account_id = d.account_id
    JOIN account a ON a.id = s.account_id JOIN site t ON t.id = a.site_id
    LEFT JOIN LATERAL (SELECT q.* FROM meter q WHERE q.account_id = a.id AND q.state = 'active' ORDER BY q.id LIMIT 1) m ON true
    LEFT JOIN meter_state x ON x.meter_id = m.id;
$$;

-- A batch of charges.  An account that moved underneath is left as it is and comes again.  What is
-- rated is to be decided.
CREATE OR REPLACE FUNCTION door.rating_done(p_rows jsonb, p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record; s account_state; money text; n int := 0;
BEGIN
    FOR r IN SELECT * FROM jsonb_to_recordset(p_rows) AS x(account bigint, version bigint, meter bigint, charge bigint,
            wh bigint, carry bigint, period int, period_wh bigint, billed_wh bigint, billed_us bigint, unrated text)
        ORDER BY account LOOP
        SELECT * INTO s FROM account_state q WHERE q.account_id = r.account AND q.rate_version = r.version FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT t.currency INTO money FROM account a JOIN site t ON t.id = a.site_id WHERE a.id = r.account;
        IF r.charge <> 0 THEN
            PERFORM powergate.journal_post(format('charge:%s:%s:%s', r.account, r.meter, r.billed_us), 'charge',
                format('%s Wh to register %s', r.wh, r.billed_wh), 'powergated', NULL,
                ARRAY['prepaid', 'energy'], ARRAY['', ''], ARRAY[r.account, NULL], ARRAY[r.charge, -r.charge], money, p_now);
        END IF;
        IF r.billed_wh IS NOT NULL THEN
            UPDATE meter_state SET billed_wh = r.billed_wh, billed_us = r.billed_us WHERE meter_id = r.meter;
        END IF;
        IF r.unrated IS NOT NULL AND s.unrated_why IS DISTINCT FROM r.unrated THEN
            PERFORM powergate.work_add('unrated:' || r.account, 'UNRATED', r.unrated,
                'mend the price or the meter; nothing is tripped on this account meanwhile', r.account, r.meter, NULL, NULL, p_now);
        END IF;
        UPDATE account_state SET rate_us = NULL, version = version + 1, dirty_us = COALESCE(dirty_us, p_now),
            carry_nano = COALESCE(r.carry, carry_nano), period = COALESCE(r.period, period),
            period_wh = COALESCE(r.period_wh, period_wh), unrated_why = r.unrated
        WHERE account_id = r.account;
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
