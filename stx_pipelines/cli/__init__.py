"""The command line, with one file per command. No command needs a Dagster daemon."""
