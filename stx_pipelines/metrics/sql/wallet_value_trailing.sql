-- Fees of the wallets active in a window that ends with the newest closed day. Null unless all its days are covered.
-- Younger and older wallets are told apart by their age on the newest closed day.
WITH aged AS (
    SELECT
        window_days, tx_count, fee_ustx,
        CASE WHEN coverage_end >= old_from THEN 'older' WHEN is_left_censored THEN 'unknown' ELSE 'younger' END AS age
    FROM trailing_windows JOIN ages USING (id) CROSS JOIN scope
),
totals AS (
    SELECT
        window_days,
        count(*) AS wallets,
        sum(tx_count)::BIGINT AS tx_count,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        median_ustx(middle_ustx(fee_ustx)) AS median_fee_ustx,
        count(*) FILTER (age = 'younger') AS younger_wallets,
        count(*) FILTER (age = 'older') AS older_wallets,
        count(*) FILTER (age = 'unknown') AS age_unknown_wallets,
        coalesce(sum(fee_ustx) FILTER (age = 'younger'), 0)::BIGINT AS younger_fee_ustx,
        coalesce(sum(fee_ustx) FILTER (age = 'older'), 0)::BIGINT AS older_fee_ustx,
        coalesce(sum(fee_ustx) FILTER (age = 'unknown'), 0)::BIGINT AS age_unknown_fee_ustx
    FROM aged
    GROUP BY window_days
),
priced_days AS (
    SELECT day, sum(priced_ustx)::BIGINT AS priced_ustx, sum(usd_e14) AS usd_e14 FROM activity GROUP BY day
),
priced AS (
    SELECT window_days, sum(priced_ustx)::BIGINT AS priced_ustx, sum(usd_e14) AS usd_e14
    FROM priced_days CROSS JOIN scope JOIN trails ON day > coverage_end - window_days
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
    is_mature,
    CASE WHEN is_mature THEN coalesce(younger_wallets, 0) END AS younger_wallets,
    CASE WHEN is_mature THEN coalesce(older_wallets, 0) END AS older_wallets,
    CASE WHEN is_mature THEN coalesce(age_unknown_wallets, 0) END AS age_unknown_wallets,
    CASE WHEN is_mature THEN coalesce(younger_fee_ustx, 0) END AS younger_fee_ustx,
    CASE WHEN is_mature THEN coalesce(older_fee_ustx, 0) END AS older_fee_ustx,
    CASE WHEN is_mature THEN coalesce(age_unknown_fee_ustx, 0) END AS age_unknown_fee_ustx,
    CASE WHEN is_mature THEN usd(usd_e14) END AS fee_usd,
    CASE WHEN is_mature THEN priced_share(priced_ustx, fee_ustx) END AS priced_share,
    CASE WHEN is_mature AND wallets > 0 THEN mean_usd(usd_e14, wallets) END AS mean_fee_usd
FROM judged LEFT JOIN totals USING (window_days) LEFT JOIN priced USING (window_days)
ORDER BY window_days
