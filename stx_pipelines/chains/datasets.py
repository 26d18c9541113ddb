"""What the datasets are called: the names of tables, folders, partitions and assets."""

TRANSACTIONS = "transactions"
BLOCKS = "blocks"
BALANCES = "miners_balance"
