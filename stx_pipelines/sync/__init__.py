"""Sync: fetch, prove and store days, and load them into the table. Never imports Dagster."""
