-- Every covered day has one row.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
)
SELECT coalesce(days.date, daily.date) AS date, transfers, amount_ustx, senders, recipients
FROM days FULL JOIN transfers_daily AS daily ON daily.date = days.date
QUALIFY count(*) OVER (PARTITION BY coalesce(days.date, daily.date)) > 1
    OR days.date IS NULL OR daily.date IS NULL
    OR transfers < 0 OR amount_ustx < 0 OR senders > transfers OR recipients > transfers
    OR (senders = 0) <> (transfers = 0) OR (recipients = 0) <> (transfers = 0)
    OR (transfers = 0 AND (amount_ustx IS NULL OR amount_ustx <> 0 OR recipients IS NULL))
    OR amount_stx IS DISTINCT FROM stx(amount_ustx)
