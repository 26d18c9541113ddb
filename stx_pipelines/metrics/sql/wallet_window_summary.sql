-- One row per window w: the last w days of the coverage, and the first w days of new wallets.
-- The new wallets of the last w days are null if any of them may be older. The observed wallets are those of the
-- breakeven CPA: of cohorts whose window is over and of the last `breakeven_days` days, without wallets that may be older.
WITH lasts AS (
    SELECT window_days, coverage_end - window_days + 1 AS first_date, coverage_end AS last_date,
        first_date >= coverage_start AS is_covered
    FROM bands, scope
    WHERE coverage_end IS NOT NULL
),
fresh AS (
    SELECT lasts.window_days, count(*) AS wallets, bool_or(is_left_censored) AS is_left_censored
    FROM lasts JOIN newcomers ON cohort_date >= first_date
    GROUP BY lasts.window_days
),
active AS (
    SELECT window_days, count(*) AS wallets, sum(fee_ustx)::BIGINT AS fee_ustx,
        median_ustx(middle_ustx(fee_ustx)) AS median_ustx
    FROM trailing_bands
    GROUP BY window_days
),
observed AS (
    SELECT
        window_days,
        min(cohort_date) AS first_cohort,
        max(cohort_date) AS last_cohort,
        count(*) AS wallets,
        count(*) FILTER (returned) AS retained,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        median_ustx(middle_ustx(fee_ustx)) AS median_ustx
    FROM observed_windows
    GROUP BY window_days
)
SELECT
    lasts.window_days, first_date, last_date,
    CASE WHEN is_covered AND fresh.is_left_censored IS DISTINCT FROM true THEN coalesce(fresh.wallets, 0) END
        AS new_wallets,
    CASE WHEN is_covered THEN coalesce(active.wallets, 0) END AS active_wallets,
    CASE WHEN is_covered THEN coalesce(active.fee_ustx, 0) END AS active_fee_ustx,
    CASE WHEN active.wallets > 0 THEN stx(mean_ustx(active.fee_ustx, active.wallets)) END AS active_mean_fee_stx,
    stx(active.median_ustx) AS active_median_fee_stx,
    is_covered,
    first_cohort,
    last_cohort,
    coalesce(observed.wallets, 0) AS observed_wallets,
    retained,
    share(retained, observed.wallets) AS retention_rate,
    observed.fee_ustx,
    CASE WHEN observed.wallets > 0 THEN stx(mean_ustx(observed.fee_ustx, observed.wallets)) END AS mean_fee_stx,
    stx(observed.median_ustx) AS median_fee_stx,
    -- The quotient of the two means, with one division.
    share(active.fee_ustx::HUGEINT * observed.wallets, observed.fee_ustx::HUGEINT * active.wallets) AS active_to_first
FROM lasts
LEFT JOIN fresh USING (window_days)
LEFT JOIN active USING (window_days)
LEFT JOIN observed USING (window_days)
ORDER BY window_days
