-- One row per window of the funnel. It ends with the newest day whose new wallets have completed their first 30 days.
-- It is mature if all its days are covered and none of its wallets is left-censored.
CREATE TABLE funnel_windows AS
SELECT
    bands.window_days,
    coverage_end - funnel_days - bands.window_days + 1 AS first_cohort,
    coverage_end - funnel_days AS last_cohort,
    first_cohort >= coverage_start AND NOT EXISTS (
        SELECT 1 FROM newcomers WHERE is_left_censored AND cohort_date BETWEEN first_cohort AND last_cohort
    ) AS is_mature
FROM bands, scope
WHERE coverage_end IS NOT NULL;
