-- Behind the API: orders and shifts of the cash desk.

CREATE OR REPLACE FUNCTION powergate.order_json(o pay_order, p_now bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('order_no', o.number, 'source', o.source, 'account', (SELECT a.number FROM account a WHERE a.id = o.account_id),
        'meter', o.meter_no, 'amount_minor', o.amount_minor, 'currency', o.currency, 'amount', powergate.money_text(o.amount_minor),
        'state', CASE WHEN o.payment_id IS NOT NULL THEN 'paid' WHEN o.expires_us <= p_now THEN 'expired' ELSE 'open' END,
        'created_us', o.created_us, 'created_by', o.created_by, 'expires_us', o.expires_us, 'note', o.note, 'payment', o.payment_id, 'asked', o.asked,
        'paid_us', (SELECT q.paid_us FROM payment q WHERE q.id = o.payment_id));
END $$;

-- A number that is given makes the call safe to repeat: the same order is made once.
CREATE OR REPLACE FUNCTION door.api_order_create(p jsonb, p_split jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; o pay_order; no text := NULLIF(p ->> 'order_no', ''); life bigint := COALESCE(powergate.minor_arg(p, 'minutes'), 120);
BEGIN
    IF no !~ '^[A-Za-z0-9_-]{6,32}$' THEN
        RETURN powergate.api_error(400, 'an order number is 6 to 32 of A-Z a-z 0-9 _ -');
    END IF;
    IF life NOT BETWEEN 1 AND 10080 THEN RETURN powergate.api_error(400, 'an order lives 1 to 10080 minutes'); END IF;
    SELECT * INTO a FROM account x WHERE x.number = p_split ->> 'account' AND x.state = 'active';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such active account'); END IF;
    o.id := nextval(pg_get_serial_sequence('pay_order', 'id'));
    INSERT INTO pay_order (id, number, source, account_id, meter_no, amount_minor, currency, note, created_us, created_by, expires_us, ask_us)
    OVERRIDING SYSTEM VALUE
    VALUES (o.id, COALESCE(no, powergate.paper_number('PG', o.id, p_now)),
        p ->> 'source', a.id, COALESCE(p ->> 'meter', ''), powergate.minor_arg(p, 'amount_minor'), p_split ->> 'currency',
        COALESCE(p ->> 'note', ''), p_now, p_who, p_now + life * 60000000, p_now)
    ON CONFLICT (number) DO NOTHING;
    IF FOUND THEN
        SELECT * INTO o FROM pay_order x WHERE x.id = o.id;
        PERFORM powergate.audited(p_who, 'order.create', p, o.number, p_now);
    ELSE
        SELECT * INTO o FROM pay_order x WHERE x.number = no;
        IF (o.source, o.account_id, o.amount_minor) IS DISTINCT FROM (p ->> 'source', a.id, powergate.minor_arg(p, 'amount_minor')) THEN
            RETURN powergate.api_error(409, 'an order of that number is there with other data');
        END IF;
    END IF;
    RETURN powergate.order_json(o, p_now) || jsonb_build_object('split', p_split -> 'split');
END $$;

CREATE OR REPLACE FUNCTION door.api_order_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT powergate.order_json(o, p_now) FROM pay_order o WHERE o.number = p ->> 'order'),
        powergate.api_error(404, 'no such order'));
END $$;
CREATE OR REPLACE FUNCTION door.api_order_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.order_json(o, p_now) ORDER BY o.id DESC))
        FROM (SELECT * FROM pay_order x WHERE (NOT p ? 'account' OR x.account_id = powergate.account_id(p))
              AND (NOT p ? 'state' OR CASE WHEN x.payment_id IS NOT NULL THEN 'paid' WHEN x.expires_us <= p_now THEN 'expired' ELSE 'open' END = p ->> 'state')
              ORDER BY x.id DESC LIMIT powergate.limited(p)) o);
END $$;

-- --- asking the provider -----------------------------------------------------------------------

