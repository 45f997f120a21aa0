"""What is known of a unit before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bids_app.disk import scratch_array
from bids_app.encoding import Keeping
from bids_app.execution import Stages, Unit
from bids_app.records import Alignment, Excluded


@dataclass(frozen=True)
class UnitTask:
    """A unit that is to be fitted.

    Parameters
    ----------
    unit : recordings of one participant and space, or whose mean response is fitted.
    key : what decides its numbers, hashed; empty for a mean response.
    alignments : recording label → how its times agree, of refused ones too.
    unused : its participant's recordings that preflight refused.
    stages : are told what it is at.
    save : what of its models is kept beside scores.
    scratch : a folder for what is kept, until it is written; None where nothing is.
    """

    unit: Unit
    key: str = ""
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    unused: tuple[Excluded, ...] = ()
    stages: Stages = field(default_factory=Stages, compare=False)
    save: tuple[str, ...] = ()
    scratch: Path | None = None

    def keeping(self, n_windows: int) -> Keeping | None:
        """What is kept, in files of the scratch folder; None where nothing is.

        Parameters
        ----------
        n_windows : targets that are made of one response, of which the first is kept.
        """
        if not self.save or self.scratch is None:
            return None
        return Keeping(self.save, partial(scratch_array, self.scratch), n_windows)
