"""The sync of prices: `sync` reads and proves days, `second` reads the source of the comparison."""
