"""Statistics of two models over people: a table, and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text, write_text
from bids_app.outputs.report.model_pair import PUBLISHED, RELIABLE, Rows, said_of
from bids_app.outputs.wording.model_pair import KINDS, TARGETS
from bids_app.records import GroupResult, camel

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


def group_sentences(group: Mapping[str, Any]) -> list[str]:
    """Of the people's means, where the analysis has two models; no part is compared unless the full model's mean is
    reliably above zero over people."""
    between, found = group["asked_about"], group["findings"]
    if not found or between is None or len(group["people"]) < 2:
        return []
    reliable = Rows(found, RELIABLE)
    rows = reliable if reliable.get("score", "full") else Rows(found, "all")
    full, everyone = rows.get("score", "full"), Rows(found, "all").get("score", "full")
    if full is None or everyone is None:
        return []
    known = everyone["low"] is not None
    if known and everyone["low"] <= 0 and rows is not reliable:
        return ["Over people the full model's mean R² is not reliably above 0: no parts are compared."]
    who = "each person's reliably predicted targets" if rows is reliable else "each person's usable targets"
    first = f"Means over {full['n_people']} people, of {who}; limits by Student's t over people."
    if group["published"]:
        first = PUBLISHED
    pairs = {row["name"] for row in found if row["kind"] == "prediction_correlation"}
    prefix = camel(between[0])
    references = [name.removeprefix(prefix) for name in pairs if name.startswith(prefix)]
    held = sorted(name[:1].lower() + name[1:] for name in references if name.startswith(("Baseline", "Control")))
    return [first, *said_of(rows, between, group["further"], held, claims=known)]
