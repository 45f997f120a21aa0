"""What all fits of one unit share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bids_app import encoding
from bids_app.encoding import Blocks, FitContext, InferencePlan
from bids_app.records import Design, FitSpec, InferenceSpec

Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class FitInputs:
    """What is fitted, how, and where.

    Parameters
    ----------
    design : rows of all runs, with their folds.
    groups : feature group → its bands, of the analysis's own partition.
    spec : solver and folds.
    tests : how p and intervals are made; None where none are asked for.
    context : where fits run and what they may take in memory.
    blocks : blocks of time that all tests and intervals share; None where there are none.
    """

    design: Design
    groups: Mapping[str, tuple[str, ...]]
    spec: FitSpec
    tests: InferenceSpec | None
    context: FitContext
    blocks: Blocks | None = None

    @property
    def inference(self) -> InferencePlan | None:
        """What tests are made with, where there are any."""
        return None if self.tests is None else InferencePlan(self.tests, self.blocks)

    def with_backoff(self, attempt: Callable[[FitContext], Fitted]) -> tuple[Fitted, tuple[str, ...]]:
        """attempt(where, and with how much memory), again with less where a GPU's memory does not do, at last on the
        CPU; and what the user is warned of then."""
        return encoding.with_backoff(attempt, self.context)

    def make_blocks(self) -> Blocks | None:
        """Blocks as long as responses and their predictions ask for."""
        tests = self.tests
        if tests is None:
            return None

        def attempt(context: FitContext) -> Blocks:
            """Find the blocks on one device."""
            return encoding.data_blocks(self.design, self.groups, self.spec, tests.block_s, context)

        return self.with_backoff(attempt)[0]
