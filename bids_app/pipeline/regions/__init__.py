"""Regions read off finished results: what can be laid on them, said before anything is computed, and the reading."""
