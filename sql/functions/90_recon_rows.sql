-- R1 beyond the payments: rows that stand twice, refunds, fees.

CREATE OR REPLACE FUNCTION powergate.recon_r1_doubled(p_run bigint, p_scope text, p_source text, p_statement bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, line, text)
    SELECT p_run, p_scope, 'R1', 'DUPLICATE', p_scope || ':DUPLICATE:' || d.payment_no, d.over, d.currency, p.account_id, p.id, d.line,
        format('payment %s stands in %s lines of the statement, the last is %s', d.payment_no, d.n, d.line)
    FROM (SELECT r.payment_no, count(*) AS n, max(r.line) AS line, (sum(r.amount_minor) - min(r.amount_minor))::bigint AS over, min(r.currency) AS currency
          FROM statement_row r WHERE r.statement_id = p_statement AND r.kind = 'payment' GROUP BY r.payment_no HAVING count(*) > 1) d
    LEFT JOIN LATERAL (SELECT q.* FROM payment q WHERE q.source = p_source AND q.payment_no = d.payment_no LIMIT 1) p ON true;
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, line, text)
    SELECT p_run, p_scope, 'R1', 'DUPLICATE', p_scope || ':DUPLICATE:order:' || d.order_no, d.over, d.currency, d.line,
        format('order %s was paid by %s payments', d.order_no, d.n)
    FROM (SELECT r.order_no, count(DISTINCT r.payment_no) AS n, max(r.line) AS line,
              (sum(r.amount_minor) - min(r.amount_minor))::bigint AS over, min(r.currency) AS currency
          FROM statement_row r WHERE r.statement_id = p_statement AND r.kind = 'payment' AND r.order_no <> ''
          GROUP BY r.order_no HAVING count(*) > 1 AND count(DISTINCT r.payment_no) > 1) d;
END $$;

-- What the books have taken back of a payment: reversed as a whole, or refunded and paid out.
CREATE OR REPLACE FUNCTION powergate.recon_taken_back(p_source text, p_payment_no text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT -sum(l.amount_minor) FROM journal j JOIN journal v ON v.reverses = j.id JOIN posting l ON l.journal_id = v.id
            WHERE j.key = 'pay:' || p_source || ':' || p_payment_no AND l.ledger = 'clearing'), 0)
        + COALESCE((SELECT sum(c.amount_minor) FROM payment q JOIN correction c ON c.payment_id = q.id
            WHERE q.source = p_source AND q.payment_no = p_payment_no AND c.kind IN ('refund', 'chargeback') AND c.state = 'paid'), 0);
END $$;

-- What a provider told of as refunded on a day, each refund once; closed ones and those that
-- reached nobody are no money.  0 where the amount is all that went back so far.
CREATE OR REPLACE FUNCTION powergate.recon_told(p_source text, p_from bigint, p_to bigint)
RETURNS TABLE (payment_no text, refund_no text, amount_minor bigint, currency text, told_us bigint, payment_id bigint, account_id bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT ON (v.payment_no, v.refund_no) v.payment_no, v.refund_no, CASE WHEN v.cumulative THEN 0 ELSE v.amount_minor END,
        COALESCE(q.currency, v.currency), x.us, q.id, q.account_id
    FROM provider_event v CROSS JOIN LATERAL (SELECT COALESCE(NULLIF(v.happened_us, 0), v.received_us) AS us) x
    LEFT JOIN LATERAL (SELECT y.* FROM payment y WHERE y.source = p_source AND y.payment_no = v.payment_no LIMIT 1) q ON true
    WHERE v.source = p_source AND v.kind = 'refund' AND v.refund_no <> '' AND v.state NOT IN ('CLOSED', 'ABNORMAL')
      AND x.us >= p_from AND x.us < p_to ORDER BY v.payment_no, v.refund_no, v.id;
END $$;

-- Refunds, three ways: a row that the books do not have; a row of another amount than was told;
-- and one that was told and is in no statement of its day or of those beside it.
CREATE OR REPLACE FUNCTION powergate.recon_r1_refunds(p_run bigint, p_scope text, p_source text, p_day int, p_zone text, p_cutoff bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE s bigint := powergate.recon_statement(p_source, p_day); before bigint := powergate.recon_statement(p_source, powergate.day_beside(p_day, -1));
    after bigint := powergate.recon_statement(p_source, powergate.day_beside(p_day, 1));
    starts bigint := powergate.day_from(p_day, p_zone); ends bigint := powergate.day_from(powergate.day_beside(p_day, 1), p_zone);
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, line, text)
    SELECT p_run, p_scope, 'R1', 'REFUND', p_scope || ':REFUND:' || r.payment_no || ':' || r.refund_no, least(r.amount_minor, w.back - b.taken), r.currency,
        p.account_id, p.id, r.line, format('refund %s of payment %s, %s in line %s: ', r.refund_no, r.payment_no, powergate.money_text(r.amount_minor), r.line)
        || CASE WHEN b.taken = 0 THEN 'the ledger took nothing back' ELSE format('%s went back in all, the ledger took back %s',
            powergate.money_text(w.back), powergate.money_text(b.taken)) END
    FROM statement_row r
    LEFT JOIN LATERAL (SELECT q.* FROM payment q WHERE q.source = p_source AND q.payment_no = r.payment_no LIMIT 1) p ON true
    CROSS JOIN LATERAL (SELECT powergate.recon_taken_back(p_source, r.payment_no) AS taken) b
    CROSS JOIN LATERAL (SELECT sum(o.amount_minor)::bigint AS back FROM statement_row o JOIN statement t ON t.id = o.statement_id
        WHERE o.kind = 'refund' AND o.payment_no = r.payment_no AND t.source = p_source AND t.id = powergate.recon_statement(p_source, t.day)
          AND (t.day, o.line) <= (p_day, r.line)) w
    WHERE r.statement_id = s AND r.kind = 'refund' AND w.back > b.taken
      -- its own is in the books: if it is of another amount, that is told below
      AND NOT EXISTS (SELECT FROM correction c WHERE c.payment_id = p.id AND c.state = 'paid' AND r.refund_no IN (c.refund_no, c.number, c.reference));
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, line, text)
    SELECT p_run, p_scope, 'R1', 'AMOUNT', p_scope || ':AMOUNT:refund:' || v.payment_no || ':' || v.refund_no, r.amount_minor - v.amount_minor, r.currency,
        v.account_id, v.payment_id, r.line, format('refund %s of payment %s: the statement says %s in line %s, %s was told', v.refund_no, v.payment_no,
            powergate.money_text(r.amount_minor), r.line, powergate.money_text(v.amount_minor))
    FROM powergate.recon_told(p_source, starts, ends) v
    JOIN statement_row r ON r.kind = 'refund' AND r.payment_no = v.payment_no AND r.refund_no = v.refund_no AND r.statement_id = s
    WHERE v.amount_minor > 0 AND r.amount_minor <> v.amount_minor;
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, text, state, why)
    SELECT p_run, p_scope, 'R1', 'REFUND_MISSING', p_scope || ':REFUND_MISSING:' || v.payment_no || ':' || v.refund_no, NULLIF(v.amount_minor, 0), v.currency,
        v.account_id, v.payment_id, format('refund %s of payment %s was told and stands in no statement', v.refund_no, v.payment_no),
        CASE WHEN z.near THEN 'carried' ELSE 'open' END, CASE WHEN z.near THEN 'near midnight, and the statement of the day beside is not there yet' ELSE '' END
    FROM powergate.recon_told(p_source, starts, ends) v
    CROSS JOIN LATERAL (SELECT (after IS NULL AND v.told_us >= ends - p_cutoff) OR (before IS NULL AND v.told_us < starts + p_cutoff) AS near) z
    WHERE NOT EXISTS (SELECT FROM statement_row r WHERE r.kind = 'refund' AND r.payment_no = v.payment_no AND r.refund_no = v.refund_no
        AND r.statement_id IN (s, before, after));
