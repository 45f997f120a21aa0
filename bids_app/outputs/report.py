"""A person's report, made from out_dir alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_app.errors import ReadWriteError
from bids_app.outputs import names
from bids_app.outputs.files import read_tsv, write_text
from bids_app.outputs.planted import read_truth
from bids_app.outputs.render import render
from bids_app.outputs.sections import definition_rows, unit_section
from bids_app.outputs.unit import read_units
from bids_app.records import WrittenUnit

Row = Mapping[str, str]


def write_participant_report(out_dir: Path, participant: str, planted: Path | None) -> Path:
    """sub-<participant>.html and its figures. `planted`: a table of known values, shown where it exists.

    Raises ReadWriteError where results are broken, CannotCreate.
    """
    units = read_units(out_dir, [participant])
    truth = read_truth(planted, participant) if planted is not None and planted.exists() else {}
    status = [row for row in status_rows(out_dir) if row["participant"].removeprefix("sub-") == participant]
    context = {
        "title": f"sub-{participant}",
        "participant": participant,
        "units": [unit_section(out_dir, unit, truth) for unit in units],
        **shared_context(units, status),
    }
    return write_text(out_dir / names.report_file(participant), render("participant.html.j2", context))


def shared_context(units: Sequence[WrittenUnit], status: Sequence[Row]) -> dict[str, Any]:
    """What both reports say beside their units."""
    provenance = units[0].summary["provenance"] if units else None
    return {
        "analysis": provenance["analysis"]["name"] if provenance else None,
        "analysis_hash": provenance["analysis_hash"] if provenance else None,
        "definitions": definition_rows(units[0].partition.units) if units else [],
        "stand_ins": stand_ins(units),
        "left_out": left_out(units, status),
        "status": status,
        "run": provenance["run"] if provenance else {},
    }


def stand_ins(units: Iterable[WrittenUnit]) -> list[str]:
    """`space (model)` of every untrained model."""
    made = [item for unit in units for item in unit.summary["provenance"]["spaces"].items()]
    return sorted({f"{name} ({space.get('model', 'no name')})" for name, space in made if space.get("stand_in")})


def left_out(units: Sequence[WrittenUnit], status: Sequence[Row]) -> list[dict[str, str]]:
    """Recordings that could not be used and units that failed, each once, with the reason."""
    excluded = {one["label"]: one["reason"] for unit in units for one in unit.summary["excluded"]}
    failed = {row["unit"]: row["reason"] for row in status if row["status"] in ("failed", "skipped")}
    return [{"label": label, "reason": reason} for label, reason in sorted({**excluded, **failed}.items())]


def status_rows(out_dir: Path) -> list[Row]:
    """Rows of status.tsv; none where there is no such table yet."""
    try:
        columns = read_tsv(out_dir / "status.tsv")
    except ReadWriteError:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
