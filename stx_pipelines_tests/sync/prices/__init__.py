"""Tests of the sync of prices."""
