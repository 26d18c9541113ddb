"""The command line: one file per command. It works without a daemon."""
