"""Runs that several participants heard: their responses on disk, so that one participant's are held at a time, their
mean response, and noise ceilings between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bids_app import dataset, encoding, group
from bids_app.boundary import boundary
from bids_app.disk import scratch_array, scratch_folder
from bids_app.errors import ConcordError, DataError
from bids_app.execution import Stages, Unit
from bids_app.pipeline.job.playings import playings_of, same_stimuli_warnings
from bids_app.pipeline.runs.baseline_bands import MOTION, common_baseline, on_baseline
from bids_app.pipeline.runs.load_runs import LoadedRuns, load_runs
from bids_app.pipeline.runs.noise_ceiling import BLOCK_S, FEWEST
from bids_app.pipeline.runs.rows import Rows
from bids_app.records import Array, Excluded, ParticipantNoiseCeiling, Run, Targets
from bids_app.records.specs import GroupSpec

LEAST_PARTICIPANTS = 3
CEILING_BYTES = 2**28  # of responses held at once
Columns = slice | None
RunKey = tuple[tuple[str, ...], int]  # stimuli of a run, and which hearing of them it is


@dataclass(frozen=True)
class SharedResponses:
    """What several participants heard, and their responses to it.

    Parameters
    ----------
    units, loaded : of each participant, loaded without responses.
    heard : run by run.
    targets : that enough participants have.
    lost : units that cannot be read.
    read : (participant's number, run's number, columns) → responses (n_times, n_columns) of common targets, NaN where
        the participant lacks one.
    """

    units: tuple[Unit, ...]
    loaded: tuple[LoadedRuns, ...]
    heard: tuple[group.SharedRun, ...]
    targets: Targets
    warnings: tuple[str, ...]
    lost: tuple[Excluded, ...]
    read: Callable[[int, int, Columns], Array]

    @property
    def numbers(self) -> list[int]:
        """Participants (their numbers) who heard a run that another one heard too, ascending."""
        return sorted({participant for run in self.heard for participant, _, _ in run.participants})


@contextmanager
def shared_responses(
    units: Sequence[Unit], rows: Rows, scratch_dir: Path, stages: Stages, asked: GroupSpec
) -> Iterator[SharedResponses]:
    """Participants' responses to what at least two of them heard.

    Parameters
    ----------
    units : one a participant, of one space.
    rows : what a row of the design is.
    scratch_dir : responses are in files of a folder there, for as long as the context lasts.
    stages : are told what is read.
    asked : how many participants must have a target.

    Raises
    ------
    DataError : where they share no run, no samples or no targets, or heard the stimuli at other times.
    """
    with scratch_folder(scratch_dir) as folder:
        yield _gather(units, rows, folder, stages, asked)


def _gather(units: Sequence[Unit], rows: Rows, folder: Path, stages: Stages, asked: GroupSpec) -> SharedResponses:
    """Raises DataError where nobody can be read, too."""
    kept: list[Unit] = []
    loaded: list[LoadedRuns] = []
    lost: list[Excluded] = []
    firsts: dict[RunKey, Run] = {}
    names: dict[str, str] = {}
    for unit in units:
        with boundary(partial(_lose, unit, lost)):
            runs = load_runs(unit, rows, stages)
            if not any(np.isfinite(run.Y).all(axis=0).any() for run in runs.runs):
                raise DataError("no target varies: every one is constant or has missing samples", unit.stem)
            loaded.append(_put(replace(runs, targets=_pooled(runs.targets, names)), folder, len(kept), firsts))
            kept.append(unit)
    if not loaded:
        raise DataError(f"nobody has responses to average (first: {lost[0].reason})")
    targets = [one.targets for one in loaded]
    outliers = dataset.lost_to_others(targets, [np.ones(len(one.names), dtype=bool) for one in targets])
    if outliers:
        others = [unit for number, unit in enumerate(kept) if number not in outliers]
        shared = _gather(others, rows, folder, stages, asked)
        left_out = [Excluded(kept[number].participant, kept[number].stem, why) for number, why in outliers.items()]
        return replace(shared, lost=(*lost, *left_out, *shared.lost))
    common, warnings = dataset.targets_of_most(targets, asked.least_participants(len(targets)))
    columns = [_columns(one.targets, common) for one in loaded]
    loaded = [replace(one, targets=common) for one in loaded]

    def read(participant: int, run: int, some: Columns = None) -> Array:
        """Read a participant's responses in a run from the scratch folder.

        Parameters
        ----------
        participant, run : their numbers.
        some : which of the common targets; None: all.

        Returns
        -------
        (n_times, n_columns).
        """
        chosen = columns[participant] if some is None else columns[participant][some]
        values = np.asarray(np.load(_path(folder, participant, run), mmap_mode="r")[chosen]).T
        if (chosen < 0).any():
            values[:, chosen < 0] = np.nan
        return values

    heard, same = _linked(group.match_participants([one.runs for one in loaded]), loaded, rows)
    return SharedResponses(tuple(kept), tuple(loaded), heard, common, (*warnings, *same), tuple(lost), read)


def _pooled(targets: Targets, names: dict[str, str]) -> Targets:
    """The same targets; a name that several participants have is in memory once."""
    index = None if targets.index is None else np.asarray(targets.index, dtype=np.int32)
    return replace(targets, names=tuple(names.setdefault(name, name) for name in targets.names), index=index)


def _lose(unit: Unit, lost: list[Excluded], error: ConcordError) -> None:
    lost.append(Excluded(unit.participant, unit.stem, str(error)))


def _linked(
    heard: Sequence[group.SharedRun], loaded: Sequence[LoadedRuns], rows: Rows
) -> tuple[tuple[group.SharedRun, ...], tuple[str, ...]]:
    """Runs whose stimuli are compared with those of all runs, whoever heard them, and what the user is told of it."""
    firsts = [one.participants[0] for one in heard]
    recordings = [loaded[participant].recordings[run] for participant, run, _ in firsts]
    linked = zip(heard, playings_of(recordings, rows.settings.library), strict=True)
    told = same_stimuli_warnings(recordings, rows.settings.library)
    return tuple(replace(one, run=replace(one.run, heard=each)) for one, each in linked), told


def _path(folder: Path, participant: int, run: int) -> Path:
    return folder / f"{participant}_{run}.npy"


def _put(loaded: LoadedRuns, folder: Path, participant: int, firsts: dict[RunKey, Run]) -> LoadedRuns:
    """Write responses (n_targets, n_times) run by run, and keep features where nobody before has heard a run."""
    nth: Counter[tuple[str, ...]] = Counter()
    light = []
    for number, run in enumerate(loaded.runs):
        np.save(_path(folder, participant, number), np.ascontiguousarray(run.Y.T), allow_pickle=False)
        features = replace(run, Y=run.Y[:0], bands={name: band for name, band in run.bands.items() if name != MOTION})
        first = firsts.setdefault((run.stimuli, nth[run.stimuli]), features)
        nth[run.stimuli] += 1
        if first is not features:
            group.require_same_features(first, features)
            features = replace(features, bands={}, words=())
        light.append(features)
    return replace(loaded, runs=tuple(light))


def _columns(targets: Targets, common: Targets) -> Array:
    """Where common targets stand among a participant's own; −1 for one that they lack."""
    place = {name: number for number, name in enumerate(targets.names)}
    return np.array([place.get(name, -1) for name in common.names])