END $$;

-- The fee of a row is the source's rate of what it settles; rounding may be a cent off, to either side.
CREATE OR REPLACE FUNCTION powergate.recon_r1_fees(p_run bigint, p_scope text, p_source text, p_statement bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE ppm int := (SELECT x.fee_ppm FROM recon_source x WHERE x.source = p_source);
BEGIN
    IF ppm IS NULL THEN RETURN; END IF;
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, line, text)
    SELECT p_run, p_scope, 'R1', 'FEE', p_scope || ':FEE:' || r.payment_no || ':' || r.line, round((abs(r.fee_micro) - r.due) / 10000.0)::bigint, r.currency, r.line,
        format('payment %s: the fee in line %s is %s, at the rate of %s %% it is %s', r.payment_no, r.line, round(abs(r.fee_micro) / 1000000.0, 5),
            round(ppm / 10000.0, 4), round(r.due / 1000000.0, 5))
    FROM (SELECT q.*, q.settled_minor * ppm / 100 AS due FROM statement_row q WHERE q.statement_id = p_statement AND q.kind = 'payment') r
    WHERE abs(abs(r.fee_micro) - r.due) >= 10000;
END $$;

-- What a day's statement says the source kept, in whole cents, is posted once; of a new version of
-- the statement, the difference.  A refund gives its fee back, whatever sign the source writes.
CREATE OR REPLACE FUNCTION powergate.recon_r1_costs(r recon_run, s statement) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE x record; k text := format('costs:%s:%s:', r.source, r.day);
BEGIN
    FOR x IN
        SELECT f.currency, sum(f.minor)::bigint AS minor FROM (
            SELECT q.currency, round(sum(CASE q.kind WHEN 'refund' THEN -abs(q.fee_micro) ELSE abs(q.fee_micro) END) / 10000) AS minor
            FROM statement_row q WHERE q.statement_id = s.id AND q.kind IN ('payment', 'refund') GROUP BY 1
            UNION ALL
            SELECT l.currency, -sum(l.amount_minor) FROM journal j JOIN posting l ON l.journal_id = j.id AND l.ledger = 'costs' WHERE j.key ^@ k GROUP BY 1) f
        GROUP BY 1 HAVING sum(f.minor) <> 0 ORDER BY 1
    LOOP
        PERFORM powergate.journal_post(k || s.version || ':' || x.currency, 'costs', format('fees of %s on %s, statement %s', r.source, r.day, s.version), 'recon',
            NULL, ARRAY['costs', 'clearing'], ARRAY[r.source, r.source], ARRAY[NULL, NULL]::bigint[], ARRAY[x.minor, -x.minor], x.currency, r.at_us);
    END LOOP;
END $$;
