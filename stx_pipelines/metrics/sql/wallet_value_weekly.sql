-- Fees per wallet of the cohorts of a week, which ends on Sunday. The fees of its wallets are added, then divided once.
-- Means are not averaged.
-- A week has a row once the window of its Sunday is over. Weeks with few wallets have no payback.
WITH weeks AS (
    SELECT
        sunday_of(cohort_date) AS week_ending,
        window_days,
        count(*) AS wallets,
        sum(fee_ustx)::BIGINT AS fee_ustx,
        sum(priced_ustx)::BIGINT AS priced_ustx,
        sum(usd_e14) AS usd_e14,
        bool_or(is_left_censored) AS is_left_censored
    FROM windows
    GROUP BY sunday_of(cohort_date), window_days
)
SELECT
    week_ending,
    window_days,
    wallets,
    fee_ustx,
    stx(mean_ustx(fee_ustx, wallets)) AS fee_per_wallet_stx,
    CASE WHEN wallets >= scope.minimum_cohort THEN share(fee_ustx, wallets * scope.target_cpa_ustx::HUGEINT) END
        AS payback,
    is_left_censored,
    usd(usd_e14) AS fee_usd,
    priced_share(priced_ustx, fee_ustx) AS priced_share,
    mean_usd(usd_e14, wallets) AS fee_per_wallet_usd,
    CASE WHEN wallets >= scope.minimum_cohort THEN payback_usd(usd_e14, wallets, scope.target_cpa_cents) END
        AS payback_usd
FROM weeks, scope
WHERE week_ending + window_days <= scope.coverage_end
ORDER BY week_ending, window_days
