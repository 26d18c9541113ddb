-- The accounts before `sum_before`. Those without a shown transaction until then are no wallets yet.
SELECT known.* REPLACE (CASE WHEN tx_count > 0 THEN coalesce(known.id, wallets.id) END AS id)
FROM accounts_with_days(1) AS known LEFT JOIN wallets USING (address)
