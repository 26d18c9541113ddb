"""What exists: the software-defined assets. Thin: they report what `sync` does."""
