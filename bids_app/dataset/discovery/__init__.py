"""Which recordings there are, what belongs to each, and whether it can be used."""
