-- One row per calendar day of the range, including days without a transaction.
-- The fees of 30 days are null unless all 30 days are covered.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
),
senders AS (SELECT day AS date, count(*) AS senders FROM wallet_days WHERE day >= getvariable('daily_from') GROUP BY ALL),
totals AS (
    SELECT date, sum(transactions) AS transactions, sum(fee_ustx) AS fee_ustx, sum(landed) AS landed,
        sum(failed) AS failed
    FROM network
    GROUP BY ALL
),
filled AS (
    SELECT
        days.date,
        coalesce(totals.transactions, 0)::BIGINT AS transactions,
        coalesce(senders.senders, 0) AS senders,
        coalesce(totals.fee_ustx, 0)::BIGINT AS fee_ustx,
        coalesce(totals.landed, 0)::BIGINT AS landed,
        coalesce(totals.failed, 0)::BIGINT AS failed
    FROM days
    LEFT JOIN totals ON totals.date = days.date
    LEFT JOIN senders ON senders.date = days.date
),
rolled AS (
    SELECT filled.*,
        CASE WHEN date - 29 >= coverage_start THEN sum(fee_ustx) OVER (ORDER BY date ROWS 29 PRECEDING) END::BIGINT
            AS fee_30d_ustx
    FROM filled, scope
)
SELECT
    date, transactions, senders, fee_ustx, stx(fee_ustx) AS fee_stx, landed, failed,
    share(failed, landed) AS failed_share,
    fee_30d_ustx,
    stx(fee_30d_ustx) AS fee_30d_stx,
    usd(usd_e14) AS fee_usd,
    btc(btc_e18) AS fee_btc,
    priced_share(priced_ustx, fee_ustx) AS priced_share
FROM rolled LEFT JOIN priced_fees USING (date)
ORDER BY date
