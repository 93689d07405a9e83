-- Before every route: who asks, whether the role may, and whether what is named lies where it may.
-- It stands in the same statement as the deed, so what it saw is what the deed works on.

CREATE OR REPLACE FUNCTION powergate.id_arg(p jsonb, p_key text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN p ->> p_key ~ '^\d{1,18}$' THEN (p ->> p_key)::bigint END;
END $$;

-- Meters as they are listed in one argument, with commas or blanks between; NULL without it.
CREATE OR REPLACE FUNCTION powergate.meters_listed(p jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN regexp_split_to_array(trim(p ->> 'meters'), '[ ,]+');
END $$;

-- The sites a principal is for and all that lies within them; NULL: everywhere.
CREATE OR REPLACE FUNCTION powergate.sites_of(q principal) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF q.all_sites THEN RETURN NULL; END IF;
    RETURN (WITH RECURSIVE within AS (
        SELECT x.site_id AS id FROM principal_site x WHERE x.uid = q.uid
        UNION SELECT s.id FROM site s JOIN within w ON s.parent_id = w.id
    ) SELECT COALESCE(array_agg(id), '{}') FROM within);
END $$;

-- Where everything lies that the arguments name; NULL: they name nothing that is there.  What is
-- there and belongs to no site, as a payment in suspense, lies at 0, where nobody's site is.
CREATE OR REPLACE FUNCTION powergate.sites_named(p jsonb) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE accounts bigint[]; meters bigint[]; sites bigint[];
BEGIN
    SELECT array_agg(x.a), array_agg(x.m), array_agg(x.s) INTO accounts, meters, sites FROM (
        SELECT NULL::bigint AS a, NULL::bigint AS m, s.id AS s FROM site s WHERE s.name IN (p ->> 'site', p ->> 'parent')
        UNION ALL SELECT a.id, NULL, NULL FROM account a WHERE a.number IN (p ->> 'account', p ->> 'charge_to', p ->> 'to')
        UNION ALL SELECT NULL, m.id, NULL FROM meter m WHERE m.address IN (p ->> 'meter', p ->> 'new')
        UNION ALL SELECT NULL, m.id, NULL FROM meter m WHERE m.address = ANY (powergate.meters_listed(p))
        UNION ALL SELECT NULL, m.id, NULL FROM meter m WHERE m.address = ANY (string_to_array(p ->> 'subs', ','))
        UNION ALL SELECT NULL, m.id, NULL FROM endpoint e LEFT JOIN meter m ON e.id = m.endpoint_id WHERE e.identity = p ->> 'endpoint'
        UNION ALL SELECT NULL, c.meter_id, NULL FROM command c WHERE c.id = powergate.id_arg(p, 'command')
        UNION ALL SELECT q.account_id, NULL, NULL FROM payment q WHERE q.id = powergate.id_arg(p, 'payment')
        UNION ALL SELECT q.account_id, NULL, NULL FROM payment q WHERE q.payment_no = p ->> 'payment_no'
        UNION ALL SELECT o.account_id, NULL, NULL FROM pay_order o WHERE o.number = p ->> 'order'
        UNION ALL SELECT q.account_id, NULL, NULL FROM shift_payment x JOIN payment q ON q.id = x.payment_id WHERE x.shift_id = powergate.id_arg(p, 'shift')
        UNION ALL SELECT COALESCE(c.account_id, q.account_id), NULL, NULL FROM correction c LEFT JOIN payment q ON q.id = c.payment_id WHERE c.id = powergate.id_arg(p, 'refund')
        UNION ALL SELECT c.to_account, NULL, NULL FROM correction c WHERE c.id = powergate.id_arg(p, 'refund') AND c.to_account IS NOT NULL
        UNION ALL SELECT d.account_id, NULL, NULL FROM debt d WHERE d.id = powergate.id_arg(p, 'debt')
        UNION ALL SELECT l.account_id, NULL, NULL FROM journal j LEFT JOIN posting l ON l.journal_id = j.id AND l.account_id IS NOT NULL WHERE j.id = powergate.id_arg(p, 'journal')
        UNION ALL SELECT w.account_id, w.meter_id, NULL FROM work w WHERE w.id = powergate.id_arg(p, 'work')
        UNION ALL SELECT NULL, a.meter_id, NULL FROM alarm a WHERE a.id = powergate.id_arg(p, 'alarm')
        UNION ALL SELECT n.account_id, NULL, NULL FROM notice n WHERE n.id = powergate.id_arg(p, 'notice')
        UNION ALL SELECT NULL, g.meter_id, NULL FROM group_member g WHERE g.group_id = powergate.id_arg(p, 'group')
        UNION ALL SELECT c.account_id, NULL, c.site_id FROM contact c WHERE c.id = powergate.id_arg(p, 'contact')
        UNION ALL SELECT o.charged_account_id, o.meter_id, o.site_id FROM supply_override o WHERE o.id = powergate.id_arg(p, 'override')
        UNION ALL SELECT b.account_id, b.meter_id, b.site_id FROM recon_break b WHERE b.id = powergate.id_arg(p, 'break')) x;
    RETURN (SELECT array_agg(DISTINCT y.site) FROM (
        SELECT unnest(sites) AS site
        UNION ALL SELECT 0 FROM unnest(accounts, meters, sites) z(a, m, s) WHERE a IS NULL AND m IS NULL AND s IS NULL
        UNION ALL SELECT a.site_id FROM account a WHERE a.id = ANY (accounts)
        UNION ALL SELECT m.site_id FROM meter m WHERE m.id = ANY (meters)) y WHERE y.site IS NOT NULL);
END $$;

-- Whether a row at a site is shown: `_sites` is put there by enter() and by nobody else.
CREATE OR REPLACE FUNCTION powergate.shown(p jsonb, p_site bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN NOT p ? '_sites' OR COALESCE(p -> '_sites' @> to_jsonb(p_site), false);
END $$;

-- NULL when it is allowed, or why not.
--   p_rule  any    what it shows belongs to no site
--           named  every thing that is named lies at the principal's sites, and there is one
--           rows   the same; with nothing named, the rows of the principal's sites
--           all    only for who is for all sites
CREATE OR REPLACE FUNCTION powergate.forbidden(q principal, p_roles text[], p_rule text, p jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE own bigint[] := powergate.sites_of(q); named bigint[];
BEGIN
    IF q.uid IS NULL THEN RETURN 'you are no principal here: powergatectl init adds the first, principal add the others'; END IF;
    IF q.disabled_us IS NOT NULL THEN RETURN 'you are disabled'; END IF;
    IF NOT q.role = ANY (p_roles) THEN RETURN format('your role may not do this: it is for %s', array_to_string(p_roles, ', ')); END IF;
    IF own IS NULL OR p_rule = 'any' THEN RETURN NULL; END IF;
    IF p_rule = 'named' OR p_rule = 'rows' THEN
        named := powergate.sites_named(p);
        IF named <@ own OR (named IS NULL AND p_rule = 'rows' AND NOT p ?| '{site,account,meter}') THEN RETURN NULL; END IF;
        RETURN 'it is not at your sites: name a meter, an account or a site of yours';
    END IF;
    RETURN 'this is for who is for all sites';
END $$;

-- One row, always.  A write that is refused is in the audit like one that is not.
CREATE OR REPLACE FUNCTION door.enter(p jsonb, p_from text, p_route text, p_writes boolean, p_roles text[], p_rule text, p_now bigint)
RETURNS TABLE (problem jsonb, who text, uid bigint, args jsonb) LANGUAGE plpgsql AS $$
DECLARE q principal; why text;
BEGIN
    q := powergate.principal_from(p_from, p_now);
    IF q.uid IS NULL AND p_from LIKE 'token:%' THEN
        problem := powergate.api_error(401, 'who are you?');
        RETURN NEXT;
        RETURN;
    END IF;
    args := p - '_sites';
    why := powergate.forbidden(q, p_roles, p_rule, args);
    who := q.name;
    uid := q.uid;
    IF why IS NOT NULL THEN
        problem := jsonb_build_object('error', why, 'status', 403);
        IF p_writes AND q.uid IS NOT NULL THEN
            PERFORM powergate.audited(q.name, replace(p_route, '/', '.'), args - 'source', 'forbidden', p_now);
        END IF;
    ELSIF p_writes THEN
        PERFORM door.audit_begin();
    ELSIF p_rule = 'rows' AND NOT q.all_sites THEN
        args := args || jsonb_build_object('_sites', to_jsonb(powergate.sites_of(q)));
    END IF;
    RETURN NEXT;
END $$;

-- The bytes of the audit that are hashed (0019); a change here breaks every chain there is.
CREATE OR REPLACE FUNCTION powergate.audit_bytes(a audit) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN convert_to(jsonb_build_array(a.id, a.at_us, a.uid, a.actor, a.action, a.args, a.outcome, a.before, a.after)::text, 'UTF8');
END $$;
