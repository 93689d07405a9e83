-- Survey, frame log, and what may be handed to a maker.

-- A row a site, carrier and kind of link, of as many days; the signal is that of the newest reading of each.
CREATE OR REPLACE FUNCTION powergate.survey_rows(p jsonb, p_now bigint)
RETURNS TABLE (site text, carrier text, link text, endpoints bigint, online_now bigint, online_bp bigint, answered bigint, silent_bp bigint,
    p50 int, p95 int, p99 int, retries_bp bigint, dbm int, dbm_worst int) LANGUAGE sql STABLE AS $$
    WITH span AS (SELECT (to_timestamp(p_now / 1000000) AT TIME ZONE 'UTC')::date - least(greatest(COALESCE((p ->> 'days')::int, 7), 1), 100) + 1 AS since),
    lines AS (SELECT e.id, e.carrier, e.link, e.closed_us IS NULL AND e.epoch > 0 AS here, (SELECT min(m.site_id) FROM meter m WHERE m.endpoint_id = e.id AND m.state = 'active') AS site_id
        FROM endpoint e WHERE e.state = 'claimed'),
    days AS (SELECT l.endpoint_id, sum(l.answered)::bigint AS answered, sum(l.silent)::bigint AS silent, sum(l.looked) AS looked, sum(l.online) AS online,
            ARRAY(SELECT sum(x.in_ms[i])::bigint FROM way_day x, span, generate_series(1, 12) i WHERE x.endpoint_id = l.endpoint_id AND x.day >= span.since GROUP BY i ORDER BY i) AS in_ms
        FROM way_day l, span WHERE l.day >= span.since GROUP BY l.endpoint_id),
    tries AS (SELECT m.endpoint_id, count(*) AS n, sum(greatest(c.attempts - 1, 0)) AS again FROM command c JOIN meter m ON m.id = c.meter_id, span
        WHERE c.created_us >= (extract(epoch FROM span.since) * 1000000)::bigint GROUP BY m.endpoint_id),
    signal AS (SELECT DISTINCT ON (g.endpoint_id) g.endpoint_id, g.dbm FROM way_signal g ORDER BY g.endpoint_id, g.at_us DESC),
    told AS (SELECT s.name AS site, l.carrier, l.link, count(*) AS endpoints, count(*) FILTER (WHERE l.here) AS online_now, sum(d.looked)::bigint AS looked,
            sum(d.online)::bigint AS online, COALESCE(sum(d.answered), 0)::bigint AS answered, COALESCE(sum(d.silent), 0)::bigint AS silent,
            ARRAY[COALESCE(sum(d.in_ms[1]), 0)::bigint, COALESCE(sum(d.in_ms[2]), 0)::bigint, COALESCE(sum(d.in_ms[3]), 0)::bigint, COALESCE(sum(d.in_ms[4]), 0)::bigint, COALESCE(sum(d.in_ms[5]), 0)::bigint, COALESCE(sum(d.in_ms[6]), 0)::bigint, COALESCE(sum(d.in_ms[7]), 0)::bigint, COALESCE(sum(d.in_ms[8]), 0)::bigint, COALESCE(sum(d.in_ms[9]), 0)::bigint, COALESCE(sum(d.in_ms[10]), 0)::bigint, COALESCE(sum(d.in_ms[11]), 0)::bigint, COALESCE(sum(d.in_ms[12]), 0)::bigint] AS in_ms, sum(t.n)::bigint AS n, sum(t.again)::bigint AS again,
            (percentile_disc(0.5) WITHIN GROUP (ORDER BY g.dbm)) AS dbm, min(g.dbm) AS worst
        FROM lines l JOIN site s ON s.id = l.site_id LEFT JOIN days d ON d.endpoint_id = l.id LEFT JOIN tries t ON t.endpoint_id = l.id
        LEFT JOIN signal g ON g.endpoint_id = l.id
        WHERE powergate.shown(p, l.site_id) AND (NOT p ? 'site' OR s.name = p ->> 'site') GROUP BY s.name, l.carrier, l.link)
    SELECT o.site, o.carrier, o.link, o.endpoints, o.online_now, o.online * 10000 / NULLIF(o.looked, 0), o.answered,
        o.silent * 10000 / NULLIF(o.answered + o.silent, 0), powergate.way_percentile(o.in_ms, 50), powergate.way_percentile(o.in_ms, 95),
        powergate.way_percentile(o.in_ms, 99), o.again * 10000 / NULLIF(o.n, 0), o.dbm, o.worst
    FROM told o;
