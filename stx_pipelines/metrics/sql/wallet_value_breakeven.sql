-- Breakeven CPA: the fees of the mature cohorts of the last `breakeven_days` days, divided by the number of wallets in
-- these cohorts. Wallets that may be older do not count.
WITH totals AS (
    SELECT
        window_days,
        min(cohort_date) AS first_cohort,
        max(cohort_date) AS last_cohort,
        count(DISTINCT cohort_date) AS cohorts,
        count(*) AS wallets,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        sum(priced_ustx)::BIGINT AS priced_ustx,
        sum(usd_e14) AS usd_e14
    FROM observed_windows
    GROUP BY window_days
)
SELECT
    window_days, first_cohort, last_cohort,
    coalesce(cohorts, 0) AS cohorts,
    coalesce(wallets, 0) AS wallets,
    fee_ustx,
    CASE WHEN wallets > 0 THEN stx(mean_ustx(fee_ustx, wallets)) END AS breakeven_cpa_stx,
    coalesce(wallets, 0) > 0 AS is_mature,
    usd(usd_e14) AS fee_usd,
    CASE WHEN wallets > 0 THEN priced_share(priced_ustx, fee_ustx) END AS priced_share,
    CASE WHEN wallets > 0 THEN mean_usd(usd_e14, wallets) END AS breakeven_cpa_usd
FROM bands LEFT JOIN totals USING (window_days)
ORDER BY window_days
