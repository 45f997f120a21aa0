"""Runs stacked into one design, and its folds: never shuffled, never straddling a repeated stimulus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.records import Array, Design, Run

BLOCKS = 5  # contiguous blocks where runs alone make no folds


def build_design(
    runs: Sequence[Run], outer: str | int, delays_s: Sequence[float], pca: Mapping[str, int | None], purge_s: float
) -> Design:
    """Stack runs; outer folds 'by_run' (runs that share a stimulus are one fold) or so many contiguous blocks.

    With a single run 'by_run' falls back to five contiguous blocks. Raises ValueError where folds cannot be made.
    """
    Y = np.concatenate([run.Y for run in runs])
    run_index = np.repeat(np.arange(len(runs)), [len(run.times_s) for run in runs])
    stimuli = tuple(run.stimuli for run in runs)
    return Design(
        bands={name: np.concatenate([run.bands[name] for run in runs]) for name in runs[0].bands},
        Y=Y,
        folds=fold_index(run_index, stimuli, outer),
        runs=run_index,
        times_s=np.concatenate([run.times_s for run in runs]),
        run_labels=tuple(run.label for run in runs),
        run_stimuli=stimuli,
        delays_s=tuple(delays_s),
        pca=dict(pca),
        usable=np.isfinite(Y).all(axis=0),
        purge_s=purge_s,
    )


def fold_index(runs: Array, stimuli: Sequence[tuple[str, ...]], folds: str | int) -> Array:
    """(n_times,) fold of every sample: runs (n_times,) run of each, stimuli of every run.

    Raises ValueError where a repeated stimulus leaves nothing to hold out, or there are too few samples.
    """
    groups = stimulus_groups(stimuli)[runs]
    _, groups = np.unique(groups, return_inverse=True)
    n_groups, n_runs = int(groups.max()) + 1, len(np.unique(runs))
    if folds == "by_run" and n_groups > 1:
        return np.asarray(groups)
    if n_groups < n_runs:
        if n_groups == 1:
            raise ValueError("all runs share a stimulus, so that none can be held out")
        return np.asarray(groups)  # blocks would tear a repeated stimulus apart
    count = BLOCKS if folds == "by_run" else int(folds)
    if len(runs) < 2 * count:
        raise ValueError(f"{len(runs)} samples are too few for {count} folds")
    return np.repeat(np.arange(count), [len(part) for part in np.array_split(runs, count)])


def stimulus_groups(stimuli: Sequence[tuple[str, ...]]) -> Array:
    """(n_runs,) one number for all runs that are linked by shared stimuli."""
    group = list(range(len(stimuli)))
    for one, heard in enumerate(stimuli):
        for other in range(one):
            if set(heard) & set(stimuli[other]) and group[one] != group[other]:
                old, new = group[one], group[other]
                group = [new if value == old else value for value in group]
    return np.array(group)


def purged(train: Array, test: Array, runs: Array, times_s: Array, purge_s: float) -> Array:
    """train, test (n_times,) bool → train without the samples within `purge_s` of a test sample of the same run."""
    kept = train.copy()
    for run in np.unique(runs[test]):
        mine = np.flatnonzero(train & (runs == run))
        if not len(mine):
            continue
        tested = np.sort(times_s[test & (runs == run)])
        after = np.searchsorted(tested, times_s[mine])
        gap_before = times_s[mine] - tested[np.maximum(after - 1, 0)]
        gap_after = tested[np.minimum(after, len(tested) - 1)] - times_s[mine]
        near = np.minimum(np.abs(gap_before), np.abs(gap_after)) <= purge_s
        kept[mine[near]] = False
    return kept


def purge_length_s(runs: Sequence[Run], delays_s: Sequence[float], period_s: float) -> float:
    """Longest delay + 3 TR + the responses' autocorrelation length (first lag at which its mean falls below 1/e)."""
    return max(delays_s) + 3 * period_s + autocorrelation_length_s(runs, period_s)


def autocorrelation_length_s(runs: Sequence[Run], period_s: float) -> float:
    """First lag, in seconds, at which the autocorrelation of Y, averaged over runs and targets, is below 1/e.

    At most a quarter of the shortest run.
    """
    longest = max(1, min(len(run.Y) for run in runs) // 4)
    for lag in range(1, longest):
        together = [_autocorrelation(np.asarray(run.Y, np.float64), lag) for run in runs]
        if np.nanmean(together) < 1 / np.e:
            return lag * period_s
    return longest * period_s


def _autocorrelation(Y: Array, lag: int) -> float:
    usable = np.isfinite(Y).all(axis=0)
    if not usable.any():
        return 0.0
    centred = Y[:, usable] - Y[:, usable].mean(axis=0)
    power = (centred**2).mean(axis=0)
    return float(((centred[lag:] * centred[:-lag]).mean(axis=0)[power > 0] / power[power > 0]).mean())
