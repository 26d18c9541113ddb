"""The page, one self-contained HTML file that is made from the results.

Formulas are in `metrics`, and the Dagster asset is in `defs`.
"""
