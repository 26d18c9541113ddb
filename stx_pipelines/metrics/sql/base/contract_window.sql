-- One row per contract called in the last 30 covered days, or in all covered days if there are fewer.
-- A wallet that calls on several days counts once, so these wallets are not the sums of the days' wallets.
CREATE TABLE contract_window AS
WITH callers AS (
    SELECT
        contract_id,
        sender_address,
        count(*) FILTER (is_shown) AS calls,
        sum(fee_ustx) FILTER (is_shown) AS fee_ustx,
        count(*) AS landed,
        count(*) FILTER (tx_status <> 'success') AS failed
    FROM daily_rows CROSS JOIN scope
    WHERE tx_type = 'contract_call' AND day > scope.coverage_end - 30
    GROUP BY contract_id, sender_address
)
SELECT
    contract_id,
    sum(calls)::BIGINT AS calls,
    count(*) FILTER (calls > 0) AS wallets,
    coalesce(sum(fee_ustx), 0)::BIGINT AS fee_ustx,
    sum(landed)::BIGINT AS landed,
    sum(failed)::BIGINT AS failed
FROM callers
GROUP BY contract_id;
