SELECT address, count(*) AS times FROM first_seen_wallets GROUP BY address HAVING count(*) > 1
