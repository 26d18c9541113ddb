"""The syncs of Ethereum blocks and of their fee recipients' balances."""
