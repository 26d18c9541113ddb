SELECT date, contract_id, count(*) AS times, min(calls) AS calls, max(wallets) AS wallets, min(landed) AS landed
FROM contracts_daily
GROUP BY date, contract_id
HAVING count(*) > 1
    OR bool_or(
        wallets > calls OR (wallets = 0) <> (calls = 0) OR calls < 0 OR failed < 0 OR calls + failed > landed
        OR landed = 0 OR fee_ustx < 0 OR fee_stx <> stx(fee_ustx)
    )
