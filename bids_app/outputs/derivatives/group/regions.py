"""The table of regions over participants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, read_tsv, tsv_text, typed_rows
from bids_app.records import GroupResult, GroupResultSummary, GroupSummary
from bids_app.records.regions.scores import GroupRegion

GUARDS = {
    "mean response": "no smaller than the smallest family-wise p of the region's targets in the participants' mean "
    "response",
    "own tests": "no smaller than the smallest family-wise p of any participant's targets in the region, times the "
    "number of participants who have it (family-wise p: who have any region)",
    "none": "not guarded against what responses to one stimulus have in common by chance",
}
COLUMNS = {
    "atlas": ("atlas", "Atlas, or `localiser` for participants' own masks"),
    "region": ("region", "Region, as its table calls it"),
    "component": ("component", "Component of the partition, or model"),
    "n_people": ("n_participants", "Participants who have usable targets in the region"),
    "n_targets": ("n_targets", "Their usable targets there, all together"),
    "mean": ("mean", "Mean over participants of the mean held-out R² over the region's targets"),
    "ci025": ("ci025", "Lower end of its 95 % confidence interval (Student's t over participants)"),
    "ci975": ("ci975", "Upper end of its 95 % confidence interval"),
    "p": ("p", "One-sided p over participants, of the region's mean Fisher z of r (of a shared part R²), by sign "
          "flips; n/a for fewer than five participants"),
    "pfwe": ("pfwe", "The same, family-wise over the regions of the atlas (max-T)"),
    "q": ("q", "False discovery rate over the regions of the atlas (Benjamini and Hochberg)"),
    "ceiling": ("ceiling", "Of the full model: mean over participants of the mean inter-subject noise ceiling of "
                "their targets there that have one (desc-betweenPeople), where half of these have. They are the more "
                "reliable ones, so that of all may be lower; n/a where there is none"),
    "guard": ("guard", "What p is guarded by: " + "; ".join(f"{name}: {words}" for name, words in GUARDS.items())),
}  # fmt: skip


def region_files(result: GroupResult, common: Mapping[str, object]) -> Iterator[File]:
    """A row a region and component; none where no regions were asked for.

    Parameters
    ----------
    result : of a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    if not result.regions:
        return
    kind = result.targets.kind
    file = names.own_table(result.stem, kind, "regions")
    about = {
        "Description": "One row a region and component: statistics over participants of each one's region.",
        "Participants": list(dict.fromkeys(participant for participant, _ in result.regions_of)),
        "Sources": [f"bids::{names.own_table(stem, kind, 'regions')}" for _, stem in result.regions_of],
        **common,
        **{name: {"Description": words} for name, (_, words) in COLUMNS.items()},
    }
    cells = {name: [getattr(row, own) for row in result.regions] for name, (own, _) in COLUMNS.items()}
    yield file, tsv_text(cells).encode()
    yield names.sidecar_of(file), json_text(about).encode()


def read_group_regions(out_dir: Path, group: GroupResultSummary, summary: GroupSummary) -> tuple[GroupRegion, ...]:
    """What regions say over participants; none where the group level was asked for none.

    Parameters
    ----------
    out_dir : where results are.
    group : of the group.
    summary : of the group level, whose files are what was written.

    Raises
    ------
    ReadWriteError : where the table cannot be read.
    """
    file = names.own_table(group.stem, group.targets.kind, "regions")
    if str(file) not in summary.files:
        return ()
    cells = read_tsv(out_dir / file)
    own = {of_record: cells[name] for name, (of_record, _) in COLUMNS.items() if name in cells}
    types = {one.name: str(one.type) for one in fields(GroupRegion)}
    return tuple(GroupRegion(**row) for row in typed_rows(own, types))
