"""What the chains say: row types, how an answer becomes rows, and what proves a day. Pure: no I/O, no clock."""
