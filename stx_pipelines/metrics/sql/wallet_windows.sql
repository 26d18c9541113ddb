-- One row per wallet and window that is over. A trailing window has rows only for the wallets active in it.
-- In no fixed order, because to sort the trailing windows each time takes long.
WITH both_kinds AS (
    SELECT id, 'cohort' AS kind, window_days, tx_count, fee_ustx, in_band AS active_in_window
    FROM windows
    WHERE is_mature
    UNION ALL
    SELECT id, 'trailing', window_days, tx_count, fee_ustx, true FROM trailing_windows
)
SELECT
    address, kind, window_days, cohort_date, both_kinds.tx_count, fee_ustx, stx(fee_ustx) AS fee_stx, active_in_window,
    is_left_censored
FROM both_kinds JOIN wallets USING (id)
