-- Counts, for each window, the new wallets that reached each stage in their first 30 days.
-- A window ends with the newest day whose new wallets have completed their first 30 days. Its counts are null unless
-- all its days are covered and none of its wallets is left-censored.
WITH judged AS (
    SELECT
        bands.window_days,
        coverage_end - funnel_days - bands.window_days + 1 AS first_cohort,
        coverage_end - funnel_days AS last_cohort,
        first_cohort >= coverage_start AND NOT EXISTS (
            SELECT 1 FROM newcomers WHERE is_left_censored AND cohort_date BETWEEN first_cohort AND last_cohort
        ) AS is_mature
    FROM bands, scope
    WHERE coverage_end IS NOT NULL
),
counted AS (
    SELECT
        judged.window_days,
        count(*) AS cohort_size,
        count(*) FILTER (first_month.tx_count >= scope.active_transactions) AS active_30d,
        count(*) FILTER (
            first_month.tx_count >= scope.active_transactions AND first_month.fee_ustx >= scope.value_ustx
        ) AS active_and_value_30d
    FROM judged
    CROSS JOIN scope
    JOIN newcomers ON newcomers.cohort_date BETWEEN judged.first_cohort AND judged.last_cohort
    LEFT JOIN first_month ON first_month.id = newcomers.id
    WHERE judged.is_mature
    GROUP BY judged.window_days
)
SELECT
    window_days, first_cohort, last_cohort,
    CASE WHEN is_mature THEN coalesce(cohort_size, 0) END AS cohort_size,
    CASE WHEN is_mature THEN coalesce(active_30d, 0) END AS active_30d,
    CASE WHEN is_mature THEN coalesce(active_and_value_30d, 0) END AS active_and_value_30d,
    share(active_30d, cohort_size) AS active_rate,
    share(active_and_value_30d, cohort_size) AS active_and_value_rate,
    is_mature
FROM judged LEFT JOIN counted USING (window_days)
ORDER BY window_days
