"""What is known of a unit before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """

    unit: Unit
    key: str = ""
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    unused: tuple[Excluded, ...] = ()
    stages: Stages = field(default_factory=Stages, compare=False)
