-- Counts again from the tables with a row per wallet, and compares with the breakeven CPA.
WITH mine AS (
    SELECT window_days, count(*) AS wallets, sum(fee_ustx)::BIGINT AS fee_ustx
    FROM wallet_windows, scope
    WHERE kind = 'cohort' AND NOT is_left_censored AND cohort_date > coverage_end - breakeven_days
    GROUP BY window_days
),
fresh AS (
    SELECT bands.window_days, count(cohort_date) AS wallets, coalesce(bool_or(is_left_censored), false) AS is_left_censored
    FROM bands CROSS JOIN scope
    LEFT JOIN first_seen_wallets
        ON is_new IS DISTINCT FROM false AND cohort_date > coverage_end - bands.window_days
    GROUP BY bands.window_days
)
SELECT
    window_days, new_wallets, active_wallets, observed_wallets, retained, summary.fee_ustx, active_to_first
FROM wallet_window_summary AS summary
CROSS JOIN scope
LEFT JOIN mine USING (window_days)
LEFT JOIN fresh USING (window_days)
LEFT JOIN wallet_value_breakeven AS breakeven USING (window_days)
LEFT JOIN wallet_value_trailing AS last USING (window_days)
WHERE observed_wallets IS DISTINCT FROM coalesce(mine.wallets, 0)
    OR summary.fee_ustx IS DISTINCT FROM mine.fee_ustx
    OR observed_wallets IS DISTINCT FROM breakeven.wallets
    OR summary.mean_fee_stx IS DISTINCT FROM breakeven_cpa_stx
    OR (observed_wallets = 0 AND coalesce(retained, retention_rate, summary.median_fee_stx) IS NOT NULL)
    OR NOT coalesce(retained BETWEEN 0 AND observed_wallets, true)
    OR retention_rate IS DISTINCT FROM share(retained, observed_wallets)
    OR is_covered <> (coverage_end - window_days + 1 >= coverage_start)
    OR new_wallets IS DISTINCT FROM CASE WHEN is_covered AND NOT fresh.is_left_censored THEN fresh.wallets END
    OR (NOT is_covered AND coalesce(active_wallets, active_fee_ustx, active_mean_fee_stx, active_median_fee_stx) IS NOT NULL)
    OR (is_covered AND new_wallets > active_wallets AND len(excluded_types) = 0)
    OR (last.window_days IS NOT NULL AND (
        active_wallets IS DISTINCT FROM last.wallets OR active_fee_ustx IS DISTINCT FROM last.fee_ustx
        OR active_mean_fee_stx IS DISTINCT FROM last.mean_fee_stx
        OR active_median_fee_stx IS DISTINCT FROM last.median_fee_stx
    ))
    OR active_to_first IS DISTINCT FROM share(
        active_fee_ustx::HUGEINT * observed_wallets, summary.fee_ustx::HUGEINT * active_wallets
    )
