-- Debts and emergency credit, and the payments that meet them (domain.md 5.6).
--
-- A payment settles as any other: clearing to prepaid, one journal.  Where the account owes, the
-- same transaction notes in `waterfall` that it is to be split.  model/waterfall.c decides how;
-- here is seen to that it happens once, on facts that still hold, and takes no more than is owed,
-- paid, or free under the cap of the week.  The split is a journal of its own, waterfall:<payment>,
-- from prepaid to arrears.  Until it is posted nothing is decided about the account.
--
-- Money for a local meter leaves only after the split: delivery_add() does nothing while one is
-- due, and the transaction that posts the split adds the delivery of what is left.  So there is
-- one rule, in C; a daemon that dies in between leaves a row in `waterfall` and no delivery, and
-- the next pass posts both or neither.  A payment has one row and a row is split once.

-- --- what is owed -----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.arrears_of(p_account bigint, p_owner text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(sum(l.amount_minor), 0) FROM posting l
        WHERE l.ledger = 'arrears' AND l.account_id = p_account AND l.owner = p_owner);
END $$;
CREATE OR REPLACE FUNCTION powergate.debt_owed(d debt) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.arrears_of(d.account_id, 'debt:' || d.id);
END $$;
-- A local meter sees to its own threshold; here its account has none but zero.
CREATE OR REPLACE FUNCTION powergate.threshold_of(a account) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN a.fee_mode = 'local' THEN 0 ELSE a.trip_minor END;
END $$;

-- The balance before a payment, and before all that came after it and wait as it does.
CREATE OR REPLACE FUNCTION powergate.balance_before(p_account bigint, p_payment bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT s.prepaid_minor FROM account_state s WHERE s.account_id = p_account) -
        (SELECT COALESCE(sum(q.amount_minor), 0) FROM waterfall w JOIN payment q ON q.id = w.payment_id
         WHERE w.account_id = p_account AND w.split_us IS NULL AND w.payment_id >= p_payment);
END $$;

-- What the rule looks at: a row a debt, or one without.  p_payment NULL: a payment yet to come.
CREATE OR REPLACE FUNCTION powergate.waterfall_view(p_account bigint, p_payment bigint)
RETURNS TABLE (zone text, steps text, balance bigint, threshold bigint, used bigint, debt_id bigint, kind text, reference text,
    owed bigint, percent_bp int, week_cap bigint, weeks text, agreed bigint, instalment bigint, every text, first_day int)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE a account; st site; e emergency; has bigint; floor_minor bigint; drawn bigint; fresh bigint := 0;
BEGIN
    SELECT * INTO a FROM account q WHERE q.id = p_account;
    SELECT * INTO st FROM site q WHERE q.id = a.site_id;
    SELECT * INTO e FROM emergency q WHERE q.account_id = p_account;
    floor_minor := powergate.threshold_of(a);
    has := CASE WHEN p_payment IS NULL THEN (SELECT s.prepaid_minor FROM account_state s WHERE s.account_id = p_account)
        ELSE powergate.balance_before(p_account, p_payment) END;
    drawn := powergate.emergency_used(p_account);
    IF e.state = 'active' THEN
        fresh := greatest(least(floor_minor - has, e.limit_minor - drawn), 0);
    END IF;
    RETURN QUERY SELECT st.zone, array_to_string(COALESCE(a.waterfall, st.waterfall), ' '), has + fresh, floor_minor,
        drawn + fresh, d.id, d.kind, d.reference, CASE WHEN d.id IS NOT NULL THEN powergate.debt_owed(d) END, d.percent_bp,
        d.week_cap_minor, (SELECT string_agg(t.week || ':' || t.taken, ' ' ORDER BY t.week DESC)
            FROM (SELECT x.week, sum(x.amount_minor) AS taken FROM debt_taking x WHERE x.debt_id = d.id
                  GROUP BY x.week ORDER BY x.week DESC LIMIT 4) t),
        d.amount_minor, d.instalment_minor, d.every, d.first_day
    FROM (SELECT) one LEFT JOIN debt d ON d.account_id = p_account AND d.closed_us IS NULL ORDER BY d.id;
