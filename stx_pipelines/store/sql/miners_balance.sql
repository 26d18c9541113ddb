SELECT
    block_number, block_time, miner, balance_before, balance_after, balance_increase, block_hash,
    CAST($proved_at AS TIMESTAMP) AS ingested_at
FROM read_parquet($file)
