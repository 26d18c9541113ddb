-- Amounts in Wei are converted to ETH as decimals, because a division would give floating-point numbers.
SELECT
    miner,
    count(*) AS blocks,
    (sum(balance_increase)::HUGEINT // 1000000000000000000)::DECIMAL(38, 18)
        + (sum(balance_increase)::HUGEINT % 1000000000000000000)::DECIMAL(20, 0) * 0.000000000000000001 AS increase_eth
FROM miners_balance
GROUP BY miner
ORDER BY blocks DESC, miner
LIMIT $limit
