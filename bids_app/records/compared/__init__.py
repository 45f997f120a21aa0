"""Differences between two runs: of a unit, of its regions, and over participants."""
