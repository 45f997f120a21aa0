"""The regions that a run was asked for: atlases read once, and each participant's own masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from bids_app import dataset
from bids_app.errors import NoInput, UsageError
from bids_app.records.regions.atlases import Atlas
from bids_app.settings.run_options import AskedRegions
from bids_app.templates import fill

FIELD = re.compile(r"\{participant(?::[^}]*)?\}")


@dataclass(frozen=True)
class Atlases:
    """Regions that finished results are summarised by.

    Parameters
    ----------
    asked : of each that was asked for, its files: one, or one a space and kind of labels.
    localisers : name of a region → template of its file, with `{participant}`.
    bids_dir : where relative ones begin.
    """

    asked: Mapping[str, Sequence[Atlas]]
    localisers: Mapping[str, str]
    bids_dir: Path

    def mask_file(self, name: str, participant: str) -> Path:
        """A participant's own mask, whether it is there or not.

        Parameters
        ----------
        name : of the region.
        participant : label, without `sub-`.
        """
        return self.bids_dir / fill(self.localisers[name], {"participant": participant})

    def has_masks(self, name: str) -> bool:
        """Whether anybody has a mask, in this run or not.

        Parameters
        ----------
        name : of the region.
        """
        around = FIELD.split(str(self.bids_dir / self.localisers[name]).lstrip("/"))
        return next(Path("/").glob("*".join(map(escape, around))), None) is not None

    def masks(self, participant: str) -> list[Atlas]:
        """A participant's own masks, of the files that are there. Raises DataError where one is damaged or empty.

        Parameters
        ----------
        participant : label, without `sub-`.
        """
        files = {name: self.mask_file(name, participant) for name in self.localisers}
        return [dataset.read_mask(path, name, participant) for name, path in files.items() if path.is_file()]


def load_atlases(asked: AskedRegions, bids_dir: Path) -> Atlases:
    """Read what was asked for.

    Parameters
    ----------
    asked : of the command line.
    bids_dir : the data set.

    Raises
    ------
    NoInput : an atlas, or its table, is not there.
    DataError : one is damaged, or a name is that of several.
    UsageError : two atlases are called the same, or a localiser's file has other fields in braces.
    """
    folders = dataset.local_folders(asked.folders) if asked.atlases else ()
    found = {
        given: tuple(dataset.read_atlas(path) for path in dataset.find_atlas(given, folders))
        for given in asked.atlases
    }
    owner: dict[str, str] = {}
    for given, atlases in found.items():
        for atlas in atlases:
            if owner.setdefault(atlas.name, given) != given:
                what = f"'{owner[atlas.name]}' and '{given}' are one atlas by their names, {atlas.name}"
                raise UsageError(what, atlas.path, "give one of them, or rename its files")
    for name, template in asked.localisers:
        try:
            fill(template, {"participant": "01"})
        except (KeyError, ValueError) as error:
            what = f"the file of the localiser '{name}' has a field that is not {{participant}}: {error}"
            raise UsageError(what, template) from None
    return Atlases(found, dict(asked.localisers), bids_dir)


def require_masks(atlases: Atlases, participants: Sequence[str]) -> list[str]:
    """Lines about participants who have no mask of a localiser.

    Parameters
    ----------
    atlases : with the localisers.
    participants : labels, without `sub-`.

    Raises
    ------
    NoInput : nobody has one, whoever else is in the data set.
    """
    lines = []
    for name in atlases.localisers:
        missing = [one for one in participants if not atlases.mask_file(name, one).is_file()]
        if missing and len(missing) == len(participants) and not atlases.has_masks(name):
            raise NoInput(f"nobody has a mask of the localiser '{name}'", atlases.mask_file(name, missing[0]))
        if missing:
            who = ", ".join(f"sub-{one}" for one in missing)
            lines.append(f"regions: no mask of the localiser '{name}': {who}")
    return lines
