"""What a signal file says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from bids_app.records import Array

LEAST_PAUSE_S = 0.005  # no amplifier stops and starts within it: two clocks of one machine differ by that much


@dataclass(frozen=True)
class Segment:
    """Samples without a pause between them.

    first : its first sample's number in the file. n_samples : of it. start_s : when its first sample was taken, in
    seconds from the file's first sample; None where the file does not say how long the pause before it lasted.
    """

    first: int
    n_samples: int
    start_s: float | None


@dataclass(frozen=True)
class Note:
    """An annotation of a stretch, in seconds from the file's first sample; no channels: of all of them."""

    start_s: float
    duration_s: float
    text: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signals:
    """A signal file that is open, none of its samples read.

    Parameters
    ----------
    path : of the file or, for MEF3, folder.
    types : channel → mne's type, in the file's order.
    rates_hz : channel → samples a second as recorded.
    units : channel → the unit that the file's header gives; channels without one are not there.
    rate_hz : of most of the channels that are wanted.
    n_samples : of a channel at that rate.
    segments : of such a channel, in order.
    bads : channels that the file itself marks bad.
    read : channels of one rate → (n_channels, n_samples), volts where the header has a unit.
    notes : annotations of the file, on the clock of `segments`.
    warnings : of the reader.
    """

    path: Path
    types: Mapping[str, str]
    rates_hz: Mapping[str, float]
    units: Mapping[str, str]
    rate_hz: float
    n_samples: int
    segments: tuple[Segment, ...]
    bads: frozenset[str]
    read: Callable[[Sequence[str]], Array] = field(repr=False)
    notes: tuple[Note, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def on_its_clock(self) -> tuple[tuple[Segment, float], ...]:
        """Each segment with its start in seconds; where a pause has no length, samples are counted on without it."""
        placed: list[tuple[Segment, float]] = []
        for segment in self.segments:
            counted = segment.first / self.rate_hz
            placed.append((segment, counted if segment.start_s is None else segment.start_s))
        return tuple(placed)

    @property
    def seconds(self) -> float:
        """From the first sample to the end of the last one, pauses included."""
        last, start_s = self.on_its_clock[-1]
        return start_s + last.n_samples / self.rate_hz

    @property
    def pauses_s(self) -> tuple[tuple[float, float | None], ...]:
        """(start, length) of each pause, the start on the file's clock; None where the file does not say how long."""
        return tuple(
            (start_s + before.n_samples / self.rate_hz,
             None if after.start_s is None else after.start_s - start_s - before.n_samples / self.rate_hz)
            for (before, start_s), (after, _) in pairwise(self.on_its_clock)
        )  # fmt: skip

    def with_counted_notes(self, notes: Sequence[Note]) -> Signals:
        """With annotations whose times count samples, pauses left out."""
        return replace(self, notes=tuple(replace(note, start_s=self._with_pauses(note.start_s)) for note in notes))

    def counted(self) -> Signals:
        """The same file on the clock that counts its samples and leaves pauses out."""
        segments = tuple(replace(segment, start_s=None if segment.first else 0.0) for segment in self.segments)
        notes = tuple(replace(note, start_s=self._without_pauses(note.start_s)) for note in self.notes)
        return replace(self, segments=segments, notes=notes)

    def _with_pauses(self, at_s: float) -> float:
        before = [
            (segment, start_s) for segment, start_s in self.on_its_clock if segment.first / self.rate_hz <= at_s
        ]
        segment, start_s = before[-1] if before else self.on_its_clock[0]
        return start_s + at_s - segment.first / self.rate_hz

    def _without_pauses(self, at_s: float) -> float:
        before = [(segment, start_s) for segment, start_s in self.on_its_clock if start_s <= at_s]
        segment, start_s = before[-1] if before else self.on_its_clock[0]
        return segment.first / self.rate_hz + min(at_s - start_s, segment.n_samples / self.rate_hz)


def between(starts: Mapping[int, float | None], n_samples: int, rate_hz: float) -> tuple[Segment, ...]:
    """Segments that begin at these samples; a start that is where counting puts it begins none.

    Parameters
    ----------
    starts : first sample → when it was taken, in seconds; None where nothing says it.
    n_samples : of the file.
    rate_hz : its samples a second.
    """
    kept: list[tuple[int, float | None]] = []
    for place, start_s in sorted(starts.items()):
        if kept and start_s is not None and kept[-1][1] is not None:
            counted = kept[-1][1] + (place - kept[-1][0]) / rate_hz
            if abs(start_s - counted) <= max(0.5 / rate_hz, LEAST_PAUSE_S):
                continue
        kept.append((place, start_s))
    ends = [place for place, _ in kept[1:]] + [n_samples]
    return tuple(Segment(place, end - place, start_s) for (place, start_s), end in zip(kept, ends, strict=True))


def usual_rate(rates_hz: Mapping[str, float], wanted: Collection[str]) -> float:
    """The rate of most channels, the higher one of two that are as frequent.

    Parameters
    ----------
    rates_hz : channel → its rate.
    wanted : the channels that count; all where none of them is there.
    """
    counts = Counter(rates_hz[name] for name in (set(wanted) & rates_hz.keys() or rates_hz))
    return max(counts, key=lambda rate: (counts[rate], rate))
