"""The table of layers over participants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.inference import NO_INFERENCE
from bids_app.records import GroupResult

COLUMNS = {
    "space": "Feature space",
    "layer": "Layer, as the model numbers it (0: the input of the first block)",
    "region": "Targets of each participant: all usable ones, or those of a hemisphere",
    "n": "Number of participants",
    "rsquared_mean": "Mean over participants of the mean held-out R² of the layer fitted alone",
    "rsquared_sd": "Standard deviation over participants of the same (n − 1); n/a for one participant",
    "best_share": "Mean over participants of the share of targets with a best layer whose best layer this is",
}


def layer_files(result: GroupResult, common: Mapping[str, object]) -> Iterator[File]:
    """A row a space, region and layer, where spaces have several.

    Parameters
    ----------
    result : of a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    rows = result.layers
    if not rows:
        return
    stems = dict.fromkeys(row.unit for row in result.scores)
    sidecar = {
        "Description": "One row a space, region and layer: statistics over participants of each one's means over "
        "targets.",
        "Participants": list(result.participants),
        "Inference": NO_INFERENCE,
        "Sources": [f"bids::{names.layers_file(stem, result.targets.kind)}" for stem in stems],
        **common,
        **{name: {"Description": meaning} for name, meaning in COLUMNS.items()},
    }
    cells: dict[str, list[Any]] = {
        "space": [row.space for row in rows],
        "layer": [row.layer for row in rows],
        "region": [row.region for row in rows],
        "n": [row.n for row in rows],
        "rsquared_mean": [row.rsquared_mean for row in rows],
        "rsquared_sd": [row.rsquared_sd for row in rows],
        "best_share": [row.best_share for row in rows],
    }
    file = names.group_layers_file(result.stem)
    yield file, tsv_text(cells).encode()
    yield file.with_suffix(".json"), json_text(sidecar).encode()
