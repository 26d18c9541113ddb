-- A wallet counts once in the window, so the window has at least the wallets of its busiest day.
WITH days AS (
    SELECT contract_id, sum(calls)::BIGINT AS calls, sum(fee_ustx)::BIGINT AS fee_ustx, sum(landed)::BIGINT AS landed,
        sum(failed)::BIGINT AS failed, max(wallets) AS most_wallets, sum(wallets) AS all_wallets
    FROM contracts_daily
    CROSS JOIN scope
    WHERE date BETWEEN greatest(scope.coverage_start, scope.coverage_end - 29) AND scope.coverage_end
    GROUP BY contract_id
)
SELECT coalesce(days.contract_id, told.contract_id) AS contract_id, told.calls, days.calls AS calls_of_days,
    told.wallets, most_wallets, all_wallets
FROM contracts_30d AS told
FULL JOIN days ON days.contract_id IS NOT DISTINCT FROM told.contract_id
CROSS JOIN scope
WHERE (told.calls, told.fee_ustx, told.landed, told.failed)
        IS DISTINCT FROM (days.calls, days.fee_ustx, days.landed, days.failed)
    OR told.wallets NOT BETWEEN most_wallets AND all_wallets
    OR told.fee_stx <> stx(told.fee_ustx)
    OR (told.first_date, told.last_date)
        IS DISTINCT FROM (greatest(scope.coverage_start, scope.coverage_end - 29), scope.coverage_end)
