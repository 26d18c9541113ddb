SELECT cohort_date AS cohort, window_days, definition, cohort_size, retained, rate
FROM wallet_retention
WHERE retained > cohort_size OR retained < 0 OR rate > 1 OR rate < 0 OR (is_mature AND (retained IS NULL OR rate IS NULL))
UNION ALL
SELECT week_ending, window_days, definition, cohort_size, retained, rate
FROM wallet_retention_weekly
WHERE retained > cohort_size OR retained < 0 OR rate > 1 OR rate < 0 OR (is_mature AND (retained IS NULL OR rate IS NULL))
