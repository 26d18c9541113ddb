-- One row per cohort, window and definition. Survival is mature when the longest window (the horizon) is over.
CREATE TABLE cohort_retention AS
WITH counted AS (
    SELECT
        cohort_date,
        window_days,
        bool_or(is_left_censored) AS is_left_censored,
        count(*) AS cohort_size,
        count(*) FILTER (returned) AS cumulative,
        count(*) FILTER (in_band) AS active_band,
        count(*) FILTER (survived) AS survival
    FROM windows
    GROUP BY cohort_date, window_days
),
long AS (UNPIVOT counted ON cumulative, active_band, survival INTO NAME definition VALUE retained)
SELECT
    long.*,
    CASE definition WHEN 'survival' THEN scope.horizon ELSE window_days END AS observed_days,
    cohort_date + observed_days <= scope.coverage_end AS is_mature
FROM long, scope;
