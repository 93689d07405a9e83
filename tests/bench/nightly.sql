-- An account each with a meter that was billed up to yesterday's midnight, and today's freeze.
SET search_path = powergate;
INSERT INTO service_point (site_id, name, created_us) SELECT m.site_id, m.address, 0 FROM meter m;
INSERT INTO tenancy (point_id, account_id, from_us, period_us, used_wh)
    SELECT p.id, m.account_id, -9223372036854775808, :month::bigint, 95000 FROM meter m JOIN service_point p ON p.name = m.address;
INSERT INTO installation (point_id, tenancy_id, meter_id, from_us, open_wh, billed_us, billed_wh, moved_us)
    SELECT y.point_id, y.id, m.id, 0, w.wh, :yesterday::bigint, w.wh, 0 FROM meter m JOIN tenancy y ON y.account_id = m.account_id,
        (SELECT ARRAY[95000, NULL, NULL, NULL, NULL]::bigint[] AS wh) w;
-- money enough that nobody has to be warned
WITH j AS (INSERT INTO journal (key, kind, at_us) SELECT 'bench:' || id, 'payment', 0 FROM account RETURNING id, key)
INSERT INTO posting (journal_id, line, ledger, owner, account_id, amount_minor, currency)
    SELECT j.id, l.line, l.ledger, l.owner, CASE l.line WHEN 2 THEN a.id END, l.amount, 'CNY' FROM j JOIN account a ON j.key = 'bench:' || a.id
    CROSS JOIN (VALUES (1, 'clearing', 'bench', 1000000), (2, 'prepaid', '', -1000000)) l(line, ledger, owner, amount);
UPDATE account_state SET prepaid_minor = 1000000;
UPDATE meter_state SET total_wh = 95000, total_us = :yesterday::bigint;
INSERT INTO freeze_record (meter_id, day, at_us, total_wh, quality, read_us)
    SELECT m.id, :day::int, :today::bigint, 105000 + m.id % 1000 * 10, 'meter', :today::bigint FROM meter m;
