"""All code that uses Dagster: assets, checks, jobs, schedules, sensors and resources.

Outside this package, only `cli/materialize.py` imports Dagster.
"""
