"""Runs compared: the units that every two OUT_DIRs have in common, their regions, and participants together."""
