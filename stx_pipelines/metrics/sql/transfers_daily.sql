-- One row per calendar day of the range, including days without a transfer.
WITH days AS (
    SELECT unnest(generate_series(coverage_start, coverage_end, INTERVAL 1 DAY))::DATE AS date FROM scope
),
filled AS (
    SELECT
        days.date,
        coalesce(transfers, 0) AS transfers,
        CASE WHEN transfers IS NULL THEN 0 ELSE amount_ustx END::DECIMAL(38, 0) AS amount_ustx,
        coalesce(senders, 0) AS senders,
        CASE WHEN transfers IS NULL THEN 0 ELSE recipients END AS recipients
    FROM days LEFT JOIN transfer_days ON transfer_days.date = days.date
)
SELECT date, transfers, amount_ustx, stx(amount_ustx) AS amount_stx, senders, recipients
FROM filled
ORDER BY date
