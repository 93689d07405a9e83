-- Notices and contacts, as people see and change them.

CREATE OR REPLACE FUNCTION powergate.notice_json(n notice) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('notice', n.id, 'kind', n.kind, 'account', (SELECT number FROM account WHERE id = n.account_id),
        'for', n.recipient, 'state', n.state, 'sent_us', n.sent_us, 'expires_us', n.expires_us, 'attempts', n.attempts,
        'messages', (SELECT COALESCE(string_agg(m.channel || ' ' || m.state, ', ' ORDER BY m.id), '') FROM message m WHERE m.notice_id = n.id),
        'why', n.last_error);
$$;
CREATE OR REPLACE FUNCTION door.api_notice_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.notice_json(n) ORDER BY n.id DESC))
    FROM (SELECT * FROM notice q WHERE (NOT p ? 'account' OR q.account_id = powergate.account_id(p)) AND (NOT p ? 'kind' OR q.kind = p ->> 'kind')
          AND (NOT p ? 'state' OR q.state = p ->> 'state' OR EXISTS (SELECT FROM message m WHERE m.notice_id = q.id AND m.state = p ->> 'state'))
          ORDER BY q.id DESC LIMIT powergate.limited(p)) n;
$$;
CREATE OR REPLACE FUNCTION door.api_notice_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.notice_json(n) || jsonb_build_object('key', n.key, 'body', n.body,
        'recipients', (SELECT jsonb_agg(jsonb_build_object('message', format('m%s-%s', m.id, m.created_us), 'who', m.who, 'channel', m.channel,
            'address', m.address, 'language', m.language, 'zone', m.zone, 'urgent', m.urgent, 'state', m.state, 'tries', m.claims,
            'due_us', CASE WHEN m.state = 'waiting' THEN m.due_us END, 'told_us', m.told_us, 'provider_id', m.provider_id,
            'why', m.last_error) ORDER BY m.id) FROM message m WHERE m.notice_id = n.id),
        'steps', (SELECT jsonb_agg(jsonb_build_object('at_us', s.at_us, 'message', format('m%s-%s', m.id, m.created_us), 'channel', s.channel,
            'address', s.address, 'step', s.step, 'text', s.text) ORDER BY s.at_us, s.n)
            FROM message_step s JOIN message m ON m.id = s.message_id WHERE m.notice_id = n.id))
        FROM notice n WHERE n.id = (p ->> 'notice')::bigint), powergate.api_error(404, 'no such notice'));
$$;
-- Once more to those who were not told, as they can be reached now.
CREATE OR REPLACE FUNCTION door.api_notice_retry(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n notice;
BEGIN
    SELECT * INTO n FROM notice WHERE id = (p ->> 'notice')::bigint FOR UPDATE;
    IF n.id IS NULL THEN RETURN powergate.api_error(404, 'no such notice'); END IF;
    IF powergate.notice_stale(n) THEN RETURN powergate.api_error(409, 'what it says is no longer true'); END IF;
    IF n.spread_us IS NULL THEN RETURN powergate.api_error(409, 'it has not been tried yet'); END IF;
    IF NOT EXISTS (SELECT FROM message m WHERE m.notice_id = n.id AND m.state IN ('failed', 'expired', 'capped')
            AND NOT EXISTS (SELECT FROM message q WHERE q.notice_id = n.id AND q.recipient = m.recipient AND q.state IN ('waiting', 'sent', 'delivered'))) THEN
        RETURN powergate.api_error(409, 'nobody is left who was not told');
    END IF;
    INSERT INTO message_step (message_id, at_us, channel, address, step, text)
    SELECT m.id, p_now, m.channel, m.address, 'again', 'by ' || p_who FROM message m WHERE m.notice_id = n.id AND m.state IN ('failed', 'expired', 'capped');
    UPDATE notice SET spread_us = NULL, state = 'waiting', expires_us = greatest(expires_us, p_now + 86400000000), last_error = NULL WHERE id = n.id;
    PERFORM powergate.audited(p_who, 'notice.retry', p, 'done', p_now);
    RETURN jsonb_build_object('notice', n.id, 'state', 'waiting');
END $$;

CREATE OR REPLACE FUNCTION powergate.contact_json(c contact) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('contact', c.id, 'account', (SELECT number FROM account WHERE id = c.account_id),
        'site', (SELECT name FROM site WHERE id = c.site_id), 'who', c.who, 'person', c.person, 'rank', c.rank, 'channel', c.channel,
        'address', c.address, 'language', c.language, 'zone', c.zone,
        'quiet', to_char(make_interval(mins => c.quiet_from), 'HH24:MI') || '-' || to_char(make_interval(mins => c.quiet_until), 'HH24:MI'),
        'kinds', array_to_string(c.kinds, ','), 'state', c.state);
$$;
CREATE OR REPLACE FUNCTION door.api_contact_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.contact_json(c) ORDER BY c.account_id, c.site_id, c.person, c.rank, c.id))
    FROM (SELECT * FROM contact q WHERE (NOT p ? 'account' OR q.account_id = powergate.account_id(p))
          AND (NOT p ? 'site' OR q.site_id = (SELECT id FROM site WHERE name = p ->> 'site')) AND (p ? 'all' OR q.state = 'active')
          ORDER BY q.id LIMIT powergate.limited(p)) c;
$$;

