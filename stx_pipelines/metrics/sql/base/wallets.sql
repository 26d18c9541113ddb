-- One row per wallet with a transaction since `cohorts_from`. cohort_date is D0, the wallet's first day. All transaction
-- types count here. An account gets its id when it becomes a wallet and keeps it while summed or settled days are used.
-- All wallets of a day get theirs at once, so that ids are in the order of the addresses within each cohort_date.
CREATE TABLE wallets AS
WITH named AS MATERIALIZED (
    SELECT id, address, cohort_date, is_new(first_nonce, has_unknown) AS is_new
    FROM accounts('read_names'), scope
    WHERE tx_count > 0 AND (is_read OR last_date >= cohorts_from)
),
numbered AS (
    FROM named WHERE id IS NOT NULL
    UNION ALL
    SELECT * REPLACE (
        (SELECT coalesce(max(id), 0) FROM known_accounts) + row_number() OVER (ORDER BY address) AS id
    )
    FROM named
    WHERE id IS NULL
)
SELECT numbered.*, is_left_censored(is_new, cohort_date, uncensored_from) AS is_left_censored
FROM numbered, scope;

-- The wallets that cohorts count: all but those that are known to be older than the coverage.
CREATE VIEW newcomers AS SELECT * FROM wallets WHERE is_new IS DISTINCT FROM false;

-- The day on which a wallet is 180 days old. A wallet that is known to be old began at least a day before the coverage.
CREATE VIEW ages AS
SELECT
    id,
    is_left_censored,
    least(cohort_date + old_days, CASE WHEN NOT is_new THEN coverage_start - 1 + old_days END) AS old_from
FROM wallets, scope;
