-- One row per hour whose moments have a price, with the prices that apply in it. The view `price_rows` has the rows of
-- the day files of prices, or no row if prices are off. An hour counts only if both pairs have a candle.
-- Prices are whole numbers: dollars x 10^8, and BTC per STX x 10^12, rounded half up once per hour.
CREATE TABLE hour_prices AS
WITH full_hours AS (
    SELECT
        hour,
        max((close::DECIMAL(38, 8) * 100000000)::HUGEINT) FILTER (pair = 'STX-USD') AS stx_e8,
        max((close::DECIMAL(38, 8) * 100000000)::HUGEINT) FILTER (pair = 'BTC-USD') AS btc_e8
    FROM price_rows
    GROUP BY hour
    HAVING stx_e8 IS NOT NULL AND btc_e8 IS NOT NULL
),
moments AS (SELECT DISTINCT hour + to_hours(later) AS hour FROM full_hours, range(1, 7) AS numbers(later))
SELECT
    moments.hour,
    arg_max(stx_e8, full_hours.hour) AS stx_e8,
    arg_max((stx_e8 * 2000000000000::HUGEINT + btc_e8) // (btc_e8 * 2), full_hours.hour) AS stx_btc_e12
FROM moments JOIN full_hours ON may_price(full_hours.hour, moments.hour)
GROUP BY moments.hour;

CREATE MACRO priced_share(part, whole) AS
    CASE WHEN (SELECT count(*) FROM hour_prices) > 0 THEN share(coalesce(part, 0), whole) END;
