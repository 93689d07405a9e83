-- Behind the API: price versions from draft to withdrawn.  Texts are parsed and checked by the
-- daemon before they come here; what a version says beside its text is what the daemon read in it.

CREATE OR REPLACE FUNCTION powergate.price_time(v price_version) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(to_timestamp(v.effective_from_us / 1000000) AT TIME ZONE v.zone, 'YYYY-MM-DD HH24:MI') || ' ' || v.zone;
$$;
CREATE OR REPLACE FUNCTION powergate.price_json(v price_version) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('version', powergate.price_name(v), 'state', v.state, 'begins', powergate.price_time(v), 'effective_from_us', v.effective_from_us,
        'zone', v.zone, 'currency', v.currency, 'author', v.author, 'loaded_us', v.loaded_us, 'submitted_us', v.submitted_us,
        'approver', v.approver, 'approved_us', v.approved_us, 'single', v.single, 'reason', v.reason, 'forced', v.forced);
$$;

-- "flat/2" is that one; "flat" is the newest in one of the states, of which the first are preferred.
CREATE OR REPLACE FUNCTION powergate.price_find(p_ref text, p_states text[]) RETURNS price_version LANGUAGE plpgsql STABLE AS $$
DECLARE v price_version;
BEGIN
    IF p_ref ~ '/\d{1,9}$' THEN
        SELECT q.* INTO v FROM price_version q JOIN tariff t ON t.id = q.tariff_id
        WHERE t.name = regexp_replace(p_ref, '/\d+$', '') AND q.n = substring(p_ref FROM '\d+$')::int;
    ELSE
        SELECT q.* INTO v FROM price_version q JOIN tariff t ON t.id = q.tariff_id
        WHERE t.name = p_ref AND q.state = ANY (p_states) ORDER BY array_position(p_states, q.state), q.n DESC LIMIT 1;
    END IF;
    RETURN v;
END $$;

-- --- the steps of a life ----------------------------------------------------------------------

-- p: tariff, source, effective_from_us, currency, exponent, zone, rounding.
CREATE OR REPLACE FUNCTION powergate.price_load(p jsonb, p_who text, p_uid bigint, p_now bigint, OUT version_id bigint, OUT problem jsonb)
LANGUAGE plpgsql AS $$
DECLARE t tariff;
BEGIN
    IF p ->> 'tariff' !~ '^[^\s/[:cntrl:]]{1,64}$' THEN
        problem := powergate.api_error(400, 'a tariff''s name has no blanks and no /, and 64 letters at most');
        RETURN;
    END IF;
    INSERT INTO tariff (name, currency) VALUES (p ->> 'tariff', p ->> 'currency') ON CONFLICT (name) DO NOTHING;
    SELECT * INTO t FROM tariff WHERE name = p ->> 'tariff' FOR UPDATE;
    IF t.currency <> p ->> 'currency' THEN
        problem := powergate.api_error(409, format('tariff %s is in %s, the file in %s', t.name, t.currency, p ->> 'currency'));
        RETURN;
    END IF;
    INSERT INTO price_version (tariff_id, n, effective_from_us, source, sha256, currency, exponent, zone, rounding, author, author_uid, loaded_us)
    VALUES (t.id, COALESCE((SELECT max(q.n) FROM price_version q WHERE q.tariff_id = t.id), 0) + 1, (p ->> 'effective_from_us')::bigint,
        p ->> 'source', sha256(convert_to(p ->> 'source', 'UTF8')), p ->> 'currency', (p ->> 'exponent')::smallint, p ->> 'zone',
        p ->> 'rounding', p_who, p_uid, p_now) RETURNING id INTO version_id;
END $$;

