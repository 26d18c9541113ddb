"""Sync: fetch, prove and store days, and load them into the table. Does not import Dagster."""
