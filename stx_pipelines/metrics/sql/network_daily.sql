-- One row per calendar day of the range, including days without a transaction.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
),
senders AS (SELECT day AS date, count(*) AS senders FROM wallet_days GROUP BY ALL),
totals AS (
    SELECT date, sum(transactions) AS transactions, sum(fee_ustx) AS fee_ustx, sum(landed) AS landed,
        sum(failed) AS failed
    FROM network
    GROUP BY ALL
)
SELECT
    days.date,
    coalesce(totals.transactions, 0)::BIGINT AS transactions,
    coalesce(senders.senders, 0) AS senders,
    coalesce(totals.fee_ustx, 0)::BIGINT AS fee_ustx,
    stx(coalesce(totals.fee_ustx, 0)) AS fee_stx,
    coalesce(totals.landed, 0)::BIGINT AS landed,
    coalesce(totals.failed, 0)::BIGINT AS failed,
    share(totals.failed, totals.landed) AS failed_share
FROM days
LEFT JOIN totals ON totals.date = days.date
LEFT JOIN senders ON senders.date = days.date
ORDER BY days.date