END $$;
CREATE OR REPLACE FUNCTION powergate.waterfall_facts(p_account bigint, p_payment bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT md5(string_agg(v::text, '|' ORDER BY v.debt_id)) FROM powergate.waterfall_view(p_account, p_payment) v);
END $$;

-- Whether a payment has to be split first.  Called with the account's row locked.
CREATE OR REPLACE FUNCTION powergate.debts_refresh(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_state s SET owes = EXISTS (SELECT FROM debt d WHERE d.account_id = p_account AND d.closed_us IS NULL)
        OR EXISTS (SELECT FROM emergency e WHERE e.account_id = p_account AND e.state IN ('active', 'exhausted'))
    WHERE s.account_id = p_account;
END $$;

-- More is owed under a reference: the debt is made, or grows.  `codes` is what it is owed for:
-- fees, or prepaid where a balance below the threshold becomes a debt.  0 when the key is known.
CREATE OR REPLACE FUNCTION powergate.debt_charge(p_debt debt, p_key text, p_code text, p_words text, p_now bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE d debt; own text; money text;
BEGIN
    PERFORM powergate.account_first(p_debt.account_id);
    IF EXISTS (SELECT FROM journal WHERE key = p_key) THEN RETURN 0; END IF;
    INSERT INTO debt (account_id, kind, reference, amount_minor, percent_bp, week_cap_minor, instalment_minor, every, first_day,
        from_balance, created_us, created_by)
    VALUES (p_debt.account_id, p_debt.kind, p_debt.reference, p_debt.amount_minor, p_debt.percent_bp, p_debt.week_cap_minor,
        p_debt.instalment_minor, p_debt.every, p_debt.first_day, COALESCE(p_debt.from_balance, false), p_now, p_debt.created_by)
    ON CONFLICT (account_id, reference) DO UPDATE SET amount_minor = debt.amount_minor + EXCLUDED.amount_minor, closed_us = NULL
    RETURNING * INTO d;
    own := 'debt:' || d.id;
    SELECT t.currency INTO money FROM account a JOIN site t ON t.id = a.site_id WHERE a.id = d.account_id;
    PERFORM powergate.journal_post(p_key, 'debt', p_words, p_debt.created_by, NULL, ARRAY['arrears', p_code],
        ARRAY[own, CASE WHEN p_code = 'prepaid' THEN '' ELSE own END],
        ARRAY[d.account_id, CASE WHEN p_code = 'prepaid' THEN d.account_id END],
        ARRAY[p_debt.amount_minor, -p_debt.amount_minor], money, p_now);
    PERFORM powergate.event_add('debt', NULL, d.account_id,
        format('%s is owed: %s', powergate.money_text(p_debt.amount_minor), d.reference), p_now);
    PERFORM powergate.debts_refresh(d.account_id);
    PERFORM powergate.mark_dirty(ARRAY[d.account_id], p_now);
    RETURN d.id;
END $$;

-- --- payments that are to be split -------------------------------------------------------------

-- Within the settling of a batch, its accounts locked: notes those payments whose accounts owe.
CREATE OR REPLACE FUNCTION powergate.waterfall_due(p_batch bigint, p_accounts bigint[], p_now bigint) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE owing bigint[];
BEGIN
    owing := ARRAY(SELECT s.account_id FROM account_state s WHERE s.owes AND s.account_id = ANY (p_accounts));
    IF owing = '{}' THEN RETURN; END IF;
    INSERT INTO waterfall (payment_id, account_id, due_us)
    SELECT q.id, q.account_id, p_now FROM payment q WHERE q.account_id = ANY (owing) AND q.batch_id = p_batch;
    UPDATE account_state s SET split_pending = true WHERE s.account_id = ANY (owing);
END $$;
-- The same for one that a person assigned.
CREATE OR REPLACE FUNCTION powergate.waterfall_add(p_payment bigint, p_account bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_state s SET split_pending = true WHERE s.account_id = p_account AND s.owes;
    IF FOUND THEN
        INSERT INTO waterfall (payment_id, account_id, due_us) VALUES (p_payment, p_account, p_now);
    END IF;
END $$;

-- The oldest of each account, with what the rule looks at, a row a debt.
CREATE OR REPLACE FUNCTION door.waterfalls_due(p_limit int)
RETURNS TABLE (payment_id bigint, amount bigint, received_us bigint, facts text, zone text, steps text, balance bigint,
    threshold bigint, used bigint, debt_id bigint, kind text, reference text, owed bigint, percent_bp int, week_cap bigint,
    weeks text, agreed bigint, instalment bigint, every text, first_day int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE w record;
BEGIN
    FOR w IN SELECT DISTINCT ON (x.account_id) x.account_id, x.payment_id FROM waterfall x WHERE x.split_us IS NULL
        ORDER BY x.account_id, x.payment_id LIMIT p_limit LOOP
        RETURN QUERY SELECT q.id, q.amount_minor, q.received_us, powergate.waterfall_facts(w.account_id, q.id), v.*
        FROM payment q, powergate.waterfall_view(w.account_id, q.id) v WHERE q.id = w.payment_id;
    END LOOP;
END $$;

-- No more than is owed, than is paid, than the week allows; each debt once.
CREATE OR REPLACE FUNCTION powergate.waterfall_guard(q payment, p_account bigint, p_week int, p_kinds text[], p_debts bigint[],
    p_amounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l record; d debt;
BEGIN
    IF (SELECT COALESCE(sum(x), 0) FROM unnest(p_amounts) x) <> q.amount_minor
       OR (SELECT count(x) FROM unnest(p_debts) x) <> (SELECT count(DISTINCT x) FROM unnest(p_debts) x)
       OR (SELECT count(*) FROM unnest(p_kinds) x WHERE x IN ('balance', 'emergency', 'credit'))
          <> (SELECT count(DISTINCT x) FROM unnest(p_kinds) x WHERE x IN ('balance', 'emergency', 'credit')) THEN
        RAISE EXCEPTION 'payment %: its lines do not make it up', q.id USING ERRCODE = '23514';
    END IF;
    FOR l IN SELECT * FROM unnest(p_kinds, p_debts, p_amounts) AS x(kind, debt, amount) LOOP
        SELECT * INTO d FROM debt x WHERE x.id = l.debt AND x.account_id = p_account AND x.kind = l.kind;
        IF (l.kind IN ('payment', 'instalment', 'accumulated') AND l.amount > COALESCE(powergate.debt_owed(d), 0))
           OR (l.kind = 'emergency' AND l.amount > powergate.emergency_used(p_account)) THEN
            RAISE EXCEPTION 'payment %: % is taken for %, and less is owed', q.id, l.amount, l.kind USING ERRCODE = '23514';
        END IF;
        IF d.kind = 'payment' AND (l.amount::numeric * 10000 > q.amount_minor::numeric * d.percent_bp OR l.amount +
            (SELECT COALESCE(sum(x.amount_minor), 0) FROM debt_taking x WHERE x.debt_id = d.id AND x.week = p_week) > d.week_cap_minor) THEN
            RAISE EXCEPTION 'payment %: % is more than debt % may take', q.id, l.amount, d.id USING ERRCODE = '23514';
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION powergate.waterfall_post(q payment, p_account bigint, p_week int, p_kinds text[], p_debts bigint[],
    p_amounts bigint[], p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE owners text[]; taken bigint[]; j bigint;
BEGIN
    SELECT array_agg(CASE l.kind WHEN 'emergency' THEN 'emergency' ELSE 'debt:' || l.debt END ORDER BY l.n),
        array_agg(-l.amount ORDER BY l.n) INTO owners, taken
    FROM unnest(p_kinds, p_debts, p_amounts) WITH ORDINALITY AS l(kind, debt, amount, n) WHERE l.kind NOT IN ('balance', 'credit');
    IF taken IS NULL THEN RETURN NULL; END IF;
    j := powergate.journal_post('waterfall:' || q.id, 'waterfall', 'payment ' || q.id, 'powergated', NULL,
        array_prepend('prepaid', array_fill('arrears'::text, ARRAY[cardinality(taken)])), array_prepend('', owners),
        array_fill(p_account, ARRAY[cardinality(taken) + 1]),
        array_prepend((SELECT -sum(x) FROM unnest(taken) x)::bigint, taken), q.currency, p_now);
    IF j = 0 THEN RAISE EXCEPTION 'payment % is split already', q.id USING ERRCODE = '23514'; END IF;
    INSERT INTO debt_taking (journal_id, debt_id, payment_id, week, amount_minor)
    SELECT j, l.debt, q.id, p_week, l.amount FROM unnest(p_debts, p_amounts) AS l(debt, amount) WHERE l.debt IS NOT NULL;
    UPDATE debt d SET closed_us = p_now WHERE d.id = ANY (p_debts) AND d.closed_us IS NULL AND powergate.debt_owed(d) = 0;
    RETURN j;
END $$;

-- One payment.  p_facts: what was decided on; NULL: nobody could decide, nothing is taken.
CREATE OR REPLACE FUNCTION powergate.waterfall_split(p_payment bigint, p_facts text, p_week int, p_kinds text[], p_debts bigint[],
    p_amounts bigint[], p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE w waterfall; q payment; a account; j bigint; meter bigint; rest bigint;
BEGIN
    PERFORM powergate.account_first((SELECT x.account_id FROM waterfall x WHERE x.payment_id = p_payment));
    SELECT * INTO w FROM waterfall x WHERE x.payment_id = p_payment AND x.split_us IS NULL FOR UPDATE;
    IF w.payment_id IS NULL THEN RETURN 'done'; END IF;
    IF p_facts <> powergate.waterfall_facts(w.account_id, p_payment) OR EXISTS (SELECT FROM waterfall x
        WHERE x.account_id = w.account_id AND x.split_us IS NULL AND x.payment_id < p_payment) THEN
        RETURN 'stale';
    END IF;
    SELECT * INTO q FROM payment x WHERE x.id = p_payment;
    SELECT * INTO a FROM account x WHERE x.id = w.account_id;
    PERFORM powergate.emergency_draw(a.id, powergate.balance_before(a.id, p_payment), p_now);
    PERFORM powergate.waterfall_guard(q, a.id, p_week, p_kinds, p_debts, p_amounts);
    j := powergate.waterfall_post(q, a.id, p_week, p_kinds, p_debts, p_amounts, p_now);
    INSERT INTO waterfall_line (payment_id, line, kind, debt_id, amount_minor)
    SELECT p_payment, l.n, l.kind, l.debt, l.amount FROM unnest(p_kinds, p_debts, p_amounts) WITH ORDINALITY AS l(kind, debt, amount, n);
    UPDATE waterfall SET split_us = p_now, journal_id = j WHERE payment_id = p_payment;
    UPDATE account_state s SET split_pending = EXISTS (SELECT FROM waterfall x WHERE x.account_id = a.id AND x.split_us IS NULL)
    WHERE s.account_id = a.id;
    PERFORM powergate.emergency_walk(a.id, p_now);
    PERFORM powergate.debts_refresh(a.id);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    SELECT l.amount_minor INTO rest FROM waterfall_line l WHERE l.payment_id = p_payment AND l.kind = 'credit';
    IF a.fee_mode = 'local' AND rest > 0 THEN
        SELECT m.id INTO meter FROM meter m WHERE m.account_id = a.id AND m.state = 'active'
        ORDER BY m.address = q.meter_no DESC, m.id LIMIT 1;
        PERFORM powergate.delivery_add(q.id, a.id, meter, rest, q.paid_us, q.source, p_now);
    END IF;
    RETURN 'split';
END $$;

-- Many, each for itself: one that is refused is an answer.  Lines say by p_of whose they are.
CREATE OR REPLACE FUNCTION door.waterfalls_split(p_payment bigint[], p_facts text[], p_week int[], p_of bigint[], p_kind text[],
    p_debt bigint[], p_amount bigint[], p_now bigint)
RETURNS TABLE (payment_id bigint, outcome text, endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r record;
BEGIN
    FOR r IN SELECT t.payment, t.facts, t.week, w.account_id,
            array_agg(l.kind ORDER BY l.n) AS kinds, array_agg(l.debt ORDER BY l.n) AS debts, array_agg(l.amount ORDER BY l.n) AS amounts
        FROM unnest(p_payment, p_facts, p_week) AS t(payment, facts, week)
        JOIN waterfall w ON w.payment_id = t.payment
        JOIN unnest(p_of, p_kind, p_debt, p_amount) WITH ORDINALITY AS l(payment, kind, debt, amount, n) ON l.payment = t.payment
        GROUP BY t.payment, t.facts, t.week, w.account_id ORDER BY w.account_id LOOP
        payment_id := r.payment;
        endpoint_id := (SELECT m.endpoint_id FROM meter m WHERE m.account_id = r.account_id AND m.state = 'active' ORDER BY m.id LIMIT 1);
        BEGIN
            outcome := powergate.waterfall_split(r.payment, r.facts, r.week, r.kinds, r.debts, r.amounts, p_now);
        EXCEPTION WHEN check_violation THEN
            outcome := 'refused: ' || SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- Nobody waits in the dark for a mistake of ours: all of it is credit, and a person is told.
CREATE OR REPLACE FUNCTION door.waterfall_given_up(p_payment bigint, p_why text, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE q payment; said text;
BEGIN
    SELECT * INTO q FROM payment x WHERE x.id = p_payment;
    said := powergate.waterfall_split(p_payment, NULL, 0, ARRAY['credit'], ARRAY[NULL::bigint], ARRAY[q.amount_minor], p_now);
    IF said = 'split' THEN
        UPDATE waterfall SET why = p_why WHERE payment_id = p_payment;
        PERFORM powergate.work_add('split:' || p_payment, 'SPLIT', format('payment %s could not be split and is all credit: %s', p_payment, p_why),
            'look at the account''s debts: powergatectl debt list; tell the makers', q.account_id, NULL, p_payment, NULL, p_now);
    END IF;
    RETURN said;
END $$;

-- What becomes of a payment of an account that owes, and what of it is held; {} of any other.
CREATE OR REPLACE FUNCTION powergate.receipt_json(p_payment bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('split_us', w.split_us, 'split_reversed',
            EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id), 'split', COALESCE((SELECT jsonb_agg(jsonb_build_object(
                'for', l.kind, 'debt', l.debt_id, 'reference', d.reference, 'amount_minor', l.amount_minor) ORDER BY l.line)
                FROM waterfall_line l LEFT JOIN debt d ON d.id = l.debt_id WHERE l.payment_id = w.payment_id), '[]'))
            FROM waterfall w WHERE w.payment_id = p_payment), '{}') ||
        COALESCE((SELECT jsonb_build_object('held_minor', u.held_minor) FROM surplus u
            WHERE u.payment_id = p_payment AND u.held_minor > 0), '{}');
END $$;

-- --- what a meter has no room for ---------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.credit_most(p_account bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT COALESCE(a.credit_most_minor, t.credit_most_minor) FROM account a JOIN site t ON t.id = a.site_id WHERE a.id = p_account);
END $$;
-- Credit in the meter as last read, and on its way into it.
CREATE OR REPLACE FUNCTION powergate.credit_there(p_account bigint, p_meter bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT x.credit_minor FROM meter_state x WHERE x.meter_id = p_meter), 0) +
        (SELECT COALESCE(sum(d.amount_minor), 0) FROM credit_delivery d
         WHERE d.account_id = p_account AND d.state NOT IN ('APPLIED', 'CANCELLED'));
END $$;

-- How much of a payment may leave for the meter now: nothing before it is split, and no more than
-- there is room for.  The rest is held, and is a work item until it has followed.
CREATE OR REPLACE FUNCTION powergate.delivery_part(p_payment bigint, p_account bigint, p_meter bigint, p_amount bigint, p_now bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE most bigint; part bigint;
BEGIN
    IF EXISTS (SELECT FROM waterfall w WHERE w.payment_id = p_payment AND w.split_us IS NULL) THEN
        RETURN 0;
    END IF;
    most := powergate.credit_most(p_account);
    IF most IS NULL THEN RETURN p_amount; END IF;
    part := greatest(least(p_amount, most - powergate.credit_there(p_account, p_meter)), 0);
    IF part < p_amount THEN
        INSERT INTO surplus (payment_id, account_id, held_minor, since_us, look_us)
        VALUES (p_payment, p_account, p_amount - part, p_now, p_now)
        ON CONFLICT (payment_id) DO UPDATE SET account_id = EXCLUDED.account_id, held_minor = surplus.held_minor + EXCLUDED.held_minor, look_us = p_now;
        PERFORM powergate.work_add('surplus:' || p_account, 'SURPLUS',
            format('%s is held: the meter may have %s at most', powergate.money_text(p_amount - part), powergate.money_text(most)),
            'it follows by itself as credit is used; else raise the limit: powergatectl payment limits', p_account, p_meter, p_payment, NULL, p_now);
    END IF;
    RETURN part;
END $$;

-- What is held follows when all of it fits, or half of what the meter may have at most.
CREATE OR REPLACE FUNCTION door.surplus_deliver(p_limit int, p_pause bigint, p_now bigint) RETURNS TABLE (endpoint_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE account bigint; u surplus; m meter; most bigint; room bigint; held bigint; fits bigint; d bigint;
BEGIN
    FOR account IN SELECT DISTINCT q.account_id FROM (SELECT x.account_id FROM surplus x WHERE x.held_minor > 0 AND x.look_us <= p_now
        ORDER BY x.look_us LIMIT p_limit) q ORDER BY 1 LOOP
        PERFORM powergate.account_first(account);
        UPDATE surplus SET look_us = p_now + p_pause WHERE account_id = account AND held_minor > 0;
        SELECT * INTO m FROM meter q WHERE q.account_id = account AND q.state = 'active' ORDER BY q.id LIMIT 1;
        SELECT sum(q.held_minor) INTO held FROM surplus q WHERE q.account_id = account;
        most := powergate.credit_most(account);
        room := COALESCE(most - powergate.credit_there(account, m.id), held);
        CONTINUE WHEN m.id IS NULL OR held IS NULL OR (room < held AND room * 2 < most);
        FOR u IN SELECT * FROM surplus q WHERE q.account_id = account AND q.held_minor > 0 ORDER BY q.payment_id FOR UPDATE LOOP
            fits := least(u.held_minor, room);
            EXIT WHEN fits <= 0;
            INSERT INTO credit_delivery (kind, payment_id, part, account_id, amount_minor, created_us)
            SELECT 'recharge', u.payment_id, count(*), account, fits, p_now FROM credit_delivery q WHERE q.payment_id = u.payment_id
            RETURNING id INTO d;
            PERFORM powergate.delivery_command(d, u.payment_id, m.id, (SELECT q.paid_us FROM payment q WHERE q.id = u.payment_id),
                'powergated', p_now);
            UPDATE surplus SET held_minor = held_minor - fits WHERE payment_id = u.payment_id;
            room := room - fits;
            held := held - fits;
        END LOOP;
        IF held = 0 THEN
            PERFORM powergate.work_resolve('surplus:' || account, '{"by": "powergated", "reason": "all of it has followed"}', p_now);
        END IF;
        endpoint_id := m.endpoint_id;
        RETURN NEXT;
    END LOOP;
END $$;

-- --- journals the other way round ---------------------------------------------------------------

-- Why a journal must not be reversed as things are; NULL when nothing here speaks against it.
CREATE OR REPLACE FUNCTION powergate.waterfall_bars(j journal) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE w waterfall;
BEGIN
    IF j.kind = 'debt' THEN RETURN 'a debt is not reversed: write it off'; END IF;
    IF j.kind = 'emergency' THEN RETURN 'emergency credit was used: it is repaid, not reversed'; END IF;
    SELECT x.* INTO w FROM payment q JOIN waterfall x ON x.payment_id = q.id
    WHERE j.key IN ('pay:' || q.source || ':' || q.payment_no, 'assign:' || q.id);
    RETURN CASE WHEN w.payment_id IS NULL THEN NULL
        WHEN w.split_us IS NULL THEN 'this payment is being split: try again'
        WHEN w.journal_id IS NOT NULL AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id)
            THEN format('this payment has paid debts: reverse journal %s first', w.journal_id) END;
END $$;
-- After it: the debts are owed again; what a local account gets back travels to its meter.
CREATE OR REPLACE FUNCTION powergate.waterfall_reversed(j journal, p_reversal bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE account bigint;
BEGIN
    UPDATE surplus u SET held_minor = 0 FROM payment q
    WHERE u.payment_id = q.id AND j.key IN ('pay:' || q.source || ':' || q.payment_no, 'assign:' || q.id);
    IF j.kind NOT IN ('waterfall', 'write-off', 'instalment') THEN RETURN; END IF;
    SELECT l.account_id INTO account FROM posting l WHERE l.journal_id = j.id AND l.account_id IS NOT NULL LIMIT 1;
    PERFORM powergate.account_first(account);
    INSERT INTO debt_taking (journal_id, debt_id, payment_id, week, amount_minor)
    SELECT p_reversal, t.debt_id, t.payment_id, t.week, -t.amount_minor FROM debt_taking t WHERE t.journal_id = j.id;
    INSERT INTO surplus (payment_id, account_id, held_minor, since_us, look_us)
    SELECT w.payment_id, account, l.amount_minor, p_now, p_now
    FROM waterfall w JOIN account a ON a.id = w.account_id JOIN posting l ON l.journal_id = j.id AND l.ledger = 'prepaid'
    WHERE w.journal_id = j.id AND a.fee_mode = 'local'
        AND NOT EXISTS (SELECT FROM credit_delivery d WHERE d.payment_id = w.payment_id AND d.state = 'CANCELLED') -- it is refunded
    ON CONFLICT (payment_id) DO UPDATE SET held_minor = surplus.held_minor + EXCLUDED.held_minor, look_us = p_now;
    UPDATE debt d SET closed_us = NULL WHERE d.account_id = account AND d.closed_us IS NOT NULL AND powergate.debt_owed(d) > 0;
    PERFORM powergate.emergency_walk(account, p_now);
    PERFORM powergate.debts_refresh(account);
    PERFORM powergate.mark_dirty(ARRAY[account], p_now);
END $$;

-- The books of debts against themselves; empty when all is well.
CREATE OR REPLACE FUNCTION powergate.debt_problems() RETURNS TABLE (problem text) LANGUAGE sql AS $$
    SELECT format('account %s: %s is owed under %s', l.account_id, sum(l.amount_minor), l.owner) FROM posting l
    WHERE l.ledger = 'arrears' GROUP BY l.account_id, l.owner HAVING sum(l.amount_minor) < 0
    UNION ALL
    SELECT format('debt %s is %s and %s is owed', d.id, CASE WHEN d.closed_us IS NULL THEN 'open' ELSE 'closed' END, powergate.debt_owed(d))
    FROM debt d WHERE (d.closed_us IS NULL) <> (powergate.debt_owed(d) > 0)
    UNION ALL
    SELECT format('payment %s of %s has lines of %s', q.id, q.amount_minor, l.sum) FROM waterfall w JOIN payment q ON q.id = w.payment_id
    CROSS JOIN LATERAL (SELECT COALESCE(sum(x.amount_minor), 0) AS sum FROM waterfall_line x WHERE x.payment_id = q.id) l
    WHERE w.split_us IS NOT NULL AND l.sum <> q.amount_minor
    UNION ALL
    SELECT format('payment %s is delivered with %s, its credit is %s', q.id, d.sum, l.amount_minor) FROM waterfall w
    JOIN payment q ON q.id = w.payment_id JOIN waterfall_line l ON l.payment_id = q.id AND l.kind = 'credit'
    CROSS JOIN LATERAL (SELECT sum(x.amount_minor) FROM credit_delivery x WHERE x.payment_id = q.id AND x.account_id = w.account_id AND x.state <> 'CANCELLED') d(sum)
    WHERE d.sum > l.amount_minor AND NOT EXISTS (SELECT FROM journal r WHERE r.reverses = w.journal_id);
$$;
