-- What is wanted of a meter's own settings, and how far it has got.

ALTER TABLE command DROP CONSTRAINT command_kind_check;
ALTER TABLE command ADD CONSTRAINT command_kind_check
    CHECK (kind IN ('read', 'relay', 'credit', 'commission', 'push'));
CREATE INDEX command_push ON command (meter_id) WHERE kind = 'push' AND state IN ('waiting', 'sent', 'unsure');

-- One row a meter and set.  wanted --> sent --> acknowledged (in the spare set, read back, the
-- switch time as well) --> active (in force, read back after the switch); or refused, until a
-- person asks again.  Found otherwise later it is wanted once more.
CREATE TABLE meter_parameter (
    meter_id    bigint NOT NULL REFERENCES meter,
    set_name    text NOT NULL CHECK (set_name IN ('tariff', 'alarm')),
    generation  bigint NOT NULL DEFAULT 1, -- rises with each new wish; commands for older ones never leave
    wanted      jsonb NOT NULL,            -- as codec/push_json.c writes it
    version     text NOT NULL DEFAULT '',  -- which prices these are, in the words of who wanted them
    wanted_by   text NOT NULL,
    state       text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'sent', 'acknowledged', 'active', 'refused')),
    why         text NOT NULL DEFAULT '',
    switch_us   bigint NOT NULL DEFAULT 0, -- as written into the meter, on its own clock
    failures    int NOT NULL DEFAULT 0,    -- refusals in a row
    rewrites    int NOT NULL DEFAULT 0,    -- how often it was found otherwise and written again
    look_us     bigint,                    -- when somebody should look at the meter; NULL: a command has it in hand
    wanted_us   bigint NOT NULL,
    sent_us     bigint, acknowledged_us bigint, active_us bigint, checked_us bigint,
    PRIMARY KEY (meter_id, set_name)
) WITH (fillfactor = 70);
CREATE INDEX meter_parameter_look ON meter_parameter (look_us) WHERE look_us IS NOT NULL;

-- Whoever changes the levels of an account changes those in its meters; when, the next sweep says.
CREATE FUNCTION push_account_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = powergate, pg_temp AS $$
BEGIN
    PERFORM powergate.push_alarm(m.id, 'account changed', 0) FROM powergate.meter m WHERE m.account_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER push_account_changed AFTER UPDATE OF warn_minor, trip_minor, fee_mode ON account FOR EACH ROW
    WHEN (OLD.warn_minor IS DISTINCT FROM NEW.warn_minor OR OLD.trip_minor IS DISTINCT FROM NEW.trip_minor
          OR OLD.fee_mode IS DISTINCT FROM NEW.fee_mode) EXECUTE FUNCTION push_account_changed();
CREATE FUNCTION push_meter_moved() RETURNS trigger LANGUAGE plpgsql
    SET search_path = powergate, pg_temp AS $$
BEGIN
    PERFORM powergate.push_alarm(NEW.id, 'another account', 0);
    RETURN NULL;
END $$;
CREATE TRIGGER push_meter_moved AFTER UPDATE OF account_id ON meter FOR EACH ROW
    WHEN (OLD.account_id IS DISTINCT FROM NEW.account_id) EXECUTE FUNCTION push_meter_moved();
