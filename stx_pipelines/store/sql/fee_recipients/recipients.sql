-- Increases are Wei and may be negative. A recipient is the same in whatever letter case it is written.
SELECT
    min(miner) AS fee_recipient,
    count(*) AS blocks,
    sum(count(*)) OVER ()::BIGINT AS all_blocks,
    count(*) / all_blocks AS block_share,
    eth(coalesce(sum(balance_increase) FILTER (balance_increase > 0), 0)) AS positive_increases_eth,
    eth(sum(balance_increase)) AS net_increase_eth,
    count(*) FILTER (balance_increase <= 0) AS zero_or_negative_blocks,
    zero_or_negative_blocks / blocks AS zero_or_negative_share
FROM balances
GROUP BY lower(miner)
ORDER BY blocks DESC, net_increase_eth DESC, fee_recipient
LIMIT $most
