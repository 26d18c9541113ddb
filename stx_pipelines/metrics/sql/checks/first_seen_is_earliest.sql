-- Against the day files themselves, in both directions.
WITH truth AS (
    SELECT sender_address AS address, min(block_time) AS first_seen, count(*) AS tx_count
    FROM shown
    GROUP BY sender_address
)
SELECT coalesce(truth.address, said.address) AS address, said.first_seen AS said, truth.first_seen AS earliest
FROM first_seen_wallets AS said FULL JOIN truth ON truth.address = said.address
WHERE said.first_seen IS DISTINCT FROM truth.first_seen OR said.tx_count IS DISTINCT FROM truth.tx_count
