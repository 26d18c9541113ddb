-- One row per wallet and window of the last w days in which the wallet is active, for the windows of both options.
-- A window has no row unless all its days are covered.
CREATE TABLE trailing_windows AS
WITH lengths AS (
    SELECT window_days, coverage_end - window_days AS after
    FROM (SELECT window_days FROM bands UNION SELECT window_days FROM trails), scope
    WHERE after + 1 >= coverage_start
)
SELECT id, window_days, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
FROM activity JOIN lengths ON day > after
GROUP BY id, window_days;
