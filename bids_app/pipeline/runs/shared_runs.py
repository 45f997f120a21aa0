"""What people heard together: their responses on disk, so that one person's are held at a time, and what is made of
them: the mean response, and the ceiling between people."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from bids_app import dataset, encoding, group
from bids_app.errors import ConcordError, DataError
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.baseline_bands import MOTION, common_baseline, on_baseline
from bids_app.pipeline.runs.load_runs import Loaded, load_runs
from bids_app.pipeline.runs.noise_ceiling import BLOCK_S, FEWEST
from bids_app.records import Array, Excluded, ParticipantCeiling, Run, Targets

SCRATCH = "scratch-"  # in logs/; swept when the group level runs again
LEAST_PEOPLE = 3
CEILING_BYTES = 2**28  # of responses held at once
Columns = slice | None
RunKey = tuple[tuple[str, ...], int]  # stimuli of a run, and which hearing of them it is


@dataclass(frozen=True)
class Shared:
    """What several people heard. units, loaded: of each person, loaded without responses; heard: run by run; read
    (person, run, columns): responses (n_times, n_columns) of common targets; lost: who cannot be read."""

    units: tuple[Unit, ...]
    loaded: tuple[Loaded, ...]
    heard: tuple[group.SharedRun, ...]
    targets: Targets
    warnings: tuple[str, ...]
    lost: tuple[Excluded, ...]
    read: Callable[[int, int, Columns], Array]


@contextmanager
def shared_responses(job: Job, units: Sequence[Unit]) -> Iterator[Shared]:
    """People's responses to what at least two of them heard, in files that last as long as the context.

    Raises DataError where they share no run, no samples or no targets, or heard the stimuli at other times.
    """
    logs = job.out_dir / "logs"
    for old in logs.glob(f"{SCRATCH}*"):
        shutil.rmtree(old, ignore_errors=True)
    folder = Path(mkdtemp(prefix=SCRATCH, dir=logs))
    try:
        yield _gather(job, units, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _gather(job: Job, units: Sequence[Unit], folder: Path) -> Shared:
    """Raises DataError where nobody can be read, too."""
    kept: list[Unit] = []
    loaded: list[Loaded] = []
    lost: list[Excluded] = []
    firsts: dict[RunKey, Run] = {}
    for unit in units:
        try:
            one = load_runs(job, unit)
            if not any(np.isfinite(run.Y).all(axis=0).any() for run in one.runs):
                raise DataError("no target varies: every one is constant or has missing samples", unit.stem)
        except ConcordError as error:
            lost.append(Excluded(unit.participant, unit.stem, str(error)))
            continue
        loaded.append(_put(one, folder, len(kept), firsts))
        kept.append(unit)
    if not loaded:
        raise DataError(f"nobody has responses to average (first: {lost[0].reason})")
    common, warnings = dataset.intersect_targets([one.targets for one in loaded])
    columns = [_columns(one.targets, common) for one in loaded]

    def read(person: int, run: int, some: Columns = None) -> Array:
        rows = columns[person] if some is None else columns[person][some]
        return np.asarray(np.load(_path(folder, person, run), mmap_mode="r")[rows]).T

    heard = group.match_participants([one.runs for one in loaded])
    return Shared(tuple(kept), tuple(loaded), heard, common, warnings, tuple(lost), read)


def _path(folder: Path, person: int, run: int) -> Path:
    return folder / f"{person}_{run}.npy"


def _put(loaded: Loaded, folder: Path, person: int, firsts: dict[RunKey, Run]) -> Loaded:
    """Write responses (n_targets, n_times) run by run, and keep features where nobody before has heard a run."""
    nth: Counter[tuple[str, ...]] = Counter()
    light = []
    for number, run in enumerate(loaded.runs):
        np.save(_path(folder, person, number), np.ascontiguousarray(run.Y.T), allow_pickle=False)
        mine = replace(run, Y=run.Y[:0], bands={name: band for name, band in run.bands.items() if name != MOTION})
        first = firsts.setdefault((run.stimuli, nth[run.stimuli]), mine)
        nth[run.stimuli] += 1
        if first is not mine:
            group.require_same_features(first, mine)
            mine = replace(mine, bands={}, words=())
        light.append(mine)
    return replace(loaded, runs=tuple(light))


def _columns(targets: Targets, common: Targets) -> Array:
    place = {name: number for number, name in enumerate(targets.names)}
    return np.array([place[name] for name in common.names])


def mean_response_of(shared: Shared) -> tuple[Loaded, Array]:
    """The people's mean response as if it were one person's, and (n_targets,) how many people it is the mean of."""
    runs, n_people = group.average_participants(shared.heard, lambda person, run: shared.read(person, run, None))
    loaded = shared.loaded
    lines = [line for one in loaded for line in one.warnings]
    baseline = common_baseline([one.baseline for one in loaded])
    joined = Loaded(
        runs=tuple(on_baseline(baseline, runs)),
        recordings=tuple(recording for one in loaded for recording in one.recordings),
        targets=shared.targets,
        excluded=(*shared.lost, *(excluded for one in loaded for excluded in one.excluded)),
        warnings=tuple(dict.fromkeys((*shared.warnings, *lines))),
        samples={label: count for one in loaded for label, count in one.samples.items()},
        period_s=max(one.period_s for one in loaded),
        spaces=loaded[0].spaces,
        baseline=baseline,
    )
    return joined, n_people


def noise_ceilings_of(shared: Shared) -> tuple[tuple[ParticipantCeiling, ...], str]:
    """Each person's ceiling from the others (`encoding.inter_subject_noise_ceiling`), on the runs that all of them heard, and in
    words what it rests on, or why there is none."""
    people = sorted({person for one in shared.heard for person, _, _ in one.people})
    everyones = [one for one in shared.heard if len(one.people) == len(people)]
    if len(people) < LEAST_PEOPLE:
        return (), f"none: {len(people)} heard the same, and it takes {LEAST_PEOPLE}"
    if not everyones:
        return (), f"none: no run was heard by all of the {len(people)} who share some"
    period_s = max(one.period_s for one in shared.loaded)
    n_samples, n_targets = sum(len(one.run.times_s) for one in everyones), len(shared.targets.names)
    block = max(1, round(BLOCK_S / period_s))
    at_once = max(1, CEILING_BYTES // (16 * len(people) * (n_samples + 2000)))
    found: list[list[encoding.Ceiling]] = []
    for first in range(0, n_targets, at_once):
        some = slice(first, first + at_once)
        found.append(
            encoding.inter_subject_noise_ceiling(
                [_centred(shared, everyones, person, some) for person in people], block
            )
        )
    parts = [[batch[number] for batch in found] for number in range(len(people))]
    ceilings = tuple(
        ParticipantCeiling(
            shared.units[person].stem,
            shared.targets,
            *(np.concatenate([getattr(one, name) for one in mine]) for name in ("explainable", "low", "high")),
        )
        for person, mine in zip(people, parts, strict=True)
    )
    n_blocks = -(-n_samples // block)
    few = f"; intervals rest on {n_blocks} blocks, fewer than {FEWEST}" if n_blocks < FEWEST else ""
    runs = f"{len(everyones)} run{'' if len(everyones) == 1 else 's'}"
    return ceilings, f"from {len(people)} people who heard the same {runs}, {n_samples} common samples{few}"


def _centred(shared: Shared, heard: Sequence[group.SharedRun], person: int, some: slice) -> Array:
    """(n_samples, n_some) one person's responses, each run less its mean."""
    mine = []
    for one in heard:
        run, rows = next((run, rows) for number, run, rows in one.people if number == person)
        values = shared.read(person, run, some)[rows].astype(np.float64)
        mine.append(values - values.mean(axis=0))
    return np.concatenate(mine)
