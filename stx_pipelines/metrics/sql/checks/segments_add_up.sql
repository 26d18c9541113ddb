-- Adds up the value wallets and the others, and compares them with all wallets and with `wallet_retention_by_value`.
WITH cells AS (
    SELECT
        window_days,
        definition,
        count(*) AS segments,
        sum(wallets) FILTER (segment = 'all') AS wallets,
        sum(known_wallets) FILTER (segment = 'all') AS known_wallets,
        sum(retained) FILTER (segment = 'all') AS retained,
        sum(wallets) FILTER (segment IN ('value', 'non_value')) AS both_wallets,
        sum(known_wallets) FILTER (segment IN ('value', 'non_value')) AS both_known,
        sum(retained) FILTER (segment IN ('value', 'non_value')) AS both_retained
    FROM wallet_retention_by_segment
    GROUP BY window_days, definition
),
by_value AS (
    SELECT window_days, definition, sum(wallets) AS wallets FROM wallet_retention_by_value GROUP BY window_days, definition
)
SELECT window_days, definition, 'all' AS segment, cells.wallets::BIGINT AS wallets, known_wallets::BIGINT AS known_wallets
FROM cells FULL JOIN by_value USING (window_days, definition)
WHERE segments IS DISTINCT FROM 4
    OR cells.wallets IS DISTINCT FROM by_value.wallets
    OR cells.wallets <> both_wallets
    OR known_wallets <> both_known
    OR retained IS DISTINCT FROM both_retained
UNION ALL
SELECT window_days, definition, part.segment, part.wallets, part.known_wallets
FROM wallet_retention_by_segment AS part JOIN cells USING (window_days, definition)
WHERE part.known_wallets > part.wallets
    OR (part.segment = 'funded' AND part.known_wallets <> part.wallets)
    OR part.known_wallets > cells.known_wallets
    OR part.retained > least(part.known_wallets, cells.retained)
    OR (part.known_wallets > 0) <> (part.retained IS NOT NULL)
    OR part.rate IS DISTINCT FROM share(part.retained, part.known_wallets)