-- Why a version cannot go on to be approved; NULL when it can.
CREATE OR REPLACE FUNCTION powergate.price_obstacle(v price_version, p_now bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE other price_version; place site;
BEGIN
    SELECT s.* INTO place FROM account a JOIN site s ON s.id = a.site_id WHERE a.tariff_id = v.tariff_id AND s.zone <> v.zone LIMIT 1;
    IF place.id IS NOT NULL THEN
        RETURN format('it has accounts at site %s, whose midnights are those of %s', place.name, place.zone);
    END IF;
    SELECT q.* INTO other FROM price_version q WHERE q.tariff_id = v.tariff_id AND q.state IN ('scheduled', 'active', 'ended')
        AND (q.currency, q.exponent, q.zone, q.rounding) <> (v.currency, v.exponent, v.zone, v.rounding) LIMIT 1;
    IF other.id IS NOT NULL THEN
        RETURN format('%s has another currency, zone or rounding: for a tariff they are chosen once', powergate.price_name(other));
    END IF;
    SELECT q.* INTO other FROM price_version q WHERE q.tariff_id = v.tariff_id AND q.effective_from_us = v.effective_from_us
        AND q.state IN ('scheduled', 'active', 'ended');
    IF other.id IS NOT NULL THEN
        RETURN format('%s begins at the same instant', powergate.price_name(other));
    END IF;
    IF v.effective_from_us < p_now AND EXISTS (SELECT FROM price_version q WHERE q.tariff_id = v.tariff_id AND
        (q.state IN ('active', 'ended') OR (q.state = 'scheduled' AND q.effective_from_us <= p_now))) THEN
        RETURN format('it would begin at %s, in the past, which was billed by others: load it anew with a later effective_from', powergate.price_time(v));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION powergate.price_approve(p_id bigint, p_who text, p_uid bigint, p_reason text, p_forced text, p_preview jsonb, p_now bigint)
RETURNS price_version LANGUAGE plpgsql AS $$
DECLARE v price_version; waiting bigint[];
BEGIN
    PERFORM powergate.prices_turned(p_now);
    UPDATE price_version q SET state = 'scheduled', approver = p_who, approver_uid = p_uid, approved_us = p_now,
        single = q.author_uid = p_uid, reason = COALESCE(p_reason, ''), forced = p_forced, preview = COALESCE(p_preview, q.preview)
    WHERE q.id = p_id RETURNING q.* INTO v;
    PERFORM powergate.event_add('tariff', NULL, NULL, format('tariff %s is approved by %s%s%s, from %s', powergate.price_name(v), p_who,
        CASE WHEN v.single THEN ' alone, who also loaded it' ELSE '' END,
        CASE WHEN v.forced IS NOT NULL THEN format(', forced: %s', v.forced) ELSE '' END, powergate.price_time(v)), p_now);
    PERFORM powergate.prices_turned(p_now);
    -- what could not be priced may be able to now
    waiting := ARRAY(SELECT s.account_id FROM account_state s JOIN account a ON a.id = s.account_id
        WHERE a.tariff_id = v.tariff_id AND s.unrated_why IS NOT NULL ORDER BY s.account_id FOR UPDATE OF s);
    PERFORM powergate.mark_rate(waiting, p_now);
    SELECT q.* INTO v FROM price_version q WHERE q.id = p_id;
    RETURN v;
END $$;

-- --- routes -----------------------------------------------------------------------------------

-- Zone and currency for a tariff that is given as bare steps: of the site named, or of all sites.
CREATE OR REPLACE FUNCTION door.tariff_place(p jsonb) RETURNS TABLE (zone text, currency text, problem text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE zones text[]; currencies text[];
BEGIN
    SELECT array_agg(DISTINCT s.zone), array_agg(DISTINCT s.currency) INTO zones, currencies FROM site s
    WHERE NOT p ? 'site' OR s.name = p ->> 'site';
    zone := COALESCE(p ->> 'zone', CASE WHEN cardinality(zones) = 1 THEN zones[1] END);
    currency := COALESCE(p ->> 'currency', CASE WHEN cardinality(currencies) = 1 THEN currencies[1] END, CASE WHEN zones IS NULL THEN 'CNY' END);
    problem := CASE WHEN p ? 'site' AND zones IS NULL THEN 'no such site'
        WHEN zone IS NULL THEN 'whose midnight? name a site or a zone: there is no site, or sites have different ones'
        WHEN currency IS NULL THEN 'in which currency? name it, or a site'
        -- both become part of a text
        WHEN zone !~ '^[A-Za-z0-9_+/-]{1,63}$' OR currency !~ '^[A-Z]{3}$' THEN 'that is no zone, or no currency' END;
    RETURN NEXT;
END $$;

-- Bare steps: loaded, submitted and, where one voice is enough, approved in one go.
CREATE OR REPLACE FUNCTION door.api_tariff_add(p jsonb, p_who text, p_uid bigint, p_voices int, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version; l record;
BEGIN
    IF EXISTS (SELECT FROM tariff WHERE name = p ->> 'tariff') THEN
        RETURN powergate.api_error(409, 'a tariff of that name is there already; prices are never changed in place: load a new version');
    END IF;
    SELECT * INTO l FROM powergate.price_load(p, p_who, p_uid, p_now);
    IF l.problem IS NOT NULL THEN RETURN l.problem; END IF;
    UPDATE price_version SET state = 'pending', submitted_us = p_now WHERE id = l.version_id RETURNING * INTO v;
    IF p_voices > 1 THEN
        PERFORM powergate.price_ask(v, p_now);
    ELSE
        v := powergate.price_approve(v.id, p_who, p_uid, NULL, NULL, NULL, p_now);
    END IF;
    PERFORM powergate.audited(p_who, 'tariff.add', p - 'source' || jsonb_build_object('sha256', encode(v.sha256, 'hex')), v.state, p_now);
    RETURN jsonb_build_object('tariff', p ->> 'tariff', 'version', powergate.price_name(v), 'state', v.state, 'single', v.single)
        || CASE WHEN v.state = 'pending' THEN jsonb_build_object('text', 'it prices nothing until another person approves it') ELSE '{}' END;
END $$;

CREATE OR REPLACE FUNCTION door.api_tariff_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.price_json(v) - '{zone,effective_from_us,loaded_us,submitted_us,approved_us,reason}'::text[] || jsonb_build_object('tariff', t.name,
        'accounts', (SELECT count(*) FROM account a WHERE a.tariff_id = t.id)) ORDER BY t.name, v.n))
    FROM tariff t JOIN price_version v ON v.tariff_id = t.id WHERE NOT p ? 'tariff' OR t.name = p ->> 'tariff';
$$;

CREATE OR REPLACE FUNCTION door.api_tariff_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version := powergate.price_find(p ->> 'version', '{active,scheduled,pending,draft,ended,withdrawn}');
BEGIN
    IF v.id IS NULL THEN RETURN powergate.api_error(404, 'no such tariff or version'); END IF;
    RETURN powergate.price_json(v) || jsonb_build_object('accounts', (SELECT count(*) FROM account a WHERE a.tariff_id = v.tariff_id),
        'sha256', encode(v.sha256, 'hex'), 'preview', v.preview, 'source', v.source);
END $$;

CREATE OR REPLACE FUNCTION door.api_tariff_load(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version; l record;
BEGIN
    SELECT * INTO l FROM powergate.price_load(p, p_who, p_uid, p_now);
    IF l.problem IS NOT NULL THEN RETURN l.problem; END IF;
    SELECT * INTO v FROM price_version WHERE id = l.version_id;
    PERFORM powergate.audited(p_who, 'tariff.load', p - 'source' || jsonb_build_object('version', powergate.price_name(v), 'sha256', encode(v.sha256, 'hex')), 'draft', p_now);
    RETURN powergate.price_json(v);
END $$;

-- All that the second person says yes to.  Who loaded it asks, whoever submits it.
CREATE OR REPLACE FUNCTION powergate.price_subject(v price_version) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('version', powergate.price_name(v), 'sha256', encode(v.sha256, 'hex'), 'from_us', v.effective_from_us);
END $$;
CREATE OR REPLACE FUNCTION powergate.price_ask(v price_version, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.approval_ask('tariff.approve', powergate.price_subject(v), 'submitted', v.author, v.author_uid, 30 * 86400000000, p_now);
END $$;
-- Why this person may not take this step with it now; NULL when he may.
CREATE OR REPLACE FUNCTION powergate.price_refusal(v price_version, p_step text, p_uid bigint, p_voices int, p_now bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE wanted text := CASE p_step WHEN 'submit' THEN 'draft' ELSE 'pending' END; why text;
BEGIN
    IF v.id IS NULL THEN RETURN powergate.api_error(404, format('no such version, or none of the tariff is %s', wanted)); END IF;
    IF v.state <> wanted THEN
        RETURN powergate.api_error(409, format('%s is %s, not %s', powergate.price_name(v), v.state, wanted));
    END IF;
    IF p_step = 'approve' AND v.author_uid = p_uid AND p_voices > 1 THEN
        RETURN powergate.api_error(409, format('%s was loaded by %s: another person must approve it', powergate.price_name(v), v.author));
    END IF;
    why := powergate.price_obstacle(v, p_now);
    RETURN CASE WHEN why IS NOT NULL THEN powergate.api_error(409, format('%s: %s', powergate.price_name(v), why)) END;
END $$;

-- What is to be submitted or approved, with its text: the daemon first tries it on past readings.
CREATE OR REPLACE FUNCTION door.price_step(p jsonb, p_step text, p_uid bigint, p_voices int, p_now bigint)
RETURNS TABLE (id bigint, tariff_id bigint, name text, source text, problem jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v price_version := powergate.price_find(p ->> 'version', CASE p_step WHEN 'submit' THEN '{draft}' ELSE '{pending}' END::text[]);
BEGIN
    RETURN QUERY SELECT v.id, v.tariff_id, powergate.price_name(v), v.source, powergate.price_refusal(v, p_step, p_uid, p_voices, p_now);
END $$;

CREATE OR REPLACE FUNCTION door.api_tariff_submit(p_id bigint, p_who text, p_uid bigint, p_preview jsonb, p_over text, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version; problem jsonb;
BEGIN
    SELECT * INTO v FROM price_version WHERE id = p_id FOR UPDATE;
    problem := powergate.price_refusal(v, 'submit', p_uid, 1, p_now);
    IF problem IS NOT NULL THEN RETURN problem; END IF;
    UPDATE price_version SET state = 'pending', submitted_us = p_now, preview = p_preview WHERE id = v.id RETURNING * INTO v;
    PERFORM powergate.price_ask(v, p_now);
    PERFORM powergate.event_add('tariff', NULL, NULL, format('tariff %s is submitted by %s, from %s', powergate.price_name(v), p_who, powergate.price_time(v)), p_now);
    PERFORM powergate.audited(p_who, 'tariff.submit', jsonb_build_object('version', powergate.price_name(v), 'preview', p_preview), 'pending', p_now);
    RETURN powergate.price_json(v) || jsonb_build_object('over', p_over, 'preview', p_preview);
END $$;

-- p_over: in which way the preview is beyond what is let through without a word.
CREATE OR REPLACE FUNCTION door.api_tariff_approve(p_id bigint, p jsonb, p_who text, p_uid bigint, p_voices int, p_preview jsonb,
    p_over text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version; problem jsonb; said jsonb; why text;
BEGIN
    -- two versions of a tariff do not pass each other
    PERFORM FROM tariff t WHERE t.id = (SELECT q.tariff_id FROM price_version q WHERE q.id = p_id) FOR UPDATE;
    SELECT * INTO v FROM price_version WHERE id = p_id FOR UPDATE;
    problem := powergate.price_refusal(v, 'approve', p_uid, p_voices, p_now);
    IF problem IS NULL AND COALESCE(p ->> 'reason', '') = '' THEN problem := powergate.api_error(400, 'a reason is needed'); END IF;
    IF problem IS NOT NULL THEN RETURN problem; END IF;
    said := jsonb_build_object('version', powergate.price_name(v), 'reason', p ->> 'reason', 'force', p ->> 'force', 'over', p_over, 'preview', p_preview);
    IF p_over IS NOT NULL AND COALESCE(p ->> 'force', '') = '' THEN
        UPDATE price_version SET preview = p_preview WHERE id = v.id;
        PERFORM powergate.audited(p_who, 'tariff.approve', said, 'refused', p_now);
        RETURN powergate.api_error(409, format('%s: %s; to do it all the same, give the reason with --force', powergate.price_name(v), p_over))
            || jsonb_build_object('preview', p_preview);
    END IF;
    IF p_voices > 1 THEN
        IF NOT EXISTS (SELECT FROM approval x WHERE x.sha256 = powergate.approval_hash('tariff.approve', powergate.price_subject(v))) THEN
            PERFORM powergate.price_ask(v, p_now); -- submitted while one person was enough
        END IF;
        why := powergate.approval_take('tariff.approve', powergate.price_subject(v), p ->> 'reason', p_who, p_uid, p_now);
        IF why IS NOT NULL THEN RETURN powergate.api_error(409, format('%s: %s', powergate.price_name(v), why)); END IF;
    END IF;
    v := powergate.price_approve(v.id, p_who, p_uid, p ->> 'reason', CASE WHEN p_over IS NOT NULL THEN p ->> 'force' END, p_preview, p_now);
    PERFORM powergate.audited(p_who, 'tariff.approve', said, v.state, p_now);
    RETURN powergate.price_json(v) || jsonb_build_object('over', p_over, 'preview', p_preview);
END $$;

CREATE OR REPLACE FUNCTION door.api_tariff_withdraw(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE v price_version;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    PERFORM powergate.prices_turned(p_now);
    v := powergate.price_find(p ->> 'version', '{draft,pending,scheduled}');
    IF v.id IS NULL THEN RETURN powergate.api_error(404, 'no such version, or none of the tariff is still to come'); END IF;
    SELECT * INTO v FROM price_version WHERE id = v.id FOR UPDATE;
    IF v.state NOT IN ('draft', 'pending', 'scheduled') THEN
        RETURN powergate.api_error(409, format('%s is %s: what was in force stays; load the next version', powergate.price_name(v), v.state));
    END IF;
    UPDATE price_version SET state = 'withdrawn' WHERE id = v.id RETURNING * INTO v;
    UPDATE approval x SET withdrawn_us = p_now WHERE x.sha256 = powergate.approval_hash('tariff.approve', powergate.price_subject(v)) AND x.used_us IS NULL;
    PERFORM powergate.event_add('tariff', NULL, NULL, format('tariff %s is withdrawn by %s: %s', powergate.price_name(v), p_who, p ->> 'reason'), p_now);
    PERFORM powergate.audited(p_who, 'tariff.withdraw', p || jsonb_build_object('version', powergate.price_name(v)), 'withdrawn', p_now);
    RETURN powergate.price_json(v);
END $$;

-- --- past use ---------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.tariff_id(p jsonb) RETURNS TABLE (id bigint, problem text) LANGUAGE sql AS $$
    SELECT t.id, CASE WHEN t.id IS NULL THEN 'no such tariff' WHEN p ? 'site' AND NOT EXISTS (SELECT FROM site s WHERE s.name = p ->> 'site') THEN 'no such site' END
    FROM (SELECT) one LEFT JOIN tariff t ON t.name = p ->> 'tariff';
$$;

-- The next accounts of a tariff behind p_after, with every register that is known of their meters
-- at midnights, and the first and the last one read, between two instants; by account and time.
-- A row without an instant: an account of which nothing is known.
CREATE OR REPLACE FUNCTION door.tariff_use(p_tariff bigint, p_site text, p_from bigint, p_to bigint, p_after bigint, p_limit int)
RETURNS TABLE (account_id bigint, number text, balance bigint, trip bigint, meter_id bigint, wraps bigint, most_watts bigint,
    at_us bigint, total bigint, t1 bigint, t2 bigint, t3 bigint, t4 bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH chosen AS (
        SELECT a.id, a.number, a.fee_mode, a.trip_minor, s.prepaid_minor FROM account a JOIN account_state s ON s.account_id = a.id
        WHERE a.tariff_id = p_tariff AND a.id > p_after AND a.state = 'active'
          AND (p_site = '' OR a.site_id = (SELECT t.id FROM site t WHERE t.name = p_site))
        ORDER BY a.id LIMIT p_limit)
    SELECT c.id, c.number, CASE c.fee_mode WHEN 'local' THEN x.credit_minor ELSE c.prepaid_minor END, c.trip_minor,
        m.id, m.wraps_wh, m.most_watts, k.at_us, k.total, k.t1, k.t2, k.t3, k.t4
    FROM chosen c LEFT JOIN meter m ON m.account_id = c.id LEFT JOIN meter_state x ON x.meter_id = m.id
    LEFT JOIN LATERAL (
        SELECT f.at_us, f.total_wh AS total, f.t1_wh AS t1, f.t2_wh AS t2, f.t3_wh AS t3, f.t4_wh AS t4
        FROM freeze_record f WHERE f.meter_id = m.id AND f.at_us BETWEEN p_from AND p_to
        UNION ALL
        SELECT r.at_us, r.value, powergate.reading_at(m.id, r.at_us, 't1_wh'), powergate.reading_at(m.id, r.at_us, 't2_wh'),
            powergate.reading_at(m.id, r.at_us, 't3_wh'), powergate.reading_at(m.id, r.at_us, 't4_wh')
        FROM ((SELECT q.at_us, q.value FROM reading q WHERE q.meter_id = m.id AND q.reg = 'total_wh' AND q.at_us BETWEEN p_from AND p_to ORDER BY q.at_us LIMIT 1)
              UNION ALL
              (SELECT q.at_us, q.value FROM reading q WHERE q.meter_id = m.id AND q.reg = 'total_wh' AND q.at_us BETWEEN p_from AND p_to ORDER BY q.at_us DESC LIMIT 1)) r
    ) k ON true
    ORDER BY c.id, k.at_us, m.id;
END $$;
CREATE OR REPLACE FUNCTION powergate.reading_at(p_meter bigint, p_at bigint, p_reg text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT r.value FROM reading r WHERE r.at_us = p_at AND r.meter_id = p_meter AND r.reg = p_reg);
END $$;
