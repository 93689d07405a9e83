-- Payments that are taken back: refunds, moves to another account, reversals (domain.md 5.8); what
-- came with a notification beside its body; and orders that are asked for at their provider.

-- What is to be paid out and has not left yet, by correction: money leaves last.
ALTER TABLE posting DROP CONSTRAINT posting_ledger_check;
ALTER TABLE posting ADD CONSTRAINT posting_ledger_check CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears',
    'energy', 'fees', 'tax', 'suspense', 'payable', 'rounding'));

--     requested --a second person, or none is needed--> approved
--     requested --a person--> withdrawn   --time--> expired
--     approved --out of the balance, or of what is on its way--> payable
--     approved --the credit is in the meter: owed--> offset --the next payments paid it--> payable
--     payable, offset --the provider, or a person with the reference--> paid
--     payable, offset --a person--> withdrawn
--     approved --a move, a reversal: nothing leaves--> done
--
-- What was asked for never changes: an approval is of that payment and that amount.
CREATE TABLE correction (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text COLLATE "C" NOT NULL UNIQUE, -- of a refund: the provider is given it, however often it is asked
    kind        text NOT NULL CHECK (kind IN ('refund', 'chargeback', 'move', 'reversal', 'void')),
    payment_id  bigint REFERENCES payment,        -- NULL: the reversal of a journal that is no payment's
    journal_id  bigint REFERENCES journal,        -- of a reversal
    to_account  bigint REFERENCES account,        -- of a move
    refund_no   text COLLATE "C" NOT NULL DEFAULT '', -- the provider's word for it, when it was first to tell
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency    text NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    second      boolean NOT NULL,                 -- above the limit: two people
    state       text NOT NULL DEFAULT 'requested' CHECK (state IN
                  ('requested', 'approved', 'offset', 'payable', 'paid', 'done', 'withdrawn', 'expired')),
    requested_us bigint NOT NULL, requested_by text NOT NULL, requested_uid bigint, -- NULL: the provider itself
    expires_us  bigint NOT NULL,
    approved_us bigint, approved_by text, approved_uid bigint,
    balance_minor bigint NOT NULL DEFAULT 0,      -- so much came out of balances and what was on its way
    owed_minor  bigint NOT NULL DEFAULT 0,        -- the rest is owed by the account it came from
    account_id  bigint REFERENCES account,        -- that one; NULL: nobody's
    debt_id     bigint REFERENCES debt,
    posted_id   bigint REFERENCES journal,
    paid_us     bigint, paid_by text, reference text NOT NULL DEFAULT '',
    paid_id     bigint REFERENCES journal,
    why         text NOT NULL DEFAULT '',
    CHECK ((kind IN ('reversal')) <= (journal_id IS NOT NULL) AND (kind = 'move') = (to_account IS NOT NULL)),
    CHECK (kind = 'reversal' OR payment_id IS NOT NULL),
    CHECK (state IN ('requested', 'approved', 'withdrawn', 'expired', 'done') OR balance_minor + owed_minor = amount_minor),
    CHECK ((state = 'paid') = (paid_us IS NOT NULL))
);
CREATE INDEX correction_payment ON correction (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX correction_debt ON correction (debt_id) WHERE state = 'offset';
CREATE INDEX correction_due ON correction (expires_us) WHERE state = 'requested';
CREATE TABLE correction_step (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    correction_id bigint NOT NULL REFERENCES correction,
    at_us       bigint NOT NULL,
    step        text NOT NULL,
    by          text NOT NULL,
    text        text NOT NULL DEFAULT ''
);
CREATE INDEX correction_step_of ON correction_step (correction_id, id);
CREATE TRIGGER correction_step_fixed BEFORE UPDATE OR DELETE ON correction_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER correction_step_kept BEFORE TRUNCATE ON correction_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION correction_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'requested' THEN
            RAISE EXCEPTION 'correction %: it is asked for first', NEW.id USING ERRCODE = '23514';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.number, NEW.kind, NEW.payment_id, NEW.journal_id, NEW.to_account, NEW.amount_minor, NEW.currency, NEW.second,
        NEW.requested_uid, NEW.requested_by, NEW.requested_us, NEW.expires_us, NEW.reason) IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.kind, OLD.payment_id, OLD.journal_id, OLD.to_account, OLD.amount_minor, OLD.currency, OLD.second,
        OLD.requested_uid, OLD.requested_by, OLD.requested_us, OLD.expires_us, OLD.reason) THEN
        RAISE EXCEPTION 'correction %: what was asked for never changes', OLD.id USING ERRCODE = '23514';
    END IF;
    IF OLD.state <> 'requested' AND (NEW.approved_uid, NEW.approved_by, NEW.approved_us, NEW.balance_minor, NEW.owed_minor, NEW.posted_id)
       IS DISTINCT FROM (OLD.approved_uid, OLD.approved_by, OLD.approved_us, OLD.balance_minor, OLD.owed_minor, OLD.posted_id)
       AND OLD.state <> 'approved' THEN
        RAISE EXCEPTION 'correction %: what was posted never changes', OLD.id USING ERRCODE = '23514';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
       (OLD.state = 'requested' AND NEW.state IN ('approved', 'withdrawn', 'expired')) OR
       (OLD.state = 'approved'  AND NEW.state IN ('offset', 'payable', 'done')) OR
       (OLD.state = 'offset'    AND NEW.state IN ('payable', 'paid', 'withdrawn')) OR
       (OLD.state = 'payable'   AND NEW.state IN ('paid', 'withdrawn'))) THEN
        RAISE EXCEPTION 'correction %: no arrow from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
    END IF;
    IF NEW.state = 'approved' AND OLD.state = 'requested' AND (NEW.approved_us IS NULL OR NEW.approved_us >= NEW.expires_us
       OR (NEW.second AND (NEW.approved_uid IS NULL OR NEW.requested_uid IS NULL OR NEW.approved_uid = NEW.requested_uid))) THEN
        RAISE EXCEPTION 'correction %: two people are needed, in time', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER correction_guard BEFORE INSERT OR UPDATE ON correction FOR EACH ROW EXECUTE FUNCTION correction_guard();
