-- At most three rows per account, a sender or a sponsor: what the days of each stage say about it. Stage 0 are the days
-- before `settle_before`, 1 those before `sum_before`, and 2 all others. Only days whose rows are read count.
-- first_tx_id is found in a second pass, because arg_min would keep a text per wallet in memory, and DuckDB cannot spill
-- such texts.
CREATE TABLE read_accounts AS
WITH sent AS MATERIALIZED (
    SELECT
        sender_address AS address,
        stage_of(day, settle_before, sum_before) AS stage,
        min(day) FILTER (is_shown) AS cohort_date,
        min(block_time) FILTER (is_shown) AS first_seen,
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
        stage_of(day, settle_before, sum_before) AS stage,
        min(sponsor_nonce) AS first_nonce,
        bool_or(sponsor_nonce IS NULL) AS has_unknown
    FROM canonical_rows, scope
    WHERE sponsor_address <> sender_address
    GROUP BY ALL
),
firsts AS (
    SELECT sent.address, sent.stage, shown.tx_id AS first_tx_id
    FROM shown JOIN sent ON sent.address = shown.sender_address AND sent.first_place = shown.place
    QUALIFY row_number() OVER (PARTITION BY sent.address, sent.stage ORDER BY shown.tx_id) = 1
)
SELECT
    address, stage, cohort_date, first_seen, first_place, first_tx_id,
    coalesce(tx_count, 0) AS tx_count,
    coalesce(fee_ustx, 0) AS fee_ustx,
    least(sent.first_nonce, sponsored.first_nonce) AS first_nonce,
    coalesce(sent.has_unknown, false) OR coalesce(sponsored.has_unknown, false) AS has_unknown
FROM sent FULL JOIN sponsored USING (address, stage) LEFT JOIN firsts USING (address, stage);

-- One row per account that the days read up to this stage name.
CREATE MACRO read_until(last_stage) AS TABLE
WITH early AS (FROM read_accounts WHERE stage = 0),
middle AS (FROM read_accounts WHERE stage = 1 AND last_stage >= 1),
late AS (FROM read_accounts WHERE stage = 2 AND last_stage >= 2)
SELECT
    address,
    least(early.cohort_date, middle.cohort_date, late.cohort_date) AS cohort_date,
    least(early.first_seen, middle.first_seen, late.first_seen) AS first_seen,
    least(early.first_place, middle.first_place, late.first_place) AS first_place,
    CASE least(early.first_place, middle.first_place, late.first_place)
        WHEN late.first_place THEN late.first_tx_id
        WHEN middle.first_place THEN middle.first_tx_id
        ELSE early.first_tx_id
    END AS first_tx_id,
    coalesce(early.tx_count, 0) + coalesce(middle.tx_count, 0) + coalesce(late.tx_count, 0) AS tx_count,
    coalesce(early.fee_ustx, 0) + coalesce(middle.fee_ustx, 0) + coalesce(late.fee_ustx, 0) AS fee_ustx,
    least(early.first_nonce, middle.first_nonce, late.first_nonce) AS first_nonce,
    coalesce(early.has_unknown, false) OR coalesce(middle.has_unknown, false) OR coalesce(late.has_unknown, false)
        AS has_unknown
FROM early FULL JOIN middle USING (address) FULL JOIN late USING (address);

-- The accounts of all days read, without the active days, which are counted later.
CREATE VIEW read_names AS SELECT *, 0 AS active_days, NULL::DATE AS last_date FROM read_until(2);

-- One row per account over the days known before and those in the table or view named `since`. `id` is that of a wallet
-- that was known before.
-- An account numbers its transactions 0, 1, 2, ... as sender and as sponsor together, whatever their status.
CREATE MACRO accounts(since) AS TABLE
SELECT
    address,
    known.id,
    least(known.cohort_date, since.cohort_date) AS cohort_date,
    least(known.first_seen, since.first_seen) AS first_seen,
    least(known.first_place, since.first_place) AS first_place,
    CASE least(known.first_place, since.first_place) WHEN since.first_place THEN since.first_tx_id ELSE known.first_tx_id
        END AS first_tx_id,
    coalesce(known.tx_count, 0) + coalesce(since.tx_count, 0) AS tx_count,
    coalesce(known.fee_ustx, 0) + coalesce(since.fee_ustx, 0) AS fee_ustx,
    least(known.first_nonce, since.first_nonce) AS first_nonce,
    coalesce(known.has_unknown, false) OR coalesce(since.has_unknown, false) AS has_unknown,
    coalesce(known.active_days, 0) + coalesce(since.active_days, 0) AS active_days,
    greatest(known.last_date, since.last_date) AS last_date,
    since.address IS NOT NULL AS is_read
FROM known_accounts AS known FULL JOIN query_table(since) AS since USING (address);
