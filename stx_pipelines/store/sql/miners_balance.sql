-- A miner's blocks lie side by side within a day: see docs/ethereum.md.
SELECT
    block_number, block_time, miner, balance_before, balance_after, balance_increase, block_hash,
    CAST($proved_at AS TIMESTAMP) AS ingested_at
FROM day_file
ORDER BY miner, block_number
