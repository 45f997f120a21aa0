"""Options by which finished results are summarised: atlases, and participants' own masks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bids_app.cli.arguments import a_path
from bids_app.errors import NoInput, UsageError
from bids_app.settings.run_options import AskedRegions


def add_regions(group: argparse._ArgumentGroup) -> None:
    """The options that say which regions results are summarised by.

    Parameters
    ----------
    group : of the parser, which they are added to.
    """
    group.add_argument(
        "--atlas",
        nargs="+",
        default=[],
        metavar="NAME|FILE",
        help="summarise finished results by the regions of atlases: a label image, .label.gii, .annot or .dlabel.nii "
        "with its table, or the name of one in local folders (Schaefer2018, Harvard-Oxford, Glasser); nothing is "
        "fetched",
    )
    group.add_argument(
        "--atlas-dir",
        nargs="+",
        type=a_path,
        default=[],
        metavar="DIR",
        help="where atlases are looked for by name, before TEMPLATEFLOW_HOME and nilearn's folders",
    )
    group.add_argument(
        "--localiser",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="each participant's own mask as a region: a file, from BIDS_DIR, with {participant} in its name",
    )


def asked_regions(atlases: Sequence[str], folders: Sequence[Path], localisers: Sequence[str]) -> AskedRegions:
    """What these options ask for.

    Parameters
    ----------
    atlases : files and names.
    folders : where names are looked for.
    localisers : each NAME=FILE.

    Raises
    ------
    UsageError : a localiser is not of that form, two have one name, or an atlas has an empty one.
    NoInput : a folder is not there.
    """
    own: dict[str, str] = {}
    for item in localisers:
        name, separator, pattern = item.partition("=")
        if not (separator and name and "{participant}" in pattern) or name in own:
            what = "two localisers have one name" if name in own else "it is not NAME=FILE with {participant} in FILE"
            raise UsageError(
                what, f"--localiser {item}", "such as lang='derivatives/lang/sub-{participant}_mask.nii.gz'"
            )
        own[name] = pattern
    for folder in folders:
        if not folder.is_dir():
            raise NoInput("--atlas-dir names no folder", folder, "give the folder that atlases lie in")
    if "" in atlases:
        raise UsageError("--atlas has an empty name", hint="give a name or a file")
    once = tuple(dict.fromkeys(atlases))
    return AskedRegions(once, tuple(folder.resolve() for folder in folders), tuple(own.items()))
