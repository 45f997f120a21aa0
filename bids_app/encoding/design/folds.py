"""Outer and inner folds: contiguous, purged, never straddling a repeated stimulus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.encoding.design.align import SAME_S
from bids_app.encoding.design.first_heard import linked
from bids_app.encoding.errors import CannotFit
from bids_app.records import Array, Design, FoldAudit

FEWER_FOLDS = "record longer, or ask for fewer folds: fit: outer, inner"
BLOCKS = 5  # contiguous blocks where runs alone make no folds


def stimulus_groups(stimuli: Sequence[tuple[str, ...]]) -> Array:
    """(n_runs,) one number for all runs that are linked by shared stimuli, directly or through other runs."""
    return np.array(linked(stimuli))


def fold_index(
    runs: Array, first_runs: Array, first_times_s: Array, stimuli: Sequence[tuple[str, ...]], folds: str | int
) -> Array:
    """Fold of every sample, contiguous and never straddling a repeated stimulus.

    `by_run`: one fold a run, or a group of runs linked by shared stimuli. A number: so many contiguous blocks of the
    concatenated samples; where only some runs share a stimulus, folds are by group instead, as blocks would tear it
    apart. Where all samples are of one group (a single run; one stimulus heard in every run) there are blocks: five
    with `by_run`. Blocks are of what is heard, in order of first hearing: all hearings of one second are in one.

    Parameters
    ----------
    runs : (n_times,) run of each sample.
    first_runs, first_times_s : (n_times,) where each sample's second was first heard.
    stimuli : ids heard in each run.
    folds : `by_run` or a number.

    Returns
    -------
    (n_times,) int.

    Raises
    ------
    CannotFit
        For too few samples.
    """
    groups = np.unique(stimulus_groups(stimuli)[runs], return_inverse=True)[1]
    n_groups, n_runs = int(groups.max()) + 1, len(np.unique(runs))
    if n_groups > 1 and (folds == "by_run" or n_groups < n_runs):
        return np.asarray(groups)
    count = BLOCKS if folds == "by_run" else int(folds)
    if len(runs) < 2 * count:
        raise CannotFit(f"{len(runs)} samples are too few for {count} folds", FEWER_FOLDS)
    position = _one_after_the_other(first_runs, first_times_s)
    # blocks of equally many samples; all hearings of an instant fall into one
    starts = np.array([block[0] for block in np.array_split(np.sort(position), count)])
    return np.asarray(np.searchsorted(starts[1:] - SAME_S, position, side="right"))


def _one_after_the_other(runs: Array, times_s: Array) -> Array:
    """(n_times,) seconds on a clock on which runs follow each other."""
    position, end_s = np.empty(len(runs)), 0.0
    for run in np.unique(runs):
        own = runs == run
        position[own] = times_s[own] - times_s[own].min() + end_s
        end_s = position[own].max() + 1.0
    return position


def fold_warnings(design: Design, outer: str | int) -> tuple[str, ...]:
    """What the reader should know about the outer folds that `fold_index` made.

    Parameters
    ----------
    design : of which folds, runs and stimuli count.
    outer : as the settings give it: 'by_run' or a number of blocks.
    """
    n_groups, n_runs = len(set(stimulus_groups(design.run_stimuli))), len(design.run_labels)
    n_folds = len(np.unique(design.folds))
    lines = []
    if n_groups == 1 and n_runs == 1 and outer == "by_run":
        lines.append(f"a single run: outer folds are {n_folds} contiguous blocks")
    if n_groups == 1 and n_runs > 1:
        lines.append(
            f"all runs share a stimulus: outer folds are {n_folds} blocks of its time, the same in every run"
        )
    if 1 < n_groups < n_runs and outer != "by_run":
        lines.append(f"runs share stimuli: the {n_folds} outer folds are groups of runs, not {outer} blocks")
    if n_folds < 3:
        lines.append("fewer than three outer folds: scores are uncertain; do not conclude from small differences")
    return tuple(lines)


def purged(train: Array, test: Array, groups: Array, times_s: Array, purge_s: float) -> Array:
    """Training samples that are far enough from every test sample.

    Parameters
    ----------
    train, test : (n_times,) bool.
    groups : (n_times,) the run, whose times are compared.
    times_s : (n_times,) in seconds.
    purge_s : distance, in seconds, within which a test sample of the same group costs a training sample.

    Returns
    -------
    (n_times,) bool.
    """
    kept = train.copy()
    for group in np.unique(groups[test]):
        trained = np.flatnonzero(train & (groups == group))
        kept[trained] = far_from(times_s[trained], times_s[test & (groups == group)], purge_s)
    return kept


def far_from(times_s: Array, tested_s: Array, purge_s: float) -> Array:
    """Instants further than the purge from every one that is tested.

    Parameters
    ----------
    times_s : (n,) in seconds.
    tested_s : (n_tested,) in seconds of the same clock.
    purge_s : in seconds; instants just so far away are near.

    Returns
    -------
    (n,) bool.
    """
    if not len(tested_s):
        return np.ones(len(times_s), dtype=bool)
    tested_s = np.sort(tested_s)
    # the nearest tested instant is one of the two between which an instant lies
    after = np.searchsorted(tested_s, times_s)
    before_s = np.abs(times_s - tested_s[np.maximum(after - 1, 0)])
    after_s = np.abs(times_s - tested_s[np.minimum(after, len(tested_s) - 1)])
    return np.asarray(np.minimum(before_s, after_s) > purge_s + SAME_S)


def outer_split(design: Design, fold: int) -> tuple[Array, Array]:
    """Training and test samples of an outer fold, (n_times,) bool each.

    Parameters
    ----------
    design : of which folds and purge count.
    fold : number of the outer fold.

    Raises
    ------
    CannotFit
        Where purging leaves nothing to train on.
    """
    test = design.folds == fold
    train = _purged(design, ~test, test)
    if not train.any():
        raise CannotFit(_nothing_left(design, f"around fold {fold} leaves no training samples"), FEWER_FOLDS)
    return train, test


def inner_folds(design: Design, train: Array, inner: str | int) -> list[tuple[Array, Array]]:
    """Inner folds within the training samples of an outer fold, purged as outer folds are.

    Parameters
    ----------
    design : of which folds, runs, times and stimuli count.
    train : (n_times,) bool.
    inner : `by_run` or a number of contiguous blocks.

    Returns
    -------
    Row numbers (training, validation) of each fold that keeps training samples.

    Raises
    ------
    CannotFit
        Where none does.
    """
    rows = np.flatnonzero(train)
    present, runs = np.unique(design.runs[rows], return_inverse=True)
    stimuli = [design.run_stimuli[run] for run in present]
    folds = fold_index(runs, design.first_runs[rows], design.first_times_s[rows], stimuli, inner)
    pairs = []
    for fold in np.unique(folds):
        validation = np.zeros(len(train), dtype=bool)
        validation[rows[folds == fold]] = True
        fitted = _purged(design, train & ~validation, validation)
        if fitted.any():
            pairs.append((np.flatnonzero(fitted), np.flatnonzero(validation)))
    if not pairs:
        raise CannotFit(_nothing_left(design, "leaves no inner fold with training samples"), FEWER_FOLDS)
    return pairs


def _purged(design: Design, train: Array, test: Array) -> Array:
    """Neither in the same run nor, whichever hearing it is, in the same stimulus near a test sample."""
    apart = purged(train, test, design.runs, design.times_s, design.purge_s)
    return purged(apart, test, design.first_runs, design.first_times_s, design.purge_s)


def _nothing_left(design: Design, what: str) -> str:
    """Why there are no folds: no split keeps training and test apart."""
    again = len(set(stimulus_groups(design.run_stimuli))) == 1 < len(design.run_labels)
    why = "all recordings hear the same stimuli, so that folds must split these in time, and " if again else ""
    return f"{why}purging {design.purge_s:.0f} s {what}"


def audit(design: Design, fold: int, train: Array, test: Array, n_inner: int) -> FoldAudit:
    """What an outer fold trained and tested on, for the report.

    Parameters
    ----------
    design : with its folds.
    fold : number of the outer fold.
    train, test : (n_times,) bool.
    n_inner : inner folds that kept training samples.
    """
    n_purged = int((~test & ~train).sum())
    return FoldAudit(
        fold, _spans(design, test), _spans(design, train), int(train.sum()), int(test.sum()), n_purged, n_inner
    )


def _spans(design: Design, chosen: Array) -> tuple[str, ...]:
    """Labels of the runs with chosen samples, with the time spans where a run is split."""
    return tuple(_span(design, int(run), chosen) for run in np.unique(design.runs[chosen]))


def _span(design: Design, run: int, chosen: Array) -> str:
    own = design.runs == run
    if chosen[own].all():
        return design.run_labels[run]
    times_s, edges = design.times_s[own], np.diff(np.concatenate([[0], chosen[own].astype(int), [0]]))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    spans = ", ".join(f"{times_s[a]:.0f}–{times_s[b]:.0f} s" for a, b in zip(first, last, strict=True))
    return f"{design.run_labels[run]} [{spans}]"


def reaching_back(design: Design, starts_s: Array) -> int:
    """How many samples know, when they are tested, of something that training samples knew.

    Parameters
    ----------
    design : with its folds.
    starts_s : (n_times,) the earliest instant that each sample knows of, in seconds of its run.

    Returns
    -------
    Samples with training samples of their own run between that instant and their own time.
    """
    count = 0
    for fold in np.unique(design.folds).tolist():
        train, test = outer_split(design, fold)
        for run in np.unique(design.runs[test]):
            own = design.runs == run
            trained = np.sort(design.times_s[train & own])
            tested = test & own
            between = np.searchsorted(trained, design.times_s[tested]) - np.searchsorted(trained, starts_s[tested])
            count += int((between > 0).sum())
    return count
