-- One row per day with a shown transfer. An amount or a recipient that the day file lacks makes the day's number null.
-- Recipients are first grouped, because DuckDB can spill groups, but not the sets of a distinct count. Senders are
-- counted in `wallet_days`, so that the day files are read only once.
CREATE TABLE transfer_days AS
WITH by_recipient AS (
    SELECT
        day,
        recipient_address,
        count(*) AS transfers,
        sum(amount_ustx) AS amount_ustx,
        count(*) = count(amount_ustx) AS has_amounts
    FROM unsettled_rows
    WHERE is_shown AND tx_type = 'token_transfer'
    GROUP BY day, recipient_address
),
received AS (
    SELECT
        day,
        sum(transfers)::BIGINT AS transfers,
        CASE WHEN bool_and(has_amounts) THEN sum(amount_ustx)::DECIMAL(38, 0) END AS amount_ustx,
        CASE WHEN count(*) = count(recipient_address) THEN count(*) END AS recipients
    FROM by_recipient
    GROUP BY day
),
sent AS (SELECT day, count(*) AS senders FROM wallet_days WHERE has_transfer AND day >= getvariable('unsettled_from') GROUP BY day)
SELECT received.day AS date, transfers, amount_ustx, senders, recipients
FROM received JOIN sent ON sent.day = received.day;
