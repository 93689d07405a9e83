-- One record for all that takes two people, and a budget for what is switched off because of danger.

-- Who asked may take it back; nobody approves it then.
ALTER TABLE approval ADD COLUMN withdrawn_us bigint;

-- Trips for SAFETY within an hour, over all sites: above it a second person approves.  It is here
-- and not among the settings of a daemon, so that no daemon is asked for it.
ALTER TABLE headend ADD COLUMN safety_trips int NOT NULL DEFAULT 10 CHECK (safety_trips BETWEEN 1 AND 10000);
ALTER TABLE hold ADD COLUMN approved boolean NOT NULL DEFAULT false; -- by a second person
CREATE INDEX hold_safety ON hold (placed_us) WHERE kind = 'SAFETY';
