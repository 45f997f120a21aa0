"""How a fit is computed, and which models it is asked for beside all unions of the feature groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bids_app.records import Union

Precision = Literal["mixed", "float32", "float64"]


@dataclass(frozen=True)
class FitContext:
    """Where a fit is computed; it decides no result but its rounding.

    Parameters
    ----------
    device : `cpu` or `cuda`.
    mem_mb : limit on the memory of the whole process in MB (10⁶ bytes); None: `batches.DEFAULT_MB` for what is held
        at a time, without a promise. It changes no result.
    precision : types of products in the search and in the final fit. `mixed` searches in float32 (on a GPU in TF32)
        and fits in float64.
    """

    device: str = "cpu"
    mem_mb: int | None = None
    precision: Precision = "mixed"


@dataclass(frozen=True)
class FitOptions:
    """Which models are fitted and what is kept of them.

    Parameters
    ----------
    unions : those to fit, the full one last; None: all 2^k − 1 unions of the feature groups.
    search_subsets : whether a union's search includes the candidates of all its subsets, fitted or not; else of the
        fitted ones alone.
    keep_weights : whether the full union's weights are kept.
    """

    unions: Sequence[Union] | None = None
    search_subsets: bool = True
    keep_weights: bool = False
