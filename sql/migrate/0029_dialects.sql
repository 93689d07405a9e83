-- Meters of other makers, and what each was shown to do with an order that comes twice.

-- What its maker calls it, firmware and all: what one of them shows holds for all of them.
ALTER TABLE meter ADD COLUMN model text NOT NULL DEFAULT '' CHECK (length(model) <= 100);

-- The number under which a meter without a count takes credit: reserved with the plan, the same for
-- every send.  Frozen like the rest of what is sent.
ALTER TABLE credit_delivery ADD COLUMN order_no bigint CHECK (order_no BETWEEN 1 AND 9999999999999999);
CREATE UNIQUE INDEX delivery_order_no ON credit_delivery (meter_id, order_no) WHERE order_no IS NOT NULL;
CREATE FUNCTION delivery_order_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'delivery %: its order number is fixed', OLD.id USING ERRCODE = '23514';
END $$;
CREATE TRIGGER delivery_order_fixed BEFORE UPDATE OF order_no ON credit_delivery FOR EACH ROW
    WHEN (OLD.order_no IS NOT NULL AND NEW.order_no IS DISTINCT FROM OLD.order_no) EXECUTE FUNCTION delivery_order_fixed();

-- A meter without an account, asked what it does with the same order twice (reliability.md B.3).
-- Nothing but the newest that has ended says what a profile and model may be trusted with.
CREATE TABLE qualification (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id    bigint NOT NULL REFERENCES meter,
    profile     text NOT NULL,
    model       text NOT NULL,
    credit_minor bigint NOT NULL CHECK (credit_minor > 0),
    claim       text NOT NULL CHECK (claim IN ('counted', 'order_no')), -- what its dialect would allow
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'power', 'ended', 'given up')),
    stage       text NOT NULL DEFAULT '',  -- what is asked next
    class       text CHECK (class IN ('none', 'order_no', 'counted')),
    why         text NOT NULL DEFAULT '',
    order_no    bigint,                    -- the last one the meter has taken
    count       bigint,                    -- the last count it has taken
    bought_minor bigint,                   -- and what had been bought by then
    outages     bigint,                    -- how often it had lost its supply
    epoch       bigint,                    -- of the session it was asked in
    asked_by    text NOT NULL,
    started_us  bigint NOT NULL,
    ended_us    bigint,
    CHECK ((state = 'ended') = (class IS NOT NULL AND ended_us IS NOT NULL))
);
CREATE UNIQUE INDEX qualification_one ON qualification (meter_id) WHERE state IN ('running', 'power');
CREATE INDEX qualification_type ON qualification (profile, model, ended_us) WHERE class IS NOT NULL;

-- The evidence: each order, what the meter said, and what it counted before and after.
CREATE TABLE qualification_step (
    qualification_id bigint NOT NULL REFERENCES qualification,
    n           int NOT NULL,
    at_us       bigint NOT NULL,
    stage       text NOT NULL,
    said        text NOT NULL CHECK (said IN ('yes', 'no', 'repeat', 'nothing')),
    number      bigint,                    -- count or order number that was sent
    count_before bigint, count_after bigint,
    bought_before bigint, bought_after bigint,
    credit_before bigint, credit_after bigint,
    verdict     text NOT NULL,
    frames_out  bytea[] NOT NULL,
    frames_in   bytea[] NOT NULL,
    PRIMARY KEY (qualification_id, n)
);
CREATE TRIGGER qualification_step_fixed BEFORE UPDATE OR DELETE ON qualification_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER qualification_step_kept BEFORE TRUNCATE ON qualification_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE command DROP CONSTRAINT command_kind_check;
ALTER TABLE command ADD CONSTRAINT command_kind_check
    CHECK (kind IN ('read', 'relay', 'credit', 'commission', 'push', 'qualify'));
