"""Wallet metrics: SQL over the closed days, one file per table in the folder `sql`."""
