-- What leaves for other books, and what the customer gets.

-- All postings of some days, in the zone of a site or UTC; a journal of nobody is of every site.
CREATE OR REPLACE FUNCTION door.api_ledger_export(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s site; z text; f bigint; t bigint;
BEGIN
    SELECT * INTO s FROM site WHERE name = p ->> 'site';
    IF p ? 'site' AND s.id IS NULL THEN RETURN powergate.api_error(404, 'no such site'); END IF;
    IF NOT powergate.is_day(p ->> 'from') OR NOT powergate.is_day(p ->> 'to') THEN RETURN powergate.api_error(400, 'a day is one like 20261201'); END IF;
    z := COALESCE(s.zone, 'UTC');
    f := powergate.report_midnight((p ->> 'from')::int, z);
    t := powergate.report_midnight(to_char(to_date(p ->> 'to', 'YYYYMMDD') + 1, 'YYYYMMDD')::int, z);
    IF t <= f THEN RETURN powergate.api_error(400, 'the days end before they begin'); END IF;
    IF p_now < t THEN RETURN powergate.api_error(409, 'the last day is not over'); END IF;
    RETURN jsonb_build_object('zone', z, 'from', (p ->> 'from')::int, 'to', (p ->> 'to')::int, 'rows', COALESCE((
        SELECT jsonb_agg(jsonb_build_object('journal', j.id, 'at_us', j.at_us, 'kind', j.kind, 'key', j.key, 'memo', j.memo,
            'value_us', COALESCE(j.value_us, j.at_us), 'reverses', COALESCE(j.reverses, 0), 'actor', j.actor,
            'line', l.line, 'ledger', l.ledger, 'owner', l.owner, 'account', a.number, 'customer', COALESCE(a.customer, ''),
            'amount_minor', l.amount_minor, 'currency', l.currency) ORDER BY j.id, l.line)
        FROM journal j JOIN posting l ON l.journal_id = j.id LEFT JOIN account a ON a.id = l.account_id
        WHERE j.at_us >= f AND j.at_us < t AND (s.id IS NULL OR COALESCE((SELECT min(b.site_id) FROM posting x
            JOIN account b ON b.id = x.account_id WHERE x.journal_id = j.id), s.id) = s.id)), '[]'));
END $$;

-- --- receipts ----------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.api_payment_receipt(p jsonb, p_who text, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN COALESCE((SELECT jsonb_build_object('payment', q.id, 'source', q.source, 'payment_no', q.payment_no, 'method', q.method,
            'terminal', q.terminal, 'payer', q.payer, 'account', a.number, 'customer', a.customer, 'site', s.name,
            'zone', COALESCE(s.zone, 'UTC'), 'amount_minor', q.amount_minor, 'currency', q.currency, 'received_us', q.received_us,
            'mode', a.fee_mode, 'done_us', powergate.payment_timeline(q) -> 'done_us',
            'by', (SELECT j.actor FROM journal j WHERE j.key = 'pay:' || q.source || ':' || q.payment_no),
            'reversed', EXISTS (SELECT FROM journal j JOIN journal r ON r.reverses = j.id WHERE j.key = 'pay:' || q.source || ':' || q.payment_no))
            || powergate.receipt_json(q.id)
        FROM payment q LEFT JOIN account a ON a.id = q.account_id LEFT JOIN site s ON s.id = a.site_id
        WHERE q.id = (p ->> 'payment')::bigint), powergate.api_error(404, 'no such payment'));
END $$;
