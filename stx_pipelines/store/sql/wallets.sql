SELECT count(DISTINCT sender_address) FROM transactions
