-- One row per wallet that the days read name. cohort_date is D0, the wallet's first day. All transaction types count here.
CREATE TABLE wallets AS
SELECT
    row_number() OVER (ORDER BY address) AS id, address, cohort_date,
    is_new(first_nonce, has_unknown) AS is_new,
    is_left_censored(is_new, cohort_date, uncensored_from) AS is_left_censored
FROM accounts(false), scope
WHERE is_read AND tx_count > 0;

-- The wallets that cohorts count: all but those that are known to be older than the coverage.
CREATE VIEW newcomers AS SELECT * FROM wallets WHERE is_new IS DISTINCT FROM false;

-- The day on which a wallet is 180 days old. A wallet that is known to be old began at least a day before the coverage.
CREATE VIEW ages AS
SELECT
    id,
    is_left_censored,
    least(cohort_date + old_days, CASE WHEN NOT is_new THEN coverage_start - 1 + old_days END) AS old_from
FROM wallets, scope;
