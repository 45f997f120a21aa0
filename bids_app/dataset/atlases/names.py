"""Names of regions: tables beside a label image, of BIDS and TemplateFlow, FSL, SPM, FreeSurfer, MRIcron and nilearn,
or a text within the image."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.dataset.files.tables import decode, read_table
from bids_app.errors import DataError
from bids_app.inputs.opening import MB, open_unpacked, reading
from bids_app.records.entities import entities_of

ENDINGS = (".tsv", ".csv", ".xml", ".txt", ".lut", ".ctab")
IMAGES = (".nii.gz", ".nii")
HEADER_SIZE, HEADER = 348, 352  # bytes of NIfTI-1, and with what says whether extensions follow
MOST_TEXT = 16 * MB  # of names within an image, before its values
INDEX = ("index", "id", "value", "labelid")
NAME = ("name", "label", "region", "roi")
ATLAS_KEYS = ("atlas", "seg", "atl")  # entities that name an atlas; the last one is of SUIT
SIDE = ("hemisphere", "hemi", "side")
NO_REGION = re.compile(r"\?+|unknown|background(\+.*)?|medial[ _]?wall|none|n/a", re.IGNORECASE)
CORTICAL, SUBCORTICAL = "HarvardOxford-Cortical", "HarvardOxford-Subcortical"
FSL_TABLES = {"cort-": CORTICAL, "cortl-": f"{CORTICAL}-Lateralized", "sub-": SUBCORTICAL}  # by what follows the name
FRONT = r"(?:\d+(?:\.\d+)?\s+){3,6}(?=\S*[^\d\s])"  # colours before a name
KEY = re.compile(r"(\d{1,9})(?:\s+\d+){4}")  # of a label, and its colour
LINE = re.compile(r"\s*(\d+)[\s,;]+(.+)")


def table_of(image: Path) -> Path | None:
    """The table of names that belongs to a label image, by its name; None where none lies there.

    Parameters
    ----------
    image : a label image; its table lies beside it, or, of FSL's, a folder up.
    """
    stem = stem_of_file(image.name)
    for start, fsl in FSL_TABLES.items():
        if stem.startswith(f"HarvardOxford-{start}"):
            named = [folder / f"{fsl}.xml" for folder in (image.parent, image.parent.parent)]
            return next((one for one in named if one.is_file()), None)
    beside = sorted(one for one in image.parent.iterdir() if one.suffix.lower() in ENDINGS and one.is_file())
    fitting = [one for one in beside if _is_of(stem_of_file(one.name), stem) and not _is_palette(one)]
    return max(fitting, key=lambda one: (len(one.stem), -ENDINGS.index(one.suffix.lower())), default=None)


def stem_of_file(name: str) -> str:
    """A file's name without what says that it is an image or a table (`aal.nii.txt`, `aparc.a2009s.nii.gz`).

    Parameters
    ----------
    name : of the file.
    """
    ending = next((one for one in (*IMAGES, *ENDINGS) if name.lower().endswith(one)), "")
    return stem_of_file(name[: -len(ending)]) if ending else re.sub(r"_(labels?|LUT)$", "", name)


def _is_palette(path: Path) -> bool:
    """Whether a .lut is bytes of colours and has no names, as MRIcron and ImageJ write them."""
    if path.suffix.lower() != ".lut":
        return False
    try:
        return "\0" in decode(path)
    except DataError:
        return True


def _is_of(table: str, image: str) -> bool:
    """Whether a table's stem is an image's, or says no more: of BIDS in its entities, else in its first letters."""
    if table == image:
        return True
    own, others = entities_of(table), entities_of(image)
    if own and others:
        return own.items() <= others.items() and bool({*ATLAS_KEYS} & {*own})
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


def names_within(image: Path) -> dict[int, str]:
    """Label → name, of the text that MRIcron and MRIcroGL write into a label image before its values; empty where
    there is none.

    Parameters
    ----------
    image : a NIfTI file of labels.

    Raises
    ------
    DataError : it is damaged.
    """
    with open_unpacked(image) as file:
        head = file.read(HEADER)
        order = "<" if head[:4] == HEADER_SIZE.to_bytes(4, "little") else ">"
        if head[348:349] != b"\0":
            return {}  # what follows are extensions, which state what they are
        first = int(struct.unpack(f"{order}f", head[108:112])[0])
        text = file.read(min(max(first - HEADER, 0), MOST_TEXT)).rstrip(b"\0")
    try:
        rows = _numbered(text.decode())
    except UnicodeDecodeError:
        return {}
    return {label: " ".join(name.split()) for label, name in rows if label > 0 and name.isprintable()}


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
    index, name, side = (table.first(columns) for columns in (INDEX, NAME, SIDE))
    if index is None or name is None:
        return None
    names = table.column(name)
    sides = [""] * len(names) if side is None else table.column(side)
    # of a region on either side, in two rows of one name
    called = [f"{own} {one}" if own and names.count(one) > 1 else one for own, one in zip(sides, names, strict=True)]
    cells = zip(table.column(index), called, strict=True)
    return ((_whole(label, path), one) for label, one in cells if label)


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
    return iter(_numbered(decode(path)))


def _numbered(text: str) -> list[tuple[int, str]]:
    """Numbers and names of a text's lines, whatever else it has."""
    lines = text.splitlines()
    if keys := _of_workbench(lines):
        return keys
    found = [one for line in lines if (one := LINE.match(line)) and len(one[1]) <= 9]
    names = _without_colours([one[2].strip() for one in found])
    return [(int(one[1]), name.strip(' \t,;"')) for one, name in zip(found, names, strict=True)]


