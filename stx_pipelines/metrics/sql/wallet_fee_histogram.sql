-- One row per window and range of fees: the observed wallets (as in `wallet_window_summary`) that paid fees in the range
-- in their first w days. Windows without an observed wallet have no rows. The first range is exactly 0.
WITH edges AS (
    SELECT unnest([
        0, 1, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
        10_000_000, 20_000_000, 50_000_000, 100_000_000
    ])::BIGINT AS from_ustx
),
ranges AS (SELECT from_ustx, lead(from_ustx) OVER (ORDER BY from_ustx) AS to_ustx FROM edges),
placed AS (
    SELECT window_days, fee_ustx, edges.from_ustx
    FROM observed_windows ASOF JOIN edges ON observed_windows.fee_ustx >= edges.from_ustx
),
counted AS (
    SELECT window_days, from_ustx, count(*) AS wallets, sum(fee_ustx)::BIGINT AS fee_ustx
    FROM placed
    GROUP BY window_days, from_ustx
),
totals AS (SELECT window_days, sum(wallets)::BIGINT AS observed_wallets FROM counted GROUP BY window_days)
SELECT
    totals.window_days,
    ranges.from_ustx,
    to_ustx,
    coalesce(wallets, 0) AS wallets,
    observed_wallets,
    share(coalesce(wallets, 0), observed_wallets) AS wallet_share,
    coalesce(fee_ustx, 0) AS fee_ustx
FROM totals
CROSS JOIN ranges
LEFT JOIN counted ON counted.window_days = totals.window_days AND counted.from_ustx = ranges.from_ustx
ORDER BY totals.window_days, ranges.from_ustx
