-- Readings in batches, freezes by day.

-- Keyed by time, meter and register: the same batch twice is the same batch.  What moved marks
-- its account; p_relay names the relay's state where reg is 'status'.
CREATE OR REPLACE FUNCTION door.reading_ingest(p_meter bigint[], p_at bigint[], p_heard bigint[], p_reg text[],
    p_value bigint[], p_relay text[], p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int; r record; touched bigint[]; kept bigint[];
BEGIN
    INSERT INTO reading (at_us, meter_id, reg, value, heard_us)
    SELECT at, meter, reg, value, heard
    FROM unnest(p_at, p_meter, p_reg, p_value, p_heard) AS t(at, meter, reg, value, heard)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n < array_length(p_at, 1) THEN       -- some are there already: with another value?
        INSERT INTO reading_conflict (meter_id, at_us, reg, value, stands, heard_us)
        SELECT t.meter, t.at, t.reg, t.value, w.value, t.heard
        FROM unnest(p_at, p_meter, p_reg, p_value, p_heard) AS t(at, meter, reg, value, heard)
        JOIN reading w ON w.at_us = t.at AND w.meter_id = t.meter AND w.reg = t.reg WHERE w.value <> t.value
        ON CONFLICT DO NOTHING;
    END IF;
    PERFORM 1 FROM account_state s WHERE s.account_id = ANY (
        SELECT m.account_id FROM meter m WHERE m.id = ANY (p_meter)) ORDER BY s.account_id FOR UPDATE;
    WITH newest AS (
        SELECT DISTINCT ON (meter, reg) meter, reg, value, at
        FROM unnest(p_meter, p_reg, p_value, p_at) AS t(meter, reg, value, at)
        ORDER BY meter, reg, at DESC),
    wide AS (
        SELECT meter,
            max(value) FILTER (WHERE reg = 'total_wh') AS total, max(at) FILTER (WHERE reg = 'total_wh') AS total_at,
            max(value) FILTER (WHERE reg = 'credit') AS credit, max(at) FILTER (WHERE reg = 'credit') AS credit_at,
            max(value) FILTER (WHERE reg = 'purchases') AS purchases,
            max(value) FILTER (WHERE reg = 'bought') AS bought
        FROM newest GROUP BY meter),
    moved AS (
        UPDATE meter_state s SET
            total_wh = CASE WHEN w.total_at > COALESCE(s.total_us, 0) THEN w.total ELSE s.total_wh END,
            total_us = CASE WHEN w.total_at > COALESCE(s.total_us, 0) THEN w.total_at ELSE s.total_us END,
            credit_minor = CASE WHEN w.credit_at > COALESCE(s.credit_us, 0) THEN w.credit ELSE s.credit_minor END,
            credit_us = CASE WHEN w.credit_at > COALESCE(s.credit_us, 0) THEN w.credit_at ELSE s.credit_us END,
            purchases = COALESCE(w.purchases, s.purchases), bought_minor = COALESCE(w.bought, s.bought_minor)
        FROM wide w WHERE s.meter_id = w.meter RETURNING s.meter_id, w.total IS NOT NULL OR w.credit IS NOT NULL AS moved)
    SELECT array_agg(DISTINCT m.account_id) INTO touched
    FROM moved v JOIN meter m ON m.id = v.meter_id WHERE v.moved AND m.account_id IS NOT NULL;
    PERFORM powergate.mark_rate(touched, p_now);
    -- A power-keep that has begun or ended decides whether a hold can be obeyed.
    SELECT array_agg(m.account_id) INTO kept FROM unnest(p_meter, p_reg, p_value, p_relay, p_at) AS t(meter, reg, value, relay, at)
    JOIN meter_state s ON s.meter_id = t.meter JOIN meter m ON m.id = t.meter
    WHERE t.reg = 'status' AND t.relay = s.relay_seen AND COALESCE(s.seen_us, 0) <= t.at AND m.account_id IS NOT NULL
      AND (COALESCE(s.status, 0) # t.value) & 4096 <> 0;
    IF kept IS NOT NULL THEN PERFORM powergate.mark_dirty(kept, p_now); END IF;
    -- A relay that is where it was is noted for all at once; one that moved, one by one.
    UPDATE meter_state s SET status = t.value, seen_us = t.at
    FROM unnest(p_meter, p_reg, p_value, p_relay, p_at) AS t(meter, reg, value, relay, at)
    WHERE t.reg = 'status' AND t.relay = s.relay_seen AND s.meter_id = t.meter AND COALESCE(s.seen_us, 0) <= t.at;
    FOR r IN SELECT t.meter, t.value, t.relay, t.at FROM unnest(p_meter, p_reg, p_value, p_relay, p_at)
        AS t(meter, reg, value, relay, at) JOIN meter_state s ON s.meter_id = t.meter
        WHERE t.reg = 'status' AND t.relay <> s.relay_seen ORDER BY t.at LOOP
        PERFORM powergate.relay_noted(r.meter, r.value, r.relay, r.at);
    END LOOP;
    RETURN n;
END $$;

-- The balance at a midnight.  A remote one is the ledger's at that instant; a local one is the
-- first balance read after it, rolled back over what was loaded and charged in between.
CREATE OR REPLACE FUNCTION powergate.balance_at(p_meter bigint, p_at bigint, p_wh bigint, OUT balance bigint, OUT how text)
LANGUAGE plpgsql SET enable_sort = off AS $$
DECLARE a account; first_us bigint; credit bigint; loaded bigint; used_wh bigint; price bigint; r record; n int := 0;
BEGIN
    SELECT t.* INTO a FROM meter m JOIN account t ON t.id = m.account_id WHERE m.id = p_meter;
    IF a.fee_mode = 'remote' THEN
        -- Back from what it has now, journal by journal: those since a midnight are few, those of all
        -- years are not.  Their numbers rise with their times, but for clocks that differ a little.
        -- To sort them all first would be to read them all.
        balance := 0;
        FOR r IN SELECT (SELECT s.prepaid_minor FROM account_state s WHERE s.account_id = a.id) AS now_minor, p.amount_minor, j.at_us
            FROM posting p JOIN journal j ON j.id = p.journal_id
            WHERE p.account_id = a.id AND p.ledger = 'prepaid' ORDER BY p.account_id DESC, p.journal_id DESC LOOP
            n := n + 1;
            IF n = 1 THEN balance := r.now_minor; END IF;
            EXIT WHEN r.at_us < p_at - 86400000000;
            IF r.at_us > p_at THEN balance := balance + r.amount_minor; END IF;
        END LOOP;
        how := 'ledger';
    ELSIF a.fee_mode = 'local' THEN
        SELECT at_us, value INTO first_us, credit FROM reading
        WHERE meter_id = p_meter AND reg = 'credit' AND at_us >= p_at ORDER BY at_us LIMIT 1;
        IF first_us IS NULL THEN RETURN; END IF;
        SELECT COALESCE(sum(amount_minor), 0) INTO loaded FROM credit_delivery
        WHERE meter_id = p_meter AND state = 'APPLIED' AND applied_us > p_at AND applied_us <= first_us;
        SELECT value - p_wh INTO used_wh FROM reading
        WHERE meter_id = p_meter AND reg = 'total_wh' AND at_us <= first_us AND at_us >= p_at ORDER BY at_us DESC LIMIT 1;
        -- the price in force then; of a meter that was just adopted, the first one read
        SELECT COALESCE(
            (SELECT value FROM reading WHERE meter_id = p_meter AND reg = 'price' AND at_us <= first_us ORDER BY at_us DESC LIMIT 1),
            (SELECT value FROM reading WHERE meter_id = p_meter AND reg = 'price' AND at_us > first_us ORDER BY at_us LIMIT 1)) INTO price;
        -- without a price the energy since midnight cannot be valued: no balance rather than a guess
        IF COALESCE(used_wh, 0) = 0 THEN
            balance := credit - loaded;
        ELSIF price IS NOT NULL THEN
            balance := credit - loaded + used_wh * price / 10000000; -- Wh x micro/kWh = nano; 10^7 nano = 1 minor
        END IF;
        how := CASE WHEN balance IS NOT NULL THEN 'reconstructed' END;
    END IF;
END $$;

-- Days without a record, of the next so many meters that this node can ask now; as far back as asked
-- (a meter keeps 62), so that an adopted meter brings its history along.  The last row is no gap: it
-- says up to which meter was looked, and is missing when there are no more.  Records that were read
-- before the first balance after midnight get theirs here.
CREATE OR REPLACE FUNCTION door.freeze_gaps(p_node text, p_day_starts bigint[], p_days int[], p_since bigint,
    p_window bigint, p_after bigint, p_meters int, p_limit int)
RETURNS TABLE (meter_id bigint, endpoint_id bigint, day int, nth int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE ids bigint[]; g record; n int := 0; oldest int := p_days[cardinality(p_days)]; last bigint; looked int;
BEGIN
    IF p_after = 0 THEN
        UPDATE freeze_record f SET balance_minor = b.balance, balance_quality = b.how
        FROM (SELECT q.meter_id, q.day, x.balance, x.how FROM freeze_record q
              CROSS JOIN LATERAL powergate.balance_at(q.meter_id, q.at_us, q.total_wh) x
              WHERE q.day = ANY (p_days) AND q.balance_quality IS NULL AND EXISTS (
                  SELECT FROM reading r WHERE r.meter_id = q.meter_id AND r.reg = 'credit' AND r.at_us >= q.at_us)
              LIMIT p_limit) b
        WHERE f.meter_id = b.meter_id AND f.day = b.day AND b.how IS NOT NULL;
    END IF;
    -- most lack nothing: their rows are counted, not looked for one by one
    SELECT max(q.id), count(*), array_agg(q.id) FILTER (WHERE q.has < cardinality(p_days)) INTO last, looked, ids FROM (
        SELECT m.id, (SELECT count(*) FROM freeze_record f WHERE f.meter_id = m.id AND f.day BETWEEN oldest AND p_days[1])
            + (SELECT count(*) FROM freeze_absent a WHERE a.meter_id = m.id AND a.day BETWEEN oldest AND p_days[1]) AS has
        FROM meter m JOIN endpoint e ON e.id = m.endpoint_id AND e.node = p_node AND e.closed_us IS NULL AND e.state = 'claimed'
        WHERE m.id > p_after AND m.state = 'active' ORDER BY m.id LIMIT p_meters) q;
    FOR g IN SELECT m.id, m.endpoint_id, d.day, d.nth::int AS nth
        FROM meter m JOIN site t ON t.id = m.site_id
        -- a day begins with the midnight of the site, which may be hours after ours
        JOIN (SELECT z.zone, n.day, n.nth,
                  (extract(epoch FROM to_date(n.day::text, 'YYYYMMDD')::timestamp AT TIME ZONE z.zone) * 1000000)::bigint AS start
              FROM unnest(p_days) WITH ORDINALITY AS n(day, nth), (SELECT DISTINCT zone FROM site) z) d ON d.zone = t.zone
        WHERE m.id = ANY (ids)
          AND NOT EXISTS (SELECT FROM freeze_record f WHERE f.meter_id = m.id AND f.day = d.day)
          AND NOT EXISTS (SELECT FROM freeze_absent a WHERE a.meter_id = m.id AND a.day = d.day)
          -- today's is spread: each meter has its own place in the window after midnight
          AND p_day_starts[1] + p_since - d.start >= (hashint8(m.id)::bigint & 65535) * p_window / 65536
        ORDER BY m.id, d.nth LIMIT p_limit LOOP
        n := n + 1;
        meter_id := g.id; endpoint_id := g.endpoint_id; day := g.day; nth := g.nth;
        RETURN NEXT;
    END LOOP;
    IF n < p_limit AND looked < p_meters THEN RETURN; END IF;
    -- the meter at which the limit was reached comes again, unless it is the only one
    meter_id := CASE WHEN n < p_limit THEN last ELSE greatest(meter_id - 1, p_after + 1) END;
    endpoint_id := NULL; day := NULL; nth := NULL;
    RETURN NEXT;
END $$;

-- The meter's own record.
CREATE OR REPLACE FUNCTION door.freeze_store(p_meter bigint, p_day int, p_at bigint, p_wh bigint[], p_now bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO freeze_record (meter_id, day, at_us, total_wh, t1_wh, t2_wh, t3_wh, t4_wh, balance_minor, quality, balance_quality, read_us)
    SELECT p_meter, p_day, p_at, p_wh[1], p_wh[2], p_wh[3], p_wh[4], p_wh[5], b.balance, 'meter', b.how, p_now
    FROM powergate.balance_at(p_meter, p_at, p_wh[1]) b
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        INSERT INTO reading_conflict (meter_id, at_us, reg, value, stands, heard_us)
        SELECT p_meter, p_at, 'freeze', p_wh[1], f.total_wh, p_now FROM freeze_record f
        WHERE f.meter_id = p_meter AND f.day = p_day AND f.total_wh <> p_wh[1] ON CONFLICT DO NOTHING;
        RETURN false;
    END IF;
    -- the newest registers there are, or those of a boundary within an estimate
    PERFORM powergate.mark_rate(ARRAY(SELECT DISTINCT y.account_id FROM installation i JOIN tenancy y ON y.id = i.tenancy_id
        LEFT JOIN charge c ON c.tenancy_id = y.id AND (c.state = 'unrated' OR (c.state = 'posted' AND c.quality = 'estimate'))
            AND p_at > c.from_us AND p_at < c.to_us
        WHERE i.meter_id = p_meter AND (c.id IS NOT NULL OR (NOT i.settled AND i.billed_us < p_at)) ORDER BY y.account_id), p_now);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION door.freeze_absent(p_meter bigint, p_from int, p_to int, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO freeze_absent SELECT p_meter, d.day, p_now
    FROM (SELECT to_char(x, 'YYYYMMDD')::int AS day
          FROM generate_series(to_date(p_from::text, 'YYYYMMDD')::timestamp, to_date(p_to::text, 'YYYYMMDD')::timestamp, interval '1 day') x) d
    WHERE NOT EXISTS (SELECT FROM freeze_record f WHERE f.meter_id = p_meter AND f.day = d.day)
    ON CONFLICT DO NOTHING;
END $$;
