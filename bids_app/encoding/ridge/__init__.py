"""Banded ridge in nested folds: one decomposition for every alpha and target, searched and scored in one stream."""
