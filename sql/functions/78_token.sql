-- Behind the API: the tokens of the TLS port.

-- Who comes: "uid:N", the user at the other end of the socket, or "token:HEX", the hash of what was
-- shown.  Of a token that is not good, whatever the reason, nobody comes.
CREATE OR REPLACE FUNCTION powergate.principal_from(p_from text, p_now bigint) RETURNS principal LANGUAGE plpgsql AS $$
DECLARE q principal; t api_token;
BEGIN
    IF p_from LIKE 'uid:%' THEN
        SELECT * INTO q FROM principal x WHERE x.uid = substr(p_from, 5)::bigint;
        RETURN q;
    END IF;
    SELECT * INTO t FROM api_token x WHERE x.sha256 = decode(substr(p_from, 7), 'hex') AND x.revoked_us IS NULL AND x.expires_us > p_now;
    SELECT * INTO q FROM principal x WHERE x.uid = t.uid AND x.disabled_us IS NULL;
    IF q.uid IS NOT NULL AND (t.used_us IS NULL OR t.used_us < p_now - 3600000000) THEN
        UPDATE api_token SET used_us = p_now WHERE id = t.id;
    END IF;
    RETURN q;
END $$;

CREATE OR REPLACE FUNCTION powergate.token_json(t api_token, p_now bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('token', t.id, 'principal', (SELECT q.name FROM principal q WHERE q.uid = t.uid), 'reason', t.reason,
        'created_by', t.created_by, 'created_us', t.created_us, 'expires_us', t.expires_us, 'used_us', t.used_us, 'revoked_by', t.revoked_by,
        'state', CASE WHEN t.revoked_us IS NOT NULL THEN 'revoked' WHEN t.expires_us <= p_now THEN 'expired' ELSE 'good' END);
END $$;
CREATE OR REPLACE FUNCTION door.api_token_add(p jsonb, p_who text, p_from text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE q principal; t api_token; days int := CASE WHEN p ->> 'days' ~ '^\d{1,3}$' THEN (p ->> 'days')::int WHEN NOT p ? 'days' THEN 90 END;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    IF days IS NULL OR days NOT BETWEEN 1 AND 366 THEN RETURN powergate.api_error(400, 'a token is good for 1 to 366 days'); END IF;
    q := powergate.principal_meant(p);
    IF q.uid IS NULL THEN RETURN powergate.api_error(404, 'no such principal'); END IF;
    INSERT INTO api_token (uid, sha256, reason, created_us, created_by, expires_us)
    VALUES (q.uid, decode(substr(p_from, 7), 'hex'), p ->> 'reason', p_now, p_who, p_now + days * 86400000000) RETURNING * INTO t;
    PERFORM powergate.audited(p_who, 'token.add', p, 'token ' || t.id, p_now);
    RETURN powergate.token_json(t, p_now) || jsonb_build_object('role', q.role);
END $$;
CREATE OR REPLACE FUNCTION door.api_token_revoke(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t api_token;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO t FROM api_token x WHERE x.id = powergate.id_arg(p, 'token') FOR UPDATE;
    IF t.id IS NULL THEN RETURN powergate.api_error(404, 'no such token'); END IF;
    IF t.revoked_us IS NOT NULL THEN RETURN powergate.api_error(409, 'it is revoked already'); END IF;
    UPDATE api_token SET revoked_us = p_now, revoked_by = p_who WHERE id = t.id RETURNING * INTO t;
    PERFORM powergate.audited(p_who, 'token.revoke', p, 'revoked', p_now);
    RETURN powergate.token_json(t, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_token_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.token_json(t, p_now) ORDER BY t.id DESC)) FROM (SELECT x.* FROM api_token x
        JOIN principal q ON q.uid = x.uid WHERE (NOT p ? 'principal' OR q.name = p ->> 'principal')
            AND (p ? 'all' OR (x.revoked_us IS NULL AND x.expires_us > p_now)) ORDER BY x.id DESC LIMIT powergate.limited(p)) t);
END $$;
