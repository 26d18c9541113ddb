-- What each wallet did in each window since its first day; wallets without activity have zeros.
-- Sums are over 0 <= k < H. The band of H is L < k <= H; survival is H <= k, up to the horizon.
CREATE TABLE windows AS
WITH measured AS (
    SELECT
        id,
        window_days,
        sum(tx_count) FILTER (k < window_days) AS tx_count,
        sum(fee_ustx) FILTER (k < window_days) AS fee_ustx,
        bool_or(k BETWEEN 1 AND window_days) AS returned,
        bool_or(k > longer_than AND k <= window_days) AS in_band,
        bool_or(k >= window_days) AS survived
    FROM activity, bands, scope
    WHERE k <= scope.horizon
    GROUP BY id, window_days
)
SELECT
    wallets.id,
    wallets.cohort_date,
    wallets.is_left_censored,
    bands.window_days,
    coalesce(measured.tx_count, 0)::BIGINT AS tx_count,
    coalesce(measured.fee_ustx, 0)::BIGINT AS fee_ustx,
    coalesce(measured.returned, false) AS returned,
    coalesce(measured.in_band, false) AS in_band,
    coalesce(measured.survived, false) AS survived,
    wallets.cohort_date + bands.window_days <= scope.coverage_end AS is_mature
FROM wallets
CROSS JOIN bands
CROSS JOIN scope
LEFT JOIN measured ON measured.id = wallets.id AND measured.window_days = bands.window_days;
