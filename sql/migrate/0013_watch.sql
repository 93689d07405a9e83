-- What became of payments, by when it was done: watch_power() follows it.
CREATE INDEX command_powered ON command (ended_us) WHERE payment_id IS NOT NULL AND state = 'done';
CREATE INDEX delivery_powered ON credit_delivery (applied_us) WHERE payment_id IS NOT NULL AND state = 'APPLIED';
