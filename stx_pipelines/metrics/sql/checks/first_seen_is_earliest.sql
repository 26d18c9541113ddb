-- Compares the result with the day files in both directions, so that missing wallets and extra wallets are found.
WITH truth AS (
    SELECT sender_address AS address, min(block_time) AS first_seen, count(*) AS tx_count
    FROM shown
    GROUP BY sender_address
)
SELECT coalesce(truth.address, result.address) AS address, result.first_seen, truth.first_seen AS earliest
FROM first_seen_wallets AS result FULL JOIN truth ON truth.address = result.address
WHERE result.first_seen IS DISTINCT FROM truth.first_seen OR result.tx_count IS DISTINCT FROM truth.tx_count
