-- Behind the API: what was charged and why, readings that a person decides, meters and tenants
-- that come and go.

-- The charges that touch a time, each with all it rests on; a row without a charge when there is
-- none, no row when there is no such account.  p: account, and day or from and to.
CREATE OR REPLACE FUNCTION door.bill_charges(p jsonb)
RETURNS TABLE (account text, zone text, currency text, tariff_id bigint, tariff text, since_us bigint, until_us bigint,
    tenancy_id bigint, id bigint, installation_id bigint, kind text, from_us bigint, to_us bigint, from_wh bigint[], to_wh bigint[],
    multiplier int, wh bigint, tenant_to bigint, extra_wh bigint, period_us bigint, used_wh bigint, band_wh bigint[], quality text,
    state text, names text, exact bigint[], tried bigint, wraps_wh bigint, reads text,
    meter text, point text, tenant_from bigint, why text, sums bigint[], minor bigint, replaces bigint, rated_us bigint, journal jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE a account; s site; lo bigint; hi bigint;
BEGIN
    SELECT q.* INTO a FROM account q WHERE q.number = p ->> 'account';
    IF a.id IS NULL THEN RETURN; END IF;
    SELECT q.* INTO s FROM site q WHERE q.id = a.site_id;
    IF p ? 'day' THEN
        lo := (extract(epoch FROM to_date(p ->> 'day', 'YYYYMMDD')::timestamp AT TIME ZONE s.zone) * 1000000)::bigint;
        hi := (extract(epoch FROM (to_date(p ->> 'day', 'YYYYMMDD') + 1)::timestamp AT TIME ZONE s.zone) * 1000000)::bigint;
    ELSE
        lo := (p ->> 'from')::bigint; hi := (p ->> 'to')::bigint;
    END IF;
    RETURN QUERY SELECT a.number, s.zone, s.currency, a.tariff_id, t.name, lo, hi,
        c.tenancy_id, c.id, c.installation_id, c.kind, c.from_us, c.to_us, c.from_wh, c.to_wh, c.multiplier, c.wh, c.tenant_to_us, c.extra_wh,
        c.period_us, c.used_wh, c.band_wh, c.quality, c.state, array_to_string(c.names, E'\n'), c.exact, c.tried, c.wraps_wh, NULL::text,
        c.address, c.point, c.tenant_from, c.why, c.sums, c.minor, c.replaces, c.rated_us,
        (SELECT jsonb_build_object('journal', j.id, 'key', j.key, 'kind', j.kind, 'at_us', j.at_us, 'value_us', j.value_us, 'lines', (
            SELECT jsonb_agg(jsonb_build_object('ledger', l.ledger, 'owner', l.owner, 'amount_minor', l.amount_minor) ORDER BY l.line)
            FROM posting l WHERE l.journal_id = j.id)) FROM journal j WHERE j.id = c.journal_id)
    FROM (SELECT 1) one LEFT JOIN tariff t ON t.id = a.tariff_id LEFT JOIN LATERAL (
        SELECT q.*, m.address, m.wraps_wh, o.name AS point, y.from_us AS tenant_from
        FROM tenancy y JOIN charge q ON q.tenancy_id = y.id JOIN service_point o ON o.id = y.point_id
        LEFT JOIN installation i ON i.id = q.installation_id LEFT JOIN meter m ON m.id = i.meter_id
        WHERE y.account_id = a.id AND q.from_us < hi AND q.to_us > lo AND q.state <> 'replaced') c ON true
    ORDER BY c.from_us, c.kind DESC, c.id LIMIT 2000;
END $$;
