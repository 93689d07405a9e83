-- What providers tell beside payments, orders that payments settle, and shifts of the cash desk.

-- Refunds, chargebacks, orders that were closed, and payments that are none.  The bytes are in the
-- inbox under the same key; nothing here moves money.
CREATE TABLE provider_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    provider    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('payment', 'refund', 'pending', 'closed', 'chargeback', 'other', 'conflict')),
    type        text NOT NULL,           -- the provider's own word, like state
    payment_no  text COLLATE "C" NOT NULL,
    refund_no   text COLLATE "C" NOT NULL,
    order_no    text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,        -- 0: not told
    currency    text NOT NULL,
    cumulative  boolean NOT NULL,        -- a refund: all that went back so far
    state       text NOT NULL,
    why         text NOT NULL,
    trace       text NOT NULL,           -- what the provider's support asks for
    happened_us bigint NOT NULL,         -- 0: not told
    received_us bigint NOT NULL,
    payment_id  bigint REFERENCES payment, -- ours, if it was known then
    UNIQUE (source, event_id),
    FOREIGN KEY (source, event_id) REFERENCES inbox
);
CREATE INDEX provider_event_payment ON provider_event (source, payment_no, kind);
CREATE TRIGGER provider_event_fixed BEFORE UPDATE OR DELETE ON provider_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER provider_event_kept BEFORE TRUNCATE ON provider_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A payment to come: its limits were asked before money moved.  Paid once; money that comes after
-- it expired is money all the same.
CREATE TABLE pay_order (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text COLLATE "C" NOT NULL UNIQUE CHECK (number ~ '^[A-Za-z0-9_-]{6,32}$'),
    source      text COLLATE "C" NOT NULL,  -- who is to be told of its payment
    account_id  bigint NOT NULL REFERENCES account,
    meter_no    text NOT NULL,              -- as it was asked for; may be empty
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency    text NOT NULL,
    note        text NOT NULL,
    created_us  bigint NOT NULL,
    created_by  text NOT NULL,
    expires_us  bigint NOT NULL,
    payment_id  bigint UNIQUE REFERENCES payment
);
CREATE INDEX pay_order_account ON pay_order (account_id, id);

-- A cash desk from its opening to its count.  A payment or a voided one belongs to the shift that
-- was closed after it, once: also one that came while nobody had opened the desk.
CREATE TABLE shift (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    terminal    text COLLATE "C" NOT NULL CHECK (terminal <> ''),
    currency    text NOT NULL,
    float_minor bigint NOT NULL CHECK (float_minor >= 0), -- change that was in the drawer
    opened_us   bigint NOT NULL,
    opened_by   text NOT NULL,
    taken_minor bigint,                  -- by the books
    counted_minor bigint CHECK (counted_minor >= 0), -- by a person, the change included
    closed_us   bigint,
    closed_by   text,
    note        text NOT NULL DEFAULT '',
    CHECK ((closed_us IS NULL) = (counted_minor IS NULL) AND (closed_us IS NULL) = (taken_minor IS NULL))
);
CREATE UNIQUE INDEX shift_open ON shift (terminal) WHERE closed_us IS NULL;
CREATE TABLE shift_payment (
    payment_id  bigint NOT NULL REFERENCES payment,
    voided      boolean NOT NULL,
    shift_id    bigint NOT NULL REFERENCES shift,
    PRIMARY KEY (payment_id, voided)
);
CREATE TRIGGER shift_payment_fixed BEFORE UPDATE OR DELETE ON shift_payment FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shift_payment_kept BEFORE TRUNCATE ON shift_payment FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE INDEX payment_cash ON payment (terminal, received_us) WHERE source = 'cash';
