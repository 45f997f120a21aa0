"""One account of a recording's time: what each source says of it, and what follows for whoever reads the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["fine", "warning", "refusal"]
Topic = Literal[
    "samples",
    "sampling interval",
    "start",
    "dropped samples",
    "playing",
    "word times",
    "gaps",
    "bad spans",
    "head motion",
    "power line",
    "channels",
    "audio channel",
    "files",
]
ExtentSource = Literal["derivative", "raw", "confounds", "events"]


@dataclass(frozen=True)
class AlignmentLine:
    """One finding, in words that need nothing around them; a refusal costs the recording."""

    severity: Severity
    topic: Topic
    text: str


@dataclass(frozen=True)
class Extent:
    """How long a recording is by one source: its samples, and seconds (events: to the end of the last row)."""

    source: ExtentSource
    n_samples: int | None
    seconds: float | None


@dataclass(frozen=True)
class StatedInterval:
    """Seconds from sample to sample by one source, and half a unit of the last digit that it is written with."""

    source: str  # 'sidecar', 'raw sidecar', 'header', 'VolumeTiming', 'channels.tsv', …
    seconds: float
    precision_s: float


@dataclass(frozen=True)
class StartAccount:
    """When sample 0 was taken, on the clock of the events, and what says so."""

    seconds: float
    source: str


@dataclass(frozen=True)
class ClockEvidence:
    """What discovery found of a recording's time; `dataset.align` judges whether it agrees.

    intervals : by every sidecar, the one that is used first. start : of sample 0, and why. own, raw : the sidecars of
    the response and of the raw recording. raw_file : None where it is not there.
    """

    intervals: tuple[StatedInterval, ...] = ()
    start: StartAccount | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    raw_file: Path | None = None


@dataclass(frozen=True)
class DroppedSamples:
    """Samples of the scan that the response lacks, and those that are there and not used.

    n_scan : samples of the scan. n_dropped : absent from the response. n_censored : in the response, left out of the
    fit. placed_by : what says which ones are absent.
    """

    n_scan: int
    n_dropped: int
    n_censored: int
    placed_by: str


@dataclass(frozen=True)
class PlayingAlignment:
    """One stimulus heard in a recording.

    onset_s : on the recording's clock. n_rows : of events.tsv that it is made of. file_s, event_s, transcript_s : its
    length by the sound, by the events and to the end of the last word, None where there is none. heard_share : of the
    stimulus inside the recording, 0…1. n_words : in the transcript; words_in_sound, words_in_event : share of them
    that end before the sound, and the playing, does, None without. empty_words : texts without a letter or digit.
    times_heard : of this stimulus, in this recording. precision_s : by how much event_s may be rounded.
    words_a_second : from the first onset to the last end, None with fewer than two words. late_words : share of words
    that begin over a second after the sound has ended.
    """

    stimulus: str
    onset_s: float
    n_rows: int
    file_s: float | None
    event_s: float | None
    transcript_s: float | None
    heard_share: float
    n_words: int
    words_in_sound: float | None
    words_in_event: float | None
    empty_words: int
    times_heard: int
    precision_s: float = 0.0
    words_a_second: float | None = None
    late_words: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Length by the events over length of the sound; None where either is unknown."""
        return self.event_s / self.file_s if self.event_s and self.file_s else None


@dataclass(frozen=True)
class Drift:
    """How much longer, in seconds, playings take on the recording's clock than in their files, over the recording.

    seconds, standard_error : of the robust slope times the recording's length. n_events : it rests on. deviant :
    markers far off the line, by name, which are never fitted.
    """

    seconds: float
    standard_error: float
    n_events: int
    deviant: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpanAccount:
    """Stretches of a recording: (start, length) in seconds on its clock, and which source names them."""

    source: str  # 'file', 'events.tsv', 'EDF+D', …
    spans_s: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        """All of them together."""
        return sum(length for _, length in self.spans_s)


@dataclass(frozen=True)
class Alignment:
    """How the times of one recording agree.

    recording : its label. extents : one a source. intervals : the sampling interval by each source, the one used
    first. gaps : where nothing was recorded. bad_spans : recorded and not used. line_hz : mains frequency, None where
    nothing says it.
    """

    recording: str
    extents: tuple[Extent, ...]
    intervals: tuple[StatedInterval, ...]
    start: StartAccount
    playings: tuple[PlayingAlignment, ...]
    lines: tuple[AlignmentLine, ...]
    dropped: DroppedSamples | None = None
    gaps: tuple[SpanAccount, ...] = ()
    bad_spans: tuple[SpanAccount, ...] = ()
    line_hz: float | None = None
    drift: Drift | None = None

    def of(self, severity: Severity) -> tuple[str, ...]:
        """Texts of the lines of one severity."""
        return tuple(line.text for line in self.lines if line.severity == severity)
