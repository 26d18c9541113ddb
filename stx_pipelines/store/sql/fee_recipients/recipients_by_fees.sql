-- The table of recipients.sql, with the parts of the increases, ordered by the priority fees.
SELECT
    min(balances.miner) AS fee_recipient,
    count(*) AS blocks,
    sum(count(*)) OVER ()::BIGINT AS all_blocks,
    count(*) / all_blocks AS block_share,
    eth(coalesce(sum(balance_increase) FILTER (balance_increase > 0), 0)) AS positive_increases_eth,
    eth(sum(balance_increase)) AS net_increase_eth,
    count(*) FILTER (balance_increase <= 0) AS zero_or_negative_blocks,
    zero_or_negative_blocks / blocks AS zero_or_negative_share,
    eth(sum(priority_fees_wei)) AS priority_fees_eth,
    eth(sum(proposer_payment_wei)) AS proposer_payments_eth
FROM balances
JOIN parts USING (block_number)
GROUP BY lower(balances.miner)
ORDER BY priority_fees_eth DESC, blocks DESC, fee_recipient
LIMIT $most
