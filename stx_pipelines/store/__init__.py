"""Where it lives: day files, the DuckDB table loaded from them, and the locks. The only place with SQL."""
