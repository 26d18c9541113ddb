-- One row per wallet and day with a transaction of any type. tx_count and fee_ustx do not count excluded types, but
-- has_transfer does.
-- usd_e14 are the priced fees at the price of their block time in dollars x 10^14, priced_ustx the same in microSTX.
-- k is the number of days since the wallet's first day.
CREATE TABLE read_wallet_days AS
SELECT
    wallets.id,
    shown.day,
    shown.day - any_value(wallets.cohort_date) AS k,
    count(*) FILTER (NOT list_contains(scope.excluded_types, shown.tx_type)) AS tx_count,
    coalesce(
        sum(shown.fee_ustx) FILTER (NOT list_contains(scope.excluded_types, shown.tx_type)), 0
    )::BIGINT AS fee_ustx,
    sum(shown.fee_ustx) FILTER (stx_e8 IS NOT NULL AND NOT list_contains(scope.excluded_types, shown.tx_type))::BIGINT
        AS priced_ustx,
    sum(shown.fee_ustx::HUGEINT * stx_e8) FILTER (NOT list_contains(scope.excluded_types, shown.tx_type)) AS usd_e14,
    bool_or(shown.tx_type = 'token_transfer') AS has_transfer
FROM shown
JOIN wallets ON wallets.address = shown.sender_address
LEFT JOIN hour_prices ON hour_prices.hour = date_trunc('hour', shown.block_time)
CROSS JOIN scope
GROUP BY wallets.id, shown.day;

-- The days that were summed before are read from their file each time, so that they take no memory.
CREATE VIEW wallet_days AS
SELECT id, day, k, tx_count, fee_ustx, priced_ustx, usd_e14::HUGEINT AS usd_e14, has_transfer FROM summed_wallet_days
UNION ALL
FROM read_wallet_days;

CREATE VIEW activity AS SELECT * FROM wallet_days WHERE tx_count > 0;

-- One row per account that the days read up to this stage name, with its active days and the last of them.
CREATE MACRO read_with_days(last_stage) AS TABLE
WITH days AS (
    SELECT wallets.address, count(*) AS active_days, max(day) AS last_date
    FROM read_wallet_days JOIN wallets USING (id) CROSS JOIN scope
    WHERE stage_of(day, settle_before, sum_before) <= last_stage
    GROUP BY wallets.address
)
SELECT known.*, coalesce(active_days, 0) AS active_days, last_date
FROM read_until(last_stage) AS known LEFT JOIN days USING (address);

CREATE TABLE read_totals AS FROM read_with_days(2);
CREATE VIEW settled_totals AS FROM read_with_days(0);
CREATE VIEW summed_totals AS FROM read_with_days(1);
