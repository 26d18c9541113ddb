-- One row per wallet. cohort_date is D0, the wallet's first day. All transaction types count here.
-- first_tx_id is found in a second pass, because arg_min would keep a text per wallet in memory, and DuckDB cannot
-- spill such texts.
-- An account numbers its transactions 0, 1, 2, ... as sender and as sponsor together, whatever their status. A wallet is
-- new if its number 0 is covered, and old if it is not. This cannot be known if a number of the account is not known.
-- Then a wallet counts as new if its first day is late enough.
CREATE TABLE wallets AS
WITH seen AS MATERIALIZED (
    SELECT
        row_number() OVER (ORDER BY sender_address) AS id,
        sender_address AS address,
        min(day) FILTER (is_shown) AS cohort_date,
        min(block_time) FILTER (is_shown) AS first_seen,
        count(*) FILTER (is_shown) AS tx_count,
        coalesce(sum(fee_ustx) FILTER (is_shown), 0)::BIGINT AS total_fee_ustx,
        min(nonce) FILTER (moves_nonce) AS first_nonce,
        bool_or(nonce IS NULL OR NOT moves_nonce) AS has_unknown
    FROM canonical_rows
    WHERE sender_address IS NOT NULL
    GROUP BY sender_address
    HAVING bool_or(is_shown)
),
sponsors AS (
    SELECT
        sponsor_address AS address,
        min(sponsor_nonce) AS first_nonce,
        bool_or(sponsor_nonce IS NULL) AS has_unknown
    FROM canonical_rows
    WHERE sponsor_address <> sender_address
    GROUP BY sponsor_address
),
firsts AS (
    SELECT seen.id, shown.tx_id AS first_tx_id
    FROM shown JOIN seen ON seen.address = shown.sender_address AND seen.first_seen = shown.block_time
    QUALIFY row_number() OVER (PARTITION BY seen.id ORDER BY shown.block_height, shown.tx_index) = 1
)
SELECT
    seen.id, seen.address, cohort_date, first_seen, first_tx_id, tx_count, total_fee_ustx,
    CASE
        WHEN least(seen.first_nonce, sponsors.first_nonce) = 0 THEN true
        WHEN NOT seen.has_unknown AND NOT coalesce(sponsors.has_unknown, false) THEN false
    END AS is_new,
    coalesce(NOT is_new, cohort_date < scope.uncensored_from) AS is_left_censored
FROM seen
JOIN firsts ON firsts.id = seen.id
LEFT JOIN sponsors ON sponsors.address = seen.address
CROSS JOIN scope;

-- The wallets that cohorts count: all but those that are known to be older than the coverage.
CREATE VIEW newcomers AS SELECT * FROM wallets WHERE is_new IS DISTINCT FROM false;

-- The day on which a wallet is 180 days old. A wallet that is known to be old began at least a day before the coverage.
CREATE VIEW ages AS
SELECT
    id,
    is_left_censored,
    least(cohort_date + old_days, CASE WHEN NOT is_new THEN coverage_start - 1 + old_days END) AS old_from
FROM wallets, scope;