-- What a contact's values must be; NULL when they are good.
CREATE OR REPLACE FUNCTION powergate.contact_wrong(p jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN COALESCE(p ->> 'channel', '') NOT IN ('sms', 'mail', 'webhook') THEN 'channel is sms, mail or webhook'
        WHEN COALESCE(p ->> 'language', '') NOT IN ('zh', 'en', 'es') THEN 'language is zh, en or es'
        WHEN p ->> 'channel' = 'sms' AND COALESCE(p ->> 'address', '') !~ '^\+?[0-9]{5,18}$' THEN 'a telephone number is 5 to 18 digits, a + in front or not'
        WHEN p ->> 'channel' = 'mail' AND COALESCE(p ->> 'address', '') !~ '^[!-;=?A-~]{1,64}@[A-Za-z0-9.-]{1,190}$' THEN 'a mail address is name@domain'
        WHEN COALESCE(p ->> 'address', '') !~ '^[^[:cntrl:]]{1,255}$' THEN 'an address is 1 to 255 letters'
        WHEN COALESCE(p ->> 'person', '') !~ '^[^[:cntrl:]:]{0,64}$' THEN 'a person''s name is at most 64 letters'
        WHEN p ? 'zone' AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = p ->> 'zone') THEN format('no time zone "%s"', p ->> 'zone')
        WHEN p ? 'quiet' AND p ->> 'quiet' !~ '^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$' THEN 'quiet hours are HH:MM-HH:MM'
        WHEN p ? 'rank' AND p ->> 'rank' !~ '^\d{1,4}$' THEN 'a rank is a number'
        WHEN p ? 'kinds' AND EXISTS (SELECT FROM unnest(string_to_array(p ->> 'kinds', ',')) x WHERE x NOT IN (SELECT kind FROM notice_kind))
            THEN 'a kind of notice is unknown'
    END;
END $$;
CREATE OR REPLACE FUNCTION powergate.minute_of(p_quiet text, p_part int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT split_part(split_part(p_quiet, '-', p_part), ':', 1)::int * 60 + split_part(split_part(p_quiet, '-', p_part), ':', 2)::int;
$$;
CREATE OR REPLACE FUNCTION door.api_contact_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a bigint; s bigint; c bigint; wrong text; kind_of text;
BEGIN
    a := powergate.account_id(p);
    SELECT id INTO s FROM site WHERE name = p ->> 'site';
    kind_of := COALESCE(p ->> 'who', CASE WHEN p ? 'site' THEN 'admin' ELSE 'customer' END);
    IF (p ? 'account') = (p ? 'site') THEN RETURN powergate.api_error(400, 'an account or a site is needed'); END IF;
    IF p ? 'account' AND a IS NULL THEN RETURN powergate.api_error(404, 'no such account'); END IF;
    IF p ? 'site' AND s IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    IF kind_of NOT IN ('customer', 'admin') THEN RETURN powergate.api_error(400, 'who is customer or admin'); END IF;
    IF kind_of = 'customer' AND (a IS NULL OR p ? 'kinds') THEN
        RETURN powergate.api_error(400, 'a customer is somebody of an account and hears of everything');
    END IF;
    wrong := powergate.contact_wrong(p);
    IF wrong IS NOT NULL THEN RETURN powergate.api_error(400, wrong); END IF;
    INSERT INTO contact (account_id, site_id, who, person, channel, address, language, zone, rank, quiet_from, quiet_until, kinds, created_us)
    VALUES (a, s, kind_of, COALESCE(p ->> 'person', ''), p ->> 'channel', p ->> 'address', p ->> 'language', p ->> 'zone',
        COALESCE((p ->> 'rank')::int, 1), powergate.minute_of(p ->> 'quiet', 1), powergate.minute_of(p ->> 'quiet', 2),
        string_to_array(p ->> 'kinds', ','), p_now)
    ON CONFLICT DO NOTHING RETURNING id INTO c;
    IF c IS NULL THEN RETURN powergate.api_error(409, 'this contact is there already'); END IF;
    PERFORM powergate.audited(p_who, 'contact.add', p, 'contact ' || c, p_now);
    RETURN jsonb_build_object('contact', c);
END $$;
-- Only what is given changes; channel and address are another contact.
CREATE OR REPLACE FUNCTION door.api_contact_set(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE c contact; wrong text;
BEGIN
    SELECT * INTO c FROM contact WHERE id = (p ->> 'contact')::bigint AND state = 'active' FOR UPDATE;
    IF c.id IS NULL THEN RETURN powergate.api_error(404, 'no such contact'); END IF;
    IF p ? 'channel' OR p ? 'address' THEN RETURN powergate.api_error(400, 'another address is another contact: contact add'); END IF;
    IF c.who = 'customer' AND p ? 'kinds' THEN RETURN powergate.api_error(400, 'a customer hears of everything'); END IF;
    wrong := powergate.contact_wrong(jsonb_build_object('channel', c.channel, 'address', c.address, 'language', c.language) || p);
    IF wrong IS NOT NULL THEN RETURN powergate.api_error(400, wrong); END IF;
    UPDATE contact SET language = COALESCE(p ->> 'language', language), zone = COALESCE(p ->> 'zone', zone), rank = COALESCE((p ->> 'rank')::int, rank),
        quiet_from = COALESCE(powergate.minute_of(p ->> 'quiet', 1), quiet_from), quiet_until = COALESCE(powergate.minute_of(p ->> 'quiet', 2), quiet_until),
        kinds = COALESCE(string_to_array(p ->> 'kinds', ','), kinds) WHERE id = c.id;
    PERFORM powergate.audited(p_who, 'contact.set', p, 'done', p_now);
    RETURN (SELECT powergate.contact_json(q) FROM contact q WHERE q.id = c.id);
END $$;
CREATE OR REPLACE FUNCTION door.api_contact_stop(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE contact SET state = 'stopped' WHERE id = (p ->> 'contact')::bigint AND state = 'active';
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such contact'); END IF;
    PERFORM powergate.audited(p_who, 'contact.stop', p, 'done', p_now);
    RETURN jsonb_build_object('contact', (p ->> 'contact')::bigint, 'state', 'stopped');
END $$;
