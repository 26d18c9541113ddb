WITH cells AS (
    SELECT cohort_date AS cohort, window_days, definition, is_mature, retained, rate FROM wallet_retention
    UNION ALL
    SELECT week_ending, window_days, definition, is_mature, retained, rate FROM wallet_retention_weekly
),
judged AS (
    SELECT cells.*,
        cohort + CASE definition WHEN 'survival' THEN horizon ELSE window_days END <= coverage_end AS is_over
    FROM cells, scope
)
SELECT cohort, window_days, definition, is_mature, retained, rate
FROM judged
WHERE is_mature <> is_over OR (NOT is_over AND (retained IS NOT NULL OR rate IS NOT NULL))
