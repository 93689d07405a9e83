-- Cash that is given back leaves a desk's drawer, and is counted in its shift.
ALTER TABLE correction ADD COLUMN terminal text COLLATE "C"; -- of a refund paid out at a desk
CREATE TABLE shift_refund (
    correction_id bigint PRIMARY KEY REFERENCES correction,
    shift_id    bigint NOT NULL REFERENCES shift
);
CREATE INDEX shift_refund_of ON shift_refund (shift_id);
CREATE INDEX correction_cash ON correction (terminal) WHERE terminal IS NOT NULL;
CREATE TRIGGER shift_refund_fixed BEFORE UPDATE OR DELETE ON shift_refund FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER shift_refund_kept BEFORE TRUNCATE ON shift_refund FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
