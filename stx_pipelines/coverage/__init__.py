"""Coverage: the wanted days, the stored days, and the next days to sync. Computed from files, without requests."""
