-- Commands to meters and the delivery of credit.

-- The arrows of model/command.c and model/delivery.c; tests/arrows_agree.sh holds them together.
CREATE TABLE arrow (
    machine     text NOT NULL,
    from_state  text NOT NULL,
    on_event    text NOT NULL,
    to_state    text NOT NULL,
    PRIMARY KEY (machine, from_state, on_event)
);
INSERT INTO arrow VALUES
    ('command', 'waiting', 'dispatched', 'sent'),
    ('command', 'waiting', 'too_late',   'expired'),
    ('command', 'waiting', 'withdrawn',  'cancelled'),
    ('command', 'sent',    'confirmed',  'done'),
    ('command', 'sent',    'denied',     'unsure'),
    ('command', 'sent',    'unanswered', 'unsure'),
    ('command', 'sent',    'unsent',     'waiting'),
    ('command', 'unsure',  'confirmed',  'done'),
    ('command', 'unsure',  'disproved',  'waiting'),
    ('command', 'unsure',  'denied',     'refused'),
    ('command', 'unsure',  'withdrawn',  'cancelled');

-- Credit on its way into a local meter.  This row alone says whether the money arrived;
-- commands only carry it (reliability.md B.4).
CREATE TABLE credit_delivery (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('open', 'recharge')),
    payment_id  bigint UNIQUE REFERENCES payment,     -- one payment, one delivery
    account_id  bigint NOT NULL REFERENCES account,
    amount_minor bigint NOT NULL,
    state       text NOT NULL DEFAULT 'QUEUED' CHECK (state IN
                  ('QUEUED', 'INTENT', 'VERIFYING', 'APPLIED', 'REVIEW', 'CANCELLED')),
    -- bound when the delivery is planned, frozen from then on
    meter_id    bigint REFERENCES meter,
    incarnation int,
    purchase    bigint,               -- the purchase count: reserved before the first byte
    customer    text,
    base_bought bigint,
    planned_us  bigint,
    sends       int NOT NULL DEFAULT 0,
    sent_us     bigint, heard_us bigint, applied_us bigint,
    created_us  bigint NOT NULL,
    cancel_requested boolean NOT NULL DEFAULT false,
    why         text NOT NULL DEFAULT '',
    CHECK ((kind = 'open') = (payment_id IS NULL)),
    CHECK (kind = 'open' OR amount_minor > 0),
    CHECK (state IN ('QUEUED', 'CANCELLED', 'REVIEW') OR
           (meter_id IS NOT NULL AND incarnation IS NOT NULL AND purchase IS NOT NULL))
) WITH (fillfactor = 80);
-- I4: at most one credit in flight a meter.  I5: one delivery a purchase count.
CREATE UNIQUE INDEX delivery_one_in_flight ON credit_delivery (meter_id)
    WHERE state IN ('INTENT', 'VERIFYING');
CREATE UNIQUE INDEX delivery_one_a_count ON credit_delivery (meter_id, incarnation, purchase)
    WHERE purchase IS NOT NULL;
CREATE INDEX delivery_account ON credit_delivery (account_id, id);
CREATE INDEX delivery_open ON credit_delivery (account_id) WHERE state NOT IN ('APPLIED', 'CANCELLED');
ALTER TABLE work ADD FOREIGN KEY (delivery_id) REFERENCES credit_delivery;

