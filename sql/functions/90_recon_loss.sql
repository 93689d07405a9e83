-- What meters say of each other and of themselves over a day: R5 and R10, from midnight to midnight.

-- R5: a wallet ends the day with what it had, and what was bought, less what its use cost by the
-- prices it had on that day.  A credit on its way over midnight may count on either side; a step
-- of the register and one of the price leave a little room.
CREATE OR REPLACE FUNCTION powergate.recon_drift(r recon_run, p_scope text) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE next_day int := powergate.day_beside(r.day, 1);
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, amount_minor, currency, account_id, meter_id, text)
    SELECT r.id, p_scope, 'R5', 'BALANCE_DRIFT', format('%s:R5:%s', p_scope, m.id),
        g.balance_minor - CASE WHEN g.balance_minor > x.most THEN x.most ELSE x.least END, t.currency, m.account_id, m.id,
        format('meter %s: %s at the beginning, %s bought, %s kWh used, %s at the end of %s; %s was to be expected', m.address, powergate.money_text(f.balance_minor),
            powergate.money_text(c.most), round((g.total_wh - f.total_wh) / 1000.0, 2), powergate.money_text(g.balance_minor), r.day,
            CASE WHEN g.balance_minor > x.most THEN 'at most ' || powergate.money_text(x.most) ELSE 'at least ' || powergate.money_text(x.least) END)
    FROM meter m JOIN account a ON a.id = m.account_id AND a.fee_mode = 'local' JOIN site t ON t.id = m.site_id
    JOIN freeze_record f ON f.meter_id = m.id AND f.day = r.day JOIN freeze_record g ON g.meter_id = m.id AND g.day = next_day
    CROSS JOIN LATERAL (SELECT COALESCE(sum(q.amount_minor) FILTER (WHERE q.planned_us <= g.at_us AND q.applied_us > f.at_us), 0)::bigint AS most,
        COALESCE(sum(q.amount_minor) FILTER (WHERE q.planned_us > f.at_us AND q.applied_us <= g.at_us), 0)::bigint AS least
        FROM credit_delivery q WHERE q.meter_id = m.id AND q.kind = 'recharge' AND q.state = 'APPLIED') c
    CROSS JOIN LATERAL (SELECT min(v.value) AS least, max(v.value) AS most FROM (
        SELECT y.value FROM reading y WHERE y.meter_id = m.id AND y.reg = 'price' AND y.at_us BETWEEN f.at_us AND g.at_us
        UNION ALL (SELECT y.value FROM reading y WHERE y.meter_id = m.id AND y.reg = 'price' AND y.at_us < f.at_us ORDER BY y.at_us DESC LIMIT 1)
        UNION ALL (SELECT y.value FROM reading y WHERE y.meter_id = m.id AND y.reg = 'price' AND y.at_us > g.at_us ORDER BY y.at_us LIMIT 1)) v) p
    -- Wh x micro/kWh = nano; 10^7 nano = 1 minor
    CROSS JOIN LATERAL (SELECT f.balance_minor + c.most - (g.total_wh - f.total_wh) * COALESCE(p.least, 0) / 10000000 + 2 + 30 * COALESCE(p.most, 0) / 10000000 AS most,
        f.balance_minor + c.least - (g.total_wh - f.total_wh) * p.most / 10000000 - 2 - 30 * p.most / 10000000 AS least) x
    WHERE m.site_id = r.site_id AND m.state = 'active' AND g.total_wh >= f.total_wh AND (g.balance_minor > x.most OR g.balance_minor < x.least);
END $$;

-- R10: what a meter counts, those behind it count too, but for a part.  A day that one of them has
-- no record of is not judged: the record is missed already.
CREATE OR REPLACE FUNCTION powergate.recon_loss(r recon_run, p_scope text) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE next_day int := powergate.day_beside(r.day, 1);
BEGIN
    INSERT INTO recon_found (run_id, scope, rule, kind, key, meter_id, text)
    SELECT r.id, p_scope, 'R10', 'LOSS', format('%s:R10:%s', p_scope, k.meter_id), k.meter_id,
        format('meter %s counted %s kWh, the %s behind it %s kWh: the difference is %s kWh, %s %% are allowed', m.address, round(w.master / 1000.0, 2), s.n,
            round(s.wh / 1000.0, 2), round((w.master - s.wh) / 1000.0, 2), round(k.loss_ppm / 10000.0, 2))
    FROM master_meter k JOIN meter m ON m.id = k.meter_id AND m.site_id = r.site_id AND m.state = 'active'
    JOIN freeze_record f ON f.meter_id = m.id AND f.day = r.day JOIN freeze_record g ON g.meter_id = m.id AND g.day = next_day
    CROSS JOIN LATERAL (SELECT CASE WHEN g.total_wh < f.total_wh THEN g.total_wh + m.wraps_wh ELSE g.total_wh END - f.total_wh AS wh) d
    CROSS JOIN LATERAL (SELECT d.wh * k.multiplier AS master) w
    CROSS JOIN LATERAL (SELECT count(*) AS n, count(a.day) AS known, 10 * sum(COALESCE(i.multiplier, 1))::bigint AS step,
            sum((CASE WHEN b.total_wh < a.total_wh THEN b.total_wh + y.wraps_wh ELSE b.total_wh END - a.total_wh) * COALESCE(i.multiplier, 1))::bigint AS wh
        FROM submeter q JOIN meter y ON y.id = q.meter_id AND y.state = 'active'
        LEFT JOIN freeze_record b ON b.meter_id = y.id AND b.day = next_day LEFT JOIN freeze_record a ON a.meter_id = y.id AND a.day = r.day AND b.day IS NOT NULL
        LEFT JOIN LATERAL (SELECT z.multiplier FROM installation z WHERE z.meter_id = y.id AND z.from_us < b.at_us ORDER BY z.from_us DESC LIMIT 1) i ON true
        WHERE q.master_id = k.meter_id) s
    WHERE s.n > 0 AND s.known = s.n AND (w.master - s.wh > w.master * k.loss_ppm / 1000000 + s.step + 10 * k.multiplier
        OR s.wh - w.master > s.step + 10 * k.multiplier);
END $$;
