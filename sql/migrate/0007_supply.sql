-- Why supply is off or must stay on, whatever the balance says (domain.md 5.10).

-- Placed and released by people or by an alarm, never by a payment.
CREATE TABLE hold (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id    bigint NOT NULL REFERENCES meter,
    kind        text NOT NULL CHECK (kind IN ('ADMIN', 'MOVE_OUT', 'FRAUD', 'MAINTENANCE', 'SAFETY')),
    reason      text NOT NULL CHECK (reason <> ''),
    at_once     boolean NOT NULL DEFAULT false, -- does not wait for the hours in which people are cut off
    charges     boolean NOT NULL DEFAULT true,  -- fixed charges go on meanwhile
    placed_by   text NOT NULL,
    placed_us   bigint NOT NULL,
    released_by text,
    released_us bigint,
    release_reason text CHECK (release_reason <> ''),
    CHECK ((released_us IS NULL) = (release_reason IS NULL))
);
CREATE UNIQUE INDEX hold_once ON hold (meter_id, kind) WHERE released_us IS NULL;

-- What keeps the power on: of one meter, or of a whole site.
CREATE TABLE supply_override (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('PROTECTED', 'TEMP_SUPPLY', 'KEEP_ON', 'NO_DISCONNECT')),
    meter_id    bigint REFERENCES meter,
    site_id     bigint REFERENCES site,
    reason      text NOT NULL CHECK (reason <> ''),
    from_us     bigint NOT NULL,
    until_us    bigint,                      -- NULL: until somebody ends it
    until_wh    bigint CHECK (until_wh > 0), -- of the meter's register, counted from from_wh
    from_wh     bigint,
    until_minor bigint CHECK (until_minor > 0),
    charged_account_id bigint REFERENCES account, -- who pays for it; NULL: the account itself
    charged_minor bigint NOT NULL DEFAULT 0,       -- what was moved there so far
    placed_by   text NOT NULL,
    placed_us   bigint NOT NULL,
    ended_us    bigint,
    ended_by    text,
    ended_why   text,
    CHECK ((meter_id IS NULL) <> (site_id IS NULL)),
    CHECK (site_id IS NULL OR kind = 'NO_DISCONNECT'),
    CHECK (kind <> 'TEMP_SUPPLY' OR until_us IS NOT NULL)
);
CREATE INDEX override_meter ON supply_override (meter_id) WHERE ended_us IS NULL AND meter_id IS NOT NULL;
CREATE INDEX override_site ON supply_override (site_id) WHERE ended_us IS NULL AND site_id IS NOT NULL;

-- Days of a site that are not like their weekday.
CREATE TABLE site_day (
    site_id     bigint NOT NULL REFERENCES site,
    day         int NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('holiday', 'makeup', 'extreme')),
    placed_by   text NOT NULL,
    placed_us   bigint NOT NULL,
    PRIMARY KEY (site_id, day, kind)
);

-- The storm guard: while a row is open no automatic trip leaves.  Warnings and restores go on.
CREATE TABLE trip_halt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause       text NOT NULL,       -- tariff, clock, ledger, provider, silence
    why         text NOT NULL,
    since_us    bigint NOT NULL,
    released_us bigint,
    released_by text,
    release_reason text CHECK (release_reason <> '')
);
CREATE UNIQUE INDEX trip_halt_once ON trip_halt (cause) WHERE released_us IS NULL;

-- What was used past the threshold, by what kept us from cutting it off.  One open row a meter.
CREATE TABLE exposure (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id    bigint NOT NULL REFERENCES meter,
    account_id  bigint NOT NULL REFERENCES account,
    cause       text NOT NULL,
    since_us    bigint NOT NULL,
    from_wh     bigint,              -- the register when it began
    from_minor  bigint NOT NULL,     -- the balance when it began
    wh          bigint NOT NULL DEFAULT 0,
    minor       bigint NOT NULL DEFAULT 0,
    alarms      int NOT NULL DEFAULT 0, -- how many of 1 h, 24 h, 72 h were told
    ended_us    bigint
);
CREATE UNIQUE INDEX exposure_open ON exposure (meter_id) WHERE ended_us IS NULL;

-- How many meters a site has, kept as they come and go: the trip budget asks for every trip.
CREATE FUNCTION meters_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE site s SET meters = s.meters - g.n
        FROM (SELECT site_id, count(*) AS n FROM gone WHERE state = 'active' GROUP BY site_id) g WHERE s.id = g.site_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE site s SET meters = s.meters + f.n
        FROM (SELECT site_id, count(*) AS n FROM fresh WHERE state = 'active' GROUP BY site_id) f WHERE s.id = f.site_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER meters_come AFTER INSERT ON meter REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION meters_counted();
CREATE TRIGGER meters_go AFTER DELETE ON meter REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION meters_counted();
CREATE TRIGGER meters_change AFTER UPDATE ON meter REFERENCING OLD TABLE AS gone NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION meters_counted();

-- What had been charged in all when a day began, the newest of eight first: day, minor, day, minor.
-- The use of a day, and how long the credit lasts, come from it.
ALTER TABLE account_state ADD COLUMN spent_days bigint[] NOT NULL DEFAULT '{}';

-- Whether people still have to look at what a meter refused.
CREATE INDEX work_meter ON work (meter_id) WHERE state <> 'resolved' AND meter_id IS NOT NULL;
