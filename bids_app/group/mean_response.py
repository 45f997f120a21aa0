"""What participants heard together, and their mean response to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from bids_app.encoding import mean_basis, nuisance_basis
from bids_app.errors import DataError
from bids_app.records import Array, Run, without_participant

SAME_S = 1e-6
SAME_FEATURES = 1e-4  # of a band's standard deviation

Read = Callable[[int, int], Array]  # number of a participant, of their run → responses (n_times, n_targets)


@dataclass(frozen=True)
class SharedRun:
    """A run that several participants heard.

    Parameters
    ----------
    run : with the features of the first of them and no responses, on the samples that all have.
    participants : of each their number, the number of their run, and which of its samples these are (n_common,).
    """

    run: Run
    participants: tuple[tuple[int, int, Array], ...]


def match_participants(runs: Sequence[Sequence[Run]]) -> tuple[SharedRun, ...]:
    """What at least two participants heard. Responses are not looked at, and only the first one's bands are needed.

    Runs are matched by their stimuli (the first hearing with the first, and so on); samples are those all of these
    have, equal within 1e-6 s.

    Parameters
    ----------
    runs : of each participant.

    Raises
    ------
    DataError : where participants share no run or no sample.
    """
    hearings: dict[tuple[tuple[str, ...], int], list[tuple[int, int, Run]]] = defaultdict(list)
    for participant, own in enumerate(runs):
        nth: dict[tuple[str, ...], count[int]] = defaultdict(count)
        for number, run in enumerate(own):
            hearings[run.stimuli, next(nth[run.stimuli])].append((participant, number, run))
    shared = [members for members in hearings.values() if len(members) > 1]
    if not shared:
        raise DataError(
            "no two participants heard the same stimuli in one run", hint="the mean response cannot be fitted"
        )
    return tuple(_heard(members) for members in shared)


def _heard(members: Sequence[tuple[int, int, Run]]) -> SharedRun:
    first = members[0][2]
    times_s = first.times_s
    for _, _, run in members[1:]:
        times_s = times_s[_nearest(run.times_s, times_s)[1]]
    if not len(times_s):
        raise DataError("participants have no sample at the same time", first.label)
    rows = [_nearest(run.times_s, times_s)[0] for _, _, run in members]
    participants = tuple((who, number, at) for (who, number, _), at in zip(members, rows, strict=True))
    bands = {name: band[rows[0]] for name, band in first.bands.items()}
    label = without_participant(first.label)
    nobodys = first.Y[:0]
    nuisance = _mean_nuisance([(run, at) for (_, _, run), at in zip(members, rows, strict=True)])
    return SharedRun(
        replace(first, label=label, bands=bands, Y=nobodys, times_s=first.times_s[rows[0]], nuisance=nuisance),
        participants,
    )


def _mean_nuisance(runs: Sequence[tuple[Run, Array]]) -> Array | None:
    """What the mean of everybody's residualised features lacks (see `encoding.mean_basis`), on the samples
    (n_common,) of each run; None where rows are words."""
    all_rows = np.ones(len(runs[0][1]), dtype=bool)
    bases = [nuisance_basis(run.nuisance[rows], all_rows) for run, rows in runs if run.nuisance is not None]
    return mean_basis(bases) if bases else None


def average_participants(heard: Sequence[SharedRun], read: Read) -> tuple[tuple[Run, ...], Array]:
    """Mean over participants of their z-scored responses, run by run; one participant's run is in memory at a time.

    A target that is constant or has missing samples in a participant is left out of that one's share; NaN where
    nobody has it.

    Parameters
    ----------
    heard : runs that several participants heard.
    read : gives a participant's responses to a run, (n_times, n_targets), the same targets for all.

    Returns
    -------
    Runs whose responses are means, and (n_targets,) of how many participants: the least over runs.
    """
    means, counts = [], []
    for shared in heard:
        total: Array = np.zeros(1)
        n_participants: Array = np.zeros(1)
        for participant, number, rows in shared.participants:
            values = _standard(read(participant, number)[rows])
            there = np.isfinite(values).all(axis=0)
            total, n_participants = total + np.where(there, values, 0.0), n_participants + there
        mean = total / np.where(n_participants, n_participants, np.nan)
        means.append(replace(shared.run, Y=mean.astype(np.float32)))
        counts.append(n_participants)
    return tuple(means), np.min(counts, axis=0).astype(int)


def _nearest(times_s: Array, wanted_s: Array) -> tuple[Array, Array]:
    """For each wanted time the nearest of `times_s` (ascending), and whether it is the same."""
    right = np.clip(np.searchsorted(times_s, wanted_s), 1, max(len(times_s) - 1, 1))
    left_is_nearer = wanted_s - times_s[right - 1] <= times_s[np.minimum(right, len(times_s) - 1)] - wanted_s
    nearest = np.where(left_is_nearer, right - 1, np.minimum(right, len(times_s) - 1))
    return nearest, np.abs(times_s[nearest] - wanted_s) <= SAME_S


def require_same_features(one: Run, other: Run) -> None:
    """Features must be equal at equal times: else the stimulus began at another time for one of two participants.

    Parameters
    ----------
    one : the run whose features are kept.
    other : another participant's run with the same stimuli.

    Raises
    ------
    DataError : where a band differs by more than `SAME_FEATURES` of its standard deviation.
    """
    rows, same = _nearest(other.times_s, one.times_s)
    for name, band in one.bands.items():
        tolerance = SAME_FEATURES * (float(band.std()) + 1e-12)
        theirs = other.bands[name]
        alike = theirs.shape[1:] == band.shape[1:]
        if not alike or np.abs(band[same] - theirs[rows[same]]).max(initial=0.0) > tolerance:
            what = f"participants heard the stimuli at other times ('{name}' differs from {one.label})"
            raise DataError(what, other.label, "the mean response needs one timing")


def _standard(Y: Array) -> Array:
    """(n_times, n_targets) z-scored; NaN columns where a target is constant or has missing samples."""
    spread = Y.std(axis=0, dtype=np.float64)
    alive = np.isfinite(spread) & (spread > 1e-12)
    return np.asarray((Y - Y.mean(axis=0, dtype=np.float64)) / np.where(alive, spread, np.nan))
