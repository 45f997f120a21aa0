"""Runs stacked into one design, and how far training must stay from test samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.design.epochs import epoch_means
from bids_app.encoding.design.first_heard import first_heard
from bids_app.encoding.design.folds import fold_index
from bids_app.encoding.errors import CannotFit
from bids_app.records import Array, Design, EpochSpec, Run


def build_design(
    runs: Sequence[Run],
    outer: str | int,
    delays_s: Sequence[float],
    pca: Mapping[str, int | None],
    purge_s: float,
    residualise: bool = False,
) -> Design:
    """Stack runs, and give every row its outer fold.

    Of runs with epochs, target e · n_windows + w is window w of electrode e. Targets with a missing sample in any run
    are not usable.

    Parameters
    ----------
    runs : all with the same bands and targets.
    outer : `by_run` or a number of contiguous blocks (see `fold_index`).
    delays_s : of the bands, in seconds.
    pca : band → components kept; None: all dimensions.
    purge_s : seconds between training and test samples of one run.
    residualise : whether features lose what the runs' responses have lost. Only where no fold splits a run: in one
        that is split, the projection would carry test samples into training samples.

    Raises
    ------
    CannotFit
        For no run, or too few samples.
    """
    if not runs:
        raise CannotFit("there is no run to fit")
    Y = _responses(runs)
    # one entry a row, in the order of the runs
    run_index = np.repeat(np.arange(len(runs)), [len(run.times_s) for run in runs])
    times_s = np.concatenate([run.times_s for run in runs])
    playings = [run.playings for run in runs]
    stimuli = tuple(tuple(name for heard in each for name in heard.contents) for each in playings)
    first_runs, first_times_s = first_heard(playings, run_index, times_s)
    nuisance = tuple(run.nuisance for run in runs if run.nuisance is not None)
    design = Design(
        bands={name: np.concatenate([run.bands[name] for run in runs]) for name in runs[0].bands},
        Y=Y,
        folds=fold_index(run_index, first_runs, first_times_s, stimuli, outer),
        runs=run_index,
        times_s=times_s,
        first_runs=first_runs,
        first_times_s=first_times_s,
        run_labels=tuple(run.label for run in runs),
        run_stimuli=stimuli,
        delays_s=tuple(delays_s),
        pca=dict(pca),
        usable=np.isfinite(Y).all(axis=0) & (np.ptp(Y, axis=0) > 0),
        purge_s=purge_s,
        nuisance=nuisance,
    )
    return replace(design, residualised=residualise and bool(nuisance) and not splits_runs(design))


def splits_runs(design: Design) -> bool:
    """Whether some run has samples in several outer folds."""
    return any(len(np.unique(design.folds[design.runs == run])) > 1 for run in np.unique(design.runs))


def _responses(runs: Sequence[Run]) -> Array:
    """(n_times, n_targets); of epochs (n_rows, n_electrodes · n_windows), filled run by run into one table."""
    if runs[0].epochs is None:
        return np.concatenate([run.Y for run in runs])
    rows = np.cumsum([0, *(len(run.times_s) for run in runs)])
    Y = np.empty((rows[-1], runs[0].Y.shape[1], len(runs[0].epochs.lengths)), dtype=np.float32)
    for run, start, stop in zip(runs, rows[:-1], rows[1:], strict=True):
        if run.epochs is not None:
            epoch_means(run.Y, run.epochs, Y[start:stop])
    return Y.reshape(len(Y), -1)


def epoch_purge_s(runs: Sequence[Run], spec: EpochSpec, period_s: float) -> float:
    """How near in time two words may share responses: the epoch's span and the signals' autocorrelation length, in
    seconds.

    Parameters
    ----------
    runs : whose Y are signals.
    spec : windows around a word's onset.
    period_s : of the signals, in seconds.
    """
    first_s, last_s = spec.span_s
    return last_s - first_s + autocorrelation_length_s([run.Y for run in runs], period_s)


def purge_length_s(runs: Sequence[Run], delays_s: Sequence[float], period_s: float) -> float:
    """How far apart training and test samples must be, in seconds.

    Longest delay + 3 periods (the Lanczos kernel's reach) + the responses' autocorrelation length.

    Parameters
    ----------
    runs : whose Y are responses.
    delays_s : of the bands, in seconds.
    period_s : of the responses (TR), in seconds.
    """
    return max(delays_s) + 3 * period_s + autocorrelation_length_s([run.Y for run in runs], period_s)


def autocorrelation_length_s(responses: Sequence[Array], period_s: float) -> float:
    """First lag at which the autocorrelation, averaged over runs and usable targets, is below 1/e, in seconds.

    Parameters
    ----------
    responses : (n_times, n_targets) of each run.
    period_s : of the responses, in seconds.

    Returns
    -------
    At most a quarter of the shortest run.
    """
    longest = max(1, min(len(Y) for Y in responses) // 4)
    standardized = [_standardized(np.asarray(Y, np.float64)) for Y in responses]
    for lag in range(1, longest):
        by_run = [(Y[lag:] * Y[:-lag]).mean() for Y in standardized if Y.shape[1]]
        if not by_run or np.mean(by_run) < 1 / math.e:
            return lag * period_s
    return longest * period_s


def _standardized(Y: Array) -> Array:
    """The targets that vary and have no missing sample, z-scored."""
    Y = Y[:, np.isfinite(Y).all(axis=0)]
    Y = Y[:, np.ptp(Y, axis=0) > 0]
    return np.asarray((Y - Y.mean(axis=0)) / Y.std(axis=0))
