-- The clocks of meters: how far each is off, how it was put right, and when its word was no good.

CREATE TABLE meter_clock (
    meter_id    bigint PRIMARY KEY REFERENCES meter,
    read_us     bigint NOT NULL,
    skew_us     bigint NOT NULL,        -- the meter's clock less ours
    good_us     bigint,                 -- when it last was right enough for its bands
    cast_day    int,                    -- on the meter's clock, when it was last told by broadcast
    failed      int NOT NULL DEFAULT 0, -- broadcasts in a row that it did not follow
    refused     boolean NOT NULL DEFAULT false, -- its password is wrong: not tried again before it is another
    again_us    bigint NOT NULL DEFAULT 0, -- not written before
    set_us      bigint,
    set_by      text CHECK (set_by IN ('broadcast', 'write')),
    set_from_us bigint                  -- how far it was off then
) WITH (fillfactor = 70);

-- When a meter's clock was off by so much that its tariff registers say nothing about our hours.
CREATE TABLE clock_span (
    meter_id    bigint NOT NULL REFERENCES meter,
    from_us     bigint NOT NULL,        -- when it was last known to be right
    to_us       bigint,                 -- NULL: it still is
    most_us     bigint NOT NULL,
    PRIMARY KEY (meter_id, from_us)
);
CREATE UNIQUE INDEX clock_span_open ON clock_span (meter_id) WHERE to_us IS NULL;
