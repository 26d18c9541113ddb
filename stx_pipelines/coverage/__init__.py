"""Coverage: the wanted days, the stored days, and the next days to sync. It is computed from files."""
