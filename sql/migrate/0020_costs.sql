-- What a provider keeps of what was paid is an expense, posted from its statements.
ALTER TABLE posting DROP CONSTRAINT posting_ledger_check,
    ADD CONSTRAINT posting_ledger_check CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears',
        'energy', 'fees', 'tax', 'suspense', 'payable', 'rounding', 'adjustment', 'costs'));