$$;
-- Hundredths of a percent as text: "99.75".
CREATE OR REPLACE FUNCTION powergate.bp_text(p bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN p / 100 || '.' || lpad((p % 100)::text, 2, '0');
END $$;
-- Which of a site's ways is the best, in a sentence: what answers most, and then soonest.
CREATE OR REPLACE FUNCTION door.api_survey(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    WITH r AS MATERIALIZED (SELECT * FROM powergate.survey_rows(p, p_now)),
    best AS (SELECT r.* FROM r WHERE r.p95 IS NOT NULL ORDER BY COALESCE(r.online_bp, 0) / 100 DESC, r.silent_bp / 100, r.p95, r.link LIMIT 1)
    SELECT powergate.rows_json((SELECT jsonb_agg(jsonb_build_object('site', r.site, 'carrier', r.carrier, 'link', r.link, 'endpoints', r.endpoints,
        'online_now', r.online_now, 'online_percent', powergate.bp_text(r.online_bp), 'answers', r.answered, 'silent_percent', powergate.bp_text(r.silent_bp),
        'p50_ms', r.p50, 'p95_ms', r.p95, 'p99_ms', r.p99, 'retries_percent', powergate.bp_text(r.retries_bp), 'signal_dbm', r.dbm, 'worst_dbm', r.dbm_worst,
        'advice', powergate.way_advice(r.link, r.carrier, r.online_bp, r.silent_bp, r.p95, r.dbm_worst)) ORDER BY r.site, r.link, r.carrier) FROM r))
        || jsonb_build_object('advice', COALESCE((SELECT format('Of what is there, %s%s at %s serves best: %s.', CASE b.link WHEN '4g' THEN '4G' WHEN 'nbiot' THEN 'NB-IoT' ELSE 'RS485' END,
            CASE WHEN b.carrier = '' THEN '' ELSE ' of ' || b.carrier END, b.site, powergate.way_advice(b.link, b.carrier, b.online_bp, b.silent_bp, b.p95, b.dbm_worst)) FROM best b),
            'Nothing was measured yet: ask again when meters have been read for a day.'));
$$;

-- What is known of a connection that it does not tell itself.
CREATE OR REPLACE FUNCTION door.api_endpoint_link(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE e endpoint;
BEGIN
    SELECT * INTO e FROM endpoint WHERE identity = p ->> 'endpoint' FOR UPDATE;
    IF e.id IS NULL THEN RETURN powergate.api_error(404, 'no such endpoint'); END IF;
    IF COALESCE(p ->> 'link', e.link) NOT IN ('4g', 'nbiot', 'rs485') THEN RETURN powergate.api_error(400, 'a link is 4g, nbiot or rs485'); END IF;
    IF length(p ->> 'carrier') > 40 THEN RETURN powergate.api_error(400, 'a carrier has at most 40 letters'); END IF;
    IF p ? 'signal' AND COALESCE(p ->> 'signal', '') !~ '^-(1[0-3]\d|140|[2-9]\d)$' THEN RETURN powergate.api_error(400, 'a signal is -140 to -20 dBm'); END IF;
    UPDATE endpoint SET link = COALESCE(p ->> 'link', link), carrier = COALESCE(p ->> 'carrier', carrier) WHERE id = e.id;
    IF p ? 'signal' THEN
        INSERT INTO way_signal (endpoint_id, at_us, dbm, told_by) VALUES (e.id, p_now, (p ->> 'signal')::int, p_who);
    END IF;
    PERFORM powergate.audited(p_who, 'endpoint.link', p, 'done', p_now);
    RETURN jsonb_build_object('endpoint', e.identity, 'link', COALESCE(p ->> 'link', e.link), 'carrier', COALESCE(p ->> 'carrier', e.carrier));
END $$;

-- Every frame of a meter, for so many minutes; none of before, and 0 ends it.
CREATE OR REPLACE FUNCTION door.api_meter_log(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; minutes bigint := COALESCE(powergate.minor_arg(p, 'minutes'), 60);
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter' FOR UPDATE;
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    IF minutes NOT BETWEEN 0 AND 1440 THEN RETURN powergate.api_error(400, 'frames are kept for up to 1440 minutes'); END IF;
    IF COALESCE(p ->> 'reason', '') = '' THEN RETURN powergate.api_error(400, 'a reason is needed'); END IF;
    UPDATE meter SET logged_until_us = p_now + minutes * 60000000 WHERE id = m.id;
    PERFORM powergate.audited(p_who, 'meter.log', p, 'done', p_now);
    RETURN jsonb_build_object('meter', m.address, 'until_us', p_now + minutes * 60000000, 'refresh', m.endpoint_id);
END $$;
CREATE OR REPLACE FUNCTION door.api_frame_list(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT powergate.rows_json(jsonb_agg(jsonb_build_object('at_us', f.at_us, 'dir', f.dir, 'frame', upper(encode(f.frame, 'hex'))) ORDER BY f.n))
    FROM (SELECT * FROM frame_log x WHERE x.meter_id = powergate.meter_id(p) ORDER BY x.n DESC LIMIT powergate.limited(p)) f;
$$;

-- For a maker or for us: one meter and its connection.  Only what is named here goes in; whoever lives
-- there, what he paid, and every word that a person typed stay out.
CREATE OR REPLACE FUNCTION door.api_support_bundle(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE m meter; s meter_state; e endpoint;
BEGIN
    SELECT * INTO m FROM meter WHERE address = p ->> 'meter';
    IF m.id IS NULL THEN RETURN powergate.api_error(404, 'no such meter'); END IF;
    SELECT * INTO s FROM meter_state WHERE meter_id = m.id;
    SELECT * INTO e FROM endpoint WHERE id = m.endpoint_id;
    RETURN jsonb_build_object('made_us', p_now, 'schema', door.schema(),
        'meter', jsonb_build_object('address', m.address, 'profile', m.profile, 'model', m.model, 'capability', powergate.capability(m), 'state', m.state,
            'created_us', m.created_us, 'relay_seen', s.relay_seen, 'relay_wanted', s.relay_wanted, 'status', s.status, 'total_us', s.total_us,
            'purchases', s.purchases, 'commissioned_count', s.base_count, 'incarnation', s.incarnation, 'account_open', s.account_open),
        'connection', jsonb_build_object('kind', e.kind, 'link', e.link, 'carrier', e.carrier, 'state', e.state, 'epoch', e.epoch, 'opened_us', e.opened_us,
            'seen_us', e.seen_us, 'closed_us', e.closed_us, 'takeovers', e.takeovers,
            'meters', (SELECT count(*) FROM meter x WHERE x.endpoint_id = e.id),
            'signals', (SELECT jsonb_agg(jsonb_build_object('at_us', g.at_us, 'dbm', g.dbm) ORDER BY g.at_us) FROM way_signal g WHERE g.endpoint_id = e.id),
            'days', (SELECT jsonb_agg(jsonb_build_object('day', l.day, 'answered', l.answered, 'silent', l.silent, 'in_ms', l.in_ms, 'looked', l.looked, 'online', l.online)
                ORDER BY l.day) FROM way_day l WHERE l.endpoint_id = e.id AND l.day >= (to_timestamp(p_now / 1000000) AT TIME ZONE 'UTC')::date - 30)),
        'deliveries', (SELECT jsonb_agg(jsonb_build_object('delivery', d.id, 'kind', d.kind, 'state', d.state, 'purchase', d.purchase, 'sends', d.sends, 'planned_us', d.planned_us,
            'applied_us', d.applied_us) ORDER BY d.id) FROM (SELECT * FROM credit_delivery x WHERE x.meter_id = m.id ORDER BY x.id DESC LIMIT 50) d),
        'commands', (SELECT jsonb_agg(jsonb_build_object('command', c.id, 'kind', c.kind, 'state', c.state, 'attempts', c.attempts, 'refusal', c.refusal, 'created_us', c.created_us,
            'ended_us', c.ended_us, 'steps', (SELECT jsonb_agg(jsonb_build_object('at_us', h.at_us, 'step', h.step, 'frame', powergate.frame_bare(h.frame)) ORDER BY h.n)
                FROM command_history h WHERE h.command_id = c.id)) ORDER BY c.id)
            FROM (SELECT * FROM command x WHERE x.meter_id = m.id ORDER BY x.id DESC LIMIT 50) c),
        'qualifications', (SELECT jsonb_agg(jsonb_build_object('model', q.model, 'claim', q.claim, 'class', q.class, 'state', q.state, 'stage', q.stage) ORDER BY q.id)
            FROM qualification q WHERE q.profile = m.profile AND q.model = m.model),
        'frames', (SELECT jsonb_agg(jsonb_build_object('at_us', f.at_us, 'dir', f.dir, 'frame', powergate.frame_bare(f.frame)) ORDER BY f.n) FROM frame_log f WHERE f.meter_id = m.id));
END $$;
-- A frame as it may leave the house: of function 03, which carries customers, keys and codes, and of what
-- a meter has for a customer's number (0400040E), the head alone.
CREATE OR REPLACE FUNCTION powergate.frame_bare(p bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE at int := 0; fn int; di text;
BEGIN
    WHILE at < octet_length(p) AND get_byte(p, at) = 254 LOOP at := at + 1; END LOOP;
    IF octet_length(p) < at + 12 THEN RETURN upper(encode(p, 'hex')); END IF;
    fn := get_byte(p, at + 8) & 31;
    di := encode(substr(p, at + 11, 4), 'hex');
    IF fn = 3 OR di = '41373337' THEN RETURN upper(encode(substr(p, 1, at + 14), 'hex')) || '..'; END IF;
    RETURN upper(encode(p, 'hex'));
END $$;
