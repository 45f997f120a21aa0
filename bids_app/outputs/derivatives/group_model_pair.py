"""Statistics of two models over participants, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text, write_text
from bids_app.outputs.wording.model_pair import KINDS, TARGETS
from bids_app.records import GroupResult

LIMITS = (
    "95 % limit of the mean over people by Student's t (of a share: of the ratio of people's mean amounts, by "
    "linearisation); people hear the same stimuli, so it says nothing of other stimuli; n/a with one person"
)
COLUMNS = {
    "group": "The results joined: entities that their units share",
    "kind": "; ".join(f"{kind}: {said}" for kind, said in KINDS.items()),
    "name": "Model, pair of models, part, or difference of parts",
    "targets": "In each person: " + "; ".join(f"{name}: {said}" for name, said in TARGETS.items()),
    "n_people": "How many people have it",
    "value": "Mean over people (correlations through Fisher's z); of a share, mean amount over mean whole",
    "ci025": f"Lower {LIMITS}",
    "ci975": f"Upper {LIMITS}",
}


def write_findings(out_dir: Path, results: Sequence[GroupResult], common: Mapping[str, Any]) -> list[Path]:
    """One table for all groups; none where nothing was found of two models. Raises CannotCreate."""
    rows = [{**row, "group": result.stem} for result in results for row in result.findings]
    if not rows:
        return []
    renamed = {"ci025": "low", "ci975": "high"}
    cells = {name: [_cell(row[renamed.get(name, name)]) for row in rows] for name in COLUMNS}
    about = {"Description": "One row a finding and set of targets, over people.", **common}
    path = out_dir / names.FINDINGS_FILE
    words = {name: {"Description": said} for name, said in COLUMNS.items()}
    write_text(path.with_suffix(".json"), json_text({**about, **words}))
    return [write_text(path, tsv_text(cells))]


def _cell(value: Any) -> Any:
    return "n/a" if value is None else value
