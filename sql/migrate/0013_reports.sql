-- Reports: a site's day as it was told when it was closed, and who writes it where.

-- What a drawer had too much or too little when its shift was closed (payments.md 8.3).
ALTER TABLE posting DROP CONSTRAINT posting_ledger_check,
    ADD CONSTRAINT posting_ledger_check CHECK (ledger IN ('clearing', 'prepaid', 'loaded', 'arrears',
        'energy', 'fees', 'tax', 'suspense', 'rounding', 'adjustment'));
