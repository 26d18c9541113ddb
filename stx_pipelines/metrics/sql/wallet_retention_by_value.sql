-- One row per window, definition and segment. A wallet is a value wallet if it paid enough fees in its first 30 days.
-- Null without a wallet that counts.
WITH totals AS (
    SELECT
        window_days, definition,
        CASE WHEN is_value THEN 'value' ELSE 'non_value' END AS segment,
        min(cohort_date) AS first_cohort,
        max(cohort_date) AS last_cohort,
        sum(wallets)::BIGINT AS wallets,
        sum(retained)::BIGINT AS retained
    FROM segment_counts
    GROUP BY ALL
),
cells AS (
    FROM bands, unnest(['active_band', 'cumulative', 'survival']) AS definitions(definition),
        unnest(['value', 'non_value']) AS segments(segment)
)
SELECT
    window_days, definition, segment, first_cohort, last_cohort,
    coalesce(wallets, 0) AS wallets,
    retained,
    share(retained, wallets) AS rate
FROM cells LEFT JOIN totals USING (window_days, definition, segment)
ORDER BY window_days, definition, segment
