"""The people's mean response to what they all heard."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array, Run

SAME_S = 1e-6
SAME_FEATURES = 1e-4  # of a band's standard deviation

Matched = list[list[Run]]  # for every run, the people's responses on common samples


def average_people(runs_by_person: Sequence[Sequence[Run]]) -> tuple[Run, ...]:
    """Mean over people of their z-scored responses, run by run; columns are the same targets for all.

    Runs are matched by their stimuli (the first hearing with the first, and so on) and kept where at least two
    people have them; samples are those all of these have, equal within 1e-6 s. A target that is constant or has
    missing samples in a person is left out of that person's share; NaN where nobody has it.
    Raises DataError where people share no run or no sample, or heard the stimuli at other times.
    """
    return tuple(_mean(runs) for runs in _matched(runs_by_person))


def count_people(runs_by_person: Sequence[Sequence[Run]]) -> Array:
    """(n_targets,) how many people each target of `average_people` is the mean of: the least over its runs."""
    counts = [
        np.sum([np.isfinite(_standard(run.Y)).all(axis=0) for run in runs], axis=0)
        for runs in _matched(runs_by_person)
    ]
    return np.asarray(np.min(counts, axis=0), dtype=int)


def _matched(runs_by_person: Sequence[Sequence[Run]]) -> Matched:
    hearings: dict[tuple[tuple[str, ...], int], list[Run]] = defaultdict(list)
    for runs in runs_by_person:
        nth: dict[tuple[str, ...], count[int]] = defaultdict(count)
        for run in runs:
            hearings[run.stimuli, next(nth[run.stimuli])].append(run)
    shared = [runs for runs in hearings.values() if len(runs) > 1]
    if not shared:
        raise DataError("no two people heard the same stimuli in one run", hint="the mean response cannot be fitted")
    return [_on_common_samples(runs) for runs in shared]


def _on_common_samples(runs: list[Run]) -> list[Run]:
    first = runs[0]
    widths = {run.Y.shape[1] for run in runs}
    if len(widths) > 1:
        raise DataError(f"people have {sorted(widths)} targets; their mean needs the same ones", first.label)
    times_s = first.times_s
    for run in runs[1:]:
        times_s = times_s[_nearest(run.times_s, times_s)[1]]
    if not len(times_s):
        raise DataError("people have no sample at the same time", first.label)
    common = [_take(run, _nearest(run.times_s, times_s)[0]) for run in runs]
    for run in common[1:]:
        _require_same_features(common[0], run)
    return common


def _nearest(times_s: Array, wanted_s: Array) -> tuple[Array, Array]:
    """For each wanted time the nearest of `times_s` (ascending), and whether it is the same."""
    right = np.clip(np.searchsorted(times_s, wanted_s), 1, max(len(times_s) - 1, 1))
    left_is_nearer = wanted_s - times_s[right - 1] <= times_s[np.minimum(right, len(times_s) - 1)] - wanted_s
    nearest = np.where(left_is_nearer, right - 1, np.minimum(right, len(times_s) - 1))
    return nearest, np.abs(times_s[nearest] - wanted_s) <= SAME_S


def _take(run: Run, rows: Array) -> Run:
    bands = {name: band[rows] for name, band in run.bands.items()}
    return replace(run, bands=bands, Y=run.Y[rows], times_s=run.times_s[rows])


def _require_same_features(one: Run, other: Run) -> None:
    """Unequal features at equal times: the stimulus began at another time for this person."""
    for name, band in one.bands.items():
        tolerance = SAME_FEATURES * (float(band.std()) + 1e-12)
        if band.shape != other.bands[name].shape or np.abs(band - other.bands[name]).max() > tolerance:
            what = f"people heard the stimuli at other times ('{name}' differs from {one.label})"
            raise DataError(what, other.label, "the mean response needs one timing")


def _standard(Y: Array) -> Array:
    """(n_times, n_targets) z-scored; NaN columns where a target is constant or has missing samples."""
    spread = Y.std(axis=0, dtype=np.float64)
    alive = np.isfinite(spread) & (spread > 1e-12)
    return np.asarray((Y - Y.mean(axis=0, dtype=np.float64)) / np.where(alive, spread, np.nan))


def _mean(runs: list[Run]) -> Run:
    total, people = np.zeros(runs[0].Y.shape), np.zeros(runs[0].Y.shape[1])
    for run in runs:
        values = _standard(run.Y)
        there = np.isfinite(values).all(axis=0)
        total += np.where(there, values, 0.0)
        people += there
    mean = total / np.where(people, people, np.nan)
    label = re.sub(r"sub-[^_]+_", "", runs[0].label)
    return replace(runs[0], label=label, Y=mean.astype(runs[0].Y.dtype))
