-- What a site's day is reconciled on: payments, ledger, deliveries, meters (R2 to R10), and
-- its closing.  What rests on a meter's state is looked at as it is now; a delivery on its way may
-- explain a difference, so meters that have one wait for the next run.

-- R2: one journal a payment, of the same amount, and none without a payment.
CREATE OR REPLACE FUNCTION powergate.recon_payments(r recon_run, p_scope text, p_from bigint, p_to bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, text)
    SELECT r.id, p_scope, 'R2', CASE WHEN j.id IS NULL THEN 'UNPOSTED' ELSE 'AMOUNT' END, format('%s:R2:%s', p_scope, p.id), p.amount_minor, p.currency,
        p.account_id, p.id, format('payment %s of %s by %s has %s', p.payment_no, powergate.money_text(p.amount_minor), p.source,
            CASE WHEN j.id IS NULL THEN 'no journal' ELSE 'a journal of ' || powergate.money_text(l.amount_minor) END)
    FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = r.site_id
    LEFT JOIN journal j ON j.key = 'pay:' || p.source || ':' || p.payment_no
    LEFT JOIN posting l ON l.journal_id = j.id AND l.line = 1
    WHERE p.received_us >= p_from AND p.received_us < p_to
      AND (j.id IS NULL OR l.amount_minor IS DISTINCT FROM p.amount_minor OR l.owner <> p.source);
    -- what came in for a day that was closed before: it stands in this one
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, text, state, why)
    SELECT r.id, p_scope, 'R2', 'LATE', format('%s:LATE:%s', p_scope, p.id), p.amount_minor, p.currency, p.account_id, p.id,
        format('payment %s of %s is of %s, which was closed', p.payment_no, powergate.money_text(p.amount_minor), d.day), 'auto', 'posted to the open day'
    FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = r.site_id JOIN site t ON t.id = r.site_id
    JOIN recon_day d ON d.site_id = r.site_id AND d.day < r.day AND d.day = powergate.day_of(p.paid_us, t.zone) AND d.closed_us <= p.received_us
    WHERE p.received_us >= p_from AND p.received_us < p_to AND p.paid_us < p_from;
END $$;

-- R3: what was paid for a local meter is in it, on its way not for too long, or given back.
CREATE OR REPLACE FUNCTION powergate.recon_deliveries(r recon_run, p_scope text, p_limit_us bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, meter_id, payment_id, delivery_id, text)
    SELECT r.id, p_scope, 'R3', CASE WHEN d.state = 'APPLIED' OR j.id IS NOT NULL THEN 'UNPOSTED' ELSE 'UNDELIVERED' END,
        format('%s:R3:%s', p_scope, d.id), d.amount_minor, t.currency, d.account_id, d.meter_id, d.payment_id, d.id,
        CASE WHEN d.state = 'APPLIED' THEN format('delivery %s of %s is applied and not posted', d.id, powergate.money_text(d.amount_minor))
            WHEN j.id IS NOT NULL THEN format('delivery %s of %s is posted and %s', d.id, powergate.money_text(d.amount_minor), d.state)
            ELSE format('delivery %s of %s is still %s', d.id, powergate.money_text(d.amount_minor), d.state) END
    FROM credit_delivery d JOIN account a ON a.id = d.account_id AND a.site_id = r.site_id JOIN site t ON t.id = a.site_id
    LEFT JOIN journal j ON j.key = 'deliver:' || d.id
    WHERE d.kind = 'recharge' AND ((d.state = 'APPLIED') <> (j.id IS NOT NULL)
        OR (d.state NOT IN ('APPLIED', 'CANCELLED') AND d.created_us < r.at_us - p_limit_us));
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, payment_id, text)
    SELECT r.id, p_scope, 'R3', 'UNDELIVERED', format('%s:R3:payment:%s', p_scope, p.id), p.amount_minor, p.currency, p.account_id, p.id,
        format('payment %s of %s has no delivery', p.payment_no, powergate.money_text(p.amount_minor))
    FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = r.site_id AND a.fee_mode = 'local'
    LEFT JOIN credit_delivery d ON d.payment_id = p.id
    LEFT JOIN waterfall w ON w.payment_id = p.id LEFT JOIN surplus u ON u.payment_id = p.id
    LEFT JOIN journal j ON j.key = 'pay:' || p.source || ':' || p.payment_no LEFT JOIN journal v ON v.reverses = j.id
    WHERE d.id IS NULL AND w.payment_id IS NULL AND u.payment_id IS NULL AND v.id IS NULL AND p.received_us < r.at_us - p_limit_us;
