-- Notices: written with their cause, spread into messages, claimed with a lease, told how it went.

CREATE OR REPLACE FUNCTION powergate.customer_notice(k text, what text, account bigint, payment bigint,
    words jsonb, now_us bigint, life_us bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_id bigint;
BEGIN
    INSERT INTO notice (key, kind, account_id, payment_id, recipient, body, due_us, expires_us)
    SELECT k, what, account, payment, 'customer',
        words || jsonb_build_object('account', a.number, 'customer', a.customer, 'contact', a.contact),
        now_us, now_us + life_us
    FROM account a WHERE a.id = account
    ON CONFLICT (key) DO NOTHING RETURNING id INTO new_id;
    RETURN new_id;
END $$;

CREATE OR REPLACE FUNCTION powergate.staff_notice(k text, what text, p_account bigint, words jsonb, now_us bigint, life_us bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_id bigint;
BEGIN
    INSERT INTO notice (key, kind, account_id, recipient, body, due_us, expires_us)
    VALUES (k, what, p_account, 'staff',
        words || COALESCE((SELECT jsonb_build_object('account', a.number, 'customer', a.customer) FROM account a WHERE a.id = p_account), '{}'),
        now_us, now_us + life_us)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO new_id;
    RETURN new_id;
END $$;

-- No longer true: who has paid meanwhile is not told that he will be cut off.
CREATE OR REPLACE FUNCTION powergate.notice_stale(n notice) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN n.kind IN ('low', 'days_left', 'final') AND EXISTS (SELECT FROM account_state s WHERE s.account_id = n.account_id AND
        CASE n.kind WHEN 'final' THEN s.final_notice IS DISTINCT FROM n.id WHEN 'low' THEN s.warned_level IS NULL ELSE NOT s.days_warned END);
END $$;

-- --- who is told, and where -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.notice_site(n notice) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT a.site_id FROM account a WHERE a.id = n.account_id),
        (SELECT m.site_id FROM work w JOIN meter m ON m.id = w.meter_id WHERE n.key = 'work:' || w.id),
        (SELECT m.site_id FROM alarm a JOIN meter m ON m.id = a.meter_id WHERE n.kind = 'alarm' AND a.id = (n.body ->> 'number')::bigint));
END $$;
-- A customer is somebody of an account; an administrator with a name is the same person everywhere.
CREATE OR REPLACE FUNCTION powergate.contact_recipient(c contact) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN c.who = 'customer' THEN format('customer:%s:%s', c.account_id, c.person)
        WHEN c.person <> '' THEN 'admin:' || c.person
        ELSE format('admin:%s/%s', c.site_id, c.account_id) END;
