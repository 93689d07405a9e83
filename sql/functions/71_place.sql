-- Points, tenancies, installations: who lives where, and which meter counts there.

-- A meter that is new with its account: a point of its address, a tenancy since ever, and an
-- installation that begins with the first reading.
CREATE OR REPLACE FUNCTION powergate.place_meter(p_meter bigint, p_account bigint, p_multiplier int, p_extra bigint, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE point bigint; y bigint;
BEGIN
    INSERT INTO service_point (site_id, name, extra_wh, created_us) SELECT m.site_id, m.address, p_extra, p_now FROM meter m WHERE m.id = p_meter
    RETURNING id INTO point;
    INSERT INTO tenancy (point_id, account_id, from_us) VALUES (point, p_account, -9223372036854775808) RETURNING id INTO y;
    INSERT INTO installation (point_id, tenancy_id, meter_id, multiplier) VALUES (point, y, p_meter, p_multiplier);
END $$;

-- "123450" or "123450,100,200,300,400": the total alone, or with T1 to T4; NULL when it is neither.
CREATE OR REPLACE FUNCTION powergate.registers_in(p_text text) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_text ~ '^\d{1,12}$' THEN
        RETURN ARRAY[p_text::bigint, NULL, NULL, NULL, NULL];
    ELSIF p_text ~ '^\d{1,12}(,\d{1,12}){4}$' THEN
        RETURN string_to_array(p_text, ',')::bigint[];
    END IF;
    RETURN NULL;
END $$;

-- What a meter counts a day, by its last freezes; NULL when that is not known.
CREATE OR REPLACE FUNCTION powergate.day_wh(p_meter bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT (max(f.total_wh) - min(f.total_wh)) * 86400 / NULLIF((max(f.at_us) - min(f.at_us)) / 1000000, 0)
        FROM (SELECT q.total_wh, q.at_us FROM freeze_record q WHERE q.meter_id = p_meter AND q.quality = 'meter' ORDER BY q.day DESC LIMIT 8) f);
END $$;

-- At what instant, and with which registers, does a meter's time end or begin here?  Those a person
-- read; else the newest that came in, if they are of the last hour; else, if he wants it, an
-- estimate by the days before.
CREATE OR REPLACE FUNCTION powergate.registers_for(i installation, p_registers text, p_at bigint, p_estimate boolean, p_now bigint,
    OUT at_us bigint, OUT wh bigint[], OUT quality text, OUT problem text) LANGUAGE plpgsql AS $$
DECLARE s meter_state; day_wh bigint;
BEGIN
    quality := 'read';
    SELECT * INTO s FROM meter_state WHERE meter_id = i.meter_id;
    IF p_registers IS NOT NULL THEN
        wh := powergate.registers_in(p_registers);
        at_us := COALESCE(p_at, p_now);
        IF wh IS NULL THEN problem := 'registers are the total in Wh, or the total and T1 to T4 with commas between'; END IF;
    ELSIF p_at IS NULL AND s.total_us > p_now - 3600000000 AND s.total_us > COALESCE(i.billed_us, 0) - 1 THEN
        at_us := s.total_us;
        wh := powergate.registers_at(i.meter_id, s.total_us);
    ELSIF p_estimate AND i.billed_us IS NOT NULL THEN
        day_wh := powergate.day_wh(i.meter_id);
        at_us := COALESCE(p_at, p_now);
        quality := 'estimate';
        wh := ARRAY[i.billed_wh[1] + COALESCE(day_wh, 0) * ((at_us - i.billed_us) / 1000000) / 86400, NULL, NULL, NULL, NULL];
    ELSE
        problem := 'its registers are not known: read it (powergatectl meter read), or say what they are, or have them estimated';
    END IF;
    IF problem IS NULL AND at_us > p_now THEN
        problem := 'that time is still to come';
    ELSIF problem IS NULL AND at_us < i.billed_us THEN
        problem := format('it has been charged up to %s UTC already', to_char(to_timestamp(i.billed_us / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'));
    END IF;
END $$;

-- What follows in the same place begins where this one ends; nothing is between them.
CREATE OR REPLACE FUNCTION powergate.installation_end(i installation, p_at bigint, p_wh bigint[], p_quality text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE installation q SET to_us = p_at, close_wh = p_wh, close_quality = p_quality,
        settled = q.from_us IS NULL OR q.tenancy_id IS NULL WHERE q.id = i.id;
END $$;
CREATE OR REPLACE FUNCTION powergate.installation_begin(p_point bigint, p_tenancy bigint, p_meter bigint, p_multiplier int, p_at bigint, p_wh bigint[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    INSERT INTO installation (point_id, tenancy_id, meter_id, multiplier, from_us, open_wh, billed_us, billed_wh, moved_us)
    VALUES (p_point, p_tenancy, p_meter, p_multiplier, CASE WHEN p_wh IS NOT NULL THEN p_at END, p_wh,
        CASE WHEN p_wh IS NOT NULL THEN p_at END, p_wh, CASE WHEN p_wh IS NOT NULL THEN p_at END) RETURNING id INTO n;
    RETURN n;
END $$;

-- --- another meter --------------------------------------------------------------------------------

-- What is on its way to the old meter: what may have left is for people to find out, what has not
-- goes to the new one (domain.md 5.7.5, reliability.md B.7).
CREATE OR REPLACE FUNCTION powergate.deliveries_move(p_account bigint, p_old bigint, p_new bigint, p_who text, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE d record;
BEGIN
    UPDATE credit_delivery q SET state = 'VERIFYING' WHERE q.meter_id = p_old AND q.state = 'INTENT';
    FOR d IN UPDATE credit_delivery q SET state = 'REVIEW', why = 'the meter was swapped before anybody knew whether it took it'
        WHERE q.meter_id = p_old AND q.state = 'VERIFYING' RETURNING q.id LOOP
        PERFORM powergate.review_add(d.id, p_now);
    END LOOP;
    FOR d IN SELECT q.id, q.payment_id, q.kind, c.order_us FROM credit_delivery q JOIN command c ON c.delivery_id = q.id AND c.meter_id = p_old
        WHERE q.account_id = p_account AND q.state = 'QUEUED' AND c.state IN ('waiting', 'sent', 'unsure') ORDER BY c.order_us, q.id LOOP
        IF d.kind = 'open' THEN
            UPDATE credit_delivery SET state = 'CANCELLED', why = 'the meter was swapped' WHERE id = d.id;
        ELSE
            PERFORM powergate.delivery_command(d.id, d.payment_id, p_new, d.order_us, p_who, p_now);
        END IF;
    END LOOP;
    UPDATE command c SET state = 'cancelled', ended_us = p_now, outcome = 'the meter was swapped'
    WHERE c.meter_id = p_old AND c.state IN ('waiting', 'unsure');
END $$;

-- What was left in the old meter is ours again, and travels as one delivery when two people agree.
CREATE OR REPLACE FUNCTION powergate.credit_move(a account, p_old bigint, p_new bigint, p_installation bigint, p_credit bigint, p_who text, p_now bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE d bigint; address text;
BEGIN
    IF p_credit = 0 THEN RETURN NULL; END IF;
    SELECT m.address INTO address FROM meter m WHERE m.id = p_old;
    PERFORM powergate.journal_post('swap:' || p_installation, 'swap', format('what was left in meter %s', address), p_who, NULL,
        ARRAY['loaded', 'prepaid'], ARRAY['', ''], ARRAY[a.id, a.id], ARRAY[p_credit, -p_credit],
        (SELECT s.currency FROM site s WHERE s.id = a.site_id), p_now);
    IF p_credit < 0 THEN
        PERFORM powergate.work_add('swapdebt:' || p_installation, 'SWAP_DEBT', format('meter %s went with %s owed', address, powergate.money_text(-p_credit)),
            'it cannot be loaded into the new one: the account owes it', a.id, p_new, NULL, NULL, p_now);
        RETURN NULL;
    END IF;
    -- of no meter yet, or what is paid meanwhile would wait behind it
    INSERT INTO credit_delivery (kind, account_id, amount_minor, state, created_us, why)
    VALUES ('transfer', a.id, p_credit, 'REVIEW', p_now, format('left in meter %s when it was swapped; requeue sends it into the new one', address))
    RETURNING id INTO d;
    PERFORM powergate.review_add(d, p_now);
    UPDATE work SET meter_id = p_new WHERE key = 'review:' || d;
    RETURN d;
END $$;

-- --- tenants come and go -----------------------------------------------------------------------

-- All of a tenancy is charged.  What is left is paid back by a person, what is owed is collected;
-- below a minor unit nothing can be posted, and the sums keep it.
CREATE OR REPLACE FUNCTION powergate.tenancy_settled(p_tenancy bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE y tenancy; a account; s account_state; credit bigint;
BEGIN
    SELECT * INTO y FROM tenancy WHERE id = p_tenancy;
    SELECT * INTO a FROM account WHERE id = y.account_id;
    IF EXISTS (SELECT FROM tenancy q WHERE q.account_id = a.id AND NOT q.settled) THEN RETURN; END IF;
    SELECT * INTO s FROM account_state WHERE account_id = a.id;
    SELECT sum(x.credit_minor) INTO credit FROM installation i JOIN meter_state x ON x.meter_id = i.meter_id WHERE i.tenancy_id = y.id AND a.fee_mode = 'local';
    IF credit IS NOT NULL AND credit <> 0 THEN
        PERFORM powergate.work_add('moveout:' || y.id, 'MOVE_OUT', format('account %s has moved out and %s is left in the meter', a.number, powergate.money_text(credit)),
            'take it out of the meter before anything is paid back', a.id, NULL, NULL, NULL, p_now);
    END IF;
    IF s.prepaid_minor > 0 THEN
        PERFORM powergate.work_add('refund:tenancy:' || y.id, 'REFUND', format('account %s has moved out with %s left', a.number, powergate.money_text(s.prepaid_minor)),
            format('pay it back, then post it: powergatectl account refund %s --amount %s --reason "reference ..."', a.number, powergate.money_text(s.prepaid_minor)),
            a.id, NULL, NULL, NULL, p_now);
    ELSIF s.prepaid_minor < 0 THEN
        PERFORM powergate.journal_post('collect:' || y.id, 'collect', 'owed at the end of a tenancy', 'powergated', NULL,
            ARRAY['arrears', 'prepaid'], ARRAY['', ''], ARRAY[a.id, a.id], ARRAY[-s.prepaid_minor, s.prepaid_minor],
            (SELECT t.currency FROM site t WHERE t.id = a.site_id), p_now);
        PERFORM powergate.work_add('collect:' || y.id, 'COLLECT', format('account %s has moved out and owes %s', a.number, powergate.money_text(-s.prepaid_minor)),
            'collect it', a.id, NULL, NULL, NULL, p_now);
    END IF;
    PERFORM powergate.event_add('moved out', NULL, a.id, format('all is charged, the balance was %s', powergate.money_text(s.prepaid_minor)), p_now);
    PERFORM powergate.mark_dirty(ARRAY[a.id], p_now);
END $$;
