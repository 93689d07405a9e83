-- Voltage, current, power: a row a meter and time, in months like the readings.  At fifteen minutes
-- a hundred thousand meters make ten million rows a day, so they are wide and have no index more.

CREATE TABLE line_value (
    at_us       bigint NOT NULL,
    meter_id    bigint NOT NULL,
    voltage_a_mv int, voltage_b_mv int, voltage_c_mv int,   -- NULL: the meter has none
    current_a_ma int, current_b_ma int, current_c_ma int,
    power_mw    bigint,
    factor_milli int,
    PRIMARY KEY (at_us, meter_id)
) PARTITION BY RANGE (at_us);
CREATE TABLE line_value_rest PARTITION OF line_value DEFAULT;
