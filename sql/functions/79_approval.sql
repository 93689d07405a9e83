-- Four eyes, for whatever needs them.  A function that does something another must approve calls
-- approval_needed() with all that the deed depends on, before it does anything: NULL, and it goes
-- on; or the answer it returns, which names the approval that is waited for.  Who asked does the
-- same again once it is given.

CREATE OR REPLACE FUNCTION powergate.approval_json(a approval, p_now bigint) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('approval', a.id, 'action', a.action, 'subject', a.subject, 'reason', a.reason, 'asked_by', a.asked_by,
        'asked_us', a.asked_us, 'expires_us', a.expires_us, 'decided_by', a.decided_by, 'note', a.note, 'state',
        CASE WHEN a.used_us IS NOT NULL THEN 'used' WHEN a.decision = 'refused' THEN 'refused' WHEN a.expires_us <= p_now THEN 'expired'
            ELSE COALESCE(a.decision, 'asked') END);
END $$;

-- A given one is used up here.  jsonb is equal whatever order its members came in; lists are not,
-- so sort them.
CREATE OR REPLACE FUNCTION powergate.approval_needed(p_action text, p_subject jsonb, p_reason text, p_who text, p_uid bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a approval; hash bytea := sha256(convert_to(p_action || ' ' || p_subject::text, 'UTF8'));
BEGIN
    -- the same question twice at once is one question
    PERFORM pg_advisory_xact_lock(646, hashtext(encode(hash, 'hex')));
    SELECT * INTO a FROM approval x WHERE x.sha256 = hash AND x.used_us IS NULL AND x.asked_uid = p_uid AND x.expires_us > p_now
        AND x.decision IS DISTINCT FROM 'refused' ORDER BY x.id DESC LIMIT 1 FOR UPDATE;
    IF a.decision = 'given' THEN
        UPDATE approval SET used_us = p_now WHERE id = a.id;
        PERFORM powergate.audited(p_who, 'approval.use', jsonb_build_object('approval', a.id, 'reason', p_reason), 'given by ' || a.decided_by, p_now);
        RETURN NULL;
    END IF;
    IF a.id IS NULL THEN
        INSERT INTO approval (action, subject, sha256, reason, asked_uid, asked_by, asked_us, expires_us)
        VALUES (p_action, p_subject, hash, p_reason, p_uid, p_who, p_now, p_now + 3600000000) RETURNING * INTO a;
        PERFORM powergate.audited(p_who, 'approval.ask', jsonb_build_object('approval', a.id, 'action', p_action, 'subject', p_subject, 'reason', p_reason), 'asked', p_now);
    END IF;
    RETURN powergate.approval_json(a, p_now) || jsonb_build_object('text',
        format('nothing is done yet: another must approve it within an hour (powergatectl approval give %s); then order it again', a.id));
END $$;

CREATE OR REPLACE FUNCTION powergate.approval_decide(p jsonb, p_decision text, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a approval;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO a FROM approval x WHERE x.id = powergate.id_arg(p, 'approval') FOR UPDATE;
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such approval is asked for'); END IF;
    IF a.asked_uid = p_uid THEN RETURN powergate.api_error(403, 'who asks does not approve'); END IF;
    IF a.decision IS NOT NULL THEN RETURN powergate.api_error(409, format('it was %s by %s already', a.decision, a.decided_by)); END IF;
    IF a.expires_us <= p_now THEN RETURN powergate.api_error(409, 'it is expired; it is asked for anew'); END IF;
    UPDATE approval SET decision = p_decision, decided_uid = p_uid, decided_by = p_who, decided_us = p_now, note = p ->> 'reason'
    WHERE id = a.id RETURNING * INTO a;
    PERFORM powergate.audited(p_who, 'approval.' || p_decision, p || jsonb_build_object('subject', a.subject), p_decision, p_now);
    RETURN powergate.approval_json(a, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_approval_give(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.approval_decide(p, 'given', p_who, p_uid, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_approval_refuse(p jsonb, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN powergate.approval_decide(p, 'refused', p_who, p_uid, p_now);
END $$;
CREATE OR REPLACE FUNCTION door.api_approval_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT powergate.rows_json(jsonb_agg(powergate.approval_json(a, p_now) ORDER BY a.id DESC)) FROM (SELECT * FROM approval x
        WHERE p ? 'all' OR (x.used_us IS NULL AND x.expires_us > p_now AND x.decision IS DISTINCT FROM 'refused') ORDER BY x.id DESC LIMIT powergate.limited(p)) a);
END $$;
