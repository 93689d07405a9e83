-- Points, tenancies, installations: who lives where, and which meter counts there.

-- A meter that is new with its account: a point of its address, a tenancy since ever, and an
-- installation that begins with the first reading.
CREATE OR REPLACE FUNCTION powergate.place_meter(p_meter bigint, p_account bigint, p_multiplier int, p_extra bigint, p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE point bigint; y bigint;
BEGIN
    INSERT INTO service_point (site_id, name, extra_wh, created_us) SELECT m.site_id, m.address, p_extra, p_now FROM meter m WHERE m.id = p_meter
    RETURNING id INTO point;
    INSERT INTO tenancy (point_id, account_id, from_us) VALUES (point, p_account, -9223372036854775808) RETURNING id INTO y;
    INSERT INTO installation (point_id, tenancy_id, meter_id, multiplier) VALUES (point, y, p_meter, p_multiplier);
END $$;
