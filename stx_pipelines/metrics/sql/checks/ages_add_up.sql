-- The younger, the older and the wallets of unknown age are all active wallets, per day and per trailing window.
SELECT date::VARCHAR AS place, active_30d AS wallets, active_30d_younger AS younger, active_30d_older AS older,
    active_30d_age_unknown AS age_unknown
FROM wallets_daily
WHERE active_30d IS DISTINCT FROM active_30d_younger + active_30d_older + active_30d_age_unknown
    OR least(active_30d_younger, active_30d_older, active_30d_age_unknown) < 0
    OR (active_30d IS NULL AND coalesce(active_30d_younger, active_30d_older, active_30d_age_unknown) IS NOT NULL)
UNION ALL
SELECT window_days || ' days', wallets, younger_wallets, older_wallets, age_unknown_wallets
FROM wallet_value_trailing
WHERE wallets IS DISTINCT FROM younger_wallets + older_wallets + age_unknown_wallets
    OR fee_ustx IS DISTINCT FROM younger_fee_ustx + older_fee_ustx + age_unknown_fee_ustx
    OR least(younger_wallets, older_wallets, age_unknown_wallets) < 0
    OR least(younger_fee_ustx, older_fee_ustx, age_unknown_fee_ustx) < 0
    OR (NOT is_mature AND coalesce(younger_wallets, older_wallets, age_unknown_wallets, younger_fee_ustx,
        older_fee_ustx, age_unknown_fee_ustx) IS NOT NULL)
UNION ALL
SELECT 'last day', wallets, younger_wallets, older_wallets, age_unknown_wallets
FROM wallet_value_trailing JOIN wallets_daily ON date = last_date
WHERE window_days = 30 AND (
    younger_wallets IS DISTINCT FROM active_30d_younger OR older_wallets IS DISTINCT FROM active_30d_older
    OR age_unknown_wallets IS DISTINCT FROM active_30d_age_unknown
)
