"""The data folder: day files, the DuckDB tables loaded from them, locks and other small files. SQL, but no HTTP."""
