-- The number of wallets of an earlier `first_seen_wallets` of which the days read change whether they are new.
SELECT count(*)
FROM wallets SEMI JOIN read_accounts USING (address) JOIN earlier USING (address)
WHERE wallets.is_new IS DISTINCT FROM earlier.is_new
