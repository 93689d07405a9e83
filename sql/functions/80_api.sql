-- Behind the API: one function a route.  Arguments come as one JSON object of texts and
-- numbers; the answer is JSON.  {"error": "...", "status": 404} is an answer too.

CREATE OR REPLACE FUNCTION powergate.api_error(p_status int, p_text text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('error', p_text, 'status', p_status);
$$;
CREATE OR REPLACE FUNCTION powergate.audited(p_who text, p_action text, p jsonb, p_outcome text, p_now bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO audit (at_us, actor, action, args, outcome) VALUES (p_now, p_who, p_action, powergate.audit_args(p_action, p), p_outcome);
$$;
CREATE OR REPLACE FUNCTION powergate.meter_id(p jsonb) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT id FROM meter WHERE address = p ->> 'meter';
$$;
CREATE OR REPLACE FUNCTION powergate.account_id(p jsonb) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT id FROM account WHERE number = p ->> 'account';
$$;
CREATE OR REPLACE FUNCTION powergate.limited(p jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT least(greatest(COALESCE((p ->> 'limit')::int, 50), 1), 1000);
$$;
CREATE OR REPLACE FUNCTION powergate.rows_json(q jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('rows', COALESCE(q, '[]'));
$$;

-- --- sites, accounts, meters -------------------------------------------------------

-- Meters, command lines and texts have two digits behind the point: where a currency has none, or
-- three, 50.00 would be another amount in each of them.  The same currencies as in codec/money.c.
CREATE OR REPLACE FUNCTION powergate.currency_problem(p_currency text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_currency !~ '^[A-Z]{3}$' THEN 'a currency is three capital letters'
        WHEN p_currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF',
            'BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
        THEN format('amounts have two digits behind the point here, and %s has not', p_currency) END;
$$;
CREATE OR REPLACE FUNCTION door.api_site_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n bigint; above site; problem text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = p ->> 'zone') THEN
        RETURN powergate.api_error(400, format('no time zone "%s"', p ->> 'zone'));
    END IF;
    problem := powergate.currency_problem(p ->> 'currency');
    IF problem IS NOT NULL THEN RETURN powergate.api_error(400, problem); END IF;
    SELECT * INTO above FROM site WHERE name = p ->> 'parent';
    IF p ? 'parent' AND above.id IS NULL THEN RETURN powergate.api_error(404, 'no such parent'); END IF;
    IF above.id IS NOT NULL AND (above.zone, above.currency) IS DISTINCT FROM (p ->> 'zone', COALESCE(p ->> 'currency', 'CNY')) THEN
        RETURN powergate.api_error(409, format('%s has the time zone %s and the currency %s, and so has all within it', above.name, above.zone, above.currency));
    END IF;
    INSERT INTO site (name, zone, currency, mode, kind, parent_id) VALUES (p ->> 'name', p ->> 'zone', COALESCE(p ->> 'currency', 'CNY'), COALESCE(p ->> 'mode', 'live'),
        COALESCE(p ->> 'kind', 'site'), above.id)
    ON CONFLICT (name) DO NOTHING RETURNING id INTO n;
    IF n IS NULL THEN RETURN powergate.api_error(409, 'a site of that name is there already'); END IF;
    PERFORM powergate.audited(p_who, 'site.add', p, 'done', p_now);
    RETURN jsonb_build_object('site', p ->> 'name');
END $$;
CREATE OR REPLACE FUNCTION door.api_site_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('site', s.name, 'zone', s.zone, 'currency', s.currency, 'mode', s.mode,
        'kind', s.kind, 'parent', (SELECT x.name FROM site x WHERE x.id = s.parent_id), 'meters', (SELECT count(*) FROM meter m WHERE m.site_id = s.id)) ORDER BY s.name)) FROM site s WHERE powergate.shown(p, s.id) AND NOT s.withdrawn;
$$;
CREATE OR REPLACE FUNCTION door.api_site_mode(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'mode', '') NOT IN ('observe', 'live') THEN RETURN powergate.api_error(400, 'mode is observe or live'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE site SET mode = p ->> 'mode' WHERE name = p ->> 'site';
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    PERFORM powergate.mark_dirty(array_agg(a.id), p_now) FROM account a JOIN site s ON s.id = a.site_id WHERE s.name = p ->> 'site';
    PERFORM powergate.audited(p_who, 'site.mode', p, 'done', p_now);
    RETURN jsonb_build_object('site', p ->> 'site', 'mode', p ->> 'mode');
END $$;

CREATE OR REPLACE FUNCTION door.api_account_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s bigint; t bigint; a bigint;
BEGIN
    IF COALESCE(p ->> 'account', '') !~ '^[A-Za-z0-9._-]{1,32}$' THEN RETURN powergate.api_error(400, 'an account number is 1 to 32 of A-Z a-z 0-9 . _ -'); END IF;
    IF COALESCE(p ->> 'mode', '') NOT IN ('remote', 'local') THEN RETURN powergate.api_error(400, 'mode is remote or local'); END IF;
    SELECT id INTO s FROM site WHERE name = p ->> 'site';
    IF s IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    SELECT id INTO t FROM tariff WHERE name = p ->> 'tariff';
    IF p ? 'tariff' AND t IS NULL THEN RETURN powergate.api_error(404, 'no such tariff'); END IF;
    IF p ->> 'mode' = 'remote' AND t IS NULL THEN RETURN powergate.api_error(400, 'a remote account needs a tariff that exists'); END IF;
    IF powergate.tariff_misfit(t, s) IS NOT NULL THEN RETURN powergate.api_error(409, powergate.tariff_misfit(t, s)); END IF;
    INSERT INTO account (number, customer, contact, site_id, fee_mode, tariff_id, warn_minor, trip_minor, created_us)
    VALUES (p ->> 'account', COALESCE(p ->> 'customer', ''), COALESCE(p ->> 'contact', ''), s, p ->> 'mode', t,
        COALESCE(string_to_array(p ->> 'warn', ',')::bigint[], '{5000,2000,1000}'), COALESCE((p ->> 'trip')::bigint, 0), p_now)
    ON CONFLICT (number) DO NOTHING RETURNING id INTO a;
    IF a IS NULL THEN RETURN powergate.api_error(409, 'an account of that number is there already'); END IF;
    INSERT INTO account_state (account_id) VALUES (a);
    PERFORM powergate.audited(p_who, 'account.add', p, 'done', p_now);
    RETURN jsonb_build_object('account', p ->> 'account');
END $$;

CREATE OR REPLACE FUNCTION powergate.account_json(a account, s account_state) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('account', a.number, 'customer', a.customer, 'mode', a.fee_mode, 'state', a.state,
        'site', (SELECT name FROM site WHERE id = a.site_id),
        'prepaid_minor', s.prepaid_minor, 'loaded_minor', s.loaded_minor,
        'meters', COALESCE((SELECT string_agg(m.address, ' ' ORDER BY m.id) FROM meter m WHERE m.account_id = a.id AND m.state = 'active'), ''),
        'relay', COALESCE((SELECT string_agg(x.relay_seen, ' ' ORDER BY m.id) FROM meter m JOIN meter_state x ON x.meter_id = m.id WHERE m.account_id = a.id AND m.state = 'active'), ''),
        'meter_credit_minor', (SELECT x.credit_minor FROM meter m JOIN meter_state x ON x.meter_id = m.id WHERE m.account_id = a.id AND m.state = 'active' ORDER BY m.id LIMIT 1),
        'unrated', s.unrated_why);
$$;
CREATE OR REPLACE FUNCTION door.api_account_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.account_json(a, s) ORDER BY a.number))
    FROM (SELECT * FROM account WHERE number > COALESCE(p ->> 'after', '') AND state <> 'withdrawn' AND powergate.shown(p, site_id) ORDER BY number LIMIT powergate.limited(p)) a
    JOIN account_state s ON s.account_id = a.id;
$$;
CREATE OR REPLACE FUNCTION door.api_account_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.account_json(a, s) || jsonb_build_object('warn_minor', a.warn_minor, 'trip_minor', a.trip_minor,
        'contact', a.contact, 'warned_level', s.warned_level,
        'payments', (SELECT count(*) FROM payment x WHERE x.account_id = a.id),
        'open_deliveries', (SELECT count(*) FROM credit_delivery d WHERE d.account_id = a.id AND d.state NOT IN ('APPLIED', 'CANCELLED')))
        FROM account a JOIN account_state s ON s.account_id = a.id WHERE a.number = p ->> 'account'),
        powergate.api_error(404, 'no such account'));
