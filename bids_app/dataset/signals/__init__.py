"""Electrophysiological signal files: opened without being read, with their own clock, channels, pauses and bad spans."""
