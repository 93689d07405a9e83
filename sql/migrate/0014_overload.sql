-- The limit of a meter's load, and what came of it.

ALTER TABLE meter_parameter DROP CONSTRAINT meter_parameter_set_name_check;
ALTER TABLE meter_parameter ADD CONSTRAINT meter_parameter_set_name_check
    CHECK (set_name IN ('tariff', 'alarm', 'limit'));

ALTER TABLE meter_state
    ADD limit_watts  bigint, -- in force, read back; NULL: none of ours
    ADD overloads    bigint, -- the meter's own count of overloads, as last noted; NULL: never
    ADD overloads_us bigint; -- when that count had moved last

-- Why the hold was placed, where that was not a person: 'overload'.
ALTER TABLE hold ADD cause text NOT NULL DEFAULT '';

-- Trips of a meter that nobody ordered, for more load than it allows.
CREATE TABLE overload_trip (
    meter_id    bigint NOT NULL REFERENCES meter,
    count       bigint NOT NULL,           -- the meter's own
    at_us       bigint NOT NULL,           -- by its own record where it has one; after its last close
    noted_us    bigint NOT NULL,
    forgiven    boolean NOT NULL DEFAULT false, -- a person has released the meter since
    PRIMARY KEY (meter_id, count, noted_us)     -- a count may begin anew
);
CREATE INDEX overload_trip_counts ON overload_trip (meter_id, at_us) WHERE NOT forgiven;
