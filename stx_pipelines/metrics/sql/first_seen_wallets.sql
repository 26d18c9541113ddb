SELECT address, first_seen, is_left_censored, first_tx_id, tx_count, cohort_date, is_new
FROM wallets
ORDER BY id
