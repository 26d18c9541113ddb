"""The assets: the daily assets of each chain, the wallet metrics and the dashboard page."""