END $$;

-- R4: the meter's count of purchases and the sum of them are ours.  What differs after they were
-- adopted is another break than what differed before.
CREATE OR REPLACE FUNCTION powergate.recon_counters(r recon_run, p_scope text) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, meter_id, text)
    SELECT r.id, p_scope, 'R4', CASE WHEN x.foreign_minor > 0 OR x.purchases > x.count_ours THEN 'FOREIGN_CREDIT' ELSE 'COUNTER_GAP' END, format('%s:R4:%s:%s', p_scope, x.id, x.base_count),
        x.foreign_minor, x.currency, x.account_id, x.id,
        format('meter %s counts %s purchases of %s in all, ours are %s of %s', x.address, x.purchases,
            COALESCE(powergate.money_text(x.bought_minor), '?'), x.count_ours, COALESCE(powergate.money_text(x.bought_ours), '?'))
    FROM (SELECT m.id, m.address, m.account_id, t.currency, s.purchases, s.bought_minor, s.base_count,
              greatest(s.base_count, COALESCE(d.last, 0)) AS count_ours, s.base_bought + COALESCE(d.sum, 0) AS bought_ours,
              s.bought_minor - s.base_bought - COALESCE(d.sum, 0) AS foreign_minor
          FROM meter m JOIN meter_state s ON s.meter_id = m.id AND s.base_count IS NOT NULL AND s.purchases IS NOT NULL JOIN site t ON t.id = m.site_id
          LEFT JOIN LATERAL (SELECT max(q.purchase) AS last, sum(q.amount_minor)::bigint AS sum FROM credit_delivery q
              WHERE q.meter_id = m.id AND q.incarnation = s.incarnation AND q.state = 'APPLIED' AND q.purchase > s.base_count) d ON true
          WHERE m.site_id = r.site_id AND m.state = 'active' AND powergate.keeps_balance(m)
            AND NOT EXISTS (SELECT FROM credit_delivery q WHERE q.meter_id = m.id AND q.state IN ('INTENT', 'VERIFYING'))) x
    WHERE x.purchases <> x.count_ours OR x.foreign_minor <> 0;
END $$;

-- R6: every meter has its freeze, and what it counted is priced.
CREATE OR REPLACE FUNCTION powergate.recon_freezes(r recon_run, p_scope text, p_day_scope text, p_to bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE next_day int := powergate.day_beside(r.day, 1);
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, account_id, meter_id, text)
    SELECT r.id, p_day_scope, 'R6', 'FREEZE', format('%s:FREEZE:%s', p_day_scope, m.id), m.account_id, m.id,
        format('meter %s has no freeze of the midnight that ends %s', m.address, r.day) ||
            CASE WHEN EXISTS (SELECT FROM freeze_absent x WHERE x.meter_id = m.id AND x.day = next_day) THEN ': the meter has none' ELSE '' END
    FROM meter m WHERE m.site_id = r.site_id AND m.state = 'active' AND m.created_us < p_to
      AND NOT EXISTS (SELECT FROM freeze_record f WHERE f.meter_id = m.id AND f.day = next_day);
    INSERT INTO recon_found (run_id, scope, rule, kind, key, account_id, meter_id, text)
    SELECT r.id, p_scope, 'R6', 'ENERGY_GAP', format('%s:R6:%s', p_scope, m.id), m.account_id, m.id,
        format('meter %s: the use of account %s is not priced%s', m.address, a.number, ': ' || s.unrated_why)
    FROM meter m JOIN account a ON a.id = m.account_id AND a.fee_mode = 'remote' JOIN account_state s ON s.account_id = a.id
    WHERE m.site_id = r.site_id AND m.state = 'active' AND s.unrated_why IS NOT NULL;
END $$;

