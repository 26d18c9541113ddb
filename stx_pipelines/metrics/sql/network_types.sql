SELECT date, tx_type, transactions, fee_ustx, stx(fee_ustx) AS fee_stx, landed, failed,
    share(failed, landed) AS failed_share
FROM network
ORDER BY date, tx_type
