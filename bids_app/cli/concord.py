"""The BIDS App's command line: arguments in, exit code out. Heavy imports wait until arguments are right."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from bids_app import __version__
from bids_app.cli.arguments import a_path, scheduler_address, whole_number
from bids_app.cli.asked_regions import add_regions, asked_regions
from bids_app.cli.one_line import run_in_one_line
from bids_app.cli.terminal import screen_of, shown
from bids_app.errors import NoInput, UnknownLevel, UsageError
from bids_app.inputs.opening import read_named
from bids_app.pointers import require_content
from bids_app.process import set_environment, temporary_files_in, usable_home
from bids_app.records import SAVED, ModelSource, RecordingQuery
from bids_app.records.entities import LABEL
from bids_app.settings.run_options import RunOptions

LEVELS = ("participant", "group")
MOST_THREADS, MOST_PROCESSES, MOST_MB = 1024, 1024, 10**9


class _Parser(argparse.ArgumentParser):
    """argparse with our exit code (64) and our one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint="concord --help shows the usage")


def build_parser() -> argparse.ArgumentParser:
    """The parser; every option in it does something."""
    parser = _Parser(
        prog="concord",
        description="What do speech and language models share in predicting the brain, and what is theirs alone? "
        "Reads a BIDS data set with fMRI or iEEG derivatives, writes BIDS derivatives, maps and reports.",
        epilog="Exit codes: 0 all done, 1 some recordings failed or were left out, 16 not BIDS, 17 unknown level, "
        "18 nothing matched, 64 usage, 65 data error, 66 no input, 70 a bug of Concord, 73 cannot create output, "
        "74 I/O, 75 out of memory or held by another job.",
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=a_path, metavar="BIDS_DIR", help="the data set; nothing is written into it")
    parser.add_argument("out_dir", type=a_path, metavar="OUT_DIR", help="where results go")
    parser.add_argument("levels", nargs="+", metavar="{participant,group}", help="one level or both")
    parser.add_argument("--version", action="version", version=f"concord {__version__}")
    _add_selection(parser.add_argument_group("Options for filtering BIDS queries"))
    _add_performance(parser.add_argument_group("Options to handle performance"))
    _add_subset(parser.add_argument_group("Options for performing only a subset of the workflow"))
    _add_analysis(parser.add_argument_group("Workflow configuration"))
    add_regions(parser.add_argument_group("Options for results by region"))
    _add_other(parser.add_argument_group("Other options"))
    return parser


def _add_selection(group: argparse._ArgumentGroup) -> None:
    labels = "with or without its prefix; or a text file with one label a line"
    group.add_argument("--skip-bids-validation", action="store_true", help="accepted: input is checked by preflight")
    group.add_argument("--participant-label", nargs="+", default=[], metavar="L", help=labels)
    group.add_argument("--exclude-participant-label", nargs="+", default=[], metavar="L", help=labels)
    group.add_argument("--session-label", nargs="+", default=[], metavar="L", help=labels)
    group.add_argument("-t", "--task-id", nargs="+", default=[], metavar="L", help=labels)
    group.add_argument("--bids-filter-file", type=a_path, metavar="F", help="fMRIPrep's JSON")
    group.add_argument(
        "-d",
        "--derivatives",
        nargs="+",
        default=[],
        metavar="[NAME=]PATH",
        help="default: every data set under BIDS_DIR/derivatives",
    )
    group.add_argument("--modality", choices=("auto", "fmri", "ieeg"), default="auto", help="default: what is there")
    group.add_argument(
        "--space",
        nargs="+",
        default=[],
        metavar="S",
        help="space of the responses (MNI152NLin2009cAsym, fsaverage5, an atlas's seg- label, n/a for names without "
        "space-); default: all found",
    )
    group.add_argument(
        "--unnamed-space",
        metavar="S",
        help="the space of BOLD files whose names have no space-; default: unknown, no maps over participants",
    )
    group.add_argument(
        "--desc",
        metavar="L",
        help="desc- of the responses, n/a for names without; default: preproc, preprocessed, none, denoised, or "
        "the only one there is",
    )


def _add_analysis(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--analysis",
        default="speech-language",
        metavar="PRESET|FILE",
        help="a preset (concord-tools presets) or a YAML file; default: speech-language",
    )
    group.add_argument(
        "--stimuli",
        metavar="NAME|FILE",
        help="how the data set plays its stimuli, where its events do not say: a recipe (concord-tools recipes) or a "
        "YAML file",
    )
    group.add_argument(
        "--stimuli-table",
        type=a_path,
        metavar="FILE",
        help="what a recipe asks for, by recording: a TSV or CSV with columns such as sub, task, run and onset",
    )
    group.add_argument("--model-dir", type=a_path, metavar="DIR", help="where model weights lie")
    group.add_argument("--offline", action="store_true", help="never touch the network (as HF_HUB_OFFLINE=1)")
    group.add_argument(
        "--features-from",
        nargs="+",
        type=a_path,
        default=[],
        metavar="DIR",
        help="other OUT_DIRs whose features are used where they are the same; nothing is written there",
    )
    group.add_argument(
        "--save",
        nargs="+",
        choices=SAVED,
        default=[],
        metavar="WHAT",
        help="keep models too: predictions (held-out time courses), weights, alphas (of each fold and union), "
        "blocks (sums that concord-tools compare reads); it changes no number",
    )


