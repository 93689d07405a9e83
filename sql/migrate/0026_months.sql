-- What grows with time lies in months, so that to forget a month is to drop a table.
--
--      reading_before       what was read before there were months, where it always lay
--      reading_202611       a month of UTC each, made ahead
--      reading_rest         the rest: empty, or something is wrong
--
-- Months are made and dropped by powergate.months_make() and door.months_keep().

CREATE TABLE month_part (
    parent      text NOT NULL,
    name        text PRIMARY KEY,
    from_us     bigint NOT NULL,
    to_us       bigint NOT NULL CHECK (to_us > from_us),
    dropped_us  bigint                  -- no longer there
);

-- A job of which one node at a time is to do one.
CREATE TABLE lease (
    job         text PRIMARY KEY,
    node        text NOT NULL,
    until_us    bigint NOT NULL
);

-- Nothing is moved: what is there becomes the first part, up to the end of its last month.
DO $$
DECLARE upto bigint := (SELECT extract(epoch FROM date_trunc('month', to_timestamp(max(at_us) / 1000000), 'UTC')
    + interval '1 month')::bigint * 1000000 FROM reading_rest);
BEGIN
    IF upto IS NULL THEN RETURN; END IF;
    ALTER TABLE reading DETACH PARTITION reading_rest;
    ALTER TABLE reading_rest RENAME TO reading_before;
    ALTER INDEX reading_rest_pkey RENAME TO reading_before_pkey;
    EXECUTE format('ALTER TABLE reading ATTACH PARTITION reading_before FOR VALUES FROM (MINVALUE) TO (%s)', upto);
    CREATE TABLE reading_rest PARTITION OF reading DEFAULT;
    INSERT INTO month_part VALUES ('reading', 'reading_before', -9223372036854775808, upto);
END $$;

-- Those that still wait for a balance: few, however far one looks back.
CREATE INDEX freeze_record_bare ON freeze_record (day) WHERE balance_quality IS NULL;
