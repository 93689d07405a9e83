-- Places, parties, meters and the connections they live behind.
--
-- Two schemas.  `powergate` holds the facts and nobody but its owner may touch it; `door`
-- holds the functions the daemon may call (sql/functions), each running as the owner.
--
-- Instants are bigint microseconds UTC and always come in as parameters; money is bigint minor
-- units; energy is bigint Wh.

CREATE TABLE site (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    zone        text NOT NULL,
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- observe: read, price, tell the staff; no relay and no credit until a person releases it
    mode        text NOT NULL DEFAULT 'live' CHECK (mode IN ('observe', 'live')),
    meters      bigint NOT NULL DEFAULT 0, -- active ones, kept by triggers (0007)
    permit_only boolean NOT NULL DEFAULT false -- nothing is switched on without somebody at the meter
) WITH (fillfactor = 50);

-- What it costs is in its price versions (0005).
CREATE TABLE tariff (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    currency    text NOT NULL
);

CREATE TABLE account (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text NOT NULL UNIQUE CHECK (number ~ '^[A-Za-z0-9._-]{1,32}$'),
    customer    text NOT NULL DEFAULT '',
    contact     text NOT NULL DEFAULT '', -- where notices go; meaning depends on the channel
    site_id     bigint NOT NULL REFERENCES site,
    fee_mode    text NOT NULL CHECK (fee_mode IN ('remote', 'local')),
    tariff_id   bigint REFERENCES tariff,
    warn_minor  bigint[] NOT NULL DEFAULT '{5000,2000,1000}', -- falling
    trip_minor  bigint NOT NULL DEFAULT 0,
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed')),
    created_us  bigint NOT NULL,
    CHECK (fee_mode = 'local' OR tariff_id IS NOT NULL)
);

-- What moves with every payment and reading, one narrow row an account.
CREATE TABLE account_state (
    account_id    bigint PRIMARY KEY REFERENCES account,
    prepaid_minor bigint NOT NULL DEFAULT 0, -- = -sum of postings to prepaid
    loaded_minor  bigint NOT NULL DEFAULT 0, -- = -sum of postings to loaded
    arrears_minor bigint NOT NULL DEFAULT 0, -- = sum of postings to arrears
    version       bigint NOT NULL DEFAULT 0, -- rises whenever something a decision rests on moves
    dirty_us      bigint,                    -- somebody should decide; NULL when decided
    look_again_us bigint,                    -- time alone will change the decision
    period        int NOT NULL DEFAULT 0,    -- month 202611 the steps are counted in
    period_wh     bigint NOT NULL DEFAULT 0,
    carry_nano    bigint NOT NULL DEFAULT 0, -- exact charge less what was posted, 10^-9 major units
    warned_level  bigint,                    -- lowest level already warned of, NULL when armed
    days_warned   boolean NOT NULL DEFAULT false, -- told that the credit lasts only days
    below_us      bigint,                    -- at the trip threshold or below since
    final_notice  bigint,                    -- notice.id of "you will be cut off"
    told_payment  bigint NOT NULL DEFAULT 0, -- newest payment whose receipt the customer was told
    unrated_why   text                       -- a price is missing: nothing is tripped on this
) WITH (fillfactor = 70);
CREATE INDEX account_state_dirty ON account_state (dirty_us) WHERE dirty_us IS NOT NULL;
CREATE INDEX account_state_look ON account_state (look_again_us) WHERE look_again_us IS NOT NULL;

-- An endpoint is what connects: one meter, or a converter with a bus of meters behind it.
CREATE TABLE endpoint (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity    text NOT NULL UNIQUE, -- meter address, or the converter's registration
    kind        text NOT NULL CHECK (kind IN ('meter', 'dtu')),
    link        text NOT NULL DEFAULT '4g' CHECK (link IN ('4g', 'nbiot', 'rs485')),
    state       text NOT NULL DEFAULT 'quarantined' CHECK (state IN ('claimed', 'quarantined')),
    why         text NOT NULL DEFAULT '', -- why it is quarantined
    node        text,                     -- who holds its session
    epoch       bigint NOT NULL DEFAULT 0,
    peer        text,
    opened_us   bigint,
    seen_us     bigint,
    closed_us   bigint,
    takeovers   int NOT NULL DEFAULT 0,   -- within the ten minutes that began at flap_us
    flap_us     bigint NOT NULL DEFAULT 0,
    held_until_us bigint NOT NULL DEFAULT 0, -- flapping: no money and no trips before
    doubt_until_us bigint NOT NULL DEFAULT 0 -- just taken over: no evidence is believed, no trip leaves before
) WITH (fillfactor = 70);

