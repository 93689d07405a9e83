-- Readings to money.
--
--      readings --> rating --> charges, journals --> account dirty --> deciding
--
-- Two marks on an account: rate_us, somebody should rate its readings; dirty_us, somebody should
-- decide about its supply.  Rating ends by marking dirty, and deciding never charges.
--
--      service_point --1:n--> tenancy        who lived there, and where in the tiers that is
--      service_point --1:n--> installation   which meter counted there, by which multiplier
--      tenancy --1:n--> charge --> journal   what was used or accrued, and what it cost
--
-- Registers are arrays of five Wh: total, T1 to T4; NULL where the meter has none.

CREATE TABLE service_point (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     bigint NOT NULL REFERENCES site,
    name        text NOT NULL CHECK (name <> ''),
    extra_wh    bigint NOT NULL DEFAULT 0 CHECK (extra_wh >= 0), -- for a larger household, on each threshold
    created_us  bigint NOT NULL,
    UNIQUE (site_id, name)
);

-- The tier position goes with the tenancy: a swapped meter keeps it, a new tenant begins at 0.
CREATE TABLE tenancy (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id    bigint NOT NULL REFERENCES service_point,
    account_id  bigint NOT NULL REFERENCES account,
    from_us     bigint NOT NULL,        -- the least bigint: since ever
    to_us       bigint,
    settled     boolean NOT NULL DEFAULT false, -- ended, and nothing of it is left to be charged
    fixed_us    bigint,                 -- fixed charges are accrued up to this local midnight; NULL: not begun
    period_us   bigint NOT NULL DEFAULT 0,
    used_wh     bigint NOT NULL DEFAULT 0,
    band_wh     bigint[] NOT NULL DEFAULT '{}',
    reviewed    boolean NOT NULL DEFAULT false, -- ended, and its last period rated with that end in sight
    CHECK (to_us > from_us)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX tenancy_one_open ON tenancy (point_id) WHERE to_us IS NULL;
CREATE INDEX tenancy_live ON tenancy (account_id) WHERE NOT settled;
CREATE INDEX tenancy_account ON tenancy (account_id);

-- A swap and a change of the multiplier end one and begin the next, and so does a change of
-- tenant: an installation lies within one tenancy, or within a time when nobody lives there.
CREATE TABLE installation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id    bigint NOT NULL REFERENCES service_point,
    tenancy_id  bigint REFERENCES tenancy,
    meter_id    bigint NOT NULL REFERENCES meter,
    multiplier  int NOT NULL DEFAULT 1 CHECK (multiplier >= 1),
    from_us     bigint,                 -- NULL: its first reading will tell
    open_wh     bigint[] CHECK (array_length(open_wh, 1) = 5),
    to_us       bigint,
    close_wh    bigint[] CHECK (array_length(close_wh, 1) = 5),
    close_quality text CHECK (close_quality IN ('read', 'estimate')),
    billed_us   bigint,                 -- up to here it has been charged
    billed_wh   bigint[],
    moved_us    bigint,                 -- when its register last moved
    settled     boolean NOT NULL DEFAULT false,
    CHECK ((from_us IS NULL) = (open_wh IS NULL) AND (from_us IS NULL) = (billed_us IS NULL)),
    CHECK ((to_us IS NULL) = (close_quality IS NULL)),
    CHECK (to_us >= from_us)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX installation_one_a_meter ON installation (meter_id) WHERE to_us IS NULL;
CREATE UNIQUE INDEX installation_one_a_point ON installation (point_id) WHERE to_us IS NULL;
CREATE INDEX installation_live ON installation (tenancy_id) WHERE NOT settled;
CREATE INDEX installation_meter ON installation (meter_id);

-- Exact and posted, by component: struct price_sum.
CREATE TABLE account_sum (
    account_id  bigint NOT NULL REFERENCES account,
    n           smallint NOT NULL,
    name        text NOT NULL,          -- energy, fixed, or a surcharge by its name
    tax_inclusive boolean NOT NULL,
    tax_ppm     bigint NOT NULL,
    base_nano   bigint NOT NULL,
    base_parts  bigint NOT NULL,
    gross_femto bigint NOT NULL,
    net_femto   bigint NOT NULL,
    gross_minor bigint NOT NULL,
    net_minor   bigint NOT NULL,
    PRIMARY KEY (account_id, n)
) WITH (fillfactor = 70);

-- What was billed before now: a point and a tenancy each, the meter where it was.
INSERT INTO service_point (site_id, name, created_us)
    SELECT m.site_id, m.address, m.created_us FROM meter m WHERE m.account_id IS NOT NULL AND m.state = 'active';
INSERT INTO tenancy (point_id, account_id, from_us, period_us, used_wh)
    SELECT p.id, m.account_id, -9223372036854775808,
        CASE WHEN s.period > 0 THEN (extract(epoch FROM make_timestamptz(s.period / 100, s.period % 100, 1, 0, 0, 0, t.zone)) * 1000000)::bigint ELSE 0 END,
        s.period_wh
    FROM meter m JOIN service_point p ON p.site_id = m.site_id AND p.name = m.address JOIN site t ON t.id = m.site_id
    JOIN account_state s ON s.account_id = m.account_id WHERE m.account_id IS NOT NULL AND m.state = 'active';
INSERT INTO installation (point_id, tenancy_id, meter_id, from_us, open_wh, billed_us, billed_wh)
    SELECT p.id, y.id, m.id, x.billed_us, w.wh, x.billed_us, w.wh
    FROM meter m JOIN service_point p ON p.site_id = m.site_id AND p.name = m.address JOIN tenancy y ON y.point_id = p.id
    JOIN meter_state x ON x.meter_id = m.id
    CROSS JOIN LATERAL (SELECT CASE WHEN x.billed_wh IS NOT NULL THEN ARRAY[x.billed_wh, NULL, NULL, NULL, NULL] END AS wh) w
    WHERE m.account_id IS NOT NULL AND m.state = 'active';
INSERT INTO account_sum
    SELECT account_id, 0, 'energy', false, 0, carry_nano, 0, 0, 0, 0, 0 FROM account_state WHERE carry_nano <> 0;

ALTER TABLE account_state
    DROP COLUMN period, DROP COLUMN period_wh, DROP COLUMN carry_nano,
    ADD COLUMN rate_us bigint,                         -- somebody should rate; NULL when rated
    ADD COLUMN rate_again_us bigint,                   -- time alone will have something to rate
    ADD COLUMN rate_version bigint NOT NULL DEFAULT 0, -- rises whenever something a charge rests on moves
    ADD COLUMN estimate_minor bigint NOT NULL DEFAULT 0, -- used since the last reading, by guess: to warn of, never to trip on
    ADD COLUMN drift_minor bigint;                     -- local: what the meter had more than the books when they were first compared
CREATE INDEX account_state_rate ON account_state (rate_us) WHERE rate_us IS NOT NULL;
CREATE INDEX account_state_rate_again ON account_state (rate_again_us) WHERE rate_again_us IS NOT NULL;
ALTER TABLE meter_state DROP COLUMN billed_wh, DROP COLUMN billed_us;

-- When it was posted is at_us; what it is for may lie before that.
ALTER TABLE journal ADD COLUMN value_us bigint;

-- Enough to rate it again and come to the same nano.  A charge never changes but for its state:
-- what is worked out anew replaces it.
CREATE TABLE charge (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenancy_id  bigint NOT NULL,
    installation_id bigint,             -- energy
    kind        text NOT NULL CHECK (kind IN ('energy', 'fixed')),
    from_us     bigint NOT NULL,
    to_us       bigint NOT NULL CHECK (to_us > from_us),
    from_wh     bigint[],
    to_wh       bigint[],
    multiplier  int NOT NULL,
    wh          bigint NOT NULL,
    tenant_to_us bigint,                -- the end of the tenancy, as far as it was known
    extra_wh    bigint NOT NULL,
    period_us   bigint NOT NULL,        -- the position before it
    used_wh     bigint NOT NULL,
    band_wh     bigint[] NOT NULL,
    quality     text NOT NULL CHECK (quality IN ('actual', 'estimate')), -- estimate: a boundary lies within, where nobody read
    state       text NOT NULL CHECK (state IN ('posted', 'unrated', 'replaced')),
    why         text NOT NULL DEFAULT '',
    tried       bigint,                 -- unrated: by the prices of this mark; estimate: with so many readings within
    names       text[] NOT NULL,        -- its components, and for each
    exact       bigint[] NOT NULL,      --   nano and parts of a nano
    sums        bigint[] NOT NULL,      --   what had come together before it: the eight numbers of account_sum
    minor       bigint NOT NULL,        -- posted by it, gross; of what replaces others, 0: their journal has the difference
    journal_id  bigint,
    replaces    bigint,
    rated_us    bigint NOT NULL
) WITH (fillfactor = 95);
CREATE INDEX charge_tenancy ON charge (tenancy_id, from_us);
CREATE INDEX charge_open ON charge (tenancy_id) WHERE state = 'unrated' OR (state = 'posted' AND quality = 'estimate');

CREATE FUNCTION charge_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'replaced' OR NEW.state NOT IN ('replaced', OLD.state) OR
       (to_jsonb(NEW) - 'state' - 'tried') IS DISTINCT FROM (to_jsonb(OLD) - 'state' - 'tried') THEN
        RAISE EXCEPTION 'charge %: it stays as it is, or is replaced', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
-- What a charge refers to is there, looked at once a statement; and none of it ever goes.
CREATE FUNCTION charge_sound() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE bad bigint;
BEGIN
    -- a probe each: EXISTS would read the whole of a table instead
    SELECT f.id INTO bad FROM fresh f WHERE (SELECT y.id FROM tenancy y WHERE y.id = f.tenancy_id) IS NULL
        OR (SELECT i.tenancy_id FROM installation i WHERE i.id = f.installation_id) IS DISTINCT FROM CASE f.kind WHEN 'energy' THEN f.tenancy_id END
        OR (SELECT j.id FROM journal j WHERE j.id = f.journal_id) IS DISTINCT FROM f.journal_id
        OR (SELECT c.id FROM charge c WHERE c.id = f.replaces) IS DISTINCT FROM f.replaces LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'charge % is of nothing that is there', bad USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER charge_sound AFTER INSERT ON charge REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION charge_sound();
CREATE TRIGGER tenancy_never_gone BEFORE DELETE ON tenancy FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER installation_never_gone BEFORE DELETE ON installation FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_guard BEFORE UPDATE ON charge FOR EACH ROW EXECUTE FUNCTION charge_guard();
CREATE TRIGGER charge_never_gone BEFORE DELETE ON charge FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_kept BEFORE TRUNCATE ON charge FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A reading that cannot be billed as it is, and what a person made of it.
CREATE TABLE reading_held (
    installation_id bigint NOT NULL REFERENCES installation,
    at_us       bigint NOT NULL,
    wh          bigint[] NOT NULL,
    why         text NOT NULL,
    noted_us    bigint NOT NULL,
    decision    text CHECK (decision IN ('used', 'rollover', 'reset', 'refused')),
    by          text,
    reason      text,
    decided_us  bigint,
    PRIMARY KEY (installation_id, at_us)
);
-- The same meter, register and instant with another value: the first one stands.
CREATE TABLE reading_conflict (
    meter_id    bigint NOT NULL REFERENCES meter,
    at_us       bigint NOT NULL,
    reg         text NOT NULL,
    value       bigint NOT NULL,
    stands      bigint NOT NULL,
    heard_us    bigint NOT NULL,
    PRIMARY KEY (meter_id, at_us, reg, value)
);

-- Charges that are to be worked out again by the prices as they are now; a person's order.
CREATE TABLE rebill (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    from_us     bigint NOT NULL,
    by          text NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    ordered_us  bigint NOT NULL,
    done_us     bigint
);
CREATE UNIQUE INDEX rebill_one_open ON rebill (account_id) WHERE done_us IS NULL;

-- The remaining credit of a swapped meter travels as a delivery of its own.
ALTER TABLE credit_delivery DROP CONSTRAINT credit_delivery_kind_check,
    ADD CONSTRAINT credit_delivery_kind_check CHECK (kind IN ('open', 'recharge', 'transfer'));
ALTER TABLE credit_delivery DROP CONSTRAINT credit_delivery_check,
    ADD CONSTRAINT credit_delivery_check CHECK ((kind = 'recharge') = (payment_id IS NOT NULL));

-- What comes back from rating, a row each; door.rating_done() takes arrays of them.
CREATE TYPE rated_account AS (account bigint, version bigint, again_us bigint, keep boolean, unrated text, estimate bigint, rebill bigint);
CREATE TYPE rated_sum AS (account bigint, n smallint, tax_inclusive boolean, tax_ppm bigint, base_nano bigint, base_parts bigint,
    gross_femto bigint, net_femto bigint, gross_minor bigint, net_minor bigint, name text);
CREATE TYPE rated_tenancy AS (account bigint, id bigint, fixed_us bigint, period_us bigint, used_wh bigint, band_wh bigint[],
    reviewed boolean, settled boolean);
CREATE TYPE rated_installation AS (account bigint, id bigint, begins boolean, billed_us bigint, billed_wh bigint[], moved_us bigint,
    settled boolean);
CREATE TYPE rated_journal AS (account bigint, n int, key text, kind text, memo text, value_us bigint, currency text);
CREATE TYPE rated_line AS (account bigint, n int, line smallint, ledger text, owner text, minor bigint);
CREATE TYPE rated_charge AS (account bigint, journal int, tenancy bigint, installation bigint, kind text, from_us bigint, to_us bigint,
    from_wh bigint[], to_wh bigint[], multiplier int, wh bigint, tenant_to bigint, extra_wh bigint, period_us bigint, used_wh bigint,
    band_wh bigint[], quality text, state text, why text, tried bigint, names text[], exact bigint[], sums bigint[], minor bigint,
    replaces bigint);
-- replaced: by others; else tried again without success, by the prices of a mark or with what has been read
CREATE TYPE rated_mark AS (account bigint, charge bigint, replaced boolean, mark bigint);
CREATE TYPE rated_doubt AS (account bigint, installation bigint, meter bigint, cause text, at_us bigint, wh bigint[], why text);
