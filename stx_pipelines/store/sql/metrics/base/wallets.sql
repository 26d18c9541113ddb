-- One row per wallet. cohort_date is D0, its first partition day. All types count here.
CREATE TABLE wallets AS
SELECT
    row_number() OVER (ORDER BY address) AS id,
    seen.*,
    cohort_date < scope.uncensored_from AS is_left_censored
FROM (
    SELECT
        sender_address AS address,
        min(day) AS cohort_date,
        min(block_time) AS first_seen,
        arg_min(tx_id, (block_time, block_height, tx_index)) AS first_tx_id,
        count(*) AS tx_count
    FROM shown
    GROUP BY sender_address
) AS seen, scope;
