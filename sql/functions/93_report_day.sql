-- A day's report as a whole, kept as it was told first, and the job that has it written.

-- The site in one row: the sums of what follows.
CREATE OR REPLACE FUNCTION powergate.report_site(t site, p_accounts jsonb, p_meters jsonb, p_exposure jsonb, p_late jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN powergate.report_section('site', ARRAY['site', 'accounts', 'meters', 'used_wh', 't1_wh', 't2_wh', 't3_wh', 't4_wh', 'billed_wh', 'unpriced_wh',
        'open_minor', 'payments', 'received_minor', 'charged_minor', 'loaded_minor', 'other_minor', 'close_minor', 'meter_charged_minor', 'in_meter_minor',
        'arrears_minor', 'exposed_minor', 'late_facts'],
        jsonb_build_array(jsonb_build_array(t.name, jsonb_array_length(p_accounts -> 'rows'), jsonb_array_length(p_meters -> 'rows')) ||
            (SELECT jsonb_agg(powergate.report_sum(p_meters, c) ORDER BY n) FROM unnest('{used_wh,t1_wh,t2_wh,t3_wh,t4_wh}'::text[]) WITH ORDINALITY x(c, n)) ||
            (SELECT jsonb_agg(powergate.report_sum(p_accounts, c) ORDER BY n) FROM unnest('{billed_wh,unpriced_wh,open_minor,payments,received_minor,charged_minor,loaded_minor,other_minor,close_minor,meter_charged_minor,in_meter_minor,arrears_minor}'::text[]) WITH ORDINALITY x(c, n)) ||
            jsonb_build_array(COALESCE(powergate.report_sum(p_exposure, 'exposed_minor'), 0), jsonb_array_length(p_late -> 'rows'))));
END $$;

CREATE OR REPLACE FUNCTION powergate.report_body(t site, d recon_day) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE n int := powergate.day_beside(d.day, 1); starts bigint := powergate.report_midnight(d.day, t.zone);
    ends bigint := powergate.report_midnight(n, t.zone); accounts jsonb; meters jsonb; payments jsonb; exposure jsonb; late jsonb;
BEGIN
    accounts := powergate.report_accounts(t.id, starts, ends);
    meters := powergate.report_meters(t.id, d.day, n, starts, ends, d.closed_us);
    payments := powergate.report_payments(t.id, starts, ends);
    exposure := powergate.report_exposure(t.id, starts, ends);
    late := powergate.report_late(t, d.day, starts, ends);
    RETURN jsonb_build_object('site', t.name, 'zone', t.zone, 'currency', t.currency, 'day', d.day, 'from_us', starts, 'to_us', ends,
        'sections', jsonb_build_array(
            powergate.report_site(t, accounts, meters, exposure, late), powergate.report_closing(d), powergate.report_reconciliation(d),
            powergate.report_breaks(d), late, accounts, meters, powergate.report_charges(t.id, starts, ends),
            powergate.report_payment_times(payments), payments, powergate.report_exposure_causes(exposure), exposure,
            powergate.report_alarms(t.id, starts, ends), powergate.report_work(t.id, starts, ends)));
END $$;

-- A day is told once it is closed, and as it was told then for ever after.
CREATE OR REPLACE FUNCTION powergate.report_tell(t site, p_day int, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE d recon_day; told jsonb;
BEGIN
    SELECT r.body INTO told FROM report_day r WHERE r.site_id = t.id AND r.day = p_day;
    IF told IS NOT NULL THEN RETURN told; END IF;
    SELECT * INTO d FROM recon_day q WHERE q.site_id = t.id AND q.day = p_day;
    IF d.day IS NULL THEN RETURN NULL; END IF;
    INSERT INTO report_day AS r (site_id, day, made_us, body) VALUES (t.id, p_day, p_now, powergate.report_body(t, d))
    ON CONFLICT (site_id, day) DO NOTHING;
    SELECT r.body INTO told FROM report_day r WHERE r.site_id = t.id AND r.day = p_day; -- ours, or whose came first
    RETURN told;
END $$;

CREATE OR REPLACE FUNCTION door.api_report_day(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t site; d int;
BEGIN
    SELECT * INTO t FROM site WHERE name = p ->> 'site';
    IF t.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    d := (p ->> 'day')::int;
    IF p_now < powergate.report_midnight(powergate.day_beside(d, 1), t.zone) THEN RETURN powergate.api_error(409, 'this day is not over'); END IF;
    RETURN COALESCE(powergate.report_tell(t, d, p_now),
        powergate.api_error(409, 'this day is not closed: powergatectl recon close'));
END $$;

-- --- the job ------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.report_work_done(p_key text, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.work_resolve(p_key, jsonb_build_object('by', 'powergated', 'reason', p_why), p_now);
END $$;

-- A day that is still open a day after its report was due waits for a person.
CREATE OR REPLACE FUNCTION powergate.report_waits(t site, p_minute int, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE next_day int := (SELECT powergate.day_beside(max(d.day), 1) FROM recon_day d WHERE d.site_id = t.id);
BEGIN
    IF next_day IS NULL THEN RETURN; END IF;
    IF powergate.report_midnight(powergate.day_beside(next_day, 2), t.zone) + p_minute * 60000000::bigint <= p_now THEN
        PERFORM powergate.work_add(format('report:open:%s', t.id), 'REPORT', format('%s of %s is not closed, and its report waits', next_day, t.name),
            format('powergatectl recon breaks --site %s; then powergatectl recon close %s %s', t.name, t.name, next_day), NULL, NULL, NULL, NULL, p_now);
    ELSE
        PERFORM powergate.report_work_done(format('report:open:%s', t.id), 'its days are closed', p_now);
    END IF;
END $$;

-- The next closed day of a site that nobody has written or is writing, in the order of days, from
-- the hour on the day after.  Whoever takes it has it for ten minutes, and may ask for its telling
-- for as long: a site with a hundred thousand meters takes more than other statements may.
CREATE OR REPLACE FUNCTION door.report_take(p_node text, p_minute int, p_now bigint)
RETURNS TABLE (site_id bigint, site text, day int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE t site; x int; taken int;
BEGIN
    FOR t IN SELECT * FROM site ORDER BY name LOOP
        PERFORM powergate.report_waits(t, p_minute, p_now);
        SELECT min(d.day) INTO x FROM recon_day d LEFT JOIN report_job j ON j.site_id = d.site_id AND j.day = d.day
        WHERE d.site_id = t.id AND j.written_us IS NULL;
        CONTINUE WHEN x IS NULL OR powergate.report_midnight(powergate.day_beside(x, 1), t.zone) + p_minute * 60000000::bigint > p_now;
        INSERT INTO report_job AS j (site_id, day, node, lease_us) VALUES (t.id, x, p_node, p_now + 600000000)
        ON CONFLICT ON CONSTRAINT report_job_pkey DO UPDATE SET node = p_node, lease_us = EXCLUDED.lease_us, tries = j.tries + 1
        WHERE j.written_us IS NULL AND j.lease_us <= p_now RETURNING j.day INTO taken;
        IF taken IS NOT NULL THEN
            PERFORM set_config('statement_timeout', '540s', false);
            RETURN QUERY SELECT t.id, t.name, x;
            RETURN;
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION door.report_told(p_site bigint, p_day int, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE t site;
BEGIN
    SELECT * INTO t FROM site WHERE id = p_site;
    PERFORM set_config('statement_timeout', '30s', false); -- of the next statement, and as it was
    RETURN powergate.report_tell(t, p_day, p_now)::text;
END $$;

-- It lies there, whole and signed; or it could not be written, why, and when to try again.
CREATE OR REPLACE FUNCTION door.report_written(p_site bigint, p_day int, p_node text, p_sha256 text, p_why text, p_retry bigint, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE t site;
BEGIN
    SELECT * INTO t FROM site WHERE id = p_site;
    UPDATE report_job j SET written_us = CASE WHEN p_why IS NULL THEN p_now END, sha256 = CASE WHEN p_why IS NULL THEN p_sha256 END,
        lease_us = CASE WHEN p_why IS NULL THEN j.lease_us ELSE p_now + p_retry END
    WHERE j.site_id = p_site AND j.day = p_day AND j.node = p_node AND j.written_us IS NULL;
    IF NOT FOUND THEN RETURN; END IF;
    IF p_why IS NULL THEN
        PERFORM powergate.report_work_done(format('report:%s', p_site), 'it is written', p_now);
    ELSE
        PERFORM powergate.work_add(format('report:%s', p_site), 'REPORT', format('the report of %s of %s cannot be written: %s', p_day, t.name, p_why),
            'see to the directory, its room and the key: settings section report; it is tried again by itself', NULL, NULL, NULL, NULL, p_now);
    END IF;
END $$;
