-- In no fixed order, because to sort all wallets each time takes long.
WITH known AS (SELECT *, is_new(first_nonce, has_unknown) AS is_new FROM accounts('read_totals') WHERE tx_count > 0)
SELECT
    address,
    first_seen,
    is_left_censored(is_new, cohort_date, uncensored_from) AS is_left_censored,
    first_tx_id, tx_count, cohort_date, is_new, active_days, last_date, fee_ustx, stx(fee_ustx) AS fee_stx
FROM known, scope
