"""Electrophysiological signal files: opened unread, with their clock, channels, pauses and bad spans."""
