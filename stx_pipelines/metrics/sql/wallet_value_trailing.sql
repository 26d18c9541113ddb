-- Fees of the wallets active in a window that ends with the newest closed day. Null unless all its days are covered.
WITH sums AS (
    SELECT id, window_days, sum(tx_count) AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
    FROM activity, trails, scope
    WHERE day > scope.coverage_end - window_days
    GROUP BY id, window_days
),
totals AS (
    SELECT
        window_days,
        count(*) AS wallets,
        sum(tx_count)::BIGINT AS tx_count,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        median_ustx(quantile_disc(fee_ustx, 0.5), -quantile_disc(-fee_ustx, 0.5)) AS median_fee_ustx
    FROM sums
    GROUP BY window_days
),
judged AS (
    SELECT window_days, coverage_end - window_days + 1 AS first_date, coverage_end AS last_date,
        first_date >= coverage_start AS is_mature
    FROM trails, scope
    WHERE coverage_end IS NOT NULL
)
SELECT
    window_days, first_date, last_date,
    CASE WHEN is_mature THEN coalesce(wallets, 0) END AS wallets,
    CASE WHEN is_mature THEN coalesce(tx_count, 0) END AS tx_count,
    CASE WHEN is_mature THEN coalesce(fee_ustx, 0) END AS fee_ustx,
    CASE WHEN is_mature AND wallets > 0 THEN stx(mean_ustx(fee_ustx, wallets)) END AS mean_fee_stx,
    CASE WHEN is_mature THEN stx(median_fee_ustx) END AS median_fee_stx,
    is_mature
FROM judged LEFT JOIN totals USING (window_days)
ORDER BY window_days
