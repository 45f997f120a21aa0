"""The table of means over electrodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.group import ELECTRODES, group_inference_in_words
from bids_app.records import GroupResult


def electrode_files(result: GroupResult, common: Mapping[str, object]) -> Iterator[File]:
    """A row a component and choice of electrodes; none where there are no electrodes, or no tests.

    Parameters
    ----------
    result : of a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    rows = result.electrodes
    if not rows:
        return
    file = names.over_electrodes_file(result.stem)
    about = {
        "Description": "One row a component and choice of electrodes: means over participants.",
        "Participants": list(result.participants),
        "Inference": group_inference_in_words(result.inference, result.targets.kind),
        **common,
        **{name: {"Description": meaning} for name, meaning in ELECTRODES.items()},
    }
    cells: dict[str, list[Any]] = {
        "component": [row.component for row in rows],
        "electrodes": [row.electrodes for row in rows],
        "n_people": [row.n_participants for row in rows],
        "n_electrodes": [row.n_electrodes for row in rows],
        "mean": [row.mean for row in rows],
        "ci025": [row.ci025 for row in rows],
        "ci975": [row.ci975 for row in rows],
        "p": [row.p for row in rows],
    }
    yield file, tsv_text(cells).encode()
    yield file.with_suffix(".json"), json_text(about).encode()
