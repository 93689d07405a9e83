-- Reconciliation: providers' statements, what does not agree, and the closing of days (domain.md 5.9).

-- A provider's statement as it was read.  It is filled row by row and then sealed, or it never
-- counts; a later file of the same day is a new version and the older one stays.
CREATE TABLE statement (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    provider    text NOT NULL,
    what        text NOT NULL,           -- trade, fund_flow, day_end
    merchant    text NOT NULL,
    day         int NOT NULL,            -- 20261120, in the zone of the source
    version     int,                     -- NULL until it is sealed
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'), -- of the file as it came
    file_name   text NOT NULL,
    row_count   bigint NOT NULL,
    paid_count  bigint NOT NULL, paid_minor bigint NOT NULL,
    refund_count bigint NOT NULL, refund_minor bigint NOT NULL,
    imported_by text NOT NULL,
    imported_us bigint NOT NULL,
    sealed_us   bigint,
    UNIQUE (source, sha256),
    UNIQUE (source, what, day, version),
    CHECK ((version IS NULL) = (sealed_us IS NULL))
);
CREATE TABLE statement_row (
    statement_id bigint NOT NULL,        -- see statement_row_open()
    line        bigint NOT NULL,         -- in the unpacked text, from 1
    kind        text NOT NULL CHECK (kind IN ('payment', 'refund', 'in', 'out')),
    payment_no  text COLLATE "C" NOT NULL,
    order_no    text COLLATE "C" NOT NULL,
    refund_no   text COLLATE "C" NOT NULL,
    at_us       bigint NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    settled_minor bigint NOT NULL,
    fee_micro   bigint NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    raw         text NOT NULL,           -- the line, verbatim
    PRIMARY KEY (statement_id, line)
);
CREATE FUNCTION statement_row_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT f.statement_id AS id FROM fresh f) x
               LEFT JOIN statement s ON s.id = x.id AND s.sealed_us IS NULL WHERE s.id IS NULL) THEN
        RAISE EXCEPTION 'the statement is sealed or not there: no later rows' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER statement_row_open AFTER INSERT ON statement_row REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION statement_row_open();
CREATE TRIGGER statement_row_fixed BEFORE UPDATE OR DELETE ON statement_row FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_row_kept BEFORE TRUNCATE ON statement_row FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- It is sealed once, and nothing else of it moves.
CREATE FUNCTION statement_seals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.sealed_us IS NULL AND NEW.sealed_us IS NOT NULL
       AND to_jsonb(NEW) - 'sealed_us' - 'version' = to_jsonb(OLD) - 'sealed_us' - 'version' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'statement is append-only: % refused', TG_OP USING ERRCODE = '23514';
END $$;
CREATE TRIGGER statement_fixed BEFORE UPDATE OR DELETE ON statement FOR EACH ROW EXECUTE FUNCTION statement_seals();
CREATE TRIGGER statement_kept BEFORE TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where a source's days begin and end; one that is not here is in the zone of the settings.
CREATE TABLE recon_source (
    source      text COLLATE "C" PRIMARY KEY,
    zone        text NOT NULL
);

-- Payments of a day and journals of a day: both come nearly in the order of time.
CREATE INDEX payment_paid ON payment USING brin (paid_us) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX payment_received ON payment USING brin (received_us) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX journal_at ON journal USING brin (at_us) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE recon_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target      text NOT NULL CHECK (target IN ('source', 'site', 'books')),
    source      text COLLATE "C",
    site_id     bigint REFERENCES site,
    day         int NOT NULL,
    at_us       bigint NOT NULL,
    actor       text NOT NULL,
    figures     jsonb NOT NULL DEFAULT '{}',
    opened int NOT NULL DEFAULT 0, closed int NOT NULL DEFAULT 0, reopened int NOT NULL DEFAULT 0,
    CHECK ((target = 'source') = (source IS NOT NULL) AND (target = 'site') = (site_id IS NOT NULL))
);
CREATE INDEX recon_run_source ON recon_run (source, day, id) WHERE source IS NOT NULL;
CREATE INDEX recon_run_site ON recon_run (site_id, day, id) WHERE site_id IS NOT NULL;

