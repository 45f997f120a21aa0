"""The group level at the size of large studies: `python -m benchmarks.group`.

30, 100 and 300 participants have 70,000 voxels of a 2 mm grid, each lacks some of them, with the parts of two feature
groups. They are joined: means, intervals, prevalence, p and family-wise p of all components by 1,024 sign vectors.
Values are made up as they are asked for; how long the files of one participant take to read is measured beside, for
these and for the default analysis of four feature groups. Each size is a process of its own, whose peak memory is
measured from outside. `limited`: 100 participants with `--mem-mb 1000`. `tfce`: seconds a map, smooth or not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.bars import Bar, measure, run_bars
from bids_app import group
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.group.maps.tfce import Enhancer, enhancer_of, largest_enhanced
from bids_app.outputs.files.map_files import map_files
from bids_app.outputs.files.maps import encoded
from bids_app.outputs.files.written_maps import WrittenMaps
from bids_app.process import keep_freed_memory, limit_threads
from bids_app.records import (
    ComponentSummary,
    FitSpec,
    InferenceSpec,
    Partition,
    Targets,
    TargetsSummary,
    WrittenUnit,
    partition_components,
)
from bids_app.records.specs import GroupSpec

GROUPS, DEFAULT = ("speech", "language"), ("low_level", "semantic", "speech", "language")
SHAPE, N_TARGETS, AFFINE = (97, 115, 97), 70_000, np.diag([2.0, 2.0, 2.0, 1.0])
SPACE, LACKING = "MNI152NLin2009cAsym", 0.03  # share of voxels that a participant lacks
LIMITED_MB = 1000
OWN = {"full": ComponentSummary((), {})}


def _numbers(groups: tuple[str, ...]) -> list[tuple[str, str]]:
    """What a group level reads of a participant."""
    components = partition_components(groups)
    stats = ("rsquared", "r", "pfwe")
    return [(one.label, stat) for stat in stats for one in components if stat != "r" or one.kind != "shared"]


def _targets() -> Targets:
    """Voxels nearest to the middle of the grid."""
    grid = np.stack(np.unravel_index(np.arange(np.prod(SHAPE)), SHAPE), axis=1)
    near = np.argsort(((grid - np.array(SHAPE) / 2) ** 2).sum(axis=1))[:N_TARGETS]
    index = grid[np.sort(near)]
    return Targets("volume", SPACE, tuple(",".join(map(str, voxel)) for voxel in index), index, SHAPE, AFFINE)


def _reading_s(folder: Path, targets: Targets, groups: tuple[str, ...]) -> float:
    """Seconds that the maps of one participant take to read."""
    rng, numbers = np.random.default_rng(0), _numbers(groups)
    files = map_files(numbers, groups)

    def name(desc: str, stat: str, hemi: str) -> PurePosixPath:
        """A file's name."""
        return PurePosixPath(f"stat-{stat}_desc-{desc}_statmap.nii.gz")

    for file in files:
        values = [rng.normal(0.02, 0.05, len(targets.names)).astype(np.float32) for _ in file.maps]
        for hemi, content in encoded(targets, file, values):
            (folder / name(file.desc, file.stat, hemi)).write_bytes(content)
    grid = TargetsSummary("volume", SPACE, SHAPE, tuple(map(tuple, AFFINE.tolist())), N_TARGETS, N_TARGETS, N_TARGETS)
    maps = WrittenMaps(folder, grid, files, name)
    started = time.process_time()
    maps.values(maps.targets(("full", "rsquared")), numbers)
    return time.process_time() - started


