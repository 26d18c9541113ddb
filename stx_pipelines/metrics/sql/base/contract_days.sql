-- One row per day and called contract. Calls whose day file does not name the contract are in a row without contract_id.
-- The calls are first grouped by sender, because DuckDB can spill such groups, but not the sets of a distinct count.
CREATE TABLE contract_days AS
WITH callers AS (
    SELECT
        day,
        contract_id,
        sender_address,
        count(*) FILTER (is_shown) AS calls,
        sum(fee_ustx) FILTER (is_shown) AS fee_ustx,
        count(*) AS landed,
        count(*) FILTER (tx_status <> 'success') AS failed
    FROM unsettled_rows
    WHERE tx_type = 'contract_call'
    GROUP BY day, contract_id, sender_address
)
SELECT
    day AS date,
    contract_id,
    sum(calls)::BIGINT AS calls,
    count(*) FILTER (calls > 0) AS wallets,
    coalesce(sum(fee_ustx), 0)::BIGINT AS fee_ustx,
    sum(landed)::BIGINT AS landed,
    sum(failed)::BIGINT AS failed
FROM callers
GROUP BY day, contract_id;
