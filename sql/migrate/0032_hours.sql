-- The meter's own record of each full hour; no energy: it has none of that hour, and never will.
CREATE TABLE hour_value (
    at_us       bigint NOT NULL,
    meter_id    bigint NOT NULL,
    total_wh    bigint,
    PRIMARY KEY (at_us, meter_id)
) PARTITION BY RANGE (at_us);
CREATE TABLE hour_value_rest PARTITION OF hour_value DEFAULT;