$$;
CREATE OR REPLACE FUNCTION door.api_account_deliveries(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('delivery', d.id, 'kind', d.kind, 'payment', d.payment_id, 'amount_minor', d.amount_minor,
        'state', d.state, 'purchase', d.purchase, 'sends', d.sends, 'meter', (SELECT address FROM meter m WHERE m.id = d.meter_id),
        'why', d.why, 'evidence', (SELECT count(*) FROM credit_evidence x WHERE x.delivery_id = d.id)) ORDER BY d.id))
    FROM credit_delivery d WHERE d.account_id = powergate.account_id(p);
$$;

CREATE OR REPLACE FUNCTION door.api_meter_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; e bigint; m bigint; name text; st bigint;
BEGIN
    IF COALESCE(p ->> 'meter', '') !~ '^[0-9]{12}$' THEN RETURN powergate.api_error(400, 'a meter address is 12 digits'); END IF;
    IF p ->> 'meter' = '999999999999' THEN RETURN powergate.api_error(400, '999999999999 is the address of all meters at once'); END IF;
    IF COALESCE(p ->> 'capability', 'none') NOT IN ('none', 'order_no', 'counted') THEN RETURN powergate.api_error(400, 'capability is none, order_no or counted'); END IF;
    IF length(p ->> 'model') > 100 THEN RETURN powergate.api_error(400, 'a model has at most 100 letters'); END IF;
    IF COALESCE(p ->> 'customer', '') !~ '^([0-9]{12})?$' THEN RETURN powergate.api_error(400, 'a customer number in a meter is 12 digits'); END IF;
    SELECT * INTO a FROM account WHERE number = p ->> 'account';
    IF p ? 'account' AND a.id IS NULL THEN RETURN powergate.api_error(404, 'no such account'); END IF;
    st := COALESCE(a.site_id, (SELECT id FROM site WHERE site.name = p ->> 'site'));
    IF st IS NULL THEN RETURN powergate.api_error(400, 'an account or a site is needed'); END IF;
    IF COALESCE(p ->> 'multiplier', '1') !~ '^[1-9]\d{0,6}$' THEN RETURN powergate.api_error(400, 'a multiplier is a whole number from 1 on'); END IF;
    IF COALESCE(p ->> 'extra_wh', '0') !~ '^\d{1,9}$' THEN RETURN powergate.api_error(400, 'extra_wh is a whole number of Wh'); END IF;
    IF EXISTS (SELECT FROM meter WHERE address = p ->> 'meter') THEN RETURN powergate.api_error(409, 'this meter is there already'); END IF;
    name := COALESCE(p ->> 'endpoint', p ->> 'meter');
    INSERT INTO endpoint (identity, kind, link, state) VALUES (name,
        CASE WHEN p ? 'endpoint' THEN 'dtu' ELSE 'meter' END, COALESCE(p ->> 'link', CASE WHEN p ? 'endpoint' THEN 'rs485' ELSE '4g' END), 'claimed')
    ON CONFLICT (identity) DO NOTHING RETURNING id INTO e;
    IF e IS NULL THEN   -- a stranger becomes ours with its first meter; what was quarantined since stays so
        UPDATE endpoint x SET state = 'claimed', why = '' WHERE x.identity = name
            AND NOT EXISTS (SELECT FROM meter q WHERE q.endpoint_id = x.id AND q.state = 'active');
        SELECT x.id INTO e FROM endpoint x WHERE x.identity = name;
    END IF;
    INSERT INTO meter (address, profile, model, capability, site_id, account_id, endpoint_id, customer, most_watts, created_us)
    VALUES (p ->> 'meter', p ->> 'profile', COALESCE(p ->> 'model', ''), COALESCE(p ->> 'capability', 'none'), st, a.id, e,
        COALESCE(p ->> 'customer', p ->> 'meter'), COALESCE((p ->> 'most_watts')::bigint, 100000), p_now) RETURNING id INTO m;
    INSERT INTO meter_state (meter_id) VALUES (m);
    IF a.id IS NOT NULL THEN
        PERFORM powergate.account_first(a.id);
        PERFORM powergate.place_meter(m, a.id, COALESCE((p ->> 'multiplier')::int, 1), COALESCE((p ->> 'extra_wh')::bigint, 0), p_now);
    END IF;
    PERFORM powergate.audited(p_who, 'meter.add', p, 'done', p_now);
    RETURN jsonb_build_object('meter', p ->> 'meter', 'refresh', e);
