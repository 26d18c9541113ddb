"""Wallet metrics, computed from the closed days by SQL: one file per table in the folder `sql`."""
