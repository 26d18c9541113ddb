-- Compares with the day files in both directions, so that missing days and extra days are found.
-- Senders and recipients are first grouped, as in `base/transfer_days`, to need little memory.
WITH expected AS (
    SELECT
        day AS date,
        count(*) AS transfers,
        CASE WHEN count(*) = count(amount_ustx) THEN sum(amount_ustx) END::DECIMAL(38, 0) AS amount_ustx
    FROM shown
    WHERE tx_type = 'token_transfer'
    GROUP BY day
),
people AS (
    SELECT day, sender_address AS address, true AS is_sender
    FROM shown WHERE tx_type = 'token_transfer' GROUP BY ALL
    UNION ALL
    SELECT day, recipient_address, false
    FROM shown WHERE tx_type = 'token_transfer' GROUP BY ALL
),
counted AS (
    SELECT
        day AS date,
        count(*) FILTER (is_sender) AS senders,
        CASE WHEN bool_and(address IS NOT NULL) THEN count(*) FILTER (NOT is_sender) END AS recipients
    FROM people
    GROUP BY day
),
truth AS (
    SELECT date, transfers, amount_ustx, senders, recipients FROM expected JOIN counted USING (date)
),
published AS (
    SELECT date, transfers, amount_ustx, senders, recipients FROM transfers_daily WHERE transfers <> 0
)
SELECT 'published' AS side, * FROM (FROM published EXCEPT ALL FROM truth)
UNION ALL
SELECT 'expected' AS side, * FROM (FROM truth EXCEPT ALL FROM published)
