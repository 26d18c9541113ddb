WITH daily AS (SELECT coalesce(sum(new_wallets), 0) AS new_wallets FROM wallets_daily),
total AS (SELECT count(*) FILTER (is_new IS DISTINCT FROM false) AS wallets FROM first_seen_wallets)
SELECT new_wallets, wallets FROM daily, total WHERE new_wallets <> wallets
