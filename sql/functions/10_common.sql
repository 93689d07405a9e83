-- Helpers of the other functions; not callable from outside.  Those that are called row by row
-- are plpgsql, which keeps its plans: LANGUAGE sql plans anew at each call.

CREATE OR REPLACE FUNCTION powergate.mark_dirty(ids bigint[], now_us bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(ids) > 1 THEN
        PERFORM powergate.accounts_lock(ids);
    END IF;
    UPDATE account_state s SET version = version + 1, dirty_us = COALESCE(dirty_us, now_us)
    WHERE account_id = ANY (ids);
END $$;

-- Somebody should rate; that ends by marking dirty.
CREATE OR REPLACE FUNCTION powergate.mark_rate(ids bigint[], now_us bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_state s SET rate_version = rate_version + 1, rate_us = COALESCE(rate_us, now_us)
    WHERE account_id = ANY (ids);
END $$;

CREATE OR REPLACE FUNCTION powergate.money_text(minor bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN minor < 0 THEN '-' ELSE '' END || (abs(minor) / 100)::text || '.' || lpad((abs(minor) % 100)::text, 2, '0');
$$;

-- The number of an order or a refund that nobody gave one: PG2026112000000081.
CREATE OR REPLACE FUNCTION powergate.paper_number(kind text, id bigint, now_us bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN kind || to_char(to_timestamp(now_us / 1000000) AT TIME ZONE 'UTC', 'YYYYMMDD') || lpad(id::text, greatest(length(id::text), 8), '0');
END $$;

-- A local day, 20261120: when it begins, and which one an instant is in.
CREATE OR REPLACE FUNCTION powergate.day_from(p_day int, p_zone text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (extract(epoch FROM to_date(p_day::text, 'YYYYMMDD')::timestamp AT TIME ZONE p_zone) * 1000000)::bigint;
END $$;
CREATE OR REPLACE FUNCTION powergate.day_of(p_us bigint, p_zone text) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN to_char(to_timestamp(floor(p_us / 1000000.0)) AT TIME ZONE p_zone, 'YYYYMMDD')::int;
END $$;
CREATE OR REPLACE FUNCTION powergate.day_beside(p_day int, p_n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN to_char(to_date(p_day::text, 'YYYYMMDD') + p_n, 'YYYYMMDD')::int;
END $$;
-- "20261201", and the calendar has it; NULL is none.
CREATE OR REPLACE FUNCTION powergate.is_day(p_day text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF COALESCE(p_day, '') !~ '^20[0-9]{2}(0[1-9]|1[0-2])[0-9]{2}$' THEN RETURN false; END IF;
    RETURN right(p_day, 2)::int BETWEEN 1 AND extract(day FROM make_date(left(p_day, 4)::int, substr(p_day, 5, 2)::int, 1) + interval '1 month - 1 day');
END $$;

-- Locks are taken in one order everywhere, or two lanes would wait for each other for a second
-- until the server notices: accounts (rising), then meters, then deliveries and commands.
CREATE OR REPLACE FUNCTION powergate.account_first(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account_state s WHERE s.account_id = p_account FOR UPDATE;
END $$;
CREATE OR REPLACE FUNCTION powergate.accounts_lock(p_accounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account_state s WHERE s.account_id = ANY (p_accounts) ORDER BY s.account_id FOR UPDATE;
END $$;
-- For who holds a command already and must not wait: locked now, or false.
CREATE OR REPLACE FUNCTION powergate.account_free(p_meter bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE a bigint := (SELECT m.account_id FROM meter m WHERE m.id = p_meter);
BEGIN
    PERFORM 1 FROM account_state s WHERE s.account_id = a FOR UPDATE SKIP LOCKED;
    RETURN FOUND OR a IS NULL;
END $$;
CREATE OR REPLACE FUNCTION powergate.account_of_first(p_meter bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.account_first((SELECT m.account_id FROM meter m WHERE m.id = p_meter));
END $$;

-- A work item, once a cause while it is open; the staff hear of a new one.
CREATE OR REPLACE FUNCTION powergate.work_add(k text, c text, what text, to_do text, account bigint, meter bigint,
    payment bigint, delivery bigint, now_us bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_id bigint;
BEGIN
    INSERT INTO work (key, cause, account_id, meter_id, payment_id, delivery_id, text, todo, opened_us)
    VALUES (k, c, account, meter, payment, delivery, what, to_do, now_us)
    ON CONFLICT (key) WHERE state <> 'resolved' DO NOTHING RETURNING id INTO new_id;
    IF new_id IS NOT NULL THEN
        INSERT INTO notice (key, kind, account_id, recipient, body, due_us, expires_us)
        VALUES ('work:' || new_id, 'work', account, 'staff',
            jsonb_build_object('work', new_id, 'cause', c, 'text', what, 'todo', to_do),
            now_us, now_us + 86400000000);
    END IF;
    RETURN new_id;
END $$;

-- What became of it: {"by": ..., "reason": ...}.
CREATE OR REPLACE FUNCTION powergate.work_resolve(k text, how jsonb, now_us bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE work SET state = 'resolved', resolved_us = now_us, resolution = how WHERE key = k AND state <> 'resolved';
END $$;

CREATE OR REPLACE FUNCTION powergate.event_add(what text, meter bigint, account bigint, words text, now_us bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (at_us, kind, meter_id, account_id, text) VALUES (now_us, what, meter, account, words);
END $$;

-- One journal with its lines in one statement; 0 when the key is there already.
CREATE OR REPLACE FUNCTION powergate.journal_post(k text, what text, words text, who text, reversed bigint,
    codes text[], owners text[], accounts bigint[], amounts bigint[], money text, now_us bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_id bigint;
BEGIN
    IF EXISTS (SELECT FROM journal WHERE key = k) THEN
        RETURN 0;
    END IF;
    WITH j AS (
        INSERT INTO journal (key, kind, at_us, reverses, memo, actor)
        VALUES (k, what, now_us, reversed, words, who) RETURNING id
    ), p AS (
        INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
        SELECT j.id, l.n, l.code, l.owner, l.account, l.amount, money
        FROM j, unnest(codes, owners, accounts, amounts) WITH ORDINALITY AS l(code, owner, account, amount, n)
    ) SELECT id INTO new_id FROM j;
    UPDATE account_state s SET
        prepaid_minor = s.prepaid_minor - d.prepaid, loaded_minor = s.loaded_minor - d.loaded,
        arrears_minor = s.arrears_minor + d.arrears
    FROM (SELECT l.account,
            COALESCE(sum(l.amount) FILTER (WHERE l.code = 'prepaid'), 0)::bigint AS prepaid,
            COALESCE(sum(l.amount) FILTER (WHERE l.code = 'loaded'), 0)::bigint AS loaded,
            COALESCE(sum(l.amount) FILTER (WHERE l.code = 'arrears'), 0)::bigint AS arrears
          FROM unnest(codes, accounts, amounts) AS l(code, account, amount)
          WHERE l.account IS NOT NULL GROUP BY l.account) d
    WHERE s.account_id = d.account;
    RETURN new_id;
END $$;
