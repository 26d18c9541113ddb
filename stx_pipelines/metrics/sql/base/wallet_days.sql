-- One row per wallet and day with a transaction of any type. tx_count and fee_ustx do not count excluded types, but
-- has_transfer does.
-- k is the number of days since the wallet's first day.
CREATE TABLE wallet_days AS
SELECT
    wallets.id,
    shown.day,
    shown.day - any_value(wallets.cohort_date) AS k,
    count(*) FILTER (NOT list_contains(scope.excluded_types, shown.tx_type)) AS tx_count,
    coalesce(
        sum(shown.fee_ustx) FILTER (NOT list_contains(scope.excluded_types, shown.tx_type)), 0
    )::BIGINT AS fee_ustx,
    bool_or(shown.tx_type = 'token_transfer') AS has_transfer
FROM shown
JOIN wallets ON wallets.address = shown.sender_address
CROSS JOIN scope
GROUP BY wallets.id, shown.day;

CREATE VIEW activity AS SELECT * FROM wallet_days WHERE tx_count > 0;
