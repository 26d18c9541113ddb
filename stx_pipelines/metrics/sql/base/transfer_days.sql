-- One row per day with a shown transfer. An amount or a recipient that the day file lacks makes the day's number null.
-- Senders and recipients are first grouped, because DuckDB can spill groups, but not the sets of a distinct count.
CREATE TABLE transfer_days AS
WITH by_sender AS (
    SELECT
        day,
        count(*) AS transfers,
        sum(amount_ustx) AS amount_ustx,
        count(*) = count(amount_ustx) AS has_amounts
    FROM shown
    WHERE tx_type = 'token_transfer'
    GROUP BY day, sender_address
),
sent AS (
    SELECT
        day,
        sum(transfers)::BIGINT AS transfers,
        CASE WHEN bool_and(has_amounts) THEN sum(amount_ustx)::DECIMAL(38, 0) END AS amount_ustx,
        count(*) AS senders
    FROM by_sender
    GROUP BY day
),
by_recipient AS (
    SELECT DISTINCT day, recipient_address FROM shown WHERE tx_type = 'token_transfer'
),
received AS (
    SELECT day, CASE WHEN count(*) = count(recipient_address) THEN count(*) END AS recipients
    FROM by_recipient
    GROUP BY day
)
SELECT sent.day AS date, transfers, amount_ustx, senders, recipients
FROM sent
JOIN received ON received.day = sent.day;
