SELECT
    greatest(scope.coverage_start, scope.coverage_end - 29) AS first_date,
    scope.coverage_end AS last_date,
    contract_id, calls, wallets, fee_ustx, stx(fee_ustx) AS fee_stx, landed, failed,
    share(failed, landed) AS failed_share
FROM contract_window
CROSS JOIN scope
ORDER BY calls DESC, contract_id
