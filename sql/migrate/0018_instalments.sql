-- Instalments that are taken from the balance, paid or not.

ALTER TABLE debt ADD from_balance boolean NOT NULL DEFAULT false, -- taken as they fall due, once a day
    ADD looked_day int NOT NULL DEFAULT 0,                        -- of the site, when that was done last
    ADD CHECK (NOT from_balance OR kind = 'instalment');
CREATE INDEX debt_from_balance ON debt (looked_day, account_id) WHERE from_balance AND closed_us IS NULL;

-- Whether debts are taken from emergency credit too, while it is active.
ALTER TABLE emergency ADD pays_debts boolean NOT NULL DEFAULT false;
