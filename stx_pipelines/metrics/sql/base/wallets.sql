-- One row per wallet. cohort_date is D0, the wallet's first day. All transaction types count here.
-- first_tx_id is found in a second pass, because arg_min would keep a text per wallet in memory, and DuckDB cannot
-- spill such texts.
CREATE TABLE wallets AS
WITH seen AS MATERIALIZED (
    SELECT
        row_number() OVER (ORDER BY sender_address) AS id,
        sender_address AS address,
        min(day) AS cohort_date,
        min(block_time) AS first_seen,
        count(*) AS tx_count
    FROM shown
    GROUP BY sender_address
),
firsts AS (
    SELECT seen.id, shown.tx_id AS first_tx_id
    FROM shown JOIN seen ON seen.address = shown.sender_address AND seen.first_seen = shown.block_time
    QUALIFY row_number() OVER (PARTITION BY seen.id ORDER BY shown.block_height, shown.tx_index) = 1
)
SELECT
    seen.id, address, cohort_date, first_seen, first_tx_id, tx_count,
    cohort_date < scope.uncensored_from AS is_left_censored
FROM seen JOIN firsts ON firsts.id = seen.id, scope;
