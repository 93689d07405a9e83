-- Who is told of a notice, on which channel, and what came of it.
--
-- A notice stays what it was: one row a cause, in the cause's own transaction.  Soon after, off
-- the path of money, it is spread into messages, one a recipient; a message goes through the
-- contacts of its recipient in their order until one channel takes it.

-- What there is to tell.  An unknown kind is not urgent and goes to the customer alone.
CREATE TABLE notice_kind (
    kind        text PRIMARY KEY,
    urgent      boolean NOT NULL, -- waits for no quiet hours, counts against no cap
    admins      boolean NOT NULL  -- the site's administrators hear of it too
);
INSERT INTO notice_kind VALUES
    ('low',       false, true),  -- the last level says so itself
    ('days_left', false, true),
    ('final',     true,  true),
    ('tripped',   true,  true),
    ('restored',  true,  false),
    ('permitted', true,  false),
    ('paid',      false, false),
    ('receipt',   false, false),
    ('credited',  false, false),
    ('hold',      false, true),
    ('release',   false, true),
    ('overload',  true,  true),
    ('storm',     true,  true),
    ('exposure',  false, true),
    ('late',      true,  true),
    ('tariff',    false, true),
    ('work',      false, true);

ALTER TABLE notice ADD spread_us bigint, -- when its messages were made; NULL: not yet
    ADD spreads int NOT NULL DEFAULT 0;  -- how often: a person may have it tried again
ALTER TABLE notice DROP CONSTRAINT notice_state_check;
ALTER TABLE notice ADD CHECK (state IN ('waiting', 'sent', 'failed', 'expired', 'capped'));
CREATE INDEX notice_unspread ON notice (due_us) WHERE spread_us IS NULL AND state = 'waiting';
CREATE INDEX notice_account ON notice (account_id, id) WHERE account_id IS NOT NULL;

-- Where people are reached.  Contacts of one person are tried in the order of rank; different
-- persons are told independently of each other.
CREATE TABLE contact (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint REFERENCES account,
    site_id     bigint REFERENCES site,
    who         text NOT NULL CHECK (who IN ('customer', 'admin')),
    person      text NOT NULL DEFAULT '',
    channel     text NOT NULL CHECK (channel IN ('sms', 'mail', 'webhook')),
    address     text NOT NULL CHECK (address <> ''),
    language    text NOT NULL CHECK (language IN ('zh', 'en', 'es')),
    zone        text,                     -- NULL: the site's
    rank        int NOT NULL DEFAULT 1,
    quiet_from  int, quiet_until int,     -- minutes of the local day; NULL: as the settings say, equal: never
    kinds       text[],                   -- admin: only these; NULL: all that administrators hear of
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'stopped')),
    created_us  bigint NOT NULL,
    CHECK ((account_id IS NULL) <> (site_id IS NULL)),
    CHECK (who = 'admin' OR (account_id IS NOT NULL AND kinds IS NULL)),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    CHECK (quiet_from BETWEEN 0 AND 1440 AND quiet_until BETWEEN 0 AND 1440)
);
CREATE UNIQUE INDEX contact_once ON contact (COALESCE(account_id, 0), COALESCE(site_id, 0), who, person, channel, address)
    WHERE state = 'active';
CREATE INDEX contact_account ON contact (account_id, person, rank, id) WHERE state = 'active';
CREATE INDEX contact_site ON contact (site_id, person, rank, id) WHERE state = 'active';

CREATE TABLE message (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id   bigint NOT NULL REFERENCES notice,
    who         text NOT NULL,            -- customer or admin
    recipient   text NOT NULL,            -- whose cap it counts against
    -- the contact it goes to now, as it was then; contact_id NULL: the account's own text
    contact_id  bigint REFERENCES contact,
    channel     text NOT NULL,
    address     text NOT NULL,
    language    text,                     -- NULL: as the settings say
    zone        text NOT NULL,
    quiet_from  int, quiet_until int,
    urgent      boolean NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'delivered', 'failed', 'expired', 'capped')),
    claims      int NOT NULL DEFAULT 0,   -- fences an answer that comes late
    tried       int NOT NULL DEFAULT 0,   -- on this channel
    created_us  bigint NOT NULL,
    due_us      bigint NOT NULL,
    expires_us  bigint NOT NULL,
    sent_us     bigint,                   -- the channel took it
    told_us     bigint,                   -- it counts as told: taken, or delivered where that is asked for
    await_us    bigint,                   -- until then a receipt is waited for
    provider_id text,
    last_error  text
) WITH (fillfactor = 80);
CREATE INDEX message_notice ON message (notice_id);
CREATE INDEX message_due ON message (channel, (NOT urgent), due_us) WHERE state = 'waiting';
CREATE INDEX message_await ON message (await_us) WHERE await_us IS NOT NULL;
CREATE INDEX message_recipient ON message (recipient, created_us) WHERE NOT urgent;
CREATE INDEX message_provider ON message (provider_id) WHERE provider_id IS NOT NULL;

-- Each try and each receipt: the evidence that somebody was told.
CREATE TABLE message_step (
    message_id  bigint NOT NULL REFERENCES message,
    n           bigint GENERATED ALWAYS AS IDENTITY,
    at_us       bigint NOT NULL,
    channel     text NOT NULL,
    address     text NOT NULL,
    step        text NOT NULL,            -- sent, retry, failed, next, delivered, undelivered, expired, capped, quiet, again
    text        text NOT NULL DEFAULT '',
    PRIMARY KEY (message_id, n)
);
CREATE TRIGGER message_step_fixed BEFORE UPDATE OR DELETE ON message_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER message_step_kept BEFORE TRUNCATE ON message_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