-- What was read back, whole frames, and what it was judged to mean.
CREATE TABLE credit_evidence (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES credit_delivery,
    at_us       bigint NOT NULL,
    node        text NOT NULL,
    epoch       bigint NOT NULL,
    incarnation int NOT NULL,
    meter_count bigint NOT NULL,
    record      jsonb,                -- count, amount, before, after, bought, at
    frames      bytea[] NOT NULL,     -- as they came from the wire
    verdict     text NOT NULL CHECK (verdict IN ('applied', 'absent', 'burnt', 'contradictory', 'person'))
);
CREATE INDEX credit_evidence_delivery ON credit_evidence (delivery_id, id);
CREATE TRIGGER credit_evidence_fixed BEFORE UPDATE OR DELETE ON credit_evidence FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_evidence_kept BEFORE TRUNCATE ON credit_evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- I3, I6, I7: arrows, frozen columns, and no APPLIED without evidence.
CREATE FUNCTION delivery_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.payment_id IS DISTINCT FROM OLD.payment_id OR NEW.kind <> OLD.kind
       OR NEW.amount_minor <> OLD.amount_minor OR NEW.account_id <> OLD.account_id THEN
        RAISE EXCEPTION 'delivery %: what is owed never changes', OLD.id USING ERRCODE = '23514';
    END IF;
    IF OLD.state IN ('INTENT', 'VERIFYING', 'APPLIED') AND (
       NEW.meter_id IS DISTINCT FROM OLD.meter_id OR NEW.incarnation IS DISTINCT FROM OLD.incarnation OR
       NEW.purchase IS DISTINCT FROM OLD.purchase OR NEW.customer IS DISTINCT FROM OLD.customer) THEN
        RAISE EXCEPTION 'delivery %: a sent order is frozen', OLD.id USING ERRCODE = '23514';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
       (OLD.state = 'QUEUED'    AND NEW.state IN ('INTENT', 'CANCELLED', 'REVIEW')) OR
       (OLD.state = 'INTENT'    AND NEW.state IN ('VERIFYING')) OR
       (OLD.state = 'VERIFYING' AND NEW.state IN ('APPLIED', 'REVIEW')) OR
       (OLD.state = 'REVIEW'    AND NEW.state IN ('APPLIED', 'QUEUED', 'CANCELLED'))) THEN
        RAISE EXCEPTION 'delivery %: no arrow from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
    END IF;
    IF NEW.state = 'APPLIED' AND OLD.state <> 'APPLIED' AND NOT EXISTS (
       SELECT FROM credit_evidence x WHERE x.delivery_id = NEW.id AND
         (x.verdict = 'person' OR (x.verdict = 'applied' AND x.incarnation = NEW.incarnation))) THEN
        RAISE EXCEPTION 'delivery %: nothing proves it was applied', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delivery_guard BEFORE UPDATE ON credit_delivery FOR EACH ROW EXECUTE FUNCTION delivery_guard();
CREATE TRIGGER delivery_never_gone BEFORE DELETE ON credit_delivery FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivery_kept BEFORE TRUNCATE ON credit_delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE command (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,   -- the caller's: asking twice adds once
    meter_id    bigint NOT NULL REFERENCES meter,
    kind        text NOT NULL CHECK (kind IN ('read', 'relay', 'credit', 'commission')),
    -- 0 SAFETY trip, 1 money: recharge and restore, 2 other trips, 3 a person's read, 4 scheduled, 5 push
    priority    smallint NOT NULL CHECK (priority BETWEEN 0 AND 5),
    order_us    bigint NOT NULL,        -- within a priority: the oldest payment first
    rank        smallint NOT NULL DEFAULT 0, -- on one meter: the recharge (0) before the restore (1)
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN
                  ('waiting', 'sent', 'unsure', 'done', 'refused', 'expired', 'cancelled')),
    task        jsonb NOT NULL,
    cause       text NOT NULL,
    created_by  text NOT NULL,
    generation  bigint,                 -- relay: the wish it serves
    reason      text,                   -- relay: ARREARS, ADMIN, SAFETY, ...
    delivery_id bigint REFERENCES credit_delivery,
    payment_id  bigint REFERENCES payment,
    attempts    int NOT NULL DEFAULT 0,
    due_us      bigint NOT NULL,
    expires_us  bigint,                 -- NULL: never
    node        text, epoch bigint,     -- who sent it last
    created_us  bigint NOT NULL,
    ended_us    bigint,
    outcome     text,
    refusal     int,                    -- enum refusal of what the meter last denied
    late_told   boolean NOT NULL DEFAULT false -- a restore that took too long was reported
) WITH (fillfactor = 75);
CREATE INDEX command_live ON command (meter_id, priority, order_us) WHERE state IN ('waiting', 'sent', 'unsure');
CREATE INDEX command_delivery ON command (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX command_wish ON command (meter_id, generation) WHERE kind = 'relay';
CREATE INDEX command_payment ON command (payment_id) WHERE payment_id IS NOT NULL;

CREATE TABLE command_history (
    command_id  bigint NOT NULL REFERENCES command,
    n           bigint GENERATED ALWAYS AS IDENTITY,
    at_us       bigint NOT NULL,
    step        text NOT NULL,
    text        text NOT NULL DEFAULT '',
    frame       bytea,
    PRIMARY KEY (command_id, n)
);

-- Each trip that left, for the budget no caller can pass (reliability.md I16).  One that is sent
-- again after a read-back is the same trip.
CREATE TABLE trip_log (
    command_id  bigint PRIMARY KEY REFERENCES command,
    at_us       bigint NOT NULL,
    site_id     bigint NOT NULL REFERENCES site,
    meter_id    bigint NOT NULL REFERENCES meter
);
CREATE INDEX trip_log_at ON trip_log (at_us);
CREATE INDEX trip_log_meter ON trip_log (meter_id, at_us);
