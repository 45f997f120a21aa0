"""Concord: what speech and language models share in predicting the brain, as a BIDS App and from Python.

`import bids_app as concord` offers the names below (docs/python.md). Each is loaded when it is first used, so that
the import itself, and `concord --help`, load nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bids_app.api.banded_ridge import BandedRidgeCV
    from bids_app.api.extract import extract
    from bids_app.api.partition import partition
    from bids_app.api.results import Results, open  # noqa: A004
    from bids_app.api.saved import Alphas, Predictions, Weights
    from bids_app.api.units import Unit
    from bids_app.errors import ConcordError
    from bids_app.records import Features

__version__ = "0.1.0"
__all__ = [
    "Alphas", "BandedRidgeCV", "ConcordError", "Features", "Predictions", "Results", "Unit", "Weights", "extract",
    "open", "partition",
]  # fmt: skip

_HOMES = {
    "Alphas": "bids_app.api.saved",
    "Predictions": "bids_app.api.saved",
    "Weights": "bids_app.api.saved",
    "BandedRidgeCV": "bids_app.api.banded_ridge",
    "ConcordError": "bids_app.errors",
    "Features": "bids_app.records",
    "Results": "bids_app.api.results",
    "Unit": "bids_app.api.units",
    "extract": "bids_app.api.extract",
    "open": "bids_app.api.results",
    "partition": "bids_app.api.partition",
}

if not TYPE_CHECKING:  # to type checkers there is nothing but the names above

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
