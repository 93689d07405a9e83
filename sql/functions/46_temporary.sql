-- Temporary supply that somebody else pays for.
--
-- The meter's energy is rated as ever, in its own tenancy and its own place in the tiers, and
-- posted to its own account.  What was charged for the intervals between readings that touch the
-- temporary supply then moves to the account that pays, journal by journal, so that both accounts
-- show it and a charge that is rated again stays where it is.  The meter was off before and is off
-- after, as a rule, so that the intervals at its ends hold nothing else.

-- The tenancies its meter has counted for in its time.  A swap takes it to the new meter, and the
-- tenancy stays: what the old one counted is among it.
CREATE OR REPLACE FUNCTION powergate.temporary_tenancies(o supply_override) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT i.tenancy_id FROM installation i WHERE i.meter_id = o.meter_id AND i.tenancy_id IS NOT NULL
        AND (i.to_us IS NULL OR i.to_us > o.from_us) AND (i.from_us IS NULL OR o.ended_us IS NULL OR i.from_us < o.ended_us) ORDER BY 1);
END $$;
CREATE OR REPLACE FUNCTION powergate.temporary_spent(o supply_override) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(sum(c.minor), 0) FROM charge c WHERE c.tenancy_id = ANY (powergate.temporary_tenancies(o)) AND c.kind = 'energy'
        AND c.to_us > o.from_us AND c.from_us < COALESCE(o.ended_us, 9223372036854775807));
END $$;
-- Whose it would be: the newest tenancy's account.
CREATE OR REPLACE FUNCTION powergate.temporary_own(o supply_override) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT y.account_id FROM tenancy y WHERE y.id = ANY (powergate.temporary_tenancies(o)) ORDER BY y.id DESC LIMIT 1);
END $$;

-- Those that have something to move: in force, or ended lately, as their last reading may still come.
CREATE OR REPLACE FUNCTION powergate.temporary_due(p_now bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT o.id FROM supply_override o WHERE o.kind = 'TEMP_SUPPLY' AND o.charged_account_id <> powergate.temporary_own(o)
        AND (o.ended_us IS NULL OR o.ended_us > p_now - 86400000000) AND powergate.temporary_spent(o) <> o.charged_minor ORDER BY o.id LIMIT 200);
END $$;

-- Called with the accounts locked; what is due is worked out after that, or two would move it twice.
-- The key counts journals: a total may come back.
CREATE OR REPLACE FUNCTION powergate.temporary_settled(p_ids bigint[], p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE o supply_override; own bigint; due bigint; posted bigint; n int := 0;
BEGIN
    FOR o IN SELECT * FROM supply_override x WHERE x.id = ANY (p_ids) ORDER BY x.id FOR UPDATE LOOP
        own := powergate.temporary_own(o);
        due := powergate.temporary_spent(o) - o.charged_minor;
        CONTINUE WHEN due = 0;
        SELECT powergate.journal_post(format('temporary:%s:n%s', o.id, (SELECT count(*) FROM journal j WHERE j.key LIKE 'temporary:' || o.id || ':%')),
            'temporary', format('meter %s, temporary supply %s', m.address, o.id), 'powergated', NULL, ARRAY['prepaid', 'prepaid'], ARRAY['', ''],
            ARRAY[o.charged_account_id, own], ARRAY[due, -due], t.currency, p_now) INTO posted
        FROM meter m JOIN site t ON t.id = m.site_id WHERE m.id = o.meter_id;
        CONTINUE WHEN posted = 0;
        UPDATE supply_override SET charged_minor = o.charged_minor + due WHERE id = o.id;
        PERFORM powergate.mark_dirty(ARRAY[o.charged_account_id, own], p_now);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
