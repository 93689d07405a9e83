-- How well the ways to the meters serve, and what was said on those a person asked for.

ALTER TABLE endpoint ADD COLUMN carrier text NOT NULL DEFAULT '' CHECK (length(carrier) <= 40);
ALTER TABLE meter ADD COLUMN logged_until_us bigint NOT NULL DEFAULT 0; -- its frames are kept until then

-- A day of a connection, UTC.  in_ms: how many answers took up to 50, 100, 200, 300, 500, 800 ms,
-- 1.3, 2, 3, 5, 8 s, and longer.
CREATE TABLE way_day (
    endpoint_id bigint NOT NULL REFERENCES endpoint,
    day         date NOT NULL,
    answered    bigint NOT NULL DEFAULT 0,
    silent      bigint NOT NULL DEFAULT 0,
    in_ms       bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0,0,0}' CHECK (cardinality(in_ms) = 12),
    looked      int NOT NULL DEFAULT 0,  -- how often somebody looked whether it is there
    online      int NOT NULL DEFAULT 0,  -- and it was
    PRIMARY KEY (endpoint_id, day)
) WITH (fillfactor = 70);
CREATE INDEX way_day_day ON way_day (day);
CREATE TABLE way_look (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    at_us       bigint NOT NULL DEFAULT 0
);
INSERT INTO way_look DEFAULT VALUES;

CREATE TABLE way_signal (
    endpoint_id bigint NOT NULL REFERENCES endpoint,
    at_us       bigint NOT NULL,
    dbm         int NOT NULL CHECK (dbm BETWEEN -140 AND -20),
    told_by     text NOT NULL,
    PRIMARY KEY (endpoint_id, at_us)
);

-- The newest frames of a meter that is logged; passwords are blotted out before they come here.
CREATE TABLE frame_log (
    meter_id    bigint NOT NULL REFERENCES meter,
    n           bigint GENERATED ALWAYS AS IDENTITY,
    at_us       bigint NOT NULL,
    dir         text NOT NULL CHECK (dir IN ('sent', 'heard')),
    frame       bytea NOT NULL,
    PRIMARY KEY (meter_id, n)
);
