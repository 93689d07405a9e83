-- Price versions: which are approved, and what time makes of them.

-- Rises with everything that changes what any tariff costs: who knows the mark knows the prices.
CREATE OR REPLACE FUNCTION powergate.prices_mark() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT COALESCE(sum(CASE state WHEN 'withdrawn' THEN 2 ELSE 1 END), 0)::bigint FROM price_version WHERE approved_us IS NOT NULL;
$$;

CREATE OR REPLACE FUNCTION powergate.price_name(v price_version) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT t.name || '/' || v.n FROM tariff t WHERE t.id = v.tariff_id;
$$;

-- Why a site's accounts cannot be billed by a tariff: another currency, or midnights elsewhere.
CREATE OR REPLACE FUNCTION powergate.tariff_misfit(p_tariff bigint, p_site bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t.currency <> s.currency THEN format('tariff %s is in %s, site %s in %s', t.name, t.currency, s.name, s.currency)
        ELSE (SELECT format('the midnights of tariff %s are those of %s, of site %s those of %s', t.name, v.zone, s.name, s.zone)
            FROM price_version v WHERE v.tariff_id = t.id AND v.state IN ('scheduled', 'active', 'ended') AND v.zone <> s.zone LIMIT 1) END
    FROM tariff t, site s WHERE t.id = p_tariff AND s.id = p_site;
$$;

-- A scheduled version whose instant has come is active, and the one before it has ended.  The
-- prices themselves go by their instants alone; this is what people, meters and guards hear of.
CREATE OR REPLACE FUNCTION powergate.prices_turned(p_now bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE v price_version; old price_version; words text; turned int := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM price_version WHERE state = 'scheduled' AND effective_from_us <= p_now) THEN
        RETURN 0;
    END IF;
    FOR v IN SELECT * FROM price_version WHERE state = 'scheduled' AND effective_from_us <= p_now
        ORDER BY tariff_id, effective_from_us FOR UPDATE LOOP
        UPDATE price_version SET state = 'ended' WHERE tariff_id = v.tariff_id AND state = 'active' RETURNING * INTO old;
        UPDATE price_version SET state = 'active' WHERE id = v.id;
        turned := turned + 1;
        words := format('tariff %s is active%s', powergate.price_name(v), CASE WHEN old.id IS NOT NULL THEN format(', %s has ended', powergate.price_name(old)) ELSE '' END);
        PERFORM powergate.event_add('tariff', NULL, NULL, words, p_now);
        INSERT INTO notice (key, kind, recipient, body, due_us, expires_us)
        VALUES ('tariff:' || v.id, 'tariff', 'staff', jsonb_build_object('tariff', powergate.price_name(v), 'text', words,
            'author', v.author, 'approver', v.approver, 'single', v.single, 'forced', v.forced), p_now, p_now + 86400000000)
        ON CONFLICT (key) DO NOTHING;
        -- The first version of a tariff changes nobody's price; any later one halts automatic
        -- trips until a person has looked (domain.md 5.10.10).  The supply side brings the function.
        IF old.id IS NOT NULL AND to_regprocedure('powergate.trips_halt(text,text,bigint)') IS NOT NULL THEN
            PERFORM powergate.trips_halt('tariff', words, p_now);
        END IF;
        old := NULL;
    END LOOP;
    RETURN turned;
END $$;

-- --- for the daemon's memory ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION door.prices_turn(p_now bigint) RETURNS TABLE (mark bigint, turned int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    turned := powergate.prices_turned(p_now);
    mark := powergate.prices_mark();
    RETURN NEXT;
END $$;

-- Every approved version.  intact: its text is the one that was approved.
CREATE OR REPLACE FUNCTION door.price_list() RETURNS TABLE (id bigint, tariff_id bigint, name text, intact boolean)
LANGUAGE sql AS $$
    SELECT v.id, v.tariff_id, powergate.price_name(v), v.sha256 = sha256(convert_to(v.source, 'UTF8'))
    FROM price_version v WHERE v.state IN ('scheduled', 'active', 'ended') ORDER BY v.tariff_id, v.effective_from_us;
$$;
CREATE OR REPLACE FUNCTION door.price_sources(p_ids bigint[]) RETURNS TABLE (id bigint, source text)
LANGUAGE sql AS $$
    SELECT v.id, v.source FROM price_version v WHERE v.id = ANY (p_ids);
$$;

-- A stored version that cannot be read prices nothing, and neither does its tariff.
CREATE OR REPLACE FUNCTION door.price_unreadable(p_id bigint, p_why text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM powergate.work_add('price:' || v.id, 'PRICE', format('%s cannot be read: %s; its tariff charges nothing', powergate.price_name(v), p_why),
        'nothing is billed or tripped on this tariff meanwhile; restore the text, or run the daemon that could read it',
        NULL, NULL, NULL, NULL, p_now) FROM price_version v WHERE v.id = p_id;
END $$;
