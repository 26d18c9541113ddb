"""The data folder: day files, the DuckDB tables loaded from them, locks and small files. This package uses no HTTP."""
