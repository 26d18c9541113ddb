"""Functions that fetch, prove and store days, and load them into the table. This package does not import Dagster."""
