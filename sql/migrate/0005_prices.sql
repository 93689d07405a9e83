-- Price versions: what a tariff costs from an instant on.
--
--      draft --submit--> pending --approve--> scheduled --its instant--> active --the next one's--> ended
--        \------------------\---------------------\--withdraw--> withdrawn
--
-- The text is the file as it was loaded and never changes; a correction is another version.
-- Once approved nothing of a version changes but its state, along the arrows above.
CREATE TABLE price_version (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tariff_id   bigint NOT NULL REFERENCES tariff,
    n           int NOT NULL CHECK (n > 0), -- 1, 2, 3 ... of its tariff: "flat/2"
    state       text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'pending', 'scheduled', 'active', 'ended', 'withdrawn')),
    effective_from_us bigint NOT NULL,
    source      text NOT NULL,          -- verbatim
    sha256      bytea NOT NULL,         -- of source in UTF-8
    -- what all versions of a tariff have in common, as the text says it
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    exponent    smallint NOT NULL CHECK (exponent BETWEEN 0 AND 6),
    zone        text NOT NULL,
    rounding    text NOT NULL CHECK (rounding IN ('half_up', 'half_even', 'down')),
    author      text NOT NULL,
    author_uid  bigint NOT NULL,
    loaded_us   bigint NOT NULL,
    submitted_us bigint,
    approver    text,
    approver_uid bigint,
    approved_us bigint,
    single      boolean NOT NULL DEFAULT false, -- one person did both: daemon.tariff_voices was 1
    reason      text NOT NULL DEFAULT '',       -- why the approver agreed
    forced      text,                           -- why in spite of what the preview says
    preview     jsonb,                          -- revenue, winners, losers, cuts, as last worked out
    UNIQUE (tariff_id, n),
    CHECK (approver_uid IS DISTINCT FROM author_uid OR single),
    CHECK (forced IS NULL OR forced <> ''),
    CHECK ((approved_us IS NULL) = (approver_uid IS NULL) AND (approved_us IS NULL) = (approver IS NULL)),
    CHECK (state IN ('draft', 'withdrawn') OR submitted_us IS NOT NULL),
    CHECK (state NOT IN ('scheduled', 'active', 'ended') OR approved_us IS NOT NULL),
    CHECK (state NOT IN ('draft', 'pending') OR approved_us IS NULL)
);
CREATE UNIQUE INDEX price_version_from ON price_version (tariff_id, effective_from_us)
    WHERE state IN ('scheduled', 'active', 'ended');
CREATE UNIQUE INDEX price_version_active ON price_version (tariff_id) WHERE state = 'active';
CREATE INDEX price_version_due ON price_version (effective_from_us) WHERE state = 'scheduled';

CREATE FUNCTION price_version_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'draft' OR NEW.submitted_us IS NOT NULL OR NEW.approved_us IS NOT NULL OR NEW.single OR NEW.forced IS NOT NULL THEN
        RAISE EXCEPTION 'a price version begins as a draft' USING ERRCODE = '23514';
    END IF;
    IF NEW.sha256 <> sha256(convert_to(NEW.source, 'UTF8')) THEN
        RAISE EXCEPTION 'the sum is not that of the text' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION price_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.tariff_id, NEW.n, NEW.effective_from_us, NEW.source, NEW.sha256, NEW.currency, NEW.exponent, NEW.zone,
        NEW.rounding, NEW.author, NEW.author_uid, NEW.loaded_us) IS DISTINCT FROM
       (OLD.id, OLD.tariff_id, OLD.n, OLD.effective_from_us, OLD.source, OLD.sha256, OLD.currency, OLD.exponent, OLD.zone,
        OLD.rounding, OLD.author, OLD.author_uid, OLD.loaded_us) THEN
        RAISE EXCEPTION 'price version %: what it says never changes', OLD.id USING ERRCODE = '23514';
    END IF;
    IF OLD.state NOT IN ('draft', 'pending') AND (NEW.submitted_us, NEW.approver, NEW.approver_uid, NEW.approved_us, NEW.single,
        NEW.reason, NEW.forced, NEW.preview) IS DISTINCT FROM (OLD.submitted_us, OLD.approver, OLD.approver_uid, OLD.approved_us,
        OLD.single, OLD.reason, OLD.forced, OLD.preview) THEN
        RAISE EXCEPTION 'price version %: it is decided, nothing of it changes', OLD.id USING ERRCODE = '23514';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
       (OLD.state = 'draft'     AND NEW.state IN ('pending', 'withdrawn')) OR
       (OLD.state = 'pending'   AND NEW.state IN ('scheduled', 'withdrawn')) OR
       (OLD.state = 'scheduled' AND NEW.state IN ('active', 'withdrawn')) OR
       (OLD.state = 'active'    AND NEW.state = 'ended')) THEN
        RAISE EXCEPTION 'price version %: no arrow from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
    END IF;
    IF OLD.state = 'pending' AND NEW.state = 'scheduled' THEN
        -- nothing was billed by a tariff that never had an active version; any other may only begin later
        IF NEW.effective_from_us < NEW.approved_us AND EXISTS (SELECT FROM price_version v
            WHERE v.tariff_id = NEW.tariff_id AND v.state IN ('active', 'ended')) THEN
            RAISE EXCEPTION 'price version %: it would begin in the past, where others were billed', OLD.id USING ERRCODE = '23514';
        END IF;
        IF EXISTS (SELECT FROM price_version v WHERE v.tariff_id = NEW.tariff_id AND v.state IN ('scheduled', 'active', 'ended')
            AND (v.currency, v.exponent, v.zone, v.rounding) <> (NEW.currency, NEW.exponent, NEW.zone, NEW.rounding)) THEN
            RAISE EXCEPTION 'price version %: currency, zone and rounding of a tariff are chosen once', OLD.id USING ERRCODE = '23514';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_version_begins BEFORE INSERT ON price_version FOR EACH ROW EXECUTE FUNCTION price_version_begins();
CREATE TRIGGER price_version_guard BEFORE UPDATE ON price_version FOR EACH ROW EXECUTE FUNCTION price_version_guard();
CREATE TRIGGER price_version_never_gone BEFORE DELETE ON price_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_version_kept BEFORE TRUNCATE ON price_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