def _of_workbench(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Keys and names where a line of a name and one of its key and colour take turns (Connectome Workbench)."""
    lines = [line.strip() for line in lines if line.strip()]
    keys = [KEY.fullmatch(line) for line in lines[1::2]]
    if len(lines) % 2 or not all(keys) or any(KEY.fullmatch(line) for line in lines[::2]):
        return []
    return [(int(key[1]), name) for key, name in zip(keys, lines[::2], strict=True) if key]


def _without_colours(rests: Sequence[str]) -> list[str]:
    """What follows each number, without the colours: as many numbers in every line, in front of a name or behind it.
    Of four behind it the first may be the name's own (`Area 44 120 18 131`): then names without it are alike, and the
    last is a colour, not an opacity that all have, or all are one (`Area 44 120 18 255`, `Area 45 120 20 255`).
    A single number behind names of one word, all of them different, is a code (`Precentral_L 2001`, of MRIcron)."""
    if all(re.match(FRONT, rest) for rest in rests):
        return [re.sub(FRONT, "", rest) for rest in rests]
    for count in (4, 3):
        behind = re.compile(rf"(?:[\s,;]+-?\d+(?:\.\d+)?){{{count}}}\s*$")
        names = [behind.sub("", rest) for rest in rests]
        has_opacity = count == 4 and len({*names}) > 1 and all(re.search(r"[\s,;](0|1|255)$", rest) for rest in rests)
        if all(map(behind.search, rests)) and (has_opacity or len({*names}) == len(names)):
            return names
    words = [re.fullmatch(r"(\S*[^\d\s]\S*)\s+\d+", rest) for rest in rests]
    named = [one[1] for one in words if one]
    return named if len({*named}) == len(rests) else [*rests]


@dataclass
class _Labels:
    """What is gathered of XML: its type, and labels with their names, as FSL writes them (a label's index is an
    attribute, its text the name) or SPM (both are elements within it)."""

    path: Path
    kind: str = ""
    rows: list[tuple[int, str]] = field(default_factory=list)
    index: str | None = None
    name: str = ""
    within: bool = False  # a label
    text: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A tag is opened."""
        self.text = []
        if name == "label":
            self.within, self.index, self.name = True, attributes.get("index"), ""

    def gather(self, text: str) -> None:
        """Text between tags."""
        self.text.append(text)

    def end(self, name: str) -> None:
        """A tag is closed."""
        text = "".join(self.text).strip()
        if name == "type" and not self.within:
            self.kind = text.lower()
        elif name == "index" and self.within:
            self.index = text
        elif name == "name" and self.within:
            self.name = text
        elif name == "label":
            self.rows.append((_whole(self.index or "", self.path), self.name or text))
            self.within = False

    def refuse_entity(self, *declared: object) -> None:
        """An entity may stand for a file, or for text without end."""
        raise DataError("it declares entities, which no table of labels needs", self.path)


def _xml(path: Path) -> Iterator[tuple[int, str]]:
    """A probabilistic atlas of FSL's numbers its maps from 0, and its image of the likeliest one from 1."""
    from xml.parsers import expat

    text, labels = decode(path), _Labels(path)
    parser = expat.ParserCreate("UTF-8")  # as the text is given, whatever its first line states
    parser.StartElementHandler, parser.EndElementHandler = labels.start, labels.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = labels.gather, labels.refuse_entity
    with reading(path):
        parser.Parse(text.encode(), True)
    shift = int(labels.kind.startswith("prob"))
    return ((index + shift, name) for index, name in labels.rows)
