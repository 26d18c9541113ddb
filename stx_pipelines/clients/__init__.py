"""Who we ask: clients for the APIs, politely and with bounded patience. No storage, no Dagster."""
