-- One row per new wallet of the days read and window H, with the wallet's activity since its first day. Wallets without activity have zeros.
-- Sums are over 0 <= k < H, where k is the number of days since the first day. The band of H is L < k <= H, where L is
-- the next shorter window. A wallet survives if it is active at H <= k <= horizon.
-- The days of a wallet are first summed by two bounds, so that fewer rows are joined with the windows. `within` is the
-- smallest H with k < H (null at the horizon). `reach` is the smallest H with k <= H (0 on the first day).
CREATE TABLE windows AS
WITH places AS (
    SELECT
        k::INTEGER AS k,
        min(window_days) FILTER (k < window_days) AS within,
        CASE WHEN k = 0 THEN 0 ELSE min(window_days) FILTER (k <= window_days) END AS reach
    FROM scope, range(scope.horizon + 1) AS numbers(k), bands
    GROUP BY k
),
stretches AS (
    SELECT id, within, reach, sum(tx_count) AS tx_count, sum(fee_ustx) AS fee_ustx, sum(tx_count) > 0 AS is_active,
        sum(priced_ustx) AS priced_ustx, sum(usd_e14) AS usd_e14
    FROM wallet_days JOIN newcomers USING (id) JOIN places USING (k) CROSS JOIN scope
    WHERE cohort_date >= cohorts_from
    GROUP BY id, within, reach
),
measured AS (
    SELECT
        id,
        window_days,
        sum(tx_count) FILTER (within <= window_days) AS tx_count,
        sum(fee_ustx) FILTER (within <= window_days) AS fee_ustx,
        sum(priced_ustx) FILTER (within <= window_days) AS priced_ustx,
        sum(usd_e14) FILTER (within <= window_days) AS usd_e14,
        bool_or(is_active AND reach BETWEEN 1 AND window_days) AS returned,
        bool_or(is_active AND reach = window_days) AS in_band,
        bool_or(is_active AND coalesce(within > window_days, true)) AS survived
    FROM stretches, bands
    GROUP BY id, window_days
)
SELECT
    measured.id,
    wallets.cohort_date,
    wallets.is_left_censored,
    window_days,
    measured.tx_count::BIGINT AS tx_count,
    measured.fee_ustx::BIGINT AS fee_ustx,
    measured.priced_ustx::BIGINT AS priced_ustx,
    measured.usd_e14,
    returned,
    in_band,
    survived,
    wallets.cohort_date + window_days <= scope.coverage_end AS is_mature
FROM measured
JOIN newcomers AS wallets ON wallets.id = measured.id
CROSS JOIN scope;

-- The wallets and windows of the breakeven CPA: windows that are over, of cohorts of the last `breakeven_days` days,
-- without wallets that may be older.
CREATE VIEW observed_windows AS
SELECT windows.*
FROM windows, scope
WHERE is_mature AND NOT is_left_censored AND cohort_date > coverage_end - breakeven_days;
