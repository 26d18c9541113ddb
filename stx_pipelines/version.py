"""The version of the code in this process."""

from importlib.metadata import version

VERSION = version("stx-pipelines")
"""The version is read when the process starts. An upgrade while the process runs does not change it."""

PRODUCT = f"stx-pipelines/{VERSION}"
"""The name of this program in certificates and in the user agent of requests."""
