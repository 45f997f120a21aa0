"""Atlases and users' own masks: found by name in local folders, and read with their tables; nothing is fetched."""
