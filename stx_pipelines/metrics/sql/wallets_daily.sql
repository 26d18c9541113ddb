-- One row per day, with the distinct wallets in the 1, 7 and 30 days (the span) that end with the day.
-- Each active day of a wallet starts a stretch. The stretch ends after one span, or earlier at the next active day. It
-- adds 1 where it starts and subtracts 1 where it ends. A wallet's stretches do not overlap, so no wallet counts twice.
-- The part of a stretch before the wallet is 180 days old counts the younger wallets, and those of unknown age.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
),
steps AS (
    SELECT id, day, lead(day) OVER (PARTITION BY id ORDER BY day) - day AS gap
    FROM activity
    WHERE day >= getvariable('daily_from')
),
stretches AS (
    SELECT
        day,
        least(gap, 30)::INTEGER AS length,  -- `least` leaves out the null gap of a wallet's last active day
        is_left_censored,
        least(greatest(old_from - day, 0), 30)::INTEGER AS younger_days,
        count(*) AS wallets
    FROM steps JOIN ages USING (id)
    GROUP BY ALL
),
parts AS (
    SELECT 'active_wallets' AS part, day, 1 AS length, wallets FROM stretches
    UNION ALL
    SELECT 'active_7d', day, least(length, 7), wallets FROM stretches
    UNION ALL
    SELECT 'active_30d', day, length, wallets FROM stretches
    UNION ALL
    SELECT CASE WHEN is_left_censored THEN 'age_unknown' ELSE 'younger' END, day, least(length, younger_days), wallets
    FROM stretches
),
changes AS (
    SELECT part, day AS date, wallets AS change FROM parts
    UNION ALL
    SELECT part, day + length, -wallets FROM parts
    UNION ALL
    SELECT unnest(['active_wallets', 'active_7d', 'active_30d', 'younger', 'age_unknown']), date, 0 FROM days
),
running AS (
    SELECT part, date, sum(sum(change)) OVER (PARTITION BY part ORDER BY date)::BIGINT AS wallets
    FROM changes
    GROUP BY part, date
),
wide AS (
    SELECT
        date,
        max(wallets) FILTER (part = 'active_wallets') AS active_wallets,
        max(wallets) FILTER (part = 'active_7d') AS active_7d,
        max(wallets) FILTER (part = 'active_30d') AS active_30d,
        max(wallets) FILTER (part = 'younger') AS younger,
        max(wallets) FILTER (part = 'age_unknown') AS age_unknown
    FROM running SEMI JOIN days USING (date)
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
    CASE WHEN date - 29 >= coverage_start THEN mean_30d END AS rolling_mean_30d,
    CASE WHEN date - 29 >= coverage_start THEN younger END AS active_30d_younger,
    CASE WHEN date - 29 >= coverage_start THEN active_30d - younger - age_unknown END AS active_30d_older,
    CASE WHEN date - 29 >= coverage_start THEN age_unknown END AS active_30d_age_unknown
FROM rolled CROSS JOIN scope LEFT JOIN born ON born.cohort_date = rolled.date
ORDER BY date
