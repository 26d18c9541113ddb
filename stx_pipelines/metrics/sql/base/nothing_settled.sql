-- The rows of earlier computations, for a computation that reads all days.
CREATE VIEW known_accounts AS
SELECT
    NULL::VARCHAR AS address, NULL::DATE AS cohort_date, NULL::TIMESTAMP AS first_seen,
    NULL::DECIMAL(38, 0) AS first_place, NULL::VARCHAR AS first_tx_id, NULL::BIGINT AS tx_count, NULL::BIGINT AS fee_ustx,
    NULL::BIGINT AS first_nonce, NULL::BOOLEAN AS has_unknown, NULL::BIGINT AS active_days, NULL::DATE AS last_date,
    NULL::BIGINT AS id
LIMIT 0;
CREATE VIEW settled_segment_counts AS
SELECT
    NULL::DATE AS cohort_date, NULL::INTEGER AS window_days, NULL::BOOLEAN AS is_value, NULL::BOOLEAN AS is_funded,
    NULL::BIGINT AS wallets, NULL::VARCHAR AS definition, NULL::BIGINT AS retained
LIMIT 0;
