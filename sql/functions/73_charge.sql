-- Rating, what comes in: charges, journals, sums, positions, for hundreds of accounts at once.

-- What a local meter has against what it should have by our books.  The difference at the first
-- look is what was in it before us; what comes on top of that later is drift.
CREATE OR REPLACE FUNCTION powergate.drift_look(p_accounts bigint[], p_most bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT s.account_id, s.loaded_minor, s.drift_minor, c.credit, c.meter_id
        FROM unnest(p_accounts) g(account) JOIN account a ON a.id = g.account AND a.fee_mode = 'local' AND a.tariff_id IS NOT NULL
        JOIN account_state s ON s.account_id = a.id AND s.unrated_why IS NULL
        CROSS JOIN LATERAL (SELECT sum(x.credit_minor)::bigint AS credit, min(x.meter_id) AS meter_id, count(*) AS n,
                -- registers and credit of one moment, or the use between them would look like drift
                count(*) FILTER (WHERE abs(x.credit_us - i.billed_us) <= 60000000) AS fit
            FROM tenancy y JOIN installation i ON i.tenancy_id = y.id AND i.to_us IS NULL JOIN meter_state x ON x.meter_id = i.meter_id
            WHERE y.account_id = a.id AND y.to_us IS NULL) c
        WHERE c.n > 0 AND c.n = c.fit AND NOT EXISTS (SELECT FROM credit_delivery d WHERE d.account_id = a.id AND d.state IN ('INTENT', 'VERIFYING')) LOOP
        IF r.drift_minor IS NULL THEN
            UPDATE account_state SET drift_minor = r.credit - r.loaded_minor WHERE account_id = r.account_id;
        ELSIF abs(r.credit - r.loaded_minor - r.drift_minor) > p_most THEN
            PERFORM powergate.work_add('drift:' || r.account_id, 'DRIFT', format('the meter has %s, by our books it should have %s: a difference of %s',
                powergate.money_text(r.credit), powergate.money_text(r.loaded_minor + r.drift_minor),
                powergate.money_text(r.credit - r.loaded_minor - r.drift_minor)),
                'compare prices and clock of the meter with the tariff; powergatectl bill explain', r.account_id, r.meter_id, NULL, NULL, p_now);
        END IF;
    END LOOP;
END $$;

-- A reading that cannot be billed, or a register that stands still.
CREATE OR REPLACE FUNCTION powergate.doubt_note(d rated_doubt, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE address text;
BEGIN
    SELECT m.address INTO address FROM meter m WHERE m.id = d.meter;
    IF d.cause = 'HELD' THEN
        INSERT INTO reading_held (installation_id, at_us, wh, why, noted_us) VALUES (d.installation, d.at_us, d.wh, d.why, p_now)
        ON CONFLICT DO NOTHING;
        PERFORM powergate.work_add('held:' || d.installation, 'HELD', format('a reading of meter %s is not billed: %s', address, d.why),
            format('powergatectl reading list %s; then reading accept or reading refuse; nothing is tripped on it meanwhile', address),
            d.account, d.meter, NULL, NULL, p_now);
    ELSIF d.cause = 'STUCK' THEN
        PERFORM powergate.work_add('stuck:' || d.installation, 'STUCK', format('meter %s: %s', address, d.why),
            'see whether somebody lives there, and whether the meter counts', d.account, d.meter, NULL, NULL, p_now);
    ELSIF d.cause = 'PLAUSIBLE' THEN
        UPDATE work w SET text = w.text || '; ' || d.why WHERE w.key = 'held:' || d.installation AND w.state <> 'resolved'
          AND position(d.why IN w.text) = 0;
    END IF;
END $$;

-- One batch.  An account that moved underneath is left as it is and comes again.
CREATE OR REPLACE FUNCTION door.rating_done(p_accounts rated_account[], p_sums rated_sum[], p_tenancies rated_tenancy[],
    p_installations rated_installation[], p_journals rated_journal[], p_lines rated_line[], p_charges rated_charge[],
    p_marks rated_mark[], p_doubts rated_doubt[], p_drift bigint, p_now bigint)
RETURNS int LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE good bigint[]; local bigint[]; r record; d rated_doubt;
BEGIN
    good := ARRAY(SELECT s.account_id FROM unnest(p_accounts) x JOIN account_state s ON s.account_id = x.account AND s.rate_version = x.version
        ORDER BY s.account_id FOR UPDATE OF s);
    WITH g AS (SELECT unnest(good) AS account),
    j AS MATERIALIZED (SELECT x.*, nextval('journal_id_seq') AS id FROM unnest(p_journals) x JOIN g ON g.account = x.account ORDER BY x.n),
    written AS (
        INSERT INTO journal (id, key, kind, at_us, value_us, memo) OVERRIDING SYSTEM VALUE
        SELECT j.id, j.key, j.kind, p_now, j.value_us, j.memo FROM j),
    posted AS (
        INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
        SELECT j.id, l.line, l.ledger, l.owner, CASE WHEN l.ledger IN ('prepaid', 'loaded') THEN l.account END, l.minor, j.currency
        FROM unnest(p_lines) l JOIN j ON j.n = l.n)
    INSERT INTO charge (tenancy_id, installation_id, kind, from_us, to_us, from_wh, to_wh, multiplier, wh, tenant_to_us, extra_wh, period_us,
        used_wh, band_wh, quality, state, why, tried, names, exact, sums, minor, journal_id, replaces, rated_us)
    SELECT c.tenancy, c.installation, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, c.multiplier, c.wh, c.tenant_to, c.extra_wh, c.period_us,
        c.used_wh, c.band_wh, c.quality, c.state, c.why, c.tried, c.names, c.exact, c.sums, c.minor, j.id, c.replaces, p_now
    FROM unnest(p_charges) WITH ORDINALITY c JOIN g ON g.account = c.account LEFT JOIN j ON j.n = c.journal
    ORDER BY c.ordinality;  -- the order in which they were posted is that of their numbers

    UPDATE installation i SET from_us = CASE WHEN x.begins THEN x.billed_us ELSE i.from_us END,
        open_wh = CASE WHEN x.begins THEN x.billed_wh ELSE i.open_wh END,
        billed_us = x.billed_us, billed_wh = x.billed_wh, moved_us = x.moved_us, settled = x.settled
    FROM unnest(p_installations) x JOIN unnest(good) g(account) ON g.account = x.account WHERE i.id = x.id;
    UPDATE tenancy y SET fixed_us = x.fixed_us, period_us = x.period_us, used_wh = x.used_wh, band_wh = x.band_wh,
        reviewed = y.reviewed OR x.reviewed, settled = x.settled
    FROM unnest(p_tenancies) x JOIN unnest(good) g(account) ON g.account = x.account WHERE y.id = x.id;
    INSERT INTO account_sum (account_id, n, name, tax_inclusive, tax_ppm, base_nano, base_parts, gross_femto, net_femto, gross_minor, net_minor)
    SELECT x.account, x.n, x.name, x.tax_inclusive, x.tax_ppm, x.base_nano, x.base_parts, x.gross_femto, x.net_femto, x.gross_minor, x.net_minor
    FROM unnest(p_sums) x JOIN unnest(good) g(account) ON g.account = x.account
    ON CONFLICT (account_id, n) DO UPDATE SET tax_inclusive = EXCLUDED.tax_inclusive, tax_ppm = EXCLUDED.tax_ppm, base_nano = EXCLUDED.base_nano,
        base_parts = EXCLUDED.base_parts, gross_femto = EXCLUDED.gross_femto, net_femto = EXCLUDED.net_femto,
        gross_minor = EXCLUDED.gross_minor, net_minor = EXCLUDED.net_minor;
    FOR r IN SELECT x.charge, x.replaced, x.mark, i.meter_id, c.from_us, c.to_us FROM unnest(p_marks) x
        JOIN unnest(good) g(account) ON g.account = x.account JOIN charge c ON c.id = x.charge LEFT JOIN installation i ON i.id = c.installation_id LOOP
        UPDATE charge c SET state = CASE WHEN r.replaced THEN 'replaced' ELSE c.state END, tried = CASE WHEN r.replaced THEN c.tried
            WHEN r.mark IS NOT NULL THEN r.mark ELSE (SELECT count(*) FROM powergate.reads_within(r.meter_id, r.from_us, r.to_us)) END
        WHERE c.id = r.charge;
    END LOOP;
    FOR d IN SELECT x.* FROM unnest(p_doubts) x JOIN unnest(good) g(account) ON g.account = x.account LOOP
        PERFORM powergate.doubt_note(d, p_now);
    END LOOP;
    FOR r IN SELECT x.account, x.unrated FROM unnest(p_accounts) x JOIN unnest(good) g(account) ON g.account = x.account
        JOIN account_state s ON s.account_id = x.account WHERE x.unrated IS NOT NULL AND s.unrated_why IS DISTINCT FROM x.unrated LOOP
        PERFORM powergate.work_add('unrated:' || r.account, 'UNRATED', r.unrated,
            'mend the price or the meter; nothing is tripped on this account meanwhile', r.account, NULL, NULL, NULL, p_now)
        WHERE NOT EXISTS (SELECT FROM work w WHERE w.account_id = r.account AND w.cause IN ('HELD', 'REBILL') AND w.state <> 'resolved');
    END LOOP;
    UPDATE rebill b SET done_us = p_now FROM unnest(p_accounts) x JOIN unnest(good) g(account) ON g.account = x.account WHERE b.id = x.rebill;

    UPDATE account_state s SET prepaid_minor = s.prepaid_minor - q.prepaid, loaded_minor = s.loaded_minor - q.loaded,
        rate_us = CASE WHEN q.keep THEN COALESCE(s.rate_us, p_now) END, rate_again_us = q.again_us, rate_version = s.rate_version + 1,
        unrated_why = q.unrated, estimate_minor = q.estimate, version = s.version + 1, dirty_us = COALESCE(s.dirty_us, p_now)
    FROM (SELECT x.account, x.keep, x.again_us, x.unrated, x.estimate, COALESCE(l.prepaid, 0) AS prepaid, COALESCE(l.loaded, 0) AS loaded
        FROM unnest(p_accounts) x JOIN unnest(good) g(account) ON g.account = x.account
        LEFT JOIN (SELECT z.account, sum(z.minor) FILTER (WHERE z.ledger = 'prepaid')::bigint AS prepaid,
            sum(z.minor) FILTER (WHERE z.ledger = 'loaded')::bigint AS loaded FROM unnest(p_lines) z GROUP BY z.account) l ON l.account = x.account) q
    WHERE s.account_id = q.account;
    -- what a rebill took is not tripped on before a person has seen to it
    FOR r IN SELECT z.account, sum(z.minor)::bigint AS more FROM unnest(p_accounts) x JOIN unnest(good) g(account) ON g.account = x.account
        JOIN unnest(p_lines) z ON z.account = x.account AND z.ledger IN ('prepaid', 'loaded') WHERE x.rebill IS NOT NULL
        GROUP BY z.account HAVING sum(z.minor) > 0 LOOP
        PERFORM powergate.work_add('rebill:' || r.account, 'REBILL', format('a rebill took %s more', powergate.money_text(r.more)),
            'tell the customer; nothing is tripped on the account until this is resolved', r.account, NULL, NULL, NULL, p_now);
        UPDATE account_state s SET unrated_why = COALESCE(s.unrated_why, 'it was rebilled') WHERE s.account_id = r.account;
    END LOOP;
    FOR r IN SELECT x.id FROM unnest(p_tenancies) x JOIN unnest(good) g(account) ON g.account = x.account WHERE x.settled LOOP
        PERFORM powergate.tenancy_settled(r.id, p_now);
    END LOOP;
    SELECT array_agg(a.id) INTO local FROM unnest(good) g(account) JOIN account a ON a.id = g.account AND a.fee_mode = 'local' AND a.tariff_id IS NOT NULL;
    IF local IS NOT NULL THEN
        PERFORM powergate.drift_look(local, p_drift, p_now);
    END IF;
    RETURN COALESCE(array_length(good, 1), 0);
END $$;
