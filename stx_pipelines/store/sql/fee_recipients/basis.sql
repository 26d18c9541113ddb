SELECT
    count(*) AS blocks,
    count(DISTINCT lower(miner)) AS recipients,
    min(block_number) AS first_block,
    max(block_number) AS last_block,
    last_block - first_block + 1 - count(DISTINCT block_number) AS missing_blocks,
    min(block_time) AS first_time,
    max(block_time) AS last_time
FROM balances
