-- One row per day, with the distinct wallets in the 1, 7 and 30 days (the span) that end with the day.
-- Each active day of a wallet starts a stretch. The stretch ends after one span, or earlier at the next active day. It
-- adds 1 where it starts and subtracts 1 where it ends. A wallet's stretches do not overlap, so no wallet counts twice.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
),
stretches AS (
    SELECT day, lead(day) OVER (PARTITION BY id ORDER BY day) - day AS gap FROM activity
),
spans AS (SELECT unnest([1, 7, 30]) AS span),
edges AS (
    SELECT span, day AS date, count(*) AS change FROM stretches, spans GROUP BY ALL
    UNION ALL
    SELECT span, day + least(span, coalesce(gap, span))::INTEGER AS date, -count(*) AS change
    FROM stretches, spans GROUP BY ALL
),
changes AS (
    SELECT days.date, spans.span, coalesce(sum(edges.change), 0) AS change
    FROM days CROSS JOIN spans LEFT JOIN edges ON edges.date = days.date AND edges.span = spans.span
    GROUP BY days.date, spans.span
),
running AS (
    SELECT date, span, sum(change) OVER (PARTITION BY span ORDER BY date)::BIGINT AS wallets FROM changes
),
wide AS (
    SELECT
        date,
        max(wallets) FILTER (span = 1) AS active_wallets,
        max(wallets) FILTER (span = 7) AS active_7d,
        max(wallets) FILTER (span = 30) AS active_30d
    FROM running
    GROUP BY date
),
rolled AS (
    SELECT
        *,
        sum(active_wallets) OVER (ORDER BY date ROWS 6 PRECEDING)::DOUBLE / 7 AS mean_7d,
        sum(active_wallets) OVER (ORDER BY date ROWS 29 PRECEDING)::DOUBLE / 30 AS mean_30d
    FROM wide
),
born AS (
    SELECT cohort_date, count(*) AS new_wallets, bool_or(is_left_censored) AS is_left_censored
    FROM newcomers
    GROUP BY cohort_date
)
SELECT
    date,
    coalesce(new_wallets, 0) AS new_wallets,
    coalesce(born.is_left_censored, false) AS is_left_censored,
    active_wallets,
    CASE WHEN date - 6 >= coverage_start THEN active_7d END AS active_7d,
    CASE WHEN date - 29 >= coverage_start THEN active_30d END AS active_30d,
    CASE WHEN date - 6 >= coverage_start THEN mean_7d END AS rolling_mean_7d,
    CASE WHEN date - 29 >= coverage_start THEN mean_30d END AS rolling_mean_30d
FROM rolled CROSS JOIN scope LEFT JOIN born ON born.cohort_date = rolled.date
ORDER BY date
