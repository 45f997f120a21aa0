"""Differences of two runs as maps or tables with their JSON, of units, regions and participants, and one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.outputs.compare.page import page
from bids_app.outputs.compare.words import (
    GUARDS,
    OVER_PARTICIPANTS,
    OVER_REGIONS,
    REGIONS,
    STATS,
)
from bids_app.outputs.derivatives import sidecars, tables
from bids_app.outputs.files import names
from bids_app.outputs.files.files import Sidecar, json_text, tsv_text, write_bytes, write_text
from bids_app.outputs.files.maps import encoded
from bids_app.records import TRAITS, Array, MapFile, Targets, entities_of, stem_of
from bids_app.records.compared.differences import ComparedGroup, ComparedRuns, ComparedUnit

DESC = "Difference"
File = tuple[PurePosixPath, bytes]


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
        made = [(unit.stem, partial(_unit_files, pair, unit)) for unit in pair.units]
        made += [(one.stem, partial(_group_files, pair, one)) for one in pair.groups]
        for stem, files in made:
            for file, content in files():
                write_bytes(to / folder / file, content)
                written.setdefault((number, stem), []).append(str(folder / file))
    write_text(to / page_name, page(pairs, written))


def _label(pair: ComparedRuns) -> str:
    return "_vs_".join(name.replace("/", "-") for name in pair.names)


def _words(texts: Mapping[str, str], pair: ComparedRuns, n_blocks: int = 0) -> dict[str, str]:
    said = {"component": pair.component, "first": pair.names[0], "second": pair.names[1], "n_blocks": n_blocks}
    return {stat: text.format(**said) for stat, text in texts.items()}


# ------------------------------------------------------------------------------------------------ a unit
def _unit_files(pair: ComparedRuns, unit: ComparedUnit) -> Iterator[File]:
    about: Sidecar = {"First": pair.models[0], "Second": pair.models[1], "Blocks": unit.n_blocks}
    values: Mapping[str, Array] = {"first": unit.first, "second": unit.second, **unit.values}
    name = partial(names.map_file, unit.stem, unit.targets.kind, f"{pair.component}{DESC}", "")
    words = _words(STATS, pair, unit.n_blocks)
    yield from _by_target(
        pair, (unit.stem, unit.targets, name), {stat: values[stat] for stat in STATS}, (words, about)
    )
    if unit.regions:
        about |= {"Atlases": dict(unit.atlases), "Notes": list(unit.notes)}
        what = "One row a region: the difference of the mean over its targets."
        file = names.own_table(unit.stem, unit.targets.kind, f"{pair.component}Region{DESC}")
        yield from _rows(file, unit.regions, _words(REGIONS, pair, unit.n_blocks), {"Description": what, **about})


# ------------------------------------------------------------------------------------------------ participants
def _group_files(pair: ComparedRuns, group: ComparedGroup) -> Iterator[File]:
    kind, targets = group.targets.kind, group.targets
    about: Sidecar = {"First": pair.models[0], "Second": pair.models[1], "Participants": list(group.participants)}
    about |= {"Notes": list(group.notes)}
    if group.values:
        name = partial(names.group_map_file, group.stem, kind, targets.space, f"{pair.component}{DESC}", "")
        words = _words(OVER_PARTICIPANTS, pair)
        facts = {"Guard": GUARDS[group.guard], **about}
        values = {stat: group.values[stat] for stat in OVER_PARTICIPANTS}
        yield from _by_target(pair, (group.stem, targets, name), values, (words, facts))
    what = "One row a region, and one of all targets: differences over participants."
    file = names.own_table(group.stem, kind, f"{pair.component}Region{DESC}")
    yield from _rows(file, (*group.regions, group.whole), _words(OVER_REGIONS, pair), {"Description": what, **about})


# ------------------------------------------------------------------------------------------------ files
def _by_target(
    pair: ComparedRuns, where: tuple[str, Targets, partial[PurePosixPath]], values: Mapping[str, Array],
    said: tuple[Mapping[str, str], Sidecar],
) -> Iterator[File]:  # fmt: skip
    """Maps or a table with their JSON. where: the stem, targets, and what gives the name of a file of maps (of a
    hemisphere); said: what each number is, and facts."""
    (stem, targets, name), (words, about) = where, said
    if TRAITS[targets.kind].layout == "maps":
        file = MapFile("", f"{pair.component}{DESC}", tuple(values))
        for hemi, content in encoded(targets, file, [np.asarray(one) for one in values.values()]):
            yield name(hemi), content
        described = [{"Name": stat, "Definition": f"{words[stat]}."} for stat in values]
        facts = {**about, "Description": "Maps, in the order of Components.", "Components": described}
        yield names.sidecar_of(name()), json_text(facts).encode()
        return
    table = names.folder(stem, targets.kind) / (
        stem_of({**entities_of(stem), "desc": f"{pair.component}{DESC}"}, "encoding")
        + TRAITS[targets.kind].table_ending
    )
    columns = {
        "name": sidecars.target_columns(targets)["name"],
        **{stat: {"Description": f"{words[stat]}."} for stat in values},
    }
    yield table, tables.table_bytes(targets, {"name": targets.names, **values}, columns)
    yield names.sidecar_of(table), json_text({**about, **columns, "Description": "One row a target."}).encode()


def _rows(file: PurePosixPath, rows: Sequence[object], words: Mapping[str, str], about: Sidecar) -> Iterator[File]:
    """A table of records, whose fields are its columns, with its JSON."""
    columns = [one.name for one in fields(rows[0])]  # type: ignore[arg-type]
    yield file, tsv_text({name: [getattr(row, name) for row in rows] for name in columns}).encode()
    described = {name: {"Description": f"{words[name]}."} for name in columns}
    yield names.sidecar_of(file), json_text({**about, **described}).encode()
