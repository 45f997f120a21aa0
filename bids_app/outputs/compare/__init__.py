"""Runs compared, in files: maps or a table a unit, and one page."""