END $$;
CREATE OR REPLACE FUNCTION powergate.meter_json(m meter, s meter_state, e endpoint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('meter', m.address, 'profile', m.profile, 'account', (SELECT number FROM account WHERE id = m.account_id),
        'endpoint', e.identity, 'online', e.closed_us IS NULL AND e.epoch > 0, 'relay', s.relay_seen, 'wanted', s.relay_wanted,
        'total_wh', s.total_wh, 'credit_minor', s.credit_minor, 'purchases', s.purchases, 'seen_us', e.seen_us);
$$;
CREATE OR REPLACE FUNCTION door.api_meter_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.meter_json(m, s, e) ORDER BY m.address))
    FROM (SELECT * FROM meter WHERE address > COALESCE(p ->> 'after', '') AND state <> 'withdrawn' AND powergate.shown(p, site_id) ORDER BY address LIMIT powergate.limited(p)) m
    JOIN meter_state s ON s.meter_id = m.id LEFT JOIN endpoint e ON e.id = m.endpoint_id;
$$;
CREATE OR REPLACE FUNCTION door.api_meter_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.meter_json(m, s, e) || jsonb_build_object('capability', powergate.capability(m), 'model', m.model, 'customer', m.customer,
        'wanted_why', s.wanted_why, 'status', s.status, 'total_us', s.total_us, 'bought_minor', s.bought_minor,
        'commissioned_count', s.base_count, 'commissioned_by', s.base_by, 'account_open', s.account_open,
        'endpoint_state', e.state, 'epoch', e.epoch, 'clock_skew_us', c.skew_us, 'clock_read_us', c.read_us, 'clock_set_us', c.set_us, 'clock_set_by', c.set_by)
        FROM meter m JOIN meter_state s ON s.meter_id = m.id LEFT JOIN meter_clock c ON c.meter_id = m.id LEFT JOIN endpoint e ON e.id = m.endpoint_id WHERE m.address = p ->> 'meter'),
        powergate.api_error(404, 'no such meter'));
