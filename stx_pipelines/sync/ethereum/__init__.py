"""Days of Ethereum blocks and of their fee recipients' balances: read, prove, store."""
