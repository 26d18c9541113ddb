-- In the order of the days, so that a reader of some days skips the others.
-- DuckDB writes a HUGEINT as a floating-point number, so it becomes a decimal.
SELECT id, day, k, tx_count, fee_ustx, priced_ustx, usd_e14::DECIMAL(38, 0) AS usd_e14, has_transfer
FROM wallet_days, scope
WHERE day >= coalesce(settle_before, cohorts_from) AND day < sum_before
ORDER BY day
