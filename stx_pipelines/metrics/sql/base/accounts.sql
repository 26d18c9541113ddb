-- At most two rows per account, a sender or a sponsor: what the days read say about it, before `settle_before` and since.
-- first_tx_id is found in a second pass, because arg_min would keep a text per wallet in memory, and DuckDB cannot spill
-- such texts.
CREATE TABLE read_accounts AS
WITH sent AS MATERIALIZED (
    SELECT
        sender_address AS address,
        coalesce(day < settle_before, false) AS is_early,
        min(day) FILTER (is_shown) AS cohort_date,
        min(place) FILTER (is_shown) AS first_place,
        count(*) FILTER (is_shown) AS tx_count,
        coalesce(sum(fee_ustx) FILTER (is_shown), 0)::BIGINT AS fee_ustx,
        min(nonce) FILTER (moves_nonce) AS first_nonce,
        bool_or(nonce IS NULL OR NOT moves_nonce) AS has_unknown
    FROM canonical_rows, scope
    WHERE sender_address IS NOT NULL
    GROUP BY ALL
),
sponsored AS (
    SELECT
        sponsor_address AS address,
        coalesce(day < settle_before, false) AS is_early,
        min(sponsor_nonce) AS first_nonce,
        bool_or(sponsor_nonce IS NULL) AS has_unknown
    FROM canonical_rows, scope
    WHERE sponsor_address <> sender_address
    GROUP BY ALL
),
firsts AS (
    SELECT sent.address, sent.is_early, shown.tx_id AS first_tx_id
    FROM shown JOIN sent ON sent.address = shown.sender_address AND sent.first_place = shown.place
    QUALIFY row_number() OVER (PARTITION BY sent.address, sent.is_early ORDER BY shown.tx_id) = 1
)
SELECT
    address, is_early, cohort_date, first_place, first_tx_id,
    coalesce(tx_count, 0) AS tx_count,
    coalesce(fee_ustx, 0) AS fee_ustx,
    least(sent.first_nonce, sponsored.first_nonce) AS first_nonce,
    coalesce(sent.has_unknown, false) OR coalesce(sponsored.has_unknown, false) AS has_unknown
FROM sent FULL JOIN sponsored USING (address, is_early) LEFT JOIN firsts USING (address, is_early);

-- One row per account over the settled days and the days read, or only those before `settle_before`.
-- An account numbers its transactions 0, 1, 2, ... as sender and as sponsor together, whatever their status.
CREATE MACRO accounts(only_early) AS TABLE
WITH early AS (SELECT *, true AS is_read FROM read_accounts WHERE is_early),
late AS (SELECT *, true AS is_read FROM read_accounts WHERE NOT is_early AND NOT only_early)
SELECT
    address,
    least(settled.cohort_date, early.cohort_date, late.cohort_date) AS cohort_date,
    least(settled.first_place, early.first_place, late.first_place) AS first_place,
    CASE least(settled.first_place, early.first_place, late.first_place)
        WHEN late.first_place THEN late.first_tx_id
        WHEN early.first_place THEN early.first_tx_id
        ELSE settled.first_tx_id
    END AS first_tx_id,
    coalesce(settled.tx_count, 0) + coalesce(early.tx_count, 0) + coalesce(late.tx_count, 0) AS tx_count,
    coalesce(settled.fee_ustx, 0) + coalesce(early.fee_ustx, 0) + coalesce(late.fee_ustx, 0) AS fee_ustx,
    least(settled.first_nonce, early.first_nonce, late.first_nonce) AS first_nonce,
    coalesce(settled.has_unknown, false) OR coalesce(early.has_unknown, false) OR coalesce(late.has_unknown, false)
        AS has_unknown,
    settled.active_days,
    settled.last_date,
    coalesce(early.is_read, late.is_read, false) AS is_read
FROM settled_accounts AS settled FULL JOIN early USING (address) FULL JOIN late USING (address);
