-- Months of what grows with time: made ahead, and forgotten when they are old and nobody needs them.

-- 202611; and back to when it begins.
CREATE OR REPLACE FUNCTION powergate.month_of(p_at bigint) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN to_char(to_timestamp(p_at / 1000000) AT TIME ZONE 'UTC', 'YYYYMM')::int;
END $$;
CREATE OR REPLACE FUNCTION powergate.month_start(p_month int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN extract(epoch FROM make_timestamptz(p_month / 100, p_month % 100, 1, 0, 0, 0, 'UTC'))::bigint * 1000000;
END $$;
CREATE OR REPLACE FUNCTION powergate.month_add(p_month int, p_months int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE n int := p_month / 100 * 12 + p_month % 100 - 1 + p_months;
BEGIN
    RETURN n / 12 * 100 + n % 12 + 1;
END $$;

-- The tables that lie in months; nobody else's names get into a statement.
CREATE OR REPLACE FUNCTION powergate.month_tables() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['reading', 'line_value', 'hour_value'];
$$;

-- One month of one table; its name, or NULL when it is there.  What lies in the rest and is of this
-- month comes along, or the month could not be there at all.
CREATE OR REPLACE FUNCTION powergate.month_make(p_table text, p_month int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE from_at bigint := powergate.month_start(p_month); to_at bigint := powergate.month_start(powergate.month_add(p_month, 1));
    part text := format('%s_%s', p_table, p_month);
BEGIN
    IF p_table <> ALL (powergate.month_tables()) THEN
        RAISE EXCEPTION '% does not lie in months', p_table USING ERRCODE = '23514';
    END IF;
    IF EXISTS (SELECT FROM month_part q WHERE q.parent = p_table AND q.dropped_us IS NULL AND q.from_us < to_at AND q.to_us > from_at) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, p_table);
    EXECUTE format('WITH stray AS (DELETE FROM %I WHERE at_us >= %s AND at_us < %s RETURNING *) INSERT INTO %I SELECT * FROM stray',
        p_table || '_rest', from_at, to_at, part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', p_table, part, from_at, to_at);
    INSERT INTO month_part VALUES (p_table, part, from_at, to_at)
    ON CONFLICT (name) DO UPDATE SET dropped_us = NULL;
    RETURN part;
END $$;

-- This month and some ahead, of each table.
CREATE OR REPLACE FUNCTION powergate.months_make(p_ahead int, p_now bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE t text; part text;
BEGIN
    FOREACH t IN ARRAY powergate.month_tables() LOOP
        FOR n IN 0..p_ahead LOOP
            part := powergate.month_make(t, powergate.month_add(powergate.month_of(p_now), n));
            IF part IS NOT NULL THEN RETURN NEXT part; END IF;
        END LOOP;
    END LOOP;
END $$;

-- What lies in the rest of a table had no month to go to: a person has to know, and the row gets its
-- month.  Times that no clock of ours has shown stay there.
CREATE OR REPLACE FUNCTION powergate.months_mend(p_table text, p_now bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE n bigint; first_at bigint; month int; part text; least int := powergate.month_add(powergate.month_of(p_now), -120);
    most int := powergate.month_add(powergate.month_of(p_now), 12);
BEGIN
    EXECUTE format('SELECT count(*), min(at_us) FROM (SELECT at_us FROM %I LIMIT 100000) q', p_table || '_rest') INTO n, first_at;
    IF n = 0 THEN RETURN; END IF;
    PERFORM powergate.work_add('months:' || p_table, 'MONTHS', format('%s rows of %s had no month to lie in, the first of %s', n, p_table,
        to_char(to_timestamp(first_at / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')),
        'they are given one; see that powergated runs at least once a month and that no clock is wrong', NULL, NULL, NULL, NULL, p_now);
    FOR month IN EXECUTE format('SELECT DISTINCT powergate.month_of(at_us) FROM %I WHERE at_us >= %s AND at_us < %s ORDER BY 1', p_table || '_rest',
        powergate.month_start(least), powergate.month_start(most)) LOOP
        part := powergate.month_make(p_table, month);
        IF part IS NOT NULL THEN RETURN NEXT part; END IF;
    END LOOP;
END $$;

-- Who still needs what was read in a month: NULL when nobody does.
CREATE OR REPLACE FUNCTION powergate.month_needed(q month_part) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE who text;
BEGIN
    IF q.parent <> 'reading' THEN RETURN NULL; END IF;  -- nothing is billed by it
    SELECT format('meter %s has readings in it that are not billed, or of a tier period that is not over', m.address) INTO who
    FROM installation i JOIN meter m ON m.id = i.meter_id LEFT JOIN tenancy y ON y.id = i.tenancy_id
    WHERE NOT i.settled AND (i.billed_us IS NULL OR i.billed_us < q.to_us OR (y.period_us > 0 AND y.period_us < q.to_us)) AND EXISTS (
        SELECT FROM reading r WHERE r.meter_id = i.meter_id AND r.reg = 'total_wh' AND r.at_us >= q.from_us AND r.at_us < q.to_us
            AND r.at_us > COALESCE(least(i.billed_us, CASE WHEN y.period_us > 0 THEN y.period_us - 1 END), q.from_us - 1)) LIMIT 1;
    IF who IS NULL THEN
        SELECT format('account %s has a charge in it that could not be priced', a.number) INTO who
        FROM charge c JOIN tenancy y ON y.id = c.tenancy_id JOIN account a ON a.id = y.account_id
        WHERE c.state = 'unrated' AND c.from_us < q.to_us AND c.to_us > q.from_us LIMIT 1;
    END IF;
    IF who IS NULL THEN
        SELECT format('account %s is to be rebilled over it', a.number) INTO who FROM rebill b JOIN account a ON a.id = b.account_id
        WHERE b.done_us IS NULL AND b.from_us < q.to_us LIMIT 1;
    END IF;
    IF who IS NULL THEN
        SELECT format('meter %s has a reading in it that waits for a person', m.address) INTO who FROM reading_held h
        JOIN installation i ON i.id = h.installation_id JOIN meter m ON m.id = i.meter_id
        WHERE h.decision IS NULL AND h.at_us >= q.from_us AND h.at_us < q.to_us LIMIT 1;
    END IF;
    RETURN who;
END $$;

-- A month that is old enough goes, unless somebody needs it; that a person hears.
CREATE OR REPLACE FUNCTION powergate.month_drop(q month_part, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE why text := powergate.month_needed(q);
BEGIN
    IF why IS NOT NULL THEN
        PERFORM powergate.work_add('month:' || q.name, 'MONTHS', format('%s is old enough to go and stays: %s', q.name, why),
            'it goes by itself once that is settled', NULL, NULL, NULL, NULL, p_now);
        RETURN false;
    END IF;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', q.parent, q.name);
    EXECUTE format('DROP TABLE %I', q.name);
    UPDATE month_part p SET dropped_us = p_now WHERE p.name = q.name;
    UPDATE work w SET state = 'resolved', resolved_us = p_now, resolution = jsonb_build_object('by', 'powergated', 'reason', 'nobody needs it any more')
    WHERE w.key = 'month:' || q.name AND w.state <> 'resolved';
    RETURN true;
END $$;

-- The job, for the node that has it: a line for each thing that was done.  p_keep whole months stay
-- beside this one; 0: all.  Whoever reads is not made to wait for it long: it is tried again.
CREATE OR REPLACE FUNCTION door.months_keep(p_node text, p_ahead int, p_keep int, p_lease bigint, p_now bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE t text; part text; q month_part; upto bigint;
BEGIN
    INSERT INTO lease AS l VALUES ('months', p_node, p_now + p_lease)
    ON CONFLICT (job) DO UPDATE SET node = excluded.node, until_us = excluded.until_us WHERE l.until_us <= p_now OR l.node = excluded.node;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    RETURN QUERY SELECT m || ' is made' FROM powergate.months_make(p_ahead, p_now) m;
    FOREACH t IN ARRAY powergate.month_tables() LOOP
        RETURN QUERY SELECT m || ' is made for what had none' FROM powergate.months_mend(t, p_now) m;
    END LOOP;
    upto := powergate.month_start(powergate.month_add(powergate.month_of(p_now), -p_keep));
    FOR q IN SELECT * FROM month_part WHERE p_keep > 0 AND dropped_us IS NULL AND to_us <= upto ORDER BY from_us LOOP
        IF powergate.month_drop(q, p_now) THEN RETURN NEXT q.name || ' is dropped'; END IF;
    END LOOP;
END $$;
