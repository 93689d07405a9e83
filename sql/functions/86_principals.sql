-- Behind the API: principals and their sites, and the audit.

-- One is meant by name; people who have no user here are numbered above every uid.
CREATE OR REPLACE FUNCTION powergate.principal_meant(p jsonb) RETURNS principal LANGUAGE plpgsql AS $$
DECLARE q principal;
BEGIN
    SELECT * INTO q FROM principal x WHERE x.name = p ->> 'principal' AND x.disabled_us IS NULL ORDER BY x.uid LIMIT 1 FOR UPDATE;
    RETURN q;
END $$;
CREATE OR REPLACE FUNCTION powergate.principal_json(q principal) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('principal', q.name, 'uid', q.uid, 'role', q.role, 'state', CASE WHEN q.disabled_us IS NULL THEN 'active' ELSE 'disabled' END,
        'sites', CASE WHEN q.all_sites THEN '*' ELSE COALESCE((SELECT string_agg(s.name, ',' ORDER BY s.name)
            FROM principal_site x JOIN site s ON s.id = x.site_id WHERE x.uid = q.uid), '') END);
END $$;
-- "*", or names with commas between; why not, or NULL.
CREATE OR REPLACE FUNCTION powergate.principal_place(p_uid bigint, p_sites text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE names text[] := string_to_array(p_sites, ','); unknown text;
BEGIN
    SELECT x.name INTO unknown FROM unnest(names) AS x(name) WHERE p_sites <> '*' AND NOT EXISTS (SELECT FROM site s WHERE s.name = x.name) LIMIT 1;
    IF unknown IS NOT NULL THEN RETURN format('no site "%s"', unknown); END IF;
    DELETE FROM principal_site WHERE uid = p_uid;
    UPDATE principal SET all_sites = p_sites = '*' WHERE uid = p_uid;
    INSERT INTO principal_site SELECT p_uid, s.id FROM site s WHERE p_sites <> '*' AND s.name = ANY (names);
    RETURN NULL;
END $$;
-- Somebody must be left who can let others in.
CREATE OR REPLACE FUNCTION powergate.principal_changed(p_who text, p_action text, p jsonb, p_before jsonb, p_uid bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE now_is jsonb := powergate.principal_json((SELECT q FROM principal q WHERE q.uid = p_uid));
BEGIN
    IF NOT EXISTS (SELECT FROM principal WHERE role = 'admin' AND all_sites AND disabled_us IS NULL) THEN
        RAISE EXCEPTION 'the last admin of all sites stays what he is' USING ERRCODE = '23514';
    END IF;
    INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, p_who, p_action, p, 'done', COALESCE(p_before, '{}'), now_is);
    RETURN now_is;
END $$;

CREATE OR REPLACE FUNCTION door.api_principal_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.principal_json(q) ORDER BY q.name, q.uid)) FROM principal q WHERE p ? 'all' OR q.disabled_us IS NULL);
END $$;
CREATE OR REPLACE FUNCTION door.api_principal_add(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE number bigint := powergate.id_arg(p, 'uid'); wrong text;
BEGIN
    -- one writer at a time: the last admin must be counted by one alone
    LOCK TABLE principal IN SHARE ROW EXCLUSIVE MODE;
    wrong := CASE
        WHEN COALESCE(p ->> 'name', '') !~ '^[A-Za-z0-9._-]{1,63}$' THEN 'a name is 1 to 63 of A-Z a-z 0-9 . _ -'
        WHEN COALESCE(p ->> 'role', '') NOT IN ('viewer', 'operator', 'cashier', 'money', 'approver', 'key-admin', 'auditor', 'admin')
            THEN 'the role is viewer, operator, cashier, money, approver, key-admin, auditor or admin'
        WHEN COALESCE(p ->> 'sites', '') = '' THEN 'sites are needed: names with commas between, or *'
        WHEN p ? 'uid' AND (number IS NULL OR number > 4294967294) THEN 'uid is the number of a user of this machine'
        WHEN COALESCE(p ->> 'reason', '') = '' THEN 'a reason is needed' END;
    IF wrong IS NOT NULL THEN RETURN powergate.api_error(400, wrong); END IF;
    -- who has no user here comes by a token; no socket has such a number at its other end
    number := COALESCE(number, (SELECT GREATEST(max(q.uid), 4294967295) + 1 FROM principal q));
    IF EXISTS (SELECT FROM principal q WHERE q.uid = number OR q.name = p ->> 'name') THEN
        RETURN powergate.api_error(409, 'a principal of that name or number is there already, or was');
    END IF;
    INSERT INTO principal (uid, name, role, created_us, all_sites) VALUES (number, p ->> 'name', p ->> 'role', p_now, false);
    wrong := powergate.principal_place(number, p ->> 'sites');
    IF wrong IS NOT NULL THEN
        DELETE FROM principal WHERE uid = number;
        RETURN powergate.api_error(404, wrong);
    END IF;
    RETURN powergate.principal_changed(p_who, 'principal.add', p, NULL, number, p_now);
END $$;
CREATE OR REPLACE FUNCTION powergate.principal_change(p jsonb, p_who text, p_what text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q principal; was jsonb; wrong text;
BEGIN
    LOCK TABLE principal IN SHARE ROW EXCLUSIVE MODE;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    q := powergate.principal_meant(p);
    IF q.uid IS NULL THEN RETURN powergate.api_error(404, 'no such principal'); END IF;
    was := powergate.principal_json(q);
    IF p_what = 'role' THEN
        IF COALESCE(p ->> 'role', '') NOT IN ('viewer', 'operator', 'cashier', 'money', 'approver', 'key-admin', 'auditor', 'admin') THEN
            RETURN powergate.api_error(400, 'the role is viewer, operator, cashier, money, approver, key-admin, auditor or admin');
        END IF;
        UPDATE principal SET role = p ->> 'role' WHERE uid = q.uid;
    ELSIF p_what = 'sites' THEN
        IF COALESCE(p ->> 'sites', '') = '' THEN RETURN powergate.api_error(400, 'sites are needed: names with commas between, or *'); END IF;
        wrong := powergate.principal_place(q.uid, p ->> 'sites');
        IF wrong IS NOT NULL THEN RETURN powergate.api_error(404, wrong); END IF;
    ELSE
        UPDATE principal SET disabled_us = p_now WHERE uid = q.uid;
    END IF;
    RETURN powergate.principal_changed(p_who, 'principal.' || p_what, p, was, q.uid, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_principal_role(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.principal_change(p, p_who, 'role', p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_principal_sites(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.principal_change(p, p_who, 'sites', p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_principal_disable(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.principal_change(p, p_who, 'disable', p_now);
END $$;

-- --- the audit --------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_audit_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('audit', a.id, 'at_us', a.at_us, 'who', a.actor, 'action', a.action,
            'reason', a.args ->> 'reason', 'outcome', a.outcome, 'args', a.args, 'before', a.before, 'after', a.after) ORDER BY a.id DESC))
        FROM (SELECT * FROM audit x WHERE (NOT p ? 'who' OR x.actor = p ->> 'who') AND (NOT p ? 'action' OR x.action = p ->> 'action')
            AND (NOT p ? 'after' OR x.id > powergate.id_arg(p, 'after')) ORDER BY x.id DESC LIMIT powergate.limited(p)) a);
END $$;
-- Every link is made again from what the audit says now.  `head`, N:HASH as it was once printed
-- here and kept elsewhere, shows whether the end was cut off or everything was made anew.
CREATE OR REPLACE FUNCTION door.api_audit_verify(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE r record; so_far bytea := decode(repeat('00', 32), 'hex'); count_to bigint := 0; l record; fault text;
BEGIN
    -- up to here, and without a lock: nobody waits while all of it is hashed
    SELECT q.n, q.hash, (SELECT max(k.n) FROM audit_link k) AS links INTO l FROM audit_last q;
    FOR r IN SELECT k.n, k.hash, k.audit_id, a AS line FROM audit_link k LEFT JOIN audit a ON a.id = k.audit_id WHERE k.n <= greatest(l.n, l.links) ORDER BY k.n LOOP
        count_to := count_to + 1;
        IF r.n <> count_to THEN fault := format('link %s is missing', count_to); EXIT; END IF;
        IF (r.line).id IS NULL THEN fault := format('line %s of link %s is missing', r.audit_id, r.n); EXIT; END IF;
        so_far := sha256(so_far || powergate.audit_bytes(r.line));
        IF so_far <> r.hash THEN fault := format('line %s is not as it was written (link %s)', r.audit_id, r.n); EXIT; END IF;
    END LOOP;
    IF fault IS NULL AND (count_to <> l.n OR so_far <> l.hash) THEN fault := format('the chain ends at link %s and not at %s', count_to, l.n); END IF;
    SELECT COALESCE(fault, format('line %s has no link', min(a.id))) INTO fault FROM audit a
        WHERE NOT EXISTS (SELECT FROM audit_link k WHERE k.audit_id = a.id) HAVING count(*) > 0 OR fault IS NOT NULL;
    IF fault IS NULL AND p ? 'head' AND NOT EXISTS (SELECT FROM audit_link k WHERE k.n || ':' || encode(k.hash, 'hex') = p ->> 'head') THEN
        fault := 'the head that was kept is not in this chain';
    END IF;
    IF fault IS NOT NULL THEN RETURN powergate.api_error(409, 'the audit was changed: ' || fault); END IF;
    RETURN jsonb_build_object('lines', l.n, 'head', l.n || ':' || encode(l.hash, 'hex'));
END $$;