-- When to ask the n-th time: after 5 s, 30 s, 1 m, 3 m, 5 m, 10 m and 30 m where p_first is 5 s; once
-- when it expires, then less and less, for a late payment is money; NULL: a day later never.
CREATE OR REPLACE FUNCTION powergate.order_ask_at(o pay_order, p_first bigint, p_now bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE steps CONSTANT int[] := '{1,6,12,36,60,120,360}'; next_us bigint;
BEGIN
    IF p_now >= o.expires_us THEN
        RETURN CASE WHEN p_now - o.expires_us < 600000000 THEN o.expires_us + 600000000
            WHEN p_now - o.expires_us < 86400000000 THEN p_now + 6 * 3600000000::bigint END;
    END IF;
    next_us := p_now + p_first * steps[least(o.asked + 2, 7)];
    RETURN CASE WHEN next_us >= o.expires_us THEN greatest(o.expires_us, p_now + p_first) ELSE next_us END;
END $$;

-- Those that are due, each taken by one node: the next time is set before anybody asks.
CREATE OR REPLACE FUNCTION door.orders_take(p_sources text[], p_limit int, p_first bigint, p_now bigint)
RETURNS TABLE (source text, number text) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE o pay_order;
BEGIN
    FOR o IN SELECT x.* FROM pay_order x WHERE x.source = ANY (p_sources) AND x.payment_id IS NULL AND x.ask_us IS NOT NULL
        AND x.ask_us <= p_now - CASE x.asked WHEN 0 THEN p_first ELSE 0 END ORDER BY x.ask_us LIMIT p_limit FOR UPDATE SKIP LOCKED LOOP
        UPDATE pay_order x SET asked = o.asked + 1, ask_us = powergate.order_ask_at(o, p_first, p_now) WHERE x.id = o.id;
        source := o.source; number := o.number;
        RETURN NEXT;
    END LOOP;
END $$;

-- What a provider says of an order that is no payment.
CREATE OR REPLACE FUNCTION door.order_told(p_number text, p_what text, p_text text, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE o pay_order;
BEGIN
    UPDATE pay_order x SET ask_us = NULL WHERE x.number = p_number AND x.payment_id IS NULL RETURNING * INTO o;
    IF o.id IS NOT NULL AND p_what = 'odd' THEN
        PERFORM powergate.work_add('order:' || o.id, 'PROVIDER', format('%s says of order %s: %s', o.source, o.number, p_text),
            format('look it up at %s: powergatectl order show %s', o.source, o.number), o.account_id, NULL, NULL, NULL, p_now);
    END IF;
    RETURN p_what;
END $$;

-- --- the cash desk -------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.shift_json(s shift) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('shift', s.id, 'terminal', s.terminal, 'state', CASE WHEN s.closed_us IS NULL THEN 'open' ELSE 'closed' END,
        'currency', s.currency, 'float_minor', s.float_minor, 'taken_minor', s.taken_minor, 'counted_minor', s.counted_minor,
        'difference_minor', s.counted_minor - s.float_minor - s.taken_minor,
        'journal', (SELECT j.id FROM journal j WHERE j.key = 'shift:' || s.id), 'opened_us', s.opened_us, 'opened_by', s.opened_by,
        'closed_us', s.closed_us, 'closed_by', s.closed_by, 'note', s.note,
        'payments', (SELECT count(*) FROM shift_payment x WHERE x.shift_id = s.id AND NOT x.voided),
        'voided', (SELECT count(*) FROM shift_payment x WHERE x.shift_id = s.id AND x.voided),
        'refunds', (SELECT count(*) FROM shift_refund x WHERE x.shift_id = s.id));
END $$;

CREATE OR REPLACE FUNCTION door.api_shift_open(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s shift; change bigint := COALESCE(powergate.minor_arg(p, 'float_minor'), 0);
    problem text := powergate.currency_problem(p ->> 'currency');
BEGIN
    IF COALESCE(p ->> 'terminal', '') !~ '^[A-Za-z0-9._-]{1,32}$' THEN RETURN powergate.api_error(400, 'a terminal is 1 to 32 of A-Z a-z 0-9 . _ -'); END IF;
    IF change < 0 THEN RETURN powergate.api_error(400, 'the change in the drawer is not below 0'); END IF;
    IF problem IS NOT NULL THEN RETURN powergate.api_error(400, problem); END IF;
    INSERT INTO shift (terminal, currency, float_minor, opened_us, opened_by)
    VALUES (p ->> 'terminal', COALESCE(p ->> 'currency', 'CNY'), change, p_now, p_who)
    ON CONFLICT (terminal) WHERE closed_us IS NULL DO NOTHING RETURNING * INTO s;
    IF s.id IS NULL THEN RETURN powergate.api_error(409, 'a shift is open there: it is closed first'); END IF;
    PERFORM powergate.audited(p_who, 'shift.open', p, 'shift ' || s.id, p_now);
    RETURN powergate.shift_json(s);
END $$;

-- What was taken since this desk's first shift began and is in none yet, less what was voided or
-- paid back there.
CREATE OR REPLACE FUNCTION powergate.shift_gather(s shift) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shift_payment (payment_id, voided, shift_id)
    SELECT q.id, false, s.id FROM payment q
    WHERE q.source = 'cash' AND q.terminal = s.terminal AND q.currency = s.currency
      AND q.received_us >= (SELECT min(x.opened_us) FROM shift x WHERE x.terminal = s.terminal)
      AND NOT EXISTS (SELECT FROM shift_payment x WHERE x.payment_id = q.id AND NOT x.voided);
    INSERT INTO shift_payment (payment_id, voided, shift_id)
    SELECT q.id, true, s.id FROM payment q
    JOIN journal j ON j.key = 'pay:cash:' || q.payment_no JOIN journal r ON r.reverses = j.id
    WHERE q.source = 'cash' AND q.terminal = s.terminal
      AND EXISTS (SELECT FROM shift_payment x WHERE x.payment_id = q.id AND NOT x.voided)
      AND NOT EXISTS (SELECT FROM shift_payment x WHERE x.payment_id = q.id AND x.voided);
    INSERT INTO shift_refund (correction_id, shift_id)
    SELECT c.id, s.id FROM correction c WHERE c.terminal = s.terminal AND c.currency = s.currency AND c.state = 'paid'
      AND NOT EXISTS (SELECT FROM shift_refund x WHERE x.correction_id = c.id);
    RETURN (SELECT COALESCE(sum(CASE WHEN x.voided THEN -q.amount_minor ELSE q.amount_minor END), 0)
        FROM shift_payment x JOIN payment q ON q.id = x.payment_id WHERE x.shift_id = s.id)
        - (SELECT COALESCE(sum(c.amount_minor), 0) FROM shift_refund x JOIN correction c ON c.id = x.correction_id WHERE x.shift_id = s.id);
END $$;

-- By who opened it; another cashier's word about this drawer would post a difference against the desk.
CREATE OR REPLACE FUNCTION door.api_shift_close(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s shift; counted bigint := powergate.minor_arg(p, 'counted_minor'); over bigint;
BEGIN
    IF counted IS NULL OR counted < 0 THEN RETURN powergate.api_error(400, 'counted_minor is needed: what is in the drawer'); END IF;
    SELECT * INTO s FROM shift x WHERE x.terminal = p ->> 'terminal' AND x.closed_us IS NULL FOR UPDATE;
    IF s.id IS NULL THEN RETURN powergate.api_error(404, 'no shift is open there'); END IF;
    IF s.opened_by <> p_who AND NOT EXISTS (SELECT FROM principal q WHERE q.name = p_who AND q.disabled_us IS NULL AND q.role IN ('money', 'admin')) THEN
        RETURN powergate.api_error(403, format('%s opened it: he counts its drawer, or who has the role money', s.opened_by));
    END IF;
    UPDATE shift x SET taken_minor = powergate.shift_gather(s), counted_minor = counted, closed_us = p_now, closed_by = p_who,
        note = COALESCE(p ->> 'note', '') WHERE x.id = s.id RETURNING * INTO s;
    over := s.counted_minor - s.float_minor - s.taken_minor;
    IF over <> 0 THEN -- the till's clearing is what was counted, from now on
        PERFORM powergate.journal_post('shift:' || s.id, 'shift', format('the drawer of desk %s had %s too %s', s.terminal,
            powergate.money_text(abs(over)), CASE WHEN over > 0 THEN 'much' ELSE 'little' END), p_who, NULL, ARRAY['clearing', 'adjustment'],
            ARRAY['cash', s.terminal], ARRAY[NULL, NULL]::bigint[], ARRAY[over, -over], s.currency, p_now);
        PERFORM powergate.work_add('shift:' || s.id, 'SHIFT',
            format('desk %s was closed by %s with %s too %s', s.terminal, p_who, powergate.money_text(abs(over)), CASE WHEN over > 0 THEN 'much' ELSE 'little' END),
            format('count again, then look for it: powergatectl shift show %s; resolve with what was found', s.id), NULL, NULL, NULL, NULL, p_now);
    END IF;
    PERFORM powergate.audited(p_who, 'shift.close', p, format('shift %s, %s over', s.id, over), p_now);
    RETURN powergate.shift_json(s);
END $$;

CREATE OR REPLACE FUNCTION door.api_shift_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.shift_json(s) ORDER BY s.id DESC))
        FROM (SELECT * FROM shift x WHERE NOT p ? 'terminal' OR x.terminal = p ->> 'terminal' ORDER BY x.id DESC LIMIT powergate.limited(p)) s);
END $$;
CREATE OR REPLACE FUNCTION door.api_shift_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT powergate.shift_json(s) || jsonb_build_object('receipts', COALESCE((SELECT jsonb_agg(jsonb_build_object(
            'payment', q.id, 'payment_no', q.payment_no, 'amount_minor', q.amount_minor, 'voided', x.voided, 'received_us', q.received_us)
            ORDER BY q.id, x.voided) FROM shift_payment x JOIN payment q ON q.id = x.payment_id WHERE x.shift_id = s.id), '[]'),
            'refunded', COALESCE((SELECT jsonb_agg(jsonb_build_object('refund', c.id, 'number', c.number, 'amount_minor', c.amount_minor, 'paid_us', c.paid_us)
            ORDER BY c.id) FROM shift_refund x JOIN correction c ON c.id = x.correction_id WHERE x.shift_id = s.id), '[]'))
        FROM shift s WHERE s.id::text = p ->> 'shift'), powergate.api_error(404, 'no such shift'));
END $$;