CREATE TABLE meter (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address     text NOT NULL UNIQUE CHECK (address ~ '^[0-9]{12}$'),
    protocol    text NOT NULL DEFAULT 'dlt645',
    profile     text NOT NULL,
    capability  text NOT NULL DEFAULT 'none' CHECK (capability IN ('none', 'order_no', 'counted')),
    site_id     bigint NOT NULL REFERENCES site,
    account_id  bigint REFERENCES account,
    endpoint_id bigint REFERENCES endpoint,
    customer    text NOT NULL DEFAULT '' CHECK (customer ~ '^([0-9]{12})?$'), -- ESAM customer number
    password    bytea,                       -- sealed with the daemon's key; NULL: factory value
    wraps_wh    bigint NOT NULL DEFAULT 1000000000, -- 999999.99 kWh
    most_watts  bigint NOT NULL DEFAULT 100000,     -- plausibility of a forward jump
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    created_us  bigint NOT NULL
);
CREATE INDEX meter_endpoint ON meter (endpoint_id);
CREATE INDEX meter_account ON meter (account_id);

CREATE TABLE meter_state (
    meter_id      bigint PRIMARY KEY REFERENCES meter,
    relay_wanted  text NOT NULL DEFAULT 'closed' CHECK (relay_wanted IN ('open', 'permitted', 'closed')),
    wanted_why    text NOT NULL DEFAULT 'new meter',
    wanted_for    text NOT NULL DEFAULT '',   -- wanted open: ARREARS or the hold it is for
    wanted_us     bigint NOT NULL DEFAULT 0,
    generation    bigint NOT NULL DEFAULT 0,  -- rises with each new wish; older ones never leave
    relay_seen    text NOT NULL DEFAULT 'unknown' CHECK (relay_seen IN ('unknown', 'open', 'permitted', 'closed')),
    seen_us       bigint,
    closed_us     bigint,                     -- last time it was seen to close
    off_us        bigint,                     -- off since, as seen; NULL while it is on
    status        bigint,
    total_wh      bigint, total_us  bigint,   -- newest accepted register
    billed_wh     bigint, billed_us bigint,   -- up to here it has been charged
    credit_minor  bigint, credit_us bigint,   -- local: balance in the meter
    purchases     bigint, bought_minor bigint,-- local: as last read
    -- local, commissioning: where our count begins, adopted by a person
    base_count    bigint, base_bought bigint, base_us bigint, base_by text,
    incarnation   int NOT NULL DEFAULT 1,     -- a swapped or cleared meter begins a new one
    account_open  boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);

-- One row for the whole head-end: the switches only a person moves.
CREATE TABLE headend (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    trips_stopped boolean NOT NULL DEFAULT false, -- the kill switch
    held          boolean NOT NULL DEFAULT false, -- restored database: no money, no trips
    why           text NOT NULL DEFAULT '',
    by            text NOT NULL DEFAULT '',
    at_us         bigint NOT NULL DEFAULT 0
);
INSERT INTO headend DEFAULT VALUES;

-- Who may do what over the unix socket: peer credentials lead to a principal.
CREATE TABLE principal (
    uid         bigint PRIMARY KEY,
    name        text NOT NULL,
    role        text NOT NULL DEFAULT 'admin' CHECK (role IN ('viewer', 'operator', 'cashier', 'admin')),
    created_us  bigint NOT NULL
);
CREATE TABLE audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us       bigint NOT NULL,
    uid         bigint,
    actor       text NOT NULL,
    action      text NOT NULL,
    args        jsonb NOT NULL,
    outcome     text NOT NULL
);

-- What happened to a meter or an account, in one sentence each; for people.
CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us       bigint NOT NULL,
    kind        text NOT NULL,
    meter_id    bigint REFERENCES meter,
    account_id  bigint REFERENCES account,
    text        text NOT NULL
);
CREATE INDEX event_meter ON event (meter_id, id);
CREATE INDEX event_account ON event (account_id, id);

-- Append-only tables: a row trigger does not see TRUNCATE, so there are two.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '23514';
END $$;
CREATE TRIGGER audit_fixed BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_kept BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
