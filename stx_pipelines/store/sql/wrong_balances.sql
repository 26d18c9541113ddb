-- Selects the blocks from $lo to $hi - 1 whose row in miners_balance is missing, wrong, or belongs to another block.
-- Balances of days in $waiting belong to other blocks than those in the table `blocks`. Only the arithmetic of these
-- balances is checked.
WITH balances AS (
    SELECT
        block_number, miner, balance_before, balance_after, balance_increase, block_hash, block_time::DATE AS day,
        lag(block_number) OVER upwards AS lower, lag(miner) OVER upwards AS lower_miner,
        lag(balance_after) OVER upwards AS lower_after, lag(block_time::DATE) OVER upwards AS lower_day
    FROM warehouse.miners_balance
    WHERE block_number < $hi
        AND block_number >= coalesce((SELECT max(block_number) FROM warehouse.miners_balance WHERE block_number < $lo), $lo)
    WINDOW upwards AS (ORDER BY block_number)
),
theirs AS (
    SELECT number, hash, miner, timestamp::DATE AS day FROM warehouse.blocks WHERE number >= $lo AND number < $hi
)
SELECT block_number
FROM balances
WHERE block_number >= $lo
    AND (
        (balance_before >= 0 AND balance_after >= 0 AND balance_after - balance_before = balance_increase) IS NOT TRUE
        OR block_number = lower
        OR (
            block_number = lower + 1 AND miner = lower_miner AND balance_before <> lower_after
            AND NOT list_has_any($waiting::DATE[], [day, lower_day])
        )
    )
UNION
SELECT block_number
FROM balances LEFT JOIN theirs ON number = block_number
WHERE block_number >= $lo
    AND (hash, theirs.miner) IS DISTINCT FROM (block_hash, balances.miner)
    AND NOT list_contains($waiting::DATE[], balances.day)
    AND balances.day IN (SELECT day FROM warehouse.coverage WHERE dataset = 'blocks')
UNION
SELECT number
FROM theirs ANTI JOIN balances ON block_number = number
WHERE number > 0
    AND NOT list_contains($waiting::DATE[], day)
    AND day IN (SELECT day FROM warehouse.coverage WHERE dataset = 'miners_balance')
ORDER BY 1