def mean_response_of(shared: SharedResponses) -> tuple[LoadedRuns, Array]:
    """The participants' mean response as if it were one's, and (n_targets,) how many it is the mean of."""
    runs, n_participants = group.average_participants(
        shared.heard, lambda participant, run: shared.read(participant, run, None)
    )
    loaded = shared.loaded
    baseline = common_baseline([one.baseline for one in loaded])
    joined = LoadedRuns(
        runs=tuple(on_baseline(baseline, runs)),
        recordings=tuple(recording for one in loaded for recording in one.recordings),
        targets=shared.targets,
        excluded=(*shared.lost, *(excluded for one in loaded for excluded in one.excluded)),
        warnings=tuple(dict.fromkeys((*shared.warnings, *(line for one in loaded for line in one.warnings)))),
        findings=tuple(finding for one in loaded for finding in one.findings),
        samples={label: count for one in loaded for label, count in one.samples.items()},
        period_s=max(one.period_s for one in loaded),
        spaces=loaded[0].spaces,
        baseline=baseline,
    )
    return joined, n_participants


def noise_ceilings_of(shared: SharedResponses, kept: Path) -> tuple[tuple[ParticipantNoiseCeiling, ...], str]:
    """Each participant's ceiling from the others (`encoding.inter_subject_noise_ceiling`), on the runs that all of
    them heard, and in words what it rests on, or why there is none.

    Parameters
    ----------
    shared : what participants heard, and their responses.
    kept : a new file, which holds the ceilings.
    """
    everyone = shared.numbers
    runs = [run for run in shared.heard if len(run.participants) == len(everyone)]
    if len(everyone) < LEAST_PARTICIPANTS:
        return (), f"none: {len(everyone)} participants heard the same, and it takes {LEAST_PARTICIPANTS}"
    if not runs:
        return (), f"none: no run was heard by all of the {len(everyone)} who share some"
    period_s = max(one.period_s for one in shared.loaded)
    n_samples = sum(len(one.run.times_s) for one in runs)
    block = max(1, round(BLOCK_S / period_s))
    ceilings = tuple(
        ParticipantNoiseCeiling(shared.units[participant].stem, shared.targets, *values)
        for participant, values in zip(everyone, _ceilings(shared, runs, everyone, block, kept), strict=True)
    )
    n_blocks = -(-n_samples // block)
    few = f"; intervals rest on {n_blocks} blocks, fewer than {FEWEST}" if n_blocks < FEWEST else ""
    counted = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    return (
        ceilings,
        f"from {len(everyone)} participants who heard the same {counted}, {n_samples} common samples{few}",
    )


def _ceilings(
    shared: SharedResponses, runs: Sequence[group.SharedRun], everyone: Sequence[int], block: int, kept: Path
) -> Array:
    """(n_participants, 3, n_targets), of each participant the ceiling and its 2.5 and 97.5 % limits, made some
    targets at a time in the file `kept`."""
    n_samples, n_targets = sum(len(one.run.times_s) for one in runs), len(shared.targets.names)
    at_once = max(1, CEILING_BYTES // (16 * len(everyone) * (n_samples + 2000)))
    found = scratch_array(kept.parent, kept.name, (len(everyone), 3, n_targets), "f8")
    for first in range(0, n_targets, at_once):
        some = slice(first, first + at_once)
        responses = [_centred(shared, runs, participant, some) for participant in everyone]
        found[..., some] = _where_known(responses, block)
    return np.asarray(found)


def _where_known(responses: Sequence[Array], block: int) -> Array:
    """(n_participants, 3, n_targets) ceilings with their limits; NaN, without computing, for targets that vary in
    nobody or lack a sample in somebody."""
    varies = np.any([each.any(axis=0) for each in responses], axis=0)
    there = varies & np.all([np.isfinite(each).all(axis=0) for each in responses], axis=0)
    found = np.full((len(responses), 3, len(there)), np.nan)
    if there.any():
        ceilings = encoding.inter_subject_noise_ceiling([each[:, there] for each in responses], block)
        found[:, :, there] = [(one.explainable, one.low, one.high) for one in ceilings]
    return found


def _centred(shared: SharedResponses, runs: Sequence[group.SharedRun], participant: int, some: slice) -> Array:
    """(n_samples, n_some) one participant's responses, each run less its mean."""
    pieces = []
    for one in runs:
        run, rows = next((run, rows) for number, run, rows in one.participants if number == participant)
        values = shared.read(participant, run, some)[rows].astype(np.float64)
        pieces.append(values - values.mean(axis=0))
    return np.concatenate(pieces)
