"""Clients for the APIs, with request budgets and bounded retries. Nothing here stores data or imports Dagster."""