-- What a run has found, until it is compared with what was known.
CREATE UNLOGGED TABLE recon_found (
    run_id      bigint NOT NULL,
    scope       text NOT NULL,
    rule        text NOT NULL,
    kind        text NOT NULL,
    key         text COLLATE "C" NOT NULL,
    amount_minor bigint,
    currency    text,
    account_id  bigint, meter_id bigint, payment_id bigint, delivery_id bigint,
    line        bigint,
    payment_no  text COLLATE "C", order_no text COLLATE "C",
    text        text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'open', -- or carried; auto: it explains itself, see why
    why         text NOT NULL DEFAULT ''
);
CREATE INDEX recon_found_run ON recon_found (run_id);

--     open, carried --a run does not see it any more--> auto --a run sees it again--> open
--     open --a person--> resolved --its amount moves, or it was gone and is back--> open
CREATE TABLE recon_break (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text COLLATE "C" NOT NULL UNIQUE, -- scope, kind and what it is about
    scope       text COLLATE "C" NOT NULL,        -- what has to be looked at again to say it is gone
    rule        text NOT NULL,                    -- R1 to R9
    kind        text NOT NULL,
    source      text COLLATE "C",
    site_id     bigint REFERENCES site,
    day         int NOT NULL,
    account_id  bigint REFERENCES account,
    meter_id    bigint REFERENCES meter,
    payment_id  bigint REFERENCES payment,
    delivery_id bigint REFERENCES credit_delivery,
    line        bigint,
    amount_minor bigint,                          -- what does not agree; NULL where it is no money
    currency    text,
    text        text NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'carried', 'auto', 'resolved')),
    seen        boolean NOT NULL DEFAULT true,    -- by the newest run of its scope
    first_us    bigint NOT NULL,
    ended_us    bigint,
    ended_by    text,
    why         text NOT NULL DEFAULT '',
    owner       text,
    note        text NOT NULL DEFAULT '',
    journal_id  bigint REFERENCES journal,        -- by which it was put right
    reopened    int NOT NULL DEFAULT 0
);
CREATE INDEX recon_break_scope ON recon_break (scope) WHERE state IN ('open', 'carried') OR seen;
CREATE TABLE recon_step (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    break_id    bigint NOT NULL REFERENCES recon_break,
    at_us       bigint NOT NULL,
    step        text NOT NULL,
    by          text NOT NULL,
    text        text NOT NULL DEFAULT ''
);
CREATE INDEX recon_step_break ON recon_step (break_id, id);
CREATE TRIGGER recon_step_fixed BEFORE UPDATE OR DELETE ON recon_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER recon_step_kept BEFORE TRUNCATE ON recon_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A site's business day, closed for good.  Each has the hash of the one before in its own.
CREATE TABLE recon_day (
    site_id     bigint NOT NULL REFERENCES site,
    day         int NOT NULL,
    closed_us   bigint NOT NULL,
    closed_by   text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    open_breaks int NOT NULL,
    open_sources text[] NOT NULL,        -- whose R1 of that day is not clear
    figures     jsonb NOT NULL,
    before_sha256 text NOT NULL,
    sha256      text NOT NULL,
    PRIMARY KEY (site_id, day),
    CHECK (open_breaks = 0 OR reason <> '')
);
CREATE TRIGGER recon_day_fixed BEFORE UPDATE OR DELETE ON recon_day FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER recon_day_kept BEFORE TRUNCATE ON recon_day FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who of several nodes does which day's work; a lease that ran out is taken over.
CREATE TABLE recon_job (
    target      text COLLATE "C" NOT NULL, -- 'source:app', 'site:1'
    day         int NOT NULL,
    node        text NOT NULL,
    lease_us    bigint NOT NULL,
    done_us     bigint,
    PRIMARY KEY (target, day)
);
