"""Where and how a fit is computed, with back-off where a GPU lacks memory, and which models it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self, TypeVar

import numpy as np
import torch

from bids_app.encoding.ridge.batches import DEFAULT_MB
from bids_app.encoding.ridge.fitted import Observer, Under
from bids_app.records import Array, Union

Precision = Literal["mixed", "float32", "float64"]
Watch = Callable[[str, float], None]  # a stage of a fit, and what further share of it is done; from any thread
HALVINGS = 2  # of the limit on memory, before the CPU
Result = TypeVar("Result")


def nobody_watches(stage: str, share: float) -> None:
    """Takes what is told of a fit, and does nothing."""


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
    watch : is told how far a fit is: a stage, and what further share of it is done, in all 1 each.
    """

    device: str = "cpu"
    mem_mb: int | None = None
    precision: Precision = "mixed"
    watch: Watch = field(default=nobody_watches, compare=False)


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


@dataclass(frozen=True)
class Question:
    """What is asked of a fit.

    Parameters
    ----------
    groups : feature group → the bands that it holds; each band in one group.
    options : which unions, what their search includes, whether weights are kept.
    observer : meets every model that is fitted for the question, its unions and bands by the question's own numbers:
        bands in the order of `groups`.
    """

    groups: Mapping[str, Sequence[str]]
    options: FitOptions = field(default_factory=FitOptions)
    observer: Observer | None = None

    @property
    def bands(self) -> list[str]:
        """All of the groups, in order."""
        return [band for members in self.groups.values() for band in members]


@dataclass(frozen=True)
class Share:
    """What one share of a fit's targets gave, as plain arrays, for the whole fit to take (`fit_all`).

    Parameters
    ----------
    targets : (n,) their columns in the design's Y, whole blocks.
    device : `cpu` or `cuda`, as the width of blocks and the rounding of products hang on it.
    constant : (n_folds, n_bands) bool, the bands that do not vary in training.
    kept : what the observers of all questions keep of the targets (`Observer.kept`).
    """

    targets: Array
    device: str
    constant: Array
    kept: Mapping[str, Array]

    @property
    def arrays(self) -> dict[str, Array]:
        """All of it, by name; of what is kept the arrays themselves, which may be views of larger ones."""
        own = {"targets": self.targets, "device": np.array(self.device), "constant": self.constant}
        return own | {f"kept.{name}": values for name, values in self.kept.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Self:
        """The share of such arrays; what is kept is read when it is taken.

        Parameters
        ----------
        arrays : by name, among others.

        Raises
        ------
        KeyError
            One is missing.
        """
        return cls(arrays["targets"], str(arrays["device"]), arrays["constant"], Under(arrays, "kept."))


def with_backoff(run: Callable[[FitContext], Result], context: FitContext) -> tuple[Result, tuple[str, ...]]:
    """Run a fit; where a GPU runs out of memory, again within half the limit, at last on the CPU within all of it.

    Limits change no result; the CPU changes its rounding.

    Parameters
    ----------
    run : one attempt in a context.
    context : the first to be tried.

    Returns
    -------
    What `run` returned, and a warning where it was not the first attempt that returned.

    Raises
    ------
    MemoryError
        Where the limit is too low for any fit.
    """
    full_mb = context.mem_mb
    limits = [full_mb, *((full_mb or DEFAULT_MB) >> halving for halving in range(1, HALVINGS + 1))]
    for attempt, limit_mb in enumerate(limits if context.device != "cpu" else []):
        try:
            result = run(replace(context, mem_mb=limit_mb))
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
        except MemoryError:
            if not attempt:
                raise
            break  # less than any fit needs
        else:
            warnings = (f"{context.device} ran out of memory: fitted again with {limit_mb} MB",) if attempt else ()
            return result, warnings
    result = run(replace(context, device="cpu"))
    return result, () if context.device == "cpu" else (f"{context.device} ran out of memory: fitted on the CPU",)
