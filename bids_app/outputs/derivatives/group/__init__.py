"""Results over participants as files: maps, tables, and the summary for the group's report."""
