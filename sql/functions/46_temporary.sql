-- Temporary supply that somebody else pays for.
--
-- The meter's energy is rated as ever, in its own tenancy and its own place in the tiers, and
-- posted to its own account.  What was charged for the intervals between readings that touch the
-- temporary supply then moves to the account that pays, journal by journal, so that both accounts
-- show it and a charge that is rated again stays where it is.  The meter was off before and is off
-- after, as a rule, so that the intervals at its ends hold nothing else.

CREATE OR REPLACE FUNCTION powergate.temporary_spent(o supply_override) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(sum(c.minor), 0) FROM installation i JOIN charge c ON c.tenancy_id = i.tenancy_id AND c.installation_id = i.id
        WHERE i.meter_id = o.meter_id AND c.kind = 'energy' AND c.to_us > o.from_us
          AND c.from_us < COALESCE(o.ended_us, 9223372036854775807));
END $$;

-- Those in force, and those that ended lately: their last reading may still come.
CREATE OR REPLACE FUNCTION powergate.temporary_settled(p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r record; n int := 0;
BEGIN
    FOR r IN SELECT o.id, o.charged_account_id AS payer, m.account_id AS own, t.currency, powergate.temporary_spent(o) - o.charged_minor AS due,
            o.charged_minor AS before, m.address
        FROM supply_override o JOIN meter m ON m.id = o.meter_id JOIN site t ON t.id = m.site_id
        WHERE o.kind = 'TEMP_SUPPLY' AND o.charged_account_id IS NOT NULL AND m.account_id <> o.charged_account_id
          AND (o.ended_us IS NULL OR o.ended_us > p_now - 86400000000) ORDER BY o.id LIMIT 200 LOOP
        CONTINUE WHEN r.due = 0;
        PERFORM 1 FROM account_state s WHERE s.account_id IN (r.payer, r.own) ORDER BY s.account_id FOR UPDATE;
        PERFORM powergate.journal_post(format('temporary:%s:%s', r.id, r.before + r.due), 'temporary',
            format('meter %s, temporary supply %s', r.address, r.id), 'powergated', NULL, ARRAY['prepaid', 'prepaid'], ARRAY['', ''],
            ARRAY[r.payer, r.own], ARRAY[r.due, -r.due], r.currency, p_now);
        UPDATE supply_override SET charged_minor = r.before + r.due WHERE id = r.id;
        PERFORM powergate.mark_dirty(ARRAY[r.payer, r.own], p_now);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
