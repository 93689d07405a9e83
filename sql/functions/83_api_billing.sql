-- Behind the API: what was charged and why, readings that a person decides, meters and tenants
-- that come and go.

-- The charges that touch a time, each with all it rests on; a row without a charge when there is
-- none, no row when there is no such account.  p: account, and day or from and to.
CREATE OR REPLACE FUNCTION door.bill_charges(p jsonb)
RETURNS TABLE (account text, zone text, currency text, tariff_id bigint, tariff text, since_us bigint, until_us bigint,
    tenancy_id bigint, id bigint, installation_id bigint, kind text, from_us bigint, to_us bigint, from_wh bigint[], to_wh bigint[],
    multiplier int, wh bigint, tenant_to bigint, extra_wh bigint, period_us bigint, used_wh bigint, band_wh bigint[], quality text,
    state text, names text, exact bigint[], tried bigint, wraps_wh bigint, reads text,
    meter text, point text, tenant_from bigint, why text, sums bigint[], minor bigint, replaces bigint, rated_us bigint, journal jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE a account; s site; lo bigint; hi bigint;
BEGIN
    SELECT q.* INTO a FROM account q WHERE q.number = p ->> 'account';
    IF a.id IS NULL THEN RETURN; END IF;
    SELECT q.* INTO s FROM site q WHERE q.id = a.site_id;
    IF p ? 'day' THEN
        lo := powergate.day_from((p ->> 'day')::int, s.zone);
        hi := powergate.day_from(powergate.day_beside((p ->> 'day')::int, 1), s.zone);
    ELSE
        lo := (p ->> 'from')::bigint; hi := (p ->> 'to')::bigint;
    END IF;
    RETURN QUERY SELECT a.number, s.zone, s.currency, a.tariff_id, t.name, lo, hi,
        c.tenancy_id, c.id, c.installation_id, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, c.multiplier, c.wh, c.tenant_to_us, c.extra_wh,
        c.period_us, c.used_wh, c.band_wh, c.quality, c.state, array_to_string(c.names, E'\n'), c.exact, c.tried, c.wraps_wh, NULL::text,
        c.address, c.point, c.tenant_from, c.why, c.sums, c.minor, c.replaces, c.rated_us,
        (SELECT jsonb_build_object('journal', j.id, 'key', j.key, 'kind', j.kind, 'at_us', j.at_us, 'value_us', j.value_us, 'lines', (
            SELECT jsonb_agg(jsonb_build_object('ledger', l.ledger, 'owner', l.owner, 'amount_minor', l.amount_minor) ORDER BY l.line)
            FROM posting l WHERE l.journal_id = j.id)) FROM journal j WHERE j.id = c.journal_id)
    FROM (SELECT 1) one LEFT JOIN tariff t ON t.id = a.tariff_id LEFT JOIN LATERAL (
        SELECT q.*, m.address, m.wraps_wh, o.name AS point, y.from_us AS tenant_from
        FROM tenancy y JOIN charge q ON q.tenancy_id = y.id JOIN service_point o ON o.id = y.point_id
        LEFT JOIN installation i ON i.id = q.installation_id LEFT JOIN meter m ON m.id = i.meter_id
        WHERE y.account_id = a.id AND q.from_us < hi AND q.to_us > lo AND q.state <> 'replaced') c ON true
    ORDER BY c.from_us, c.kind DESC, c.id LIMIT 5001; -- one more than is shown: a month of quarter hours has 2976
END $$;

CREATE OR REPLACE FUNCTION door.api_rebill(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; n bigint;
BEGIN
    SELECT * INTO a FROM account WHERE number = p ->> 'account';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such account'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF COALESCE(p ->> 'from', '') !~ '^\d{1,16}$' THEN RETURN powergate.api_error(400, 'from is an instant'); END IF;
    PERFORM powergate.account_first(a.id);
    INSERT INTO rebill (account_id, from_us, by, reason, ordered_us) VALUES (a.id, (p ->> 'from')::bigint, p_who, p ->> 'reason', p_now)
    ON CONFLICT (account_id) WHERE done_us IS NULL DO NOTHING RETURNING id INTO n;
    IF n IS NULL THEN RETURN powergate.api_error(409, 'this account is being rebilled already'); END IF;
    PERFORM powergate.mark_rate(ARRAY[a.id], p_now);
    PERFORM powergate.audited(p_who, 'bill.rebill', p, 'ordered', p_now);
    RETURN jsonb_build_object('rebill', n, 'account', a.number);
END $$;

-- --- readings -----------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_reading_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('meter', p ->> 'meter', 'at_us', r.at_us, 'total_wh', r.wh[1], 't1_wh', r.wh[2],
        't2_wh', r.wh[3], 't3_wh', r.wh[4], 't4_wh', r.wh[5], 'source', r.source, 'held', h.why, 'decision', h.decision, 'by', h.by, 'reason', h.reason)
        ORDER BY r.at_us DESC))
    FROM (
        (SELECT q.at_us, powergate.registers_at(q.meter_id, q.at_us) AS wh, 'read' AS source, q.meter_id FROM reading q
         WHERE q.meter_id = powergate.meter_id(p) AND q.reg = 'total_wh' ORDER BY q.at_us DESC LIMIT powergate.limited(p))
        UNION ALL
        (SELECT f.at_us, ARRAY[f.total_wh, f.t1_wh, f.t2_wh, f.t3_wh, f.t4_wh], 'freeze', f.meter_id FROM freeze_record f
         WHERE f.meter_id = powergate.meter_id(p) ORDER BY f.day DESC LIMIT powergate.limited(p))) r
    LEFT JOIN LATERAL (SELECT x.why, x.decision, x.by, x.reason FROM reading_held x JOIN installation i ON i.id = x.installation_id
        WHERE i.meter_id = r.meter_id AND x.at_us = r.at_us ORDER BY i.id DESC LIMIT 1) h ON true
    WHERE NOT p ? 'held' OR h.why IS NOT NULL;
