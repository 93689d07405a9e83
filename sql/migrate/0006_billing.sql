-- Readings to money.  Two marks on an account: rate_us, somebody should rate its readings;
-- dirty_us, somebody should decide about its supply.  Rating ends by marking dirty, and deciding
-- never charges.

ALTER TABLE account_state
    ADD COLUMN rate_us bigint,                        -- somebody should rate; NULL when rated
    ADD COLUMN rate_version bigint NOT NULL DEFAULT 0; -- rises whenever something a charge rests on moves
CREATE INDEX account_state_rate ON account_state (rate_us) WHERE rate_us IS NOT NULL;
