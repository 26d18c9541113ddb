-- One row per day: the fees of successful transactions at the price of their block time, without those that have no price.
-- Dollars are x 10^14, BTC x 10^18.
CREATE TABLE priced_fees AS
WITH hours AS (
    SELECT day AS date, date_trunc('hour', block_time) AS hour, sum(fee_ustx)::HUGEINT AS fee_ustx
    FROM unsettled_rows
    WHERE is_shown
    GROUP BY ALL
)
SELECT
    date,
    sum(fee_ustx)::BIGINT AS priced_ustx,
    sum(fee_ustx * stx_e8) AS usd_e14,
    sum(fee_ustx * stx_btc_e12) AS btc_e18
FROM hours JOIN hour_prices USING (hour)
GROUP BY date;
