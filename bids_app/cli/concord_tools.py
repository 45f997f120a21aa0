"""Companion commands: the demo data set, models fetched ahead, presets and recipes, a check of analysis files,
runs compared, and jobs of a cluster."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from bids_app import __version__
from bids_app.cli.arguments import a_path, sbatch_line, slurm_time, whole_number
from bids_app.cli.asked_regions import add_regions, asked_regions
from bids_app.cli.one_line import run_in_one_line
from bids_app.errors import UsageError
from bids_app.process import usable_home


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint="concord-tools --help shows the usage")


def build_parser() -> argparse.ArgumentParser:
    """One subcommand a task."""
    parser = _Parser(prog="concord-tools", description="Companions of concord.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"concord-tools {__version__}")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="twice shows tracebacks")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    demo = commands.add_parser("demo", help="make the demo data set: DIR/bids, DIR/models, DIR/truth.tsv")
    demo.add_argument("folder", type=a_path, metavar="DIR", help="where it is made")
    demo.set_defaults(call=_demo)
    presets = commands.add_parser("presets", help="list the analyses that ship, or print one")
    presets.add_argument("name", nargs="?", metavar="NAME", help="print this one")
    presets.set_defaults(call=_presets)
    recipes = commands.add_parser("recipes", help="list the recipes of --stimuli that ship, or print one")
    recipes.add_argument("name", nargs="?", metavar="NAME", help="print this one")
    recipes.set_defaults(call=_recipes)
    check = commands.add_parser("check-analysis", help="check an analysis file and print it with every default")
    check.add_argument("file", metavar="FILE", help="a preset or a YAML file")
    check.add_argument("--model-dir", type=a_path, metavar="DIR", help="where patterns in 'models' are looked for")
    check.set_defaults(call=_check)
    compare = commands.add_parser(
        "compare",
        help="paired differences between runs, by target and region and over participants, with one page",
        description="Paired differences of R² between runs that predict the same held-out samples, with p and "
        "intervals over blocks of time: by target, by region where there is an atlas or a localiser, and over "
        "participants. Every two runs are compared, the first less the second. DIR gets maps or tables, and "
        "compare.html (of another component than full compare_LABEL.html).",
        epilog="exit code 1: some units were left out, and are named; 64: no such component, which lists those there "
        "are; 65: nothing could be paired, or no unit can have an atlas, and why; 66: blocks were not saved, or an "
        "atlas is not there.",
    )
    compare.add_argument(
        "out_dirs", nargs="+", type=a_path, metavar="OUT_DIR", help="two or more; each run with --save blocks"
    )
    compare.add_argument("--to", required=True, type=a_path, metavar="DIR", help="where maps, tables and the page go")
    labels = (
        "what is compared: full (default), a feature group (speech), a unique part (uniqueSpeech) or a shared one; "
        "several make a page each"
    )
    compare.add_argument("--component", nargs="+", default=["full"], metavar="LABEL", help=labels)
    add_regions(compare.add_argument_group("by region"))
    compare.set_defaults(call=_compare)
    _add_slurm(
        commands.add_parser(
            "slurm",
            help="write jobs of a SLURM cluster: features, then a participant a task, then the group",
            usage="concord-tools slurm BIDS_DIR OUT_DIR --to DIR [options of concord] [--container IMAGE.sif] …",
            epilog="All other options are those of concord: --analysis, --model-dir, --omp-nthreads (cores of a job, "
            "default 4), --mem-mb (memory of its fits) and so on.",
        )
    )
    fetch = commands.add_parser("prefetch", help="download every model that an analysis names, pinned to a revision")
    fetch.add_argument("--analysis", required=True, metavar="PRESET|FILE", help="whose models are fetched")
    fetch.add_argument("--model-dir", required=True, type=a_path, metavar="DIR", help="where they go")
    fetch.set_defaults(call=_prefetch)
    return parser


def _add_slurm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bids_dir", metavar="BIDS_DIR", help="as of concord")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="as of concord")
    parser.add_argument("--to", required=True, type=a_path, metavar="DIR", help="where the scripts go")
    parser.add_argument("--container", type=a_path, metavar="IMAGE.sif", help="run in this Apptainer image")
    gpus = "GPUs of the jobs that compute features and fits; default: 0"
    parser.add_argument("--gpus", type=whole_number(64), default=0, metavar="N", help=gpus)
    parser.add_argument("--time", type=slurm_time, default="24:00:00", help="limit of each job; default: 24:00:00")
    parser.add_argument(
        "--at-once", type=whole_number(10**6), metavar="N", help="participants at a time; default: all"
    )
    lines = "an option of sbatch for every job, as --sbatch=--partition=long; may be given several times"
    parser.add_argument("--sbatch", type=sbatch_line, action="append", default=[], metavar="OPTION", help=lines)
    parser.set_defaults(call=_slurm)


def _demo(given: argparse.Namespace) -> None:
    from bids_app.demo import make_demo
    from bids_app.process import limit_threads

    limit_threads(1)  # the last digits of models that are drawn hang on the threads, and all that is planted on these
    make_demo(given.folder)
    print(f"The demo data set lies in {given.folder}")


def _presets(given: argparse.Namespace) -> None:
    from bids_app.settings.load import load_analysis, preset_names, preset_text

    if given.name is None:
        print(*preset_names(), sep="\n")
        return
    load_analysis(given.name)
    print(preset_text(given.name), end="")


def _recipes(given: argparse.Namespace) -> None:
    from bids_app.settings.recipe_files import load_recipe, recipe_names, recipe_text

    if given.name is None:
        print(*recipe_names(), sep="\n")
        return
    load_recipe(given.name)
    print(recipe_text(given.name).rstrip("\n") if given.name in recipe_names() else "fine")


def _check(given: argparse.Namespace) -> None:
    from bids_app.pipeline.job.job import resolve
    from bids_app.settings.load import as_yaml
    from bids_app.settings.several_models import chosen_models

    models = chosen_models(given.file, given.model_dir)
    print(*(as_yaml(resolve(given.file, None, model)[2]) for model in models or (None,)), sep="---\n", end="")


def _compare(given: argparse.Namespace) -> int:
    from bids_app.pipeline.compare.runs import compare

    regions = asked_regions(given.atlas, given.atlas_dir, given.localiser)
    components = dict.fromkeys(given.component)
    return 1 if sum(compare(given.out_dirs, given.to, one, print, regions) for one in components) else 0


def _slurm(given: argparse.Namespace) -> None:
    from bids_app.cli.concord import LEVELS, parse_arguments
    from bids_app.pipeline.slurm.write import Wanted, write_slurm

    if given.rest and not given.rest[0].startswith("-"):
        hint = "BIDS_DIR and OUT_DIR come first, then options; levels are not named: jobs go through all"
        raise UsageError(f"unexpected '{given.rest[0]}'", hint=hint)
    options = parse_arguments([given.bids_dir, given.out_dir, *LEVELS, *given.rest])
    wanted = Wanted(given.to, given.container, given.gpus, given.time, given.at_once, given.sbatch)
    command = shlex.join(["concord-tools", *given.arguments])
    write_slurm(replace(options, command=command), given.rest, wanted, print)


def _prefetch(given: argparse.Namespace) -> None:
    from bids_app.features import prefetch
    from bids_app.pipeline.job.job import resolve
    from bids_app.settings.several_models import chosen_models

    models = chosen_models(given.analysis, given.model_dir)
    specs = [spec for model in models or (None,) for spec in resolve(given.analysis, None, model)[1].values()]
    given.model_dir.mkdir(parents=True, exist_ok=True)
    prefetch(specs, given.model_dir, print)


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code; every error is one line on standard error."""
    return run_in_one_line("concord-tools", arguments, lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = build_parser()
    given, rest = parser.parse_known_args(arguments)
    if rest and given.command != "slurm":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given.rest, given.arguments = rest, arguments
    with usable_home():
        return given.call(given) or 0


def entry() -> NoReturn:
    """The console script `concord-tools`."""
    sys.exit(main(sys.argv[1:]))
