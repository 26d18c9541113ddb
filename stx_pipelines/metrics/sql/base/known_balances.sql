-- Whether each account of `wallet_balances` had at least 10 STX at the end of the day of its first transaction.
CREATE TABLE known_balances AS
SELECT address, arg_max(is_funded, block_height) AS is_funded
FROM balance_rows
GROUP BY address;
