"""What to do where a GPU has less memory free than a fit was promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from bids_app.encoding.ridge.batches import DEFAULT_MB
from bids_app.encoding.ridge.options import FitContext

HALVINGS = 2
Result = TypeVar("Result")


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
