"""How a day comes home: read, prove, land; and what to do next. Never imports Dagster."""
