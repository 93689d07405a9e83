-- Debts, the split of payments, emergency credit, and limits of a recharge (domain.md 5.6).

-- In which order a payment is used; credit is what is left.  An account's own goes before the
-- site's.  Limits: of a payment, and of the credit it may lead to; NULL is none.
ALTER TABLE site
    ADD waterfall text[] NOT NULL DEFAULT '{payment,instalment,accumulated,balance,emergency}',
    ADD topup_least_minor bigint CHECK (topup_least_minor > 0),
    ADD topup_most_minor  bigint CHECK (topup_most_minor > 0),
    ADD credit_most_minor bigint CHECK (credit_most_minor > 0),
    ADD CHECK (cardinality(waterfall) = 5 AND waterfall @> '{payment,instalment,accumulated,balance,emergency}');
ALTER TABLE account
    ADD waterfall text[],
    ADD topup_least_minor bigint CHECK (topup_least_minor > 0),
    ADD topup_most_minor  bigint CHECK (topup_most_minor > 0),
    ADD credit_most_minor bigint CHECK (credit_most_minor > 0),
    ADD CHECK (cardinality(waterfall) = 5 AND waterfall @> '{payment,instalment,accumulated,balance,emergency}');

ALTER TABLE account_state
    ADD owes          boolean NOT NULL DEFAULT false, -- a payment of this account is split first
    ADD split_pending boolean NOT NULL DEFAULT false, -- one waits for that: nothing is decided before
    ADD extra_minor   bigint NOT NULL DEFAULT 0 CHECK (extra_minor >= 0), -- emergency credit that is left
    ADD emergency_at_minor bigint; -- crossing this, the emergency credit is looked at; NULL: never

-- Most accounts owe nothing: settling asks an index that is nearly empty.
CREATE INDEX account_state_owes ON account_state (account_id) WHERE owes;

-- What an account owes from before, or for something else than energy.  How much is left of it
-- is what is posted to `arrears` under the owner 'debt:<id>', and stands nowhere else.
CREATE TABLE debt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES account,
    kind        text NOT NULL CHECK (kind IN ('payment', 'instalment', 'accumulated')),
    reference   text NOT NULL CHECK (reference <> ''), -- contract, invoice; adding it twice adds it once
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    percent_bp  int CHECK (percent_bp BETWEEN 1 AND 10000), -- payment: hundredths of a percent of each
    week_cap_minor bigint CHECK (week_cap_minor > 0),       -- payment: at most, in an ISO week of the site
    instalment_minor bigint CHECK (instalment_minor > 0),
    every       text CHECK (every IN ('day', 'week', 'month')),
    first_day   int,                                        -- 20261201
    created_us  bigint NOT NULL,
    created_by  text NOT NULL,
    closed_us   bigint,                                     -- nothing is owed any more
    UNIQUE (account_id, reference),
    CHECK ((kind = 'payment') = (percent_bp IS NOT NULL)),
    CHECK (kind = 'payment' OR week_cap_minor IS NULL),
    CHECK ((kind = 'instalment') = (instalment_minor IS NOT NULL)),
    CHECK ((kind = 'instalment') = (every IS NOT NULL) AND (kind = 'instalment') = (first_day IS NOT NULL))
);
CREATE INDEX debt_open ON debt (account_id, id) WHERE closed_us IS NULL;
CREATE INDEX posting_arrears ON posting (account_id, owner) WHERE ledger = 'arrears';

-- What payments have taken, by week; a reversal is a line below zero.
CREATE TABLE debt_taking (
    journal_id  bigint NOT NULL REFERENCES journal,
    debt_id     bigint NOT NULL REFERENCES debt,
    payment_id  bigint NOT NULL REFERENCES payment,
    week        int NOT NULL,               -- 202647, of ISO 8601 in the site's zone
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (debt_id, journal_id)
);
CREATE TRIGGER debt_taking_fixed BEFORE UPDATE OR DELETE ON debt_taking FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER debt_taking_kept BEFORE TRUNCATE ON debt_taking FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Payments of accounts that owe; a row is made by the settling of the payment and split once.
CREATE TABLE waterfall (
    payment_id  bigint PRIMARY KEY REFERENCES payment,
    account_id  bigint NOT NULL REFERENCES account,
    due_us      bigint NOT NULL,
    split_us    bigint,
    journal_id  bigint REFERENCES journal,  -- NULL: nothing was owed after all, or the payment was reversed
    why         text NOT NULL DEFAULT ''
) WITH (fillfactor = 85);
CREATE INDEX waterfall_due ON waterfall (account_id, payment_id) WHERE split_us IS NULL;
CREATE TABLE waterfall_line (
    payment_id  bigint NOT NULL REFERENCES waterfall,
    line        smallint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('payment', 'instalment', 'accumulated', 'balance', 'emergency', 'credit')),
    debt_id     bigint REFERENCES debt,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (payment_id, line),
    CHECK ((kind IN ('payment', 'instalment', 'accumulated')) = (debt_id IS NOT NULL))
);
CREATE TRIGGER waterfall_line_fixed BEFORE UPDATE OR DELETE ON waterfall_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER waterfall_line_kept BEFORE TRUNCATE ON waterfall_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Emergency credit of a remote account:
--
--     none --balance at or below `below`--> offered --a person, or the policy--> active
--     active --all of it is used--> exhausted
--     active, exhausted --what was used is repaid--> none
--
-- What was used is what is posted to `arrears` under the owner 'emergency'.
CREATE TABLE emergency (
    account_id  bigint PRIMARY KEY REFERENCES account,
    below_minor bigint NOT NULL,
    limit_minor bigint NOT NULL CHECK (limit_minor > 0),
    automatic   boolean NOT NULL DEFAULT false,
    state       text NOT NULL DEFAULT 'none' CHECK (state IN ('none', 'offered', 'active', 'exhausted')),
    moved_us    bigint NOT NULL,
    activated_us bigint,
    activated_by text,
    grants      int NOT NULL DEFAULT 0,     -- times it was activated
    drawn       int NOT NULL DEFAULT 0,     -- times use was posted
    due         boolean NOT NULL DEFAULT true
) WITH (fillfactor = 85);
CREATE INDEX emergency_due ON emergency (account_id) WHERE due;

-- Whoever moves the balance across the mark: somebody looks.
CREATE FUNCTION emergency_crossed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE powergate.emergency e SET due = true WHERE e.account_id = NEW.account_id AND NOT e.due;
    RETURN NULL;
END $$;
CREATE TRIGGER emergency_crossed AFTER UPDATE OF prepaid_minor ON account_state FOR EACH ROW
    WHEN ((OLD.prepaid_minor <= OLD.emergency_at_minor) IS DISTINCT FROM (NEW.prepaid_minor <= NEW.emergency_at_minor))
    EXECUTE FUNCTION emergency_crossed();

-- What a meter has no room for is held, and follows in parts.
CREATE TABLE surplus (
    payment_id  bigint PRIMARY KEY REFERENCES payment,
    account_id  bigint NOT NULL REFERENCES account,
    held_minor  bigint NOT NULL CHECK (held_minor >= 0),
    since_us    bigint NOT NULL,
    look_us     bigint NOT NULL
);
CREATE INDEX surplus_held ON surplus (look_us) WHERE held_minor > 0;
CREATE INDEX surplus_account ON surplus (account_id) WHERE held_minor > 0;
ALTER TABLE credit_delivery ADD part smallint NOT NULL DEFAULT 0, DROP CONSTRAINT credit_delivery_payment_id_key;
CREATE UNIQUE INDEX delivery_part ON credit_delivery (payment_id, part);