$$;

-- A person says what a held reading is: used (it is right), rollover, reset (its count began anew,
-- and so does ours), or refused.
CREATE OR REPLACE FUNCTION powergate.reading_decide(p jsonb, p_decision text, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE h reading_held; i installation; y tenancy; used bigint[];
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT q.* INTO h FROM reading_held q JOIN installation n ON n.id = q.installation_id JOIN meter m ON m.id = n.meter_id
    WHERE m.address = p ->> 'meter' AND q.decision IS NULL AND (NOT p ? 'at' OR q.at_us = (p ->> 'at')::bigint) ORDER BY q.at_us DESC LIMIT 1;
    IF h.at_us IS NULL THEN RETURN powergate.api_error(404, 'no reading of this meter is held'); END IF;
    SELECT * INTO i FROM installation WHERE id = h.installation_id;
    SELECT * INTO y FROM tenancy WHERE id = i.tenancy_id;
    PERFORM powergate.account_first(y.account_id);
    SELECT * INTO i FROM installation WHERE id = h.installation_id FOR UPDATE;
    IF p_decision <> 'refused' AND (i.to_us IS NOT NULL OR i.billed_us >= h.at_us) THEN
        RETURN powergate.api_error(409, 'billing has gone on without it');
    END IF;
    UPDATE reading_held SET decision = p_decision, by = p_who, reason = p ->> 'reason', decided_us = p_now
    WHERE installation_id = h.installation_id AND at_us = h.at_us;
    IF p_decision = 'reset' THEN
        used := ARRAY[i.billed_wh[1] + COALESCE((p ->> 'wh')::bigint, 0) / i.multiplier, NULL, NULL, NULL, NULL];
        PERFORM powergate.installation_end(i, h.at_us, used, CASE WHEN p ? 'wh' THEN 'estimate' ELSE 'read' END);
        PERFORM powergate.installation_begin(i.point_id, i.tenancy_id, i.meter_id, i.multiplier, h.at_us, h.wh);
    END IF;
    IF NOT EXISTS (SELECT FROM reading_held q WHERE q.installation_id = i.id AND q.decision IS NULL) THEN
        PERFORM powergate.work_resolve('held:' || i.id, p || jsonb_build_object('by', p_who, 'decision', p_decision), p_now);
    END IF;
    PERFORM powergate.mark_rate(ARRAY[y.account_id], p_now);
    PERFORM powergate.audited(p_who, 'reading.' || p_decision, p, 'done', p_now);
    RETURN jsonb_build_object('meter', p ->> 'meter', 'at_us', h.at_us, 'total_wh', h.wh[1], 'decision', p_decision);
END $$;
CREATE OR REPLACE FUNCTION door.api_reading_accept(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF COALESCE(p ->> 'as', '') NOT IN ('used', 'rollover', 'reset') THEN RETURN powergate.api_error(400, 'it is accepted as used, rollover or reset'); END IF;
    IF COALESCE(p ->> 'wh', '0') !~ '^\d{1,12}$' THEN RETURN powergate.api_error(400, 'wh is a whole number'); END IF;
    RETURN powergate.reading_decide(p, p ->> 'as', p_who, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_reading_refuse(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.reading_decide(p, 'refused', p_who, p_now);
$$;

-- --- meters -------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_meter_swap(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE old meter; new meter; i installation; y tenancy; a account; s meter_state; r record; credit bigint; open_wh bigint[]; d bigint;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO old FROM meter WHERE address = p ->> 'meter' AND state = 'active';
    SELECT * INTO new FROM meter WHERE address = p ->> 'new' AND state = 'active';
    IF old.id IS NULL OR new.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter; a new one is added first, of the site and without an account'); END IF;
    IF new.account_id IS NOT NULL OR EXISTS (SELECT FROM installation q WHERE q.meter_id = new.id AND q.to_us IS NULL) THEN
        RETURN powergate.api_error(409, 'the new meter is somewhere else already');
    END IF;
    SELECT * INTO a FROM account WHERE id = old.account_id;
    IF a.fee_mode = 'local' AND NOT powergate.keeps_balance(new) THEN RETURN powergate.api_error(409, 'the new meter cannot keep a balance: its capability is none'); END IF;
    PERFORM powergate.account_first(a.id);
    PERFORM 1 FROM meter_state WHERE meter_id IN (old.id, new.id) ORDER BY meter_id FOR UPDATE;
    SELECT * INTO i FROM installation WHERE meter_id = old.id AND to_us IS NULL FOR UPDATE;
    IF i.id IS NULL THEN RETURN powergate.api_error(409, 'this meter is nowhere installed'); END IF;
    SELECT * INTO y FROM tenancy WHERE id = i.tenancy_id;
    SELECT * INTO r FROM powergate.registers_for(i, p ->> 'close', (p ->> 'at')::bigint, p ? 'estimate', p_now);
    IF r.problem IS NOT NULL THEN RETURN powergate.api_error(409, r.problem); END IF;
    IF p ? 'open' THEN
        open_wh := powergate.registers_in(p ->> 'open');
        IF open_wh IS NULL THEN RETURN powergate.api_error(400, 'open are the registers of the new meter: the total, or the total and T1 to T4'); END IF;
    END IF;
    PERFORM powergate.installation_end(i, r.at_us, r.wh, r.quality);
    PERFORM powergate.installation_begin(i.point_id, i.tenancy_id, new.id, COALESCE((p ->> 'multiplier')::int, i.multiplier), r.at_us, open_wh);
    UPDATE meter SET account_id = NULL, state = 'retired' WHERE id = old.id;
    UPDATE meter SET account_id = a.id WHERE id = new.id;
    UPDATE hold SET meter_id = new.id WHERE meter_id = old.id AND released_us IS NULL;
    -- what it has used of its energy it has used
    UPDATE supply_override SET meter_id = new.id, from_wh = COALESCE(open_wh[1], (SELECT x.total_wh FROM meter_state x WHERE x.meter_id = new.id)) - (r.wh[1] - from_wh)
    WHERE meter_id = old.id AND ended_us IS NULL;
    SELECT * INTO s FROM meter_state WHERE meter_id = old.id;
    -- what comes later from the old one is another life of it, and proves nothing
    UPDATE meter_state SET incarnation = incarnation + 1, base_count = NULL, base_bought = NULL, account_open = false WHERE meter_id = old.id;
    IF a.id IS NOT NULL THEN
        PERFORM powergate.deliveries_move(a.id, old.id, new.id, p_who, p_now);
        IF a.fee_mode = 'local' THEN
            credit := COALESCE((p ->> 'credit')::bigint, s.credit_minor);
            IF credit IS NULL THEN RAISE EXCEPTION 'nobody has read what is left in the old meter: say it' USING ERRCODE = '23514'; END IF;
            d := powergate.credit_move(a, old.id, new.id, i.id, credit, p_who, p_now);
            UPDATE account_state SET drift_minor = NULL WHERE account_id = a.id;
        END IF;
        PERFORM powergate.mark_rate(ARRAY[a.id], p_now);
        PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    END IF;
    IF r.quality = 'estimate' THEN
        PERFORM powergate.work_add('swap:' || i.id, 'DISPUTE', format('the last registers of meter %s are an estimate: %s Wh', old.address, r.wh[1]),
            'find out what it showed, and settle with the customer', a.id, old.id, NULL, NULL, p_now);
    END IF;
    PERFORM powergate.event_add('swapped', old.id, a.id, format('meter %s gave way to %s at %s Wh: %s', old.address, new.address, r.wh[1], p ->> 'reason'), p_now);
    PERFORM powergate.audited(p_who, 'meter.swap', p, 'done', p_now);
    RETURN jsonb_build_object('meter', new.address, 'swapped', old.address, 'account', a.number, 'at_us', r.at_us, 'close_wh', r.wh[1],
        'quality', r.quality, 'credit_minor', credit, 'delivery', d, 'refresh', new.endpoint_id);
END $$;

CREATE OR REPLACE FUNCTION door.api_meter_multiplier(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; i installation; r record;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF COALESCE(p ->> 'multiplier', '') !~ '^[1-9]\d{0,6}$' THEN RETURN powergate.api_error(400, 'a multiplier is a whole number from 1 on'); END IF;
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' AND state = 'active';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    PERFORM powergate.account_first(m.account_id);
    SELECT * INTO i FROM installation WHERE meter_id = m.id AND to_us IS NULL FOR UPDATE;
    IF i.id IS NULL THEN RETURN powergate.api_error(409, 'this meter is nowhere installed'); END IF;
    IF i.from_us IS NULL THEN
        UPDATE installation SET multiplier = (p ->> 'multiplier')::int WHERE id = i.id;
    ELSE
        SELECT * INTO r FROM powergate.registers_for(i, p ->> 'read', (p ->> 'at')::bigint, false, p_now);
        IF r.problem IS NOT NULL THEN RETURN powergate.api_error(409, r.problem); END IF;
        PERFORM powergate.installation_end(i, r.at_us, r.wh, r.quality);
        PERFORM powergate.installation_begin(i.point_id, i.tenancy_id, m.id, (p ->> 'multiplier')::int, r.at_us, r.wh);
    END IF;
    IF m.account_id IS NOT NULL THEN PERFORM powergate.mark_rate(ARRAY[m.account_id], p_now); END IF;
    PERFORM powergate.event_add('multiplier', m.id, m.account_id, format('multiplier %s -> %s: %s', i.multiplier, p ->> 'multiplier', p ->> 'reason'), p_now);
    PERFORM powergate.audited(p_who, 'meter.multiplier', p, 'done', p_now);
    RETURN jsonb_build_object('meter', m.address, 'multiplier', (p ->> 'multiplier')::int, 'at_us', r.at_us, 'total_wh', r.wh[1]);
END $$;

-- --- tenants ------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_move_out(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; i record; n int := 0; look bigint; words text;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO a FROM account WHERE number = p ->> 'account';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such account'); END IF;
    PERFORM powergate.account_first(a.id);
    FOR i IN SELECT q AS whole, q.id, q.point_id, q.meter_id, q.multiplier, y.id AS tenancy, y.from_us AS since, m.address, m.endpoint_id, r.at_us, r.wh, r.quality, r.problem
        FROM tenancy y JOIN installation q ON q.tenancy_id = y.id AND q.to_us IS NULL JOIN meter m ON m.id = q.meter_id
        CROSS JOIN LATERAL powergate.registers_for(q, p ->> 'close', (p ->> 'at')::bigint, p ? 'estimate', p_now) r
        WHERE y.account_id = a.id AND y.to_us IS NULL AND (NOT p ? 'meter' OR m.address = p ->> 'meter') ORDER BY q.meter_id FOR UPDATE OF q LOOP
        n := n + 1;
        IF i.problem IS NOT NULL THEN RAISE EXCEPTION 'meter %: %', i.address, i.problem USING ERRCODE = '23514'; END IF;
        IF n > 1 AND p ? 'close' THEN RAISE EXCEPTION 'there are several meters: name one' USING ERRCODE = '23514'; END IF;
        PERFORM powergate.installation_end(i.whole, i.at_us, i.wh, i.quality);
        UPDATE tenancy SET to_us = greatest(i.at_us, i.since + 1) WHERE id = i.tenancy;
        PERFORM powergate.installation_begin(i.point_id, NULL, i.meter_id, i.multiplier, i.at_us, i.wh);
        IF NOT p ? 'keep_on' THEN
            PERFORM powergate.hold_place(i.meter_id, 'MOVE_OUT', p ->> 'reason', true, p_who, p_now);
            -- nobody decides about a meter without an account: the wish stands by itself
            PERFORM powergate.relay_want(i.meter_id, 'open', 'MOVE_OUT', p ->> 'reason', NULL, p_who, p_now, p_now + 2592000000000);
        END IF;
        UPDATE meter SET account_id = NULL WHERE id = i.meter_id;
        IF i.quality = 'estimate' THEN
            PERFORM powergate.work_add('moveread:' || i.id, 'DISPUTE', format('the last registers of meter %s are an estimate: %s Wh', i.address, i.wh[1]),
                'find out what it showed, and settle with the customer', a.id, i.meter_id, NULL, NULL, p_now);
        END IF;
        PERFORM powergate.event_add('move-out', i.meter_id, a.id, format('account %s leaves meter %s at %s Wh: %s', a.number, i.address, i.wh[1], p ->> 'reason'), p_now);
        look := i.endpoint_id;
        words := concat_ws(' ', words, i.address);
    END LOOP;
    IF n = 0 THEN RETURN powergate.api_error(409, 'this account has no such meter'); END IF;
    PERFORM powergate.mark_rate(ARRAY[a.id], p_now);
    PERFORM powergate.audited(p_who, 'account.move_out', p, 'done', p_now);
    RETURN jsonb_build_object('account', a.number, 'meters', words, 'look', look);
END $$;

CREATE OR REPLACE FUNCTION door.api_move_in(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; m meter; i installation; r record; y bigint; point bigint; used bigint;
BEGIN
    SELECT * INTO a FROM account WHERE number = p ->> 'account' AND state = 'active';
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' AND state = 'active';
    IF a.id IS NULL OR m.id IS NULL THEN RETURN powergate.api_error(404, 'no such account, or no such meter'); END IF;
    IF m.account_id IS NOT NULL THEN RETURN powergate.api_error(409, 'somebody lives there: account move-out first'); END IF;
    IF m.site_id <> a.site_id THEN RETURN powergate.api_error(409, 'the meter is of another site than the account'); END IF;
    PERFORM powergate.account_first(a.id);
    SELECT * INTO i FROM installation WHERE meter_id = m.id AND to_us IS NULL FOR UPDATE;
    point := i.point_id;
    i.meter_id := m.id;
    SELECT * INTO r FROM powergate.registers_for(i, p ->> 'open', (p ->> 'at')::bigint, false, p_now);
    IF r.problem IS NOT NULL THEN RETURN powergate.api_error(409, r.problem); END IF;
    IF point IS NULL THEN
        INSERT INTO service_point (site_id, name, created_us) VALUES (m.site_id, m.address, p_now)
        ON CONFLICT (site_id, name) DO UPDATE SET name = EXCLUDED.name RETURNING id INTO point;
    ELSE
        used := r.wh[1] - i.open_wh[1];
        PERFORM powergate.installation_end(i, r.at_us, r.wh, r.quality);
        IF used <> 0 THEN
            PERFORM powergate.work_add('vacant:' || i.id, 'VACANT', format('%s Wh were used at %s while nobody lived there', used * i.multiplier, m.address),
                'find out who used it', NULL, m.id, NULL, NULL, p_now);
        END IF;
    END IF;
    INSERT INTO tenancy (point_id, account_id, from_us) VALUES (point, a.id, r.at_us) RETURNING id INTO y;
    PERFORM powergate.installation_begin(point, y, m.id, COALESCE((p ->> 'multiplier')::int, i.multiplier, 1), r.at_us, r.wh);
    UPDATE meter SET account_id = a.id WHERE id = m.id;
    PERFORM powergate.hold_release(m.id, 'MOVE_OUT', 'account ' || a.number || ' moves in', p_who, p_now);
    PERFORM powergate.event_add('move-in', m.id, a.id, format('account %s begins at %s Wh', a.number, r.wh[1]), p_now);
    PERFORM powergate.mark_rate(ARRAY[a.id], p_now);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    PERFORM powergate.audited(p_who, 'account.move_in', p, 'done', p_now);
    RETURN jsonb_build_object('account', a.number, 'meter', m.address, 'at_us', r.at_us, 'total_wh', r.wh[1], 'refresh', m.endpoint_id);
END $$;

-- Money that was paid back outside, out of the books; never more than is there.
CREATE OR REPLACE FUNCTION door.api_account_refund(p jsonb, p_who text, p_uid bigint, p_limit bigint, p_life bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a account; s account_state; amount bigint := (p ->> 'amount_minor')::bigint; j bigint;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed, with the reference of the payment'); END IF;
    SELECT * INTO a FROM account WHERE number = p ->> 'account';
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such account'); END IF;
    PERFORM powergate.account_first(a.id);
    SELECT * INTO s FROM account_state WHERE account_id = a.id;
    IF amount IS NULL OR amount < 1 OR amount > s.prepaid_minor THEN
        RETURN powergate.api_error(409, format('%s can be paid back at most', powergate.money_text(greatest(s.prepaid_minor, 0))));
    END IF;
    IF EXISTS (SELECT FROM tenancy y WHERE y.account_id = a.id AND y.to_us IS NOT NULL AND NOT y.settled) THEN
        RETURN powergate.api_error(409, 'not all of what was used is charged yet');
    END IF;
    -- nobody approves this one, so that it has to stay below what one person may do
    IF amount + (SELECT COALESCE(sum(-l.amount_minor), 0) FROM journal g JOIN posting l ON l.journal_id = g.id AND l.ledger = 'clearing'
        WHERE g.key LIKE format('refund:%s:%%', a.id) AND g.at_us > p_now - p_life) > p_limit THEN
        RETURN powergate.api_error(409, format('above %s it takes two people: powergatectl refund request, of his payments', powergate.money_text(p_limit)));
    END IF;
    j := powergate.journal_post(format('refund:%s:%s', a.id, p_now), 'refund', p ->> 'reason', p_who, NULL, ARRAY['prepaid', 'clearing'],
        ARRAY['', 'refund'], ARRAY[a.id, NULL], ARRAY[amount, -amount], (SELECT t.currency FROM site t WHERE t.id = a.site_id), p_now);
    UPDATE work SET state = 'resolved', resolved_us = p_now, resolution = p || jsonb_build_object('by', p_who, 'journal', j)
    WHERE account_id = a.id AND cause = 'REFUND' AND key LIKE 'refund:tenancy:%' AND state <> 'resolved';
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
    PERFORM powergate.audited(p_who, 'account.refund', p, 'journal ' || j, p_now);
    RETURN jsonb_build_object('account', a.number, 'journal', j, 'amount_minor', amount);
END $$;
