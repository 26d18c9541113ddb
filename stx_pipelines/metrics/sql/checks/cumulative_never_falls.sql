SELECT * FROM (
    SELECT cohort_date, window_days, retained,
        lag(retained) OVER (PARTITION BY cohort_date ORDER BY window_days) AS retained_before
    FROM wallet_retention
    WHERE definition = 'cumulative'
)
WHERE retained < retained_before
