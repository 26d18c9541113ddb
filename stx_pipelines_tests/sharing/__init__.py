"""Tests of `stx_pipelines.sharing`."""
