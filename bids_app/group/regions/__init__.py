"""Regions over participants: means, intervals and tests."""
