"""Names of regions: tables beside a label image, of BIDS and TemplateFlow, FSL, FreeSurfer and nilearn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.dataset.files.tables import decode, read_table
from bids_app.errors import DataError
from bids_app.inputs.opening import reading
from bids_app.records.entities import entities_of

ENDINGS = (".tsv", ".csv", ".xml", ".txt", ".lut", ".ctab")
INDEX = ("index", "id", "value", "labelid")
NAME = ("name", "label", "region", "roi")
NO_REGION = re.compile(r"\?+|unknown|background(\+.*)?|medial[ _]?wall|none|n/a", re.IGNORECASE)
CORTICAL, SUBCORTICAL = "HarvardOxford-Cortical", "HarvardOxford-Subcortical"
FSL_TABLES = {"cort-": CORTICAL, "cortl-": f"{CORTICAL}-Lateralized", "sub-": SUBCORTICAL}  # by what follows the name
FRONT = r"(?:\d+(?:\.\d+)?\s+){3,6}(?=\S*[^\d\s])"  # colours before a name
LINE = re.compile(r"\s*(\d+)[\s,;]+(.+)")


def table_of(image: Path) -> Path | None:
    """The table of names that belongs to a label image, by its name; None where none lies there.

    Parameters
    ----------
    image : a label image; its table lies beside it, or, of FSL's, a folder up.
    """
    stem = image.name.split(".")[0]
    for start, fsl in FSL_TABLES.items():
        if stem.startswith(f"HarvardOxford-{start}"):
            named = [folder / f"{fsl}.xml" for folder in (image.parent, image.parent.parent)]
            return next((one for one in named if one.is_file()), None)
    beside = sorted(one for one in image.parent.iterdir() if one.suffix.lower() in ENDINGS and one.is_file())
    fitting = [one for one in beside if _is_of(one.name.split(".")[0], stem)]
    return max(fitting, key=lambda one: (len(one.stem), -ENDINGS.index(one.suffix.lower())), default=None)


def _is_of(table: str, image: str) -> bool:
    """Whether a table's stem is an image's, or says no more: of BIDS in its entities, else in its first letters."""
    if table == image:
        return True
    own, others = entities_of(table), entities_of(image)
    if own and others:
        return own.items() <= others.items() and bool({"atlas", "seg"} & {*own})
    return image.startswith(f"{table}_") and len(table) > len("atlas")


def read_names(path: Path) -> dict[int, str]:
    """Label → name of the region, of a table of any of these formats.

    Parameters
    ----------
    path : a `.tsv` or `.csv` with `index` and `name`, FSL's `.xml`, or lines of a number and a name (FreeSurfer's
        colour tables, nilearn's `.txt`).

    Returns
    -------
    Without label 0, and names that stand for no region (`???`, `unknown`).

    Raises
    ------
    DataError : it cannot be read, names no label, or one label twice.
    """
    suffix = path.suffix.lower()
    rows = _xml(path) if suffix == ".xml" else _columns(path) if suffix in (".tsv", ".csv") else None
    pairs = [*(_lines(path) if rows is None else rows)]
    found: dict[int, str] = {}
    for label, name in pairs:
        if label and found.setdefault(label, name) != name:
            raise DataError(f"label {label} has two names, {found[label]} and {name}", path)
    return named_regions(found, path)


def named_regions(found: Mapping[int, str], path: Path) -> dict[int, str]:
    """Labels of regions alone, each with a name of one line.

    Parameters
    ----------
    found : label → name, as a file has it.
    path : of the file.

    Raises
    ------
    DataError : where none is left.
    """
    tidy = {label: " ".join(name.split()) for label, name in sorted(found.items()) if label > 0}
    regions = {label: name for label, name in tidy.items() if name and not NO_REGION.fullmatch(name)}
    if not regions:
        raise DataError("it names no region", path, "a table with the columns index and name is expected")
    return regions


def _columns(path: Path) -> Iterator[tuple[int, str]] | None:
    """Rows of a table with a header; None where it has none that names both columns."""
    table = read_table(path)
    index, name = table.first(INDEX), table.first(NAME)
    if index is None or name is None:
        return None
    cells = zip(table.column(index), table.column(name), strict=True)
    return ((_whole(label, path), called) for label, called in cells if label)


def _whole(cell: str, path: Path) -> int:
    try:
        number = float(cell)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise DataError(f"'{cell}' is no label: a whole number is expected", path)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a number and a name. Colours may come before the name (FSLeyes, ITK-SNAP) or after it (FreeSurfer)."""
    found = [one for line in decode(path).splitlines() if (one := LINE.match(line)) and len(one[1]) <= 9]
    names = _without_colours([one[2].strip() for one in found])
    return iter([(int(one[1]), name.strip(' \t,;"')) for one, name in zip(found, names, strict=True)])


def _without_colours(rests: Sequence[str]) -> list[str]:
    """What follows each number, without the colours: as many numbers in every line, in front of a name or behind it.
    Of four behind it the first may be the name's own (`Area 44 120 18 131`): then names without it are alike, and the
    last is a colour, not an opacity that all have."""
    if all(re.match(FRONT, rest) for rest in rests):
        return [re.sub(FRONT, "", rest) for rest in rests]
    for count in (4, 3):
        behind = re.compile(rf"(?:[\s,;]+-?\d+(?:\.\d+)?){{{count}}}\s*$")
        names = [behind.sub("", rest) for rest in rests]
        has_opacity = count == 4 and all(re.search(r"[\s,;](0|1|255)$", rest) for rest in rests)
        if all(map(behind.search, rests)) and (has_opacity or len({*names}) == len(names)):
            return names
    return [*rests]


@dataclass
class _Labels:
    """What is gathered of FSL's XML: its type, and labels with their names."""

    path: Path
    kind: str = ""
    rows: list[tuple[int, str]] = field(default_factory=list)
    index: int | None = None
    text: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A tag is opened."""
        self.text = []
        if name == "label":
            self.index = _whole(attributes.get("index", ""), self.path)

    def gather(self, text: str) -> None:
        """Text between tags."""
        self.text.append(text)

    def end(self, name: str) -> None:
        """A tag is closed."""
        if name == "type":
            self.kind = "".join(self.text).strip().lower()
        elif name == "label" and self.index is not None:
            self.rows.append((self.index, "".join(self.text)))
            self.index = None

    def refuse_entity(self, *declared: object) -> None:
        """An entity may stand for a file, or for text without end."""
        raise DataError("it declares entities, which no table of labels needs", self.path)


def _xml(path: Path) -> Iterator[tuple[int, str]]:
    """FSL's: a probabilistic atlas numbers its maps from 0, and its image of the likeliest one from 1."""
    from xml.parsers import expat

    text, labels = decode(path), _Labels(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = labels.start, labels.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = labels.gather, labels.refuse_entity
    with reading(path):
        parser.Parse(text.encode(), True)
    shift = int(labels.kind.startswith("prob"))
    return ((index + shift, name) for index, name in labels.rows)
