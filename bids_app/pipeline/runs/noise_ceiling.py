"""Ceilings of a unit: its runs that repeat a stimulus, on common samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bids_app import encoding
from bids_app.encoding import NoiseCeiling
from bids_app.records import Array, Recording, Run

NEAR = 0.1  # of the sampling period: samples of two hearings this near in the stimulus's time count as the same
FEWEST = 20  # blocks, for an interval
NO_REPEATS = "none: no stimulus was heard twice in these recordings"
OFF_GRID = "none: stimuli were heard twice, but at other times between samples"
BLOCK_S = 20.0


def noise_ceiling_from_repeats(
    runs: Sequence[Run], recordings: Sequence[Recording], period_s: float
) -> tuple[NoiseCeiling | None, str]:
    """The noise ceiling of a unit's targets, from stimuli that were heard more than once.

    Parameters
    ----------
    runs, recordings : one by one.
    period_s : the responses' sampling period, in seconds.

    Returns
    -------
    The ceiling, (n_targets,) each, NaN where samples are missing, and in words what it rests on; or None and why.
    """
    usable = np.all([np.isfinite(run.Y).all(axis=0) for run in runs], axis=0)
    hearings: dict[tuple[tuple[str, float], ...], list[tuple[Run, float]]] = defaultdict(list)
    for run, recording in zip(runs, recordings, strict=True):
        first_s = recording.stimuli[0].onset_s
        heard = tuple((event.stimulus_id, round(event.onset_s - first_s, 3)) for event in recording.stimuli)
        hearings[heard].append((run, first_s))
    repeated = [each for each in hearings.values() if len(each) > 1]
    if not repeated:
        return None, NO_REPEATS
    trials = [_common(each, usable, NEAR * period_s) for each in repeated]
    block = max(1, round(BLOCK_S / period_s))
    trials = [one for one in trials if one.shape[1]]
    if not trials:
        return None, OFF_GRID
    n_samples, n_blocks = sum(one.shape[1] for one in trials), sum(-(-one.shape[1] // block) for one in trials)
    few = f"; its interval rests on {n_blocks} blocks, fewer than {FEWEST}" if n_blocks < FEWEST else ""
    counts = " and ".join(str(len(one)) for one in trials)
    stimuli = f"{len(trials)} repeated stimul{'us' if len(trials) == 1 else 'i'}"
    words = f"from {stimuli}, heard {counts} times, {n_samples} common samples{few}"
    return _everywhere(encoding.noise_ceiling_of_trials(trials, block), usable), words


def _common(hearings: Sequence[tuple[Run, float]], usable: Array, near_s: float) -> Array:
    """(n_repeats, n_times, n_usable) on the samples that all hearings have in the stimulus's time."""
    times_s = [run.times_s - onset_s for run, onset_s in hearings]
    wanted = times_s[0]
    for other in times_s[1:]:
        wanted = wanted[np.abs(other[_nearest(other, wanted)] - wanted) <= near_s]
    rows = [_nearest(one, wanted) for one in times_s]
    return np.stack([run.Y[at][:, usable].astype(np.float64) for (run, _), at in zip(hearings, rows, strict=True)])


def _nearest(times_s: Array, wanted_s: Array) -> Array:
    """(n_wanted,) places in ascending times_s."""
    right = np.clip(np.searchsorted(times_s, wanted_s), 1, len(times_s) - 1)
    return np.asarray(np.where(wanted_s - times_s[right - 1] <= times_s[right] - wanted_s, right - 1, right))


def _everywhere(ceiling: NoiseCeiling, usable: Array) -> NoiseCeiling:
    """Of usable targets → of all, NaN elsewhere."""

    def spread(values: Array) -> Array:
        """(n_usable,) values → (n_targets,), NaN elsewhere."""
        filled = np.full(len(usable), np.nan)
        filled[usable] = values
        return filled

    return NoiseCeiling(
        spread(ceiling.explainable), spread(ceiling.low), spread(ceiling.high), spread(ceiling.cc_max)
    )