$$;
CREATE OR REPLACE FUNCTION door.api_meter_password(p_meter text, p_sealed bytea, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE e bigint;
BEGIN
    UPDATE meter SET password = p_sealed WHERE address = p_meter RETURNING endpoint_id INTO e;
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    UPDATE meter_state s SET report_stuck = false FROM meter m WHERE m.address = p_meter AND s.meter_id = m.id AND s.report_stuck;
    UPDATE meter_clock c SET refused = false FROM meter m WHERE m.id = c.meter_id AND m.address = p_meter AND c.refused;
    PERFORM powergate.audited(p_who, 'meter.password', jsonb_build_object('meter', p_meter), 'done', p_now);
    RETURN jsonb_build_object('meter', p_meter, 'password', 'set', 'refresh', e);
END $$;
-- --- orders to meters ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_read(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; c bigint;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    c := door.command_add(COALESCE('key:' || (p ->> 'key'), 'read:' || m.id || ':' || p_now), m.id, 'read', 3,
        jsonb_build_object('regs', to_jsonb(string_to_array(COALESCE(p ->> 'regs', 'total_wh,status'), ','))),
        'asked by ' || p_who, p_who, p_now + 600000000, p_now);
    RETURN jsonb_build_object('command', c, 'look', m.endpoint_id);
END $$;
CREATE OR REPLACE FUNCTION door.api_commission(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; c bigint;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    c := door.command_add('commission:' || m.id || ':' || p_now, m.id, 'commission', 1, '{}', 'adopt its purchase count', p_who, p_now + 86400000000, p_now);
    RETURN jsonb_build_object('command', c, 'look', m.endpoint_id);
END $$;
CREATE OR REPLACE FUNCTION powergate.command_json(c command) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('command', c.id, 'meter', (SELECT address FROM meter WHERE id = c.meter_id), 'kind', c.kind,
        'what', COALESCE(c.task ->> 'relay', 'keep ' || (c.task ->> 'keep'), c.task ->> 'set', ''), 'state', c.state, 'attempts', c.attempts, 'cause', c.cause, 'by', c.created_by,
        'outcome', c.outcome, 'created_us', c.created_us, 'ended_us', c.ended_us);
$$;
CREATE OR REPLACE FUNCTION door.api_command_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.command_json(c) ORDER BY c.id DESC))
    FROM (SELECT * FROM command q WHERE (NOT p ? 'meter' OR q.meter_id = powergate.meter_id(p)) AND (NOT p ? 'state' OR q.state = p ->> 'state')
          ORDER BY q.id DESC LIMIT powergate.limited(p)) c;
$$;
CREATE OR REPLACE FUNCTION door.api_command_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.command_json(c) || jsonb_build_object('history', (SELECT jsonb_agg(jsonb_build_object(
        'at_us', h.at_us, 'step', h.step, 'text', h.text, 'frame', upper(encode(h.frame, 'hex'))) ORDER BY h.n)
        FROM command_history h WHERE h.command_id = c.id)) FROM command c WHERE c.id = (p ->> 'command')::bigint),
        powergate.api_error(404, 'no such command'));
$$;
CREATE OR REPLACE FUNCTION door.api_command_cancel(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE c command;
BEGIN
    PERFORM powergate.account_of_first((SELECT meter_id FROM command WHERE id = (p ->> 'command')::bigint));
    SELECT * INTO c FROM command WHERE id = (p ->> 'command')::bigint FOR UPDATE;
    IF c.id IS NULL THEN RETURN powergate.api_error(404, 'no such command'); END IF;
    IF c.state <> 'waiting' THEN RETURN powergate.api_error(409, 'only a waiting command can be cancelled; this one is ' || c.state); END IF;
    IF c.kind = 'credit' THEN
        IF (SELECT state FROM credit_delivery WHERE id = c.delivery_id) <> 'QUEUED' THEN
            UPDATE credit_delivery SET cancel_requested = true WHERE id = c.delivery_id;
            RETURN powergate.api_error(409, 'too late: the credit may be in the meter already; use a reversal');
        END IF;
        RETURN powergate.api_error(409, 'money is not cancelled here: the payment stands; resolve it through the work list');
    END IF;
    UPDATE command SET state = 'cancelled', ended_us = p_now, outcome = 'taken back by ' || p_who WHERE id = c.id;
    PERFORM powergate.history(c.id, 'cancelled', 'taken back by ' || p_who, p_now);
    PERFORM powergate.wish_lapsed(c, 'taken back by ' || p_who, p_now);
    IF c.kind = 'relay' AND c.task ->> 'relay' = 'open' AND c.reason <> 'ARREARS' THEN
        PERFORM powergate.hold_release(c.meter_id, c.reason, format('order %s was taken back', c.id), p_who, p_now);
    END IF;
    PERFORM powergate.mark_dirty(ARRAY[m.account_id], p_now) FROM meter m WHERE m.id = c.meter_id AND m.account_id IS NOT NULL;
    PERFORM powergate.audited(p_who, 'command.cancel', p, 'done', p_now);
    RETURN jsonb_build_object('command', c.id, 'state', 'cancelled');
END $$;

-- --- connections -------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_endpoint_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('endpoint', e.identity, 'kind', e.kind, 'link', e.link, 'state', e.state, 'why', e.why,
        'online', e.closed_us IS NULL AND e.epoch > 0, 'node', e.node, 'epoch', e.epoch, 'peer', e.peer, 'seen_us', e.seen_us,
        'meters', (SELECT count(*) FROM meter m WHERE m.endpoint_id = e.id)) ORDER BY e.identity))
    FROM (SELECT * FROM endpoint WHERE (NOT p ? 'state' OR state = p ->> 'state') AND (NOT p ? 'online' OR (closed_us IS NULL AND epoch > 0))
          ORDER BY identity LIMIT powergate.limited(p)) e;
