"""The page: results in, one self-contained HTML file out. Not here: formulas, Dagster."""
