"""The settings of a Celery worker. dagster-celery imports this module by its name, so its folder is in PYTHONPATH.

A worker takes one run at a time and fetches the next one only after it. `acks_late` stays off: a second worker would
take the run of a dead one again and report it as successful.
"""

import os

broker_url = result_backend = os.environ["DAGSTER_CELERY_BROKER_URL"]
task_default_queue = "dagster"
worker_concurrency = 1
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 1  # each run starts in a new process, which reads the settings again
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # for ever: by default a worker ends after 47 minutes without its broker
