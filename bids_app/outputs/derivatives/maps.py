"""Numbers of every target as files of maps, and one JSON a stat that says what each map is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import Sidecar, json_text
from bids_app.outputs.files.maps import encoded
from bids_app.outputs.files.written_maps import Namer
from bids_app.records import Array, MapFile, Targets

SEVERAL = "Maps, in the order of Components, which says what each is."
SINGLE = "Maps, each in a file of its own: SingleMaps says of each Name, the desc- of its file, what it is."
BOTH = "The file without desc- holds further maps, in the order of Components."


@dataclass(frozen=True)
class MappedNumber:
    """A number that is written as a map: values (n_targets,), in words what it is, and files of OUT_DIR that it is
    made from."""

    component: str
    stat: str
    values: Array
    words: str
    sources: tuple[PurePosixPath, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """(component, stat)"""
        return self.component, self.stat


def encoded_maps(
    targets: Targets,
    numbers: Sequence[MappedNumber],
    files: Sequence[MapFile],
    name: Namer,
    facts: Mapping[str, object],
) -> Iterator[File]:
    """Files of maps, made one at a time as volumes are large, and a JSON for all that have one stat.

    Parameters
    ----------
    targets : of a kind that has maps.
    numbers : all that the files hold.
    files : which of them lie in which.
    name : gives a file's name.
    facts : what every JSON says besides.
    """
    by_key = {number.key: number for number in numbers}
    described: dict[PurePosixPath, list[MapFile]] = {}
    for file in files:
        sidecar = names.sidecar_of(name("" if file.stat else file.desc, file.stat, ""))
        described.setdefault(sidecar, []).append(file)
        for hemi, content in encoded(targets, file, [np.asarray(by_key[key].values) for key in file.numbers]):
            yield name(file.desc, file.stat, hemi), content
    for sidecar, held in described.items():
        yield sidecar, json_text({**_described(held, by_key), **facts}).encode()


def _described(files: Sequence[MapFile], by_key: Mapping[tuple[str, str], MappedNumber]) -> Sidecar:
    """What the maps of one stat are."""
    single, several = (
        [
            {"Name": name, "Definition": by_key[key].words}
            for file in files
            if file.is_single is is_single
            for name, key in zip(file.maps, file.numbers, strict=True)
        ]
        for is_single in (True, False)
    )
    texts = [SINGLE] * bool(single) + [BOTH if single else SEVERAL] * bool(several)
    sources = {source for file in files for key in file.numbers for source in by_key[key].sources}
    lists = {"SingleMaps": single, "Components": several, "Sources": sorted(f"bids::{source}" for source in sources)}
    return {"Description": " ".join(texts), **{key: value for key, value in lists.items() if value}}
