"""Runs compared, every two of them, and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from bids_app import outputs
from bids_app.errors import DataError, NoInput, UsageError
from bids_app.pipeline.compare.pair import Asked, compared_pair, participants_of_both
from bids_app.pipeline.job.atlases import Atlases, load_atlases, require_masks
from bids_app.records.compared.differences import ComparedRuns
from bids_app.settings.run_options import AskedRegions

PAGE = "compare.html"  # of the full model; of another component with its label


def page_name(component: str) -> str:
    """`compare.html`, `compare_uniqueSpeech.html`: comparisons of several components lie beside each other.

    Parameters
    ----------
    component : its label.
    """
    return PAGE if component == "full" else f"{PAGE.removesuffix('.html')}_{component}.html"


def compare(
    out_dirs: Sequence[Path],
    to: Path,
    component: str,
    say: Callable[[str], object],
    asked_regions: AskedRegions,
) -> int:
    """Compare every two of some runs, and write maps or tables a unit and over participants, and one page.

    Parameters
    ----------
    out_dirs : two or more, each fitted with `--save blocks`.
    to : the folder for what is written.
    component : label of what is compared: `full`, a feature group, `unique…`, `shared…`.
    say : takes one line at a time.
    asked_regions : regions that differences are summarised by; own masks are looked for in the data set of the first
        run.

    Returns
    -------
    How many units, of both runs or of one, were left out, or have own masks that cannot be read.

    Raises
    ------
    UsageError, NoInput : a folder is no OUT_DIR, they have no unit in common, or there is no such component; an atlas
        or its table is not there.
    DataError : all units have other targets, responses, folds or blocks in the two, or no unit can have an atlas.
    ReadWriteError : a file is gone, broken or not what was written.
    CannotCreate : where nothing can be written.
    """
    named = _names(out_dirs)
    for out_dir in named.values():
        if not outputs.holds_results(out_dir):
            raise NoInput(
                "no results of Concord", out_dir, "give the OUT_DIR of a run; of several models a folder of one"
            )
    atlases = load_atlases(asked_regions, outputs.data_set_of(out_dirs[0]))
    pairs = []
    for one, other in combinations(named, 2):
        folders = named[one], named[other]
        for line in require_masks(atlases, participants_of_both(folders)):
            say(line)
        found = compared_pair((one, other), folders, Asked(component, atlases))
        for line in found.left_out:
            say(f"left out: {line}")
        for line in dict.fromkeys(note for unit in found.units for note in unit.notes):
            say(f"regions: {line}")
        pairs.append(found)
    failed = _without_regions(atlases, pairs)
    page = page_name(component)
    outputs.write_comparison(to, pairs, page)
    say(f"{sum(len(one.units) for one in pairs)} comparisons: see {to / page}")
    return sum(len(one.left_out) for one in pairs) + failed


def _names(out_dirs: Sequence[Path]) -> dict[str, Path]:
    """Name → OUT_DIR: its folder's, with as many folders above it as tell them apart. Raises UsageError."""
    roots = [path.resolve() for path in out_dirs]
    if len({*roots}) < max(2, len(roots)):
        raise UsageError(
            "compare takes two OUT_DIRs or more, each once", hint="concord-tools compare OUT1 OUT2 --to DIR"
        )
    depth = 1
    while len({path.parts[-depth:] for path in roots}) < len(roots):
        depth += 1
    return {"/".join(path.parts[-depth:]): path for path in roots}


def _without_regions(atlases: Atlases, pairs: Sequence[ComparedRuns]) -> int:
    """Of how many units own masks could not be read. Raises DataError where no unit has a region of an atlas."""
    units = [unit for pair in pairs for unit in pair.units]
    called = {row.atlas for unit in units for row in unit.regions}
    for given, files in atlases.asked.items():
        if not called & {one.name for one in files}:
            why = next((note for unit in units for note in unit.notes if note.startswith(given)), "no unit has it")
            raise DataError(why, "--atlas", "take an atlas of the space that results are in")
    return sum(unit.lost_regions for unit in units)
