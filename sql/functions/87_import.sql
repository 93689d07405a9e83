-- Fleets from a file: what is wrong with its rows.
--
-- A row says something of a place, an account, a meter, a debt, or of all of them; a cell that is
-- empty says nothing.  Rows are looked at all together, a statement a kind of fault, so that
-- somebody with a spreadsheet hears of all faults at once and a large fleet costs no more
-- statements than a small one.

-- The full name of a place within another; one that begins with a slash is its name as it is.
CREATE OR REPLACE FUNCTION powergate.place_within(p_above text, p_name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_name LIKE '/%' THEN substr(p_name, 2) ELSE p_above || '/' || p_name END;
$$;
-- Every place a row names, from the site down.
CREATE OR REPLACE FUNCTION powergate.import_places(p_import bigint)
RETURNS TABLE (line bigint, field text, name text, above text, zone text, currency text, mode text) LANGUAGE sql STABLE AS $$
    WITH b AS (SELECT r.*, CASE WHEN r.building IS NOT NULL THEN powergate.place_within(r.site, r.building) END AS b_name
               FROM import_row r WHERE r.import_id = p_import AND r.site IS NOT NULL),
    f AS (SELECT b.*, CASE WHEN b.floor IS NOT NULL THEN powergate.place_within(COALESCE(b.b_name, b.site), b.floor) END AS f_name FROM b),
    u AS (SELECT f.*, CASE WHEN f.unit IS NOT NULL THEN powergate.place_within(COALESCE(f.f_name, f.b_name, f.site), f.unit) END AS u_name FROM f)
    SELECT u.line, x.field, x.name, x.above, x.zone, x.currency, CASE WHEN x.name = COALESCE(u.u_name, u.f_name, u.b_name, u.site) THEN u.site_mode END
    FROM u CROSS JOIN LATERAL (VALUES
        ('site', u.site, NULL, u.zone, u.currency),
        ('building', u.b_name, u.site, NULL, NULL),
        ('floor', u.f_name, COALESCE(u.b_name, u.site), NULL, NULL),
        ('unit', u.u_name, COALESCE(u.f_name, u.b_name, u.site), NULL, NULL)) x(field, name, above, zone, currency)
    WHERE x.name IS NOT NULL;
$$;
-- RFC 3339; NULL when there is no such instant.
CREATE OR REPLACE FUNCTION powergate.instant_in(p_text text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_text !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$' THEN RETURN NULL; END IF;
    RETURN (extract(epoch FROM p_text::timestamptz) * 1000000)::bigint;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION powergate.minor_in(p_text text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(p_text, '.', '')::bigint;
$$;
-- "1234.56 1 2.5" kWh -> Wh, as many.
CREATE OR REPLACE FUNCTION powergate.kwh_in(p_text text) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg((v::numeric * 1000)::bigint ORDER BY n) FROM unnest(string_to_array(p_text, ' ')) WITH ORDINALITY AS t(v, n);
$$;
-- Registers are five, NULL where the meter has none.
CREATE OR REPLACE FUNCTION powergate.registers_kwh(p_text text) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_cat(x.wh, array_fill(NULL::bigint, ARRAY[5 - cardinality(x.wh)])) FROM (SELECT powergate.kwh_in(p_text) AS wh) x;
$$;

-- --- each cell by itself ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.import_check_cells(p_import bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE zones text[] := ARRAY(SELECT z.name FROM pg_timezone_names z
    WHERE z.name IN (SELECT DISTINCT r.zone FROM import_row r WHERE r.import_id = p_import));
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, r.line, f.field, f.text FROM import_row r CROSS JOIN LATERAL (VALUES
        ('site', r.site, '^[^/~,*[:cntrl:]][^~,[:cntrl:]]{0,63}$', 'a name has 1 to 64 characters, none of ~ and comma, and no slash or * in front'),
        ('building', r.building, '^[^~,[:cntrl:]]{1,40}$', 'a name has 1 to 40 characters, none of ~ and comma'),
        ('floor', r.floor, '^[^~,[:cntrl:]]{1,40}$', 'a name has 1 to 40 characters, none of ~ and comma'),
        ('unit', r.unit, '^[^~,[:cntrl:]]{1,40}$', 'a name has 1 to 40 characters, none of ~ and comma'),
        ('currency', r.currency, '^[A-Z]{3}$', 'a currency is three capital letters, such as CNY'),
        ('site_mode', r.site_mode, '^(observe|live)$', 'it is observe or live'),
        ('service_point', r.service_point, '^[^~[:cntrl:]]{1,64}$', 'a name has 1 to 64 characters, no ~'),
        ('extra_wh', r.extra_wh, '^\d{1,9}$', 'a whole number of Wh'),
        ('account', r.account, '^[A-Za-z0-9._-]{1,32}$', 'an account number is 1 to 32 of A-Z a-z 0-9 . _ -'),
        ('customer', r.customer, '^[^[:cntrl:]]{1,200}$', 'a name has at most 200 characters'),
        ('contact', r.contact, '^[^[:cntrl:]]{1,200}$', 'at most 200 characters'),
        ('fee_mode', r.fee_mode, '^(remote|local)$', 'it is remote or local'),
        ('warn', r.warn, '^-?\d{1,12}\.\d\d( -?\d{1,12}\.\d\d){0,7}$', 'amounts with two decimals and one blank between, falling: 50.00 20.00'),
        ('trip', r.trip, '^-?\d{1,12}\.\d\d$', 'an amount has two decimals: 0.00'),
        ('settlement_day', r.settlement_day, '^([1-9]|1\d|2[0-8])$', 'a day of the month, 1 to 28'),
        ('balance', r.balance, '^-?\d{1,12}\.\d\d$', 'an amount has two decimals: 50.00'),
        ('used_kwh', r.used_kwh, '^\d{1,8}(\.\d{1,3})?( \d{1,8}(\.\d{1,3})?){0,12}$', 'kWh with at most three decimals: in all, or in all and of each band'),
        ('debt', r.debt, '^\d{1,12}\.\d\d$', 'an amount has two decimals: 50.00'),
        ('debt_reference', r.debt_reference, '^[^[:cntrl:]]{1,79}$', 'a reference has 79 characters at most'),
        ('debt_percent', r.debt_percent, '^\d{1,3}\.\d\d$', 'a percentage has two decimals: 25.00'),
        ('debt_week_cap', r.debt_week_cap, '^\d{1,12}\.\d\d$', 'an amount has two decimals: 20.00'),
        ('meter', r.meter, '^\d{12}$', 'a meter address is 12 digits; a spreadsheet keeps them as a text'),
        ('capability', r.capability, '^(none|order_no|counted)$', 'it is none, order_no or counted'),
        ('customer_number', r.customer_number, '^\d{12}$', 'a customer number in a meter is 12 digits'),
        ('multiplier', r.multiplier, '^[1-9]\d{0,6}$', 'a multiplier is a whole number from 1 on'),
        ('most_watts', r.most_watts, '^[1-9]\d{0,8}$', 'a whole number of watts'),
        ('gateway', r.gateway, '^[^[:cntrl:] ]{1,64}$', 'the registration of a gateway, 1 to 64 characters without blanks'),
        ('link', r.link, '^(4g|nbiot|rs485)$', 'it is 4g, nbiot or rs485'),
        ('opening_read', r.opening_read, '^\d{1,9}(\.\d{1,3})?( \d{1,9}(\.\d{1,3})?){0,4}$', 'kWh: the total, or the total and T1 to T4 with one blank between'),
        ('purchases', r.purchases, '^\d{1,9}$', 'a count of purchases'),
        ('bought', r.bought, '^\d{1,12}\.\d\d$', 'an amount has two decimals: 50.00'),
        ('sealed', r.sealed, '^([0-9a-f]{2}){16,64}$', 'it is not what the export wrote')) f(field, value, pattern, text)
    WHERE r.import_id = p_import AND f.value !~ f.pattern;
    -- what cannot be read is not looked at any further
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, r.line, x.field, x.text FROM import_row r CROSS JOIN LATERAL (VALUES
        ('site', r.site IS NULL, 'a site is needed'),
        ('site', COALESCE(r.building, r.floor, r.unit, r.account, r.meter, r.zone) IS NULL AND r.site IS NULL, 'the row says nothing'),
        ('account', r.account IS NULL AND COALESCE(r.customer, r.contact, r.fee_mode, r.tariff, r.warn, r.trip, r.settlement_day, r.balance, r.debt) IS NOT NULL,
            'what it says of an account needs an account'),
        ('meter', r.meter IS NULL AND COALESCE(r.profile, r.capability, r.customer_number, r.multiplier, r.most_watts, r.gateway, r.link, r.opening_read,
            r.purchases, r.bought, r.sealed, r.service_point, r.extra_wh, r.used_kwh) IS NOT NULL, 'what it says of a meter needs a meter'),
        ('meter', r.meter = '999999999999', '999999999999 is the address of all meters at once'),
        ('profile', r.meter IS NOT NULL AND r.profile IS NULL, 'a meter needs a profile: powergatectl profile list'),
        ('account', r.account IS NULL AND r.meter IS NOT NULL AND COALESCE(r.service_point, r.extra_wh, r.used_kwh, r.opening_read, r.multiplier) IS NOT NULL,
            'a meter that counts somewhere needs an account'),
        ('debt_reference', r.debt IS NULL AND COALESCE(r.debt_reference, r.debt_percent, r.debt_week_cap) IS NOT NULL, 'it belongs to a debt'),
        ('debt_week_cap', r.debt_percent IS NULL AND r.debt_week_cap IS NOT NULL, 'a cap of the week belongs to a percentage'),
        ('opening_at', (r.opening_read IS NULL) <> (r.opening_at IS NULL), 'an opening read and its time go together'),
        ('bought', r.bought IS NOT NULL AND r.purchases IS NULL, 'a sum of purchases needs their count'),
        ('zone', r.zone IS NOT NULL AND r.zone <> ALL (zones), 'no such time zone')) x(field, wrong, text)
    WHERE r.import_id = p_import AND x.wrong;
END $$;
-- Only of rows whose cells can be read.
CREATE OR REPLACE FUNCTION powergate.import_check_values(p_import bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, r.line, x.field, x.text FROM import_row r CROSS JOIN LATERAL (VALUES
        ('debt', powergate.minor_in(r.debt) = 0, 'a debt is above 0'),
        ('debt_percent', powergate.minor_in(r.debt_percent) NOT BETWEEN 1 AND 10000, 'a percentage is 0.01 to 100.00'),
        ('debt_week_cap', powergate.minor_in(r.debt_week_cap) = 0, 'an amount is above 0'),
        ('warn', (SELECT bool_or(w.a <= w.b) FROM (SELECT powergate.minor_in(v) AS a, lead(powergate.minor_in(v)) OVER (ORDER BY n) AS b
            FROM unnest(string_to_array(r.warn, ' ')) WITH ORDINALITY AS t(v, n)) w), 'levels fall'),
        ('opening_read', cardinality(string_to_array(r.opening_read, ' ')) NOT IN (1, 5), 'kWh: the total, or the total and T1 to T4 with one blank between'),
        ('opening_at', r.opening_at IS NOT NULL AND COALESCE(powergate.instant_in(r.opening_at) NOT BETWEEN p_now - 3660 * 86400000000 AND p_now, true),
            'a time like 2026-11-20T08:00:00+08:00, of the last ten years')) x(field, wrong, text)
    WHERE r.import_id = p_import AND x.wrong AND NOT EXISTS (SELECT FROM import_fault f WHERE f.import_id = p_import AND f.line = r.line);
END $$;

-- --- rows against each other ----------------------------------------------------------------------

-- The same thing said twice, and otherwise.
CREATE OR REPLACE FUNCTION powergate.import_check_agree(p_import bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, x.line, x.field, format('%s of %s is %s here and %s in line %s', x.field, x.of_what, x.value, x.first_value, x.first_line)
    FROM (SELECT q.*, first_value(q.value) OVER w AS first_value, first_value(q.line) OVER w AS first_line
          FROM (SELECT r.line, v.field, 'account ' || r.account AS of_what, v.value FROM import_row r CROSS JOIN LATERAL (VALUES
                    ('customer', r.customer), ('contact', r.contact), ('fee_mode', r.fee_mode), ('tariff', r.tariff), ('warn', r.warn), ('trip', r.trip),
                    ('settlement_day', r.settlement_day), ('balance', r.balance), ('place', r.place)) v(field, value)
                WHERE r.import_id = p_import AND r.account IS NOT NULL AND v.value IS NOT NULL
                UNION ALL
                SELECT p.line, v.field, p.name, v.value FROM powergate.import_places(p_import) p CROSS JOIN LATERAL (VALUES
                    ('kind', p.field), ('place', p.above), ('zone', p.zone), ('currency', p.currency), ('site_mode', p.mode)) v(field, value) WHERE v.value IS NOT NULL
                UNION ALL
                SELECT r.line, 'link', 'gateway ' || r.gateway, r.link FROM import_row r WHERE r.import_id = p_import AND r.gateway IS NOT NULL AND r.link IS NOT NULL) q
          WINDOW w AS (PARTITION BY q.of_what, q.field ORDER BY q.line)) x
    WHERE x.value <> x.first_value;
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, x.line, x.field, format('%s stands in line %s already', x.value, x.first_line)
    FROM (SELECT q.*, min(q.line) OVER (PARTITION BY q.field, q.value) AS first_line
          FROM (SELECT r.line, v.field, v.value FROM import_row r CROSS JOIN LATERAL (VALUES
                    ('meter', r.meter),
                    ('service_point', CASE WHEN r.meter IS NOT NULL AND r.account IS NOT NULL THEN r.place || ': ' || COALESCE(r.service_point, r.meter) END),
                    ('debt_reference', CASE WHEN r.debt IS NOT NULL THEN r.account || ': ' || COALESCE(r.debt_reference, 'adopted') END)) v(field, value)
                WHERE r.import_id = p_import AND v.value IS NOT NULL) q) x
    WHERE x.line <> x.first_line;
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, x.line, 'debt', 'an account has at most 24 open debts'
    FROM (SELECT r.line, row_number() OVER (PARTITION BY r.account ORDER BY r.line) AS n FROM import_row r
          WHERE r.import_id = p_import AND r.debt IS NOT NULL AND r.account IS NOT NULL) x WHERE x.n = 25;
END $$;

-- --- rows against what is there --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION powergate.import_check_places(p_import bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, p.line, p.field, x.text
    FROM (SELECT min(q.line) AS line, q.field, q.name, min(q.above) AS above, max(q.zone) AS zone, max(q.currency) AS currency, max(q.mode) AS mode
          FROM powergate.import_places(p_import) q GROUP BY q.field, q.name) p LEFT JOIN site s ON s.name = p.name LEFT JOIN site a ON a.id = s.parent_id
    CROSS JOIN LATERAL (SELECT CASE
            WHEN s.id IS NULL AND p.field = 'site' AND p.zone IS NULL THEN format('site %s is new: it needs a zone, such as Asia/Shanghai', p.name)
            WHEN s.id IS NULL AND powergate.currency_problem(p.currency) IS NOT NULL THEN powergate.currency_problem(p.currency)
            WHEN s.kind <> p.field THEN format('%s is there, and is a %s', p.name, s.kind)
            WHEN s.id IS NOT NULL AND p.above IS DISTINCT FROM a.name THEN format('%s is there, and lies elsewhere', p.name)
            WHEN p.zone <> s.zone THEN format('the zone of %s is %s', p.name, s.zone)
            WHEN p.currency <> s.currency THEN format('the currency of %s is %s', p.name, s.currency)
            WHEN p.mode <> s.mode THEN format('the mode of %s is %s: powergatectl site mode changes it', p.name, s.mode) END AS text) x
    WHERE x.text IS NOT NULL;
END $$;

-- What each account of the file comes to, said in whichever of its rows.
CREATE OR REPLACE FUNCTION powergate.import_accounts(p_import bigint)
RETURNS TABLE (line bigint, number text, place text, site text, customer text, contact text, fee_mode text, tariff text, warn text, trip text,
    settlement_day text, balance text) LANGUAGE sql STABLE AS $$
    SELECT min(r.line), r.account, min(r.place), min(r.site), min(r.customer), min(r.contact), min(r.fee_mode), min(r.tariff), min(r.warn), min(r.trip),
        min(r.settlement_day), min(r.balance)
    FROM import_row r WHERE r.import_id = p_import AND r.account IS NOT NULL GROUP BY r.account;
$$;
CREATE OR REPLACE FUNCTION powergate.import_check_accounts(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_days int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, a.line, x.field, x.text
    FROM powergate.import_accounts(p_import) a LEFT JOIN account k ON k.number = a.number LEFT JOIN tariff t ON t.name = a.tariff
    LEFT JOIN site s ON s.name = a.site
    LEFT JOIN (SELECT r.site, max(r.currency) AS currency, max(r.zone) AS zone FROM import_row r WHERE r.import_id = p_import GROUP BY r.site) f ON f.site = a.site
    CROSS JOIN LATERAL (SELECT COALESCE(s.currency, f.currency, 'CNY') AS currency, COALESCE(s.zone, f.zone) AS zone) z
    LEFT JOIN unnest(p_tariffs, p_periods, p_days) AS d(tariff, period_us, day) ON d.tariff = t.id
    CROSS JOIN LATERAL (VALUES
        ('account', k.state <> 'active', 'this account is closed'),
        ('account', k.id IS NOT NULL AND COALESCE(a.customer, a.contact, a.fee_mode, a.tariff, a.warn, a.trip, a.settlement_day, a.balance) IS NOT NULL,
            'this account is there already: of it only meters can be added'),
        ('account', k.id IS NOT NULL AND (SELECT q.name FROM site q WHERE q.id = k.site_id) <> a.place, 'this account is there already, and lies elsewhere'),
        ('fee_mode', k.id IS NULL AND a.fee_mode IS NULL, 'a new account is remote or local'),
        ('tariff', a.tariff IS NOT NULL AND t.id IS NULL, format('no tariff "%s"', a.tariff)),
        ('tariff', k.id IS NULL AND a.fee_mode = 'remote' AND a.tariff IS NULL, 'a remote account needs a tariff'),
        ('tariff', t.currency <> z.currency, format('tariff %s is in %s, the site in %s', a.tariff, t.currency, z.currency)),
        ('tariff', EXISTS (SELECT FROM price_version v WHERE v.tariff_id = t.id AND v.state IN ('scheduled', 'active', 'ended') AND v.zone <> z.zone),
            format('the midnights of tariff %s are not those of %s', a.tariff, z.zone)),
        ('balance', a.fee_mode = 'local' AND a.balance IS NOT NULL, 'the balance of a local account is in its meter'),
        ('settlement_day', a.settlement_day IS NOT NULL AND a.tariff IS NULL, 'a settlement day is that of a tariff'),
        ('settlement_day', a.settlement_day IS NOT NULL AND t.id IS NOT NULL AND d.day IS DISTINCT FROM a.settlement_day::int,
            format('the periods of tariff %s begin %s', a.tariff, COALESCE('on day ' || d.day, 'nowhere: it has no price in force')))) x(field, wrong, text)
    WHERE x.wrong;
END $$;
CREATE OR REPLACE FUNCTION powergate.import_check_meters(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, r.line, x.field, x.text
    FROM import_row r JOIN powergate.import_accounts(p_import) a ON a.number = r.account LEFT JOIN account k ON k.number = r.account
    LEFT JOIN tariff t ON t.id = COALESCE(k.tariff_id, (SELECT q.id FROM tariff q WHERE q.name = a.tariff))
    LEFT JOIN unnest(p_tariffs, p_periods) AS d(tariff, period_us) ON d.tariff = t.id
    CROSS JOIN LATERAL (VALUES
        ('used_kwh', r.used_kwh IS NOT NULL AND d.period_us IS NULL, 'a place in the tiers needs a tariff with a price in force'),
        ('used_kwh', r.used_kwh IS NOT NULL AND powergate.instant_in(r.opening_at) < d.period_us, format('the tariff''s period began at %s, after the opening read',
            to_char(to_timestamp(d.period_us / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))),
        ('purchases', r.purchases IS NOT NULL AND COALESCE(k.fee_mode, a.fee_mode) = 'remote', 'only the meter of a local account counts purchases'),
        ('debt', k.id IS NOT NULL AND r.debt IS NOT NULL, 'this account is there already: powergatectl debt add')) x(field, wrong, text)
    WHERE r.import_id = p_import AND x.wrong;
    INSERT INTO import_fault (import_id, line, field, text)
    SELECT p_import, r.line, x.field, x.text FROM import_row r CROSS JOIN LATERAL (VALUES
        ('meter', EXISTS (SELECT FROM meter m WHERE m.address = r.meter), 'this meter is there already'),
        ('purchases', r.purchases IS NOT NULL AND COALESCE(r.capability, 'none') = 'none', 'a meter of capability none counts no purchases'),
        ('service_point', EXISTS (SELECT FROM service_point p JOIN site s ON s.id = p.site_id WHERE s.name = r.place AND p.name = COALESCE(r.service_point, r.meter)),
            'this service point is there already'),
        ('gateway', EXISTS (SELECT FROM endpoint e WHERE e.identity = r.gateway AND e.kind = 'meter'), 'this is a meter and no gateway'),
        ('meter', r.gateway IS NULL AND EXISTS (SELECT FROM endpoint e WHERE e.identity = r.meter AND e.kind = 'dtu'), 'a gateway has this registration'))
        x(field, wrong, text)
    WHERE r.import_id = p_import AND r.meter IS NOT NULL AND x.wrong;
END $$;

-- All that is wrong is in import_fault afterwards; how much it is.
CREATE OR REPLACE FUNCTION powergate.import_check(p_import bigint, p_tariffs bigint[], p_periods bigint[], p_days int[], p_now bigint) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    DELETE FROM import_fault f WHERE f.import_id = p_import AND NOT f.given;
    UPDATE import_row r SET place = p.name FROM (SELECT DISTINCT ON (q.line) q.line, q.name FROM powergate.import_places(p_import) q
        ORDER BY q.line, array_position('{unit,floor,building,site}', q.field)) p
    WHERE r.import_id = p_import AND r.line = p.line;
    PERFORM powergate.import_check_cells(p_import);
    PERFORM powergate.import_check_values(p_import, p_now);
    PERFORM powergate.import_check_agree(p_import);
    PERFORM powergate.import_check_places(p_import);
    PERFORM powergate.import_check_accounts(p_import, p_tariffs, p_periods, p_days);
    PERFORM powergate.import_check_meters(p_import, p_tariffs, p_periods, p_now);
    RETURN (SELECT count(*) FROM import_fault f WHERE f.import_id = p_import);
END $$;
