"""What a run is watched through: lines, details, and what goes on at the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from bids_app.execution import State
from bids_app.pipeline.job.job import Notify


class Live(Protocol):
    """Shows what a unit of work is at."""

    every_s: float  # how often it wants to be told

    def show(self, title: str, state: State) -> None:
        """Show it, in place of what was shown before or below it.

        Parameters
        ----------
        title : of the unit.
        state : what it is at.
        """

    def clear(self) -> None:
        """The unit has ended."""


@dataclass(frozen=True)
class Screen:
    """Where a run says what it does.

    Parameters
    ----------
    say : takes a line.
    detail : takes a line that is told to who asks for more.
    live : shows what a unit of work is at.
    """

    say: Notify
    detail: Notify
    live: Live

    def logged(self, also: Callable[[Notify], Notify]) -> Screen:
        """The same, whose lines and details are in the log besides.

        Parameters
        ----------
        also : what takes lines → that, and the log.
        """
        return replace(self, say=also(self.say), detail=also(self.detail))
