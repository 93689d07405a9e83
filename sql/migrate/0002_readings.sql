-- Readings and midnight freezes.  Time stands first in the key of readings: the newest rows
-- share pages whatever the number of meters, so inserting does not slow down as history grows.

CREATE TABLE reading (
    at_us       bigint NOT NULL,  -- the meter's own time where it gives one
    meter_id    bigint NOT NULL,
    reg         text NOT NULL,
    value       bigint NOT NULL,
    heard_us    bigint NOT NULL,
    PRIMARY KEY (at_us, meter_id, reg)
) PARTITION BY RANGE (at_us);
CREATE TABLE reading_rest PARTITION OF reading DEFAULT;
CREATE INDEX reading_meter ON reading (meter_id, reg, at_us DESC);

-- One wide row a meter and day.  The day is the one the meter's own record says.
CREATE TABLE freeze_record (
    meter_id    bigint NOT NULL REFERENCES meter,
    day         int NOT NULL,            -- 20261120: the day that begins at this midnight
    at_us       bigint NOT NULL,         -- the record's own time
    total_wh    bigint NOT NULL,
    t1_wh bigint, t2_wh bigint, t3_wh bigint, t4_wh bigint,
    balance_minor bigint,                -- ledger (remote) or reconstructed (local)
    purchases   bigint,
    quality     text NOT NULL CHECK (quality IN ('meter', 'reconstructed', 'estimate')),
    balance_quality text CHECK (balance_quality IN ('ledger', 'reconstructed')),
    read_us     bigint NOT NULL,
    PRIMARY KEY (meter_id, day)
);
CREATE INDEX freeze_record_day ON freeze_record (day);
-- A day the meter has no record of is not asked for again.
CREATE TABLE freeze_absent (
    meter_id    bigint NOT NULL REFERENCES meter,
    day         int NOT NULL,
    noted_us    bigint NOT NULL,
    PRIMARY KEY (meter_id, day)
);
