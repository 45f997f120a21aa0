"""What the name of one file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# fMRIPrep before 1.2 put `bold` before what it derived from it, and the hemisphere into the extension.
OLD_DERIVATIVES = {
    "preproc": ("preproc", "bold"), "brainmask": ("brain", "mask"), "confounds": ("confounds", "timeseries"),
}  # fmt: skip
HEMISPHERE = re.compile(r"^\.([LR])\.func\.(gii|json)$")


@dataclass(frozen=True)
class Entry:
    """One file: entities by short key, as written in its name and in that order.

    Parameters
    ----------
    path : of the file.
    entities : short key → value.
    suffix : such as 'bold'; '' where the name ends with an entity.
    extension : with its dot, such as '.nii.gz'.
    """

    path: Path
    entities: Mapping[str, str]
    suffix: str
    extension: str


def parse_name(path: Path) -> Entry:
    """`sub-01_run-02_bold.nii.gz` → {'sub': '01', 'run': '02'}, 'bold', '.nii.gz'.

    Names of fMRIPrep before 1.2 are read as today's: `…_bold_space-MNI_preproc` as `…_space-MNI_desc-preproc_bold`,
    `…_bold_space-fsaverage5.L.func.gii` as `…_space-fsaverage5_hemi-L_bold.func.gii`; `.func.json` and
    `.dtseries.json` as `.json`.
    """
    stem, dot, rest = path.name.partition(".")
    extension = ".json" if rest.endswith(".json") else dot + rest
    parts = stem.split("_")
    entities = dict(part.split("-", 1) for part in parts if "-" in part)
    suffix = "" if "-" in parts[-1] else parts[-1]
    if "bold" not in parts[:-1]:
        return Entry(path, entities, suffix, extension)
    desc, suffix = OLD_DERIVATIVES.get(suffix, ("", suffix or "bold"))
    side = HEMISPHERE.match(dot + rest)
    if side:
        entities["hemi"] = side[1]
        extension = ".json" if side[2] == "json" else ".func.gii"
    return Entry(path, entities | ({"desc": desc} if desc else {}), suffix, extension)


def same(value: str, other: str) -> bool:
    """Whether two values of an entity are equal; `run-1` is `run-01`.

    Parameters
    ----------
    value, other : values of one entity, as written.
    """
    return value == other or (value.isdecimal() and other.isdecimal() and int(value) == int(other))
