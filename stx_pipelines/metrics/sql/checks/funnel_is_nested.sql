SELECT window_days, cohort_size, active_30d, active_and_value_30d, is_mature
FROM wallet_funnel
WHERE active_30d > cohort_size OR active_and_value_30d > active_30d OR active_rate > 1
    OR active_and_value_rate > active_rate
