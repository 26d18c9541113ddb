"""All of Dagster: assets, checks, jobs, schedules, sensors and resources. Only `cli/materialize.py` imports it."""
