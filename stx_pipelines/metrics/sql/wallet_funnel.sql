-- Counts, for each window, the new wallets that reached each stage in their first 30 days.
-- The counts of a window are null unless it is mature.
WITH counted AS (
    SELECT
        funnel_windows.window_days,
        count(*) AS cohort_size,
        count(*) FILTER (first_month.tx_count >= scope.active_transactions) AS active_30d,
        count(*) FILTER (
            first_month.tx_count >= scope.active_transactions AND first_month.fee_ustx >= scope.value_ustx
        ) AS active_and_value_30d
    FROM funnel_windows
    CROSS JOIN scope
    JOIN newcomers ON newcomers.cohort_date BETWEEN funnel_windows.first_cohort AND funnel_windows.last_cohort
    LEFT JOIN first_month ON first_month.id = newcomers.id
    WHERE funnel_windows.is_mature
    GROUP BY funnel_windows.window_days
)
SELECT
    window_days, first_cohort, last_cohort,
    CASE WHEN is_mature THEN coalesce(cohort_size, 0) END AS cohort_size,
    CASE WHEN is_mature THEN coalesce(active_30d, 0) END AS active_30d,
    CASE WHEN is_mature THEN coalesce(active_and_value_30d, 0) END AS active_and_value_30d,
    share(active_30d, cohort_size) AS active_rate,
    share(active_and_value_30d, cohort_size) AS active_and_value_rate,
    is_mature
FROM funnel_windows LEFT JOIN counted USING (window_days)
ORDER BY window_days