$$;
CREATE OR REPLACE FUNCTION door.api_endpoint_claim(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE e endpoint;
BEGIN
    SELECT * INTO e FROM endpoint WHERE identity = p ->> 'endpoint' FOR UPDATE;
    IF e.id IS NULL THEN RETURN powergate.api_error(404, 'no such endpoint'); END IF;
    IF NOT EXISTS (SELECT FROM meter WHERE endpoint_id = e.id) THEN
        RETURN powergate.api_error(409, 'no meter is registered behind it: meter add first');
    END IF;
    UPDATE endpoint SET state = 'claimed', why = '' WHERE id = e.id;
    PERFORM powergate.work_resolve('quarantine:' || e.id, jsonb_build_object('claimed_by', p_who), p_now);
    PERFORM powergate.audited(p_who, 'endpoint.claim', p, 'done', p_now);
    RETURN jsonb_build_object('endpoint', e.identity, 'state', 'claimed', 'refresh', e.id);
END $$;
CREATE OR REPLACE FUNCTION door.api_endpoint_quarantine(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE e bigint;
BEGIN
    UPDATE endpoint SET state = 'quarantined', why = COALESCE(p ->> 'reason', 'by ' || p_who) WHERE identity = p ->> 'endpoint' RETURNING id INTO e;
    IF e IS NULL THEN RETURN powergate.api_error(404, 'no such endpoint'); END IF;
    PERFORM powergate.audited(p_who, 'endpoint.quarantine', p, 'done', p_now);
    RETURN jsonb_build_object('endpoint', p ->> 'endpoint', 'state', 'quarantined', 'refresh', e);
END $$;

-- --- money ---------------------------------------------------------------------------------------

-- The six times of a payment; what has not happened yet is null.
CREATE OR REPLACE FUNCTION powergate.payment_timeline(q payment) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE a account; c command; d credit_delivery; done bigint; acked bigint; sent bigint; told bigint; committed bigint;
BEGIN
    SELECT committed_us INTO committed FROM payment_batch WHERE id = q.batch_id;
    SELECT * INTO a FROM account WHERE id = q.account_id;
    IF a.fee_mode = 'local' THEN
        SELECT * INTO d FROM credit_delivery WHERE payment_id = q.id ORDER BY part LIMIT 1;
        SELECT * INTO c FROM command WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1;
        done := d.applied_us;
    ELSE
        SELECT * INTO c FROM command WHERE payment_id = q.id AND kind = 'relay' ORDER BY id LIMIT 1;
        SELECT ended_us INTO done FROM command WHERE id = c.id AND state = 'done';
    END IF;
    SELECT min(at_us) INTO sent FROM command_history WHERE command_id = c.id AND step = 'dispatched';
    -- the meter's own word to the order: 9C, or 83 with the recharge's identifier
    SELECT min(at_us) INTO acked FROM command_history WHERE command_id = c.id AND (step = 'acknowledged' OR
        (step = 'heard' AND c.kind = 'relay' AND (get_byte(frame, 8) & 223) = 156));
    SELECT min(sent_us) INTO told FROM notice WHERE payment_id = q.id AND kind IN ('restored', 'credited', 'permitted');
    RETURN jsonb_build_object('payment', q.id, 'source', q.source, 'payment_no', q.payment_no, 'amount_minor', q.amount_minor, 'currency', q.currency,
        'account', a.number, 'mode', a.fee_mode, 'state', q.state, 'command', c.id, 'delivery', d.id,
        'received_us', q.received_us, 'committed_us', committed, 'dispatched_us', sent, 'acknowledged_us', acked,
        'done_us', done, 'notified_us', told, 'total_us', done - q.received_us);
END $$;
CREATE OR REPLACE FUNCTION door.api_payment_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.payment_timeline(q) || powergate.receipt_json(q.id) || powergate.corrections_json(q.id) FROM payment q
        WHERE (p ? 'payment' AND q.id = (p ->> 'payment')::bigint) OR (p ? 'payment_no' AND q.payment_no = p ->> 'payment_no') ORDER BY q.id LIMIT 1),
        powergate.api_error(404, 'no such payment'));
$$;
CREATE OR REPLACE FUNCTION door.api_payment_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('payment', q.id, 'source', q.source, 'payment_no', q.payment_no,
        'account', (SELECT number FROM account WHERE id = q.account_id), 'amount_minor', q.amount_minor, 'currency', q.currency,
        'method', q.method, 'state', q.state, 'received_us', q.received_us, 'repeats', q.deliveries - 1) ORDER BY q.id DESC))
    FROM (SELECT * FROM payment x WHERE (NOT p ? 'account' OR x.account_id = powergate.account_id(p)) AND (NOT p ? 'state' OR x.state = p ->> 'state')
          ORDER BY x.id DESC LIMIT powergate.limited(p)) q;
