"""The version of the code in this process."""

from importlib.metadata import version

VERSION = version("stx-pipelines")
"""Read when the process starts: an upgrade while it runs does not change it."""
