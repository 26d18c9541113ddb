SELECT window_days, first_cohort, last_cohort, cohort_size, is_mature
FROM wallet_funnel, scope
WHERE last_cohort + funnel_days > coverage_end
    OR is_mature <> (first_cohort >= coverage_start AND NOT EXISTS (
        FROM first_seen_wallets AS wallets
        WHERE wallets.is_new IS NULL AND wallets.is_left_censored
            AND wallets.cohort_date BETWEEN first_cohort AND last_cohort
    ))
    OR (NOT is_mature AND coalesce(cohort_size, active_30d, active_and_value_30d) IS NOT NULL)
    OR (NOT is_mature AND (active_rate IS NOT NULL OR active_and_value_rate IS NOT NULL))
