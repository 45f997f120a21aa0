"""Group results beside the maps: each person's ceiling from the others, and means over electrodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.sidecars import target_columns
from bids_app.outputs.derivatives.summary import spread
from bids_app.outputs.derivatives.unit import File, encoded
from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.group import BETWEEN, ELECTRODES, inference_in_words
from bids_app.records import INTER_SUBJECT, GroupResult

MADE = "Written by the group level, from this person's responses and those of others who heard the same: "


def between_files(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    """Each person's ceiling from the others, its limits, and the share of it: maps, or a table."""
    for stem, stats in result.between.items():
        basis = {"Ceiling": result.ceiling, "Participants": list(result.people), **common}
        if result.targets.kind not in names.EXTENSION:
            file = names.between_table_file(stem, result.targets.kind)
            cells = {"name": result.targets.names, **stats}
            columns = {**target_columns(result.targets), **{stat: {"Description": BETWEEN[stat]} for stat in stats}}
            about = {"Description": f"{MADE}one row a target.", **basis, **columns}
            yield file, tsv_text(cells).encode()
            yield file.with_suffix(".json"), json_text(about).encode()
            continue
        grid = {"SkullStripped": True} if result.targets.kind == "volume" else {}
        for stat, values in stats.items():
            sidecar = json_text({"Description": f"{MADE}{BETWEEN[stat]}.", **grid, **basis}).encode()
            for hemi, content in encoded(result.targets, np.asarray(values)):
                file = names.map_file(stem, result.targets.kind, INTER_SUBJECT, stat, hemi)
                yield file, content
                yield file.with_name(file.name.split(".")[0] + ".json"), sidecar


def between_summary(result: GroupResult) -> dict[str, Any] | None:
    """Over every person's targets: how many there are, ceilings where they are known, and shares of those that are
    reliably above zero."""
    if not result.between:
        return None
    pooled = {stat: np.concatenate([one[stat] for one in result.between.values()]) for stat in ("ceiling", "share")}
    spreads = {stat: spread(values[np.isfinite(values)]) for stat, values in pooled.items()}
    return {"n_targets": len(pooled["ceiling"]), **spreads}


def electrode_files(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    """Means over electrodes: a row a component and choice of electrodes."""
    if not result.electrodes:
        return
    file = names.over_electrodes_file(result.stem)
    about = {
        "Description": "One row a component and choice of electrodes: means over people.",
        "Participants": list(result.people),
        "Inference": inference_in_words(result.inference, result.targets.kind),
        **common,
        **{name: {"Description": said} for name, said in ELECTRODES.items()},
    }
    yield file, tsv_text({name: [row[name] for row in result.electrodes] for name in ELECTRODES}).encode()
    yield file.with_suffix(".json"), json_text(about).encode()


def significant(result: GroupResult, level: float) -> dict[str, dict[str, int]]:
    """Component → how many targets have a family-wise p, and a q, of at most `level` over people."""
    return {
        component: {stat: int((np.asarray(stats["rsquared"][stat]) <= level).sum()) for stat in ("pfwe", "q")}
        for component, stats in result.values.items()
        if "pfwe" in stats.get("rsquared", ())
    }
