-- What a meter says is wrong with it, or what is known of it says so: once a meter and kind, until
-- somebody has seen to it.

CREATE TABLE alarm_kind (
    kind        text PRIMARY KEY,
    severity    text NOT NULL CHECK (severity IN ('critical', 'major', 'minor')),
    lasts       boolean NOT NULL, -- a state, over when the meter shows it no more; else it happened, and a person looks
    customer    boolean NOT NULL, -- concerns who lives there, too
    words       text NOT NULL,
    -- as the settings say, see door.alarm_policy()
    holds       boolean NOT NULL DEFAULT false, -- places a hold for SAFETY
    ignored     boolean NOT NULL DEFAULT false  -- is not raised: meters that say it without reason
);
INSERT INTO alarm_kind (kind, severity, lasts, customer, words) VALUES
    ('cover_open',     'critical', false, true,  'the meter''s cover was opened'),
    ('terminal_open',  'critical', false, true,  'the cover of its terminals was opened'),
    ('magnetic_field', 'critical', false, true,  'there was a magnet at it'),
    ('relay_welded',   'critical', true,  false, 'its relay should be open and current flows'),
    ('relay_moved',    'major',    false, false, 'its relay was moved without an order of ours'),
    ('reverse_energy', 'major',    true,  false, 'energy flows back through it'),
    ('phase_order',    'major',    true,  false, 'its phases are wired in the wrong order'),
    ('voltage_loss',   'major',    true,  true,  'a phase has lost its voltage'),
    ('current_loss',   'major',    true,  false, 'a phase has lost its current'),
    ('over_current',   'major',    true,  true,  'the current is higher than it may be'),
    ('overload',       'major',    true,  false, 'more is drawn than it allows'), -- the customer has a notice of his own
    ('neutral_current','major',    true,  false, 'the neutral does not carry what the phase does'),
    ('battery_low',    'minor',    true,  false, 'a battery in it is low'),
    ('meter_fault',    'minor',    true,  false, 'it says that a part of it is faulty'),
    ('used_while_off', 'major', false, false, 'energy was used while it was off'),
    ('unused',         'minor', true,  false, 'nothing is used where somebody lives'),
    ('credit_unexplained', 'major', false, false, 'its credit rose, and nobody bought any'),
    ('loss',           'major', true,  false, 'the meters behind it count less than it does');

CREATE TABLE alarm (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id    bigint NOT NULL REFERENCES meter,
    kind        text NOT NULL REFERENCES alarm_kind,
    severity    text NOT NULL,
    state       text NOT NULL DEFAULT 'raised' CHECK (state IN ('raised', 'acknowledged', 'resolved')),
    source      text NOT NULL,             -- status, report, counter, relay, current, books
    text        text NOT NULL,
    count       bigint NOT NULL DEFAULT 1, -- so often within first and last
    first_us    bigint NOT NULL,
    last_us     bigint NOT NULL,
    at_us       bigint,                    -- by the meter's own record, on our clock
    at_wh       bigint,                    -- its register then
    lasting     boolean NOT NULL,          -- the meter shows it now
    cleared_us  bigint,                    -- it showed it no more
    hold_id     bigint REFERENCES hold,    -- the hold that was placed for it
    acknowledged_us bigint,
    acknowledged_by text,
    resolved_us bigint,
    resolved_by text,
    resolution  text CHECK (resolution <> ''),
    CHECK ((state = 'resolved') = (resolved_us IS NOT NULL)),
    CHECK ((resolved_us IS NULL) = (resolution IS NULL)),
    CHECK (NOT lasting OR state <> 'resolved')
);
CREATE UNIQUE INDEX alarm_once ON alarm (meter_id, kind) WHERE state <> 'resolved';
CREATE INDEX alarm_open ON alarm (kind, severity) WHERE state <> 'resolved';
CREATE INDEX alarm_newest ON alarm (meter_id, kind, id);

-- What became of it, step by step.
CREATE TABLE alarm_step (
    alarm_id    bigint NOT NULL REFERENCES alarm,
    n           bigint GENERATED ALWAYS AS IDENTITY,
    at_us       bigint NOT NULL,
    step        text NOT NULL,             -- raised, again, cleared, held, spared, acknowledged, resolved, returned
    actor       text NOT NULL DEFAULT '',
    text        text NOT NULL DEFAULT '',
    PRIMARY KEY (alarm_id, n)
);
CREATE TRIGGER alarm_step_fixed BEFORE UPDATE OR DELETE ON alarm_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alarm_step_kept BEFORE TRUNCATE ON alarm_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What its counters had come to, in the order of enum alarm_counter; NULL: never read.
ALTER TABLE meter_state
    ADD alarm_counts bigint[] NOT NULL DEFAULT '{}',
    ADD report_stuck boolean NOT NULL DEFAULT false; -- it refused to have its report reset; a new password tries again

-- How far what is in the books was looked through for alarms; one row.
CREATE TABLE alarm_analysis (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    until_us    bigint NOT NULL DEFAULT 0
);
INSERT INTO alarm_analysis DEFAULT VALUES;

INSERT INTO notice_kind VALUES
    ('alarm',       false, true),   -- to the administrators; a critical one says itself that it is urgent
    ('meter_alarm', false, false);  -- to who lives there
