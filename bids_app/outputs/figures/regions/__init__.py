"""Figures of regions."""
