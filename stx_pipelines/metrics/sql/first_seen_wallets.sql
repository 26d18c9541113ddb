WITH days AS (SELECT id, count(*) AS active_days, max(day) AS last_date FROM wallet_days GROUP BY id)
SELECT
    address, first_seen, is_left_censored, first_tx_id, tx_count, cohort_date, is_new, active_days, last_date,
    total_fee_ustx AS fee_ustx, stx(total_fee_ustx) AS fee_stx
FROM wallets JOIN days USING (id)
ORDER BY id
