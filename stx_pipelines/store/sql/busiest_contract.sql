-- The contract with the most calls on the newest day with a call.
SELECT date, contract_id, calls, wallets, failed, landed, fee_stx
FROM contracts_daily
WHERE contract_id IS NOT NULL
ORDER BY date DESC, calls DESC, contract_id
LIMIT 1
