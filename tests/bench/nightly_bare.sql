-- The same night without rules: one statement a chunk reads both registers, looks the price up,
-- writes the charge, the ledger's entry and the balance.
DROP TABLE IF EXISTS bare_read, bare_charge, bare_entry, bare_account;
CREATE TABLE bare_read (meter bigint, day int, wh bigint, PRIMARY KEY (day, meter));
INSERT INTO bare_read SELECT g, d, 95000 + d * (10000 + g % 1000 * 10) FROM generate_series(1, :n) g, generate_series(0, 1) d;
CREATE TABLE bare_account (id bigint PRIMARY KEY, balance bigint NOT NULL, version bigint NOT NULL) WITH (fillfactor = 70);
INSERT INTO bare_account SELECT g, 0, 0 FROM generate_series(1, :n) g;
CREATE TABLE bare_charge (account bigint, day int, wh bigint, minor bigint, PRIMARY KEY (account, day));
CREATE TABLE bare_entry (account bigint, day int, minor bigint, balance bigint, PRIMARY KEY (account, day));
CREATE OR REPLACE PROCEDURE bare_night(chunk int, n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. (n - 1) / chunk LOOP
        WITH u AS (SELECT a.meter, b.wh - a.wh AS wh FROM bare_read a JOIN bare_read b ON b.meter = a.meter AND b.day = 1
            WHERE a.day = 0 AND a.meter > i * chunk AND a.meter <= (i + 1) * chunk),
        p AS (SELECT u.meter, u.wh, (SELECT sum((least(95000 + u.wh, s.hi) - greatest(95000, s.lo)) * s.price) FROM
            (VALUES (0::bigint, 100000::bigint, 100), (100000, 9000000000, 150)) s(lo, hi, price)
            WHERE s.lo < 95000 + u.wh AND s.hi > 95000)::bigint / 1000 AS minor FROM u),
        c AS (INSERT INTO bare_charge SELECT meter, 1, wh, minor FROM p ON CONFLICT DO NOTHING RETURNING account, minor),
        d AS (UPDATE bare_account a SET balance = a.balance - c.minor, version = a.version + 1 FROM c WHERE a.id = c.account
            RETURNING a.id, c.minor, a.balance)
        INSERT INTO bare_entry SELECT id, 1, -minor, balance FROM d;
        COMMIT;
    END LOOP;
END $$;
