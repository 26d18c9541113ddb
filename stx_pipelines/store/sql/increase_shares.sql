SELECT
    block_time::DATE AS day,
    count(*) FILTER (balance_increase > 0) AS positive,
    count(*) FILTER (balance_increase = 0) AS zero,
    count(*) FILTER (balance_increase < 0) AS negative
FROM warehouse.miners_balance
GROUP BY day
ORDER BY day
