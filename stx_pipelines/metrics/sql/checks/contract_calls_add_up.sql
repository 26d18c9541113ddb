-- Compares the sums of a day with the day files in both directions, so that missing days and extra days are found.
WITH expected AS (
    SELECT
        day AS date,
        count(*) FILTER (is_shown) AS calls,
        coalesce(sum(fee_ustx) FILTER (is_shown), 0)::BIGINT AS fee_ustx,
        count(*) AS landed,
        count(*) FILTER (tx_status <> 'success') AS failed,
        count(*) FILTER (contract_id IS NULL) AS unknown
    FROM canonical_rows
    WHERE tx_type = 'contract_call'
    GROUP BY day
),
published AS (
    SELECT date, sum(calls)::BIGINT AS calls, sum(fee_ustx)::BIGINT AS fee_ustx, sum(landed)::BIGINT AS landed,
        sum(failed)::BIGINT AS failed, coalesce(sum(landed) FILTER (contract_id IS NULL), 0)::BIGINT AS unknown
    FROM contracts_daily
    GROUP BY date
)
SELECT 'published' AS side, * FROM (FROM published EXCEPT ALL FROM expected)
UNION ALL
SELECT 'expected' AS side, * FROM (FROM expected EXCEPT ALL FROM published)
