-- What is asked of meters on the bench, and what they have shown.

-- Begins one, or goes on with the one that waits for the supply to have been cut.
CREATE OR REPLACE FUNCTION door.api_meter_qualify(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; q qualification; c bigint; credit bigint := powergate.minor_arg(p, 'credit_minor');
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' AND state = 'active' FOR UPDATE;
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    IF m.account_id IS NOT NULL OR EXISTS (SELECT FROM installation i WHERE i.meter_id = m.id AND i.to_us IS NULL) THEN
        RETURN powergate.api_error(409, 'it is somebody''s meter: only one without an account is asked to take credit that nobody paid');
    END IF;
    SELECT * INTO q FROM qualification WHERE meter_id = m.id AND state IN ('running', 'power');
    IF q.id IS NULL AND m.profile NOT IN ('wallet-esam', 'wallet-plain') THEN
        RETURN powergate.api_error(409, format('profile %s knows no number by which a meter could know a credit again: its class is none', m.profile));
    ELSIF q.id IS NULL AND COALESCE(credit, 0) NOT BETWEEN 1 AND 1000000 THEN
        RETURN powergate.api_error(400, 'say how much credit it is given, from 0.01 to 10000.00: it is given twice');
    ELSIF q.id IS NOT NULL AND (q.profile <> m.profile OR q.model <> m.model) THEN
        UPDATE qualification SET state = 'given up', why = 'the meter is of another profile or model by now', ended_us = p_now WHERE id = q.id;
        RETURN powergate.api_error(409, 'it was begun as another profile or model, and is given up: begin anew');
    END IF;
    IF q.id IS NULL THEN
        INSERT INTO qualification (meter_id, profile, model, credit_minor, claim, stage, asked_by, started_us)
        VALUES (m.id, m.profile, m.model, credit, CASE m.profile WHEN 'wallet-esam' THEN 'counted' ELSE 'order_no' END, 'first', p_who, p_now)
        RETURNING * INTO q;
    END IF;
    PERFORM powergate.audited(p_who, 'meter.qualify', p, 'asked', p_now);
    SELECT x.id INTO c FROM command x WHERE x.meter_id = m.id AND x.kind = 'qualify' AND x.state IN ('waiting', 'sent', 'unsure');
    IF c IS NULL THEN
        c := door.command_add('qualify:' || q.id || ':' || p_now, m.id, 'qualify', 3, jsonb_build_object('qualification', q.id, 'power_cut',
            COALESCE((p ->> 'power_cut')::boolean, false)), 'what does it do with the same credit twice', p_who, p_now + 86400000000, p_now);
    END IF;
    RETURN jsonb_build_object('qualification', q.id, 'command', c, 'look', m.endpoint_id);
END $$;

CREATE OR REPLACE FUNCTION powergate.qualification_json(q qualification) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('qualification', q.id, 'meter', (SELECT address FROM meter WHERE id = q.meter_id), 'profile', q.profile,
        'model', q.model, 'credit_minor', q.credit_minor, 'claim', q.claim, 'state', q.state, 'stage', q.stage, 'class', q.class, 'why', q.why,
        'by', q.asked_by, 'started_us', q.started_us, 'ended_us', q.ended_us);
$$;
CREATE OR REPLACE FUNCTION door.api_qualification_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(powergate.qualification_json(q) ORDER BY q.id DESC))
    FROM (SELECT * FROM qualification x WHERE (NOT p ? 'profile' OR x.profile = p ->> 'profile') AND (NOT p ? 'model' OR x.model = p ->> 'model')
          ORDER BY x.id DESC LIMIT powergate.limited(p)) q;
$$;
CREATE OR REPLACE FUNCTION door.api_qualification_show(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE((SELECT powergate.qualification_json(q) || jsonb_build_object('rows', (SELECT jsonb_agg(jsonb_build_object('step', s.n, 'at_us', s.at_us,
        'stage', s.stage, 'sent', s.number, 'said', s.said, 'count_before', s.count_before, 'count_after', s.count_after,
        'bought_before', s.bought_before, 'bought_after', s.bought_after, 'verdict', s.verdict,
        'out', (SELECT jsonb_agg(upper(encode(f, 'hex'))) FROM unnest(s.frames_out) f), 'in', (SELECT jsonb_agg(upper(encode(f, 'hex'))) FROM unnest(s.frames_in) f))
        ORDER BY s.n) FROM qualification_step s WHERE s.qualification_id = q.id))
        FROM qualification q WHERE q.id = (p ->> 'qualification')::bigint), powergate.api_error(404, 'no such qualification'));
$$;
