-- Four eyes, for whatever needs them.  A function that does something another must approve calls
-- approval_needed() with all that the deed depends on, before it does anything: NULL, and it goes
-- on; or the answer it returns, which names the approval that is waited for.  Who asked does the
-- same again once it is given.
--
-- Where the second person does it himself (a refund, a price, a delivery under review) the first
-- leaves approval_ask() and the second passes approval_take(): the same row, the same rules, and
-- the same table that takes no approval of one's own question.

CREATE OR REPLACE FUNCTION powergate.approval_json(a approval, p_now bigint) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('approval', a.id, 'action', a.action, 'subject', a.subject, 'reason', a.reason, 'asked_by', a.asked_by,
        'asked_us', a.asked_us, 'expires_us', a.expires_us, 'decided_by', a.decided_by, 'note', a.note, 'state',
        CASE WHEN a.used_us IS NOT NULL THEN 'used' WHEN a.withdrawn_us IS NOT NULL THEN 'withdrawn' WHEN a.decision = 'refused' THEN 'refused' WHEN a.expires_us <= p_now THEN 'expired'
            ELSE COALESCE(a.decision, 'asked') END);
END $$;

CREATE OR REPLACE FUNCTION powergate.approval_hash(p_action text, p_subject jsonb) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN sha256(convert_to(p_action || ' ' || p_subject::text, 'UTF8'));
END $$;
-- The one that is open for it already, or a new one.
CREATE OR REPLACE FUNCTION powergate.approval_ask(p_action text, p_subject jsonb, p_reason text, p_who text, p_uid bigint, p_life bigint, p_now bigint)
RETURNS approval LANGUAGE plpgsql AS $$
DECLARE a approval; hash bytea := powergate.approval_hash(p_action, p_subject);
BEGIN
    -- the same question twice at once is one question
    PERFORM pg_advisory_xact_lock(646, hashtext(encode(hash, 'hex')));
    SELECT * INTO a FROM approval x WHERE x.sha256 = hash AND x.used_us IS NULL AND x.withdrawn_us IS NULL AND x.asked_uid = p_uid
        AND x.expires_us > p_now AND x.decision IS DISTINCT FROM 'refused' ORDER BY x.id DESC LIMIT 1 FOR UPDATE;
    IF a.id IS NULL THEN
        INSERT INTO approval (action, subject, sha256, reason, asked_uid, asked_by, asked_us, expires_us)
        VALUES (p_action, p_subject, hash, p_reason, p_uid, p_who, p_now, p_now + p_life) RETURNING * INTO a;
        PERFORM powergate.audited(p_who, 'approval.ask', jsonb_build_object('approval', a.id, 'action', p_action, 'subject', p_subject, 'reason', p_reason), 'asked', p_now);
    END IF;
    RETURN a;
END $$;

-- A given one is used up here.  jsonb is equal whatever order its members came in; lists are not,
-- so sort them.
CREATE OR REPLACE FUNCTION powergate.approval_needed(p_action text, p_subject jsonb, p_reason text, p_who text, p_uid bigint, p_now bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a approval := powergate.approval_ask(p_action, p_subject, p_reason, p_who, p_uid, 3600000000, p_now);
BEGIN
    IF a.decision = 'given' THEN
        UPDATE approval SET used_us = p_now WHERE id = a.id;
        PERFORM powergate.audited(p_who, 'approval.use', jsonb_build_object('approval', a.id, 'reason', p_reason), 'given by ' || a.decided_by, p_now);
        RETURN NULL;
    END IF;
    RETURN powergate.approval_json(a, p_now) || jsonb_build_object('text',
        format('nothing is done yet: another must approve it within an hour (powergatectl approval give %s); then order it again', a.id));
END $$;

-- Where the second person's word is the deed: it is given and used up in one.  NULL, or why not.
CREATE OR REPLACE FUNCTION powergate.approval_take(p_action text, p_subject jsonb, p_note text, p_who text, p_uid bigint, p_now bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE a approval; hash bytea := powergate.approval_hash(p_action, p_subject);
BEGIN
    PERFORM pg_advisory_xact_lock(646, hashtext(encode(hash, 'hex')));
    SELECT * INTO a FROM approval x WHERE x.sha256 = hash AND x.withdrawn_us IS NULL
        ORDER BY x.used_us IS NULL AND x.decision IS NULL AND x.expires_us > p_now AND x.asked_uid <> p_uid DESC, x.id DESC LIMIT 1 FOR UPDATE;
    IF a.id IS NULL THEN RETURN 'nobody has asked for exactly this'; END IF;
    IF a.asked_uid = p_uid THEN RETURN 'who asks does not approve'; END IF;
    IF a.used_us IS NOT NULL THEN RETURN 'this approval is used already'; END IF;
    IF a.decision IS NOT NULL THEN RETURN format('it was %s by %s already', a.decision, a.decided_by); END IF;
    IF a.expires_us <= p_now THEN RETURN 'what was asked for is expired; it is asked for anew'; END IF;
    UPDATE approval SET decision = 'given', decided_uid = p_uid, decided_by = p_who, decided_us = p_now, note = COALESCE(p_note, ''), used_us = p_now WHERE id = a.id;
    PERFORM powergate.audited(p_who, 'approval.given', jsonb_build_object('approval', a.id, 'action', a.action, 'subject', a.subject, 'reason', p_note), 'used', p_now);
    RETURN NULL;
END $$;
-- By which words it is approved that is not approved by approval give.
CREATE OR REPLACE FUNCTION powergate.approval_words(a approval) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN a.action LIKE 'refund.%' THEN 'refund approve ' || (SELECT c.id FROM correction c WHERE c.number = a.subject ->> 'number')
        WHEN a.action = 'tariff.approve' THEN 'tariff approve ' || (a.subject ->> 'version')
        WHEN a.action = 'work.resolve' THEN format('work resolve %s %s', a.subject ->> 'work', a.subject ->> 'decision') END;
END $$;

CREATE OR REPLACE FUNCTION powergate.approval_decide(p jsonb, p_decision text, p_who text, p_uid bigint, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a approval;
BEGIN
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    SELECT * INTO a FROM approval x WHERE x.id = powergate.id_arg(p, 'approval') FOR UPDATE;
    IF a.id IS NULL THEN RETURN powergate.api_error(404, 'no such approval is asked for'); END IF;
    IF a.asked_uid = p_uid THEN RETURN powergate.api_error(403, 'who asks does not approve'); END IF;
    IF a.withdrawn_us IS NOT NULL THEN RETURN powergate.api_error(409, format('%s has taken it back', a.asked_by)); END IF;
    IF p_decision = 'given' AND powergate.approval_words(a) IS NOT NULL THEN
        RETURN powergate.api_error(409, format('this is approved by doing it: powergatectl %s', powergate.approval_words(a)));
    END IF;
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
        WHERE p ? 'all' OR (x.used_us IS NULL AND x.withdrawn_us IS NULL AND x.expires_us > p_now AND x.decision IS DISTINCT FROM 'refused') ORDER BY x.id DESC LIMIT powergate.limited(p)) a);
END $$;
