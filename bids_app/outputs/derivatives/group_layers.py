"""Scores of layers over people, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bids_app.outputs.derivatives.unit import File
from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.inference import NO_INFERENCE
from bids_app.records import GroupResult

LAYER_COLUMNS = {
    "space": "Feature space",
    "layer": "Layer, as the model numbers it (0: the input of the first block)",
    "region": "Targets of each person: all usable ones, or those of a hemisphere",
    "n": "Number of people",
    "rsquared_mean": "Mean over people of the mean held-out R² of the layer fitted alone",
    "rsquared_sd": "Standard deviation over people of the same (n − 1); n/a for one person",
    "best_share": "Mean over people of the share of targets with a best layer whose best layer this is",
}


def layer_files(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    """A row a space, region and layer, where spaces have several."""
    if not result.layers:
        return
    units = dict.fromkeys(row["unit"] for row in result.by_person)
    sidecar = {
        "Description": "One row a space, region and layer: statistics over people of each one's means over targets.",
        "Participants": list(result.people),
        "Inference": NO_INFERENCE,
        "Sources": [f"bids::{names.layers_file(unit, result.targets.kind)}" for unit in units],
        **common,
        **{name: {"Description": words} for name, words in LAYER_COLUMNS.items()},
    }
    file = names.group_layers_file(result.stem)
    yield file, tsv_text({name: [row[name] for row in result.layers] for name in LAYER_COLUMNS}).encode()
    yield file.with_suffix(".json"), json_text(sidecar).encode()
