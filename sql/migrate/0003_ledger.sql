-- The ledger: append-only, double-entry.  Debit is positive, credit negative.
--
-- A journal and its postings come in one statement and must balance at its end; nothing can be
-- added, changed or removed later.  Corrections are reversing journals.
--
-- What a payment or a posting names must be there.  Foreign keys would look and lock once a row,
-- a third of what a payment costs; here the triggers look once a statement, and what was found
-- cannot go: accounts, journals and batches are never deleted and never change their number.
-- Keys that are only compared are COLLATE "C": bytes, whatever language the database speaks.

CREATE TABLE journal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text COLLATE "C" NOT NULL UNIQUE, -- once only: 'pay:app:81', 'charge:9:17', 'deliver:5'
    kind        text NOT NULL,
    at_us       bigint NOT NULL,
    reverses    bigint REFERENCES journal,
    memo        text NOT NULL DEFAULT '',
    actor       text NOT NULL DEFAULT 'powergated',
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE UNIQUE INDEX journal_reverses ON journal (reverses) WHERE reverses IS NOT NULL;
CREATE TABLE posting (
    journal_id  bigint NOT NULL,           -- see posting_balanced()
    line        smallint NOT NULL,
    ledger      text NOT NULL CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears',
                  'energy', 'fees', 'tax', 'suspense', 'rounding')),
    owner       text NOT NULL DEFAULT '',  -- clearing: the source
    account_id  bigint,                    -- prepaid, loaded, arrears: whose
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    currency    text NOT NULL,
    PRIMARY KEY (journal_id, line),
    CHECK ((ledger IN ('prepaid', 'loaded', 'arrears')) = (account_id IS NOT NULL))
);
CREATE INDEX posting_account ON posting (account_id, journal_id) WHERE account_id IS NOT NULL;

-- A line is never nothing, so lines that sum to nothing are two at least.
CREATE FUNCTION journal_balanced() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE bad bigint;
BEGIN
    SELECT f.id INTO bad FROM fresh f
    WHERE (SELECT p.line FROM posting p WHERE p.journal_id = f.id LIMIT 1) IS NULL LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'journal % has no postings', bad USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
-- Earlier statements left it at zero, so what this one adds must be zero.
CREATE FUNCTION posting_balanced() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE bad bigint; total numeric;
BEGIN
    SELECT f.journal_id, f.total INTO bad, total
    FROM (SELECT x.journal_id, sum(x.amount_minor) AS total FROM fresh x GROUP BY x.journal_id, x.currency) f
    WHERE f.total <> 0 OR (SELECT j.xid FROM journal j WHERE j.id = f.journal_id) IS DISTINCT FROM pg_current_xact_id() LIMIT 1;
    IF total <> 0 THEN
        RAISE EXCEPTION 'journal % does not balance', bad USING ERRCODE = '23514';
    ELSIF bad IS NOT NULL THEN
        RAISE EXCEPTION 'journal % is closed or not there: no later lines', bad USING ERRCODE = '23514';
    END IF;
    SELECT f.account_id INTO bad FROM fresh f
    WHERE f.account_id IS NOT NULL AND (SELECT a.id FROM account a WHERE a.id = f.account_id) IS NULL LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'there is no account %', bad USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_balanced AFTER INSERT ON journal REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION journal_balanced();
CREATE TRIGGER posting_balanced AFTER INSERT ON posting REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION posting_balanced();
CREATE TRIGGER journal_fixed BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_kept BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_fixed BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_kept BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_fixed BEFORE DELETE OR UPDATE OF id ON account FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_kept BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What came in, verbatim.
CREATE TABLE inbox (
    source      text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    body_sha256 bytea NOT NULL,
    body        bytea NOT NULL,
    received_us bigint NOT NULL,
    deliveries  int NOT NULL DEFAULT 1, -- a repeat writes, so that its answer waits for the same durability
    PRIMARY KEY (source, event_id)
) WITH (fillfactor = 85);

-- Payments settled by one statement share a row; its second time is written when C knows it.
CREATE TABLE payment_batch (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sent_us      bigint NOT NULL,
    committed_us bigint
);
CREATE TRIGGER payment_batch_fixed BEFORE DELETE OR UPDATE OF id ON payment_batch FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_batch_kept BEFORE TRUNCATE ON payment_batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE payment (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    payment_no  text COLLATE "C" NOT NULL,
    event_id    text NOT NULL,
    account_no  text NOT NULL,
    meter_no    text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency    text NOT NULL,
    paid_us     bigint NOT NULL,
    received_us bigint NOT NULL,
    batch_id    bigint NOT NULL,         -- see payment_known()
    method      text NOT NULL,
    terminal    text NOT NULL DEFAULT '',
    payer       text NOT NULL DEFAULT '',
    order_no    text NOT NULL DEFAULT '',
    note        text NOT NULL DEFAULT '',
    account_id  bigint,                  -- NULL while in suspense
    state       text NOT NULL CHECK (state IN ('settled', 'suspense', 'assigned')),
    deliveries  int NOT NULL DEFAULT 1,
    UNIQUE (source, payment_no)
) WITH (fillfactor = 85);
CREATE INDEX payment_account ON payment (account_id, id);

CREATE FUNCTION payment_known() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE bad bigint;
BEGIN
    SELECT f.id INTO bad FROM fresh f
    WHERE (SELECT b.id FROM payment_batch b WHERE b.id = f.batch_id) IS NULL
       OR (f.account_id IS NOT NULL AND (SELECT a.id FROM account a WHERE a.id = f.account_id) IS NULL) LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'payment % names a batch or an account that is not there', bad USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_known AFTER INSERT ON payment REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION payment_known();
CREATE TRIGGER payment_still_known AFTER UPDATE ON payment REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION payment_known();

-- What a person has to decide.  Every item says why it is there and what to do.
CREATE TABLE work (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,           -- one open item a cause
    cause       text NOT NULL,
    account_id  bigint REFERENCES account,
    meter_id    bigint REFERENCES meter,
    payment_id  bigint REFERENCES payment,
    delivery_id bigint,
    text        text NOT NULL,
    todo        text NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'resolved')),
    owner       text,
    opened_us   bigint NOT NULL,
    resolved_us bigint,
    resolution  jsonb
);
CREATE UNIQUE INDEX work_once ON work (key) WHERE state <> 'resolved';
-- Decisions proposed for an item; some causes need two different people.
CREATE TABLE work_voice (
    work_id     bigint NOT NULL REFERENCES work,
    uid         bigint NOT NULL,
    actor       text NOT NULL,
    decision    text NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    evidence    text NOT NULL DEFAULT '',
    at_us       bigint NOT NULL,
    PRIMARY KEY (work_id, uid)
);

-- The outbox: a notice is written in the same transaction as its cause.
CREATE TABLE notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    kind        text NOT NULL,           -- low, final, tripped, restored, credited, work
    account_id  bigint REFERENCES account,
    payment_id  bigint REFERENCES payment,
    recipient   text NOT NULL,           -- 'customer' or 'staff'
    body        jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'expired')),
    attempts    int NOT NULL DEFAULT 0,
    due_us      bigint NOT NULL,
    expires_us  bigint NOT NULL,
    sent_us     bigint,
    last_error  text
);
CREATE INDEX notice_due ON notice (due_us) WHERE state = 'waiting';
CREATE INDEX notice_payment ON notice (payment_id) WHERE payment_id IS NOT NULL;
