-- What more of the rules needs to be known: a provider's fee, and which meters stand behind which.

-- What a source takes of a payment, in millionths of it; NULL: its fees are not looked at.
ALTER TABLE recon_source ALTER COLUMN zone DROP NOT NULL;
ALTER TABLE recon_source ADD COLUMN fee_ppm int CHECK (fee_ppm BETWEEN 0 AND 1000000);

-- The refunds of a statement, and those of a payment whichever statement tells them: there are few.
CREATE INDEX statement_row_refund ON statement_row (statement_id) WHERE kind = 'refund';
CREATE INDEX statement_row_refunded ON statement_row (payment_no) WHERE kind = 'refund';

-- A meter in front of others.  What it counts and they do not may be so much of it, no more.
CREATE TABLE master_meter (
    meter_id    bigint PRIMARY KEY REFERENCES meter,
    multiplier  int NOT NULL DEFAULT 1 CHECK (multiplier >= 1), -- by its transformers; it has no account
    loss_ppm    int NOT NULL CHECK (loss_ppm BETWEEN 0 AND 1000000)
);
CREATE TABLE submeter (
    meter_id    bigint PRIMARY KEY REFERENCES meter,
    master_id   bigint NOT NULL REFERENCES master_meter ON DELETE CASCADE,
    CHECK (meter_id <> master_id)
);
CREATE INDEX submeter_master ON submeter (master_id);