$$;
-- A person says whose a payment in suspense is.
CREATE OR REPLACE FUNCTION door.api_payment_assign(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q payment; a account; m meter;
BEGIN
    SELECT * INTO a FROM account WHERE number = p ->> 'account' AND state = 'active';
    q := powergate.payment_first((p ->> 'payment')::bigint, a.id);
    IF q.id IS NULL THEN RETURN powergate.api_error(404, 'no such payment'); END IF;
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such active account'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF q.state <> 'suspense' THEN RETURN powergate.api_error(409, 'this payment is not in suspense'); END IF;
    IF EXISTS (SELECT FROM journal j JOIN journal r ON r.reverses = j.id WHERE j.key = 'pay:' || q.source || ':' || q.payment_no) THEN
        RETURN powergate.api_error(409, 'this payment has been reversed');
    END IF;
    IF powergate.payment_left(q) < q.amount_minor THEN RETURN powergate.api_error(409, 'some of this payment is refunded: refund the rest'); END IF;
    IF q.currency <> (SELECT currency FROM site WHERE id = a.site_id) THEN RETURN powergate.api_error(409, 'the account is in another currency'); END IF;
    UPDATE payment SET state = 'assigned', account_id = a.id WHERE id = q.id;
    UPDATE pay_order o SET payment_id = q.id WHERE q.order_no <> '' AND o.number = q.order_no AND o.account_id = a.id AND o.payment_id IS NULL;
    PERFORM powergate.journal_post('assign:' || q.id, 'assign', p ->> 'reason', p_who, NULL, ARRAY['suspense', 'prepaid'], ARRAY['', ''],
        ARRAY[NULL, a.id], ARRAY[q.amount_minor, -q.amount_minor], q.currency, p_now);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    PERFORM powergate.waterfall_add(q.id, a.id, p_now);
    SELECT * INTO m FROM meter WHERE account_id = a.id AND state = 'active' ORDER BY id LIMIT 1;
    IF a.fee_mode = 'local' THEN
        PERFORM powergate.delivery_add(q.id, a.id, m.id, q.amount_minor, q.paid_us, p_who, p_now);
    END IF;
    PERFORM powergate.work_resolve('suspense:' || q.id, p || jsonb_build_object('by', p_who), p_now);
    PERFORM powergate.audited(p_who, 'payment.assign', p, 'done', p_now);
    RETURN jsonb_build_object('payment', q.id, 'account', a.number, 'look', m.endpoint_id);
END $$;
CREATE OR REPLACE FUNCTION door.api_ledger(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('journal', j.id, 'at_us', j.at_us, 'key', j.key, 'kind', j.kind, 'ledger', l.ledger,
        'owner', l.owner, 'account', (SELECT number FROM account WHERE id = l.account_id), 'amount_minor', l.amount_minor, 'memo', j.memo) ORDER BY j.id DESC, l.line))
    FROM (SELECT * FROM posting x WHERE NOT p ? 'account' OR x.account_id = powergate.account_id(p) ORDER BY x.journal_id DESC LIMIT powergate.limited(p)) l
    JOIN journal j ON j.id = l.journal_id;
$$;
CREATE OR REPLACE FUNCTION door.api_ledger_check(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('problems', COALESCE((SELECT jsonb_agg(problem) FROM door.ledger_check()), '[]'),
        'journals', (SELECT count(*) FROM journal), 'totals', (SELECT COALESCE(jsonb_object_agg(t.ledger, t.total), '{}') FROM
            (SELECT ledger, sum(amount_minor) AS total FROM posting GROUP BY ledger) t));
$$;

-- --- freezes, events, work, the whole ---------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_freeze_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('meter', m.address, 'day', f.day, 'at_us', f.at_us, 'total_wh', f.total_wh,
        'balance_minor', f.balance_minor, 'quality', f.quality, 'balance_quality', f.balance_quality) ORDER BY f.day DESC, m.address))
    FROM (SELECT * FROM freeze_record x WHERE (NOT p ? 'meter' OR x.meter_id = powergate.meter_id(p)) AND (NOT p ? 'day' OR x.day = (p ->> 'day')::int)
          ORDER BY x.day DESC, x.meter_id LIMIT powergate.limited(p)) f JOIN meter m ON m.id = f.meter_id;
$$;
CREATE OR REPLACE FUNCTION door.api_event_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('at_us', e.at_us, 'kind', e.kind, 'meter', (SELECT address FROM meter WHERE id = e.meter_id),
        'account', (SELECT number FROM account WHERE id = e.account_id), 'text', e.text) ORDER BY e.id DESC))
    FROM (SELECT * FROM event x WHERE (NOT p ? 'meter' OR x.meter_id = powergate.meter_id(p)) AND (NOT p ? 'account' OR x.account_id = powergate.account_id(p))
          ORDER BY x.id DESC LIMIT powergate.limited(p)) e;
$$;
CREATE OR REPLACE FUNCTION powergate.work_json(w work, p_now bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('work', w.id, 'cause', w.cause, 'state', w.state, 'owner', w.owner, 'age_s', (p_now - w.opened_us) / 1000000,
        'account', (SELECT number FROM account WHERE id = w.account_id), 'meter', (SELECT address FROM meter WHERE id = w.meter_id),
        'payment', w.payment_id, 'delivery', w.delivery_id, 'text', w.text, 'todo', w.todo);
$$;
CREATE OR REPLACE FUNCTION door.api_work_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.work_json(w, p_now) ORDER BY w.id))
    FROM (SELECT * FROM work x WHERE CASE WHEN p ? 'all' THEN true ELSE x.state <> 'resolved' END AND (NOT p ? '_sites' OR
        powergate.shown(p, COALESCE((SELECT a.site_id FROM account a WHERE a.id = x.account_id), (SELECT m.site_id FROM meter m WHERE m.id = x.meter_id)))) ORDER BY x.id LIMIT powergate.limited(p)) w;
$$;
CREATE OR REPLACE FUNCTION door.api_work_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.work_json(w, p_now) || jsonb_build_object('resolution', w.resolution, 'voices',
        (SELECT jsonb_agg(jsonb_build_object('by', v.actor, 'decision', v.decision, 'reason', v.reason, 'evidence', v.evidence)) FROM work_voice v WHERE v.work_id = w.id),
        'delivery_evidence', (SELECT jsonb_agg(jsonb_build_object('at_us', x.at_us, 'verdict', x.verdict, 'meter_count', x.meter_count, 'record', x.record) ORDER BY x.id)
            FROM credit_evidence x WHERE x.delivery_id = w.delivery_id))
        FROM work w WHERE w.id = (p ->> 'work')::bigint), powergate.api_error(404, 'no such work item'));
