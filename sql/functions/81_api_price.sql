-- Behind the API: price versions from draft to withdrawn.  Texts are parsed and checked by the
-- daemon before they come here; what a version says beside its text is what the daemon read in it.

CREATE OR REPLACE FUNCTION powergate.price_time(v price_version) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(to_timestamp(v.effective_from_us / 1000000) AT TIME ZONE v.zone, 'YYYY-MM-DD HH24:MI') || ' ' || v.zone;
$$;
CREATE OR REPLACE FUNCTION powergate.price_json(v price_version) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('version', powergate.price_name(v), 'state', v.state, 'effective_from_us', v.effective_from_us,
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
DECLARE other price_version;
BEGIN
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
DECLARE v price_version;
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
    PERFORM powergate.mark_dirty(array_agg(a.id ORDER BY a.id), p_now) FROM account a JOIN account_state s ON s.account_id = a.id
        WHERE a.tariff_id = v.tariff_id AND s.unrated_why IS NOT NULL;
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
        WHEN currency IS NULL THEN 'in which currency? name it, or a site' END;
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
    IF p_voices = 1 THEN
        v := powergate.price_approve(v.id, p_who, p_uid, NULL, NULL, NULL, p_now);
    END IF;
    PERFORM powergate.audited(p_who, 'tariff.add', p - 'source' || jsonb_build_object('sha256', encode(v.sha256, 'hex')), v.state, p_now);
    RETURN jsonb_build_object('tariff', p ->> 'tariff', 'version', powergate.price_name(v), 'state', v.state, 'single', v.single)
        || CASE WHEN v.state = 'pending' THEN jsonb_build_object('text', 'it prices nothing until another person approves it') ELSE '{}' END;
END $$;

CREATE OR REPLACE FUNCTION door.api_tariff_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.price_json(v) || jsonb_build_object('tariff', t.name,
        'accounts', (SELECT count(*) FROM account a WHERE a.tariff_id = t.id)) ORDER BY t.name, v.n))
    FROM tariff t JOIN price_version v ON v.tariff_id = t.id WHERE NOT p ? 'tariff' OR t.name = p ->> 'tariff';
$$;
