"""Publishing of results and day files, the check of files that others published, and statements of accounts."""
