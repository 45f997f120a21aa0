"""Differences of two runs as maps or tables with their JSON, and one page over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.outputs.compare.page import page
from bids_app.outputs.derivatives import sidecars, tables
from bids_app.outputs.files import names
from bids_app.outputs.files.files import Sidecar, json_text, write_bytes, write_text
from bids_app.outputs.files.maps import encoded
from bids_app.records import TRAITS, Array, MapFile, entities_of, stem_of
from bids_app.records.results import ComparedRuns, ComparedUnit

DESC = "Difference"
STATS = {
    "first": "Held-out R² of {component} in {first}",
    "second": "Held-out R² of {component} in {second}",
    "difference": "R² of {component} in {first} less that in {second}, over the same held-out samples",
    "ci025": "Lower end of the difference's 95 % confidence interval (Student's t over {n_blocks} blocks of time, as "
    "wide as if each block's error were shared by the others)",
    "ci975": "Upper end of the same",
    "p": "p of the difference, two-sided: the share of sign flips of whole blocks' difference of squared errors that "
    "give one as large; flips are made wider (by √2 where there is no difference), as blocks teach "
    "each other. It is on the safe side",
    "pfwe": "The same, family-wise over all targets (max-T)",
    "q": "Benjamini and Hochberg's q over all targets, of p",
}


def write_comparison(to: Path, pairs: Sequence[ComparedRuns], page_name: str) -> None:
    """All files of a comparison.

    Parameters
    ----------
    to : the folder.
    pairs : every two runs.
    page_name : of the page.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    written: dict[tuple[int, str], list[str]] = {}
    for number, pair in enumerate(pairs):
        folder = PurePosixPath(_label(pair)) if len(pairs) > 1 else PurePosixPath()
        for unit in pair.units:
            for file, content in _files(pair, unit):
                write_bytes(to / folder / file, content)
                written.setdefault((number, unit.stem), []).append(str(folder / file))
    write_text(to / page_name, page(pairs, written))


def _label(pair: ComparedRuns) -> str:
    return "_vs_".join(name.replace("/", "-") for name in pair.names)


def _files(pair: ComparedRuns, unit: ComparedUnit) -> Iterator[tuple[PurePosixPath, bytes]]:
    said = {"component": pair.component, "first": pair.names[0], "second": pair.names[1], "n_blocks": unit.n_blocks}
    words = {stat: text.format(**said) for stat, text in STATS.items()}
    values: Mapping[str, Array] = {"first": unit.first, "second": unit.second, **unit.values}
    kind = unit.targets.kind
    desc = f"{pair.component}{DESC}"
    about: Sidecar = {"First": pair.models[0], "Second": pair.models[1], "Blocks": unit.n_blocks}
    if TRAITS[kind].layout == "maps":
        file = MapFile("", desc, tuple(STATS))
        for hemi, content in encoded(unit.targets, file, [np.asarray(values[stat]) for stat in STATS]):
            yield names.map_file(unit.stem, kind, desc, "", hemi), content
        described = [{"Name": stat, "Definition": f"{words[stat]}."} for stat in STATS]
        sidecar = names.sidecar_of(names.map_file(unit.stem, kind, desc, ""))
        yield (
            sidecar,
            json_text(
                {**about, "Description": "Maps, in the order of Components.", "Components": described}
            ).encode(),
        )
        return
    table = names.folder(unit.stem, kind) / (
        stem_of({**entities_of(unit.stem), "desc": desc}, "encoding") + TRAITS[kind].table_ending
    )
    columns = {
        "name": sidecars.target_columns(unit.targets)["name"],
        **{stat: {"Description": f"{words[stat]}."} for stat in STATS},
    }
    cells = {"name": unit.targets.names, **{stat: values[stat] for stat in STATS}}
    yield table, tables.table_bytes(unit.targets, cells, columns)
    yield names.sidecar_of(table), json_text({**about, **columns, "Description": "One row a target."}).encode()
