"""Which participants there are, and job scripts for them in a folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app import dataset
from bids_app.disk import write_whole
from bids_app.errors import CannotCreate, NoInput, UsageError
from bids_app.execution.cost import DEFAULT_MB
from bids_app.pipeline.job.find_recordings import find_recordings
from bids_app.pipeline.job.job import Notify
from bids_app.pipeline.slurm.scripts import SUBMIT, Cluster, Container, Jobs, scripts
from bids_app.settings.run_options import RunOptions

CPUS = 4  # of a job where --omp-nthreads does not say


@dataclass(frozen=True)
class Wanted:
    """Options of `concord-tools slurm` itself.

    Parameters
    ----------
    to : the folder for scripts.
    image : of a container; None: the program that writes them runs.
    gpus, time, at_once, lines : as of `Cluster`.
    """

    to: Path
    image: Path | None
    gpus: int
    time: str
    at_once: int | None
    lines: Sequence[str]


def write_slurm(options: RunOptions, given: Sequence[str], wanted: Wanted, say: Notify) -> None:
    """Write the scripts of a run's jobs.

    Parameters
    ----------
    options : of concord, resolved.
    given : the same as it was typed, without BIDS_DIR, OUT_DIR and levels.
    wanted : of the cluster.
    say : takes one line at a time.

    Raises
    ------
    UsageError : an option belongs to a single command, the folder lies in BIDS_DIR, or a container cannot see a path.
    NoInput, NotBids, NothingMatched : there is nothing to go on from.
    CannotCreate : the folder cannot be written.
    """
    _require_own(options, wanted)
    found = find_recordings(options, say)
    everybody = {one.participant for one in found.recordings} | {one.participant for one in found.excluded}
    labels = sorted(everybody - {""})
    folder, data, container = Path.cwd(), (options.bids_dir, options.out_dir), None
    if wanted.image is not None:
        named = [*_named(given), *_of_settings(options), *_of_regions(options)]
        container = _container(wanted.image.resolve(), options, named)
    cpus, mem_mb = options.threads or CPUS, options.mem_mb or DEFAULT_MB
    cluster = Cluster(
        cpus * options.nprocs, mem_mb, options.nprocs, wanted.gpus, wanted.time, wanted.at_once, wanted.lines
    )
    own = ["--omp-nthreads", str(cpus)] if options.threads is None else []
    own += ["--mem-mb", str(mem_mb)] if options.mem_mb is None else []
    if options.work_dir and str(options.work_dir) not in given:  # in a container it hangs on no working folder
        own += ["--work-dir", str(options.work_dir)]
    if options.models.offline and "--offline" not in given:  # nor has it this shell's variables
        own += ["--offline"]
    if container and (folders := _atlas_folders(options)):  # in it no others are looked at
        own += ["--atlas-dir", *map(str, folders)]
    command = [sys.executable, "-m", "bids_app"]
    written = _written(options)
    jobs = Jobs(command, folder, data, [*given, *own], labels, cluster, written, options.command, container)
    try:
        wanted.to.mkdir(parents=True, exist_ok=True)
        for name, text in scripts(jobs).items():
            write_whole(wanted.to / name, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise CannotCreate("job scripts cannot be written", wanted.to, str(error)) from error
    say(f"{len(labels)} participants: bash {shlex.quote(str(wanted.to / SUBMIT))}")


def _require_own(options: RunOptions, wanted: Wanted) -> None:
    """Raises UsageError, NoInput."""
    alone = {
        "--dry-run": options.dry_run,
        "--reports-only": options.reports_only,
        "--features-only": options.features_only,
        "--dask-scheduler": options.scheduler is not None,
        "--dask-scheduler-file": options.scheduler_file is not None,
    }
    if said := next((name for name, is_given in alone.items() if is_given), None):
        raise UsageError(f"{said} is of a single command", hint="leave it out: jobs go through all levels")
    to = wanted.to.resolve()
    if options.bids_dir in (to, *to.parents) and options.bids_dir / "derivatives" not in to.parents:
        raise UsageError("the scripts' folder lies in BIDS_DIR", wanted.to, "choose one outside it")
    if wanted.image is not None and not wanted.image.is_file():
        raise NoInput("there is no such image", wanted.image, "build one: docs/cluster.md")


def _container(image: Path, options: RunOptions, named: Sequence[Path]) -> Container:
    """An image that sees what is read, but for what lies in something that it sees already; and the working folder
    where a path hangs on it. Raises UsageError where Apptainer could not be told of a path."""
    folder = None if all(path.is_absolute() for path in named) else Path.cwd()
    own = [] if folder is None else [folder]
    paths = dict.fromkeys([*own, *options.named_folders, *(path.resolve() for path in named)])
    written = _written(options)
    read = [path for path in paths if path not in written and not any(one in path.parents for one in paths)]
    for path in (*read, *written):
        if {",", ":"} & {*str(path)}:
            raise UsageError("--bind of Apptainer takes no path with a comma or colon", path, "rename it")
    return Container(image, read, written, folder)


def _written(options: RunOptions) -> tuple[Path, ...]:
    """Folders that jobs write into."""
    return (options.out_dir, *([options.work_dir] if options.work_dir else []))


def _atlas_folders(options: RunOptions) -> tuple[Path, ...]:
    """Where names of atlases are looked for, if there are any."""
    return dataset.local_folders(options.regions.folders) if options.regions.atlases else ()


def _of_settings(options: RunOptions) -> list[Path]:
    """Folders of the analysis file and of the recipe: features and tables that these name lie beside them."""
    return [Path(name).parent for name in (options.analysis, options.stimuli) if name and Path(name).is_file()]


def _of_regions(options: RunOptions) -> list[Path]:
    """Folders of atlases, whose tables and other hemispheres lie beside them or a folder up, and of masks."""
    asked, folders = options.regions, _atlas_folders(options)
    found = [*folders]
    for given in asked.atlases:
        for path in dataset.find_atlas(given, folders):
            table = dataset.table_of(path) if path.is_file() else None
            found += [path.parent, *([table.parent] if table else [])]
    masks = (options.bids_dir / template for _, template in asked.localisers)
    found += [next(one for one in path.parents if "{" not in str(one)) for path in masks]
    return found


def _named(given: Sequence[str]) -> list[Path]:
    """Files and folders among the words of a command line, and behind their `=`."""
    words = [Path(text) for word in given if (text := word.partition("=")[2] if "=" in word else word)]
    return [path for path in words if _is_there(path)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long a name, and the like, is none
        return False
