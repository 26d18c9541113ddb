-- One row per wallet and window that is over. A trailing window has rows only for the wallets active in it.
-- Ids are in the order of the addresses.
WITH trailed AS (
    SELECT id, window_days, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
    FROM activity, trails, scope
    WHERE day > scope.coverage_end - window_days AND scope.coverage_end - window_days + 1 >= scope.coverage_start
    GROUP BY id, window_days
),
both_kinds AS (
    SELECT id, 'cohort' AS kind, window_days, tx_count, fee_ustx, in_band AS active_in_window
    FROM windows
    WHERE is_mature
    UNION ALL
    SELECT id, 'trailing', window_days, tx_count, fee_ustx, true FROM trailed
)
SELECT
    address, kind, window_days, cohort_date, both_kinds.tx_count, fee_ustx, stx(fee_ustx) AS fee_stx, active_in_window,
    is_left_censored
FROM both_kinds JOIN wallets USING (id)
ORDER BY id, kind, window_days
