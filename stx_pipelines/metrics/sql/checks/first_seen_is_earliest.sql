-- Compares the result with the day files in both directions, so that missing wallets and extra wallets are found.
WITH truth AS (
    SELECT
        sender_address AS address,
        min(block_time) AS first_seen,
        count(*) AS tx_count,
        count(DISTINCT day) AS active_days,
        max(day) AS last_date,
        coalesce(sum(fee_ustx), 0) AS fee_ustx
    FROM shown
    GROUP BY sender_address
)
SELECT coalesce(truth.address, result.address) AS address, result.first_seen, truth.first_seen AS earliest
FROM first_seen_wallets AS result FULL JOIN truth ON truth.address = result.address
WHERE result.first_seen IS DISTINCT FROM truth.first_seen
    OR result.tx_count IS DISTINCT FROM truth.tx_count
    OR result.active_days IS DISTINCT FROM truth.active_days
    OR result.last_date IS DISTINCT FROM truth.last_date
    OR result.fee_ustx IS DISTINCT FROM truth.fee_ustx
    OR result.fee_stx * 1000000 IS DISTINCT FROM truth.fee_ustx