-- R8: kept balances are the sums of what was posted.
CREATE OR REPLACE FUNCTION powergate.recon_balances(r recon_run, p_scope text) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, text)
    SELECT r.id, p_scope, 'R8', 'KEPT', format('%s:R8:%s', p_scope, a.id),
        (s.prepaid_minor + s.loaded_minor - s.arrears_minor) - (p.prepaid + p.loaded - p.arrears), t.currency, a.id,
        format('account %s: kept %s/%s/%s, posted %s/%s/%s', a.number, s.prepaid_minor, s.loaded_minor, s.arrears_minor, p.prepaid, p.loaded, p.arrears)
    FROM account a JOIN account_state s ON s.account_id = a.id JOIN site t ON t.id = a.site_id
    LEFT JOIN (SELECT l.account_id,
            -COALESCE(sum(l.amount_minor) FILTER (WHERE l.ledger = 'prepaid'), 0)::bigint AS prepaid,
            -COALESCE(sum(l.amount_minor) FILTER (WHERE l.ledger = 'loaded'), 0)::bigint AS loaded,
            COALESCE(sum(l.amount_minor) FILTER (WHERE l.ledger = 'arrears'), 0)::bigint AS arrears
        FROM posting l JOIN account q ON q.id = l.account_id AND q.site_id = r.site_id GROUP BY l.account_id) k ON k.account_id = a.id
    CROSS JOIN LATERAL (SELECT COALESCE(k.prepaid, 0) AS prepaid, COALESCE(k.loaded, 0) AS loaded, COALESCE(k.arrears, 0) AS arrears) p
    WHERE a.site_id = r.site_id AND (s.prepaid_minor, s.loaded_minor, s.arrears_minor) <> (p.prepaid, p.loaded, p.arrears);
END $$;

-- R9: the relay is as it is wanted.  Permitted is as good as closed: somebody pressed the button.
CREATE OR REPLACE FUNCTION powergate.recon_supply(r recon_run, p_scope text, p_limit_us bigint) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, account_id, meter_id, text)
    SELECT r.id, p_scope, 'R9', 'SUPPLY', format('%s:R9:%s', p_scope, m.id), m.account_id, m.id,
        format('meter %s: the relay is wanted %s (%s) and was seen %s', m.address, s.relay_wanted, s.wanted_why, s.relay_seen)
    FROM meter m JOIN meter_state s ON s.meter_id = m.id
    WHERE m.site_id = r.site_id AND m.state = 'active' AND (s.relay_wanted = 'open') <> (s.relay_seen = 'open')
      AND s.wanted_us > 0 AND s.wanted_us < r.at_us - p_limit_us;
END $$;

-- R7 and what the day came to: balances of the site's accounts at its ends, and what moved them.
-- From the nearer end of the ledger: up from the first journal, or back from the balances kept now,
-- which recon_balances() holds against all that was ever posted.  A day is looked at three times in
-- its own run, and the years before it are not to be read for that.
CREATE OR REPLACE FUNCTION powergate.recon_figures(p_site bigint, p_day int) RETURNS jsonb LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan AS $$
DECLARE t site; starts bigint; ends bigint; lo bigint; hi bigint; late boolean; moved jsonb; opening numeric; closing numeric; paid record;
BEGIN
    SELECT * INTO t FROM site WHERE id = p_site;
    starts := powergate.day_from(p_day, t.zone); ends := powergate.day_from(powergate.day_beside(p_day, 1), t.zone);
    late := starts - (SELECT j.at_us FROM journal j ORDER BY j.id LIMIT 1) > (SELECT j.at_us FROM journal j ORDER BY j.id DESC LIMIT 1) - ends;
    lo := CASE WHEN late THEN starts ELSE -9223372036854775808 END;
    hi := CASE WHEN late THEN 9223372036854775807 ELSE ends END;
    SELECT CASE WHEN late THEN n.minor ELSE -COALESCE(sum(x.sum) FILTER (WHERE x.part = 0), 0) END
            + COALESCE(sum(x.sum * x.part), 0), COALESCE(sum(x.sum) FILTER (WHERE x.part = 0), 0),
        COALESCE(jsonb_object_agg(x.kind, -x.sum) FILTER (WHERE x.part = 0), '{}') INTO closing, opening, moved
    FROM (SELECT COALESCE(sum(s.prepaid_minor + s.loaded_minor - s.arrears_minor), 0) AS minor FROM account a
          JOIN account_state s ON s.account_id = a.id WHERE a.site_id = p_site) n
    LEFT JOIN (SELECT j.kind, (j.at_us >= ends)::int - (j.at_us < starts)::int AS part, sum(l.amount_minor) AS sum
          FROM journal j JOIN posting l ON l.journal_id = j.id JOIN account a ON a.id = l.account_id AND a.site_id = p_site
          WHERE j.at_us >= lo AND j.at_us < hi GROUP BY 1, 2) x ON true GROUP BY n.minor;
    opening := closing + opening;
    SELECT count(*) AS n, COALESCE(sum(p.amount_minor), 0) AS sum INTO paid FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = p_site
    WHERE p.received_us >= starts AND p.received_us < ends;
    RETURN jsonb_build_object('currency', t.currency, 'opening_minor', opening, 'moved_minor', moved, 'closing_minor', closing,
        'payments', paid.n, 'payments_minor', paid.sum,
        'freezes', (SELECT count(*) FROM freeze_record f JOIN meter m ON m.id = f.meter_id WHERE m.site_id = p_site
            AND f.day = powergate.day_beside(p_day, 1)));
