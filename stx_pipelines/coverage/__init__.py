"""Which days are wanted, which are here, and what to do next: judged from files, without a request."""