CREATE TRIGGER correction_never_gone BEFORE DELETE ON correction FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER correction_kept BEFORE TRUNCATE ON correction FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What waited for its debt may be paid out when that is paid.
CREATE FUNCTION correction_offset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.correction_offset_paid(NEW.id, NEW.closed_us);
    RETURN NULL;
END $$;
CREATE TRIGGER correction_offset AFTER UPDATE OF closed_us ON debt FOR EACH ROW
    WHEN (OLD.closed_us IS NULL AND NEW.closed_us IS NOT NULL) EXECUTE FUNCTION correction_offset();

-- Where an amount would come from.  free: prepaid that belongs to no delivery; held and queued: of
-- a local account, not in the meter yet; owed: in the meter, or used.
CREATE TYPE take_plan AS (why text, free bigint, held bigint, queued bigint, owed bigint);

-- By what a notification was verified: the headers its provider signs with, a line each.
ALTER TABLE inbox ADD evidence text NOT NULL DEFAULT '' CHECK (octet_length(evidence) <= 4096);

-- When an order is asked for next; NULL: nobody asks any more.  Those of before are asked for once
-- at least, if they are not long expired.
ALTER TABLE pay_order ADD ask_us bigint, ADD asked int NOT NULL DEFAULT 0;
UPDATE pay_order SET ask_us = created_us WHERE payment_id IS NULL;
CREATE INDEX pay_order_ask ON pay_order (source, ask_us) WHERE ask_us IS NOT NULL AND payment_id IS NULL;

INSERT INTO notice_kind VALUES
    ('refunded',   false, false),
    ('taken_back', false, true);
