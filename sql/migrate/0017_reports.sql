-- Reports: a site's day as it was told when it was closed, and who writes it where.

-- What a drawer had too much or too little when its shift was closed (payments.md 8.3).
ALTER TABLE posting DROP CONSTRAINT posting_ledger_check,
    ADD CONSTRAINT posting_ledger_check CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears',
        'energy', 'fees', 'tax', 'suspense', 'payable', 'rounding', 'adjustment'));

-- Told once, after the day was closed, and the same for ever: what is learnt later stands in the
-- day on which it is learnt.
CREATE TABLE report_day (
    site_id     bigint NOT NULL REFERENCES site,
    day         int NOT NULL,
    made_us     bigint NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (site_id, day)
);
CREATE TRIGGER report_day_fixed BEFORE UPDATE OR DELETE ON report_day FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER report_day_kept BEFORE TRUNCATE ON report_day FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who of several nodes writes which day; one that could not is tried again when its lease is over.
CREATE TABLE report_job (
    site_id     bigint NOT NULL REFERENCES site,
    day         int NOT NULL,
    node        text NOT NULL,
    lease_us    bigint NOT NULL,
    tries       int NOT NULL DEFAULT 1,
    written_us  bigint,
    sha256      text CHECK (sha256 ~ '^[0-9a-f]{64}$'), -- of its manifest
    PRIMARY KEY (site_id, day),
    CHECK ((written_us IS NULL) = (sha256 IS NULL))
);

-- What was priced in a day: charges come nearly in the order of time.
CREATE INDEX charge_rated ON charge USING brin (rated_us) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX event_at ON event USING brin (at_us) WITH (pages_per_range = 16, autosummarize = on);
