-- Counts again from the table with a row per wallet and window, and compares in both directions.
WITH expected AS (
    SELECT ranges.window_days, from_ustx, count(windows.address) AS wallets,
        coalesce(sum(windows.fee_ustx), 0)::BIGINT AS fee_ustx
    FROM wallet_fee_histogram AS ranges
    CROSS JOIN scope
    LEFT JOIN wallet_windows AS windows
        ON windows.window_days = ranges.window_days AND kind = 'cohort' AND NOT is_left_censored
            AND cohort_date > coverage_end - breakeven_days
            AND windows.fee_ustx >= from_ustx AND (to_ustx IS NULL OR windows.fee_ustx < to_ustx)
    GROUP BY ranges.window_days, from_ustx
),
published AS (SELECT window_days, from_ustx, wallets, fee_ustx FROM wallet_fee_histogram),
totals AS (
    SELECT window_days, sum(wallets)::BIGINT AS wallets, sum(fee_ustx)::BIGINT AS fee_ustx,
        min(observed_wallets) AS observed_wallets, bool_and(wallet_share = share(wallets, observed_wallets)) AS is_divided
    FROM wallet_fee_histogram
    GROUP BY window_days
)
SELECT 'published' AS side, * FROM (FROM published EXCEPT ALL FROM expected)
UNION ALL
SELECT 'expected' AS side, * FROM (FROM expected EXCEPT ALL FROM published)
UNION ALL
SELECT 'total', window_days, NULL, totals.wallets, totals.fee_ustx
FROM wallet_window_summary AS summary FULL JOIN totals USING (window_days)
WHERE coalesce(totals.wallets, 0) IS DISTINCT FROM summary.observed_wallets
    OR totals.observed_wallets IS DISTINCT FROM nullif(summary.observed_wallets, 0)
    OR totals.fee_ustx IS DISTINCT FROM summary.fee_ustx
    OR NOT is_divided
