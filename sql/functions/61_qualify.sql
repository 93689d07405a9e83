-- A meter on the bench, asked what it does with the same purchase twice (reliability.md B.3).

CREATE OR REPLACE FUNCTION powergate.qualify_task(c command) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('qualification', q.id, 'claim', q.claim, 'stage', q.stage, 'credit', q.credit_minor,
        'count', q.count, 'order_no', q.order_no::text, 'outages', q.outages, 'epoch', q.epoch,
        'steps', (SELECT count(*) FROM qualification_step s WHERE s.qualification_id = q.id)) || c.task
        FROM qualification q WHERE q.id = (c.task ->> 'qualification')::bigint);
END $$;

-- One stage, and what follows from it.
CREATE OR REPLACE FUNCTION door.qualify_step(p_qualification bigint, p_command bigint, p_epoch bigint, p jsonb, p_out bytea[],
    p_in bytea[], p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE q qualification; m meter; steps int; was text;
BEGIN
    SELECT * INTO q FROM qualification WHERE id = p_qualification AND state IN ('running', 'power') FOR UPDATE;
    IF q.id IS NULL OR NOT EXISTS (SELECT FROM command c WHERE c.id = p_command AND c.epoch = p_epoch AND c.kind = 'qualify'
                                   AND c.state IN ('sent', 'unsure')) THEN
        RETURN false;
    END IF;
    SELECT * INTO m FROM meter WHERE id = q.meter_id;
    was := powergate.capability(m);
    SELECT count(*) INTO steps FROM qualification_step s WHERE s.qualification_id = q.id;
    INSERT INTO qualification_step (qualification_id, n, at_us, stage, said, number, count_before, count_after, bought_before, bought_after,
        credit_before, credit_after, verdict, frames_out, frames_in)
    VALUES (q.id, steps + 1, p_now, p ->> 'stage', p ->> 'said', (p ->> 'number')::bigint, (p ->> 'count_before')::bigint,
        (p ->> 'count_after')::bigint, (p ->> 'bought_before')::bigint, (p ->> 'bought_after')::bigint, (p ->> 'credit_before')::bigint,
        (p ->> 'credit_after')::bigint, format('%s: %s', p ->> 'verdict', p ->> 'why'), p_out, p_in);
    UPDATE qualification x SET stage = p ->> 'next', why = p ->> 'why', epoch = p_epoch, class = p ->> 'class',
        count = COALESCE((p ->> 'count')::bigint, x.count), order_no = COALESCE((p ->> 'order_no')::bigint, x.order_no),
        outages = (p ->> 'outages')::bigint, bought_minor = COALESCE((p ->> 'bought_after')::bigint, x.bought_minor),
        state = CASE WHEN p ? 'class' THEN 'ended' WHEN p ? 'given_up' THEN 'given up' WHEN p ->> 'next' = 'power' THEN 'power' ELSE 'running' END,
        ended_us = CASE WHEN p ? 'class' OR p ? 'given_up' THEN p_now END
    WHERE x.id = q.id;
    IF p ? 'class' THEN
        PERFORM powergate.event_add('qualified', q.meter_id, NULL, format('%s %s is of class %s: %s', q.profile,
            CASE WHEN q.model = '' THEN 'of no model' ELSE q.model END, p ->> 'class', p ->> 'why'), p_now);
        INSERT INTO audit (at_us, actor, action, args, outcome, before, after) VALUES (p_now, q.asked_by, 'meter.qualify',
            jsonb_build_object('meter', m.address, 'qualification', q.id, 'profile', q.profile, 'model', q.model), 'class ' || (p ->> 'class'),
            jsonb_build_object('class', was), jsonb_build_object('class', p ->> 'class'));
    END IF;
    RETURN true;
END $$;