END $$;

CREATE OR REPLACE FUNCTION powergate.recon_chain(r recon_run, p_scope text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE d recon_day; now_minor bigint;
BEGIN
    SELECT * INTO d FROM recon_day q WHERE q.site_id = r.site_id AND q.day < r.day ORDER BY q.day DESC LIMIT 1;
    IF d.day IS NULL THEN RETURN; END IF;
    now_minor := (powergate.recon_figures(r.site_id, d.day) ->> 'closing_minor')::bigint;
    IF now_minor <> (d.figures ->> 'closing_minor')::bigint THEN
        INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, text) VALUES (r.id, p_scope, 'R7', 'CHAIN',
            format('%s:R7:%s', p_scope, d.day), now_minor - (d.figures ->> 'closing_minor')::bigint, d.figures ->> 'currency',
            format('%s was closed at %s, its journals make %s now', d.day, powergate.money_text((d.figures ->> 'closing_minor')::bigint),
                powergate.money_text(now_minor)));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION powergate.recon_site(r recon_run, p_undelivered bigint, p_supply bigint) RETURNS recon_run LANGUAGE plpgsql AS $$
DECLARE t site; scope text := format('site:%s', r.site_id); day_scope text := format('site:%s:%s', r.site_id, r.day); starts bigint; ends bigint;
BEGIN
    SELECT * INTO t FROM site WHERE id = r.site_id;
    starts := powergate.day_from(r.day, t.zone); ends := powergate.day_from(powergate.day_beside(r.day, 1), t.zone);
    PERFORM powergate.recon_payments(r, day_scope, starts, ends);
    PERFORM powergate.recon_deliveries(r, scope, p_undelivered);
    PERFORM powergate.recon_counters(r, scope);
    PERFORM powergate.recon_freezes(r, scope, day_scope, ends);
    PERFORM powergate.recon_drift(r, day_scope);
    PERFORM powergate.recon_loss(r, day_scope);
    PERFORM powergate.recon_chain(r, scope);
    PERFORM powergate.recon_balances(r, scope);
    PERFORM powergate.recon_supply(r, scope, p_supply);
    r.figures := powergate.recon_figures(r.site_id, r.day) || jsonb_build_object(
        'exposure', (SELECT jsonb_build_object('meters', count(*), 'minor', COALESCE(sum(e.minor), 0)) FROM exposure e
            JOIN meter m ON m.id = e.meter_id WHERE m.site_id = r.site_id AND e.ended_us IS NULL),
        'found', (SELECT COALESCE(jsonb_object_agg(k.kind, k.n), '{}')
            FROM (SELECT x.kind, count(*) AS n FROM recon_found x WHERE x.run_id = r.id GROUP BY x.kind) k));
    RETURN powergate.recon_compare(r, ARRAY[scope, day_scope]);
END $$;

