-- One row per window, definition and segment, of the wallets of `wallet_retention_by_value` whose balance is known.
-- The segments overlap: funded wallets are value wallets or not. Null without a wallet whose balance is known.
WITH members AS (
    SELECT *, unnest(['all', if(is_value, 'value', 'non_value'), if(is_funded, 'funded', NULL)]) AS segment
    FROM segment_counts
),
totals AS (
    SELECT
        window_days, definition, segment,
        min(cohort_date) FILTER (is_funded IS NOT NULL) AS first_cohort,
        max(cohort_date) FILTER (is_funded IS NOT NULL) AS last_cohort,
        sum(wallets)::BIGINT AS wallets,
        sum(wallets) FILTER (is_funded IS NOT NULL)::BIGINT AS known_wallets,
        sum(retained) FILTER (is_funded IS NOT NULL)::BIGINT AS retained
    FROM members
    GROUP BY window_days, definition, segment
),
cells AS (
    FROM bands, unnest(['active_band', 'cumulative', 'survival']) AS definitions(definition),
        unnest(['all', 'funded', 'value', 'non_value']) AS segments(segment)
)
SELECT
    window_days, definition, segment, first_cohort, last_cohort,
    coalesce(wallets, 0) AS wallets,
    coalesce(known_wallets, 0) AS known_wallets,
    retained,
    share(retained, known_wallets) AS rate
FROM cells LEFT JOIN totals USING (window_days, definition, segment)
ORDER BY window_days, definition, segment
