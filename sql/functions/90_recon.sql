-- Reconciliation (domain.md 5.9).  A run writes what it finds into recon_found, set by set, and is
-- then compared with what was known: new breaks open, those that are gone close by themselves,
-- those that are back open again.  Only what a set does not explain is looked at row by row.

CREATE OR REPLACE FUNCTION powergate.recon_zone(p_source text, p_zone text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT zone FROM recon_source WHERE source = p_source), p_zone);
END $$;
-- The newest version of a day's list of payments; a fund flow lists something else.
CREATE OR REPLACE FUNCTION powergate.recon_statement(p_source text, p_day int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT s.id FROM statement s WHERE s.source = p_source AND s.day = p_day AND s.what <> 'fund_flow' AND s.version IS NOT NULL
            ORDER BY s.version DESC, s.id DESC LIMIT 1);
END $$;

-- --- what was found, compared with what was known ---------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.recon_work(b recon_break, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.work_add('recon:' || b.id, 'RECON', format('%s %s: %s', b.rule, b.kind, b.text),
        format('find out why: powergatectl recon show %s; then powergatectl recon resolve %s --reason "..."', b.id, b.id),
        b.account_id, b.meter_id, b.payment_id, b.delivery_id, p_now);
END $$;

CREATE OR REPLACE FUNCTION powergate.recon_compare(r recon_run, p_scopes text[]) RETURNS recon_run LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
DECLARE b recon_break; f record;
BEGIN
    -- a run may come upon the same thing twice; the first is enough
    FOR f IN SELECT DISTINCT ON (x.key) x.* FROM recon_found x LEFT JOIN recon_break k ON k.key = x.key
             WHERE x.run_id = r.id AND k.id IS NULL ORDER BY x.key LOOP
        INSERT INTO recon_break (key, scope, rule, kind, source, site_id, day, account_id, meter_id, payment_id, delivery_id, line,
            amount_minor, currency, text, state, first_us, why, ended_us, ended_by)
        VALUES (f.key, f.scope, f.rule, f.kind, r.source, r.site_id, r.day, f.account_id, f.meter_id, f.payment_id, f.delivery_id, f.line,
            f.amount_minor, f.currency, f.text, f.state, r.at_us, f.why,
            CASE WHEN f.state = 'auto' THEN r.at_us END, CASE WHEN f.state = 'auto' THEN 'powergated' END) RETURNING * INTO b;
        INSERT INTO recon_step (break_id, at_us, step, by, text)
        VALUES (b.id, r.at_us, 'found', r.actor, concat_ws('; ', b.text, NULLIF(b.why, '')));
        IF b.state = 'open' AND b.amount_minor IS NOT NULL THEN PERFORM powergate.recon_work(b, r.at_us); END IF;
        r.opened := r.opened + (b.state <> 'auto')::int;
    END LOOP;
    -- back again, moved in its amount, or no longer only carried
    FOR f IN SELECT DISTINCT ON (x.key) x.*, k.id, k.state AS was FROM recon_found x JOIN recon_break k ON k.key = x.key
             WHERE x.run_id = r.id AND x.state <> 'auto' AND
                 (k.state = 'auto' OR (k.state = 'carried' AND x.state = 'open') OR (k.state <> 'carried' AND k.amount_minor IS DISTINCT FROM x.amount_minor)
                  OR (k.state = 'resolved' AND NOT k.seen)) ORDER BY x.key LOOP
        UPDATE recon_break k SET state = f.state, seen = true, amount_minor = f.amount_minor, text = f.text, line = f.line, why = '',
            ended_us = NULL, ended_by = NULL, reopened = k.reopened + (f.was IN ('auto', 'resolved'))::int WHERE k.id = f.id RETURNING * INTO b;
        INSERT INTO recon_step (break_id, at_us, step, by, text)
        VALUES (b.id, r.at_us, CASE WHEN f.was IN ('auto', 'resolved') THEN 'reopened' ELSE 'changed' END, r.actor, b.text);
        IF b.state = 'open' AND b.amount_minor IS NOT NULL THEN PERFORM powergate.recon_work(b, r.at_us); END IF;
        r.reopened := r.reopened + (f.was IN ('auto', 'resolved'))::int;
    END LOOP;
    UPDATE recon_break k SET seen = true WHERE NOT k.seen AND k.scope = ANY (p_scopes)
        AND EXISTS (SELECT FROM recon_found x WHERE x.run_id = r.id AND x.key = k.key);
    FOR b IN UPDATE recon_break k SET seen = false,
                 state = CASE WHEN k.state IN ('open', 'carried') THEN 'auto' ELSE k.state END,
                 ended_us = COALESCE(k.ended_us, r.at_us), ended_by = COALESCE(k.ended_by, 'powergated'),
                 why = CASE WHEN k.state NOT IN ('open', 'carried') THEN k.why
                     ELSE COALESCE((SELECT x.why FROM recon_found x WHERE x.run_id = r.id AND x.state = 'auto' AND x.payment_no IS NOT NULL
                         AND x.payment_id = k.payment_id LIMIT 1), 'it is gone') END
             WHERE k.scope = ANY (p_scopes) AND (k.state IN ('open', 'carried') OR k.seen)
               AND NOT EXISTS (SELECT FROM recon_found x WHERE x.run_id = r.id AND x.key = k.key) RETURNING k.* LOOP
        CONTINUE WHEN b.state <> 'auto' OR b.ended_us <> r.at_us;
        INSERT INTO recon_step (break_id, at_us, step, by, text) VALUES (b.id, r.at_us, 'closed', r.actor, b.why);
        PERFORM powergate.work_resolve('recon:' || b.id, jsonb_build_object('by', 'powergated', 'reason', b.why), r.at_us);
        r.closed := r.closed + 1;
    END LOOP;
    DELETE FROM recon_found x WHERE x.run_id = r.id;
    UPDATE recon_run q SET figures = r.figures, opened = r.opened, closed = r.closed, reopened = r.reopened WHERE q.id = r.id;
    RETURN r;
END $$;

-- --- R1: a provider's statement and our payments ------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.recon_r1_words(f recon_found) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN format('payment %s of %s', f.payment_no, powergate.money_text(f.amount_minor)) || CASE f.kind
        WHEN 'MISSING_PAYMENT' THEN format(' stands in line %s of the statement and not in the ledger', f.line)
        WHEN 'MISSING_STATEMENT' THEN ' stands in the ledger and not in the statement' ELSE '' END;
END $$;

-- Rows without a payment of that day: is it of another day?
CREATE OR REPLACE FUNCTION powergate.recon_r1_rows(p_run bigint, p_source text, p_day int, p_zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE f recon_found; p payment; own int; twice boolean;
BEGIN
    FOR f IN SELECT * FROM recon_found x WHERE x.run_id = p_run AND x.kind = 'MISSING_PAYMENT' LOOP
        SELECT * INTO p FROM payment q WHERE q.source = p_source AND q.payment_no = f.payment_no;
        CONTINUE WHEN p.id IS NULL;
        own := powergate.day_of(p.paid_us, p_zone);
        twice := EXISTS (SELECT FROM statement_row r WHERE r.statement_id = powergate.recon_statement(p_source, own) AND r.kind = 'payment'
            AND r.payment_no = f.payment_no);
        UPDATE recon_found x SET payment_id = p.id, account_id = p.account_id,
            kind = CASE WHEN twice THEN 'DUPLICATE' WHEN p.amount_minor <> f.amount_minor OR p.currency <> f.currency THEN 'AMOUNT'
                WHEN own IN (powergate.day_beside(p_day, -1), powergate.day_beside(p_day, 1)) THEN 'CUTOFF' ELSE 'DAY' END,
            amount_minor = CASE WHEN NOT twice AND p.currency = f.currency AND p.amount_minor <> f.amount_minor
                THEN f.amount_minor - p.amount_minor ELSE f.amount_minor END,
            text = format('payment %s of %s, paid on %s, stands in line %s of the statement of %s%s', f.payment_no,
                powergate.money_text(p.amount_minor), own, f.line, p_day, CASE WHEN twice THEN ' as well as in its own' ELSE '' END)
        WHERE x.run_id = p_run AND x.kind = 'MISSING_PAYMENT' AND x.line = f.line;
    END LOOP;
    UPDATE recon_found x SET state = 'auto', why = 'a cut-off: the statement counts it with the day beside' WHERE x.run_id = p_run AND x.kind = 'CUTOFF';
END $$;

-- Payments without a row of that day: do the statements beside have them, or may they yet?
CREATE OR REPLACE FUNCTION powergate.recon_r1_payments(p_run bigint, p_source text, p_day int, p_zone text, p_cutoff bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE before bigint := powergate.recon_statement(p_source, powergate.day_beside(p_day, -1));
    after bigint := powergate.recon_statement(p_source, powergate.day_beside(p_day, 1));
    starts bigint := powergate.day_from(p_day, p_zone); ends bigint := powergate.day_from(powergate.day_beside(p_day, 1), p_zone);
BEGIN
    IF NOT EXISTS (SELECT FROM recon_found x WHERE x.run_id = p_run AND x.kind = 'MISSING_STATEMENT') THEN RETURN; END IF;
    UPDATE recon_found x SET
        kind = CASE WHEN p.amount_minor = r.amount_minor AND p.currency = r.currency THEN 'CUTOFF' ELSE 'AMOUNT' END,
        state = CASE WHEN p.amount_minor = r.amount_minor AND p.currency = r.currency THEN 'auto' ELSE 'open' END,
        why = CASE WHEN p.amount_minor = r.amount_minor AND p.currency = r.currency THEN 'a cut-off: the statement counts it with the day beside' ELSE '' END,
        amount_minor = CASE WHEN p.amount_minor = r.amount_minor OR p.currency <> r.currency THEN p.amount_minor ELSE r.amount_minor - p.amount_minor END,
        text = format('payment %s of %s, paid on %s, stands in line %s of the statement of the day beside as %s', p.payment_no,
            powergate.money_text(p.amount_minor), p_day, r.line, powergate.money_text(r.amount_minor))
    FROM statement_row r, payment p
    WHERE x.run_id = p_run AND x.kind = 'MISSING_STATEMENT' AND r.statement_id IN (before, after) AND r.kind = 'payment'
      AND r.payment_no = x.payment_no AND p.id = x.payment_id;
    UPDATE recon_found x SET state = 'carried', why = 'near midnight, and the statement of the day beside is not there yet' FROM payment p
    WHERE x.run_id = p_run AND x.kind = 'MISSING_STATEMENT' AND p.id = x.payment_id
      AND ((after IS NULL AND p.paid_us >= ends - p_cutoff) OR (before IS NULL AND p.paid_us < starts + p_cutoff));
END $$;

-- A payment that goes by the number of its order on the other side.
CREATE OR REPLACE FUNCTION powergate.recon_r1_orders(p_run bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM recon_found x USING (
        SELECT array_agg(y.payment_no) AS numbers FROM recon_found y
        WHERE y.run_id = p_run AND y.kind IN ('MISSING_PAYMENT', 'MISSING_STATEMENT') AND y.order_no <> ''
        GROUP BY y.order_no, y.amount_minor, y.currency
        HAVING count(*) FILTER (WHERE y.kind = 'MISSING_PAYMENT') = 1 AND count(*) FILTER (WHERE y.kind = 'MISSING_STATEMENT') = 1) pair
    WHERE x.run_id = p_run AND x.payment_no = ANY (pair.numbers) AND x.kind IN ('MISSING_PAYMENT', 'MISSING_STATEMENT');
END $$;

-- One source's day.  Hash joins only: whatever the statistics say, both sides may be a million.
CREATE OR REPLACE FUNCTION powergate.recon_r1(r recon_run, p_zone text, p_cutoff bigint) RETURNS recon_run LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
DECLARE found_scope text := format('source:%s:%s', r.source, r.day); s statement; n bigint; sum_minor numeric; matched bigint;
    starts bigint := powergate.day_from(r.day, p_zone); ends bigint := powergate.day_from(powergate.day_beside(r.day, 1), p_zone);
BEGIN
    SELECT * INTO s FROM statement q WHERE q.id = powergate.recon_statement(r.source, r.day);
    SELECT count(*), COALESCE(sum(p.amount_minor), 0) INTO n, sum_minor FROM payment p
    WHERE p.source = r.source AND p.paid_us >= starts AND p.paid_us < ends;
    r.figures := jsonb_build_object('payments', n, 'payments_minor', sum_minor, 'statement', s.id, 'version', s.version, 'rows', s.paid_count,
        'rows_minor', s.paid_minor, 'refunds', s.refund_count);
    IF s.id IS NULL THEN -- nothing to compare with; a day without payments needs no statement
        IF n > 0 THEN
            INSERT INTO recon_found (run_id, scope, rule, kind, key, text) VALUES (r.id, found_scope, 'R1', 'STATEMENT_ABSENT',
                found_scope || ':STATEMENT_ABSENT', format('%s payments of %s and no statement', n, powergate.money_text(sum_minor::bigint)));
        END IF;
        RETURN powergate.recon_compare(r, ARRAY[found_scope]);
    END IF;
    PERFORM set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true);
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, line, payment_no, order_no, text)
    SELECT r.id, found_scope, 'R1',
        CASE WHEN p.id IS NULL THEN 'MISSING_PAYMENT' WHEN t.line IS NULL THEN 'MISSING_STATEMENT' ELSE 'AMOUNT' END, '',
        CASE WHEN p.currency = t.currency THEN t.amount_minor - p.amount_minor ELSE COALESCE(t.amount_minor, p.amount_minor) END,
        COALESCE(t.currency, p.currency), p.account_id, p.id, t.line,
        COALESCE(t.payment_no, p.payment_no), COALESCE(t.order_no, p.order_no),
        CASE WHEN p.id IS NOT NULL AND t.line IS NOT NULL THEN format('payment %s: the statement says %s %s in line %s, the ledger %s %s', p.payment_no,
            powergate.money_text(t.amount_minor), t.currency, t.line, powergate.money_text(p.amount_minor), p.currency) ELSE '' END
    FROM (SELECT * FROM payment q WHERE q.source = r.source AND q.paid_us >= starts AND q.paid_us < ends) p
    FULL JOIN (SELECT * FROM statement_row q WHERE q.statement_id = s.id AND q.kind = 'payment') t ON t.payment_no = p.payment_no
    WHERE p.id IS NULL OR t.line IS NULL OR p.amount_minor <> t.amount_minor OR p.currency <> t.currency;
    PERFORM set_config('enable_nestloop', 'on', true), set_config('enable_mergejoin', 'on', true);
    PERFORM powergate.recon_r1_orders(r.id);
    PERFORM powergate.recon_r1_rows(r.id, r.source, r.day, p_zone);
    PERFORM powergate.recon_r1_payments(r.id, r.source, r.day, p_zone, p_cutoff);
    UPDATE recon_found x SET text = CASE WHEN x.text = '' THEN powergate.recon_r1_words(x) ELSE x.text END,
        key = format('%s:%s:%s', found_scope, x.kind, x.payment_no) WHERE x.run_id = r.id;
    PERFORM powergate.recon_r1_doubled(r.id, found_scope, r.source, s.id);
    PERFORM powergate.recon_r1_refunds(r.id, found_scope, r.source, r.day, p_zone, p_cutoff);
    PERFORM powergate.recon_r1_fees(r.id, found_scope, r.source, s.id);
    PERFORM powergate.recon_r1_costs(r, s);
    SELECT n - count(*) FILTER (WHERE x.payment_id IS NOT NULL AND x.kind IN ('MISSING_STATEMENT', 'AMOUNT')) INTO matched
    FROM recon_found x WHERE x.run_id = r.id;
    r.figures := r.figures || jsonb_build_object('agree', matched, 'found', (SELECT COALESCE(jsonb_object_agg(k.kind, k.n), '{}')
        FROM (SELECT x.kind, count(DISTINCT x.key) AS n FROM recon_found x WHERE x.run_id = r.id GROUP BY x.kind) k));
    RETURN powergate.recon_compare(r, ARRAY[found_scope]);
END $$;
