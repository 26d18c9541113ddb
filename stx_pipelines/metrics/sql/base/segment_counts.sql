-- One row per cohort, window, definition and kind of wallet: whether it paid enough fees in its first 30 days, and whether
-- it was funded, null if its balance is not known. All wallets count that are certainly new and whose window and first
-- 30 days are over.
-- Settled cohorts are included.
CREATE TABLE segment_counts AS
WITH counted AS (
    SELECT
        windows.cohort_date,
        window_days,
        coalesce(first_month.fee_ustx >= value_ustx, false) AS is_value,
        is_funded,
        count(*) AS wallets,
        count(*) FILTER (returned) AS cumulative,
        count(*) FILTER (in_band) AS active_band,
        count(*) FILTER (survived) AS survival
    FROM windows
    JOIN wallets USING (id)
    LEFT JOIN first_month USING (id)
    LEFT JOIN known_balances USING (address)
    CROSS JOIN scope
    WHERE NOT windows.is_left_censored AND windows.cohort_date + greatest(window_days, funnel_days) <= coverage_end
    GROUP BY ALL
),
long AS (UNPIVOT counted ON cumulative, active_band, survival INTO NAME definition VALUE retained)
SELECT long.*
FROM long, scope
WHERE definition <> 'survival' OR cohort_date + horizon <= coverage_end
UNION ALL BY NAME
SELECT * FROM settled_segment_counts;
