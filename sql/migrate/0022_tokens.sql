-- Who comes by the network shows a token.  Only its hash is kept: the token itself was shown once,
-- to whom it was made for.
CREATE TABLE api_token (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         bigint NOT NULL REFERENCES principal,
    sha256      bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    reason      text NOT NULL,
    created_us  bigint NOT NULL,
    created_by  text NOT NULL,
    expires_us  bigint NOT NULL CHECK (expires_us > created_us),
    used_us     bigint, -- to the hour
    revoked_us  bigint,
    revoked_by  text
);
CREATE INDEX api_token_uid ON api_token (uid);
CREATE FUNCTION api_token_walk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.uid, NEW.sha256, NEW.created_us, NEW.expires_us) IS DISTINCT FROM (OLD.uid, OLD.sha256, OLD.created_us, OLD.expires_us)
        OR (OLD.revoked_us IS NOT NULL AND NEW.revoked_us IS DISTINCT FROM OLD.revoked_us) THEN
        RAISE EXCEPTION 'token % stays what it is, and revoked when it is', OLD.id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_token_walk BEFORE UPDATE ON api_token FOR EACH ROW EXECUTE FUNCTION api_token_walk();
