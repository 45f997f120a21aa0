"""The one expected error of encoding."""

from __future__ import annotations


class CannotFit(ValueError):
    """The data do not allow the fit that was asked for: too few samples, words or folds."""
