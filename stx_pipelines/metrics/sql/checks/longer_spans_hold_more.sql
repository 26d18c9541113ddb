SELECT date, active_wallets, active_7d, active_30d
FROM wallets_daily
WHERE active_7d < active_wallets OR active_30d < active_7d OR active_30d < active_wallets OR active_wallets IS NULL
