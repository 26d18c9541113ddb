"""The data folder: day files, the DuckDB tables loaded from them, locks and other small files. Knows SQL, no HTTP."""
