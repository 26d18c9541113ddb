"""Wallet metrics, computed from the closed days by SQL. The folder `sql` has one file per table."""
