-- Retention of the cohorts of a week, which ends on Sunday. The cohorts' counts are added, then divided once.
-- Rates are not averaged. A week is mature when the cohort of its Sunday is mature.
-- `cohort_days` is the number of days of the week that have a cohort.
WITH cells AS (
    SELECT *, sunday_of(cohort_date) AS sunday FROM cohort_retention
),
weeks AS (
    SELECT
        sunday,
        window_days,
        definition,
        count(*) AS cohort_days,
        sum(cohort_size)::BIGINT AS cohort_size,
        sum(retained)::BIGINT AS retained,
        max(sunday + observed_days) AS over_on,
        bool_or(is_left_censored) AS is_left_censored
    FROM cells
    GROUP BY sunday, window_days, definition
),
judged AS (SELECT *, over_on <= coverage_end AS is_mature FROM weeks, scope)
SELECT
    sunday AS week_ending, window_days, definition, cohort_days, cohort_size,
    CASE WHEN is_mature THEN retained END AS retained,
    CASE WHEN is_mature THEN share(retained, cohort_size) END AS rate,
    is_mature, is_left_censored
FROM judged
ORDER BY sunday, window_days, definition
