-- One row per wallet and window of the last w days in which the wallet is active, for the windows of both options.
-- A window has no row unless all its days are covered.
-- The days of a wallet are first summed by the shortest window that has them, so that fewer rows are joined.
CREATE TABLE trailing_windows AS
WITH lengths AS (
    SELECT window_days
    FROM (SELECT window_days FROM bands UNION SELECT window_days FROM trails), scope
    WHERE coverage_end - window_days + 1 >= coverage_start
),
longest AS (SELECT coalesce(max(window_days), 0) AS days FROM lengths),
places AS (
    SELECT coverage_end - back::INTEGER AS day, min(window_days) AS within
    FROM scope, longest, range(longest.days) AS numbers(back), lengths
    WHERE back < window_days
    GROUP BY day
),
stretches AS (
    SELECT id, within, sum(tx_count) AS tx_count, sum(fee_ustx) AS fee_ustx,
        sum(priced_ustx) AS priced_ustx, sum(usd_e14) AS usd_e14
    FROM activity JOIN places USING (day)
    GROUP BY id, within
)
SELECT id, window_days, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx,
    sum(priced_ustx)::BIGINT AS priced_ustx, sum(usd_e14) AS usd_e14
FROM stretches JOIN lengths ON within <= window_days
GROUP BY id, window_days;
