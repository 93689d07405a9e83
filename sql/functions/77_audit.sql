-- What was and what is, of everything a call of the API writes, whoever wrote the function.
--
-- enter() begins it for the length of the transaction, and every table has a trigger that then
-- adds a line to a setting of that transaction: {"table": ..., "was": {...}, "is": {...}}, or the
-- number of the audit's line that the changes before it belong to.  Without a call the trigger is
-- one comparison.

CREATE OR REPLACE FUNCTION door.audit_begin() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('powergate.changes', E'\n', true), set_config('powergate.changed', '0', true);
END $$;

-- Of many rows the first hundred, and how many there are; which they are the arguments tell.
CREATE OR REPLACE FUNCTION powergate.audit_change(p_table text, p_key text[], p_masked text[], p_was jsonb, p_is jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n int := current_setting('powergate.changed')::int + 1; k text; same text[];
BEGIN
    PERFORM set_config('powergate.changed', n::text, true);
    IF n > 100 THEN RETURN; END IF;
    p_was := p_was - 'xid';  -- the number of a transaction tells nobody anything
    p_is := p_is - 'xid';
    IF p_was IS NOT NULL AND p_is IS NOT NULL THEN
        SELECT array_agg(e.key) INTO same FROM jsonb_each(p_was) e WHERE NOT e.key = ANY (p_key) AND p_is -> e.key = e.value;
        p_was := p_was - COALESCE(same, '{}');
        p_is := p_is - COALESCE(same, '{}');
        IF p_was = p_is THEN RETURN; END IF;
    END IF;
    FOREACH k IN ARRAY p_masked LOOP
        IF p_was ->> k IS NOT NULL THEN p_was := p_was || jsonb_build_object(k, '(masked)'); END IF;
        IF p_is ->> k IS NOT NULL THEN p_is := p_is || jsonb_build_object(k, CASE WHEN p_was ->> k IS NULL THEN '(masked)' ELSE '(masked, another)' END); END IF;
    END LOOP;
    PERFORM set_config('powergate.changes', current_setting('powergate.changes') ||
        jsonb_build_object('table', p_table, 'was', jsonb_strip_nulls(p_was), 'is', CASE WHEN p_was IS NULL THEN jsonb_strip_nulls(p_is) ELSE p_is END)::text || E'\n', true);
END $$;

-- What the line is about: all since the line before it, and of the last one what came later too.
-- {"meter": [{"id": 5, "state": "spare"}]}; NULLs when no call was begun.
CREATE OR REPLACE FUNCTION powergate.audit_changes(p_id bigint, OUT was jsonb, OUT is_now jsonb) LANGUAGE plpgsql AS $$
DECLARE lines text[] := string_to_array(trim(E'\n' FROM current_setting('powergate.changes', true)), E'\n');
    mine int := array_position(lines, p_id::text); above int; below int; changes jsonb[];
BEGIN
    IF mine IS NULL THEN RETURN; END IF;
    SELECT COALESCE(max(n) FILTER (WHERE n < mine), 0), min(n) FILTER (WHERE n > mine) INTO above, below
        FROM unnest(lines) WITH ORDINALITY x(line, n) WHERE line ~ '^\d';
    SELECT COALESCE(array_agg(x.line::jsonb ORDER BY x.n), '{}') INTO changes FROM unnest(lines) WITH ORDINALITY x(line, n)
        WHERE line LIKE '{%' AND x.n > above AND (x.n < mine OR below IS NULL);
    was := (SELECT COALESCE(jsonb_object_agg(t.name, t.rows), '{}') FROM (SELECT c ->> 'table' AS name, jsonb_agg(c -> 'was') AS rows
        FROM unnest(changes) c WHERE c ->> 'was' IS NOT NULL GROUP BY 1) t);
    is_now := (SELECT COALESCE(jsonb_object_agg(t.name, t.rows), '{}') FROM (SELECT c ->> 'table' AS name, jsonb_agg(c -> 'is') AS rows
        FROM unnest(changes) c WHERE c ->> 'is' IS NOT NULL GROUP BY 1) t);
    IF current_setting('powergate.changed')::int > 100 THEN
        is_now := is_now || jsonb_build_object('rows', current_setting('powergate.changed')::int);
    END IF;
END $$;

-- What must not be read in the audit, where arguments are kept.
CREATE OR REPLACE FUNCTION powergate.audit_args(p_action text, p jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    p := p - '{password,secret,source_text,rows,_sites}'::text[];
    IF p_action LIKE 'contact.%' AND p ? 'address' THEN p := p || '{"address": "(masked)"}'; END IF;
    RETURN p;
END $$;

-- Behind the deed: what its function did not note in the audit is noted here.
CREATE OR REPLACE FUNCTION door.leave(p_answer jsonb, p_route text, p_who text, p jsonb, p_now bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT p_answer ? 'error' AND current_setting('powergate.changes', true) !~ '\n\d' THEN
        PERFORM powergate.audited(p_who, replace(p_route, '/', '.'), p, 'done', p_now);
    END IF;
    RETURN p_answer;
END $$;

-- Each table has it: a new one by itself, with the columns named here kept out.
DO $$
DECLARE t record; masked text[];
BEGIN
    FOR t IN SELECT c.oid, c.relname, COALESCE((SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS key
        FROM pg_class c WHERE c.relnamespace = 'powergate'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            -- the audit itself, and rows that come by the million and that no call touches
            AND c.relname NOT IN ('audit', 'audit_link', 'audit_last', 'reading', 'statement_row', 'schema_version')
    LOOP
        masked := CASE t.relname WHEN 'meter' THEN '{password}' WHEN 'api_token' THEN '{sha256}' WHEN 'contact' THEN '{address}' WHEN 'message' THEN '{address}'
            WHEN 'message_step' THEN '{address}' WHEN 'price_version' THEN '{source}' WHEN 'journal' THEN '{xid}' ELSE '{}' END;
        EXECUTE format('DROP TRIGGER IF EXISTS audit_note ON powergate.%I', t.relname);
        EXECUTE format('CREATE TRIGGER audit_note AFTER INSERT OR UPDATE OR DELETE ON powergate.%I FOR EACH ROW '
            'WHEN (current_setting(''powergate.changes'', true) <> '''') EXECUTE FUNCTION powergate.audit_note(%L, %L)', t.relname, t.key, masked);
    END LOOP;
END $$;