def _add_performance(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: a GPU if there is one")
    _add_cluster(group.add_mutually_exclusive_group())
    group.add_argument(
        "--omp-nthreads",
        type=whole_number(MOST_THREADS),
        metavar="N",
        help="threads of each process; default: the cores, with --nprocs those of each process (cores / nprocs), of "
        "a cluster's worker 1",
    )
    group.add_argument(
        "--mem-mb",
        type=whole_number(MOST_MB),
        metavar="MB",
        help="memory a fit may take, in each process; changes no number",
    )


def _add_subset(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--dry-run", action="store_true", help="print and write the plan, compute nothing")
    group.add_argument("--reports-only", action="store_true", help="only write the reports again")
    group.add_argument(
        "--features-only", action="store_true", help="only make features that are missing, of everybody's stimuli"
    )


def _add_other(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-w",
        "--work-dir",
        type=a_path,
        metavar="DIR",
        help="where working files lie while a run lasts, and temporary ones of libraries; default: OUT_DIR/logs, and "
        "the machine's folder for temporary files",
    )
    group.add_argument("--force", action="store_true", help="recompute what is there")
    group.add_argument(
        "--stop-on-first-crash", action="store_true", help="stop at the first recording or model that fails"
    )
    group.add_argument("--notrack", action="store_true", help="accepted: there is no tracking")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing; errors, and the log, are as ever")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="stages and libraries' warnings besides; twice: tracebacks"
    )


def _add_cluster(group: argparse._MutuallyExclusiveGroup) -> None:
    group.add_argument(
        "--nprocs",
        type=whole_number(MOST_PROCESSES),
        default=1,
        metavar="N",
        help="processes on this machine that units of work are given to; default: 1, this one",
    )
    group.add_argument(
        "--dask-scheduler",
        type=scheduler_address,
        metavar="ADDRESS",
        help="a dask cluster that is there: tcp://HOST:PORT",
    )
    group.add_argument(
        "--dask-scheduler-file", type=a_path, metavar="FILE", help="the same, by the file that its scheduler wrote"
    )


def _hyphened(argument: str) -> str:
    """Underscores in a flag's name serve as hyphens do; its value is left alone."""
    flag, separator, value = argument.partition("=")
    return flag.replace("_", "-") + separator + value if argument.startswith("--") else argument


def parse_arguments(arguments: Sequence[str]) -> RunOptions:
    """Command line → RunOptions. Raises UsageError (64), UnknownLevel (17) and NoInput (66)."""
    given = build_parser().parse_args([_hyphened(argument) for argument in arguments])
    for level in given.levels:
        if level not in LEVELS:
            raise UnknownLevel(f"unknown analysis level '{level}'", hint="participant, group, or both")
    offline = given.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    query = RecordingQuery(
        bids_dir=given.bids_dir.resolve(),
        out_dir=_checked_out_dir(given.bids_dir.resolve(), given.out_dir.resolve()),
        derivatives=_derivatives(given.derivatives),
        participants=_labels(given.participant_label, "sub"),
        excluded_participants=_labels(given.exclude_participant_label, "sub"),
        sessions=_labels(given.session_label, "ses"),
        tasks=_labels(given.task_id, "task"),
        filters=_filters(given.bids_filter_file),
        modality=given.modality,
        spaces=tuple(given.space),
        desc=_label(given.desc, "desc"),
        unnamed_space=_label(given.unnamed_space, "space"),
    )
    return RunOptions(
        query=query,
        levels=tuple(level for level in LEVELS if level in given.levels),
        analysis=given.analysis,
        stimuli=given.stimuli,
        stimuli_table=_table(given.stimuli, given.stimuli_table),
        models=ModelSource(given.model_dir and given.model_dir.resolve(), offline, given.device),
        features_from=_features_from(given.features_from),
        threads=given.omp_nthreads,
        mem_mb=given.mem_mb,
        work_dir=_checked_work_dir(given.work_dir and given.work_dir.resolve(), query),
        save=tuple(given.save),
        nprocs=given.nprocs,
        scheduler=given.dask_scheduler,
        scheduler_file=given.dask_scheduler_file and given.dask_scheduler_file.resolve(),
        regions=asked_regions(given.atlas, given.atlas_dir, given.localiser),
        dry_run=given.dry_run,
        force=given.force,
        stop_on_first_crash=given.stop_on_first_crash,
        reports_only=given.reports_only,
        features_only=_features_only(given),
        quiet=given.quiet,
        verbose=given.verbose,
        command=shlex.join(["concord", *arguments]),
    )


def _features_only(given: argparse.Namespace) -> bool:
    """Whether features alone are made. Raises UsageError with what asks for something else."""
    other = "the group level" if "group" in given.levels else "--reports-only" if given.reports_only else None
    if given.features_only and (other is not None or given.dry_run):
        hint = "leave one of them out" if other else "a dry run without it lists the features too"
        raise UsageError(f"--features-only and {other or '--dry-run'}", hint=hint)
    return bool(given.features_only)


def _checked_out_dir(bids_dir: Path, out_dir: Path) -> Path:
    """Nothing is written into bids_dir, but for a folder under its derivatives/."""
    inside = out_dir == bids_dir or bids_dir in out_dir.parents
    under_derivatives = bids_dir / "derivatives" in out_dir.parents
    if inside and not under_derivatives:
        raise UsageError("OUT_DIR lies in BIDS_DIR", out_dir, "choose one outside it, or under its derivatives/")
    if out_dir.exists() and not out_dir.is_dir():
        raise UsageError("OUT_DIR is a file", out_dir, "name a folder")
    return out_dir


def _checked_work_dir(work_dir: Path | None, query: RecordingQuery) -> Path | None:
    """Not in what is read, unless OUT_DIR lies there and it in OUT_DIR. Raises UsageError."""
    above = () if work_dir is None else (work_dir, *work_dir.parents)
    for root in (query.bids_dir, *query.derivatives.values()):
        if root in above and not (root in query.out_dir.parents and query.out_dir in above):
            name = "BIDS_DIR" if root == query.bids_dir else "a data set of --derivatives"
            raise UsageError(f"--work-dir lies in {name}", work_dir or "", "choose one outside it, or in OUT_DIR")
    return work_dir


def _label(given: str | None, prefix: str) -> str | None:
    """One label without its prefix, or 'n/a'; None where there is none. Raises UsageError."""
    return given if given in (None, "n/a") else _labels([given], prefix)[0]


def _labels(given: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Labels without prefix, in the order given, each once; an item that is a file gives one label a line."""
    words: list[str] = []
    for item in given:
        words += _lines(item) if _is_file(item) else [item]
    labels = [word.removeprefix(f"{prefix}-") for word in words]
    for label in labels:
        if not LABEL.fullmatch(label):
            raise UsageError(f"'{label}' is not a BIDS label", hint="letters and digits")
    return tuple(dict.fromkeys(labels))


def _is_file(item: str) -> bool:
    """Whether a label is the name of a file; too long a name, and the like, is none's."""
    with suppress(OSError):
        return Path(item).is_file()
    return False


def _lines(item: str) -> list[str]:
    try:
        return read_named(Path(item)).decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise UsageError(f"the file of labels is no text ({error})", item, "a label a line, in UTF-8") from None


def _table(recipe: str | None, table: Path | None) -> Path | None:
    """A table needs a recipe that uses it. Raises UsageError without."""
    if table is not None and recipe is None:
        raise UsageError("--stimuli-table without --stimuli", table, "name the recipe that it belongs to")
    return table


def _features_from(given: Sequence[Path]) -> tuple[Path, ...]:
    """Resolved OUT_DIRs that hold features; of several models' OUT_DIR the folders of each. Raises NoInput."""
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            raise NoInput("--features-from names no folder", path, "give another run's OUT_DIR")
        own = [folder.parent for folder in (path / "stimuli", *sorted(path.glob("*/stimuli"))) if folder.is_dir()]
        if not own:
            raise NoInput("--features-from names a folder without features", path, "give another run's OUT_DIR")
        found += (folder.resolve() for folder in own)
    return tuple(found)


def _derivatives(given: Sequence[str]) -> dict[str, Path]:
    """`NAME=PATH` or `PATH` (named by its folder). Raises UsageError where two have one name."""
    roots: dict[str, Path] = {}
    for item in given:
        name, separator, path = item.partition("=")
        try:
            root = a_path(path if separator else item).resolve()
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"argument -d/--derivatives: {error}") from None
        name = name if separator else root.name
        if roots.get(name, root) != root:
            raise UsageError(f"two derivatives are called '{name}'", root, "name them: -d NAME=PATH")
        roots[name] = root
    return roots


def _filters(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {}
    require_content(path, NoInput)
    try:
        content = json.loads(read_named(path).decode("utf-8-sig"))
    except OSError:
        raise NoInput("the filter file cannot be read", path) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the filter file is not JSON ({error})", path) from None
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise UsageError('the filter file is not of the form {"bold": {"run": 1}}', path)
    return content


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code; every error is one line on standard error."""
    return run_in_one_line("concord", arguments, lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    with temporary_files_in(options.work_dir), usable_home():
        set_environment(options.models.offline)
        from bids_app.pipeline.several_models import run_all

        with shown(options.verbose):
            return run_all(options, screen_of(options))


def entry() -> NoReturn:
    """The console script `concord`."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    entry()