-- What belongs to no site: journals that do not balance, clearing against payments, suspense.
CREATE OR REPLACE FUNCTION powergate.recon_books(r recon_run, p_undelivered bigint) RETURNS recon_run LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, text)
    SELECT r.id, 'books', 'R8', 'UNBALANCED', 'books:journal:' || l.journal_id || ':' || l.currency, sum(l.amount_minor)::bigint, l.currency,
        format('journal %s does not balance', l.journal_id) FROM posting l GROUP BY l.journal_id, l.currency HAVING sum(l.amount_minor) <> 0;
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, text)
    SELECT r.id, 'books', 'R2', 'CLEARING', format('books:clearing:%s:%s', COALESCE(p.source, c.owner), COALESCE(p.currency, c.currency)),
        (COALESCE(c.sum, 0) - COALESCE(p.sum, 0))::bigint, COALESCE(p.currency, c.currency),
        format('clearing of %s: posted %s, paid %s', COALESCE(p.source, c.owner), powergate.money_text(COALESCE(c.sum, 0)::bigint),
            powergate.money_text(COALESCE(p.sum, 0)::bigint))
    FROM (SELECT q.source, q.currency, sum(q.amount_minor) AS sum FROM payment q GROUP BY 1, 2) p
    FULL JOIN (SELECT l.owner, l.currency, sum(l.amount_minor) AS sum FROM posting l JOIN journal j ON j.id = l.journal_id
        WHERE l.ledger = 'clearing' AND j.kind = 'payment' GROUP BY 1, 2) c ON c.owner = p.source AND c.currency = p.currency
    WHERE COALESCE(c.sum, 0) <> COALESCE(p.sum, 0);
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, payment_id, text)
    SELECT r.id, 'books', 'R3', 'SUSPENSE', 'books:suspense:' || p.id, p.amount_minor, p.currency, p.id,
        format('payment %s of %s by %s is nobody''s', p.payment_no, powergate.money_text(p.amount_minor), p.source)
    FROM payment p LEFT JOIN journal j ON j.key = 'pay:' || p.source || ':' || p.payment_no LEFT JOIN journal v ON v.reverses = j.id
    WHERE p.state = 'suspense' AND v.id IS NULL AND p.received_us < r.at_us - p_undelivered;
    r.figures := jsonb_build_object('found', (SELECT COALESCE(jsonb_object_agg(k.kind, k.n), '{}')
        FROM (SELECT x.kind, count(*) AS n FROM recon_found x WHERE x.run_id = r.id GROUP BY x.kind) k));
    RETURN powergate.recon_compare(r, ARRAY['books']);
END $$;

-- --- closing ------------------------------------------------------------------------------------------

-- Sources with payments of the site on that day whose statement is not there or does not agree.
CREATE OR REPLACE FUNCTION powergate.recon_sources_open(p_site bigint, p_day int) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE t site;
BEGIN
    SELECT * INTO t FROM site WHERE id = p_site;
    RETURN (SELECT COALESCE(array_agg(x.source ORDER BY x.source), '{}') FROM (
        SELECT DISTINCT p.source FROM payment p JOIN account a ON a.id = p.account_id AND a.site_id = p_site
        WHERE p.source <> 'cash' AND p.paid_us >= powergate.day_from(p_day, t.zone)
          AND p.paid_us < powergate.day_from(powergate.day_beside(p_day, 1), t.zone)) x
        WHERE NOT EXISTS (SELECT FROM recon_run r WHERE r.source = x.source AND r.day = p_day
                AND (r.figures ->> 'statement')::bigint = powergate.recon_statement(x.source, p_day))
           OR EXISTS (SELECT FROM recon_break b WHERE b.scope = format('source:%s:%s', x.source, p_day) AND b.state IN ('open', 'carried')));
END $$;

-- Why a day cannot be closed; NULL when it can, and then p_breaks is how many are open.
CREATE OR REPLACE FUNCTION powergate.recon_close_fault(t site, p_day int, p_reason text, p_breaks int, p_now bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE last int;
BEGIN
    SELECT max(d.day) INTO last FROM recon_day d WHERE d.site_id = t.id;
    RETURN CASE
        WHEN powergate.day_from(powergate.day_beside(p_day, 1), t.zone) > p_now THEN 'the day is not over'
        WHEN last IS NOT NULL AND p_day <= last THEN format('%s is closed, and days are closed in their order', last)
        WHEN last IS NOT NULL AND p_day <> powergate.day_beside(last, 1) THEN format('%s comes first', powergate.day_beside(last, 1))
        WHEN NOT EXISTS (SELECT FROM recon_run r WHERE r.site_id = t.id AND r.day = p_day
            AND r.at_us >= powergate.day_from(powergate.day_beside(p_day, 1), t.zone)) THEN 'it was not reconciled after its end: recon run'
        WHEN p_breaks > 0 AND p_reason = '' THEN format('%s breaks are open: it takes a reason to close it all the same', p_breaks) END;
END $$;

CREATE OR REPLACE FUNCTION powergate.recon_open(p_site bigint, p_day int) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('break', b.id, 'rule', b.rule, 'kind', b.kind, 'state', b.state,
            'account', a.number, 'meter', m.address, 'payment', b.payment_id, 'amount_minor', b.amount_minor, 'first_us', b.first_us,
            'owner', b.owner, 'note', NULLIF(b.note, ''), 'text', b.text)) ORDER BY b.id), '[]')
        FROM recon_break b LEFT JOIN account a ON a.id = b.account_id LEFT JOIN meter m ON m.id = b.meter_id
        WHERE b.state IN ('open', 'carried') AND b.scope IN (format('site:%s', p_site), format('site:%s:%s', p_site, p_day)));
