"""Targets that participants have in common: how many participants, and tests over neighbours."""
