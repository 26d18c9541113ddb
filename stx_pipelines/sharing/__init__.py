"""Publishing of results and day files, and the check of files that others published."""