END $$;
CREATE OR REPLACE FUNCTION powergate.recon_close(t site, p_day int, p_reason text, p_who text, p_breaks int, p_now bigint) RETURNS recon_day LANGUAGE plpgsql AS $$
DECLARE d recon_day;
BEGIN
    d.site_id := t.id; d.day := p_day; d.closed_us := p_now; d.closed_by := p_who; d.reason := p_reason; d.open_breaks := p_breaks;
    d.open_sources := powergate.recon_sources_open(t.id, p_day);
    d.figures := powergate.recon_figures(t.id, p_day) || jsonb_build_object(
        'open', powergate.recon_open(t.id, p_day), -- as they are signed now: a break moves on, this does not
        'breaks', (SELECT COALESCE(jsonb_agg(b.id ORDER BY b.id), '[]') FROM recon_break b WHERE b.state IN ('open', 'carried')
            AND b.scope IN (format('site:%s', t.id), format('site:%s:%s', t.id, p_day))),
        'late', (SELECT COALESCE(jsonb_agg(b.payment_id ORDER BY b.id), '[]') FROM recon_break b
            WHERE b.scope = format('site:%s:%s', t.id, p_day) AND b.kind = 'LATE'));
    d.before_sha256 := COALESCE((SELECT q.sha256 FROM recon_day q WHERE q.site_id = t.id ORDER BY q.day DESC LIMIT 1), '');
    d.sha256 := encode(sha256(convert_to(format('%s|%s|%s|%s|%s|%s|%s|%s', d.before_sha256, t.name, d.day, d.closed_us, d.closed_by, d.reason,
        array_to_string(d.open_sources, ','), d.figures), 'UTF8')), 'hex');
    INSERT INTO recon_day SELECT d.*;
    RETURN d;
END $$;

-- --- running ------------------------------------------------------------------------------------------

-- One run, alone of its kind; what it found first is committed before another begins.
CREATE OR REPLACE FUNCTION powergate.recon_run_one(p_target text, p_source text, p_site bigint, p_day int, p_zone text, p_cutoff bigint,
    p_undelivered bigint, p_supply bigint, p_who text, p_now bigint) RETURNS recon_run LANGUAGE plpgsql AS $$
DECLARE r recon_run; beside int;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('powergate recon ' || p_target || COALESCE(p_source, p_site::text, '')));
    INSERT INTO recon_run (target, source, site_id, day, at_us, actor) VALUES (p_target, p_source, p_site, p_day, p_now, p_who) RETURNING * INTO r;
    IF p_target = 'source' THEN
        r := powergate.recon_r1(r, powergate.recon_zone(p_source, p_zone), p_cutoff);
        beside := powergate.day_beside(p_day, -1); -- what it carried may be explained now
        IF EXISTS (SELECT FROM recon_break b WHERE b.scope = format('source:%s:%s', p_source, beside) AND b.state IN ('open', 'carried')
            AND b.kind IN ('MISSING_STATEMENT', 'MISSING_PAYMENT', 'REFUND_MISSING')) THEN
            PERFORM powergate.recon_run_one('source', p_source, NULL, beside, p_zone, p_cutoff, p_undelivered, p_supply, p_who, p_now);
        END IF;
    ELSIF p_target = 'site' THEN
        r := powergate.recon_site(r, p_undelivered, p_supply);
    ELSE
        r := powergate.recon_books(r, p_undelivered);
    END IF;
    RETURN r;
END $$;

