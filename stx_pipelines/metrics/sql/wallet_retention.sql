SELECT
    cohort_date, window_days, definition, cohort_size,
    CASE WHEN is_mature THEN retained END AS retained,
    CASE WHEN is_mature THEN share(retained, cohort_size) END AS rate,
    is_mature, is_left_censored
FROM cohort_retention
ORDER BY cohort_date, window_days, definition
