CREATE TABLE network AS
SELECT
    day AS date,
    tx_type,
    count(*) FILTER (is_shown) AS transactions,
    coalesce(sum(fee_ustx) FILTER (is_shown), 0)::BIGINT AS fee_ustx,
    count(*) AS landed,
    count(*) FILTER (tx_status <> 'success') AS failed
FROM daily_rows
GROUP BY day, tx_type;