END $$;
CREATE OR REPLACE FUNCTION powergate.contacts_of(n notice, p_who text) RETURNS SETOF contact LANGUAGE plpgsql STABLE AS $$
DECLARE s bigint := powergate.notice_site(n);
BEGIN
    IF p_who = 'customer' THEN
        RETURN QUERY SELECT * FROM contact c WHERE c.account_id = n.account_id AND c.who = 'customer' AND c.state = 'active';
    ELSE    -- what has no place concerns every administrator
        RETURN QUERY SELECT * FROM contact c WHERE c.who = 'admin' AND c.state = 'active'
            AND (c.account_id = n.account_id OR c.site_id = s OR (s IS NULL AND c.site_id IS NOT NULL))
            AND (c.kinds IS NULL OR n.kind = ANY (c.kinds));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION powergate.message_note(p_message bigint, p_channel text, p_address text, p_step text, p_text text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_step (message_id, at_us, channel, address, step, text)
    VALUES (p_message, p_now, p_channel, p_address, p_step, COALESCE(p_text, ''));
END $$;

-- One message a recipient that has none yet, or only such as came to nothing.  Returns how many
-- are on their way.
CREATE OR REPLACE FUNCTION powergate.notice_spread_to(n notice, p_who text, p_channels text[], p_now bigint) RETURNS int LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE r record; site_zone text; hurry boolean; found boolean := false; going int := 0; m message;
BEGIN
    SELECT t.zone INTO site_zone FROM site t WHERE t.id = powergate.notice_site(n);
    hurry := COALESCE((n.body ->> 'urgent')::boolean, false) OR COALESCE((SELECT k.urgent FROM notice_kind k WHERE k.kind = n.kind), false);
    FOR r IN SELECT DISTINCT ON (1) powergate.contact_recipient(c) AS recipient, c.id, c.channel, c.address, c.language,
            COALESCE(c.zone, site_zone, (SELECT t.zone FROM site t WHERE t.id = c.site_id), 'UTC') AS zone, c.quiet_from, c.quiet_until,
            c.channel = ANY (p_channels) AS usable
        FROM powergate.contacts_of(n, p_who) c
        ORDER BY 1, c.channel = ANY (p_channels) DESC, c.rank, c.id LOOP
        found := true;
        CONTINUE WHEN n.spreads > 0 AND EXISTS (SELECT FROM message q WHERE q.notice_id = n.id AND q.recipient = r.recipient
            AND q.state IN ('waiting', 'sent', 'delivered'));
        INSERT INTO message (notice_id, who, recipient, contact_id, channel, address, language, zone, quiet_from, quiet_until, urgent,
            state, created_us, due_us, expires_us, last_error)
        VALUES (n.id, p_who, r.recipient, r.id, r.channel, r.address, r.language, r.zone, r.quiet_from, r.quiet_until, hurry,
            CASE WHEN r.usable THEN 'waiting' ELSE 'failed' END, n.due_us, p_now, n.expires_us,
            CASE WHEN NOT r.usable THEN format('channel %s is not set up', r.channel) END) RETURNING * INTO m;
        going := going + r.usable::int;
        IF NOT r.usable THEN
            PERFORM powergate.message_note(m.id, m.channel, m.address, 'failed', m.last_error, p_now);
        END IF;
    END LOOP;
    -- nobody is entered: the account's own text, or the staff at large, by webhook
    IF NOT found AND (p_who = 'customer') = (n.recipient = 'customer')
       AND NOT (n.spreads > 0 AND EXISTS (SELECT FROM message q WHERE q.notice_id = n.id AND q.state IN ('waiting', 'sent', 'delivered'))) THEN
        going := ('webhook' = ANY (p_channels))::int;
        INSERT INTO message (notice_id, who, recipient, channel, address, zone, quiet_from, quiet_until, urgent, state, created_us,
            due_us, expires_us, last_error)
        VALUES (n.id, p_who, '', 'webhook', COALESCE(n.body ->> 'contact', ''), COALESCE(site_zone, 'UTC'), 0, 0, hurry,
            CASE WHEN 'webhook' = ANY (p_channels) THEN 'waiting' ELSE 'failed' END, n.due_us, p_now, n.expires_us,
            CASE WHEN NOT 'webhook' = ANY (p_channels) THEN 'no contact is entered' END);
    END IF;
    RETURN going;
END $$;

-- Where a message goes when its channel does not take it; false when that was the last.
CREATE OR REPLACE FUNCTION powergate.message_next(m message, p_channels text[], p_why text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE n notice; c contact; old contact;
BEGIN
    SELECT * INTO old FROM contact WHERE id = m.contact_id;
    IF old.id IS NULL OR m.expires_us <= p_now THEN RETURN false; END IF;
    SELECT * INTO n FROM notice WHERE id = m.notice_id;
    SELECT q.* INTO c FROM powergate.contacts_of(n, m.who) q
    WHERE powergate.contact_recipient(q) = m.recipient AND q.channel = ANY (p_channels) AND (q.rank, q.id) > (old.rank, old.id)
    ORDER BY q.rank, q.id LIMIT 1;
    IF c.id IS NULL THEN RETURN false; END IF;
    UPDATE message SET contact_id = c.id, channel = c.channel, address = c.address, language = c.language, zone = COALESCE(c.zone, zone),
        quiet_from = c.quiet_from, quiet_until = c.quiet_until, state = 'waiting', tried = 0, due_us = p_now, sent_us = NULL, told_us = NULL,
        await_us = NULL, provider_id = NULL, last_error = p_why WHERE id = m.id;
    PERFORM powergate.message_note(m.id, c.channel, c.address, 'next', format('%s does not do: %s', m.channel, p_why), p_now);
    RETURN true;
END $$;

-- A notice is what its messages are: told when one is whom it is for.  The plan is made while the
-- tables are small and kept while they grow, so it must not be one for small tables.
CREATE OR REPLACE FUNCTION powergate.notice_settle(p_notice bigint, p_now bigint) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE n notice; t record;
BEGIN
    SELECT * INTO n FROM notice WHERE id = p_notice FOR UPDATE;
    SELECT min(m.told_us) AS told_us, sum(m.claims)::int AS attempts,
        (array_agg(m.last_error ORDER BY m.id DESC) FILTER (WHERE m.last_error IS NOT NULL))[1] AS why,
        CASE WHEN min(m.told_us) IS NOT NULL THEN 'sent' WHEN bool_or(m.state IN ('waiting', 'sent')) THEN 'waiting'
             WHEN bool_or(m.state = 'failed') THEN 'failed' WHEN bool_or(m.state = 'capped') THEN 'capped' ELSE 'expired' END AS state
    INTO t FROM message m WHERE m.notice_id = n.id AND m.who = CASE WHEN n.recipient = 'customer' THEN 'customer' ELSE 'admin' END;
    UPDATE notice SET state = t.state, sent_us = t.told_us, attempts = COALESCE(t.attempts, 0), last_error = t.why WHERE id = n.id;
    IF n.kind = 'final' AND t.told_us IS DISTINCT FROM n.sent_us THEN
        PERFORM powergate.mark_dirty(ARRAY[n.account_id], p_now);
    END IF;
    IF n.recipient = 'customer' AND t.state <> n.state AND (t.state = 'failed' OR
       (t.state = 'expired' AND n.kind = 'final' AND NOT powergate.notice_stale(n))) THEN
        PERFORM powergate.work_add('notice:' || n.account_id, 'NOTICE', format('notice "%s" cannot be delivered: %s', n.kind,
            COALESCE(t.why, 'it has expired')), format('check the contacts of the account and the channel, then: powergatectl notice retry %s', n.id),
            n.account_id, NULL, NULL, NULL, p_now);
    END IF;
END $$;

-- --- the sender's side --------------------------------------------------------------------------

-- New notices become messages; the messages that are due are claimed, so many of each channel.
CREATE OR REPLACE FUNCTION door.notice_claim(p_channels text[], p_rooms int[], p_leases bigint[], p_cap int, p_admin_cap int, p_now bigint)
RETURNS TABLE (id bigint, claims int, tried int, kind text, who text, channel text, address text, language text, zone text, quiet_from int,
    quiet_until int, urgent boolean, created_us bigint, expires_us bigint, body jsonb, currency text, site text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE n notice; m message; i int; late bigint[]; x bigint; going int;
BEGIN
    FOR n IN SELECT * FROM notice q WHERE q.spread_us IS NULL AND q.state = 'waiting' ORDER BY q.due_us LIMIT 50 FOR UPDATE SKIP LOCKED LOOP
        UPDATE notice SET spread_us = p_now, spreads = spreads + 1 WHERE id = n.id;
        going := 1;
        IF n.recipient = 'customer' THEN
            going := powergate.notice_spread_to(n, 'customer', p_channels, p_now);
        END IF;
        IF n.recipient <> 'customer' THEN
            going := powergate.notice_spread_to(n, 'admin', p_channels, p_now);
        ELSIF (SELECT k.admins FROM notice_kind k WHERE k.kind = n.kind) THEN
            PERFORM powergate.notice_spread_to(n, 'admin', p_channels, p_now);
        END IF;
        IF going = 0 OR n.spreads > 0 THEN      -- else it waits, as it did
            PERFORM powergate.notice_settle(n.id, p_now);
        END IF;
    END LOOP;

    -- no receipt came: the next channel, or nobody was told
    FOR m IN SELECT * FROM message q WHERE q.await_us <= p_now ORDER BY q.await_us LIMIT 100 FOR UPDATE SKIP LOCKED LOOP
        IF NOT powergate.message_next(m, p_channels, 'no receipt', p_now) THEN
            UPDATE message SET state = 'failed', await_us = NULL, last_error = 'no receipt' WHERE id = m.id;
            PERFORM powergate.message_note(m.id, m.channel, m.address, 'failed', 'no receipt', p_now);
        END IF;
        PERFORM powergate.notice_settle(m.notice_id, p_now);
    END LOOP;

    FOR i IN 1 .. cardinality(p_channels) LOOP
        late := '{}';
        FOR m IN SELECT q.* FROM message q WHERE q.state = 'waiting' AND q.channel = p_channels[i] AND q.due_us <= p_now
                ORDER BY (NOT q.urgent), q.due_us LIMIT p_rooms[i] FOR UPDATE SKIP LOCKED LOOP
            SELECT * INTO n FROM notice q WHERE q.id = m.notice_id;
            IF m.expires_us < p_now OR powergate.notice_stale(n) THEN
                UPDATE message SET state = 'expired' WHERE id = m.id;
                PERFORM powergate.message_note(m.id, m.channel, m.address, 'expired',
                    CASE WHEN m.expires_us < p_now THEN 'too old' ELSE 'no longer true' END, p_now);
                late := late || m.notice_id;
                CONTINUE;
            END IF;
            IF NOT m.urgent AND m.contact_id IS NOT NULL AND m.channel <> 'webhook' AND m.tried = 0 AND powergate.message_capped(m,
                    CASE WHEN m.who = 'admin' THEN p_admin_cap ELSE p_cap END, p_now) THEN
                UPDATE message SET state = 'capped' WHERE id = m.id;
                PERFORM powergate.message_note(m.id, m.channel, m.address, 'capped', 'enough for one day', p_now);
                late := late || m.notice_id;
                CONTINUE;
            END IF;
            UPDATE message q SET due_us = p_now + p_leases[i], claims = q.claims + 1, tried = q.tried + 1 WHERE q.id = m.id RETURNING * INTO m;
            RETURN QUERY SELECT m.id, m.claims, m.tried, n.kind, m.who, m.channel, m.address, m.language, m.zone, m.quiet_from, m.quiet_until,
                m.urgent, m.created_us, m.expires_us, n.body, COALESCE(t.currency, ''), COALESCE(t.name, '')
                FROM (SELECT) one LEFT JOIN site t ON t.id = powergate.notice_site(n);
        END LOOP;
        FOREACH x IN ARRAY late LOOP
            PERFORM powergate.notice_settle(x, p_now);
        END LOOP;
    END LOOP;
END $$;

-- What is under way counts too, or a burst would pass.
CREATE OR REPLACE FUNCTION powergate.message_capped(m message, p_cap int, p_now bigint) RETURNS boolean LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN p_cap > 0 AND (SELECT count(*) FROM message q WHERE q.recipient = m.recipient AND NOT q.urgent AND q.id <> m.id
        AND q.created_us > p_now - 172800000000
        AND (q.sent_us > p_now - 86400000000 OR (q.state = 'waiting' AND q.tried > 0))) >= p_cap;
END $$;

-- p_outcome: sent, retry, failed, quiet.  An answer to an older claim changes nothing.
CREATE OR REPLACE FUNCTION door.notice_told(p_id bigint, p_claims int, p_outcome text, p_why text, p_provider text, p_due bigint,
    p_await bigint, p_tries int, p_channels text[], p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m message; n notice;
BEGIN
    SELECT q.* INTO n FROM notice q JOIN message x ON x.notice_id = q.id WHERE x.id = p_id;
    IF n.kind = 'final' THEN PERFORM powergate.account_first(n.account_id); END IF;
    SELECT * INTO m FROM message WHERE id = p_id AND claims = p_claims AND state = 'waiting' FOR UPDATE;
    IF m.id IS NULL THEN RETURN NULL; END IF;
    PERFORM powergate.message_note(m.id, m.channel, m.address, p_outcome, p_why, p_now);
    IF p_outcome = 'sent' THEN
        UPDATE message SET state = 'sent', sent_us = p_now, told_us = CASE WHEN p_await IS NULL THEN p_now END, await_us = p_await,
            provider_id = p_provider, last_error = NULL WHERE id = m.id;
    ELSIF p_outcome = 'quiet' THEN
        UPDATE message SET due_us = least(p_due, m.expires_us + 1), tried = m.tried - 1 WHERE id = m.id;
    ELSIF p_outcome = 'failed' OR m.tried >= p_tries THEN
        IF NOT powergate.message_next(m, p_channels, p_why, p_now) THEN
            UPDATE message SET state = CASE WHEN p_outcome = 'failed' THEN 'failed' ELSE 'waiting' END, last_error = p_why,
                due_us = least(p_due, m.expires_us + 1) WHERE id = m.id;
        END IF;
    ELSE
        UPDATE message SET due_us = least(p_due, m.expires_us + 1), last_error = p_why WHERE id = m.id;
    END IF;
    PERFORM powergate.notice_settle(m.notice_id, p_now);
    RETURN (SELECT state FROM message WHERE id = m.id);
END $$;

-- What the provider says became of it; by our number, or by his.  Answers what it was taken for.
CREATE OR REPLACE FUNCTION door.notice_receipt(p_channel text, p_id bigint, p_created bigint, p_provider text, p_good boolean, p_why text,
    p_channels text[], p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m message; n notice;
BEGIN
    SELECT * INTO m FROM message q WHERE CASE WHEN p_id > 0 THEN q.id = p_id AND q.created_us = p_created
        ELSE q.provider_id = p_provider AND q.channel = p_channel END ORDER BY q.id DESC LIMIT 1;
    IF m.id IS NULL OR m.claims = 0 THEN RETURN 'unknown'; END IF;
    SELECT * INTO n FROM notice WHERE id = m.notice_id;
    IF n.kind = 'final' THEN PERFORM powergate.account_first(n.account_id); END IF;
    SELECT * INTO m FROM message WHERE id = m.id FOR UPDATE;
    IF m.state = 'delivered' THEN RETURN 'known'; END IF;
    IF p_good THEN      -- also of a channel that was given up: he has it
        UPDATE message SET state = 'delivered', sent_us = COALESCE(sent_us, p_now), told_us = COALESCE(told_us, p_now), await_us = NULL,
            last_error = NULL WHERE id = m.id;
        PERFORM powergate.message_note(m.id, p_channel, m.address, 'delivered', p_why, p_now);
    ELSE
        IF m.channel <> p_channel OR m.state NOT IN ('waiting', 'sent') OR (m.state = 'waiting' AND m.tried = 0)
           OR (m.provider_id IS NOT NULL AND p_provider IS NOT NULL AND m.provider_id <> p_provider) THEN
            RETURN 'late';
        END IF;
        PERFORM powergate.message_note(m.id, p_channel, m.address, 'undelivered', p_why, p_now);
        IF NOT powergate.message_next(m, p_channels, COALESCE(NULLIF(p_why, ''), 'not delivered'), p_now) THEN
            UPDATE message SET state = 'failed', told_us = NULL, await_us = NULL, last_error = COALESCE(NULLIF(p_why, ''), 'not delivered')
            WHERE id = m.id;
        END IF;
    END IF;
    PERFORM powergate.notice_settle(m.notice_id, p_now);
    RETURN (SELECT state FROM message WHERE id = m.id);
END $$;
