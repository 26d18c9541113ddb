-- The accounts before `settle_before`. Those without a shown transaction until then are no wallets yet.
SELECT known.* EXCLUDE (is_read) REPLACE (CASE WHEN tx_count > 0 THEN coalesce(known.id, wallets.id) END AS id)
FROM accounts('settled_totals') AS known LEFT JOIN wallets USING (address)
