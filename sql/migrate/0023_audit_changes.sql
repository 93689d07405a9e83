-- Every line of the audit that a call of the API writes tells what was and what is.  Triggers on
-- the tables gather it while the call works (functions/77_audit.sql); here it goes into the line,
-- at the end of the transaction, before the line gets its link.  After that the line is fixed.
CREATE FUNCTION audit_fixed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = powergate, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.before IS NULL AND OLD.after IS NULL AND to_jsonb(NEW) - '{before,after}'::text[] = to_jsonb(OLD) - '{before,after}'::text[]
        AND NOT EXISTS (SELECT FROM audit_link k WHERE k.audit_id = OLD.id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit is append-only: % refused', TG_OP USING ERRCODE = '23514';
END $$;
DROP TRIGGER audit_fixed ON audit;
CREATE TRIGGER audit_fixed BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_fixed();

CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = powergate, pg_temp AS $$
DECLARE l audit_last; a audit := NEW;
BEGIN
    IF a.before IS NULL AND a.after IS NULL THEN
        SELECT c.was, c.is_now INTO a.before, a.after FROM powergate.audit_changes(a.id) c;
        IF a.before IS NOT NULL THEN
            UPDATE audit SET before = a.before, after = a.after WHERE id = a.id;
        END IF;
    END IF;
    SELECT * INTO l FROM audit_last FOR UPDATE;
    l.n := l.n + 1;
    l.hash := sha256(l.hash || powergate.audit_bytes(a));
    INSERT INTO audit_link VALUES (l.n, a.id, l.hash);
    UPDATE audit_last SET n = l.n, hash = l.hash;
    RETURN NULL;
END $$;

-- What a row was and is; the columns of its key, and those that are nobody's business.
CREATE FUNCTION audit_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = powergate, pg_temp AS $$
BEGIN
    PERFORM powergate.audit_change(TG_TABLE_NAME, TG_ARGV[0]::text[], TG_ARGV[1]::text[],
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;
-- Between the changes: from here on they are the next line's.
CREATE FUNCTION audit_mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = powergate, pg_temp AS $$
BEGIN
    PERFORM set_config('powergate.changes', current_setting('powergate.changes') || NEW.id || E'\n', true);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_mark AFTER INSERT ON audit FOR EACH ROW
    WHEN (current_setting('powergate.changes', true) <> '') EXECUTE FUNCTION audit_mark();
