-- Both segments together are all wallets that are certainly new and whose window and first 30 days are over.
WITH cells AS (
    SELECT window_days, definition, sum(wallets)::BIGINT AS wallets, count(*) AS segments
    FROM wallet_retention_by_value
    GROUP BY window_days, definition
),
expected AS (
    SELECT window_days, definition, count(cohort_date) AS wallets
    FROM cells
    CROSS JOIN scope
    LEFT JOIN first_seen_wallets
        ON NOT is_left_censored AND cohort_date
            + greatest(CASE definition WHEN 'survival' THEN horizon ELSE window_days END, funnel_days) <= coverage_end
    GROUP BY window_days, definition
)
SELECT window_days, definition, cells.wallets, expected.wallets AS expected
FROM cells JOIN expected USING (window_days, definition)
WHERE cells.wallets <> expected.wallets OR segments <> 2
UNION ALL
SELECT window_days, definition, wallets, retained
FROM wallet_retention_by_value CROSS JOIN scope
WHERE NOT coalesce(retained BETWEEN 0 AND wallets, true) OR rate IS DISTINCT FROM share(retained, wallets)
    OR (wallets > 0) <> (retained IS NOT NULL)
    OR last_cohort + greatest(CASE definition WHEN 'survival' THEN horizon ELSE window_days END, funnel_days) > coverage_end
