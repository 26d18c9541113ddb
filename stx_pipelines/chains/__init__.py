"""The row types of the chains, the parsers of their servers' responses, and the proofs of days.

The modules do no I/O and read no clock.
"""