-- Every source that ever paid or told, one probe each: payments are too many to be looked through.
CREATE OR REPLACE FUNCTION powergate.recon_sources() RETURNS SETOF text LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY WITH RECURSIVE x AS (
        (SELECT p.source FROM payment p ORDER BY p.source LIMIT 1)
        UNION ALL SELECT (SELECT p.source FROM payment p WHERE p.source > x.source ORDER BY p.source LIMIT 1) FROM x WHERE x.source IS NOT NULL)
    SELECT x.source::text FROM x WHERE x.source IS NOT NULL UNION SELECT s.source::text FROM statement s;
END $$;

-- The next day's work that is due and nobody's: at the hour, local, on the day after, and for up
-- to a week later.  Whoever takes it has it for the time of the lease.
CREATE OR REPLACE FUNCTION door.recon_take(p_node text, p_zone text, p_minute int, p_lease bigint, p_now bigint)
RETURNS TABLE (target text, day int) LANGUAGE plpgsql AS $$
DECLARE x record; taken text;
BEGIN
    FOR x IN
        SELECT q.target, d.day FROM (
            SELECT 'source:' || s.source AS target, powergate.recon_zone(s.source, p_zone) AS zone, 1 AS rank,
                (SELECT min(created_us) FROM account) AS since_us FROM powergate.recon_sources() s(source) WHERE s.source <> 'cash'
            UNION ALL SELECT 'books', p_zone, 2, (SELECT min(created_us) FROM account)
            UNION ALL SELECT 'site:' || t.id, t.zone, 3, (SELECT min(m.created_us) FROM meter m WHERE m.site_id = t.id) FROM site t) q
        CROSS JOIN LATERAL (SELECT powergate.day_beside(powergate.day_of(p_now - p_minute * 60000000::bigint, q.zone), -n) AS day
            FROM generate_series(1, 7) n) d
        LEFT JOIN recon_job j ON j.target = q.target AND j.day = d.day
        WHERE d.day >= powergate.day_of(q.since_us, q.zone) AND (j.target IS NULL OR (j.done_us IS NULL AND j.lease_us <= p_now))
        ORDER BY d.day, q.rank, q.target LOOP
        INSERT INTO recon_job AS j VALUES (x.target, x.day, p_node, p_now + p_lease)
        ON CONFLICT ON CONSTRAINT recon_job_pkey DO UPDATE SET node = p_node, lease_us = EXCLUDED.lease_us WHERE j.done_us IS NULL AND j.lease_us <= p_now
        RETURNING j.target INTO taken;
        IF taken IS NOT NULL THEN
            target := x.target; day := x.day; RETURN NEXT; RETURN;
        END IF;
    END LOOP;
END $$;

-- A site's day in which nothing is open is closed at once.
CREATE OR REPLACE FUNCTION door.recon_do(p_target text, p_day int, p_node text, p_zone text, p_cutoff bigint, p_undelivered bigint, p_supply bigint, p_now bigint)
RETURNS TABLE (opened int, closed int, is_closed boolean) LANGUAGE plpgsql AS $$
DECLARE r recon_run; t site; open_now int; day_closed boolean := false;
BEGIN
    PERFORM FROM recon_job j WHERE j.target = p_target AND j.day = p_day AND j.node = p_node AND j.done_us IS NULL FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    r := powergate.recon_run_one(split_part(p_target, ':', 1), CASE WHEN p_target LIKE 'source:%' THEN substr(p_target, 8) END,
        CASE WHEN p_target LIKE 'site:%' THEN substr(p_target, 6)::bigint END, p_day, p_zone, p_cutoff, p_undelivered, p_supply, 'powergated', p_now);
    IF r.target = 'site' THEN
        SELECT * INTO t FROM site WHERE id = r.site_id;
        SELECT count(*) INTO open_now FROM recon_break b WHERE b.state IN ('open', 'carried') AND b.scope IN (format('site:%s', t.id), format('site:%s:%s', t.id, p_day));
        IF open_now = 0 AND powergate.recon_close_fault(t, p_day, '', 0, p_now) IS NULL THEN
            PERFORM powergate.recon_close(t, p_day, '', 'powergated', 0, p_now);
            day_closed := true;
        END IF;
    END IF;
    UPDATE recon_job j SET done_us = p_now WHERE j.target = p_target AND j.day = p_day;
    RETURN QUERY SELECT r.opened, r.closed, day_closed;
END $$;
