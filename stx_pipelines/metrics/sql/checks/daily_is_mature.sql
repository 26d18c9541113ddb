SELECT date, active_7d, active_30d, rolling_mean_7d, rolling_mean_30d
FROM wallets_daily, scope
WHERE (date - 6 < coverage_start AND (active_7d IS NOT NULL OR rolling_mean_7d IS NOT NULL))
    OR (date - 29 < coverage_start AND (active_30d IS NOT NULL OR rolling_mean_30d IS NOT NULL))
    OR date < coverage_start OR date > coverage_end
