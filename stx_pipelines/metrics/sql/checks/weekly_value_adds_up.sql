-- Compares in both directions. Finds weeks that are missing, repeated, or published before their window is over.
WITH expected AS (
    SELECT
        sunday_of(cohort_date) AS week_ending,
        window_days,
        sum(cohort_size)::BIGINT AS wallets,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        stx(mean_ustx(sum(fee_ustx), sum(cohort_size))) AS fee_per_wallet_stx,
        CASE WHEN sum(cohort_size) >= any_value(scope.minimum_cohort) THEN
            share(sum(fee_ustx), sum(cohort_size) * any_value(scope.target_cpa_ustx)) END AS payback,
        bool_or(is_left_censored) AS is_left_censored,
        sum(fee_usd) AS fee_usd
    FROM wallet_value, scope
    WHERE sunday_of(cohort_date) + window_days <= scope.coverage_end
    GROUP BY sunday_of(cohort_date), window_days
),
published AS (
    SELECT week_ending, window_days, wallets, fee_ustx, fee_per_wallet_stx, payback, is_left_censored, fee_usd
    FROM wallet_value_weekly
)
SELECT 'published' AS side, * FROM (FROM published EXCEPT ALL FROM expected)
UNION ALL
SELECT 'expected' AS side, * FROM (FROM expected EXCEPT ALL FROM published)