$$;
CREATE OR REPLACE FUNCTION door.api_work_take(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE work SET state = 'taken', owner = p_who WHERE id = (p ->> 'work')::bigint AND state <> 'resolved';
    IF NOT FOUND THEN RETURN powergate.api_error(404, 'no such open work item'); END IF;
    PERFORM powergate.audited(p_who, 'work.take', p, 'done', p_now);
    RETURN jsonb_build_object('work', (p ->> 'work')::bigint, 'owner', p_who);
END $$;
-- REVIEW moves money by a person's word, so two different people must say the same.
CREATE OR REPLACE FUNCTION door.api_work_resolve(p jsonb, p_who text, p_uid bigint, p_voices int, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE w work; d credit_delivery; n int; s meter_state; subject jsonb; why text; waits approval;
BEGIN
    SELECT * INTO w FROM work WHERE id = (p ->> 'work')::bigint FOR UPDATE;
    IF w.id IS NULL THEN RETURN powergate.api_error(404, 'no such work item'); END IF;
    IF w.state = 'resolved' THEN RETURN powergate.api_error(409, 'it is resolved already'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF w.cause <> 'REVIEW' THEN
        UPDATE work SET state = 'resolved', resolved_us = p_now, resolution = p || jsonb_build_object('by', p_who) WHERE id = w.id;
        PERFORM powergate.audited(p_who, 'work.resolve', p, 'resolved', p_now);
        RETURN jsonb_build_object('work', w.id, 'state', 'resolved');
    END IF;
    IF COALESCE(p ->> 'decision', '') NOT IN ('applied', 'requeue', 'refund') THEN RETURN powergate.api_error(400, 'the decision is applied, requeue or refund'); END IF;
    IF COALESCE(p ->> 'evidence', '') = '' THEN RETURN powergate.api_error(400, 'evidence is needed: what was seen, where'); END IF;
    INSERT INTO work_voice VALUES (w.id, p_uid, p_who, p ->> 'decision', p ->> 'reason', p ->> 'evidence', p_now)
    ON CONFLICT (work_id, uid) DO UPDATE SET decision = EXCLUDED.decision, reason = EXCLUDED.reason, evidence = EXCLUDED.evidence, at_us = p_now;
    SELECT count(*) INTO n FROM work_voice WHERE work_id = w.id AND decision = p ->> 'decision';
    PERFORM powergate.audited(p_who, 'work.resolve', p, format('%s of %s voices', n, p_voices), p_now);
    IF p_voices > 1 THEN
        -- who says something else now has taken back what he asked for
        UPDATE approval x SET withdrawn_us = p_now WHERE x.action = 'work.resolve' AND x.asked_uid = p_uid AND x.used_us IS NULL AND x.withdrawn_us IS NULL
            AND x.subject ->> 'work' = w.id::text AND x.subject ->> 'decision' <> p ->> 'decision';
        subject := (SELECT jsonb_build_object('work', w.id, 'decision', p ->> 'decision', 'delivery', q.id, 'meter', (SELECT m.address FROM meter m WHERE m.id = w.meter_id),
            'amount_minor', q.amount_minor) FROM credit_delivery q WHERE q.id = w.delivery_id);
        why := powergate.approval_take('work.resolve', subject, p ->> 'evidence', p_who, p_uid, p_now);
        IF why IS NOT NULL THEN
            waits := powergate.approval_ask('work.resolve', subject, p ->> 'reason', p_who, p_uid, 86400000000, p_now);
        END IF;
    END IF;
    IF why IS NOT NULL OR n < p_voices THEN
        RETURN jsonb_build_object('work', w.id, 'state', w.state, 'needs', greatest(p_voices - n, 1), 'approval', waits.id, 'expires_us', waits.expires_us,
            'text', 'a second person must decide the same');
    END IF;
    SELECT * INTO d FROM credit_delivery WHERE id = w.delivery_id FOR UPDATE;
    SELECT * INTO s FROM meter_state WHERE meter_id = w.meter_id;
    INSERT INTO credit_evidence (delivery_id, at_us, node, epoch, incarnation, meter_count, frames, verdict, record)
    VALUES (d.id, p_now, 'people', 0, COALESCE(s.incarnation, 0), COALESCE(s.purchases, 0), '{}', 'person', p || jsonb_build_object('voices', n));
    IF p ->> 'decision' = 'applied' THEN
        UPDATE credit_delivery SET state = 'APPLIED', applied_us = p_now, why = 'decided by people', meter_id = COALESCE(meter_id, w.meter_id),
            incarnation = COALESCE(incarnation, s.incarnation), purchase = COALESCE(purchase, s.purchases) WHERE id = d.id;
        PERFORM powergate.delivery_done((SELECT q FROM credit_delivery q WHERE q.id = d.id), NULL, p_now);
    ELSIF p ->> 'decision' = 'requeue' THEN
        UPDATE credit_delivery SET state = 'QUEUED', meter_id = NULL, incarnation = NULL, purchase = NULL, customer = NULL, why = 'queued again by people' WHERE id = d.id;
        PERFORM powergate.delivery_command(d.id, d.payment_id, w.meter_id, d.created_us, p_who, p_now);
    ELSE
        -- the next purchase has the same count if the meter never took this one
        UPDATE credit_delivery SET state = 'CANCELLED', purchase = NULL,
            why = 'refund decided by people' || COALESCE(', was purchase ' || d.purchase, '') WHERE id = d.id;
        IF d.payment_id IS NOT NULL THEN
            PERFORM powergate.work_add('refund:' || d.id, 'REFUND', format('refund %s to the payer', powergate.money_text(d.amount_minor)),
                format('powergatectl refund request %s --amount=%s --reason "..."; then resolve', d.payment_id, powergate.money_text(d.amount_minor)), d.account_id, w.meter_id, d.payment_id, d.id, p_now);
        END IF;
    END IF;
    UPDATE work SET state = 'resolved', resolved_us = p_now, resolution = p || jsonb_build_object('by', p_who, 'voices', n, 'single', p_voices = 1) WHERE id = w.id;
    RETURN jsonb_build_object('work', w.id, 'state', 'resolved', 'delivery', d.id,
        'look', (SELECT endpoint_id FROM meter WHERE id = w.meter_id));
END $$;

CREATE OR REPLACE FUNCTION door.api_status(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('trips_stopped', h.trips_stopped, 'held', h.held, 'safety_trips', h.safety_trips, 'why', h.why, 'by', h.by,
        'meters', (SELECT count(*) FROM meter WHERE state = 'active'),
        'online', (SELECT count(*) FROM endpoint WHERE closed_us IS NULL AND epoch > 0),
        'quarantined', (SELECT count(*) FROM endpoint WHERE state = 'quarantined'),
        'commands_waiting', (SELECT count(*) FROM command WHERE state = 'waiting'),
        'commands_unsure', (SELECT count(*) FROM command WHERE state IN ('sent', 'unsure')),
        'work_open', (SELECT count(*) FROM work WHERE state <> 'resolved'),
        'suspense_minor', (SELECT -COALESCE(sum(amount_minor), 0) FROM posting WHERE ledger = 'suspense')) FROM headend h;
$$;
CREATE OR REPLACE FUNCTION door.api_trips(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'trips', '') NOT IN ('stop', 'allow') THEN RETURN powergate.api_error(400, 'trips are stop or allow'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE headend SET trips_stopped = p ->> 'trips' = 'stop', why = p ->> 'reason', by = p_who, at_us = p_now;
    PERFORM powergate.audited(p_who, 'headend.trips', p, 'done', p_now);
    RETURN jsonb_build_object('trips', p ->> 'trips');
END $$;
CREATE OR REPLACE FUNCTION door.api_hold(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'hold', '') NOT IN ('on', 'off') THEN RETURN powergate.api_error(400, 'hold is on or off'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE headend SET held = p ->> 'hold' = 'on', why = p ->> 'reason', by = p_who, at_us = p_now;
    PERFORM powergate.audited(p_who, 'headend.hold', p, 'done', p_now);
    RETURN jsonb_build_object('hold', p ->> 'hold');
END $$;

-- How many an hour one person switches off for SAFETY; more of them takes two people.
CREATE OR REPLACE FUNCTION door.api_safety(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE n int := CASE WHEN p ->> 'trips' ~ '^\d{1,5}$' THEN (p ->> 'trips')::int END; waits jsonb;
BEGIN
    IF n IS NULL OR n NOT BETWEEN 1 AND 10000 THEN RETURN powergate.api_error(400, 'trips are 1 to 10000'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF n > (SELECT safety_trips FROM headend) THEN
        waits := powergate.approval_needed('headend.safety', jsonb_build_object('trips', n), p ->> 'reason', p_who, p_uid, p_now);
        IF waits IS NOT NULL THEN RETURN waits; END IF;
    END IF;
    UPDATE headend SET safety_trips = n;
    PERFORM powergate.audited(p_who, 'headend.safety', p, 'done', p_now);
    RETURN jsonb_build_object('safety_trips', n);
END $$;

-- What the witness file remembers against what is here.  A database that knows less was
-- restored: it is held until a person releases it, which is known by being later than the hold.
CREATE OR REPLACE FUNCTION door.witness(p_delivery bigint, p_journal bigint, p_held bigint, p_now bigint)
RETURNS TABLE (delivery bigint, journal bigint, held boolean, at_us bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE d bigint; j bigint; h headend;
BEGIN
    SELECT COALESCE(max(q.id), 0) INTO d FROM credit_delivery q;
    SELECT COALESCE(max(q.id), 0) INTO j FROM journal q;
    SELECT * INTO h FROM headend;
    IF (d < p_delivery OR j < p_journal) AND NOT h.held AND NOT (p_held > 0 AND h.at_us > p_held) THEN
        UPDATE headend SET held = true, by = 'powergated', at_us = p_now,
            why = format('the database is older than what this daemon has seen: delivery %s of %s, journal %s of %s', d, p_delivery, j, p_journal)
        RETURNING * INTO h;
        PERFORM powergate.work_add('held', 'RESTORED', 'the database was restored from a backup: no credit and no trip leaves',
            'read back the meters with open deliveries, compare purchase counts, then: powergatectl headend hold off --reason "..."', NULL, NULL, NULL, NULL, p_now);
    END IF;
    RETURN QUERY SELECT d, j, h.held, h.at_us;
END $$;
