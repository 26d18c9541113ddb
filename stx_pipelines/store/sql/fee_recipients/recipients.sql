-- Increases are in Wei and may be negative. Addresses that differ only in letter case are one recipient.
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
