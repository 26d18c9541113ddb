SELECT date, contract_id, calls, wallets, fee_ustx, stx(fee_ustx) AS fee_stx, landed, failed,
    share(failed, landed) AS failed_share
FROM contract_days
ORDER BY date, contract_id
