-- Fees per wallet of each cohort. Survivors are the wallets active in the window's band. Small cohorts have no payback.
WITH cohorts AS (
    SELECT
        cohort_date,
        window_days,
        bool_and(is_mature) AS is_mature,
        bool_or(is_left_censored) AS is_left_censored,
        count(*) AS cohort_size,
        count(*) FILTER (in_band) AS survivors,
        sum(tx_count)::BIGINT AS tx_count,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        sum(priced_ustx)::BIGINT AS priced_ustx,
        sum(usd_e14) AS usd_e14,
        (coalesce(sum(fee_ustx) FILTER (in_band), 0))::BIGINT AS survivor_fee_ustx,
        median_ustx(middle_ustx(fee_ustx)) AS median_fee_ustx,
        median_ustx(middle_ustx(CASE WHEN in_band THEN fee_ustx END)) AS survivor_median_fee_ustx
    FROM windows
    GROUP BY cohort_date, window_days
)
SELECT
    cohort_date,
    window_days,
    cohort_size,
    CASE WHEN is_mature THEN survivors END AS survivors,
    CASE WHEN is_mature THEN tx_count END AS tx_count,
    CASE WHEN is_mature THEN fee_ustx END AS fee_ustx,
    CASE WHEN is_mature THEN survivor_fee_ustx END AS survivor_fee_ustx,
    CASE WHEN is_mature THEN stx(mean_ustx(fee_ustx, cohort_size)) END AS mean_fee_stx,
    CASE WHEN is_mature THEN stx(median_fee_ustx) END AS median_fee_stx,
    CASE WHEN is_mature AND survivors > 0 THEN stx(mean_ustx(survivor_fee_ustx, survivors)) END
        AS survivor_mean_fee_stx,
    CASE WHEN is_mature THEN stx(survivor_median_fee_ustx) END AS survivor_median_fee_stx,
    CASE WHEN is_mature AND cohort_size >= scope.minimum_cohort THEN
        share(fee_ustx, cohort_size * scope.target_cpa_ustx::HUGEINT) END AS payback,
    is_mature,
    cohort_size < scope.minimum_cohort AS is_small,
    is_left_censored,
    CASE WHEN is_mature THEN usd(usd_e14) END AS fee_usd,
    CASE WHEN is_mature THEN priced_share(priced_ustx, fee_ustx) END AS priced_share,
    CASE WHEN is_mature THEN mean_usd(usd_e14, cohort_size) END AS mean_fee_usd,
    CASE WHEN is_mature AND cohort_size >= scope.minimum_cohort THEN
        payback_usd(usd_e14, cohort_size, scope.target_cpa_cents) END AS payback_usd
FROM cohorts, scope
ORDER BY cohort_date, window_days
