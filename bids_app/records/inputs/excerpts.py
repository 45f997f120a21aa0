"""One minute of a recording as a report draws it: what was heard, what features say of it, and one response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bids_app.records.arrays import Array

CourseKind = Literal["envelope", "feature", "response"]


@dataclass(frozen=True)
class Span:
    """A playing of a stimulus, or a word: its name or text, and when, in seconds on the recording's clock."""

    kind: Literal["playing", "word"]
    name: str
    onset_s: float
    duration_s: float


@dataclass(frozen=True)
class Course:
    """Values (n,) at times_s (n,) on the recording's clock: of a signal, or one an event (`is_events`)."""

    kind: CourseKind
    name: str
    times_s: Array
    values: Array
    is_events: bool = False


@dataclass(frozen=True)
class Minute:
    """One minute of a recording.

    recording : its label. from_s : where it begins, on the recording's clock. target : whose response is shown, the
    one with the highest R² of the full model. spans, courses : what lies in it, in the order in which it is drawn.
    """

    recording: str
    from_s: float
    target: str
    spans: tuple[Span, ...]
    courses: tuple[Course, ...]

    @property
    def to_s(self) -> float:
        """Where it ends, on the recording's clock."""
        return self.from_s + MINUTE_S


MINUTE_S = 60.0
