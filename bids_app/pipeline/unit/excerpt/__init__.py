"""One minute of a unit, kept for its report."""
