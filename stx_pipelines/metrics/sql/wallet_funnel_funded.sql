-- Counts, for each window of `wallet_funnel`, its wallets whose balance is known, and those that reached each stage.
-- Each stage is a part of the stage before. The counts are null unless the window is mature.
WITH counted AS (
    SELECT
        funnel_windows.window_days,
        count(*) AS cohort_size,
        count(is_funded) AS known_wallets,
        count(*) FILTER (is_funded) AS funded,
        count(*) FILTER (is_funded AND first_month.tx_count >= scope.active_transactions) AS funded_and_active_30d,
        count(*) FILTER (
            is_funded
            AND first_month.tx_count >= scope.active_transactions
            AND first_month.fee_ustx >= scope.value_ustx
        ) AS funded_active_and_value_30d
    FROM funnel_windows
    CROSS JOIN scope
    JOIN newcomers ON newcomers.cohort_date BETWEEN funnel_windows.first_cohort AND funnel_windows.last_cohort
    LEFT JOIN first_month ON first_month.id = newcomers.id
    LEFT JOIN known_balances ON known_balances.address = newcomers.address
    WHERE funnel_windows.is_mature
    GROUP BY funnel_windows.window_days
)
SELECT
    window_days, first_cohort, last_cohort,
    CASE WHEN is_mature THEN coalesce(cohort_size, 0) END AS cohort_size,
    CASE WHEN is_mature THEN coalesce(known_wallets, 0) END AS known_wallets,
    CASE WHEN is_mature THEN coalesce(funded, 0) END AS funded,
    CASE WHEN is_mature THEN coalesce(funded_and_active_30d, 0) END AS funded_and_active_30d,
    CASE WHEN is_mature THEN coalesce(funded_active_and_value_30d, 0) END AS funded_active_and_value_30d,
    share(funded, known_wallets) AS funded_rate,
    share(funded_and_active_30d, known_wallets) AS funded_and_active_rate,
    share(funded_active_and_value_30d, known_wallets) AS funded_active_and_value_rate,
    is_mature
FROM funnel_windows LEFT JOIN counted USING (window_days)
ORDER BY window_days
