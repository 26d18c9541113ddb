SELECT address, cohort_date, first_place, first_tx_id, tx_count, fee_ustx, first_nonce, has_unknown, active_days, last_date
FROM accounts_with_days(true)
