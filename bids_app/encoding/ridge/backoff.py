"""What to do where a GPU has less memory free than a fit was promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from bids_app.encoding.ridge.batches import DEFAULT_MB

HALVINGS = 2
Found = TypeVar("Found")


def with_backoff(
    run: Callable[[str, int | None], Found], device: str, mem_mb: int | None
) -> tuple[Found, tuple[str, ...]]:
    """run(device, mem_mb); where a GPU runs out of memory, again with half the limit, at last on the CPU with all of
    it. And what to tell the user of that. Limits change no result, the CPU changes its rounding."""
    limits = [mem_mb, *((mem_mb or DEFAULT_MB) >> halving for halving in range(1, HALVINGS + 1))]
    for number, limit in enumerate(limits if device != "cpu" else []):
        try:
            found = run(device, limit)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
        except MemoryError:
            if not number:
                raise
            break  # less than any fit needs
        else:
            return found, (f"{device} ran out of memory: fitted again with {limit} MB",) if number else ()
    found = run("cpu", mem_mb)
    return found, () if device == "cpu" else (f"{device} ran out of memory: fitted on the CPU",)
