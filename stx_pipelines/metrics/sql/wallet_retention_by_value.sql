-- One row per window, definition and segment. A wallet is a value wallet if it paid enough fees in its first 30 days.
-- All wallets count that are certainly new and whose window and first 30 days are over. Null without such wallets.
WITH counted AS (
    SELECT
        cohort_date,
        window_days,
        CASE WHEN first_month.fee_ustx >= value_ustx THEN 'value' ELSE 'non_value' END AS segment,
        count(*) AS wallets,
        count(*) FILTER (returned) AS cumulative,
        count(*) FILTER (in_band) AS active_band,
        count(*) FILTER (survived) AS survival
    FROM windows LEFT JOIN first_month USING (id) CROSS JOIN scope
    WHERE NOT is_left_censored AND cohort_date + greatest(window_days, funnel_days) <= coverage_end
    GROUP BY ALL
),
long AS (UNPIVOT counted ON cumulative, active_band, survival INTO NAME definition VALUE retained),
totals AS (
    SELECT
        window_days, definition, segment,
        min(cohort_date) AS first_cohort,
        max(cohort_date) AS last_cohort,
        sum(wallets)::BIGINT AS wallets,
        sum(retained)::BIGINT AS retained
    FROM long, scope
    WHERE definition <> 'survival' OR cohort_date + horizon <= coverage_end
    GROUP BY window_days, definition, segment
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
