"""What all fits of one unit share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bids_app import encoding
from bids_app.encoding import Blocks
from bids_app.records import Design, FitSpec, InferenceSpec

Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class FitContext:
    """What is fitted, how, and where.

    Parameters
    ----------
    design : rows of all runs, with their folds.
    groups : feature group → its bands, of the analysis's own partition.
    spec : solver and folds.
    tests : how p and intervals are made; None where none are asked for.
    device : where fits run.
    mem_mb : what they may take in memory, in MB (10⁶ bytes); None for their own default.
    blocks : blocks of time that all tests and intervals share; None where there are none.
    """

    design: Design
    groups: Mapping[str, tuple[str, ...]]
    spec: FitSpec
    tests: InferenceSpec | None
    device: str
    mem_mb: int | None
    blocks: Blocks | None = None

    def with_backoff(self, attempt: Callable[[str, int | None], Fitted]) -> tuple[Fitted, tuple[str, ...]]:
        """attempt(device, memory in MB), again with less where a GPU's memory does not do, at last on the CPU; and
        what the user is warned of then."""
        return encoding.with_backoff(attempt, self.device, self.mem_mb)

    def make_blocks(self) -> Blocks | None:
        """Blocks as long as responses and their predictions ask for."""
        tests = self.tests
        if tests is None:
            return None

        def attempt(device: str, mem_mb: int | None) -> Blocks:
            return encoding.data_blocks(self.design, self.groups, self.spec, tests.block_s, device)

        return self.with_backoff(attempt)[0]
