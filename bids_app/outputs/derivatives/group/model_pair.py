"""The table of statistics of two models over participants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.model_pair import KINDS, TARGETS
from bids_app.records import GroupResult

INTERVAL = (
    "end of the 95 % confidence interval of the mean over participants by Student's t (of a share: of the ratio of "
    "participants' mean amounts, by linearisation); participants hear the same stimuli, so it says nothing of other "
    "stimuli; n/a with one participant"
)
COLUMNS = {
    "group": "The results joined: entities that their units share",
    "kind": "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items()),
    "name": "Model, pair of models, part, or difference of parts",
    "targets": "In each participant: " + "; ".join(f"{name}: {meaning}" for name, meaning in TARGETS.items()),
    "n_people": "How many participants have it",
    "value": "Mean over participants (correlations through Fisher's z); of a share, mean amount over mean whole",
    "ci025": f"Lower {INTERVAL}",
    "ci975": f"Upper {INTERVAL}",
}


def statistics_files(results: Sequence[GroupResult], common: Mapping[str, object]) -> Iterator[File]:
    """One table for all groups; none where nothing is known of two models.

    Parameters
    ----------
    results : one a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    rows = [(result.stem, row) for result in results for row in result.statistics]
    if not rows:
        return
    cells: dict[str, list[Any]] = {
        "group": [stem for stem, _ in rows],
        "kind": [row.about.kind for _, row in rows],
        "name": [row.about.name for _, row in rows],
        "targets": [row.targets for _, row in rows],
        "n_people": [row.n_participants for _, row in rows],
        "value": [row.value for _, row in rows],
        "ci025": [row.low for _, row in rows],
        "ci975": [row.high for _, row in rows],
    }
    about = {"Description": "One row a statistic and set of targets, over participants.", **common}
    words = {name: {"Description": meaning} for name, meaning in COLUMNS.items()}
    yield names.STATISTICS_FILE.with_suffix(".json"), json_text({**about, **words}).encode()
    yield names.STATISTICS_FILE, tsv_text(cells).encode()
