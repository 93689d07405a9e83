-- Fleets that come as a file: the rows as they came, what was made of them, and the way back.

-- What was taken over has a ledger of its own: it is neither a payment nor income.
ALTER TABLE posting DROP CONSTRAINT posting_ledger_check,
    ADD CONSTRAINT posting_ledger_check CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears', 'opening',
        'energy', 'fees', 'tax', 'suspense', 'payable', 'rounding', 'adjustment', 'costs'));

-- What an import made and somebody took back stays, for journals and readings name it; but its
-- number is free again.  Behind the tilde stands the import.
ALTER TABLE account DROP CONSTRAINT account_number_check, DROP CONSTRAINT account_state_check,
    ADD CONSTRAINT account_state_check CHECK (state IN ('active', 'closed', 'withdrawn')),
    ADD CONSTRAINT account_number_check CHECK (number ~ '^[A-Za-z0-9._-]{1,32}(~[0-9]+)?$' AND (number LIKE '%~%') = (state = 'withdrawn'));
ALTER TABLE meter DROP CONSTRAINT meter_address_check, DROP CONSTRAINT meter_state_check,
    ADD CONSTRAINT meter_state_check CHECK (state IN ('active', 'retired', 'withdrawn')),
    ADD CONSTRAINT meter_address_check CHECK (address ~ '^[0-9]{12}(~[0-9]+)?$' AND (address LIKE '%~%') = (state = 'withdrawn'));
ALTER TABLE site ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
-- As 0003 has it; and nothing is posted to an account that was withdrawn while somebody looked.
CREATE OR REPLACE FUNCTION posting_balanced() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
    WHERE f.account_id IS NOT NULL AND COALESCE((SELECT a.state FROM account a WHERE a.id = f.account_id), 'withdrawn') = 'withdrawn' LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'there is no account %', bad USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$;

--      open --all is well--> done --undo--> undone
--        \--a fault, or a dry run--> open
CREATE TABLE import_batch (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_name   text NOT NULL,
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'), -- of the file as it came
    row_count   bigint NOT NULL CHECK (row_count > 0),
    begun_us    bigint NOT NULL,
    begun_by    text NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'undone')),
    done_us     bigint,
    done_by     text,
    undone_us   bigint,
    undone_by   text,
    reason      text CHECK (reason <> ''),
    CHECK ((state = 'open') = (done_us IS NULL) AND (state = 'undone') = (undone_us IS NOT NULL AND reason IS NOT NULL))
);

-- A row as it came; NULL: nothing was said.  A password is sealed before it is here, and is gone
-- when the import is done.
CREATE TABLE import_row (
    import_id   bigint NOT NULL REFERENCES import_batch,
    line        bigint NOT NULL,
    site text, building text, floor text, unit text, zone text, currency text, site_mode text,
    service_point text, extra_wh text,
    account text, customer text, contact text, fee_mode text, tariff text, warn text, trip text, settlement_day text,
    balance text, used_kwh text, debt text, debt_reference text, debt_percent text, debt_week_cap text,
    meter text, profile text, capability text, customer_number text, multiplier text, most_watts text,
    gateway text, link text, opening_read text, opening_at text, purchases text, bought text, sealed text,
    -- what it leads to, filled in by import_check() and import_make()
    place text, place_id bigint, account_id bigint, meter_id bigint, endpoint_id bigint, point_id bigint, debt_id bigint,
    PRIMARY KEY (import_id, line)
);
CREATE TABLE import_fault (
    import_id   bigint NOT NULL REFERENCES import_batch,
    line        bigint NOT NULL,
    field       text NOT NULL,
    text        text NOT NULL,
    given       boolean NOT NULL DEFAULT false -- told with the row: it is not looked for again
);
CREATE INDEX import_fault_of ON import_fault (import_id, line);
CREATE TABLE import_made (
    import_id   bigint NOT NULL REFERENCES import_batch,
    what        text NOT NULL CHECK (what IN ('site', 'account', 'meter', 'endpoint', 'point', 'debt', 'journal')),
    id          bigint NOT NULL,
    PRIMARY KEY (what, id)
);
CREATE INDEX import_made_of ON import_made (import_id, what);
CREATE TRIGGER import_made_fixed BEFORE UPDATE OR DELETE ON import_made FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER import_made_kept BEFORE TRUNCATE ON import_made FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
