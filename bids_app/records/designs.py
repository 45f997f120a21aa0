"""Runs on the response's grid, and the design that is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bids_app.records.arrays import Array


@dataclass(frozen=True)
class Epochs:
    """Windows of a signal: starts (n_rows, n_windows) the first sample of each, lengths (n_windows,) in samples."""

    starts: Array
    lengths: Array


@dataclass(frozen=True)
class WordRows:
    """A stimulus's rows as a run hears it: times_s (n_words,) on the run's clock, values {band: (n_words, n_dims)}
    before resampling and delays."""

    stimulus: str
    times_s: Array
    values: Mapping[str, Array]


@dataclass(frozen=True)
class Heard:
    """One playing of a stimulus in a run. `contents`: two playings that share one are of the same stimulus;
    `onset_s`: on the run's clock; `stretch`: seconds of the run to one of the stimulus; `from_s`: second of the
    stimulus that is heard at its onset."""

    contents: tuple[str, ...]
    onset_s: float
    stretch: float = 1.0
    from_s: float = 0.0


@dataclass(frozen=True)
class Run:
    """One run on the response's grid, used samples only: what `encoding.build_design` stacks.

    bands {name: (n_times, n_delays, n_dims)}, Y (n_times, n_targets) cleaned, times_s (n_times,).
    `stimuli`: names of what is heard in it; runs that share one never straddle a fold. `words`: the rows of the bands
    that projections are fitted on. `heard`: its playings; none given, one that begins with the run's clock.
    With `epochs`, rows are words: times_s (n_rows,) their onsets, bands {name: (n_rows, 1, n_dims)}, and Y the signal
    (n_samples, n_electrodes) from which every window makes a target of every electrode. `nuisance`: (n_times, q)
    orthonormal basis of what cleaning took out of Y, the constant included; None where rows are words.
    """

    label: str
    bands: Mapping[str, Array]
    Y: Array
    times_s: Array
    stimuli: tuple[str, ...]
    words: tuple[WordRows, ...] = ()
    epochs: Epochs | None = None
    nuisance: Array | None = None
    heard: tuple[Heard, ...] = ()

    @property
    def playings(self) -> tuple[Heard, ...]:
        """What is heard and when, one playing at least."""
        return self.heard or (Heard(self.stimuli, 0.0),)


@dataclass(frozen=True)
class Projected:
    """A band that is linear in others, fitted anew in every outer fold: the dimensions of its sources side by side
    times matrices {outer fold: (n_source_dims, k)}. Its columns keep their relative size."""

    sources: tuple[str, ...]
    matrices: Mapping[int, Array]

    @property
    def n_dims(self) -> int:
        """k, the same in all folds."""
        return int(next(iter(self.matrices.values())).shape[1])


@dataclass(frozen=True)
class Layered:
    """A band of a model's layers side by side: {layer: (first, end) of its dimensions}, and {outer fold: layer}, the
    one that stands for the band in that fold."""

    spans: Mapping[str, tuple[int, int]]
    chosen: Mapping[int, str]

    def dims(self, fold: int) -> slice:
        """The dimensions of the layer that an outer fold has chosen."""
        return slice(*self.spans[self.chosen[fold]])


@dataclass(frozen=True)
class Design:
    """Runs stacked: bands {name: (n_times, n_delays, n_dims)} (what is not of the stimulus may have another number of
    delays), Y (n_times, n_targets), and for every sample its outer fold, run (index into run_labels) and time, and
    the run and time in which this second of its stimulus was first heard: its own, where no stimulus is heard twice.
    `usable` (n_targets,) False where a target never varies or has missing samples: its results are NaN. `purge_s`
    separates training from test inside a run and inside a stimulus. `projected`: further bands, made of the others
    fold by fold. `layered`: bands of which each fold takes one layer. `nuisance`: of each run a basis B (n_times of
    the run, q) of what cleaning took out of its responses; none where rows are words. `residualised`: whether columns
    of features lose it too, as X − B B'X."""

    bands: Mapping[str, Array]
    Y: Array
    folds: Array
    runs: Array
    times_s: Array
    first_runs: Array
    first_times_s: Array
    run_labels: tuple[str, ...]
    run_stimuli: tuple[tuple[str, ...], ...]
    delays_s: tuple[float, ...]
    pca: Mapping[str, int | None]
    usable: Array
    purge_s: float
    projected: Mapping[str, Projected] = field(default_factory=dict)
    layered: Mapping[str, Layered] = field(default_factory=dict)
    nuisance: tuple[Array, ...] = ()
    residualised: bool = False