@dataclass(frozen=True)
class Made:
    """A participant (`UnitReader`) whose numbers are made up when they are read."""

    targets: Targets
    number: int
    modality: Any = "fmri"
    kind: Any = "volume"

    @property
    def participant(self) -> str:
        """Label."""
        return f"{self.number:03d}"

    @property
    def stem(self) -> str:
        """Of its files."""
        return f"sub-{self.participant}_task-story_space-{SPACE}"

    @property
    def summary(self) -> Any:
        """What joining asks of it."""
        provenance = SimpleNamespace(analysis=SimpleNamespace(pool=("run",), fit=FitSpec()))
        return SimpleNamespace(provenance=provenance, model_pair=None, layers={}, components=OWN, space=SPACE,
                               has_unreliable_p=False, has_no_p=False)  # fmt: skip

    def read_targets(self) -> Targets:
        """Voxels that the participant has."""
        names, index = self.targets.names, np.asarray(self.targets.index)
        kept = np.random.default_rng(self.number).random(len(names)) > LACKING
        own = tuple(name for name, keep in zip(names, kept, strict=True) if keep)
        return Targets("volume", SPACE, own, index[kept], SHAPE, AFFINE)

    def read(self, stats: Collection[str] | None = None) -> WrittenUnit:
        """The unit."""
        targets, rng = self.read_targets(), np.random.default_rng(self.number)
        values: dict[str, dict[str, np.ndarray]] = {}
        for label, stat in _numbers(GROUPS):
            own = rng.normal(0.02, 0.05, len(targets.names)).astype(np.float32)
            values.setdefault(label, {})[stat] = np.abs(own) if stat == "pfwe" else own
        partition = Partition(GROUPS, values)
        return WrittenUnit(self.stem, self.participant, self.modality, targets, partition, self.summary)


def _join(n_participants: int, mem_mb: int | None) -> None:
    """Join so many."""
    limit_threads(1)
    keep_freed_memory()
    targets = _targets()
    with tempfile.TemporaryDirectory() as folder:
        readers = [Made(targets, number) for number in range(n_participants)]
        room, asked = group.Room(Path(folder), group.held_bytes(mem_mb)), GroupSpec(least_share=0.8)
        started = time.process_time()
        (result,) = group.summarise(readers, InferenceSpec(), None, asked, room)
        seconds = time.process_time() - started
        disk = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    assert result.inference is not None
    print(f"  {result.inference.n_targets} targets tested: {seconds:.0f} s of processors, {disk:.0f} MB of files")


def _reading(quick: bool) -> list[Bar]:
    """Seconds to read one participant."""
    bars = []
    for groups in (GROUPS, DEFAULT):
        with tempfile.TemporaryDirectory() as folder:
            seconds = _reading_s(Path(folder), _targets(), groups)
        bars.append(Bar(f"group-read-{len(groups)}-feature-groups", seconds, 5, "s"))
    return bars


def _enhancing(quick: bool) -> list[Bar]:
    """Seconds of a processor that TFCE takes a map of 70,000 voxels, of 20 participants."""
    targets, rng, bars = _targets(), np.random.default_rng(0), []
    enhancer = enhancer_of(targets)
    assert isinstance(enhancer, Enhancer)
    for name, width, limit_s in (("smooth", 1.2, 0.3), ("rough", 0.0, 1.5)):
        grids = rng.standard_normal((20, *SHAPE), dtype=np.float32)
        maps = np.stack([gaussian_filter(one, width)[tuple(np.asarray(targets.index).T)] for one in grids])
        signs, scaled = draw_signs(20, 15, 0), maps.astype(float) / maps.std() / np.sqrt(20)
        took = []
        for some in (signs[:2], signs):  # what is done once for all maps is left out
            started = time.process_time()
            largest_enhanced(some, scaled, enhancer.neighbours.pairs, enhancer.how)
            took.append(time.process_time() - started)
        bars.append(Bar(f"group-tfce-{name}", (took[1] - took[0]) / (len(signs) - 2), limit_s, "s"))
    return bars


def _bars(n_participants: int, limit_mb: float, mem_mb: int | None = None) -> list[Bar]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "benchmarks.group", "--join", str(n_participants), str(mem_mb or 0)]
        found = measure(command, log)
        print(log.read_text().strip())
    if found.code:
        raise SystemExit(found.code)
    name = f"group-{n_participants}{'-limited' if mem_mb else ''}"
    print(
        f"  {name}: {found.seconds:.0f} s in all, {found.cpu_s:.0f} s of processors, {found.peak_mb:.0f} MB",
        flush=True,
    )
    return [Bar(f"{name}-memory", found.peak_mb, limit_mb, "MB")]


BENCHMARKS = {
    "reading": _reading,
    "30": lambda quick: _bars(30, 2000),
    "100": lambda quick: [] if quick else _bars(100, 2000),
    "300": lambda quick: [] if quick else _bars(300, 2000),
    "tfce": _enhancing,
    "limited": lambda quick: _bars(30 if quick else 100, LIMITED_MB, LIMITED_MB),
}


if __name__ == "__main__":
    if "--join" in sys.argv:
        _join(int(sys.argv[2]), int(sys.argv[3]) or None)
    else:
        sys.exit(run_bars(BENCHMARKS))
