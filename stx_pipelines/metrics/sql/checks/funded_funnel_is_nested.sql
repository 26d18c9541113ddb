SELECT
    funded.window_days, funded.cohort_size, known_wallets, funded, funded_and_active_30d, funded_active_and_value_30d
FROM wallet_funnel_funded AS funded
LEFT JOIN wallet_funnel USING (window_days)
WHERE funded.cohort_size IS DISTINCT FROM wallet_funnel.cohort_size
    OR known_wallets > funded.cohort_size
    OR funded > known_wallets
    OR funded_and_active_30d > least(funded, active_30d)
    OR funded_active_and_value_30d > least(funded_and_active_30d, active_and_value_30d)
    OR funded_rate IS DISTINCT FROM funded / nullif(known_wallets, 0)
    OR funded_and_active_rate IS DISTINCT FROM funded_and_active_30d / nullif(known_wallets, 0)
    OR funded_active_and_value_rate IS DISTINCT FROM funded_active_and_value_30d / nullif(known_wallets, 0)
