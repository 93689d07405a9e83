-- One order to many meters: who they are is written down before anything is done, and stays.
--
--     preview --start, for a disconnection approved by another--> running --all have ended--> done
--     running --a person--> stopped --resume--> running
CREATE TABLE meter_group (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action      text NOT NULL CHECK (action IN ('open', 'close', 'permit', 'hold', 'release', 'read', 'freeze', 'tariff')),
    args        jsonb NOT NULL,            -- of the action: the kind of a hold, a day, prices
    chosen      jsonb NOT NULL,            -- by what the meters were chosen
    meters      int NOT NULL,
    sha256      bytea NOT NULL,            -- of their addresses, in order, a line each
    pace        int NOT NULL CHECK (pace BETWEEN 1 AND 1000), -- so many a second
    reason      text NOT NULL CHECK (reason <> ''),
    state       text NOT NULL DEFAULT 'preview' CHECK (state IN ('preview', 'running', 'stopped', 'done')),
    created_us  bigint NOT NULL, created_by text NOT NULL, created_uid bigint NOT NULL REFERENCES principal,
    expires_us  bigint NOT NULL,           -- of the preview: who is hit may change
    started_us  bigint, started_by text,
    stopped_us  bigint, ended_us bigint,
    paced_us    bigint                     -- up to here the pace has been used
);
CREATE INDEX meter_group_busy ON meter_group (id) WHERE state IN ('running', 'stopped');

CREATE TABLE group_member (
    group_id    bigint NOT NULL REFERENCES meter_group,
    n           int NOT NULL,
    meter_id    bigint NOT NULL REFERENCES meter,
    address     text NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ordered', 'done', 'failed', 'skipped')),
    why         text NOT NULL DEFAULT '',
    command_id  bigint REFERENCES command,
    generation  bigint,                    -- of prices
    at_us       bigint,
    PRIMARY KEY (group_id, n)
);
CREATE INDEX group_member_busy ON group_member (group_id, state, n) WHERE state IN ('waiting', 'ordered');

-- What was shown in the preview is what is done.
CREATE FUNCTION group_member_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path = powergate, pg_temp AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.group_id, NEW.n, NEW.meter_id, NEW.address) IS DISTINCT FROM (OLD.group_id, OLD.n, OLD.meter_id, OLD.address) THEN
        RAISE EXCEPTION 'the list of a group stays as it was shown' USING ERRCODE = '23514';
    END IF;
    IF OLD.state IN ('done', 'failed', 'skipped') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'a member of a group ends once' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER group_member_fixed BEFORE UPDATE OR DELETE ON group_member FOR EACH ROW EXECUTE FUNCTION group_member_fixed();
CREATE FUNCTION meter_group_walk() RETURNS trigger LANGUAGE plpgsql SET search_path = powergate, pg_temp AS $$
BEGIN
    IF (NEW.action, NEW.args, NEW.meters, NEW.sha256, NEW.created_uid) IS DISTINCT FROM (OLD.action, OLD.args, OLD.meters, OLD.sha256, OLD.created_uid)
        OR (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('preview', 'running'), ('running', 'stopped'), ('stopped', 'running'), ('running', 'done'))) THEN
        RAISE EXCEPTION 'group %: what it does and to whom stays, and it goes no way back', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER meter_group_walk BEFORE UPDATE ON meter_group FOR EACH ROW EXECUTE FUNCTION meter_group_walk();
