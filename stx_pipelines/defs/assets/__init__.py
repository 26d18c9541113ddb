"""The assets. They report the days that `sync` stores, and the metrics and page that are computed."""
