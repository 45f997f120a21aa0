"""The table of participants: each one's means over their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.records import GroupResult

COLUMNS = {
    "group": "The results joined: entities that their units share",
    "participant": "Participant",
    "component": "Part or total of the explained variance, see descriptions.tsv",
    "stat": "rsquared or r",
    "n": "Number of usable targets of this participant",
    "mean": "Mean over them",
    "median": "Median over them",
    "q25": "First quartile over them",
    "q75": "Third quartile over them",
    "n_positive": "How many of them are above 0",
}


def score_files(results: Sequence[GroupResult]) -> Iterator[File]:
    """One row a participant, component and stat, of all groups; none where there is no group.

    Parameters
    ----------
    results : one a group.
    """
    if not results:
        return
    rows = [(result.stem, row) for result in results for row in result.scores]
    cells: dict[str, list[Any]] = {
        "group": [stem for stem, _ in rows],
        "participant": [row.participant for _, row in rows],
        "component": [row.component for _, row in rows],
        "stat": [row.stat for _, row in rows],
        "n": [row.spread.n for _, row in rows],
        "mean": [row.spread.mean for _, row in rows],
        "median": [row.spread.median for _, row in rows],
        "q25": [row.spread.q25 for _, row in rows],
        "q75": [row.spread.q75 for _, row in rows],
        "n_positive": [row.spread.n_positive for _, row in rows],
    }
    columns = {name: {"Description": meaning} for name, meaning in COLUMNS.items()}
    about = {"Description": "One row a participant, component and stat.", **columns}
    yield names.PARTICIPANTS_FILE.with_suffix(".json"), json_text(about).encode()
    yield names.PARTICIPANTS_FILE, tsv_text(cells).encode()
