SELECT cohort_date::VARCHAR AS place, window_days, fee_ustx
FROM wallet_value, scope
WHERE is_mature <> (cohort_date + window_days <= coverage_end)
    OR (cohort_date + window_days > coverage_end
        AND coalesce(survivors, tx_count, fee_ustx, survivor_fee_ustx, mean_fee_stx, median_fee_stx,
            survivor_mean_fee_stx, survivor_median_fee_stx, payback, fee_usd, priced_share, mean_fee_usd, payback_usd) IS NOT NULL)
    OR (is_small AND coalesce(payback, payback_usd) IS NOT NULL)
UNION ALL
SELECT 'trailing', window_days, fee_ustx
FROM wallet_value_trailing, scope
WHERE is_mature <> (coverage_end - window_days + 1 >= coverage_start)
    OR (coverage_end - window_days + 1 < coverage_start
        AND coalesce(wallets, tx_count, fee_ustx, mean_fee_stx, median_fee_stx, fee_usd, priced_share, mean_fee_usd) IS NOT NULL)
UNION ALL
SELECT 'breakeven', window_days, fee_ustx
FROM wallet_value_breakeven, scope
WHERE last_cohort + window_days > coverage_end OR first_cohort < uncensored_from
UNION ALL
SELECT address, window_days, fee_ustx
FROM wallet_windows, scope
WHERE (kind = 'trailing' AND coverage_end - window_days + 1 < coverage_start)
    OR (kind = 'cohort' AND cohort_date + window_days > coverage_end)
