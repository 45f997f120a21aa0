"""Signals with pauses, of any rate, on one even grid: sample j lies at j / rate, wherever recording was paused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bids_app.dataset.signals.records import Signals
from bids_app.errors import DataError
from bids_app.records import Array


@dataclass(frozen=True)
class Grid:
    """Even times from the first sample on.

    Parameters
    ----------
    n_times : of it.
    rate_hz : its samples a second.
    signals : what is brought to it.
    recorded : (n_times,) False in pauses.
    breaks : numbers of the samples before which there was a pause, perhaps shorter than a step.
    """

    n_times: int
    rate_hz: float
    signals: Signals
    recorded: Array
    breaks: tuple[int, ...]

    @staticmethod
    def of(signals: Signals, rate_hz: float | None) -> Grid:
        """The grid of a file.

        Parameters
        ----------
        signals : the file, on the clock of the events.
        rate_hz : wanted; None: that of the file.

        Raises
        ------
        DataError : the file's rate cannot be brought to it.
        """
        ratio = ratio_of(signals, signals.rate_hz, rate_hz)
        placed = [round(start_s * signals.rate_hz) for _, start_s in signals.on_its_clock]
        spans = [
            (math.ceil(at * ratio), math.ceil((at + segment.n_samples) * ratio))
            for at, segment in zip(placed, signals.segments, strict=True)
        ]
        recorded = np.zeros(spans[-1][1], dtype=bool)
        for start, stop in spans:
            recorded[start:stop] = True
        made_hz = signals.rate_hz * float(ratio)
        return Grid(len(recorded), made_hz, signals, recorded, tuple(start for start, _ in spans[1:]))


def ratio_of(signals: Signals, recorded_hz: float, rate_hz: float | None) -> Fraction:
    """New samples a recorded one.

    Parameters
    ----------
    signals : the file, named in the error.
    recorded_hz, rate_hz : rates in Hz; None: the recorded one is kept.

    Raises
    ------
    DataError : there is no such ratio.
    """
    ratio = Fraction(rate_hz / recorded_hz).limit_denominator(10_000) if rate_hz else Fraction(1)
    if not ratio:
        raise DataError(f"cannot resample from {recorded_hz:g} Hz to {rate_hz:g} Hz", signals.path)
    return ratio


def on_grid(block: Array, grid: Grid, rate_hz: float, envelope: Callable[[Array], Array] | None) -> Array:
    """Signals of one rate at the grid's times, each stretch without a pause by itself.

    Polyphase filtering is zero-phase: sample k lies at k / new rate exactly. A stretch that begins between two times
    of the grid is lengthened to the one before, by its first value.

    Parameters
    ----------
    block : (n_channels, n_samples) as recorded.
    grid : where they go.
    rate_hz : of the block.
    envelope : what is made of each signal before; None: nothing.

    Returns
    -------
    (n_channels, n_times), NaN in pauses.
    """
    from scipy.signal import resample_poly

    values = np.full((len(block), grid.n_times), math.nan, dtype=np.float32)
    ratio = ratio_of(grid.signals, rate_hz, grid.rate_hz) if rate_hz != grid.rate_hz else Fraction(1)
    scale = rate_hz / grid.signals.rate_hz
    for segment, start_s in grid.signals.on_its_clock:
        first, count = round(segment.first * scale), round(segment.n_samples * scale)
        stretch, at = block[:, first : first + count], round(start_s * rate_hz)
        if envelope is not None:
            stretch = np.stack([envelope(signal) for signal in stretch])
        early = at % ratio.denominator
        if early:
            stretch = np.concatenate([np.repeat(stretch[:, :1], early, axis=1), stretch], axis=1)
        if ratio != 1:
            stretch = resample_poly(stretch, ratio.numerator, ratio.denominator, axis=1, padtype="line")
        start, stop = math.ceil(at * ratio), min(math.ceil((at + count) * ratio), grid.n_times)
        skipped = start - (at - early) // ratio.denominator * ratio.numerator
        values[:, start:stop] = stretch[:, skipped : skipped + stop - start]
    return values
