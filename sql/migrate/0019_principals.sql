-- Who may do what, and where; and an audit that shows when somebody changed it.

-- A place lies within a larger one.  Each kind lies only within a larger kind and never changes,
-- so there is no way round in a circle.
ALTER TABLE site ADD COLUMN kind text NOT NULL DEFAULT 'site' CHECK (kind IN ('site', 'building', 'floor', 'unit')),
    ADD COLUMN parent_id bigint REFERENCES site,
    ADD CHECK (kind <> 'site' OR parent_id IS NULL);
CREATE INDEX site_parent ON site (parent_id) WHERE parent_id IS NOT NULL;
CREATE FUNCTION site_place() RETURNS trigger LANGUAGE plpgsql SET search_path = powergate, pg_temp AS $$
DECLARE kinds text[] := '{site,building,floor,unit}'; above text;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'a % does not become a %', OLD.kind, NEW.kind USING ERRCODE = '23514';
    END IF;
    SELECT kind INTO above FROM site WHERE id = NEW.parent_id;
    IF array_position(kinds, above) >= array_position(kinds, NEW.kind) THEN
        RAISE EXCEPTION 'a % does not lie within a %', NEW.kind, above USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER site_place BEFORE INSERT OR UPDATE OF kind, parent_id ON site FOR EACH ROW EXECUTE FUNCTION site_place();

-- Those who are known keep what they had.
ALTER TABLE principal DROP CONSTRAINT principal_role_check,
    ADD CONSTRAINT principal_role_check
        CHECK (role IN ('viewer', 'operator', 'cashier', 'money', 'approver', 'key-admin', 'auditor', 'admin')),
    ADD COLUMN all_sites boolean NOT NULL DEFAULT true, -- false: principal_site, and what lies within
    ADD COLUMN disabled_us bigint;
CREATE TABLE principal_site (
    uid     bigint NOT NULL REFERENCES principal,
    site_id bigint NOT NULL REFERENCES site,
    PRIMARY KEY (uid, site_id)
);

-- What was and what is, where it is one thing that changed.
ALTER TABLE audit ADD COLUMN before jsonb, ADD COLUMN after jsonb;

-- The chain: at the end of its transaction each line of the audit gets a link with the hash of the
-- link before it and of all it says.  That late, so that the lock on the last link is the last one
-- taken, and nobody waits for it longer than a commit takes.
CREATE TABLE audit_link (
    n           bigint PRIMARY KEY,
    audit_id    bigint NOT NULL UNIQUE REFERENCES audit,
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE TRIGGER audit_link_fixed BEFORE UPDATE OR DELETE ON audit_link FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_link_kept BEFORE TRUNCATE ON audit_link FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE audit_last (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    n           bigint NOT NULL DEFAULT 0,
    hash        bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
) WITH (fillfactor = 50);
INSERT INTO audit_last DEFAULT VALUES;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = powergate, pg_temp AS $$
DECLARE l audit_last;
BEGIN
    SELECT * INTO l FROM audit_last FOR UPDATE;
    l.n := l.n + 1;
    l.hash := sha256(l.hash || powergate.audit_bytes(NEW));
    INSERT INTO audit_link VALUES (l.n, NEW.id, l.hash);
    UPDATE audit_last SET n = l.n, hash = l.hash;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit_chain();

-- What was written before there was a chain is its beginning.
DO $$
DECLARE a audit; l audit_last;
BEGIN
    SELECT * INTO l FROM audit_last;
    FOR a IN SELECT * FROM audit ORDER BY id LOOP
        l.n := l.n + 1;
        l.hash := sha256(l.hash || convert_to(jsonb_build_array(a.id, a.at_us, a.uid, a.actor, a.action, a.args, a.outcome, a.before,
            a.after)::text, 'UTF8')); -- as powergate.audit_bytes() has it
        INSERT INTO audit_link VALUES (l.n, a.id, l.hash);
    END LOOP;
    UPDATE audit_last SET n = l.n, hash = l.hash;
END $$;

-- What one asked for and another has to approve.  It is for exactly this subject, once, until then.
CREATE TABLE approval (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action      text NOT NULL,
    subject     jsonb NOT NULL,  -- all that the deed depends on
    sha256      bytea NOT NULL,  -- of action and subject
    reason      text NOT NULL,
    asked_uid   bigint NOT NULL REFERENCES principal,
    asked_by    text NOT NULL,
    asked_us    bigint NOT NULL,
    expires_us  bigint NOT NULL CHECK (expires_us > asked_us),
    decision    text CHECK (decision IN ('given', 'refused')),
    decided_uid bigint REFERENCES principal,
    decided_by  text,
    decided_us  bigint,
    note        text,
    used_us     bigint,
    CHECK ((decision IS NULL) = (decided_uid IS NULL)),
    CHECK (decided_uid <> asked_uid),
    CHECK (used_us IS NULL OR (decision IS NOT NULL AND decision = 'given' AND used_us < expires_us))
);
CREATE INDEX approval_open ON approval (sha256) WHERE used_us IS NULL;
CREATE FUNCTION approval_walk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.used_us IS NOT NULL OR (OLD.decision IS NOT NULL AND NEW.decision IS DISTINCT FROM OLD.decision)
        OR (NEW.action, NEW.subject, NEW.sha256, NEW.asked_uid, NEW.asked_us, NEW.expires_us)
            IS DISTINCT FROM (OLD.action, OLD.subject, OLD.sha256, OLD.asked_uid, OLD.asked_us, OLD.expires_us) THEN
        RAISE EXCEPTION 'approval % is decided or used, or what it is for would change', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_walk BEFORE UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION approval_walk();
